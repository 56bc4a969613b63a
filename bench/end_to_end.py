"""From a WARC file to marked documents of a language, beside datatrove's path on the same pages.

    python bench/crawl.py ../shared/data/crawl crawl.warc.gz --share 0.01
    python bench/end_to_end.py crawl.warc.gz --peer peer/bin/python --peer-pages 2000

Ours: collect with the gate, extract (careful and fast in turns), mark, in one process, on the whole file; the peer on
its first pages (it takes minutes for thousands). CPU seconds, children included, median of three runs of ours, and of
each stage. See bench/peer_datatrove.py.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from anatili.document import Document, Mark, read_shard
from anatili.extraction.page import Mode
from anatili.pool import LocalPool
from anatili.recipe import Collect, Extract, Recipe, Source
from anatili.run import Run
from anatili.stage import carry_out
from anatili.warc import Page, read_pages


def spent() -> float:
    return sum(os.times()[:4])


def ours(crawl: Path, language: str, mode: Mode, folder: Path) -> tuple[list[float], set[str]]:
    """CPU seconds of collect, extract and mark, and the addresses whose text was found to be in the language."""
    source = Source(name="crawl", path=str(crawl), sift=(language,))
    collect, extract = Collect(sources=(source,), shard_records=1000), Extract(mode=mode)
    recipe = Recipe(name="bench", language=language, collect=collect, extract=extract)
    run, seconds = Run(folder), list[float]()
    for last in ("collect", "extract", "mark"):
        began = spent()
        list(carry_out(recipe, run, LocalPool(1), until=last))
        seconds.append(spent() - began)
    found = set()
    for shard in sorted(run.folder("extract").glob("part-*.parquet")):
        documents = read_shard(shard, Document)
        marks = read_shard(run.folder("mark") / shard.name, Mark)
        found |= {d.url for d, m in zip(documents, marks, strict=True) if m.language == language}
    return seconds, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("crawl", type=Path)
    parser.add_argument("--language", default="kk")
    parser.add_argument("--peer", help="Python of the environment that holds datatrove.")
    parser.add_argument("--peer-pages", type=int, default=2000)
    arguments = parser.parse_args()
    urls = [p.url for p in read_pages(arguments.crawl, 10**8) if isinstance(p, Page)]
    labels = json.loads(arguments.crawl.with_suffix(".labels.json").read_text())
    wanted = {url for url, label in zip(urls, labels, strict=True) if label.startswith(arguments.language)}
    times: dict[Mode, list[list[float]]] = {"careful": [], "fast": []}
    found_by: dict[Mode, set[str]] = {}
    for _ in range(3):
        for mode, rows in times.items():
            with tempfile.TemporaryDirectory() as folder:
                seconds, found_by[mode] = ours(arguments.crawl, arguments.language, mode, Path(folder))
                rows.append(seconds)
    rates: dict[Mode, float] = {}
    for mode, rows in times.items():
        rates[mode] = len(urls) / statistics.median(map(sum, rows))
        found = found_by[mode]
        parts = ", ".join(
            f"{name} {1e6 * statistics.median(column) / len(urls):.0f}"
            for name, column in zip(("collect", "extract", "mark"), zip(*rows, strict=True), strict=True)
        )
        print(
            f"{mode:10} {len(urls)} pages, {rates[mode]:8,.0f} pages a CPU-second (microseconds a page: {parts}); "
            f"{len(found & wanted)} of {len(wanted)} addresses in {arguments.language} found, "
            f"{len(found - wanted)} others"
        )
    if not arguments.peer:
        return
    command = [arguments.peer, "bench/peer_datatrove.py", str(arguments.crawl), "--pages", str(arguments.peer_pages)]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    seen = set(urls[: arguments.peer_pages])
    theirs = set(answer["found"])
    of_them = ", ".join(f"{len(found & wanted & seen)} ({mode})" for mode, found in found_by.items())
    peer_rate = answer["pages"] / answer["seconds"]
    print(
        f"datatrove  {answer['pages']} pages, {peer_rate:8,.1f} pages a CPU-second; {len(theirs & wanted)} of "
        f"{len(wanted & seen)} found, {len(theirs - wanted)} others; of those ours found {of_them}"
    )
    for mode, rate in rates.items():
        print(f"ratio      {rate / peer_rate:.0f} ({mode})")
    labelled = dict(zip(urls, labels, strict=True))
    found = found_by["fast"]
    for name, only in (("ours (fast)", (found & seen) - theirs), ("datatrove", theirs - found)):
        print(f"only {name}: {len(only)}", *sorted(f"{labelled[u]} {u}" for u in only)[:8], sep="\n  ")


if __name__ == "__main__":
    main()
