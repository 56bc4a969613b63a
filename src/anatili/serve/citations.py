"""Citations that hold: what is shown as a quotation stands word for word in the passage whose number it has.

What a model says goes through `checked` on its way to the reader: a quotation that no passage has loses its marks and
its number, a number that points nowhere, or at a passage with other words, is left out. Both are counted.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from anatili.engine import Chunk
from anatili.lang import load_pack
from anatili.search.index import Passage
from anatili.search.searcher import Hit
from anatili.serve.evidence import Evidence, evidence
from anatili.serve.support import supports
from anatili.text import WORD, sentence_spans

QUOTE_WORDS = 4
"""Words from which on something in quotation marks is taken for a quotation, not for a title, if no number follows."""
LONGEST_QUOTE = 600
"""Characters that are held back until a quotation mark closes."""
SHORT_QUOTE = 300
"""Characters that two sentences may have together to be quoted both."""

ENDS = (".", "!", "?", "…", "\n")
WORDS = re.compile(r"\w")
LONGEST_SENTENCE = 1000
"""Characters of a sentence after which nothing waits for its end."""
KEPT = 256
"""Passages that are kept taken apart."""

MARKED = re.compile(r"[«“„\"](?P<words>[^«»“”„\"]{1,600})[»”“\"](?:\s*\[(?P<number>\d{1,2})\])?")
NUMBERED = re.compile(r"(?<!\s)\s*\[(?P<number>\d{1,2})\]")
OPENING = re.compile(r"[«“„\"]|(?<!\s)\s*\[|(?<!\s)\s+$")
UNIT = re.compile(f"{MARKED.pattern}|{NUMBERED.pattern.replace('number', 'bare')}")


@dataclass(frozen=True)
class Citation:
    """A place in an answer that names a passage."""

    number: int
    """Of the passage, from 1."""
    quote: str
    """The words quoted, as the passage has them; "" where the passage is only named."""
    start: int
    end: int
    """Where the words stand in the passage's text; both 0 where it is only named."""


@dataclass
class Report:
    """What came of checking an answer."""

    citations: list[Citation] = field(default_factory=list)
    dropped: int = 0
    """Quotations and numbers that no passage bears out, and that were not shown as such."""
    language: str = ""
    """Of the answer as it was given, by our own identification; "" if it is too short to tell."""
    quoted: bool = False
    """Whether the passages answered in their own words."""
    notice: str = ""
    """What the answer is worth, if that turned out to be something else than was told before it."""


def find_words(text: str, wanted: str) -> tuple[int, int] | None:
    """Where the words of `wanted` stand one after the other in `text`, whatever their case and what is between them."""
    needle = [word.lower() for word in WORD.findall(wanted)]
    places = [(match.group().lower(), match.start(), match.end()) for match in WORD.finditer(text)]
    size = len(needle)
    for at in range(len(places) - size + 1 if size else 0):
        if [word for word, _, _ in places[at : at + size]] == needle:
            return places[at][1], places[at + size - 1][2]
    return None


def locate(words: str, passages: Sequence[Hit], said: int) -> Citation | None:
    """The passage that has these words, that of number `said` first; None if none has."""
    order = sorted(range(1, len(passages) + 1), key=lambda number: number != said)
    for number in order:
        text = passages[number - 1].passage.text
        place = find_words(text, words)
        if place:
            return Citation(number, text[place[0] : place[1]], *place)
    return None


@lru_cache(KEPT)
def apart(passage: Passage) -> Evidence:
    return evidence(passage)


def bears_out(passage: Passage, sentence: str) -> bool:
    """Whether a passage says what a sentence says."""
    return supports(sentence, apart(passage), load_pack(passage.language))


@dataclass
class Mark:
    """A number in the sentence that is being shown, until it is known whether it holds."""

    citation: Citation
    at: int
    """Where it stands in the sentence."""


