"""How well, and how fast, the main text of real pages is found.

    python bench/extraction.py ../shared/data [--more FOLDER] [--json]

Pages with known text, scored as article-extraction-benchmark does: four-word runs, F1 of the mean precision and the
mean recall. Milliseconds are of processor time, the lesser of two passes, all in one process: compare them within
one run only. `--more FOLDER`: other pages, in the same layout (html/NAME.html.gz and ground-truth.json).
"""

import argparse
import gzip
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from metrics import extraction

from anatili.page import careful, decode, extract_page, main_text, quick, title_of
from anatili.text import host_of

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


def extractors() -> dict[str, Callable[[str], str]]:
    """What is compared, by name."""
    peers = {"readability-lxml": readability} if importlib.util.find_spec("readability") else {}
    return {
        "trafilatura (careful)": careful,
        "resiliparse (quick)": quick,
        "blocks (fast)": lambda page: main_text(page, "fast", title_of(page[:100_000])),
        **peers,
        "extract_page, careful": lambda page: extract_page(page.encode()).text,
        "extract_page, fast": lambda page: extract_page(page.encode(), mode="fast").text,
        "extract_page, quick": lambda page: extract_page(page.encode(), mode="quick").text,
    }


def measured(extract: Callable[[str], str], read_from: list[Page]) -> dict[str, float]:
    """Precision, recall and F1, and the lesser processor time of two passes."""
    best = float("inf")
    texts: list[str] = []
    for _ in range(2):
        start = time.process_time()
        texts = [extract(page) for _, page, _ in read_from]
        best = min(best, time.process_time() - start)
    p, r, f1 = extraction(zip((text for _, _, text in read_from), texts, strict=True))
    return {
        "precision": round(p, 3),
        "recall": round(r, 3),
        "f1": round(f1, 4),
        "ms": round(1000 * best / len(texts), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--more", type=Path, action="append", default=[])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    known = [page for folder in (options.data / "bench" / "extraction", *options.more) for page in pages(folder)]
    rows = {name: measured(extract, known) for name, extract in extractors().items()}
    if options.json:
        print(json.dumps({"pages": len(known), "rows": rows}, indent=1))
        return
    print(f"{len(known)} pages of {len({host for host, _, _ in known})} hosts")
    for name, row in rows.items():
        shown = f"F1 {row['f1']:.3f}  precision {row['precision']:.3f}  recall {row['recall']:.3f}  {row['ms']:6.2f} ms"
        print(f"{name:24}{shown}")


if __name__ == "__main__":
    main()
