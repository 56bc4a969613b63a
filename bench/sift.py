"""How much the gate adds to reading a crawl: `anatili sift` beside fastwarc alone, and what each scan lets through.

    python bench/crawl.py ../shared/data/crawl crawl.warc.gz && python bench/sift.py crawl.warc.gz

CPU seconds of one process, medians of five, taken in turn; the ratio is to fastwarc reading every page (parse_http and
read, nothing else). libdeflate's bare rate is that of unpacking alone, with the place of each member known.
"""

import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path

import deflate
from fastwarc.warc import ArchiveIterator, WarcRecordType

from anatili.identify.gate import Gate, load_gate, make_rules
from anatili.lang import load_pack
from anatili.warc import Page, read_pages
from anatili.warc.members import read_members

LIMIT = 10_000_000
LANGUAGE = sys.argv[2] if len(sys.argv) > 2 else "kk"


def bare(path: Path) -> int:
    with path.open("rb") as file:
        count = 0
        for record in ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True, fsspec_args=False):
            record.reader.read()
            count += 1
    return count


def inflated(path: Path) -> int:
    """The physical limit here: libdeflate, told where each member is."""
    data, count = path.read_bytes(), 0
    for start, end in pairwise([*member_offsets(path), len(data)]):
        size = int.from_bytes(data[end - 4 : end], "little")
        count += bool(deflate.gzip_decompress(memoryview(data)[start:end], size))
    return count


@cache
def member_offsets(path: Path) -> list[int]:
    with path.open("rb") as file:
        return [member.offset for member in read_members(file, 0, LIMIT) if not isinstance(member, int)]


def sifted(path: Path, gate: Gate) -> int:
    return sum(isinstance(page, Page) for page in read_pages(path, LIMIT, gate.admits))


def main() -> None:
    path = Path(sys.argv[1])
    gates = {name: Gate(make_rules(load_pack(LANGUAGE)), name) for name in ("hyperscan", "numpy")}
    rows: dict[str, Callable[[], int]] = {"fastwarc, read only": lambda: bare(path)}
    rows["libdeflate, bare"] = lambda: inflated(path)
    member_offsets(path)
    rows |= {f"sift, {name}": (lambda gate=gate: sifted(path, gate)) for name, gate in gates.items()}
    for gate in gates.values():
        sifted(path, gate)  # tables are made on first use
    taken: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(5):
        for name, work in rows.items():
            began = time.process_time()
            work()
            taken[name].append(time.process_time() - began)
    labels = json.loads(path.with_suffix(".labels.json").read_text())
    floor = statistics.median(taken["fastwarc, read only"])
    for name, times in taken.items():
        middle = statistics.median(times)
        print(f"{name:22} {len(labels) / middle:8,.0f} pages a CPU-second   {floor / middle:.3f} of the floor")
    passed, total = Counter[str](), Counter(labels)
    gate = load_gate(LANGUAGE)
    for label, page in zip(labels, read_pages(path, LIMIT, gate.admits), strict=True):
        passed[label] += isinstance(page, Page)
    wanted = {label for label in total if label.startswith(LANGUAGE)}
    others = sum(n for label, n in total.items() if label not in wanted)
    false = {label: n for label, n in passed.items() if n and label not in wanted}
    of_others = f"{sum(false.values())} of {others} ({sum(false.values()) / others:.2%})"
    print(
        f"{LANGUAGE}: {sum(passed[x] for x in wanted)} of {sum(total[x] for x in wanted)} found; "
        f"others let through {of_others}: {false}"
    )


if __name__ == "__main__":
    main()
