"""Citations that hold: what is shown as a quotation occurs word for word in the passage that its number names.

`checked` filters the model's text on its way to the reader. A quotation that is in no passage loses its quotation marks
and its number. A number is removed if there is no such passage, or if the passage does not support the sentence. Both
are counted.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from anatili.engine import Chunk
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.search.index import Passage
from anatili.search.searcher import Hit
from anatili.serve.evidence import Evidence, parse_passage
from anatili.serve.support import supports
from anatili.text import WORD, sentence_spans

QUOTE_WORDS = 4
"""Fewer words in quotation marks without a number are taken for a title, not for a quotation."""
LONGEST_QUOTE = 600
"""Characters that are held back until a quotation mark closes."""
ENDS = (".", "!", "?", "…", "\n")
WORDS = re.compile(r"\w")
LONGEST_SENTENCE = 1000
"""Characters of a sentence after which a number no longer waits for its end."""
CACHED_PASSAGES = 256
"""Parsed passages that are kept in memory."""

MARKED = re.compile(r"[«“„\"](?P<words>[^«»“”„\"]{1,600})[»”“\"](?:\s*\[(?P<number>\d{1,2})\])?")
NUMBERED = re.compile(r"(?<!\s)\s*\[(?P<number>\d{1,2})\]")
OPENING = re.compile(r"[«“„\"]|(?<!\s)\s*\[|(?<!\s)\s+$")
UNIT = re.compile(f"{MARKED.pattern}|{NUMBERED.pattern.replace('number', 'bare')}")


@dataclass(frozen=True)
class Citation:
    """A reference in an answer to a passage."""

    number: int
    """The number of the passage, from 1."""
    quote: str
    """The quoted words as the passage has them; "" if there is no quotation."""
    start: int
    end: int
    """Where the quotation starts and ends in the passage's text; both 0 if there is none."""


def citations_of(rows: Any) -> list[Citation]:
    """The citations in the JSON of another server of ours; `Problem` if they are something else."""
    try:
        return [Citation(int(row["number"]), str(row["quote"]), int(row["start"]), int(row["end"])) for row in rows]
    except (TypeError, ValueError, LookupError) as error:
        raise Problem(
            f"the server's citations cannot be read ({error!r}): is it another version of anatili?"
        ) from error


@dataclass
class Report:
    """The result of checking an answer."""

    citations: list[Citation] = field(default_factory=list)
    dropped: int = 0
    """Quotations and numbers that no passage supports and that were therefore not shown as such."""
    language: str = ""
    """The identified language of the answer; "" if it is too short to tell."""
    quoted: bool = False
    """Whether a passage was quoted instead of the model's answer."""


def find_words(text: str, phrase: str) -> tuple[int, int] | None:
    """Where the words of `phrase` follow one another in `text`, whatever their case and what is between them."""
    wanted = [word.lower() for word in WORD.findall(phrase)]
    words = [(match.group().lower(), match.start(), match.end()) for match in WORD.finditer(text)]
    size = len(wanted)
    for index in range(len(words) - size + 1 if size else 0):
        if [word for word, _, _ in words[index : index + size]] == wanted:
            return words[index][1], words[index + size - 1][2]
    return None


def locate(phrase: str, passages: Sequence[Hit], number: int) -> Citation | None:
    """A citation of the passage that has these words. Passage `number` is tried first; None if no passage has them."""
    for candidate in sorted(range(1, len(passages) + 1), key=lambda other: other != number):
        text = passages[candidate - 1].passage.text
        span = find_words(text, phrase)
        if span:
            return Citation(candidate, text[span[0] : span[1]], *span)
    return None


def in_marks(words: str, language: str) -> str:
    """`words` in the quotation marks of a language."""
    marks: str = load_pack(language).prompts.get("quotation", "«{words}»")
    return marks.format(words=words)


@lru_cache(CACHED_PASSAGES)
def evidence_of(passage: Passage) -> Evidence:
    return parse_passage(passage)


def bears_out(passage: Passage, sentence: str) -> bool:
    """Whether a passage says what a sentence says."""
    return supports(sentence, evidence_of(passage), load_pack(passage.language))


@dataclass
class PendingNumber:
    """A number in the current sentence that is not checked yet."""

    citation: Citation
    position: int
    """In the sentence."""


