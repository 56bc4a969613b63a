"""Evidence of letters: does a text have the letters that a language has, and none that only its neighbors have?

The table is `letters.toml`, for linguists to read and change. A letter that is not a language's own speaks against it,
and so does a letter missing that the language has everywhere. The evidence goes by shares, not by counts, so that a
Kazakh text that quotes its neighbor stays Kazakh.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

FILE = Path(__file__).parent / "letters.toml"
STRAY = 0.0004
"""Share that a letter may have in languages without it: names, quotations, errors."""
ENOUGH = 100
"""Letters of a text beyond which more of the same say nothing new."""
TRUST = 0.7
"""Weight of the evidence: the letters of one word do not come independently, and the n-grams have seen them too."""
SCRIPTS = 0x400
"""Code point from which letters are not Latin."""
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Letters:
    """`numbers`: code point -> number of a letter that is told, from 1; `pairs`: two code points that count as one
    letter; `logs` (letters x labels) and `sums` (labels): what a letter and what its absence say. Labels without a row
    in the table take no part: `told` is false for them. `alike`: code point -> number of the letter that it is typed
    for inside of words in the other script; `special`: 1 for those, 2 for the second one of a pair."""

    numbers: npt.NDArray[np.int16]
    pairs: tuple[tuple[int, int], ...]
    logs: Floats
    sums: Floats
    told: npt.NDArray[np.bool_]
    alike: npt.NDArray[np.int16]
    special: npt.NDArray[np.int8]


@cache
def unknown_to_cld2() -> frozenset[str]:
    """Languages that CLD2 does not know."""
    return frozenset(tomllib.loads(FILE.read_text("utf-8"))["unknown_to_cld2"])


@cache
def load_letters(labels: tuple[str, ...]) -> Letters:
    table = tomllib.loads(FILE.read_text("utf-8"))
    rates: dict[str, dict[str, float]] = table["rates"]
    letters = sorted({letter for row in rates.values() for letter in row}, key=lambda letter: (len(letter), letter))
    single = [letter for letter in letters if len(letter) == 1]
    numbers = np.zeros(0x10000, np.int16)
    for number, letter in enumerate(single, 1):
        numbers[ord(letter)] = number
    alike = np.zeros(0x10000, np.int16)
    for typed, letter in table["look_alikes"].items():
        alike[ord(typed)] = numbers[ord(letter)]
    special = np.zeros(0x10000, np.int8)
    special[[ord(typed) for typed in table["look_alikes"]]] = 1
    special[[ord(letter[1]) for letter in letters[len(single) :]]] = 2
    shares = np.array([[rates.get(label, {}).get(letter, 0) / 100 for label in labels] for letter in letters])
    shares = np.maximum(shares, STRAY)
    return Letters(
        numbers,
        tuple((ord(letter[0]), ord(letter[1])) for letter in letters[len(single) :]),
        np.log(shares).astype(np.float32),
        shares.sum(axis=0).astype(np.float32),
        np.array([label in rates for label in labels]),
        alike,
        special,
    )


def evidence(letters: Ints, owner: Ints, texts: int, labels: tuple[str, ...]) -> Floats:
    """For each text and label how well the letters fit, as a logarithm of odds: 0 for the label that fits best, and for
    labels that the table does not tell. `letters` are the code points of all texts, `owner` the text of each."""
    table = load_letters(labels)
    kinds = len(table.logs) + 1
    known = table.numbers.take(letters, mode="clip")
    special = table.special.take(letters, mode="clip")
    if (typed := np.flatnonzero(special == 1)).size:
        # A text begins and ends with a space, so there is always a letter before and one behind.
        inside = typed[(letters[typed - 1] >= SCRIPTS) | (letters[typed + 1] >= SCRIPTS)]
        known[inside] = table.alike[letters[inside]]
    counts = np.bincount(owner * kinds + known, minlength=texts * kinds).reshape(texts, kinds)[:, 1:]
    if (signs := np.flatnonzero(special == 2)).size:
        single = kinds - 1 - len(table.pairs)
        for number, (first, second) in enumerate(table.pairs):
            at = signs[(letters[signs - 1] == first) & (letters[signs] == second)]
            counts[:, single + number] = np.bincount(owner[at], minlength=texts)
    amounts = np.bincount(owner[letters != ord(" ")], minlength=texts).astype(np.float32)
    fits: Floats = counts.astype(np.float32) @ table.logs - amounts[:, None] * table.sums
    fits *= (TRUST * np.minimum(amounts, ENOUGH) / np.maximum(amounts, 1))[:, None]
    # Labels that the table does not tell have 0 throughout, as the label that fits best.
    fits -= np.where(table.told, fits, -np.inf).max(axis=1, keepdims=True)
    fits *= table.told
    return fits
