"""Duplicates among many documents: seconds, and the memory of the process that groups them, at three sizes.

    python bench/dedup.py ../shared/data/text/kaznerd.kk.txt --documents 1000000 --workers 2
    python bench/dedup.py ../shared/data/text/kaznerd.kk.txt --documents --signatures 300000 1000000 3000000

Documents are some 60 words of random neighboring sentences; one in ten is a copy with one word changed. Also prints the
rate of signing documents of 380 words, word splitting included, on one core. Each size is measured in a process of its
own. "Own" memory is what the process allocates; beside it the pages of files on the disk that it has mapped, which the
system may take back at any time.
"""

import argparse
import multiprocessing
import random
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from anatili.document import Document, Mark, write_shard
from anatili.pool import LocalPool
from anatili.recipe import Dedup, Recipe
from anatili.refine import dedup
from anatili.stage import Quiet, Task

SHARD = 10_000


def make_shard(source: Path, target: Path, marked: Path, first: int) -> None:
    """One shard of documents with their marks, the same in every run."""
    lines = source.read_text("utf-8").splitlines()

    def text(number: int) -> str:
        chooser = random.Random(number)
        starts = [chooser.randrange(len(lines) - 2) for _ in range(3)]
        return " ".join(line for start in starts for line in lines[start : start + 2])

    def document(number: int) -> Document:
        is_copy = number % 10 == 9
        body = text(number - 9) + " өзгертілді" if is_copy else text(number)
        return Document(f"{number:024d}", body, "", f"https://h{number % 997}.kz/{number}", "s", "", "", "", "")

    write_shard(target, Document, (document(number) for number in range(first, first + SHARD)))
    write_shard(marked, Mark, (mark(number) for number in range(first, first + SHARD)))


def mark(number: int) -> Mark:
    return Mark(f"{number:024d}", 0, "kk", "Cyrl", 1.0, 1.0, 0.0, 0.0, (), 0, *[0.0] * 5, 0, 0, 0, "", -1.0, 0)


def make_one(job: tuple[Any, ...]) -> None:
    make_shard(*job)


def memory() -> tuple[int, int]:
    """MB of the process: its own now, and the pages of files that it has mapped."""
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    own, mapped = (int(lines[name].split()[0]) // 1024 for name in ("RssAnon", "RssFile"))
    return own, mapped


class Watch(threading.Thread):
    """Notes the most memory of the process."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = [0, 0]
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.05):
            self.most = [max(pair) for pair in zip(self.most, memory(), strict=True)]


def group(text: Path, count: int, workers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        extract, marks, out = (Path(folder, name) for name in ("extract", "mark", "dedup"))
        pool = LocalPool(workers)
        names = [f"part-{n:09d}.parquet" for n in range(0, count, SHARD)]
        jobs = [(text, extract / name, marks / name, n * SHARD) for n, name in enumerate(names)]
        list(pool.map(make_one, jobs))
        recipe = Recipe.model_validate({"name": "x", "language": "kk"})
        task = Task(recipe, Dedup(), Path(), {"extract": extract, "mark": marks}, out, pool, Quiet())
        before, watch = memory(), Watch()
        watch.start()
        began, used = time.monotonic(), time.process_time()
        found = dedup.run(task)["documents"]
        seconds, used = time.monotonic() - began, time.process_time() - used
        watch.done.set()
        size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(
        f"{count:,} documents, {workers} workers: {seconds:.0f} s, {1e6 * used / count:.0f} CPU-microseconds each "
        f"in this process; {found}"
    )
    print(
        f"  own memory {before[0]} MB before, {watch.most[0]} MB at most; mapped {watch.most[1]} MB at most; "
        f"{size / count:.0f} bytes a document left on the disk",
        flush=True,
    )


def group_made(count: int) -> None:
    """Grouping alone, from random signatures of which one in ten is a copy with a fifth of other hashes."""
    settings, chooser = Dedup(), np.random.default_rng(count)
    size = settings.bands * settings.rows
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for first in range(0, count, SHARD):
            hashes = chooser.integers(0, 2**32, (SHARD, size), np.uint32)
            copies, changed = np.arange(9, SHARD, 10), chooser.random((SHARD // 10, size)) < 0.2
            hashes[copies] = np.where(changed, hashes[copies], hashes[copies - 9])
            folded = chooser.integers(-(2**63), 2**63 - 1, SHARD).tolist()
            paths.append(Path(folder, f"{first:09d}.parquet"))
            write_shard(
                paths[-1],
                dedup.Signature,
                (dedup.Signature(f"{first + n:024d}", 60, "", folded[n], hashes[n].tobytes()) for n in range(SHARD)),
            )
        before, watch = memory(), Watch()
        watch.start()
        used = time.process_time()
        groups = dedup.find_groups(paths, settings, Path(folder, "groups"))
        used = time.process_time() - used
        watch.done.set()
        found = int((groups.kept != np.arange(count)).sum())
        size = sum(path.stat().st_size for path in Path(folder, "groups").rglob("*") if path.is_file())
    print(
        f"grouping of {count:,} signatures: {1e6 * used / count:.1f} CPU-microseconds each; {found:,} copies of "
        f"{count // 10:,}; own memory {before[0]} MB before, {watch.most[0]} MB at most; mapped {watch.most[1]} MB; "
        f"{size / count:.0f} bytes each on the disk meanwhile",
        flush=True,
    )


def apart(work: Callable[..., None], *given: object) -> None:
    """Run in a process of its own."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=given)
    process.start()
    process.join()


def show_signing(text: Path) -> None:
    lines = text.read_text("utf-8").splitlines()
    long = [Document("1", " ".join(" ".join(lines[i : i + 40]).split()[:380]), *[""] * 7) for i in range(0, 8000, 8)]
    began = time.process_time()
    for document in long:
        dedup.sign(document, 112)
    print(f"signing: {len(long) / (time.process_time() - began):,.0f} documents of 380 words a CPU-second", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--documents", type=int, nargs="*", default=[100_000, 300_000, 1_000_000])
    parser.add_argument("--signatures", type=int, nargs="*", default=[], help="Sizes for grouping alone.")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.documents:
        show_signing(arguments.text)
    for count in arguments.documents:
        apart(group, arguments.text, count, arguments.workers)
    for count in arguments.signatures:
        apart(group_made, count)


if __name__ == "__main__":
    main()
