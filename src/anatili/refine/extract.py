"""`extract`: a page's bytes become a text with its title, charset and opt-out signals."""

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from anatili import text
from anatili.budget import TookTooLong, within
from anatili.document import Document, Lost, add_up, read_shard, write_shard
from anatili.page import extract_page
from anatili.recipe import Extract
from anatili.stage import Task
from anatili.warc import Page, read_info, read_pages

MAX_PAGE = 2_000_000_000
"""Pages were measured by `collect`; what it kept is read whole."""


def run(task: Task) -> dict[str, Any]:
    """Extract each shard of `collect`; the summary counts pages by what became of them."""
    shards = [*task.inputs["collect"].glob("part-*.warc.gz"), *task.inputs["collect"].glob("part-*.parquet")]
    counts = task.map_shards(extract_shard, shards, settings=task.settings)
    lost = add_up(sorted(task.out.glob("lost/*.parquet")))
    return {"documents": counts.get("rows", 0), "lost": {k: v for k, v in lost.items() if v}}


def extract_shard(source: Path, target: Path, settings: Extract) -> None:
    """Documents of one shard into `target`; pages without text into `lost/`, written first."""
    lost: list[Lost] = []
    rows = list(from_warc(source, settings, lost) if source.name.endswith(".warc.gz") else from_corpus(source, lost))
    write_shard(target.parent / "lost" / target.name, Lost, lost, Counter(row.reason for row in lost))
    write_shard(target, Document, rows)


def from_warc(shard: Path, settings: Extract, lost: list[Lost]) -> Iterator[Document]:
    info = read_info(shard)
    for page in read_pages(shard, MAX_PAGE):
        assert isinstance(page, Page), page
        # The record's own id tells two captures of one address in one second apart.
        identity = text.short_hash(info["source"], page.url, page.time, page.record_id)
        try:
            with within(len(page.payload)):
                found = extract_page(page.payload, charset=page.charset, headers=page.headers, mode=settings.mode,
                                     url=page.url, is_text=page.is_text or page.mime == "text/plain")  # fmt: skip
        except TookTooLong as reached:
            lost.append(Lost(identity, page.url, "took too long", f"extract: {reached}"))
            continue
        except Exception as error:  # whatever a parser does with a hostile page, it costs that page only
            logging.getLogger(__name__).warning("%s: %s", page.url, error)
            lost.append(Lost(identity, page.url, "parser failed", f"{type(error).__name__}: {error}"[:200]))
            continue
        if len(found.text) < max(1, settings.min_characters):
            lost.append(Lost(identity, page.url, "no text", f"{len(found.text)} characters"))
            continue
        yield Document(
            id=identity,
            text=found.text,
            title=found.title,
            url=page.url,
            source=info["source"],
            time=page.time,
            licence=info["licence"],
            opt_out=dated(found.opt_out, page.time[:10]),
            charset=found.charset,
            translated=found.translated,
            language=info.get("language", ""),
        )


def dated(signals: str, day: str) -> str:
    """The signals, each with the day on which it was read: that of the page where it does not say another."""
    return "; ".join(f"{one} @ {day}" if day and " @ " not in one else one for one in signals.split("; ") if one)


def from_corpus(shard: Path, lost: list[Lost]) -> Iterator[Document]:
    for row in read_shard(shard, Document):
        body = text.clean(row.text).strip()
        if body:
            values = {name: getattr(row, name) for name in Document.__slots__}
            yield Document(**{**values, "text": body})
        else:
            lost.append(Lost(row.id, row.url, "no text", "only invisible characters"))
