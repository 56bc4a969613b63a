"""What can be counted about the blocks of a page, in no language's words."""

import html
import json
import re
import sys
import unicodedata
from itertools import chain

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
MAX_TITLE = 500
STRING = json.JSONDecoder(strict=False)
MARKUP = re.compile("<[^<>]{0,500}>")
LEVELS = 4
"""Containers around a block that are looked at, each larger than the one before."""


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
    """Characters of each class, blocks x 9, and the classes of each block's first and last character."""
    codes = np.frombuffer("".join(texts).encode(UTF32, "surrogatepass"), np.uint32)
    classes = TABLE[np.minimum(codes, 0x10000)]
    lengths = np.array([len(text) for text in texts])
    ends = np.cumsum(lengths)
    block = np.repeat(np.arange(len(texts)) * 9, lengths)
    table = np.bincount(block + classes, minlength=9 * len(texts)).reshape(-1, 9)
    return table.astype(np.float32), classes[ends - lengths], classes[ends - 1]


def stated_text(page: str) -> str:
    """The text that a page states for search engines in JSON-LD, white space as single spaces; "" if it states none."""
    start = page.find(STATED)
    opening = page.find('"', start + len(STATED)) if start >= 0 else -1
    if opening < 0 or page[start + len(STATED) : opening].strip() != ":":
        return ""
    try:
        body, _ = STRING.raw_decode(page[: opening + MAX_STATED], opening)
    except ValueError:
        return ""
    return " ".join(MARKUP.sub(" ", html.unescape(body)).split()) if isinstance(body, str) else ""


def stated(texts: list[str], letters: Floats, page: str) -> Floats:
    """Of each block: 1 if its beginning is in the stated text, -1 if not, 0 if it is too short or nothing is stated."""
    said = stated_text(page)
    marks = np.zeros(len(texts), np.float32)
    if len(said) > 200:
        for block in np.flatnonzero(letters >= 20)[:MAX_COMPARED].tolist():
            marks[block] = 1 if " ".join(texts[block][:80].split())[:40] in said else -1
    return marks


def log(values: NDArray[np.generic]) -> Floats:
    return np.log1p(values.astype(np.float32))


def containers(parents: list[int], sizes: list[int]) -> list[int]:
    """For each element the nearest around it that has more blocks; the outermost has itself."""
    larger = [0] * len(parents)
    element = 1
    for parent, size in zip(parents[1:], sizes[1:], strict=True):
        larger[element] = parent if sizes[parent] > size else larger[parent]
        element += 1
    return larger


class Features:
    """The features of a page's blocks, and the ranges of blocks that their containers span.

    `values`: blocks x features; `ranges`: LEVELS pairs of (first block, block after the last), one for each block;
    `names`, `offsets`: buckets of all elements' names and where each element's begin; `inside`, `parent`: of each
    block the innermost element and its parent; `starts`, `ends`: of each element; `letters`: of each block.
    """

    def __init__(self, blocks: Blocks, page: str, title: str) -> None:
        n = len(blocks.texts)
        self.inside = np.array(blocks.inside)
        self.parents = np.array(blocks.parents)
        self.starts, self.ends = np.array(blocks.starts), np.array(blocks.ends)
        self.kinds = np.array(blocks.kinds)
        lengths = np.fromiter(map(len, blocks.names), np.int64, len(blocks.names))
        self.offsets = np.cumsum(lengths) - lengths
        self.names = np.fromiter(chain.from_iterable(blocks.names), np.int64, int(lengths.sum()))
        self.parent = np.maximum(self.parents[self.inside], 0)
        table, first, last = counts(blocks.texts)
        letters = table[:, LETTER] + table[:, UPPER] + 2 * table[:, WIDE]
        self.letters = letters
        total = np.maximum(table.sum(1), 1)
        linked = np.minimum(np.array(blocks.linked, np.float32) / np.array([len(t) for t in blocks.texts]), 1)
        words = table[:, SPACE] + 1 + table[:, WIDE] / 2
        prose = letters * (1 - linked)
        seen: dict[str, int] = {}
        order = np.array([seen.setdefault(text, len(seen)) for text in blocks.texts])
        repeated = np.bincount(order)[order]
        said = stated(blocks.texts, letters, page)
        whole = max(1.0, float(letters.sum()))
        compared = max(1.0, float((letters * (said != 0)).sum()))
        title = title[:MAX_TITLE]
        titles = np.array([len(text) > 5 and text in title for text in blocks.texts])
        of_page = (
            said.any(),
            (letters * (said > 0)).sum() / compared,
            np.log1p(n),
            np.log1p(whole),
            prose.sum() / whole,
        )
        columns = [
            said, titles, np.cumsum(titles) > 0, letters / 200 > 1,
            log(letters), log(words), letters / (words * 10), log(prose), letters / whole,
            table[:, DIGIT] / total, table[:, UPPER] / total, table[:, SIGN] / total, log(table[:, SIGN]),
            log(table[:, STOP]), log(table[:, COMMA]), log(table[:, QUOTE]),
            last == STOP, last == COMMA, (last == LETTER) | (last == UPPER),
            first == UPPER, first == DIGIT, first == SIGN,
            linked, linked > 0.95, log(np.array(blocks.links)),
            log(np.array(blocks.images)), log(np.array(blocks.tags)), log(repeated - 1),
            np.arange(n) / n, (np.cumsum(letters) - letters / 2) / whole,
            *(np.full(n, value) for value in of_page),
        ]  # fmt: skip
        columns += self._kinds(letters, linked)
        columns += self._containers(letters, prose, whole, last == STOP, linked)
        self.values = np.stack([np.asarray(column, np.float32) for column in columns], 1)

    def _kinds(self, letters: Floats, linked: Floats) -> list[Floats]:
        """What blocks in equal tags are like, for the innermost element and its parent."""
        columns = []
        for element in (self.inside, self.parent):
            kind = self.kinds[element]
            number = np.bincount(kind)
            mean = np.bincount(kind, letters) / np.maximum(number, 1)
            links = np.bincount(kind, linked) / np.maximum(number, 1)
            columns += [log(number)[kind], log(mean)[kind], links[kind]]
        first = self.starts[self.inside]
        columns += [log(np.arange(len(letters)) - first), log(self.ends[self.inside] - np.arange(len(letters)) - 1)]
        return columns

    def _containers(
        self, letters: Floats, prose: Floats, page: float, ends: NDArray[np.bool_], linked: Floats
    ) -> list[Floats]:
        """What the containers of each block hold."""
        sizes = self.ends - self.starts
        larger = np.array(containers(self.parents.tolist(), sizes.tolist()))
        sums = np.zeros((len(letters) + 1, 6))
        np.cumsum(
            np.stack([letters, prose, ends, linked > 0.5, letters > 80, np.sqrt(letters)], 1),
            0,
            out=sums[1:],
            dtype=np.float64,
        )
        columns: list[Floats] = []
        self.ranges = []
        element = np.where(sizes[self.inside] > 1, self.inside, larger[self.inside])
        for _ in range(LEVELS):
            start, end = self.starts[element], self.ends[element]
            self.ranges.append((start, end))
            number = (end - start).astype(np.float32)
            held = sums[end] - sums[start]
            columns += [
                log(number), held[:, 0] / page, held[:, 1] / np.maximum(held[:, 0], 1), log(held[:, 0] / number),
                held[:, 2] / number, held[:, 3] / number, held[:, 4] / number, held[:, 5] / number / 10,
            ]  # fmt: skip
            element = larger[element]
        return columns