@dataclass
class CitationChecker:
    """An answer on its way to the reader.

    A number holds if its passage supports the text before it, back to the previous number or the start of the sentence.
    The last number of a sentence also vouches for the rest of the sentence, so what follows it waits for the end.
    """

    passages: Sequence[Hit]
    report: Report
    waiting: str = ""
    """Text that may still turn out to be part of a citation."""
    sentence: str = ""
    """The sentence that a number would refer to now: the last one that was started or ended."""
    previous: int = 0
    """Position in it of the last number that was checked."""
    claim_start: int = 0
    """Position in it where the text that this number vouches for starts."""
    held: list[str | PendingNumber] = field(default_factory=list)
    """Numbers that are not checked yet, and the text after them."""

    def take(self, text: str, *, last: bool) -> str:
        """The text that can be shown after the model has added `text`."""
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
            shown += self.quote(unit) if unit["words"] else self.number(unit)
            self.waiting = self.waiting[unit.end() :]
        return shown + self.settle(len(self.sentence)) if last else shown

    def is_open(self) -> bool:
        """Whether the next text can still change what the waiting text is."""
        start = self.waiting.lstrip()
        if not start or start.startswith("["):
            return len(start) < 4 and "]" not in start
        quote = MARKED.match(self.waiting)
        if not quote:
            return len(self.waiting) < LONGEST_QUOTE
        rest = self.waiting[quote.end() :]
        return not quote["number"] and len(rest) < 6 and (not rest.strip() or rest.lstrip().startswith("["))

    def plain(self, text: str) -> str:
        """The part of `text` that can be shown; text after an unchecked number waits for the end of the sentence."""
        length = len(self.sentence)
        self.sentence += text
        if self.held:
            self.held.append(text)
        spans = list(sentence_spans(self.sentence, self.abbreviations))
        if self.held:
            end = self.sentence_end(spans)
            waits = end < 0 and length < LONGEST_SENTENCE
            text = "" if waits else self.settle(len(self.sentence) if end < 0 else end)
        if len(spans) > 1:
            self.sentence, self.previous, self.claim_start = self.sentence[spans[-1][0] :], 0, 0
        return text

    def sentence_end(self, spans: list[tuple[int, int]]) -> int:
        """Where the sentence with the unchecked numbers ends, -1 if it continues."""
        position = max(part.position for part in self.held if isinstance(part, PendingNumber))
        after = len(self.sentence) - len(self.sentence[position:].lstrip(" "))
        if self.sentence[after : after + 1] in ENDS:
            return after
        if len(spans) > 1 or (spans and "\n" in self.sentence[spans[0][1] :]):
            return spans[0][1]
        return -1

    @property
    def abbreviations(self) -> frozenset[str]:
        return load_pack(self.passages[0].passage.language).abbreviations if self.passages else frozenset()

    def quote(self, unit: re.Match[str]) -> str:
        words, number = unit["words"], int(unit["number"] or 0)
        citation = locate(words, self.passages, number)
        if citation:
            self.report.citations.append(citation)
            language = self.passages[citation.number - 1].passage.language
            return self.plain(f"{in_marks(words.strip(), language)} [{citation.number}]")
        if not number and len(WORD.findall(words)) < QUOTE_WORDS:
            return self.plain(unit.group())
        self.report.dropped += 1
        return self.plain(words)

    def number(self, unit: re.Match[str]) -> str:
        number = int(unit["bare"])
        if not 1 <= number <= len(self.passages):
            self.report.dropped += 1
            return ""
        citation = Citation(number, "", 0, 0)
        self.report.citations.append(citation)
        self.held.append(PendingNumber(citation, len(self.sentence)))
        return self.settle(len(self.sentence)) if self.sentence.rstrip()[-1:] in ENDS else ""

    def settle(self, end: int) -> str:
        """The held text without the numbers that do not hold; the sentence goes to `end`."""
        pending = [part for part in self.held if isinstance(part, PendingNumber)]
        last = max((number.position for number in pending), default=0)
        valid: set[int] = set()
        for number in pending:
            if WORDS.search(self.sentence, self.previous, number.position):
                self.claim_start, self.previous = self.previous, number.position
            claim_end = max(end, number.position) if number.position == last else number.position
            claim = self.sentence[self.claim_start : claim_end]
            if bears_out(self.passages[number.citation.number - 1].passage, claim):
                valid.add(id(number))
            else:
                self.report.dropped += 1
                citations = self.report.citations
                self.report.citations = [citation for citation in citations if citation is not number.citation]
        parts = [
            part if isinstance(part, str) else f" [{part.citation.number}]" * (id(part) in valid) for part in self.held
        ]
        self.held = []
        return "".join(parts)


def checked(chunks: Iterator[Chunk], passages: Sequence[Hit], report: Report) -> Iterator[Chunk]:
    """`chunks` with only the citations that hold; `report` is complete after the last chunk."""
    checker = CitationChecker(passages, report)
    for chunk in chunks:
        yield replace(chunk, text=checker.take(chunk.text, last=bool(chunk.finish)))


def quotation(hit: Hit, span: tuple[int, int], report: Report) -> str:
    """An answer that quotes the first passage from the start to the end of `span`; a very long sentence is cut."""
    start, end = span if 0 < span[1] - span[0] <= LONGEST_QUOTE else hit.snippet
    report.quoted = True
    report.citations.append(Citation(1, hit.passage.text[start:end], start, end))
    return f"{in_marks(hit.passage.text[start:end], hit.passage.language)} [1]"
