"""What a model must beat: simple predictors of the next byte, given the same training text."""

import lzma
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

ORDER = 5
"""Bytes of context of the n-gram model: two to three Cyrillic letters."""
TRAINING_BYTES = 1_000_000
"""Training text of the baselines at most: they are only a yardstick."""
CHANCE = 8.0
"""Bits per byte of guessing each byte with equal probability."""


class ByteNgrams:
    """Byte n-grams up to `ORDER` + 1 with Witten-Bell smoothing (Bell, Cleary and Witten, 1990)."""

    def __init__(self, texts: Iterable[str]) -> None:
        data = [text.encode() for text in texts]
        self.tables = [_Table(data, order) for order in range(ORDER + 1)]

    def bits(self, text: str) -> float:
        """Bits of `text`."""
        return 0.0 - float(np.log2(self.probabilities(text.encode())).sum())

    def probabilities(self, data: bytes) -> Floats:
        """The probability of each byte after those before it, shape (len(data),)."""
        probabilities = np.full(len(data), 1 / 256)
        for order, table in enumerate(self.tables[: len(data)]):
            probabilities[order:] = table.smoothed(_sequences(data, order), probabilities[order:])
        return probabilities


class _Table:
    """How often each byte followed each context of `order` bytes."""

    def __init__(self, texts: list[bytes], order: int) -> None:
        found = [_sequences(data, order) for data in texts]
        self.sequences, self.counts = np.unique(np.concatenate(found or [_sequences(b"", 0)]), return_counts=True)
        self.contexts, starts = np.unique(self.sequences >> 8, return_index=True)
        self.kinds = np.diff(starts, append=len(self.sequences))
        self.totals = np.add.reduceat(self.counts, starts) if len(starts) else self.counts

    def smoothed(self, sequences: Numbers, shorter: Floats) -> Floats:
        """The probability of the last byte of each sequence after the others; `shorter` is the one that a context with
        a byte less gives, and stays where the context is new."""
        at, known = _positions(self.contexts, sequences >> 8)
        place, seen = _positions(self.sequences, sequences)
        counts = np.where(seen, self.counts[place], 0) if len(self.counts) else np.zeros(len(sequences))
        if not known.any():
            return shorter
        return np.where(known, (counts + self.kinds[at] * shorter) / (self.totals[at] + self.kinds[at]), shorter)


def _sequences(data: bytes, order: int) -> Numbers:
    """Each `order` bytes and the byte after them as one number, shape (len(data) - order,)."""
    values = np.frombuffer(data, np.uint8).astype(np.int64)
    numbers = np.zeros(max(0, len(values) - order), np.int64)
    for place in range(order + 1):
        numbers = numbers << 8 | values[place : place + len(numbers)]
    return numbers


def _positions(among: Numbers, numbers: Numbers) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """The position of each number in the sorted `among`, and whether it is there at all."""
    if not len(among):
        return np.zeros(len(numbers), np.int64), np.zeros(len(numbers), np.bool_)
    at = np.minimum(np.searchsorted(among, numbers), len(among) - 1)
    return at, among[at] == numbers


def xz_bits(training: bytes, texts: tuple[str, ...]) -> float:
    """Bits by which the training text compressed by xz grows when `texts` follow it."""
    held = "\n".join(texts).encode()
    return 8.0 * (len(lzma.compress(training + held, preset=6)) - len(lzma.compress(training, preset=6)))
