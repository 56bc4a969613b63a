"""`extract`: turn the bytes of a page into text with its title, charset and opt-out signals, split by language."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from anatili import text
from anatili.document import Document, Lost, add_up, read_shard, write_shard
from anatili.extraction.page import extract_page
from anatili.extraction.time_limit import TookTooLong, within
from anatili.identify import model_files
from anatili.recipe import Extract, Recipe
from anatili.refine.split import in_language, split_document
from anatili.stage import Task
from anatili.text import file_digest
from anatili.warc import Page, read_info, read_pages

MAX_PAGE = 2_000_000_000
"""`collect` has already limited the size of pages, so they are read whole."""


def run(task: Task) -> dict[str, Any]:
    """Extract each shard of `collect`; the summary counts documents, and lost pages by reason."""
    shards = [*task.inputs["collect"].glob("part-*.warc.gz"), *task.inputs["collect"].glob("part-*.parquet")]
    counts = task.map_shards(extract_shard, shards, languages=task.recipe.languages, settings=task.settings)
    lost = add_up(sorted(task.out.glob("lost/*.parquet")))
    return {"documents": counts.get("rows", 0), "lost": {k: v for k, v in lost.items() if v}}


def inventory(recipe: Recipe, base: Path) -> dict[str, str]:
    """Digests of the files that languages are identified by: pages are split by language."""
    return {name: file_digest(file) for name, file in model_files().items()}


def extract_shard(source: Path, target: Path, languages: tuple[str, ...], settings: Extract) -> None:
    """Write a shard's documents to `target` and its pages without text to `lost/`, which is written first."""
    lost: list[Lost] = []
    is_archive = source.name.endswith(".warc.gz")
    pages = from_warc(source, languages[0], settings, lost) if is_archive else from_corpus(source, lost)
    rows = list(documents_of(pages, languages, lost))
    write_shard(target.parent / "lost" / target.name, Lost, lost, Counter(row.reason for row in lost))
    write_shard(target, Document, rows)


def documents_of(pages: Iterable[Document], languages: tuple[str, ...], lost: list[Lost]) -> Iterator[Document]:
    """The documents of pages, split by language."""
    for page in pages:
        try:
            with within(len(page.text)):
                documents, frames = split_document(page, languages)
        except TookTooLong as reached:
            lost.append(Lost(page.id, page.url, "took too long", f"split by language: {reached}"))
            continue
        lost += frames
        yield from documents


def from_warc(shard: Path, language: str, settings: Extract, lost: list[Lost]) -> Iterator[Document]:
    info, wanted = read_info(shard), in_language(language)
    for page in read_pages(shard, MAX_PAGE):
        assert isinstance(page, Page), page
        # The record's own id distinguishes two captures of an address in the same second.
        identity = text.short_hash(info["source"], page.url, page.time, page.record_id)
        try:
            with within(len(page.payload)):
                extracted = extract_page(
                    page.payload,
                    charset=page.charset,
                    headers=page.headers,
                    mode=settings.mode,
                    url=page.url,
                    is_text=page.is_text or page.mime == "text/plain",
                    in_language=wanted,
                )
        except TookTooLong as reached:
            lost.append(Lost(identity, page.url, "took too long", f"extract: {reached}"))
            continue
        except Exception as error:  # a parser that fails on a hostile page costs that page only
            logging.getLogger(__name__).warning("%s: %s", page.url, error)
            lost.append(Lost(identity, page.url, "parser failed", f"{type(error).__name__}: {error}"[:200]))
            continue
        if len(extracted.text) < max(1, settings.min_characters):
            lost.append(Lost(identity, page.url, "no text", f"{len(extracted.text)} characters"))
            continue
        yield Document(
            id=identity,
            text=extracted.text,
            title=extracted.title,
            url=page.url,
            source=info["source"],
            time=page.time,
            license=info["license"],
            opt_out=dated(extracted.opt_out, page.time[:10]),
            charset=extracted.charset,
            translated=extracted.translated,
            language=info.get("language", ""),
            linked=extracted.linked,
        )


def dated(signals: str, day: str) -> str:
    """The signals, each with the day on which it was read: that of the page unless it names another."""
    return "; ".join(
        f"{signal} @ {day}" if day and " @ " not in signal else signal for signal in signals.split("; ") if signal
    )


def from_corpus(shard: Path, lost: list[Lost]) -> Iterator[Document]:
    for row in read_shard(shard, Document):
        body = text.clean(row.text).strip()
        if body:
            values = {name: getattr(row, name) for name in Document.__slots__}
            yield Document(**{**values, "text": body})
        else:
            lost.append(Lost(row.id, row.url, "no text", "only invisible characters"))
