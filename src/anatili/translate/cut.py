"""Text cut into what is to be translated and what is to stay: line ends, indents, addresses, numbers that stand alone.

Put together again, the pieces are the text, to the letter; so a translation keeps the layout.
"""

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass

from anatili.text import sentence_spans

KEPT = re.compile(
    r"(?:https?://|www\.)[^\s<>«»\"“”]*[^\s<>«»\"“”.,;:!?)\]}]"  # addresses, without the stop that ends the sentence
    r"|(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
)
NUMBER = re.compile(r"\d+(?:[.,:\u00a0\u202f ]\d+)*")
LETTER = re.compile(r"[^\W\d_]")
LONGEST = 600
"""Characters of a piece; longer sentences are cut at commas and spaces."""


@dataclass(frozen=True)
class Part:
    """A stretch of a text. `wanted`: whether it is to be translated."""

    text: str
    wanted: bool


def cut(text: str, abbreviations: Container[str] = ()) -> list[Part]:
    """The parts of `text`, whose texts joined are `text`."""
    found: list[Part] = []
    for line in text.splitlines(keepends=True):
        body = line.strip()
        if not LETTER.search(KEPT.sub("", body)):
            found.append(Part(line, wanted=False))
            continue
        start = line.index(body)
        found += [Part(line[:start], wanted=False)] if start else []
        found += cut_line(body, abbreviations)
        end = line[start + len(body) :]
        found += [Part(end, wanted=False)] if end else []
    return found


def cut_line(line: str, abbreviations: Container[str]) -> Iterator[Part]:
    at = 0
    for start, end in sentence_spans(line, abbreviations):
        if start > at:
            yield Part(line[at:start], wanted=False)
        yield from cut_sentence(line[start:end])
        at = end
    if at < len(line):
        yield Part(line[at:], wanted=False)


def cut_sentence(sentence: str) -> Iterator[Part]:
    """A sentence in pieces of bearable length; one without letters stays as it is."""
    while len(sentence) > LONGEST:
        at = max(sentence.rfind(mark, 0, LONGEST) for mark in (", ", "; ", " — ", ": "))
        at = at + 1 if at > LONGEST // 3 else sentence.rfind(" ", 0, LONGEST)
        at = len(sentence[: at if at > 0 else LONGEST].rstrip())
        yield Part(sentence[:at], wanted=bool(LETTER.search(sentence[:at])))
        rest = sentence[at:]
        gap = len(rest) - len(rest.lstrip())
        if gap:
            yield Part(rest[:gap], wanted=False)
        sentence = rest[gap:]
    if sentence:
        yield Part(sentence, wanted=bool(LETTER.search(KEPT.sub("", sentence))))


def around_kept(sentence: str) -> list[Part]:
    """A sentence with its addresses taken out of what is to be translated: for models that spoil them."""
    found, at = [], 0
    for match in KEPT.finditer(sentence):
        found += spaced(sentence[at : match.start()])
        found.append(Part(match.group(), wanted=False))
        at = match.end()
    return found + spaced(sentence[at:])


def spaced(text: str) -> list[Part]:
    body = text.strip()
    if not LETTER.search(body):
        return [Part(text, wanted=False)] if text else []
    start = text.index(body)
    parts = [Part(text[:start], wanted=False), Part(body, wanted=True), Part(text[start + len(body) :], wanted=False)]
    return [part for part in parts if part.text]


def numbers(text: str) -> list[str]:
    """The digits of each number in `text`, sorted: 1 234,5 and 1,234.5 are the same."""
    return sorted("".join(filter(str.isdigit, match)) for match in NUMBER.findall(text))


def kept(text: str) -> list[str]:
    """The addresses in `text`, sorted."""
    return sorted(KEPT.findall(text))
