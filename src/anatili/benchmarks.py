"""Test sets that must not be trained on: whether a text shares words with one."""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from anatili import text
from anatili.problem import Problem
from anatili.text_files import read_lines

SEQUENCE = 8
"""Words in a sequence that counts as taken from a benchmark; shorter ones occur by coincidence."""
LINE_WORDS = 4
"""Least words of a line in a longer text to be compared as a whole; titles and names occur by coincidence."""
CITATION = re.compile(r"\[\d{1,3}\]")


OPENING = 8
"""Letters compared first: most lines that are in no benchmark already differ in them."""


def sequences(words: list[str], starts: Container[tuple[str, str]] | None = None) -> Iterator[int]:
    """A number for each sequence of eight words, or for each whose first two words are among `starts`."""
    for start in range(len(words) - SEQUENCE + 1):
        if starts is None or (words[start], words[start + 1]) in starts:
            yield text.number_of(" ".join(words[start : start + SEQUENCE]))


def lowered(body: str) -> list[str]:
    return [word.lower() for word in text.words(body)]


def letters(body: str) -> str:
    """The letters and digits of a text; two texts with the same ones count as the same."""
    return "".join(filter(str.isalnum, body.casefold()))


def digests(names: Iterable[str], base: Path) -> dict[str, str]:
    """The digests of the benchmark files, so that a run notices when one changes."""
    try:
        return {name: sha256((base / name).read_bytes()).hexdigest() for name in names}
    except OSError as error:
        raise Problem(f"[mark] benchmarks: cannot read {text.show_path(error.filename)}: {error.strerror}") from error


@dataclass(frozen=True)
class Benchmarks:
    """The word sequences of test sets, and the letters of each line, which identify short texts."""

    sequences: frozenset[int]
    starts: frozenset[tuple[str, str]]
    """The first two words of each sequence."""
    lines: frozenset[str]
    openings: frozenset[str]
    """The first letters of each line."""

    def hold(self, body: str) -> bool:
        """Whether a text has eight consecutive words in common with a line, or is itself a line.

        Each line of the text counts as a text too, and so does the part after its first colon (in a request to
        translate, the text). Numbers of passages in brackets are ignored.
        """
        if not self.lines:
            return False
        if any(number in self.sequences for number in sequences(lowered(body), self.starts)):
            return True
        lines = body.splitlines()  # a single one has the letters of the text
        parts = [body, *(line for line in lines if len(lines) > 1 and len(text.words(line)) >= LINE_WORDS)]
        plain = [CITATION.sub("", part) for part in parts]
        return any(self.is_line(each) for part in plain for each in (part, part.partition(": ")[2]) if each)

    def is_line(self, body: str) -> bool:
        """Whether a text has the letters of a line."""
        opening = letters(body[: 2 * OPENING])[:OPENING]
        if len(opening) == OPENING and opening not in self.openings:
            return False
        return letters(body) in self.lines


@cache
def read_benchmarks(files: tuple[str, ...]) -> Benchmarks:
    """The benchmarks in files with a text per line; `Problem` if a file cannot be read."""
    numbers, starts, short_texts = set[int](), set[tuple[str, str]](), set[str]()
    for file in map(Path, files):
        for line in read_lines(file):
            words = lowered(line)
            numbers.update(sequences(words))
            starts.update(pairwise(words[: 2 - SEQUENCE]))
            short_texts.add(letters(line))
    openings = frozenset(line[:OPENING] for line in short_texts)
    return Benchmarks(frozenset(numbers), frozenset(starts), frozenset(short_texts - {""}), openings)
