"""How well, and how fast, the main text of real pages is found.

    python bench/extraction.py ../shared/data [--more FOLDER] [--pages PAGES.jsonl.gz]... [--json]

Pages with known text, scored as article-extraction-benchmark does: four-word runs, F1 of the mean precision and the
mean recall. Milliseconds are of processor time, the lesser of two passes, all in one process: compare them within
one run only; "first" is the first pass, in which no tag is remembered. `--more FOLDER`: other pages, in the same layout
(html/NAME.html.gz and ground-truth.json). `--pages`: the test pages that `bench/extraction_pages.py` wrote, which
`bench/train_extraction.py` leaves out, by kind; each with the difference of fast and careful, 95 % of 2,000 bootstraps
over pages.
"""

import argparse
import gzip
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from metrics import extraction

from anatili.extraction.page import careful, decode, extract_page, main_text, quick, title_of
from anatili.urls import host_of

Page = tuple[str, str, str]
"""Host, page, text."""


def pages(folder: Path) -> list[Page]:
    gold = json.loads((folder / "ground-truth.json").read_text("utf-8"))
    found = []
    for name, truth in sorted(gold.items()):
        page = decode(gzip.decompress((folder / "html" / f"{name}.html.gz").read_bytes()))[0]
        found.append((host_of(truth.get("url") or "") or name, page, truth["articleBody"]))
    return found


def readability(page: str) -> str:
    import lxml.html
    from readability import Document

    return str(lxml.html.fromstring(Document(page).summary()).text_content())


def fast(page: str) -> str:
    return main_text(page, "fast", title_of(page[:100_000]))


def extractors() -> dict[str, Callable[[str], str]]:
    """What is compared, by name."""
    peers = {"readability-lxml": readability} if importlib.util.find_spec("readability") else {}
    return {
        "trafilatura (careful)": careful,
        "resiliparse (quick)": quick,
        "blocks (fast)": fast,
        **peers,
        "extract_page, careful": lambda page: extract_page(page.encode()).text,
        "extract_page, fast": lambda page: extract_page(page.encode(), mode="fast").text,
        "extract_page, quick": lambda page: extract_page(page.encode(), mode="quick").text,
    }


def measured(extract: Callable[[str], str], read_from: list[Page]) -> dict[str, float]:
    """Precision, recall and F1, and the processor time of two passes."""
    times: list[float] = []
    texts: list[str] = []
    for _ in range(2):
        start = time.process_time()
        texts = [extract(page) for _, page, _ in read_from]
        times.append(1000 * (time.process_time() - start) / len(texts))
    p, r, f1 = extraction(zip((text for _, _, text in read_from), texts, strict=True))
    return {
        "precision": round(p, 3),
        "recall": round(r, 3),
        "f1": round(f1, 4),
        "ms": round(min(times), 2),
        "first": round(times[0], 2),
    }


def test_pages(files: list[Path]) -> dict[str, list[Page]]:
    """Test pages by kind."""
    kinds: dict[str, list[Page]] = {}
    for file in files:
        with gzip.open(file, "rt", encoding="utf-8") as stream:
            for page in map(json.loads, stream):
                if page["is_test"]:
                    kinds.setdefault(page["kind"], []).append((page["host"], page["html"], page["text"]))
    return kinds


def difference(read_from: list[Page]) -> tuple[float, float]:
    """Of the F1 of fast less that of careful, the middle 95 % of bootstraps over pages."""
    rows = [[extraction([(gold, extract(page))])[:2] for extract in (fast, careful)] for _, page, gold in read_from]
    draw = np.random.default_rng(0).integers(0, len(rows), (2000, len(rows)))
    means = np.array(rows)[draw].mean(1)
    f1 = 2 * means.prod(2) / means.sum(2)
    low, high = np.percentile(f1[:, 0] - f1[:, 1], [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--more", type=Path, action="append", default=[])
    parser.add_argument("--pages", type=Path, action="append", default=[])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    known = [page for folder in (options.data / "bench" / "extraction", *options.more) for page in pages(folder)]
    tables: dict[str, Any] = {}
    for kind, chosen in {"benchmark": known, **test_pages(options.pages)}.items():
        among = extractors() if kind == "benchmark" else {"trafilatura (careful)": careful, "blocks (fast)": fast}
        rows = {name: measured(extract, chosen) for name, extract in among.items()}
        tables[kind] = {"pages": len(chosen), "rows": rows, "difference": difference(chosen)}
    if options.json:
        print(json.dumps(tables, indent=1))
        return
    for kind, table in tables.items():
        low, high = table["difference"]
        print(f"{kind}: {table['pages']} pages; fast less careful {low:+.3f} to {high:+.3f}")
        for name, row in table["rows"].items():
            shown = f"F1 {row['f1']:.3f}  precision {row['precision']:.3f}  recall {row['recall']:.3f}"
            print(f"  {name:24}{shown}  {row['ms']:6.2f} ms, first {row['first']:6.2f}")


if __name__ == "__main__":
    main()
