"""Compare spellings of a name across alphabets: Айгүл, Aigul and Aygül are one name.

The tables in `spelling.toml` are about letters, for all languages that use them. They describe how names are
transcribed, not how words sound.
"""

import string
import tomllib
from functools import lru_cache
from itertools import groupby
from pathlib import Path

TABLES = tomllib.loads(Path(__file__).with_name("spelling.toml").read_text("utf-8"))
SINGLE = str.maketrans(TABLES["cyrillic"] | TABLES["latin"])
TOGETHER = tuple(map(tuple, TABLES["together"]))
LETTERS = frozenset(string.ascii_lowercase).union(*TABLES["cyrillic"].values())
"""The letters of the common alphabet."""
VOWELS = frozenset("aeiouj")
NEAR = frozenset(pair for group in TABLES["alike"] for a in group for pair in ((a, b) for b in group if a != b))
ENDING = 0.12
"""Cost of a letter at the end of only one spelling: languages add endings to names."""


@lru_cache(4096)
def sounds(word: str) -> str:
    """A name in the common alphabet, with doubled letters written once."""
    common = word.lower().replace("i\u0307", "i").translate(SINGLE)
    for letters, letter in TOGETHER:
        common = common.replace(letters, letter)
    return "".join(letter for letter, _ in groupby("".join(filter(LETTERS.__contains__, common))))


@lru_cache(65_536)
def likeness(first: str, second: str) -> float:
    """How alike two spellings are, from 0 to 1, by a weighted edit distance in which endings cost little."""
    a, b = sounds(first), sounds(second)
    if not a or not b:
        return 0.0
    costs = [0.0]
    for letter in b:
        costs.append(costs[-1] + deletion_cost(letter))
    best = costs[len(b)] + ENDING * len(a)
    for row, letter in enumerate(a, 1):
        last, costs = costs, [costs[0] + deletion_cost(letter)]
        for column, other in enumerate(b, 1):
            costs.append(
                min(
                    last[column - 1] + substitution_cost(letter, other),
                    last[column] + deletion_cost(letter),
                    costs[column - 1] + deletion_cost(other),
                )
            )
        best = min(best, costs[len(b)] + ENDING * (len(a) - row))
    best = min(best, *(cost + ENDING * (len(b) - column) for column, cost in enumerate(costs)))
    return max(0.0, 1.0 - best / max(2.0, min(weight(a), weight(b))))


def deletion_cost(letter: str) -> float:
    return 0.35 if letter in VOWELS else 0.4 if letter == "h" else 1.0


def substitution_cost(a: str, b: str) -> float:
    if a == b:
        return 0.0
    if a in VOWELS and b in VOWELS:
        return 0.2
    return 0.4 if (a, b) in NEAR else 1.2


def weight(letters: str) -> float:
    """The weight of a name's letters; vowels count less."""
    return sum(0.6 if letter in VOWELS else 1.0 for letter in letters)
