"""Make a crawl of any size and share of a language from the test crawl's pages, for the other benchmarks.

    python bench/crawl.py ../shared/data/crawl OUT.warc.gz --pages 20000 --share 0.01 [--beside]

Copies whole gzip members of `mixed.warc.gz` and `variants.warc.gz`: real pages, repeated; the Kazakh ones are composed
(real text in the text nodes of real pages). Pages of Kazakh are drawn from the plain ones and nine variants. Writes the
true label of each page beside the archive, by number of the page. With `--beside` each page stands between a request
and a metadata record of the sizes of Common Crawl's, as in its archives.
"""

import argparse
import gzip
import json
import random
from pathlib import Path

from fastwarc.warc import ArchiveIterator, WarcRecordType

RECORD = """WARC/1.0\r
WARC-Type: {kind}\r
WARC-Date: 2026-04-10T08:12:33Z\r
WARC-Record-ID: <urn:uuid:0f4a2a1c-7c58-4a53-9a3c-{number:012d}>\r
Content-Length: {length}\r
Content-Type: {mime}\r
WARC-Warcinfo-ID: <urn:uuid:9b3d8ff4-06c7-4c2c-a8a3-9a4e2a1b6d51>\r
WARC-Concurrent-To: <urn:uuid:0f4a2a1c-7c58-4a53-9a3c-{number:012d}>\r
WARC-Target-URI: https://a.example/{number}\r
\r
{body}\r
\r
"""
REQUEST = """GET /{number} HTTP/1.1\r
User-Agent: bench/1.0 (https://a.example/about)\r
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r
Accept-Language: en-US,en;q=0.5\r
If-Modified-Since: Tue, 03 Mar 2026 03:07:51 GMT\r
Accept-Encoding: br,gzip\r
Host: a.example\r
Connection: Keep-Alive\r
\r
"""
METADATA = """fetchTimeMs: 432\r
charset-detected: UTF-8\r
languages-cld2: {{"reliable":true,"text-bytes":{number},"languages":[{{"code":"ru","score":812.0}}]}}\r
\r
"""


def beside(number: int, kind: str, mime: str, body: str) -> bytes:
    """A packed record about a page."""
    body = body.format(number=number)
    record = RECORD.format(kind=kind, number=number, length=len(body), mime=mime, body=body)
    return gzip.compress(record.encode(), mtime=0)


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


def make(folder: Path, out: Path, pages: int, share: float, seed: int = 1, *, is_beside: bool = False) -> int:
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
        for number, (_, data) in enumerate(chosen):
            if is_beside:
                file.write(beside(number, "request", "application/http; msgtype=request", REQUEST))
            file.write(data)
            if is_beside:
                file.write(beside(number, "metadata", "application/warc-fields", METADATA))
    out.with_suffix(".labels.json").write_text(json.dumps([label for label, _ in chosen]))
    return wanted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pages", type=int, default=20_000)
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--beside", action="store_true")
    arguments = parser.parse_args()
    count = make(arguments.folder, arguments.out, arguments.pages, arguments.share, is_beside=arguments.beside)
    print(
        f"{arguments.out}: {arguments.pages} pages, {count} of them Kazakh, {arguments.out.stat().st_size / 1e6:.1f} MB"
    )


if __name__ == "__main__":
    main()
