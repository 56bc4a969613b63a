"""`index`: the corpus cut into passages and made searchable with tantivy.

The passages (`part-*.parquet`) are the stage's product and have digests; the tantivy folder is made from them and
differs in bytes between equal builds.
"""

import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anatili.document import Kept, read_shard, write_shard
from anatili.lang import load_pack
from anatili.recipe import Index
from anatili.search import vocabulary
from anatili.search.analysis import terms
from anatili.stage import Task
from anatili.text import sentences

Item = TypeVar("Item")
HEAP = 256_000_000
"""Bytes that tantivy may hold before it writes a segment."""
SEPARATOR = "\x1f"
"""Between the fields of a stored passage: a control character, which becomes a space where a field has it."""
BATCH = 16_384
"""Passages taken apart at a time: the more, the fewer words are looked up twice."""


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
    script: str


FIELDS = tuple(field.name for field in fields(Passage))


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
    for sentence in sentences(document.text, load_pack(document.language).abbreviations):
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
            script=document.script,
        )


def schema() -> Any:
    """`terms` are searched, `language` and `id` narrow a search; `passage` is all that is shown, its fields joined."""
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("terms", tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("language", tokenizer_name="raw", index_option="basic", fast=True)
    builder.add_text_field("id", tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field("passage", stored=True)
    return builder.build()


def build(shards: Iterable[Path], folder: Path) -> None:
    """Index all passages of `shards` in `folder`, anew: a half-built index is worth nothing."""
    import tantivy

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    index = tantivy.Index(schema(), path=str(folder))
    writer = index.writer(heap_size=HEAP, num_threads=1)  # more would put passages in another order each time
    languages = set()
    for language, rows in ahead(analysed(shards)):
        languages.add(language)
        for number, found, passage in rows:
            document = tantivy.Document()  # nine times as fast as handing it all at once
            document.add_text("id", number)
            document.add_text("language", language)
            document.add_text("terms", found)
            document.add_bytes("passage", passage)
            writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    known = index.searcher().terms_with_prefix("terms", "")
    vocabulary.build((term for term, _ in known), keyboard_of(languages), folder)


def analysed(shards: Iterable[Path]) -> Iterator[tuple[str, Iterator[tuple[str, str, bytes]]]]:
    """Language, and rows of id, terms and stored passage; by columns, which is three times as fast as by rows."""
    for shard in shards:
        with pq.ParquetFile(shard) as file:
            for batch in file.iter_batches(BATCH, columns=list(FIELDS)):
                table = pa.Table.from_batches([batch])
                kinds = table.select(["language", "script"]).group_by(["language", "script"]).aggregate([])
                for kind in kinds.to_pylist():
                    same = (pc.field("language") == kind["language"]) & (pc.field("script") == kind["script"])
                    yield kind["language"], rows_of(table.filter(same).combine_chunks(), **kind)


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """`items`, the next one made in a thread of its own while one is used."""
    source = iter(items)
    with ThreadPoolExecutor(1) as maker:
        waiting = maker.submit(next, source, None)
        while (item := waiting.result()) is not None:
            waiting = maker.submit(next, source, None)
            yield item


def rows_of(table: Any, language: str, script: str) -> Iterator[tuple[str, str, bytes]]:
    """Id, terms and stored passage of passages in one language and script; the terms of a title count twice."""
    of = terms(language, script).of_column
    title, text = (of(table[name].chunk(0)) for name in ("title", "text"))
    found = pc.binary_join_element_wise(title, title, text, " ")
    columns = (pc.replace_substring(table[name], SEPARATOR, " ") for name in FIELDS)
    kept = pc.binary_join_element_wise(*columns, SEPARATOR)
    return zip(table["id"].to_pylist(), found.to_pylist(), kept.cast(pa.binary()).to_pylist(), strict=True)


def opened(stored: bytes) -> Passage:
    """A passage as it was stored."""
    return Passage(*stored.decode("utf-8", "replace").split(SEPARATOR))


def keyboard_of(codes: Iterable[str]) -> dict[str, str]:
    """What is typed for the own letters of all these languages."""
    return {letter: typed for code in sorted(codes) for letter, typed in load_pack(code).said.keyboard.items()}
