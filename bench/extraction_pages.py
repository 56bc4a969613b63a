"""Pages to learn main text from, out of public collections: each block labeled by the text that is known of its page.

    python bench/extraction_pages.py OUT.jsonl.gz [--wcxb FOLDER] [--fundus FOLDER] [--readability FOLDER]
        [--trafilatura FOLDER] [--pages FOLDER]...

FOLDER is a checkout of Murrough-Foley/web-content-extraction-benchmark (CC-BY-4.0), flairNLP/fundus (MIT; the package
`fundus` reads its pages), mozilla/readability or adbar/trafilatura (Apache-2.0); `--pages`: any folder of HTML files.
Where no text is known, a block is labeled if trafilatura, its precise variant and readability-lxml agree about it.

A line: `host`, `html`, `kind`, `is_test` (a page of WCXB's test half, not to be learned), `text` ("" if extractors
labeled it), `labels` (of each block the share that is main text, null if that is not known) and `weight`. Neither pages
nor labels belong into the project.
"""

import argparse
import gzip
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from metrics import shingles

from anatili.extraction.blocks import read_blocks
from anatili.extraction.page import decode
from anatili.urls import host_of

TOKEN = re.compile(r"[\u0e00-\u0eff\u2e80-\ud7fa]|[^\W\u0e00-\u0eff\u2e80-\ud7fa]+")
"""A word, or a character of a script without spaces."""
ENOUGH, AGREED = 0.7, 0.75
"""F1 that the best choice of blocks must reach, and that two extractors must have of each other."""
WEIGHTS = {"article": 1.0, "forum": 0.6, "documentation": 0.5}
"""Of kinds of pages; other kinds count .3."""
SILVER = 0.7
SPOKEN = 5
"""Words of a block of a forum below which it must end as a sentence does: authors and dates are no main text."""
SENTENCE_END = re.compile(r"[.!?…。！？।؟۔]\W*$")
OWN_ADDRESS = re.compile(
    r"""<(?:link[^>]{0,200}rel=.canonical|meta[^>]{0,200}og:url)[^>]{0,2000}?(https?://[^"'>\s]+)""", re.I
)
MAX_BLOCKS, MAX_PAGE = 3000, 3_000_000
Line = dict[str, Any]


def tokens(text: str) -> list[str]:
    return TOKEN.findall(text.lower())


class Chains:
    """The heaviest chain of blocks that stand in a text in order and without overlap, by a tree of prefix maxima."""

    def __init__(self, size: int) -> None:
        self.tree = [(0, -1)] * (size + 2)
        self.items: list[tuple[int, int]] = []

    def best(self, end: int) -> tuple[int, int]:
        end, best = end + 1, (0, -1)
        while end > 0:
            best = max(best, self.tree[end], key=lambda pair: pair[0])
            end -= end & -end
        return best

    def add(self, block: int, spans: list[tuple[int, int, int]]) -> None:
        """`spans`: where the block may stand: start, end, weight."""
        new = []
        for start, end, weight in spans:
            before, item = self.best(start)
            self.items.append((item, block))
            new.append((end, (before + weight, len(self.items) - 1)))
        for end, value in new:
            end += 1
            while end < len(self.tree):
                if value[0] > self.tree[end][0]:
                    self.tree[end] = value
                end += end & -end

    def blocks(self) -> list[int]:
        item, chosen = self.best(len(self.tree) - 2)[1], []
        while item >= 0:
            item, block = self.items[item]
            chosen.append(block)
        return chosen


def spans_of(block: list[str], gold: list[str], grams: dict, words: dict) -> tuple[float, list[tuple[int, int, int]]]:
    """The share of a block's four-word runs that are in the text, and where the block may stand there."""
    length = len(block)
    if length < 4:
        starts = words.get(block[0], [])[:40] if block else []
        spans = [(at, at + length, length) for at in starts if gold[at : at + length] == block]
        return float(bool(block)), spans
    hits = [grams.get(tuple(block[n : n + 4])) for n in range(length - 3)]
    number = sum(hit is not None for hit in hits)
    share = number / (length - 3)
    if share < 0.3:
        return share, []
    starts = dict.fromkeys(max(0, at - n) for n, hit in enumerate(hits) if hit for at in hit[:6])
    return share, [(at, min(len(gold), at + length), number + 3) for at in list(starts)[:8]]


