"""Split text into segments to translate and segments to copy: line ends, indents, addresses, numbers on their own, and
strings that are longer than any word.

Joined, the segments are exactly the text, so a translation keeps the layout.
"""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from anatili.text import sentence_spans

ADDRESS = re.compile(
    r"(?:https?://|www\.)[^\s<>«»\"“”]*[^\s<>«»\"“”.,;:!?)\]}]"  # without the punctuation that ends the sentence
    r"|(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
)
NO_WORD = re.compile(r"[^\s.,:;!?]{101,}")
"""A string that is longer than any word: the longest that people cite have some 70 letters (Turkish). Nothing can be
made of it, and on one of 3,000 letters a model spends all its attempts, more than a minute."""
ADDRESS_OR_NO_WORD = re.compile(rf"(?P<address>{ADDRESS.pattern})|{NO_WORD.pattern}")
NUMBER = re.compile(r"\d+(?:[.,:\u00a0\u202f ]\d+)*")
LETTER = re.compile(r"[^\W\d_]")
LONGEST = 600
"""Characters of a segment. Longer sentences are split at commas and spaces."""


@dataclass(frozen=True)
class Segment:
    """A span of a text. `translatable`: whether it is to be translated; if not, it is copied."""

    text: str
    translatable: bool


def split_text(text: str, abbreviations: Container[str] = ()) -> list[Segment]:
    """The segments of `text`. Joined, their texts are `text`."""
    segments: list[Segment] = []
    for line in text.splitlines(keepends=True):
        body = line.strip()
        if not LETTER.search(ADDRESS.sub("", body)):
            segments.append(Segment(line, translatable=False))
            continue
        start = line.index(body)
        segments += [Segment(line[:start], translatable=False)] if start else []
        segments += split_line(body, abbreviations)
        end = line[start + len(body) :]
        segments += [Segment(end, translatable=False)] if end else []
    return segments


def split_line(line: str, abbreviations: Container[str]) -> Iterator[Segment]:
    position = 0
    for start, end in sentence_spans(line, abbreviations):
        if start > position:
            yield Segment(line[position:start], translatable=False)
        for part in around(no_words(line[start:end]), line[start:end]):
            yield from split_sentence(part.text) if part.translatable else (part,)
        position = end
    if position < len(line):
        yield Segment(line[position:], translatable=False)


def split_sentence(sentence: str) -> Iterator[Segment]:
    """A sentence in segments of at most `LONGEST` characters. A segment without letters is copied."""
    while len(sentence) > LONGEST:
        end = max(sentence.rfind(mark, 0, LONGEST) for mark in (", ", "; ", " — ", ": "))
        end = end + 1 if end > LONGEST // 3 else sentence.rfind(" ", 0, LONGEST)
        end = len(sentence[: end if end > 0 else LONGEST].rstrip())
        yield Segment(sentence[:end], translatable=bool(LETTER.search(sentence[:end])))
        rest = sentence[end:]
        gap = len(rest) - len(rest.lstrip())
        if gap:
            yield Segment(rest[:gap], translatable=False)
        sentence = rest[gap:]
    if sentence:
        yield Segment(sentence, translatable=bool(LETTER.search(ADDRESS.sub("", sentence))))


def around_addresses(sentence: str) -> list[Segment]:
    """The segments of a sentence whose addresses are copied: for models that change them."""
    return around(ADDRESS.finditer(sentence), sentence)


def no_words(sentence: str) -> Iterator[re.Match[str]]:
    """The strings of a sentence that are longer than any word; parts of addresses are none."""
    return (match for match in ADDRESS_OR_NO_WORD.finditer(sentence) if not match["address"])


def around(copied: Iterable[re.Match[str]], sentence: str) -> list[Segment]:
    """The segments of a sentence of which some parts are copied."""
    segments, end = [], 0
    for match in copied:
        segments += without_margins(sentence[end : match.start()])
        segments.append(Segment(match.group(), translatable=False))
        end = match.end()
    return segments + without_margins(sentence[end:])


def without_margins(text: str) -> list[Segment]:
    body = text.strip()
    if not LETTER.search(body):
        return [Segment(text, translatable=False)] if text else []
    start = text.index(body)
    segments = [
        Segment(text[:start], translatable=False),
        Segment(body, translatable=True),
        Segment(text[start + len(body) :], translatable=False),
    ]
    return [segment for segment in segments if segment.text]


def numbers(text: str) -> list[str]:
    """The digits of each number in `text`, sorted. 1 234,5 and 1,234.5 are the same."""
    return sorted("".join(filter(str.isdigit, match)) for match in NUMBER.findall(text))


def addresses(text: str) -> list[str]:
    """The addresses in `text`, sorted."""
    return sorted(ADDRESS.findall(text))
