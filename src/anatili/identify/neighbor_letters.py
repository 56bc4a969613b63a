"""Which of two close languages a page's letters fit: the gate's test against the neighbors of the table.

A page is asked whether the letters of the language are needed to explain it: whether a mixture that holds the language
fits its letters better than a neighbor alone. So a page with a text of the language passes, whatever surrounds it, and
a page that a neighbor explains does not. Only letters beyond those of the large languages count.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anatili.identify.letters import STRAY, letter_rates

SHARES = (1.0, 0.5, 0.2)
"""Shares of a page's text that may be in the language."""
FEWEST = 15
"""Letters below which there is too little to compare: such a page passes."""
NEED, SLACK = -2.5, 0.008
"""Log-odds that a page needs, and how many more for each letter: few letters are no proof against a page, and the rates
of a long page differ from those of the table. Chosen on Kyrgyz, Tatar, Bashkir, Mongolian and Kazakh news: of pages
with 300 letters none of `bench/ntrex_dev` is lost by this test that passes the groups."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NeighborLetters:
    """The neighbors of a language. `weights` (neighbors x shares x letters): log-odds of a letter for the mixture."""

    letters: tuple[str, ...]
    names: tuple[str, ...]
    weights: Floats

    def leave_room(self, counts: Counter[str]) -> bool:
        """Whether no neighbor alone explains the letters of a page; `counts` may have both cases."""
        numbers = np.array([counts[letter] + counts[letter.upper()] for letter in self.letters], float)
        total = numbers.sum()
        if total < FEWEST:
            return True
        return bool(((self.weights @ numbers).max(axis=1) >= NEED + SLACK * total).all())


def neighbor_letters_of(label: str) -> NeighborLetters | None:
    """The languages of the table that share letters with `label`; `None` if the table does not know it or they."""
    rates = letter_rates()
    own = singles(rates.get(label, {}))
    code = label.split("_")[0]
    names = tuple(name for name in rates if name.split("_")[0] != code and own & singles(rates[name]))
    if not names:
        return None
    letters = tuple(sorted(own.union(*(singles(rates[name]) for name in names))))
    table = np.array([[max(rates[name].get(letter, 0) / 100, STRAY) for letter in letters] for name in (label, *names)])
    first, others = table[0], table[1:, None]
    shares = np.array(SHARES)[None, :, None]
    mixed = shares * first + (1 - shares) * others
    weights = np.log(mixed / mixed.sum(axis=2, keepdims=True)) - np.log(others / others.sum(axis=2, keepdims=True))
    return NeighborLetters(letters, names, weights)


def singles(row: dict[str, float]) -> frozenset[str]:
    """The letters of a row that are one character beyond ASCII."""
    return frozenset(letter for letter in row if len(letter) == 1 and not letter.isascii())
