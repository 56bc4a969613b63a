"""How fast pages go through the stages, beside the floor of reading the archive at all.

    python bench/refine.py FILE.warc.gz

CPU seconds of one process, medians of three; the ratio is to fastwarc's bare iteration over the same file.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fastwarc.warc import ArchiveIterator

from anatili.collect.collect import unusable
from anatili.document import Document
from anatili.extraction.page import extract_page
from anatili.lang import load_pack
from anatili.refine.dedup import sign
from anatili.refine.mark import look_at
from anatili.warc import Page, read_pages

LIMIT = 10_000_000
EXTRACTED = 300


def seconds(work: Callable[[], object], times: int = 3) -> float:
    taken = []
    for _ in range(times):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def main() -> None:
    path = Path(sys.argv[1])
    pages = [p for p in read_pages(path, LIMIT) if isinstance(p, Page) and not unusable(p)]
    some = pages[:EXTRACTED]
    texts = [extract_page(p.payload, charset=p.charset).text for p in some]
    documents = [Document(str(n), t, "", "", "s", "", "", "", "") for n, t in enumerate(texts)]
    packs = {"kk": load_pack("kk")}
    look_at(documents[0], packs, 25)  # loads the model

    def iterate() -> None:
        with path.open("rb") as file:
            for record in ArchiveIterator(file, fsspec_args=False):
                record.reader.read()

    rows = [
        ("fastwarc: iterate and read", len(pages), iterate),
        ("ours: read_pages", len(pages), lambda: [None for _ in read_pages(path, LIMIT)]),
        ("extract, careful", len(some), lambda: [extract_page(p.payload, charset=p.charset) for p in some]),
        ("extract, quick", len(some), lambda: [extract_page(p.payload, charset=p.charset, mode="quick") for p in some]),
        ("mark", len(documents), lambda: [look_at(d, packs, 25) for d in documents]),
        ("dedup: sign", len(documents), lambda: [sign(d, 112) for d in documents]),
    ]
    floor = None
    print(f"{path.name}: {len(pages)} pages, {path.stat().st_size / 1e6:.1f} MB packed")
    for name, count, work in rows:
        taken = seconds(work, 1 if "careful" in name else 3) / count
        floor = floor or taken
        print(f"{name:30} {1 / taken:>9,.0f} pages a CPU-second {taken / floor:>8.1f} x the floor")


if __name__ == "__main__":
    main()