@dataclass
class Checker:
    """An answer on its way to the reader.

    A number holds if the passage bears out what stands between the number before it, or the beginning of the sentence,
    and it; the last number of a sentence vouches for the rest of it too, so what follows it waits for the end.
    """

    passages: Sequence[Hit]
    report: Report
    waiting: str = ""
    sentence: str = ""
    """The one that a number now would stand for: the last that was begun or ended."""
    since: int = 0
    """Where in it the last number stood that was decided."""
    begun: int = 0
    """Where that began for which this number stands."""
    held: list[str | Mark] = field(default_factory=list)
    """What waits behind a number, and the number."""

    def take(self, text: str, *, last: bool) -> str:
        """What may be shown now that `text` has come."""
        self.waiting += text
        shown = ""
        while self.waiting:
            opening = OPENING.search(self.waiting)
            if not opening:
                shown += self.plain(self.waiting)
                self.waiting = ""
                break
            shown += self.plain(self.waiting[: opening.start()])
            self.waiting = self.waiting[opening.start() :]
            if not last and self.is_open():
                break
            unit = UNIT.match(self.waiting)
            if not unit:
                shown += self.plain(opening.group())
                self.waiting = self.waiting[len(opening.group()) :]
                continue
            shown += self.quote(unit) if unit["words"] else self.bare(unit)
            self.waiting = self.waiting[unit.end() :]
        return shown + self.settle(len(self.sentence)) if last else shown

    def is_open(self) -> bool:
        """Whether what is waiting may still become another unit by what comes next."""
        begun = self.waiting.lstrip()
        if not begun or begun.startswith("["):
            return len(begun) < 4 and "]" not in begun
        found = MARKED.match(self.waiting)
        if not found:
            return len(self.waiting) < LONGEST_QUOTE
        rest = self.waiting[found.end() :]
        return not found["number"] and len(rest) < 6 and (not rest.strip() or rest.lstrip().startswith("["))

    def plain(self, text: str) -> str:
        """`text` as far as it may be shown; what stands behind an undecided number waits for the sentence's end."""
        behind = len(self.sentence)
        self.sentence += text
        if self.held:
            self.held.append(text)
        spans = list(sentence_spans(self.sentence, self.abbreviations))
        if self.held:
            end = self.ended(spans)
            waits = end < 0 and behind < LONGEST_SENTENCE
            text = "" if waits else self.settle(len(self.sentence) if end < 0 else end)
        if len(spans) > 1:
            self.sentence, self.since, self.begun = self.sentence[spans[-1][0] :], 0, 0
        return text

    def ended(self, spans: list[tuple[int, int]]) -> int:
        """Where the sentence ends that has undecided numbers, -1 if it goes on."""
        at = max(part.at for part in self.held if isinstance(part, Mark))
        behind = len(self.sentence) - len(self.sentence[at:].lstrip(" "))
        if self.sentence[behind : behind + 1] in ENDS:
            return behind
        if len(spans) > 1 or (spans and "\n" in self.sentence[spans[0][1] :]):
            return spans[0][1]
        return -1

    @property
    def abbreviations(self) -> frozenset[str]:
        return load_pack(self.passages[0].passage.language).abbreviations if self.passages else frozenset()

    def quote(self, unit: re.Match[str]) -> str:
        words, number = unit["words"], int(unit["number"] or 0)
        found = locate(words, self.passages, number)
        if found:
            self.report.citations.append(found)
            return self.plain(f"«{words.strip()}» [{found.number}]")
        if not number and len(WORD.findall(words)) < QUOTE_WORDS:
            return self.plain(unit.group())
        self.report.dropped += 1
        return self.plain(words)

    def bare(self, unit: re.Match[str]) -> str:
        number = int(unit["bare"])
        if not 1 <= number <= len(self.passages):
            self.report.dropped += 1
            return ""
        citation = Citation(number, "", 0, 0)
        self.report.citations.append(citation)
        self.held.append(Mark(citation, len(self.sentence)))
        return self.settle(len(self.sentence)) if self.sentence.rstrip()[-1:] in ENDS else ""

    def settle(self, end: int) -> str:
        """What waited, without the numbers that do not hold; the sentence goes to `end`."""
        marks = [part for part in self.held if isinstance(part, Mark)]
        last = max((mark.at for mark in marks), default=0)
        kept: set[int] = set()
        for mark in marks:
            if WORDS.search(self.sentence, self.since, mark.at):
                self.begun, self.since = self.since, mark.at
            claim = self.sentence[self.begun : max(end, mark.at) if mark.at == last else mark.at]
            if bears_out(self.passages[mark.citation.number - 1].passage, claim):
                kept.add(id(mark))
            else:
                self.report.dropped += 1
                self.report.citations = [one for one in self.report.citations if one is not mark.citation]
        parts = [
            part if isinstance(part, str) else f" [{part.citation.number}]" * (id(part) in kept) for part in self.held
        ]
        self.held = []
        return "".join(parts)


def checked(chunks: Iterator[Chunk], passages: Sequence[Hit], report: Report) -> Iterator[Chunk]:
    """`chunks` with citations that hold; what came of it is in `report` when the last one is out."""
    checker = Checker(passages, report)
    for chunk in chunks:
        yield replace(chunk, text=checker.take(chunk.text, last=bool(chunk.finish)))


def quotation(found: Hit, report: Report) -> str:
    """An answer in the words of the best passage, the first one."""
    start, end = best_sentences(found)
    report.quoted = True
    report.citations.append(Citation(1, found.passage.text[start:end], start, end))
    return f"«{found.passage.text[start:end]}» [1]"


def best_sentences(found: Hit) -> tuple[int, int]:
    """Start and end of the sentence with most different hits, the first of equals, and of the next one if both are
    short: it holds more of the answer than a second passage would (`bench/abstain.py`). A very long one is cut."""
    text, best = found.passage.text, (-1, 0, 0)
    places = list(sentence_spans(text, load_pack(found.passage.language).abbreviations))
    for number, (start, end) in enumerate(places):
        hits = {text[a:b].lower() for a, b in found.matches if start <= a and b <= end}
        best = max(best, (len(hits), -number, number), key=lambda one: one[:2])
    start, end = places[best[2]] if places else (0, 0)
    if best[2] + 1 < len(places) and places[best[2] + 1][1] - start <= SHORT_QUOTE:
        end = places[best[2] + 1][1]
    return (start, end) if 0 < end - start <= LONGEST_QUOTE else found.snippet
