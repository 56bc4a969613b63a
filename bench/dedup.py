"""Duplicates among a million documents: seconds, and the memory of the process that groups them.

    python bench/dedup.py ../shared/data/text/kaznerd.kk.txt --documents 1000000 --workers 2

Documents are some 60 words of random neighboring sentences; one in ten is a copy with one word changed. Also prints the
rate of signing documents of 380 words, word splitting included, on one core.
"""

import argparse
import random
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from anatili.document import Document, write_shard
from anatili.pool import LocalPool
from anatili.recipe import Dedup
from anatili.refine import dedup
from anatili.stage import Quiet, Task

SHARD = 10_000


def make_shard(source: Path, target: Path, first: int) -> None:
    """One shard of documents, the same in every run."""
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


def make_one(job: tuple[Any, ...]) -> None:
    make_shard(*job)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    lines = arguments.text.read_text("utf-8").splitlines()
    long = [Document("1", " ".join(" ".join(lines[i : i + 40]).split()[:380]), *[""] * 7) for i in range(0, 8000, 8)]
    began = time.process_time()
    for document in long:
        dedup.sign(document, 112)
    print(f"signing: {len(long) / (time.process_time() - began):,.0f} documents of 380 words a CPU-second")
    with tempfile.TemporaryDirectory() as folder:
        extract, out = Path(folder, "extract"), Path(folder, "dedup")
        extract.mkdir()
        pool = LocalPool(arguments.workers)
        shards = range(0, arguments.documents, SHARD)
        list(pool.map(make_one, [(arguments.text, extract / f"part-{n:09d}.parquet", n) for n in shards]))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.monotonic()
        task = Task(None, Dedup(), Path(), {"extract": extract}, out, pool, Quiet())  # type: ignore[arg-type]
        found = dedup.run(task)["documents"]
        seconds = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{arguments.documents:,} documents, {arguments.workers} workers: {seconds:.0f} s; {found}")
    print(f"memory of the grouping process: {after / 1024:,.0f} MB at most, {before / 1024:,.0f} MB before it began")


if __name__ == "__main__":
    main()
