"""`index`: the corpus cut into passages and made searchable with tantivy.

The passages (`part-*.parquet`) are the stage's product and have digests. The tantivy folder is built from them; its
bytes differ between equal builds.
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
from anatili.text import sentence_spans

Item = TypeVar("Item")
Span = tuple[int, int]
HEAP = 256_000_000
"""Bytes that tantivy may buffer before it writes a segment."""
SEPARATOR = "\x1f"
"""Separates the fields of a stored passage. Inside a field this control character becomes a space."""
BATCH = 16_384
"""Passages analyzed in one batch: the larger it is, the fewer words are looked up twice."""


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
    license: str
    language: str
    script: str
    location: str = ""
    """Where it is in a person's own file (`page:12`), "" elsewhere."""


FIELDS = tuple(field.name for field in fields(Passage))


def run(task: Task) -> dict[str, Any]:
    """Split the corpus into passages and index them, held-out documents too: only training must not see those."""
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
    """The passages of a document, of about `size` words."""
    spans = sentence_spans(document.text, load_pack(document.language).abbreviations)
    for number, block in enumerate(blocks(document.text, spans, size)):
        yield Passage(
            id=f"{document.id}:{number}",
            document=document.id,
            title=document.title,
            text=" ".join(document.text[start:end] for start, end in block),
            url=document.url,
            source=document.source,
            time=document.time,
            license=document.license,
            language=document.language,
            script=document.script,
        )


def blocks(text: str, spans: Iterable[Span], size: int) -> list[list[Span]]:
    """The spans of sentences in blocks of about `size` words. A last block shorter than a third of that joins the one
    before."""
    blocks: list[list[Span]] = []
    length = size
    for start, end in spans:
        if length >= size:
            blocks.append([])
            length = 0
        blocks[-1].append((start, end))
        length += len(text[start:end].split())
    if len(blocks) > 1 and length < size // 3:
        rest = blocks.pop()
        blocks[-1] += rest
    return blocks


def schema() -> Any:
    """`terms` are searched; `language` and `id` are filters; `passage` holds the joined fields of what is shown."""
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("terms", tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("language", tokenizer_name="raw", index_option="basic", fast=True)
    builder.add_text_field("id", tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field("passage", stored=True)
    return builder.build()


def build(shards: Iterable[Path], folder: Path) -> None:
    """Index all passages of `shards` in `folder`, from scratch: a half-built index cannot be used."""
    import tantivy

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    index = tantivy.Index(schema(), path=str(folder))
    writer = index.writer(heap_size=HEAP, num_threads=1)  # more threads would change the order of passages each time
    languages = set()
    for language, rows in ahead(analyzed(shards)):
        languages.add(language)
        for id_, row_terms, passage in rows:
            writer.add_document(entry(id_, language, row_terms, passage))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    indexed = index.searcher().terms_with_prefix("terms", "")
    vocabulary.build((term for term, _ in indexed), keyboard_of(languages), folder)


def entry(id_: str, language: str, terms: str, passage: bytes) -> Any:
    """A passage as tantivy stores it."""
    import tantivy

    document = tantivy.Document()  # nine times as fast as passing all fields at once
    document.add_text("id", id_)
    document.add_text("language", language)
    document.add_text("terms", terms)
    document.add_bytes("passage", passage)
    return document


def analyzed(shards: Iterable[Path]) -> Iterator[tuple[str, Iterator[tuple[str, str, bytes]]]]:
    """Language, and rows of id, terms and stored passage. Columns are processed whole: three times as fast as rows."""
    for shard in shards:
        with pq.ParquetFile(shard) as file:
            for batch in file.iter_batches(BATCH, columns=list(FIELDS)):
                table = pa.Table.from_batches([batch])
                groups = table.select(["language", "script"]).group_by(["language", "script"]).aggregate([])
                for group in groups.to_pylist():
                    same = (pc.field("language") == group["language"]) & (pc.field("script") == group["script"])
                    yield group["language"], rows_of(table.filter(same).combine_chunks(), **group)


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """`items`, each prepared in a background thread while the one before it is used."""
    source = iter(items)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(next, source, None)
        while (item := future.result()) is not None:
            future = pool.submit(next, source, None)
            yield item


def rows_of(table: Any, language: str, script: str) -> Iterator[tuple[str, str, bytes]]:
    """Id, terms and stored form of passages in one language and script. The terms of a title count twice."""
    analyze = terms(language, script).of_column
    title, text = (analyze(table[name].chunk(0)) for name in ("title", "text"))
    analyzed = pc.binary_join_element_wise(title, title, text, " ")
    columns = (pc.replace_substring(table[name], SEPARATOR, " ") for name in FIELDS)
    stored = pc.binary_join_element_wise(*columns, SEPARATOR)
    return zip(table["id"].to_pylist(), analyzed.to_pylist(), stored.cast(pa.binary()).to_pylist(), strict=True)


def store_passage(passage: Passage) -> str:
    """The stored form of a passage."""
    return SEPARATOR.join(str(getattr(passage, name)).replace(SEPARATOR, " ") for name in FIELDS)


def read_passage(stored: bytes) -> Passage:
    """Read a passage from its stored form."""
    return Passage(*stored.decode("utf-8", "replace").split(SEPARATOR))


def keyboard_of(codes: Iterable[str]) -> dict[str, str]:
    """The substitutes typed for the special letters of these languages."""
    return {letter: typed for code in sorted(codes) for letter, typed in load_pack(code).config.keyboard.items()}
