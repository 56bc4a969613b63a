"""What can be counted about the blocks of a page, in no language's words."""

import html
import json
import re
import sys
import unicodedata
from array import array

import numpy as np
from numpy.typing import NDArray

from anatili.extraction.blocks import Blocks

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
SPACE, LETTER, UPPER, WIDE, DIGIT, STOP, COMMA, QUOTE, SIGN = range(9)
"""Classes of characters: letters without case or in lower case, capitals, letters of scripts that set no spaces,
digits, signs that end sentences, signs inside of sentences, quotation marks and brackets, and all others."""
STOPS, COMMAS = ".!?…。！？।॥؟۔։።.", ",;:،؛、，；：·"
STATED, MAX_STATED, MAX_COMPARED = '"articleBody"', 100_000, 2000
MAX_TITLE, MAX_WORDS = 500, 2000
STRING = json.JSONDecoder(strict=False)
MARKUP = re.compile("<[^<>]{0,500}>")
FEATURES = 77
LEVELS = 4
"""Containers around a block that are looked at, each larger than the one before."""


def ints(numbers: list[int]) -> Ints:
    """The numbers as numpy's, in half of the time that numpy takes."""
    return np.frombuffer(array("q", numbers), np.int64)


def class_table() -> NDArray[np.uint8]:
    """The class of each character of the basic plane; the last one is that of all others."""
    table = np.full(0x10001, SIGN, np.uint8)
    for code in range(0x10000):
        sign = chr(code)
        category = unicodedata.category(sign)
        if category[0] in "ZC":
            table[code] = SPACE
        elif category == "Lu":
            table[code] = UPPER
        elif category[0] in "LM":
            table[code] = (
                WIDE if 0x2E80 <= code < 0xD7FB or 0xE00 <= code < 0xF00 or code >= 0xF900 > 0xFB00 else LETTER
            )
        elif category == "Nd":
            table[code] = DIGIT
        elif sign in STOPS:
            table[code] = STOP
        elif sign in COMMAS:
            table[code] = COMMA
        elif category in ("Pi", "Pf", "Ps", "Pe") or sign in "\"'":
            table[code] = QUOTE
    table[0x10000] = WIDE
    return table


TABLE = class_table()
UTF32 = "utf-32-le" if sys.byteorder == "little" else "utf-32-be"


def counts(texts: list[str]) -> tuple[Floats, NDArray[np.uint8], NDArray[np.uint8]]:
    """Characters of each class, 9 x blocks, and the classes of each block's first and last character."""
    codes = np.frombuffer("".join(texts).encode(UTF32, "surrogatepass"), np.uint32)
    classes = TABLE.take(codes, mode="clip")
    lengths = ints([len(text) for text in texts])
    ends = lengths.cumsum()
    block = np.repeat(np.arange(len(texts)) * 9, lengths)
    table = np.bincount(block + classes, minlength=9 * len(texts)).reshape(-1, 9)
    return table.T.astype(np.float32), classes[ends - lengths], classes[ends - 1]


def stated_text(page: str) -> str:
    """The text that a page states for search engines in JSON-LD, white space as single spaces; "" if it states none."""
    start = page.find(STATED)
    opening = page.find('"', start + len(STATED)) if start >= 0 else -1
    if opening < 0 or page[start + len(STATED) : opening].strip() != ":":
        return ""
    try:
        body, _ = STRING.raw_decode(page[opening : opening + MAX_STATED])
    except ValueError:
        return ""
    if not isinstance(body, str):
        return ""
    body = html.unescape(body) if "&" in body else body
    return " ".join((MARKUP.sub(" ", body) if "<" in body else body).split())


def stated(texts: list[str], letters: Floats, page: str) -> Floats:
    """Of each block: 1 if its beginning is in the stated text, -1 if not, 0 if it is too short or nothing is stated."""
    said = stated_text(page)
    marks = np.zeros(len(texts), np.float32)
    if len(said) > 200:
        for block in np.flatnonzero(letters >= 20)[:MAX_COMPARED].tolist():
            marks[block] = 1 if " ".join(texts[block][:80].split())[:40] in said else -1
    return marks


def shared(texts: list[str], letters: Floats, title: str) -> Floats:
    """Of the longer words of each block, the share that others have too, and that the title has: 2 x blocks, 0 if few.

    Words count as equal if they begin with the same five letters: endings differ.
    """
    shares = np.zeros((2, len(texts)), np.float32)
    long = np.flatnonzero(letters >= 20)[:MAX_COMPARED].tolist()
    words = [{word[:5] for word in texts[block][:MAX_WORDS].lower().split() if len(word) > 4} for block in long]
    seen: set[str] = set()
    repeated: set[str] = set()
    for own in words:
        repeated |= seen & own
        seen |= own
    in_title = {word[:5] for word in title.lower().split() if len(word) > 4}
    for block, own in zip(long, words, strict=True):
        if own:
            shares[0, block] = len(own & repeated) / len(own)
            shares[1, block] = len(own & in_title) / len(own)
    return shares


def containers(parents: list[int], sizes: list[int]) -> list[int]:
    """For each element the nearest around it that has more blocks; the outermost has itself."""
    larger = [0] * len(parents)
    element = 1
    for parent, size in zip(parents[1:], sizes[1:], strict=True):
        larger[element] = parent if sizes[parent] > size else larger[parent]
        element += 1
    return larger


def names_of_tags(blocks: Blocks) -> tuple[NDArray[np.uint16], Ints]:
    """Buckets of the names of all different tags, and where each tag's begin."""
    tags = dict(zip(blocks.kinds, blocks.names, strict=True)).values()  # kinds are numbered as they come
    lengths = ints([*map(len, tags)])
    return np.frombuffer(b"".join(tags), np.uint16), lengths.cumsum() - lengths


