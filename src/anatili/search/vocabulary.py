"""The terms of an index, found again from how they are misspelt, or typed on a keyboard that lacks letters.

Terms are kept folded (own letters as people type them) and sorted, with their letter trigrams. Only the words of the
index are compared, not its texts, so this costs the same for a thousand documents of a word as for one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

NAME = "vocabulary.npz"
MOST = 3
"""Terms that stand for a word the index does not have."""
ALIKE = 0.5
"""Share of trigrams that two words must have in common (Dice)."""


def fold(term: str, keyboard: Mapping[str, str]) -> str:
    """A term as it is typed where `keyboard` (own letter -> what is typed for it) is missing."""
    return term.translate({ord(letter): typed for letter, typed in keyboard.items()}) if keyboard else term


def trigrams(folded: str) -> set[str]:
    """Three letters each, with a mark before the first; the end is left open, for that is where endings differ."""
    marked = "^" + folded
    return {marked[at : at + 3] for at in range(max(1, len(marked) - 2))}


@dataclass(frozen=True)
class Vocabulary:
    """The terms of an index; `folder` holds its arrays."""

    folder: Path

    @cached_property
    def arrays(self) -> dict[str, Any]:
        with np.load(self.folder / NAME, allow_pickle=False) as found:
            return dict(found)

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
        """Up to `MOST` terms that look most like `folded`, with the share of trigrams in common."""
        wanted = trigrams(folded)
        rows = [row for row in map(self.rows_with, sorted(wanted)) if len(row)]
        if not rows:
            return []
        numbers, shared = np.unique(np.concatenate(rows), return_counts=True)
        alike = 2 * shared / (len(wanted) + self.arrays["sizes"][numbers])
        best = np.lexsort((numbers, -alike))[:MOST]
        return [(self.terms[numbers[at]], float(alike[at])) for at in best if alike[at] >= ALIKE]

    def rows_with(self, gram: str) -> Any:
        """Numbers of the terms that have a trigram."""
        place = self.grams.get(gram)
        starts = self.arrays["starts"]
        return self.arrays["rows"][starts[place] : starts[place + 1]] if place is not None else ()

    @cached_property
    def grams(self) -> dict[str, int]:
        return {gram: place for place, gram in enumerate(bytes(self.arrays["grams"]).decode().split("\n"))}


def build(terms: Iterable[str], keyboard: Mapping[str, str], folder: Path) -> None:
    """Write the vocabulary of `terms` to `folder`."""
    pairs = sorted((fold(term, keyboard), term) for term in terms)
    of: dict[str, list[int]] = {}
    sizes = np.zeros(len(pairs), np.uint8)
    for number, (folded, _) in enumerate(pairs):
        found = trigrams(folded)
        sizes[number] = len(found)
        for gram in found:
            of.setdefault(gram, []).append(number)
    names = sorted(of)
    np.savez(
        folder / NAME,
        terms=_bytes(term for _, term in pairs),
        folded=_bytes(folded for folded, _ in pairs),
        sizes=sizes,
        grams=_bytes(names),
        starts=np.cumsum([0, *(len(of[name]) for name in names)]),
        rows=np.array([number for name in names for number in of[name]], np.uint32),
    )


def _bytes(lines: Iterable[str]) -> Any:
    return np.frombuffer("\n".join(lines).encode(), np.uint8)
