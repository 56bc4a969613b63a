"""Test sets that nothing may be learned from: whether a text holds the words of one."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from anatili import text
from anatili.problem import Problem

SEQUENCE = 8
"""Words in a sequence that counts as taken from a benchmark: shorter ones are met by chance."""
LINE_WORDS = 4
"""Words from which a line within a longer text is compared as a whole: titles and names are met by chance."""
CITATION = re.compile(r"\[\d{1,3}\]")


def sequences(words: list[str]) -> Iterator[int]:
    """A number for each sequence of eight words."""
    for start in range(len(words) - SEQUENCE + 1):
        yield text.number_of(" ".join(words[start : start + SEQUENCE]))


def lowered(body: str) -> list[str]:
    return [word.lower() for word in text.words(body)]


def letters(body: str) -> str:
    """What of a text must be the same for it to be the same text."""
    return "".join(filter(str.isalnum, body.casefold()))


def digests(names: Iterable[str], base: Path) -> dict[str, str]:
    """The benchmark files and their digests: by this a run notices that one has changed."""
    try:
        return {name: sha256((base / name).read_bytes()).hexdigest() for name in names}
    except OSError as error:
        raise Problem(f"[mark] benchmarks: cannot read {text.show_path(error.filename)}: {error.strerror}") from error


@dataclass(frozen=True)
class Benchmarks:
    """The words of test sets: `sequences` of eight, and the letters of each line, by which short texts are told."""

    sequences: frozenset[int]
    lines: frozenset[str]

    def hold(self, body: str) -> bool:
        """Whether a text has eight words in a row in common with a line, or is one.

        Each line of the text and what follows its first colon (a request, then a text to translate) counts as a text
        too; numbers of passages in brackets do not count.
        """
        if not self.lines:
            return False
        if any(number in self.sequences for number in sequences(lowered(body))):
            return True
        parts = [body, *(line for line in body.splitlines() if len(text.words(line)) >= LINE_WORDS)]
        plain = [CITATION.sub("", part) for part in parts]
        return any(letters(one) in self.lines for part in plain for one in (part, part.partition(": ")[2]))


@cache
def read_benchmarks(files: tuple[str, ...]) -> Benchmarks:
    """The words in the lines of benchmark files; `Problem` if one cannot be read."""
    numbers, short = set[int](), set[str]()
    for file in map(Path, files):
        try:
            lines = file.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise Problem(f"[mark] benchmarks: cannot read {text.show_path(file)}: {error}") from error
        for line in lines:
            numbers.update(sequences(lowered(line)))
            short.add(letters(line))
    return Benchmarks(frozenset(numbers), frozenset(short - {""}))
