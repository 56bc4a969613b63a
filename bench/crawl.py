"""Make a crawl of any size and share of a language from the test crawl's pages, for the other benchmarks.

    python bench/crawl.py ../shared/data/crawl OUT.warc.gz --pages 20000 --share 0.01

Copies whole gzip members of `mixed.warc.gz` and `variants.warc.gz`: real pages, repeated; the Kazakh ones are composed
(real text in the text nodes of real pages). Pages of Kazakh are drawn from the plain ones and nine variants. Writes the
true label of each page beside the archive, by number of the page.
"""

import argparse
import json
import random
from pathlib import Path

from fastwarc.warc import ArchiveIterator, WarcRecordType


def members(path: Path) -> list[tuple[str, bytes]]:
    """Address and packed bytes of each response."""
    places = []
    with path.open("rb") as file:
        for record in ArchiveIterator(file, parse_http=False, fsspec_args=False):
            is_answer = record.record_type == WarcRecordType.response
            places.append((record.stream_pos, record.headers.get("WARC-Target-URI") if is_answer else ""))
    data = path.read_bytes()
    ends = [at for at, _ in places[1:]] + [len(data)]
    return [(url, data[at:end]) for (at, url), end in zip(places, ends, strict=True) if url]


def load(folder: Path) -> list[tuple[str, bytes]]:
    """(label, packed bytes) of every page of the test crawl."""
    rows = []
    for name in ("mixed", "variants"):
        lines = (folder / f"{name}.truth.jsonl").read_text("utf-8").splitlines()
        truth = {row["url"]: row["label"] for row in map(json.loads, lines)}
        rows += [(truth[url], data) for url, data in members(folder / f"{name}.warc.gz")]
    return rows


def make(folder: Path, out: Path, pages: int, share: float, seed: int = 1) -> int:
    """Write the crawl; returns the number of Kazakh pages in it."""
    chooser = random.Random(seed)
    rows = load(folder)
    kazakh = [row for row in rows if row[0].startswith("kk")]
    # `variants` holds as many pages of rare languages as of all others: only those of `mixed` stand for a crawl.
    rest = [row for row in rows[:1200] if not row[0].startswith("kk")]
    wanted = round(pages * share)
    chosen = [chooser.choice(kazakh) for _ in range(wanted)] + [chooser.choice(rest) for _ in range(pages - wanted)]
    chooser.shuffle(chosen)
    with out.open("wb") as file:
        file.writelines(data for _, data in chosen)
    out.with_suffix(".labels.json").write_text(json.dumps([label for label, _ in chosen]))
    return wanted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pages", type=int, default=20_000)
    parser.add_argument("--share", type=float, default=0.01)
    arguments = parser.parse_args()
    count = make(arguments.folder, arguments.out, arguments.pages, arguments.share)
    print(
        f"{arguments.out}: {arguments.pages} pages, {count} of them Kazakh, {arguments.out.stat().st_size / 1e6:.1f} MB"
    )


if __name__ == "__main__":
    main()
