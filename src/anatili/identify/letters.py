"""Evidence from letters: does a text have the letters of a language, and none that only its neighbors have?

The table is `languages.toml`, for linguists to read and change. A letter that a language lacks is evidence against it,
and so is the absence of a letter that the language uses everywhere. The evidence depends on shares, not on counts, so
that a Kazakh text with a quotation in a neighboring language stays Kazakh.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from anatili.identify.letter_arrays import PRIME, SPACE, join, words_of

Codes = npt.NDArray[np.uint64]
FILE = Path(__file__).parent / "languages.toml"
STRAY = 0.0004
"""Share that a letter may have in a language without it: names, quotations, errors."""
ENOUGH = 100
"""Letters of a text beyond which more of the same add no evidence."""
TRUST = 0.7
"""Weight of the evidence: the letters of one word are not independent, and the n-grams include them too."""
WORD, ENDING = 1.0, 0.25
"""Log-odds of a frequent word, and of a frequent ending, for the languages that list it."""
MOST = 3.0
"""Log-odds of all words and endings together: they are in the n-grams too."""
ENDED = 6
"""Least letters of a word whose last three may be an ending."""
SLOT = np.uint64(48)
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


@dataclass(frozen=True)
class Language:
    """One entry of the table; `letters` is `None` for a language that the letters do not judge."""

    name: str
    letters: dict[str, float] | None
    endings: tuple[str, ...]
    words: tuple[str, ...]
    cld2: bool
    gate: bool
    prior: float


@cache
def table() -> dict[str, Language]:
    """Label -> what the table says about it."""
    rows = tomllib.loads(FILE.read_text("utf-8"))["languages"]
    return {
        label: Language(
            name=row["name"],
            letters=row.get("letters"),
            endings=tuple(row.get("endings", "").split()),
            words=tuple(row.get("words", "").split()),
            cld2=row.get("cld2", True),
            gate=row.get("gate", False),
            prior=row.get("prior", 0.0),
        )
        for label, row in rows.items()
    }


@cache
def shared_letters() -> dict[str, frozenset[str]]:
    """Script -> letters that its large languages share, which cannot distinguish a smaller language."""
    rows = tomllib.loads(FILE.read_text("utf-8"))["shared"]
    return {script: frozenset(letters) for script, letters in rows.items()}


def letter_rates() -> dict[str, dict[str, float]]:
    """Label -> percent of its letters, for the languages that the letters judge."""
    return {label: row.letters for label, row in table().items() if row.letters is not None}


@cache
def unknown_to_cld2() -> frozenset[str]:
    """Languages that CLD2 does not know."""
    return frozenset(label.split("_")[0] for label, row in table().items() if not row.cld2)


@cache
def load_letters(labels: tuple[str, ...]) -> Letters:
    rates = letter_rates()
    look_alikes: dict[str, str] = tomllib.loads(FILE.read_text("utf-8"))["look_alikes"]
    letters = sorted(
        {letter for label, row in rates.items() if label in labels for letter in row},
        key=lambda letter: (len(letter), letter),
    )
    single = [letter for letter in letters if len(letter) == 1]
    numbers = np.zeros(0x10000, np.int16)
    for number, letter in enumerate(single, 1):
        numbers[ord(letter)] = number
    alike = np.zeros(0x10000, np.int16)
    for typed, letter in look_alikes.items():
        alike[ord(typed)] = numbers[ord(letter)]
    special = np.zeros(0x10000, np.int8)
    special[[ord(typed) for typed in look_alikes]] = 1
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


@dataclass(frozen=True)
class NumberLookup:
    """Numbers that are looked for: each has a place of its own in `slots`, the upper 16 bits of its product with
    `factor`. This takes a third of the time of a binary search."""

    values: Codes
    slots: npt.NDArray[np.int16]
    factor: np.uint64

    def find(self, values: Codes) -> tuple[Ints, Ints]:
        """The positions of the values that are known, and their positions in `self.values`."""
        places = self.slots.take((values * self.factor >> SLOT).view(np.int64))
        positions = np.flatnonzero(self.values.take(places) == values)
        return positions, places[positions].astype(np.int64)


def make_lookup(values: Codes) -> NumberLookup:
    """Values that differ, for searches; their order is kept."""
    factors = (PRIME * np.uint64(2 * number + 1) for number in range(10_000))
    with np.errstate(over="ignore"):
        factor = next(factor for factor in factors if len(np.unique(values * factor >> SLOT)) == len(values))
    slots = np.zeros(1 << 16, np.int16)
    slots[(values * factor >> SLOT).view(np.int64)] = np.arange(len(values))
    return NumberLookup(values, slots, factor)


@dataclass(frozen=True)
class WordEvidence:
    """The frequent words and endings of the table, what each says (`weights`, words x labels and endings x labels), and
    the prior of each label."""

    kinds: tuple[tuple[NumberLookup, Floats], tuple[NumberLookup, Floats]]
    priors: Floats


@cache
def load_word_evidence(labels: tuple[str, ...]) -> WordEvidence:
    rows = {label: row for label, row in table().items() if label in labels}
    words = sorted({word for row in rows.values() for word in row.words})
    endings = sorted({ending for row in rows.values() for ending in row.endings})
    of_words = [[WORD * (label in rows and word in rows[label].words) for label in labels] for word in words]
    of_endings = [
        [ENDING * (label in rows and ending in rows[label].endings) for label in labels] for ending in endings
    ]
    priors = [rows[label].prior if label in rows else 0 for label in labels]
    return WordEvidence(
        (
            (make_lookup(words_of(*join([" ".join(words)]), 1).whole), np.array(of_words, np.float32)),
            (make_lookup(words_of(*join([" ".join(endings)]), 1).ending), np.array(of_endings, np.float32)),
        ),
        np.array(priors, np.float32),
    )


def word_odds(letters: Codes, owner: Ints, texts: int, labels: tuple[str, ...]) -> Floats:
    """The log-odds of each label for joined texts, by words and endings of the table, and the prior of each label."""
    table, words = load_word_evidence(labels), words_of(letters, owner, ENDED)
    odds: Floats = np.zeros((texts, len(labels)), np.float32)
    for (known, weights), values in zip(table.kinds, (words.whole, words.ending), strict=True):
        at, number = known.find(values)
        if len(at):
            starts = np.flatnonzero(np.diff(words.owner[at], prepend=-1))
            odds[words.owner[at[starts]]] += np.add.reduceat(weights.take(number, axis=0), starts, axis=0)
    return np.minimum(odds, MOST, out=odds) + table.priors


def evidence(letters: Ints, owner: Ints, texts: int, labels: tuple[str, ...]) -> Floats:
    """The log-odds of each label for each text, by its letters: 0 for the label that fits best, and for labels without
    a row in the table. `letters` are the code points of all texts, `owner` is the text of each."""
    known_letters = load_letters(labels)
    kinds = len(known_letters.logs) + 1
    known = known_letters.numbers.take(letters, mode="clip")
    if (latin := np.flatnonzero((known > 0) & (letters < SCRIPTS))).size:
        # Latin names in a text of another script say nothing about its language.
        beyond = np.bincount(owner[letters >= SCRIPTS], minlength=texts)
        own = np.bincount(owner[(letters < SCRIPTS) & (letters != SPACE)], minlength=texts)
        known[latin[(beyond > own)[owner[latin]]]] = 0
    special = known_letters.special.take(letters, mode="clip")
    if (typed := np.flatnonzero(special == 1)).size:
        # A text begins and ends with a space, so there is always a letter before and one after.
        inside = typed[(letters[typed - 1] >= SCRIPTS) | (letters[typed + 1] >= SCRIPTS)]
        known[inside] = known_letters.alike[letters[inside]]
    counts = np.bincount(owner * kinds + known, minlength=texts * kinds).reshape(texts, kinds)[:, 1:]
    if (seconds := np.flatnonzero(special == 2)).size:
        single = kinds - 1 - len(known_letters.pairs)
        for number, (first, second) in enumerate(known_letters.pairs):
            positions = seconds[(letters[seconds - 1] == first) & (letters[seconds] == second)]
            counts[:, single + number] = np.bincount(owner[positions], minlength=texts)
    amounts = np.bincount(owner[letters != SPACE], minlength=texts).astype(np.float32)
    odds: Floats = counts.astype(np.float32) @ known_letters.logs - amounts[:, None] * known_letters.sums
    odds *= (TRUST * np.minimum(amounts, ENOUGH) / np.maximum(amounts, 1))[:, None]
    # Labels without a row in the table get 0, like the label that fits best.
    odds -= np.where(known_letters.listed, odds, -np.inf).max(axis=1, keepdims=True)
    odds *= known_letters.listed
    return odds
