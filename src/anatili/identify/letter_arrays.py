"""Many texts as one array of letters, from which n-grams, frequent words and endings are counted without a loop."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from anatili.text import INVISIBLE, SCRIPTS, letter_classes

LONGEST = 2000
"""Characters of a text that are read; the rest of a longer text would not change the verdict."""
SPACE = 32
PRIME = np.uint64(0x9E3779B97F4A7C15)
Codes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
NAMES = sorted([*SCRIPTS, "Zyyy"])
"""The scripts in the order in which they win a draw."""


def to_codes(texts: Sequence[str]) -> tuple[npt.NDArray[np.uint32], Ints]:
    """The code points of all texts, and for each the number of its text."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    return codes, np.repeat(np.arange(len(texts)), list(map(len, texts)))


def classes_of(codes: npt.NDArray[np.uint32] | Ints) -> npt.NDArray[np.uint8]:
    """For each code point 0: no letter, 1: a letter of another script, 2 and up: of one of `SCRIPTS`."""
    classes: npt.NDArray[np.uint8] = letter_classes().take(codes, mode="clip")
    for position in np.flatnonzero(codes > 0xFFFF).tolist():
        classes[position] = chr(codes[position]).isalpha()
    return classes


@cache
def invisible() -> npt.NDArray[np.bool_]:
    """Code point up to that of the last tag character -> whether it is left out."""
    codes = np.arange(0xE0080, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")
    table = np.zeros(len(codes), np.bool_)
    table[[match.start() for match in INVISIBLE.finditer(codes)]] = True
    table.flags.writeable = False
    return table


def join(texts: Sequence[str]) -> tuple[Codes, Ints]:
    """The letters of the beginnings of texts in lower case, and for each letter the number of its text. There is one
    space between words, and one at both ends of a text."""
    codes, owner = to_codes([f" {text[:LONGEST].lower()} " for text in texts])
    hidden = invisible().take(codes, mode="clip")
    if hidden.any():
        codes, owner = codes[~hidden], owner[~hidden]
    is_letter = classes_of(codes) > 0
    keep = is_letter.copy()
    keep[:-1] |= is_letter[1:]  # the space before a word
    last = np.append(np.flatnonzero(owner[1:] != owner[:-1]), len(owner) - 1)
    keep[last] = True
    without = np.bincount(owner[is_letter], minlength=len(texts)) == 0
    keep[np.append(0, last[:-1] + 1)[without]] = True
    return np.where(is_letter, codes, SPACE)[keep].astype(np.uint64), owner[keep]


@dataclass(frozen=True)
class Words:
    """All words of joined texts as numbers: `whole` and `ending` (of the last three letters; 0 if there are fewer
    than `shortest`), and the text of each."""

    whole: Codes
    ending: Codes
    owner: Ints


def words_of(letters: Codes, owner: Ints, shortest: int) -> Words:
    """The words of joined texts."""
    spaces = np.flatnonzero(letters == SPACE)
    lengths = np.diff(spaces, append=len(letters)) - 1
    starts, lengths = spaces[lengths > 0], lengths[lengths > 0]
    if not len(starts):
        return Words(np.zeros(0, np.uint64), np.zeros(0, np.uint64), np.zeros(0, np.int64))
    places = np.arange(len(letters)) - np.repeat(spaces, np.diff(spaces, append=len(letters)))
    values = (letters ^ np.uint64(SPACE)) * powers().take(places, mode="clip")
    whole = np.add.reduceat(values, starts)
    ends = starts + lengths
    ending = (letters[ends - 2] << np.uint64(42)) | (letters[ends - 1] << np.uint64(21)) | letters[ends]
    return Words(whole, np.where(lengths >= shortest, ending, np.uint64(0)), owner[starts])


@cache
def powers() -> Codes:
    """What the letter at each place of a word is multiplied by; that of the space before it is 0."""
    with np.errstate(over="ignore"):
        values: Codes = np.cumprod(np.full(100, PRIME), dtype=np.uint64)
    values[0] = 0
    values.flags.writeable = False
    return values


def scripts_and_letters(letters: Codes, owner: Ints, texts: int) -> tuple[list[str], Ints]:
    """The script of most letters of each of joined texts, "" without letters, and how many letters there are."""
    kinds = len(SCRIPTS) + 2
    table = np.bincount(owner * kinds + classes_of(letters.view(np.int64)), minlength=texts * kinds).reshape(
        texts, kinds
    )
    columns = [dict(zip(SCRIPTS, range(2, kinds), strict=True)).get(name, 1) for name in NAMES]
    best, counts = table[:, columns].argmax(axis=1), table[:, 1:].sum(axis=1)
    names = [NAMES[number] if some else "" for number, some in zip(best.tolist(), counts.tolist(), strict=True)]
    return names, counts
