"""A filter that says of runs of five words that most of them are not in a part of the corpus, with one read each.

Most words of an answer begin no copied stretch. To learn that from the suffix array takes some twenty reads at places
all over it, each of which waits for the disk when the index is not in memory; the filter takes one. It is a Bloom
filter of two bits a run, both in the same page of memory (as in Putze, Sanders and Singler, 2007): a run that is there
is always found, and one that is not is taken for one that is in some 3 % of cases, which the suffix array then settles.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from anatili.attribution.mapped_file import PAGE, Mapped

GRAM = 5
"""Words of a run."""
BITS = 10
"""Bits for each word of the corpus."""
OF_PAGE = PAGE * 8
"""Bits of a page."""
STEP = 1 << 20
"""Runs that are written at a time."""
Numbers = npt.NDArray[np.uint32]


def keys_of(numbers: Numbers) -> npt.NDArray[np.uint64]:
    """A hash of each run of `GRAM` words. A number is 0 where there is no known word."""
    count = max(0, len(numbers) - GRAM + 1)
    keys = np.full(count, 0x9E3779B97F4A7C15, np.uint64)
    for position in range(GRAM):
        keys ^= numbers[position : position + count]
        keys *= np.uint64(0xBF58476D1CE4E5B9)
        keys ^= keys >> np.uint64(29)
    return keys


def is_whole(numbers: Numbers) -> npt.NDArray[np.bool_]:
    """Whether each run has only known words."""
    count = max(0, len(numbers) - GRAM + 1)
    whole = np.ones(count, bool)
    for position in range(GRAM):
        whole &= numbers[position : position + count] != 0
    return whole


def bits_of(keys: npt.NDArray[np.uint64], pages: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The numbers of the two bits of each run."""
    first = (keys >> np.uint64(32)).astype(np.int64) % pages * OF_PAGE
    low = keys & np.uint64(0xFFFFFFFF)
    one, two = low & np.uint64(OF_PAGE - 1), low >> np.uint64(17)
    return first + one.astype(np.int64), first + two.astype(np.int64)


def filter_of(numbers: Numbers) -> npt.NDArray[np.uint8]:
    """The filter of a part with these words, one after the other."""
    pages = -(-len(numbers) * BITS // OF_PAGE) or 1
    bits = np.zeros(pages * OF_PAGE, bool)
    for start in range(0, len(numbers), STEP):
        own = numbers[start : start + STEP + GRAM - 1]
        for places in bits_of(keys_of(own)[is_whole(own)], pages):
            bits[places] = True
    return np.packbits(bits, bitorder="little")


class GramFilter:
    """The filter of a part, by memory map."""

    def __init__(self, path: Path) -> None:
        self.mapped = Mapped(path)
        self.bytes = np.frombuffer(self.mapped.content, np.uint8)

    def may_begin(self, numbers: Numbers) -> npt.NDArray[np.bool_]:
        """For each word, whether the `GRAM` words from it on may be in the part; False where fewer follow."""
        found = np.zeros(len(numbers), bool)
        starts = np.flatnonzero(is_whole(numbers))
        one, two = bits_of(keys_of(numbers)[starts], len(self.bytes) // PAGE)
        self.mapped.prepare(one >> 3)
        found[starts] = self._has(one) & self._has(two)
        return found

    def _has(self, bits: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        has: npt.NDArray[np.bool_] = (self.bytes[bits >> 3] >> (bits & 7).astype(np.uint8)) & 1 == 1
        return has
