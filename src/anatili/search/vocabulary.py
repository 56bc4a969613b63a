"""The terms of an index, looked up by misspelled words and by words typed on a keyboard that lacks letters.

Terms are stored folded (special letters replaced as people type them) and sorted, with their letter trigrams. Only
terms are compared, not texts, so a term costs the same in one document as in a thousand.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

NAME = "vocabulary.npz"
MOST = 3
"""Terms suggested for a word that is not in the index."""
REMEMBERED = 50_000
"""Words whose terms are kept."""
MIN_SIMILARITY = 0.5
"""Least share of common trigrams (Dice) of two similar words."""


def fold(term: str, keyboard: Mapping[str, str]) -> str:
    """A term as people type it without special letters; `keyboard` maps each letter to its substitute."""
    return term.translate({ord(letter): typed for letter, typed in keyboard.items()}) if keyboard else term


def trigrams(folded: str) -> set[str]:
    """The letter trigrams, with a mark before the first letter; the end is unmarked, because endings differ."""
    marked = "^" + folded
    return {marked[at : at + 3] for at in range(max(1, len(marked) - 2))}


@dataclass(frozen=True)
class TermVocabulary:
    """The terms of an index. `source`: the folder that holds its arrays, or the arrays."""

    source: Path | Mapping[str, Any]

    @cached_property
    def memory(self) -> dict[Hashable, tuple[str, ...]]:
        """What was looked up before. Threads share it, and any of them may empty it."""
        return {}

    def remembered(self, key: Hashable, look_up: Callable[[], Iterable[str]]) -> tuple[str, ...]:
        """What `look_up` returns for `key`: the terms never change, and most words of questions were asked before."""
        found = self.memory.get(key)
        if found is None:
            found = tuple(look_up())
            if len(self.memory) >= REMEMBERED:
                self.memory.clear()
            self.memory[key] = found
        return found

    @cached_property
    def arrays(self) -> Mapping[str, Any]:
        if not isinstance(self.source, Path):
            return self.source
        with np.load(self.source / NAME, allow_pickle=False) as arrays:
            return dict(arrays)

    @cached_property
    def terms(self) -> list[str]:
        return bytes(self.arrays["terms"]).decode().split("\n")

    @cached_property
    def folded(self) -> list[str]:
        return bytes(self.arrays["folded"]).decode().split("\n")

    def folded_as(self, folded: str) -> list[str]:
        """The terms that fold to `folded`."""
        from bisect import bisect_left, bisect_right

        return self.terms[bisect_left(self.folded, folded) : bisect_right(self.folded, folded)]

    def nearest(self, folded: str) -> list[tuple[str, float]]:
        """Up to `MOST` terms most similar to `folded`, with their share of common trigrams."""
        return [(term, similarity) for similarity, _, term in islice(self.similar(folded), MOST)]

    def similar(self, folded: str) -> Iterator[tuple[float, str, str]]:
        """Similarity, folded form and term of all terms that are similar enough, most similar first."""
        grams = trigrams(folded)
        rows = [row for row in map(self.rows_with, sorted(grams)) if len(row)]
        if not rows:
            return
        numbers, shared = np.unique(np.concatenate(rows), return_counts=True)
        similarity = 2 * shared / (len(grams) + self.arrays["sizes"][numbers])
        for at in np.lexsort((numbers, -similarity)):
            if similarity[at] < MIN_SIMILARITY:
                return
            yield float(similarity[at]), self.folded[numbers[at]], self.terms[numbers[at]]

    def rows_with(self, gram: str) -> Any:
        """Numbers of the terms that contain a trigram."""
        number = self.grams.get(gram)
        starts = self.arrays["starts"]
        return self.arrays["rows"][starts[number] : starts[number + 1]] if number is not None else ()

    @cached_property
    def grams(self) -> dict[str, int]:
        return {gram: number for number, gram in enumerate(bytes(self.arrays["grams"]).decode().split("\n"))}


@dataclass(frozen=True)
class LayeredVocabulary(TermVocabulary):
    """Several vocabularies without common terms as one. `exists`: whether a term is still in the index."""

    layers: tuple[TermVocabulary, ...]
    exists: Callable[[str], bool]

    def folded_as(self, folded: str) -> list[str]:
        return sorted(term for layer in self.layers for term in layer.folded_as(folded) if self.exists(term))

    def similar(self, folded: str) -> Iterator[tuple[float, str, str]]:
        ordered = merge(*(layer.similar(folded) for layer in self.layers), key=lambda row: (-row[0], *row[1:]))
        return (row for row in ordered if self.exists(row[2]))


def build(terms: Iterable[str], keyboard: Mapping[str, str], folder: Path) -> None:
    """Write the vocabulary of `terms` to `folder`."""
    with (folder / NAME).open("wb") as file:
        save(file, arrays_of(terms, keyboard))


def save(file: BinaryIO, arrays: Mapping[str, Any]) -> None:
    np.savez(file, **arrays)


def arrays_of(terms: Iterable[str], keyboard: Mapping[str, str]) -> dict[str, Any]:
    """The arrays of a vocabulary."""
    pairs = sorted((fold(term, keyboard), term) for term in terms)
    numbers: dict[str, list[int]] = {}
    sizes = np.zeros(len(pairs), np.uint8)
    for number, (folded, _) in enumerate(pairs):
        grams = trigrams(folded)
        sizes[number] = len(grams)
        for gram in grams:
            numbers.setdefault(gram, []).append(number)
    names = sorted(numbers)
    return {
        "terms": _bytes(term for _, term in pairs),
        "folded": _bytes(folded for folded, _ in pairs),
        "sizes": sizes,
        "grams": _bytes(names),
        "starts": np.cumsum([0, *(len(numbers[name]) for name in names)]),
        "rows": np.array([number for name in names for number in numbers[name]], np.uint32),
    }


def _bytes(lines: Iterable[str]) -> Any:
    return np.frombuffer("\n".join(lines).encode(), np.uint8)
