"""Numbers and choices that are drawn for a learner: always the same for the same learner, on any machine and Python."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Draw:
    """What is drawn for one learner in one lesson. A choice has a label and depends on nothing but it and `seed`."""

    seed: str

    @property
    def id(self) -> str:
        """A short name of this draw, written into the learner's files."""
        return self._digest("id").hex()[:8]

    def number(self, label: str, low: int, high: int, step: int = 1) -> int:
        """A whole number from `low` to `high`, both included, in steps of `step`."""
        return low + step * (int.from_bytes(self._digest(label)) % ((high - low) // step + 1))

    def choose(self, label: str, options: Sequence[T]) -> T:
        return options[self.number(label, 0, len(options) - 1)]

    def shuffle(self, label: str, rows: Iterable[T], key: Callable[[T], str]) -> list[T]:
        """`rows` in an order of their own, by a digest of the key of each."""
        return sorted(rows, key=lambda row: (self._digest(label, key(row)), key(row)))

    def _digest(self, *parts: str) -> bytes:
        return hashlib.blake2b("\0".join((self.seed, *parts)).encode(), digest_size=8).digest()