def labels(texts: list[str], gold: str, not_text: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Of each block the share of it that is main text, and whether that is known."""
    words_of_gold = tokens(gold)
    grams, words = defaultdict(list), defaultdict(list)
    for at, word in enumerate(words_of_gold):
        words[word].append(at)
        if at + 4 <= len(words_of_gold):
            grams[tuple(words_of_gold[at : at + 4])].append(at)
    refused = {" ".join(tokens(text)) for text in not_text} - {""}
    chains, shares = Chains(len(words_of_gold)), np.zeros(len(texts), np.float32)
    blocks = [tokens(text) for text in texts]
    for n, block in enumerate(blocks):
        if " ".join(block) not in refused:
            shares[n], spans = spans_of(block, words_of_gold, grams, words)
            chains.add(n, spans)
    wanted = np.zeros(len(texts), np.float32)
    chosen = chains.blocks()
    wanted[chosen] = shares[chosen]
    # A long block that is in the text, but out of order: perhaps a teaser of it, perhaps not.
    doubtful = (wanted == 0) & (shares >= 0.8) & (np.array([len(block) for block in blocks]) >= 8)
    return wanted, ~doubtful


def scores(gold: str, text: str) -> tuple[float, float]:
    wanted, got = shingles(gold), shingles(text)
    common = (wanted & got).total()
    return common / max(1, got.total()), common / max(1, wanted.total())


def f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / max(1e-9, precision + recall)


def host_in(html: str, name: str) -> str:
    """The host that a page states as its own; the name of its file if it states none."""
    stated = OWN_ADDRESS.search(html[:300_000])
    return (host_of(stated[1]) if stated else "") or name


def known_page(html: str, host: str, text: str, not_text: list[str], kind: str = "article") -> Line | None:
    """A page whose text is known; None if its blocks do not make it up."""
    texts = read_blocks(html).texts
    if not text.strip() or not 0 < len(texts) <= MAX_BLOCKS or len(html) > MAX_PAGE:
        return None
    wanted, known = labels(texts, text, not_text)
    best = "\n".join(block for block, share in zip(texts, wanted, strict=True) if share > 0.5)
    if f1(*scores(text, best)) < ENOUGH:
        return None
    if kind == "forum":
        wanted[[len(tokens(block)) < SPOKEN and not SENTENCE_END.search(block) for block in texts]] = 0
    shares = [round(float(share), 3) if sure else None for share, sure in zip(wanted, known, strict=True)]
    weight = WEIGHTS.get(kind, 0.3)
    line = {"host": host, "html": html, "kind": kind, "is_test": False, "text": text}
    return line | {"labels": shares, "weight": weight}


def agreed_page(html: str, host: str, inside: list[str], outside: list[str]) -> Line | None:
    """A page labeled where three extractors agree, and by passages that people marked as inside or outside."""
    import trafilatura
    from readability import Document

    texts = read_blocks(html).texts
    if not 0 < len(texts) <= MAX_BLOCKS or len(html) > MAX_PAGE:
        return None
    fast = trafilatura.extract(html, fast=True, include_comments=False) or ""
    precise = trafilatura.extract(html, favor_precision=True, include_comments=False) or ""
    readable = "\n".join(read_blocks(Document(html).summary()).texts)
    if len(fast) < 300 or f1(*scores(fast, readable)) < AGREED:
        return None
    readings = [labels(texts, reading, []) for reading in (fast, readable, precise)]
    shares: list[float | None] = []
    for n, block in enumerate(texts):
        votes = [bool(wanted[n] > 0.5) for wanted, _ in readings]
        share = max(float(wanted[n]) for wanted, _ in readings)
        plain = " ".join(block.split()).lower()
        if len(tokens(block)) >= 2 and any(" ".join(part.split()).lower() in plain for part in inside):
            shares.append(1.0)
        elif len(tokens(block)) >= 2 and any(" ".join(part.split()).lower() in plain for part in outside):
            shares.append(0.0)
        else:
            sure = len(set(votes)) == 1 and all(known[n] for _, known in readings)
            shares.append(round(share if votes[0] else 0.0, 3) if sure else None)
    line = {"host": host, "html": html, "kind": "", "is_test": False, "text": ""}
    return line | {"labels": shares, "weight": SILVER}


def read(file: Path) -> str:
    data = file.read_bytes()
    return decode(gzip.decompress(data) if file.suffix == ".gz" else data)[0]


def wcxb(folder: Path) -> Iterator[Line | None]:
    kinds = json.loads((folder / "metadata.json").read_text("utf-8"))["files"]
    for file in sorted(folder.glob("*/ground-truth/*.json")):
        page = json.loads(file.read_text("utf-8"))
        truth, kind = page["ground_truth"], kinds[file.stem]
        html = file.parents[1] / "html" / f"{file.stem}.html.gz"
        is_copy = file.parts[-3] == "dev" and kind["split"] == "test"
        if html.exists() and not is_copy:
            host = host_of(page.get("url") or "") or kind["domain"]
            not_text = [truth.get("title") or "", truth.get("author") or ""]
            line = known_page(read(html), host, truth.get("main_content") or "", not_text, kind["page_type"])
            yield line and line | {"is_test": kind["split"] == "test"}


def fundus(folder: Path) -> Iterator[Line | None]:
    from fundus import PublisherCollection

    publishers = {publisher.__name__: publisher for publisher in PublisherCollection}
    for file in sorted((folder / "tests/resources/parser/test_data").rglob("*.html.gz")):
        name, *day = file.name.removesuffix(".html.gz").split("_")
        if name in publishers:
            html = read(file)
            parser = publishers[name].parser(date(*map(int, day[:3])))
            parsed = parser.parse(html, "suppress")
            if parsed.get("body"):
                parts = [*parsed["body"].summary]
                for section in parsed["body"].sections:
                    parts += [*section.headline, *section.paragraphs]
                not_text = [parsed.get("title") or "", ", ".join(map(str, parsed.get("authors") or []))]
                yield known_page(html, host_of(publishers[name].domain), "\n".join(parts), not_text)


def readability(folder: Path) -> Iterator[Line | None]:
    for page in sorted((folder / "test" / "test-pages").iterdir()):
        facts = json.loads((page / "expected-metadata.json").read_text("utf-8"))
        text = "\n".join(read_blocks(read(page / "expected.html")).texts)
        not_text = [facts.get("title") or "", facts.get("byline") or ""]
        html = read(page / "source.html")
        yield known_page(html, host_in(html, f"readability/{page.name}"), text, not_text)


def trafilatura_tests(folder: Path) -> Iterator[Line | None]:
    for url, facts in json.loads((folder / "tests" / "evaldata.json").read_text("utf-8")).items():
        files = [folder / "tests" / name / facts["file"] for name in ("eval", "cache")]
        for file in [file for file in files if file.exists()][:1]:
            yield agreed_page(read(file), host_of(url), facts.get("with") or [], facts.get("without") or [])


def any_pages(folder: Path) -> Iterator[Line | None]:
    for file in sorted(folder.rglob("*.html")):
        html = read(file)
        yield agreed_page(html, host_in(html, f"{folder.name}/{file.stem}"), [], [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    sources = {
        "wcxb": wcxb,
        "fundus": fundus,
        "readability": readability,
        "trafilatura": trafilatura_tests,
        "pages": any_pages,
    }
    for name in sources:
        parser.add_argument(f"--{name}", type=Path, action="append", default=[])
    options = parser.parse_args()
    with gzip.open(options.out, "wt", encoding="utf-8") as stream:
        for name, read_source in sources.items():
            for folder in getattr(options, name):
                made = [line for line in read_source(folder) if line]
                stream.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in made)
                print(f"{name}: {len(made)} pages of {len({line['host'] for line in made})} hosts")


if __name__ == "__main__":
    main()
