"""Short texts in pages of another language: how much of them each extractor keeps.

    python bench/extraction_frames.py WCXB ../shared/data [--pages 25] [--seed 1]

WCXB: a checkout of Murrough-Foley/web-content-extraction-benchmark; only pages of its test half are used, which
`bench/train_extraction.py` leaves out. Into each a Kazakh text of 120 to 400 letters is put: in the place of the main
text (short), as a paragraph of it (bilingual), of a forum (forum), or in a box at the end (box); what stands around it
stays in the page's language, or is replaced by Russian words. And the short pages of the test crawl, composed in the
same way from text nodes at random. `kept` is the share of the text's words, `careful` that of the words that careful
keeps; fast is called as a run calls it (`kk`) and without the language.
"""

import argparse
import gzip
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from html import escape, unescape
from pathlib import Path

from anatili.extraction.page import careful, decode, main_text, title_of
from anatili.refine.split import in_language
from anatili.text import words
from anatili.warc import Page, read_pages

NODE = re.compile(r">([^<>{};=]{3,})<")
"""A piece of text between tags; code has one of these signs."""
BEGINS = 60
"""Letters by which a piece of the main text is known."""
KINDS = {"short": "article", "bilingual": "article", "forum": "forum", "box": "article"}
LEAST, MOST = 120, 400


def lines(folder: Path, pattern: str, column: int) -> list[str]:
    rows = [row.split("\t") for file in sorted(folder.glob(pattern)) for row in file.read_text("utf-8").splitlines()]
    return [row[column].strip() for row in rows if len(row) > column and BEGINS <= len(row[column]) <= 220]


def composed(html: str, gold: str, kind: str, text: str, russian: Callable[[str], str] | None) -> str:
    """The page with the text in it; "" if it has too few pieces of main text."""
    gold = " ".join(gold.split())

    def is_main(piece: str) -> bool:
        piece = " ".join(unescape(piece).split())
        return len(piece) > BEGINS and piece[:BEGINS] in gold

    main = [node.start(1) for node in NODE.finditer(html) if is_main(node.group(1))]
    if len(main) < 3 or "</body>" not in html:
        return ""
    place = main[len(main) // 2] if kind == "forum" else main[0]

    def piece(node: re.Match[str]) -> str:
        old, at = node.group(1), node.start(1)
        shown = russian(old) if russian and not old.isspace() else old
        if at == place and kind in ("short", "forum"):
            shown = escape(text)
        elif at == place and kind == "bilingual":
            shown = f"{shown}</p><p>{escape(text)}"
        elif at in main and kind == "short":
            shown = ""
        return f">{shown}<"

    made = NODE.sub(piece, html)
    box = f'<aside class="widget"><h3>Хабарландыру</h3><p>{escape(text)}</p></aside></body>'
    return made.replace("</body>", box, 1) if kind == "box" else made


def frames(folder: Path, data: Path, count: int, seed: int) -> dict[str, list[tuple[str, str]]]:
    """Pages with the text that was put into them, by kind and frame."""
    draw = random.Random(seed)
    kazakh = lines(data / "text", "stukenov_seeds*", 0)
    sample = draw.sample(lines(data / "parallel" / "kk-ru", "*", 1), 6000)  # not all of them are Russian
    is_russian = in_language("ru")(sample)
    spoken = " ".join(line for line, is_own in zip(sample, is_russian, strict=True) if is_own).split()

    def russian(old: str) -> str:
        size = len(old.split())
        first = draw.randrange(max(1, len(spoken) - size))
        return escape(" ".join(spoken[first : first + size]))

    facts = json.loads((folder / "metadata.json").read_text("utf-8"))["files"]
    made: dict[str, list[tuple[str, str]]] = {}
    files = sorted((folder / "test" / "ground-truth").glob("*.json"))
    for kind, of_page in KINDS.items():
        draw.shuffle(files)
        for frame, replaced in (("as it is", None), ("Russian", russian)):
            chosen = made.setdefault(f"{kind}, {frame}", [])
            for file in files:
                packed = folder / "test" / "html" / f"{file.stem}.html.gz"
                if len(chosen) == count or facts[file.stem]["page_type"] != of_page or not packed.exists():
                    continue
                text = draw.choice(kazakh)
                while len(text) < draw.randint(LEAST, MOST):
                    text += " " + draw.choice(kazakh)
                gold = json.loads(file.read_text("utf-8"))["ground_truth"].get("main_content") or ""
                html = composed(decode(gzip.decompress(packed.read_bytes()))[0], gold, kind, text, replaced)
                if html:
                    chosen.append((html, text))
    return made


def crawled(data: Path) -> list[tuple[str, str]]:
    """The short Kazakh pages of the test crawl, with all on them that is surely Kazakh."""
    truth = map(json.loads, (data / "crawl" / "variants.truth.jsonl").open(encoding="utf-8"))
    short = {row["url"] for row in truth if row["label"] == "kk_short"}
    pages = [page for page in read_pages(data / "crawl" / "variants.warc.gz", 10**8) if isinstance(page, Page)]
    found = []
    for html in [decode(page.payload, page.charset)[0] for page in pages if page.url in short]:
        pieces = [" ".join(unescape(piece).split()) for piece in NODE.findall(html)]
        long = [piece for piece in pieces if len(piece) > 30]
        sure = [piece for piece, is_own in zip(long, in_language("kk")(long), strict=True) if is_own]
        found.append((html, "\n".join(sure)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wcxb", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--pages", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    own = in_language("kk")
    ways: dict[str, Callable[[str], str]] = {
        "careful": careful,
        "fast": lambda page: main_text(page, "fast", title_of(page[:100_000])),
        "fast, kk": lambda page: main_text(page, "fast", title_of(page[:100_000]), own),
    }
    tables = {"test crawl, short": crawled(options.data)}
    tables |= frames(options.wcxb, options.data, options.pages, options.seed)
    for kind, pages in tables.items():
        wanted = [Counter(words(text.lower())) for _, text in pages]
        first: list[Counter[str]] = []
        print(f"{kind}: {len(pages)} pages")
        for name, way in ways.items():
            began = time.process_time()
            got = [Counter(words(way(html).lower())) for html, _ in pages]
            taken = 1000 * (time.process_time() - began) / len(pages)
            first = first or got
            kept, same = (
                sum((a & b).total() for a, b in zip(got, other, strict=True)) / sum(b.total() for b in other)
                for other in (wanted, first)
            )
            print(f"  {name:9} kept {kept:.3f}  careful {same:.3f}  {taken:5.1f} ms", flush=True)


if __name__ == "__main__":
    main()
