"""What can be counted about the blocks of a page, in no language's words."""

import html
import json
import re
import sys
import unicodedata
from array import array
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anatili.extraction.blocks import Blocks

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Numbers = NDArray[np.number]
SPACE, LETTER, UPPER, WIDE, DIGIT, STOP, COMMA, QUOTE, SIGN = range(9)
"""Classes of characters: letters without case or in lower case, capitals, letters of scripts that set no spaces,
digits, signs that end sentences, signs inside of sentences, quotation marks and brackets, and all others."""
STOPS, COMMAS = ".!?…。！？।॥؟۔։።.", ",;:،؛、，；：·"
STATED, MAX_STATED, MAX_COMPARED = '"articleBody"', 100_000, 2000
MAX_TITLE, MAX_WORDS = 500, 2000
STRING = json.JSONDecoder(strict=False)
MARKUP = re.compile("<[^<>]{0,500}>")
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


def names_of_tags(blocks: Blocks) -> tuple[Ints, Ints]:
    """Buckets of the names of all different tags, and where each tag's begin."""
    tags = dict(zip(blocks.kinds, blocks.names, strict=True)).values()  # kinds are numbered as they come
    lengths = ints([len(names) for names in tags])
    return ints([*chain.from_iterable(tags)]), lengths.cumsum() - lengths


def copies(texts: list[str]) -> Ints:
    """How many other blocks have the text of each one."""
    seen: dict[str, int] = {}
    same = ints([seen.setdefault(text, len(seen)) for text in texts])
    return np.bincount(same)[same] - 1


def edges(first: NDArray[np.uint8], last: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], ...]:
    """What each block ends and begins with, by the classes of its last and first character."""
    return (
        last == STOP,
        last == COMMA,
        (last == LETTER) | (last == UPPER),
        first == UPPER,
        first == DIGIT,
        first == SIGN,
    )


def stacked(rows: Sequence[Any], logarithms: Sequence[Any], blocks: int) -> Floats:
    """Features x blocks: `rows` as they are, then the logarithms of one more than `logarithms`."""
    values = np.empty((len(rows) + len(logarithms), blocks), np.float32)
    for row, value in enumerate(chain(rows, logarithms)):
        values[row] = value
    np.log1p(values[len(rows) :], out=values[len(rows) :])
    return values


class Features:
    """The features of a page's blocks, and the ranges of blocks that their containers span.

    `values`: blocks x features; `ranges`: LEVELS pairs of (first block, block after the last), one for each block;
    `names`, `offsets`: buckets of the names of all different tags and where each tag's begin; `kinds`: of each element
    the number of its tag; `inside`, `parent`: of each block the innermost element and its parent; `starts`, `ends`: of
    each element; `letters`: of each block; `larger`: of each element the nearest around it that has more blocks.
    """

    def __init__(self, blocks: Blocks, page: str, title: str) -> None:
        n = len(blocks.texts)
        self.inside, self.parents, self.kinds = ints(blocks.inside), ints(blocks.parents), ints(blocks.kinds)
        self.starts, self.ends = ints(blocks.starts), ints(blocks.ends)
        self.names, self.offsets = names_of_tags(blocks)
        self.parent = np.maximum(self.parents[self.inside], 0)
        table, first, last = counts(blocks.texts)
        letters = table[LETTER] + table[UPPER] + 2 * table[WIDE]
        self.letters = letters
        total = np.maximum(table.sum(0), 1)
        linked = np.minimum(ints(blocks.linked).astype(np.float32) / total, 1)
        words = table[SPACE] + 1 + table[WIDE] / 2
        prose = letters * (1 - linked)
        said = stated(blocks.texts, letters, page)
        whole = max(1.0, float(letters.sum()))
        compared = max(1.0, float((letters * (said != 0)).sum()))
        title = title[:MAX_TITLE]
        titles = np.array([len(text) > 5 and text in title for text in blocks.texts])
        ends = last == STOP
        order = np.arange(n)
        kinds, kind_links = self._kinds(letters, linked)
        held, shares = self._containers(letters, prose, whole, ends, linked)
        first_block = self.starts[self.inside]
        rows = (
            said,
            titles,
            np.logical_or.accumulate(titles),
            letters > 200,
            letters / (words * 10),
            letters / whole,
            *(table[[DIGIT, UPPER, SIGN]] / total),
            *edges(first, last),
            linked,
            linked > 0.95,
            order / n,
            (letters.cumsum() - letters / 2) / whole,
            said.any(),
            (letters * (said > 0)).sum() / compared,
            prose.sum() / whole,
            *kind_links,
            *shares,
            *shared(blocks.texts, letters, title),
        )
        logarithms = (
            letters,
            words,
            prose,
            *table[[SIGN, STOP, COMMA, QUOTE]],
            ints(blocks.links),
            ints(blocks.images),
            ints(blocks.tags),
            copies(blocks.texts),
            order - first_block,
            self.ends[self.inside] - order - 1,
            n,
            whole,
            *kinds,
            *held,
        )
        self.values = stacked(rows, logarithms, n).T

    def _kinds(self, letters: Floats, linked: Floats) -> tuple[list[Numbers], list[Numbers]]:
        """Number and mean length of blocks in equal tags, and their links: of the innermost element and its parent."""
        sizes: list[Numbers] = []
        links: list[Numbers] = []
        for element in (self.inside, self.parent):
            kind = self.kinds[element]
            number = np.bincount(kind)
            divisor = np.maximum(number, 1)
            sizes += [number[kind], (np.bincount(kind, letters) / divisor)[kind]]
            links.append((np.bincount(kind, linked) / divisor)[kind])
        return sizes, links

    def _containers(
        self, letters: Floats, prose: Floats, page: float, ends: NDArray[np.bool_], linked: Floats
    ) -> tuple[Floats, Floats]:
        """What the containers of each block hold: number of blocks and mean length, and shares of kinds of blocks."""
        sizes = self.ends - self.starts
        self.larger = larger = ints(containers(self.parents.tolist(), sizes.tolist()))
        sums = np.zeros((6, len(letters) + 1))
        for row, value in enumerate((letters, prose, ends, linked > 0.5, letters > 80, np.sqrt(letters))):
            sums[row, 1:] = value
        sums = sums.cumsum(1)
        element = np.where(sizes[self.inside] > 1, self.inside, larger[self.inside])
        levels = [element]
        for _ in range(1, LEVELS):
            levels.append(larger[levels[-1]])
        around = np.array(levels)
        starts, stops = self.starts[around], self.ends[around]
        self.ranges = list(zip(starts, stops, strict=True))
        number = stops - starts
        held = sums.take(stops, 1) - sums.take(starts, 1)
        shares = held / number
        shares[0] = held[0] / page
        shares[1] = held[1] / np.maximum(held[0], 1)
        shares[5] /= 10
        return np.concatenate([number, held[0] / number]), shares.reshape(-1, len(letters))
