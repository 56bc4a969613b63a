"""`dedup`: which documents say what another one says, across all shards.

Exact copies by digest of the folded text; near copies by MinHash (rensa) over sequences of five words in `bands` of
`rows` hashes: two documents that share a band are compared by all their hashes. Of a group the copy
fetched first is kept, then the one with the most words, then the smallest id: the same whatever the order of the
shards, and a later crawl does not change which copy of an earlier one is kept.
Memory: the signatures of all documents are held in the process of the command, 4 x bands x rows bytes each and their
ids (about 0.7 kB a document at 14 x 8): enough for some millions, not yet for a whole crawl.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from anatili import text
from anatili.document import Document, Duplicate, read_shard, write_shard
from anatili.recipe import Dedup
from anatili.stage import Task

SEQUENCE = 5
SEED = 42


@dataclass(frozen=True, slots=True)
class Signature:
    """What duplicates are found by. `hashes` holds bands x rows unsigned 32-bit numbers."""

    id: str
    words: int
    time: str
    folded: str
    hashes: bytes


def run(task: Task) -> dict[str, Any]:
    """Sign each shard of `extract`, group what is alike, then write `Duplicate` rows, same shards, same order."""
    settings: Dedup = task.settings
    shards = sorted(task.inputs["extract"].glob("part-*.parquet"))
    jobs = [(shard, task.out / "signatures" / shard.name) for shard in shards]
    task.map(sign_shard, [job for job in jobs if not job[1].exists()], "shards", count=settings.bands * settings.rows)
    signatures = [target for _, target in jobs]
    groups = find_groups(signatures, settings)
    total: Counter[str] = Counter()
    first = 0
    for shard, signed in jobs:
        counts = write_duplicates(signed, task.out / shard.name, groups, first)
        total.update(counts)
        first += counts.total()
    return {"documents": dict(sorted(total.items()))}


def sign_shard(source: Path, target: Path, count: int) -> None:
    write_shard(target, Signature, (sign(document, count) for document in read_shard(source, Document)))


def sign(document: Document, count: int) -> Signature:
    """The signature of a document: `count` MinHashes over its sequences of five lower-case words."""
    from rensa import RMinHash

    words = [word.lower() for word in text.words(document.text)]
    sequences = [" ".join(words[i : i + SEQUENCE]) for i in range(max(1, len(words) - SEQUENCE + 1))]
    sketch = RMinHash(num_perm=count, seed=SEED)
    sketch.update(sequences)
    hashes = np.asarray(sketch.digest(), dtype=np.uint32).tobytes()
    return Signature(document.id, len(words), document.time, text.digest(" ".join(words)), hashes)


@dataclass(frozen=True)
class Groups:
    """`kept` -> for each document number the number of the copy that is kept; `ids` by number."""

    ids: list[str]
    kept: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.uint32]
    folded: list[str]


def find_groups(signatures: Iterable[Path], settings: Dedup) -> Groups:
    """Numbers of all documents, in order of the shards, grouped by union-find over pairs that are alike enough."""
    tables = [pq.read_table(path) for path in signatures]
    columns = {
        name: [v for t in tables for v in t.column(name).to_pylist()] for name in ("id", "words", "time", "folded")
    }
    width = settings.bands * settings.rows
    raw = b"".join(v for t in tables for v in t.column("hashes").to_pylist())
    hashes = np.frombuffer(raw, np.uint32).reshape(-1, width)
    parent = np.arange(len(hashes))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = int(parent[number])
        return number

    def join(one: int, other: int) -> None:
        a, b = sorted((root(one), root(other)))
        parent[b] = a

    first: dict[str, int] = {}
    for number, folded in enumerate(columns["folded"]):
        join(first.setdefault(folded, number), number)
    for band in range(settings.bands):
        keys = band_keys(hashes[:, band * settings.rows : (band + 1) * settings.rows])
        order = np.argsort(keys, kind="stable")
        for here, there in pairwise(order):
            if keys[here] == keys[there] and likeness(hashes, here, there) >= settings.min_likeness:
                join(int(here), int(there))
    roots = np.array([root(number) for number in range(len(hashes))], dtype=np.int64)
    best: dict[int, int] = {}
    for number, group in enumerate(roots):
        now = best.setdefault(int(group), number)
        if _rank(columns, number) < _rank(columns, now):
            best[int(group)] = number
    kept = np.array([best[int(group)] for group in roots], dtype=np.int64)
    return Groups(columns["id"], kept, hashes, columns["folded"])


def _rank(columns: dict[str, list[Any]], number: int) -> tuple[str, int, str]:
    return (columns["time"][number] or "9999", -columns["words"][number], columns["id"][number])


def band_keys(part: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    """One 64-bit key for the hashes of a band."""
    keys = np.zeros(len(part), np.uint64)
    for column in range(part.shape[1]):
        keys = (keys ^ part[:, column].astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(32)
    return keys


def likeness(hashes: npt.NDArray[np.uint32], one: int, other: int) -> float:
    """Estimated Jaccard likeness of two documents: the share of equal MinHashes."""
    return float(np.mean(hashes[one] == hashes[other]))


def write_duplicates(signed: Path, target: Path, groups: Groups, first: int) -> Counter[str]:
    """Write the `Duplicate` rows of one shard, whose documents are numbered from `first`; returns its counts."""
    counts: Counter[str] = Counter()
    rows = []
    for number, signature in enumerate(read_shard(signed, Signature), first):
        kept = int(groups.kept[number])
        if kept == number:
            counts["unique"] += 1
            rows.append(Duplicate(signature.id, "", "", 0.0))
            continue
        kind = "exact" if groups.folded[kept] == signature.folded else "near"
        counts[kind] += 1
        rows.append(Duplicate(signature.id, groups.ids[kept], kind, round(likeness(groups.hashes, number, kept), 3)))
    write_shard(target, Duplicate, rows, counts)
    return counts
