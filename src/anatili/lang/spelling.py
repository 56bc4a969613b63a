"""Whether two spellings are of one name, in whatever letters: Айгүл, Aigul and Aygül are.

The tables in `spelling.toml` are of letters, for all languages that use them. They say how names are carried over, not
how words sound.
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
"""Of the one alphabet."""
VOWELS = frozenset("aeiouj")
NEAR = frozenset(pair for group in TABLES["alike"] for a in group for pair in ((a, b) for b in group if a != b))
SAME = 0.66
"""Likeness from which on two spellings are taken for one name."""
ENDING = 0.12
"""Cost of a letter that only one of the two has at its end: languages put endings on names."""


@lru_cache(4096)
def sounds(word: str) -> str:
    """A name in one alphabet for all, doubled letters once."""
    found = word.lower().replace("i\u0307", "i").translate(SINGLE)
    for letters, one in TOGETHER:
        found = found.replace(letters, one)
    return "".join(letter for letter, _ in groupby("".join(filter(LETTERS.__contains__, found))))


@lru_cache(65_536)
def likeness(one: str, other: str) -> float:
    """How alike two spellings are, from 0 to 1, whatever their endings."""
    a, b = sounds(one), sounds(other)
    if not a or not b:
        return 0.0
    rows = [0.0]
    for letter in b:
        rows.append(rows[-1] + missing(letter))
    best = rows[len(b)] + ENDING * len(a)
    for at, letter in enumerate(a, 1):
        last, rows = rows, [rows[0] + missing(letter)]
        for place, against in enumerate(b, 1):
            rows.append(min(last[place - 1] + changed(letter, against), last[place] + missing(letter),
                            rows[place - 1] + missing(against)))  # fmt: skip
        best = min(best, rows[len(b)] + ENDING * (len(a) - at))
    best = min(best, *(cost + ENDING * (len(b) - place) for place, cost in enumerate(rows)))
    return max(0.0, 1.0 - best / max(2.0, min(weight(a), weight(b))))


def missing(letter: str) -> float:
    return 0.35 if letter in VOWELS else 0.4 if letter == "h" else 1.0


def changed(one: str, other: str) -> float:
    if one == other:
        return 0.0
    if one in VOWELS and other in VOWELS:
        return 0.2
    return 0.4 if (one, other) in NEAR else 1.2


def weight(letters: str) -> float:
    """Of a name's letters, of which vowels tell less."""
    return sum(0.6 if letter in VOWELS else 1.0 for letter in letters)
