"""Evidence from letters: does a text have the letters of a language, and none that only its neighbors have?

The table is `letters.toml`, for linguists to read and change. A letter that a language lacks is evidence against it,
and so is the absence of a letter that the language uses everywhere. The evidence depends on shares, not on counts, so
that a Kazakh text with a quotation in a neighboring language stays Kazakh.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

FILE = Path(__file__).parent / "letters.toml"
STRAY = 0.0004
"""Share that a letter may have in a language without it: names, quotations, errors."""
ENOUGH = 100
"""Letters of a text beyond which more of the same add no evidence."""
TRUST = 0.7
"""Weight of the evidence: the letters of one word are not independent, and the n-grams include them too."""
SCRIPTS = 0x400
"""From this code point on, letters are not Latin."""
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Letters:
    """The table, as arrays.

    `numbers`: code point -> number of a letter of the table, from 1; `pairs`: two code points that count as one letter;
    `logs` (letters x labels) and `sums` (labels): the evidence of a letter and of its absence. `listed` is false for
    labels without a row in the table, which are left out. `alike`: code point -> number of the letter that it is typed
    for inside words of the other script; `special`: 1 for these, 2 for the second code point of a pair."""

    numbers: npt.NDArray[np.int16]
    pairs: tuple[tuple[int, int], ...]
    logs: Floats
    sums: Floats
    listed: npt.NDArray[np.bool_]
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
    """The log-odds of each label for each text, by its letters: 0 for the label that fits best, and for labels without
    a row in the table. `letters` are the code points of all texts, `owner` is the text of each."""
    table = load_letters(labels)
    kinds = len(table.logs) + 1
    known = table.numbers.take(letters, mode="clip")
    special = table.special.take(letters, mode="clip")
    if (typed := np.flatnonzero(special == 1)).size:
        # A text begins and ends with a space, so there is always a letter before and one after.
        inside = typed[(letters[typed - 1] >= SCRIPTS) | (letters[typed + 1] >= SCRIPTS)]
        known[inside] = table.alike[letters[inside]]
    counts = np.bincount(owner * kinds + known, minlength=texts * kinds).reshape(texts, kinds)[:, 1:]
    if (seconds := np.flatnonzero(special == 2)).size:
        single = kinds - 1 - len(table.pairs)
        for number, (first, second) in enumerate(table.pairs):
            positions = seconds[(letters[seconds - 1] == first) & (letters[seconds] == second)]
            counts[:, single + number] = np.bincount(owner[positions], minlength=texts)
    amounts = np.bincount(owner[letters != ord(" ")], minlength=texts).astype(np.float32)
    odds: Floats = counts.astype(np.float32) @ table.logs - amounts[:, None] * table.sums
    odds *= (TRUST * np.minimum(amounts, ENOUGH) / np.maximum(amounts, 1))[:, None]
    # Labels without a row in the table get 0, like the label that fits best.
    odds -= np.where(table.listed, odds, -np.inf).max(axis=1, keepdims=True)
    odds *= table.listed
    return odds
