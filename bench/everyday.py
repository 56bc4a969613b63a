"""Search indexes of the short documents of bench/everyday.toml, together and one by one, and the questions on them."""

import random
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from asked import LANGUAGES, PACKS

from anatili.documents.passages import Source, passages_of
from anatili.files.formats import open_file
from anatili.search.live_index import LiveIndex, Row, row_of
from anatili.search.manifest import Entry
from anatili.search.searcher import Search

FILE = Path(__file__).with_name("everyday.toml")
HEAP = 15_000_000
TOGETHER, FEW = 12, 4
"""Documents of a large set, which has all languages, and of a small one, which has one."""
TIME = "2026-01-01T00:00:00Z"


@dataclass(frozen=True)
class Everyday:
    """A document with the questions on it."""

    name: str
    language: str
    text: str
    asked: tuple[tuple[str, ...], ...]
    """Of each question its words, then those that a right answer holds; if there are none, nothing answers it."""


def read_everyday() -> list[Everyday]:
    return [
        Everyday(row["name"], row["language"], row["text"], tuple(tuple(question) for question in row["asked"]))
        for row in tomllib.loads(FILE.read_text("utf-8"))["documents"]
    ]


def sets_of(documents: Sequence[Everyday]) -> list[list[Everyday]]:
    """Each document alone, with others in its language, and with others in all languages."""
    choose = random.Random(0)
    by_language = {code: [row for row in documents if row.language == code] for code in LANGUAGES}
    for rows in by_language.values():
        choose.shuffle(rows)
    few = [rows[start : start + FEW] for rows in by_language.values() for start in range(0, len(rows), FEW)]
    share = TOGETHER // len(LANGUAGES)
    longest = max(map(len, by_language.values()))
    many = [
        [row for rows in by_language.values() for row in rows[start : start + share]]
        for start in range(0, longest, share)
    ]
    return [*([row] for row in documents), *few, *many]


@contextmanager
def indexed(documents: Sequence[Everyday]) -> Iterator[Search]:
    """A search over documents as `anatili ask FOLDER` reads them."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # tantivy may still hold a file
        index = LiveIndex(Path(folder) / "index", PACKS, HEAP)
        try:
            index.put([entry_of(row, Path(folder)) for row in documents], many=True)
            index.finish()
            yield index.search
        finally:
            index.close()


def entry_of(document: Everyday, folder: Path) -> tuple[Entry, list[Row]]:
    """A document as it is indexed; its ids are the same each time, so that the order of equal passages is too."""
    path = folder / document.name
    path.write_text(document.text.strip() + "\n", "utf-8")
    file = open_file(path, path.suffix, [load.config.iso639_3 for load in PACKS.values()])
    if path.suffix == ".txt":
        file = replace(file, title="")  # as when the weights were trained: a text was called by its file
    source = Source(document.name, document.name, document.name, TIME)
    rows = [row_of(passage) for passage, _ in passages_of(file, source, LANGUAGES)]
    facts: dict[str, Any] = {"stamp": "", "bytes": len(document.text), "time": 0.0, "passages": len(rows)}
    return Entry(name=document.name, id=document.name, version="", **facts), rows
