"""What a model must beat: simple predictors of the next byte, given the same training text."""

import lzma
from collections.abc import Iterable
from math import log2

ORDER = 5
"""Bytes of context of the n-gram model: two to three Cyrillic letters."""
TRAINING_BYTES = 1_000_000
"""Training text of the baselines at most: they are slow and only a yardstick."""
CHANCE = 8.0
"""Bits per byte of guessing each byte with equal probability."""


class ByteNgrams:
    """Byte n-grams up to `ORDER` + 1 with Witten-Bell smoothing (Bell, Cleary and Witten, 1990)."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.counts: list[dict[bytes, dict[int, int]]] = [{} for _ in range(ORDER + 1)]
        for text in texts:
            data = text.encode()
            for position, byte in enumerate(data):
                for order in range(min(ORDER, position) + 1):
                    followers = self.counts[order].setdefault(data[position - order : position], {})
                    followers[byte] = followers.get(byte, 0) + 1

    def bits(self, text: str) -> float:
        """Bits of `text`."""
        data = text.encode()
        return -sum(log2(self._probability(data, position)) for position in range(len(data)))

    def _probability(self, data: bytes, position: int) -> float:
        probability = 1 / 256
        for order in range(min(ORDER, position) + 1):
            followers = self.counts[order].get(data[position - order : position])
            if followers is None:
                break
            total, kinds = sum(followers.values()), len(followers)
            probability = (followers.get(data[position], 0) + kinds * probability) / (total + kinds)
        return probability


def xz_bits(training: bytes, texts: tuple[str, ...]) -> float:
    """Bits by which the training text compressed by xz grows when `texts` follow it."""
    held = "\n".join(texts).encode()
    return 8.0 * (len(lzma.compress(training + held, preset=6)) - len(lzma.compress(training, preset=6)))