def copies(texts: list[str]) -> Ints:
    """How many other blocks have the text of each one."""
    seen: dict[str, int] = {}
    same = ints([seen.setdefault(text, len(seen)) for text in texts])
    return np.bincount(same)[same] - 1


def edge_tables() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """What a block begins with and what it ends with, 3 x classes each, by the class of the character there."""
    classes = np.arange(9)
    letter = (classes == LETTER) | (classes == UPPER)
    return classes == np.array([[UPPER], [DIGIT], [SIGN]]), np.array([classes == STOP, classes == COMMA, letter])


BEGINNINGS, ENDINGS = edge_tables()


class Features:
    """The features of a page's blocks, and the ranges of blocks that their containers span.

    `values`: blocks x features; `ranges`: first blocks of the containers and the blocks after their last, each LEVELS x
    blocks; `names`, `offsets`: buckets of the names of all different tags and where each tag's begin; `kinds`: of each
    element the number of its tag; `inside`, `parent`: of each block the innermost element and its parent; `starts`,
    `ends`: of each element; `letters`: of each block; `larger`: of each element the nearest around it that has more
    blocks.
    """

    def __init__(self, blocks: Blocks, page: str, title: str) -> None:
        n = len(blocks.texts)
        self.inside, self.parents, self.kinds = ints(blocks.inside), ints(blocks.parents), ints(blocks.kinds)
        self.starts, self.ends = ints(blocks.starts), ints(blocks.ends)
        self.names, self.offsets = names_of_tags(blocks)
        self.parent = np.maximum(self.parents[self.inside], 0)
        table, first, last = counts(blocks.texts)
        self.letters = letters = table[LETTER] + table[UPPER] + 2 * table[WIDE]
        total = np.maximum(table.sum(0), 1)
        numbers = ints([*blocks.linked, *blocks.links, *blocks.images, *blocks.tags]).reshape(4, n)
        linked = np.minimum(numbers[0].astype(np.float32) / total, 1)
        words = table[SPACE] + 1 + table[WIDE] / 2
        prose = letters * (1 - linked)
        said = stated(blocks.texts, letters, page)
        whole = max(1.0, float(letters.sum()))
        compared = max(1.0, float((letters * (said != 0)).sum()))
        title = title[:MAX_TITLE]
        order = np.arange(n)
        # Written in place, rows that belong together at once: most steps here take longer to call than to do.
        values = np.empty((FEATURES, n), np.float32)
        values[0] = said
        values[1] = [len(text) > 5 and text in title for text in blocks.texts]
        np.maximum.accumulate(values[1], out=values[2])
        values[3] = letters > 200
        values[4] = letters / (words * 10)
        values[5] = letters / whole
        np.divide(table[[DIGIT, UPPER, SIGN]], total, out=values[6:9])
        values[9:12] = ENDINGS.take(last, 1)
        values[12:15] = BEGINNINGS.take(first, 1)
        values[15] = linked
        values[16] = linked > 0.95
        values[17] = order / n
        values[18] = (letters.cumsum() - letters / 2) / whole
        values[19] = said.any()
        values[20] = (letters * (said > 0)).sum() / compared
        values[21] = prose.sum() / whole
        values[48:50] = shared(blocks.texts, letters, title)
        values[50], values[51], values[52] = letters, words, prose
        values[53:57] = table[[SIGN, STOP, COMMA, QUOTE]]
        values[57:60] = numbers[1:]
        values[60] = copies(blocks.texts)
        values[61] = order - self.starts[self.inside]
        values[62] = self.ends[self.inside] - order - 1
        values[63] = n
        values[64] = whole
        self._kinds(values, letters, linked)
        self._containers(values, blocks.parents, letters, prose, whole, last == STOP, linked)
        np.log1p(values[50:], out=values[50:])
        self.values = values.T

    def _kinds(self, values: Floats, letters: Floats, linked: Floats) -> None:
        """Number and mean length of blocks in equal tags, and their links: of the innermost element and its parent."""
        for n, element in enumerate((self.inside, self.parent)):
            kind = self.kinds[element]
            number = np.bincount(kind)
            divisor = np.maximum(number, 1)
            values[22 + n] = (np.bincount(kind, linked) / divisor)[kind]
            values[65 + 2 * n] = number[kind]
            values[66 + 2 * n] = (np.bincount(kind, letters) / divisor)[kind]

    def _containers(
        self,
        values: Floats,
        parents: list[int],
        letters: Floats,
        prose: Floats,
        page: float,
        ends: NDArray[np.bool_],
        linked: Floats,
    ) -> None:
        """What the containers of each block hold: number of blocks and mean length, and shares of kinds of blocks."""
        sizes = self.ends - self.starts
        self.larger = larger = ints(containers(parents, sizes.tolist()))
        sums = np.zeros((6, len(letters) + 1))
        for row, value in enumerate((letters, prose, ends, linked > 0.5, letters > 80, np.sqrt(letters))):
            sums[row, 1:] = value
        sums = sums.cumsum(1)
        around = np.empty((LEVELS, len(letters)), np.int64)
        around[0] = np.where(sizes[self.inside] > 1, self.inside, larger[self.inside])
        for level in range(1, LEVELS):
            around[level] = larger[around[level - 1]]
        self.ranges = starts, stops = self.starts[around], self.ends[around]
        number = stops - starts
        held = sums.take(stops, 1) - sums.take(starts, 1)
        values[69:73] = number
        values[73:77] = held[0] / number
        shares = values[24:48].reshape(6, LEVELS, -1)
        shares[0] = held[0] / page
        shares[1] = held[1] / np.maximum(held[0], 1)
        shares[2:5] = held[2:5] / number
        shares[5] = held[5] / number / 10
