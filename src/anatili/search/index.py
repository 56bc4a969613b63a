"""`index`: the corpus cut into passages and made searchable with tantivy.

The passages (`part-*.parquet`) are the stage's product and have digests; the tantivy folder is made from them and
differs in bytes between equal builds.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatili.document import Kept, read_shard, write_shard
from anatili.lang import load_pack
from anatili.recipe import Index
from anatili.search.analyse import terms
from anatili.stage import Task
from anatili.text import sentences

HEAP = 64_000_000
"""Bytes that tantivy may hold before it writes a segment."""
STORED = ("id", "document", "title", "text", "url", "source", "time", "licence", "language")


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of whole sentences of one document: what search finds and an answer cites."""

    id: str
    """The document's id, a colon and the passage's number."""
    document: str
    title: str
    text: str
    url: str
    source: str
    time: str
    licence: str
    language: str


def run(task: Task) -> dict[str, Any]:
    """Cut the corpus (held-out documents too: search may find what training must not see) and index it."""
    folder = task.inputs["cut"]
    counts = task.map_shards(passage_shard, folder.glob("part-*.parquet"), settings=task.settings)
    shards = sorted(task.out.glob("part-*.parquet"))
    build(shards, task.out / "tantivy")
    return {"passages": counts.get("rows", 0)}


def passage_shard(source: Path, target: Path, settings: Index) -> None:
    def rows() -> Iterator[Passage]:
        for shard in (source, source.parent / "held-out" / source.name):
            for document in read_shard(shard, Kept):
                yield from passages(document, settings.passage_words)

    write_shard(target, Passage, rows())


def passages(document: Kept, size: int) -> Iterator[Passage]:
    """Passages of about `size` words; a last one under a third of that joins the one before."""
    blocks: list[list[str]] = []
    length = size
    abbreviations = {word.lower() for word in load_pack(document.language).words.get("abbreviations.txt", ())}
    for sentence in sentences(document.text, abbreviations):
        if length >= size:
            blocks.append([])
            length = 0
        blocks[-1].append(sentence)
        length += len(sentence.split())
    if len(blocks) > 1 and length < size // 3:
        rest = blocks.pop()
        blocks[-1] += rest
    for number, block in enumerate(blocks):
        yield Passage(
            id=f"{document.id}:{number}",
            document=document.id,
            title=document.title,
            text=" ".join(block),
            url=document.url,
            source=document.source,
            time=document.time,
            licence=document.licence,
            language=document.language,
        )


def schema() -> Any:
    import tantivy

    builder = tantivy.SchemaBuilder()
    for name in STORED:
        builder.add_text_field(name, stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("terms", stored=False, tokenizer_name="whitespace")
    builder.add_text_field("title_terms", stored=False, tokenizer_name="whitespace")
    return builder.build()


def build(shards: list[Path], folder: Path) -> None:
    """Index all passages of `shards` in `folder`, anew: a half-built index is worth nothing."""
    import tantivy

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    writer = tantivy.Index(schema(), path=str(folder)).writer(heap_size=HEAP, num_threads=1)
    for shard in shards:
        for passage in read_shard(shard, Passage):
            pack = load_pack(passage.language)
            fields = {name: [getattr(passage, name)] for name in STORED}
            fields["terms"] = [" ".join(terms(passage.text, pack))]
            fields["title_terms"] = [" ".join(terms(passage.title, pack))]
            writer.add_document(tantivy.Document(**fields))
    writer.commit()
    writer.wait_merging_threads()
