"""Near copies of documents that were taken down: found by the MinHashes that `dedup` has made of every document.

Two documents are near copies from the same likeness on as in `dedup`. There bands of eight hashes find pairs in a whole
crawl, and about every second pair at the threshold itself is missed. Here few documents are looked for, so that narrow
bands can find practically all (0.7: one of 10^16 is missed), and each is then compared by all hashes.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anatili.document import read_shard
from anatili.refine.dedup import Signature, band_keys
from anatili.takedown_log import Takedowns

ROWS = 2
"""Hashes in a band."""
Hashes = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class NearCopy:
    """A document whose text is nearly that of a document that was taken down."""

    id: str
    of: str
    """Id of the document that was taken down."""
    likeness: float
    reason: str
    """Why that document was taken down."""


class NearCopies:
    """Finds near copies of the documents in `takedowns`."""

    def __init__(self, takedowns: Takedowns) -> None:
        blocking = list(takedowns.blocking())
        self.least = np.array([entry.min_likeness for entry, _ in blocking])
        self.ids = [document.id for _, document in blocking]
        self.reasons = [entry.reason for entry, _ in blocking]
        rows = [np.frombuffer(base64.b64decode(document.hashes), np.uint32) for _, document in blocking]
        # Documents of before [dedup] was changed have another number of hashes, of which the first are the same.
        size = min(map(len, rows), default=0) // ROWS * ROWS
        self.hashes: Hashes = np.stack([row[:size] for row in rows]) if size else np.zeros((0, 0), np.uint32)

    def among(self, ids: Sequence[str], hashes: Hashes) -> dict[str, NearCopy]:
        """Id -> what it is a near copy of, the most alike, for those of these documents that are near copies."""
        if not len(self.hashes) or not len(ids):
            return {}
        size = min(self.hashes.shape[1], hashes.shape[1]) // ROWS * ROWS
        own, others = self.hashes[:, :size], hashes[:, :size]
        candidates = np.zeros(len(ids), bool)
        for start in range(0, size, ROWS):
            band = slice(start, start + ROWS)
            candidates |= np.isin(band_keys(others[:, band]), band_keys(own[:, band]))
        copies: dict[str, NearCopy] = {}
        for number in np.flatnonzero(candidates).tolist():
            likeness = (own == others[number]).mean(axis=1)
            likeness[likeness < self.least] = 0.0
            best = int(likeness.argmax())
            if likeness[best] > 0:
                copies[ids[number]] = NearCopy(
                    ids[number], self.ids[best], round(float(likeness[best]), 3), self.reasons[best]
                )
        return copies

    def in_shard(self, signatures: Path) -> dict[str, NearCopy]:
        """The near copies among the documents of a shard of signatures."""
        if not len(self.hashes):
            return {}
        return self.among(*read_hashes(signatures))


def read_hashes(signatures: Path) -> tuple[list[str], Any]:
    """The ids of a shard of signatures, and their MinHashes, a row each."""
    rows = list(read_shard(signatures, Signature))
    if not rows:
        return [], np.zeros((0, 0), np.uint32)
    return [row.id for row in rows], np.stack([np.frombuffer(row.hashes, np.uint32) for row in rows])
