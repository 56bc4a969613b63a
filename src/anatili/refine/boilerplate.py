"""Lines that a host repeats on many of its pages: menus and notices which the extractor took for text.

Each shard gives the numbers of its (host, line) pairs, once a page; pairs are counted in parts, so that memory holds
one part of them at a time.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from anatili import text
from anatili.document import Document, read_shard, whole_file
from anatili.stage import Task

PARTS = 16
SHORTEST = 8
"""Characters a line must have: shorter ones (times, "Share") are met by chance."""
Repeated = npt.NDArray[np.int64]
"""Sorted numbers of (host, line) pairs that stand on too many pages."""


def pair(host: str, line: str) -> int:
    return text.number_of(f"{host}\n{line.strip().lower()}")


def find(task: Task, shards: Sequence[Path], pages: int, is_kept: Sequence[npt.NDArray[np.bool_]]) -> Repeated:
    """The pairs that stand on at least `pages` pages of their host; none if `pages` is 0.

    `is_kept`: for each shard which of its documents count. Copies of a page must not: each of its lines would seem to
    stand on many pages.
    """
    if not pages:
        return np.zeros(0, np.int64)
    jobs = [(shard, task.out / "lines" / f"{shard.stem}.npy") for shard in shards]
    task.map(pairs_of_shard, [job for job in jobs if not job[1].exists()], "shards of lines")
    found = []
    for part in range(PARTS):
        mine = [np.zeros(0, np.int64)]
        for (_, target), kept in zip(jobs, is_kept, strict=True):
            rows = np.load(target, mmap_mode="r")
            mine.append(rows[((rows[:, 0] & (PARTS - 1)) == part) & kept[rows[:, 1]], 0])
        values, counts = np.unique(np.concatenate(mine), return_counts=True)
        found.append(values[counts >= pages])
    return np.sort(np.concatenate(found))


def pairs_of_shard(source: Path, target: Path) -> None:
    """The numbers of the (host, line) pairs of a shard, each once a page, with the number of the document."""
    rows: list[tuple[int, int]] = []
    for number, document in enumerate(read_shard(source, Document)):
        host = text.host_of(document.url)
        if host:
            lines = {line for line in document.text.splitlines() if len(line.strip()) >= SHORTEST}
            rows += sorted((value, number) for value in {pair(host, line) for line in lines})
    with whole_file(target) as temporary, temporary.open("wb") as file:
        np.save(file, np.array(rows, np.int64).reshape(-1, 2))


def lines_of(document: Document, repeated: Repeated) -> tuple[int, ...]:
    """Numbers of the lines of a document that its host repeats."""
    host = text.host_of(document.url)
    if not host or not len(repeated):
        return ()
    numbers = np.array([pair(host, line) for line in document.text.splitlines()], np.int64)
    places = np.minimum(np.searchsorted(repeated, numbers), len(repeated) - 1)
    return tuple(np.flatnonzero(repeated[places] == numbers).tolist())
