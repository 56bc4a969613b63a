"""How much a text reads like running prose of its language: the letters that follow one another, and the order of its
words by their endings. Learned per script by `bench/train_prose.py`, stored as `prose.npz` in the pack."""

import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anatili.lang import LanguagePack
from anatili.text import WORD

Codes = npt.NDArray[np.int64]
SPACE, DIGIT, STOP, ASKED, COMMA, QUOTE, FOREIGN, SIGN = range(8)
"""Classes of characters that are no letters of the alphabet; its letters follow."""
CLASSES = {STOP: ".…", ASKED: "?!؟", COMMA: ",;:،؛", QUOTE: "\"'«»“”„’‘()[]–—-/"}
BITS = 6
"""Bits of a character's class in the key of a sequence: an alphabet may have 56 letters."""
STEP = 8
"""Steps a bit in which the models are stored."""
BACKOFF = 11
"""What a sequence costs more that the longer table lacks, in steps: log2(1 / 0.4), as in the stupid backoff of Brants
et al. (2007)."""
MOST_CHARACTERS, PART = 2100, 700
"""Longer texts are read in three parts: beginning, middle and end."""
MOST_LETTERS = 3500
"""Letters at the beginning of a text whose words are asked for their order."""
WORD_OR_NUMBER = re.compile(WORD.pattern + r"|\d+")
ENDING = 3
"""Letters of the ending by which a word is known, unless it is one of the listed frequent words."""
SHIFTS = (7, 11, 13, 17, 23, 29, 37)
"""Distances at which the words of a text stand for its own shuffles."""
SHORTEST = 20
"""Words below which the order of a text and its odd words are not asked."""
POWERS = np.array([31**n % 1_000_003 for n in range(40)])
"""Weights by which the letters of a word become a number that tells it from others."""
SHORTEST_WORD = 3
"""Least letters of a word that may be odd."""
UNKNOWN = -1.0
IN_ORDER = 100.0
"""The order of a text that is too short or has no model: no threshold refuses it."""


@dataclass(frozen=True)
class Script:
    """The models of one script. Costs are in steps."""

    alphabet: str
    typical: float
    """Bits a character of prose that the models have not learned from."""
    odd: float
    """Mean bits a character from which a word is odd."""
    three: npt.NDArray[np.uint8]
    """Cost of the last of three characters, by the key of the three."""
    longer: tuple[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]], ...]
    """Sorted keys of the sequences of four and of five characters, with the cost of the last."""
    endings: dict[str, int]
    """Frequent words, and `-` with an ending of three letters or two -> row of `pairs`; row 0 is everything else."""
    pairs: npt.NDArray[np.int8]
    """How much more probable an ending is after another than alone, in steps: as the next word, and as the
    one after."""


@cache
def load_models(folder: Path, script: str) -> tuple[Script, ...]:
    """The models of the pack in `folder` for the ways in which it writes a script; none if it has no `prose.npz`."""
    path = folder / "prose.npz"
    if not path.is_file():
        return ()
    with np.load(path, allow_pickle=False) as file:
        names = sorted({key.partition("_")[0] for key in file.files})
        return tuple(read_model(file, name) for name in names if script and name.startswith(script))


def read_model(file: Any, name: str) -> Script:
    """A model of `prose.npz` by the name of its script or scheme of transliteration."""
    stored = {key: file[f"{name}_{key}"] for key in ("alphabet", "typical", "odd", "three", "endings", "pairs")}
    longer = tuple((np.cumsum(file[f"{name}_keys{n}"], dtype=np.int64), file[f"{name}_costs{n}"]) for n in (4, 5))
    endings = {str(word): row for row, word in enumerate(str(stored["endings"]).split("\n"), 1)}
    return Script(
        str(stored["alphabet"]),
        float(stored["typical"]),
        float(stored["odd"]),
        stored["three"],
        longer,
        endings,
        stored["pairs"],
    )


@cache
def class_table(alphabet: str) -> npt.NDArray[np.uint8]:
    """Code point of the Basic Multilingual Plane -> class of the character."""
    table = classes_without_alphabet().copy()
    table[[ord(c) for c in alphabet]] = SIGN + 1 + np.arange(len(alphabet))
    return table


@cache
def classes_without_alphabet() -> npt.NDArray[np.uint8]:
    """What all models have in common; not to be changed."""
    table = np.full(0x10000, SIGN, np.uint8)
    plane = [chr(n) for n in range(0x10000)]
    table[[n for n, c in enumerate(plane) if c.isalpha()]] = FOREIGN
    table[[n for n, c in enumerate(plane) if c.isspace()]] = SPACE
    table[[n for n, c in enumerate(plane) if c.isdigit()]] = DIGIT
    for number, characters in CLASSES.items():
        table[[ord(c) for c in characters]] = number
    table.flags.writeable = False
    return table


def classes(text: str, alphabet: str) -> Codes:
    """The classes of the characters of `text`, which is in lower case."""
    return class_table(alphabet)[np.minimum(code_points(text), 0xFFFF)].astype(np.int64)


