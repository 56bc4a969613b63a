"""From a WARC file to marked documents of a language, beside datatrove's path on the same pages.

    python bench/crawl.py ../shared/data/crawl crawl.warc.gz --share 0.01
    python bench/end_to_end.py crawl.warc.gz --peer peer/bin/python --peer-pages 2000

Ours: collect with the gate, extract, mark, in one process, on the whole file; the peer on its first pages (it takes
minutes for thousands). CPU seconds, children included, median of three runs of ours. See bench/peer_datatrove.py.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from anatili import stage
from anatili.document import Mark, read_shard
from anatili.pool import LocalPool
from anatili.recipe import Collect, Recipe, Source
from anatili.run import Run
from anatili.warc import Page, read_pages


def spent() -> float:
    return sum(os.times()[:4])


def ours(crawl: Path, language: str, folder: Path) -> tuple[float, set[str]]:
    """CPU seconds, and the addresses whose text was found to be in the language."""
    source = Source(name="crawl", path=str(crawl), sift=(language,))
    recipe = Recipe(name="bench", language=language, collect=Collect(sources=(source,), shard_records=1000))
    stages, stage.STAGES = stage.STAGES, stage.STAGES[:3]
    began = spent()
    run = Run(folder)
    list(stage.carry_out(recipe, run, LocalPool(1)))
    seconds = spent() - began
    stage.STAGES = stages
    found = set()
    for shard in sorted(run.folder("extract").glob("part-*.parquet")):
        from anatili.document import Document

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
    times, found = [], set[str]()
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            seconds, found = ours(arguments.crawl, arguments.language, Path(folder))
            times.append(seconds)
    rate = len(urls) / statistics.median(times)
    print(f"ours       {len(urls)} pages, {rate:8,.0f} pages a CPU-second; {len(found & wanted)} of {len(wanted)} "
          f"addresses in {arguments.language} found, {len(found - wanted)} others")  # fmt: skip
    if not arguments.peer:
        return
    command = [arguments.peer, "bench/peer_datatrove.py", str(arguments.crawl), "--pages", str(arguments.peer_pages)]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    seen = set(urls[: arguments.peer_pages])
    theirs = set(answer["found"])
    peer_rate = answer["pages"] / answer["seconds"]
    print(
        f"datatrove  {answer['pages']} pages, {peer_rate:8,.1f} pages a CPU-second; {len(theirs & wanted)} of "
        f"{len(wanted & seen)} found, {len(theirs - wanted)} others; of those ours found {len(found & wanted & seen)}"
    )
    print(f"ratio      {rate / peer_rate:.0f}")
    labelled = dict(zip(urls, labels, strict=True))
    for name, only in (("ours", (found & seen) - theirs), ("datatrove", theirs - found)):
        print(f"only {name}: {len(only)}", *sorted(f"{labelled[u]} {u}" for u in only)[:8], sep="\n  ")


if __name__ == "__main__":
    main()
