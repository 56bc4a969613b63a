"""Boilerplate: lines that a host repeats on many of its pages, menus and notices that the extractor took for text.

Each shard yields the hashes of its (host, line) pairs, once per page. The pairs are counted in parts, so that only one
part is in memory at a time.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from anatili import text
from anatili.atomic_files import whole_file
from anatili.document import Document, read_shard
from anatili.stage import Task
from anatili.urls import host_of

PARTS = 16
"""Least parts."""
AT_ONCE = 1 << 21
"""Pairs that may be in a part."""
SHORTEST = 8
"""Least characters of a line: shorter ones (times, "Share") repeat by chance."""
Repeated = npt.NDArray[np.int64]
"""Sorted hashes of (host, line) pairs that occur on too many pages."""


def pair_hash(host: str, line: str) -> int:
    return text.number_of(f"{host}\n{line.strip().lower()}")


def find(task: Task, shards: Sequence[Path], pages: int, is_kept: Sequence[npt.NDArray[np.bool_]]) -> Repeated:
    """The pairs that occur on at least `pages` pages of their host; none if `pages` is 0.

    `is_kept` says for each shard which of its documents count. Copies of a page do not: each of their lines would seem
    to occur on many pages.
    """
    if not pages:
        return np.zeros(0, np.int64)
    jobs = [(shard, task.out / "lines" / f"{shard.stem}.npy") for shard in shards]
    task.map(pairs_of_shard, [job for job in jobs if not job[1].exists()], "shards of lines")
    total = sum(np.load(target, mmap_mode="r").shape[0] for _, target in jobs)
    parts = PARTS
    while total > parts * AT_ONCE:
        parts *= 2
    repeated = []
    for part in range(parts):
        hashes = [np.zeros(0, np.int64)]
        for (_, target), kept in zip(jobs, is_kept, strict=True):
            rows = np.load(target, mmap_mode="r")
            hashes.append(rows[((rows[:, 0] & (parts - 1)) == part) & kept[rows[:, 1]], 0])
        values, counts = np.unique(np.concatenate(hashes), return_counts=True)
        repeated.append(values[counts >= pages])
    return np.sort(np.concatenate(repeated))


def pairs_of_shard(source: Path, target: Path) -> None:
    """Write the hashes of a shard's (host, line) pairs, each once per page, with the number of the document."""
    rows: list[tuple[int, int]] = []
    for position, document in enumerate(read_shard(source, Document)):
        host = host_of(document.url)
        if host:
            lines = {line for line in document.text.splitlines() if len(line.strip()) >= SHORTEST}
            rows += sorted((pair, position) for pair in {pair_hash(host, line) for line in lines})
    with whole_file(target) as temporary, temporary.open("wb") as file:
        np.save(file, np.array(rows, np.int64).reshape(-1, 2))


def lines_of(document: Document, repeated: Repeated) -> tuple[int, ...]:
    """The numbers of a document's lines that its host repeats."""
    host = host_of(document.url)
    if not host or not len(repeated):
        return ()
    hashes = np.array([pair_hash(host, line) for line in document.text.splitlines()], np.int64)
    positions = np.minimum(np.searchsorted(repeated, hashes), len(repeated) - 1)
    return tuple(np.flatnonzero(repeated[positions] == hashes).tolist())