def code_points(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def first_ones(codes: Codes) -> npt.NDArray[np.bool_]:
    """Which characters count: of spaces, digits and foreign letters in a row only the first."""
    once = (codes == SPACE) | (codes == DIGIT) | (codes == FOREIGN)
    return np.concatenate([[True], ~(once[1:] & (codes[1:] == codes[:-1]))])[: len(codes)]


def keys(codes: Codes, length: int) -> Codes:
    """For each character, the key of the `length` characters that end with it, as if spaces stood before the text."""
    padded = np.concatenate([np.zeros(length - 1, np.int64), codes])
    key = np.zeros(len(codes), np.int64)
    for n in range(length):
        key = (key << BITS) | padded[n : n + len(codes)]
    return key


def character_costs(codes: Codes, model: Script) -> npt.NDArray[np.float64]:
    """The bits of each character after the four before it."""
    key = keys(codes, 5)
    costs = model.three[key & ((1 << 3 * BITS) - 1)].astype(np.int64)
    for length, (known, values) in zip((4, 5), model.longer, strict=True):
        sequence = key & ((1 << length * BITS) - 1)
        at = np.minimum(np.searchsorted(known, sequence), len(known) - 1)
        costs = np.where(known[at] == sequence, values[at], costs + BACKOFF)
    scaled: npt.NDArray[np.float64] = costs / STEP
    return scaled


@dataclass(frozen=True)
class Spelling:
    """How a text is spelled, by the pack's model of letters; -1 without one. `surprisal`: bits a character, as a
    multiple of what prose needs. `odd`: share of words, names aside, as unlikely as one word in 100 of prose."""

    surprisal: float
    odd: float


def spelling(text: str, pack: LanguagePack, script: str) -> Spelling:
    """How the letters of `text` follow one another, by the model that finds them likeliest."""
    models = load_models(pack.folder, script) if text else ()
    if len(text) > MOST_CHARACTERS:
        middle = (len(text) - PART) // 2
        text = "\n".join((text[:PART], text[middle : middle + PART], text[-PART:]))
    spellings = [spelling_by(text, pack.lower(text), model) for model in models]
    return min(spellings, key=lambda spelling: spelling.surprisal, default=Spelling(UNKNOWN, UNKNOWN))


def spelling_by(text: str, lower: str, model: Script) -> Spelling:
    codes = classes(lower, model.alphabet)
    counts = first_ones(codes)
    is_capital = code_points(text) != code_points(lower) if len(text) == len(lower) else np.zeros(len(lower), np.bool_)
    codes, is_capital = codes[counts], is_capital[counts]
    costs = character_costs(codes, model)
    each = word_costs(codes, costs, is_capital)
    odd = float((each > model.odd).mean()) if len(each) >= SHORTEST else UNKNOWN
    return Spelling(float(costs.mean()) / model.typical, odd)


def word_costs(
    codes: Codes, costs: npt.NDArray[np.float64], is_capital: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Mean bits a character of each different word without a capital; with one it may be a name."""
    spaces = codes == SPACE
    words = np.cumsum(spaces)
    letters = np.bincount(words, codes > SIGN)
    asked = (letters >= SHORTEST_WORD) & (np.bincount(words, is_capital) == 0)
    places = np.arange(len(codes)) - np.maximum.accumulate(np.where(spaces, np.arange(len(codes)), 0))
    names = np.bincount(words, (codes + 1) * POWERS[np.minimum(places, len(POWERS) - 1)])[asked]
    _, first = np.unique(names, return_index=True)
    each: npt.NDArray[np.float64] = (np.bincount(words, costs)[asked] / np.bincount(words)[asked])[first]
    return each


def words_and_numbers(text: str, pack: LanguagePack) -> list[str]:
    """The words of `text` in lower case, and `0` for each number."""
    return ["0" if word[0].isdecimal() else word for word in WORD_OR_NUMBER.findall(pack.lower(text))]


def ending_rows(words: list[str], endings: dict[str, int]) -> Codes:
    """The row of each word, by the word itself or its ending; 0 for any other."""
    get = endings.get
    return np.array([get(w) or get("-" + w[-ENDING:]) or get("-" + w[1 - ENDING :], 0) for w in words], np.int64)


def order(text: str, pack: LanguagePack, script: str) -> float:
    """How much better the endings of neighboring words fit each other than in the text's own shuffles, in standard
    errors: about 0 for shuffled words of any number."""
    models = load_models(pack.folder, script)
    words = words_and_numbers(text[:MOST_LETTERS], pack) if models else []
    if len(words) < SHORTEST:
        return IN_ORDER
    return max(order_by(words, model) for model in models)


def order_by(words: list[str], model: Script) -> float:
    rows = ending_rows(words, model.endings)
    next_one, after = model.pairs
    beside = next_one[rows[:-2], rows[1:-1]].astype(np.float64) + after[rows[:-2], rows[2:]]
    shuffled = [
        next_one[rows, far] + after[rows, far].astype(np.float64) for far in (np.roll(rows, -shift) for shift in SHIFTS)
    ]
    spread = float(np.std(shuffled)) or 1.0
    return float((beside.mean() - np.mean(shuffled)) / spread * math.sqrt(len(beside)))
