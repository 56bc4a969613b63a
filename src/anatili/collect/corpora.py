"""Read existing corpora as documents with their origin: JSON lines, Parquet, text, and people's files (PDF, Word)."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from anatili import text
from anatili.compression import Damage, blocks_of
from anatili.data_errors import DAMAGED
from anatili.document import Document, Lost
from anatili.files import UnreadableError
from anatili.files.formats import open_file
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.recipe import Collect, Source
from anatili.warc import Admits, Broken

FILE_WORDS = 10_000
"""Words from which a part of a long file is a document of its own: a book is not one document."""
MAX_LINE = 1 << 27
"""Bytes of a line, paragraph or text file that are read at most: a packed file of 1 MB can hold a line of 1 GB."""
TOO_LARGE, NOT_UTF8 = Broken("", "too large"), Broken("", "not UTF-8")
TOGETHER = 120
"""Words that make consecutive lines a document, for sources with unit = "lines"."""
OPEN = ("Unterminated string", "Invalid \\uXXXX escape")
"""What Python says of a row that ends inside a string."""
NO_TEXT = "no text field"
NAMED = 10
"""Fields of a row that a message names."""
WITHIN = ("metadata", "meta")
"""Fields that hold others in the files of datatrove, Dolma and the Pile."""
Row = dict[str, Any] | Broken
"""A row as it is in the file, or why there is none."""


def documents(
    file: Path,
    source: Source,
    settings: Collect,
    counts: Counter[str],
    lost: list[Lost],
    admits: Admits | None = None,
) -> Iterator[Document]:
    """The documents of a corpus file. Rows that cannot be used, or that `admits` rejects, are counted by reason and
    listed in `lost`, and so is what is lost because the file is damaged."""
    readers = {"jsonl": json_rows, "parquet": parquet_rows, "text": text_rows, "files": file_rows}
    for number, row in enumerate(readers[source.kind](file, source)):
        counts["records"] += 1
        where = f"{text.show_path(file.name)}:{number + 1}"
        if isinstance(row, Broken):
            counts[f"lost: {row.reason}"] += 1
            lost.append(Lost("", where, row.reason, row.detail or where))
            continue
        url = text_in(row, source.url_field)
        value = row.get(source.text_field)
        reason = (
            NO_TEXT
            if not isinstance(value, str)
            else "empty"
            if not value.strip()
            else "too large"
            if len(value) > settings.max_bytes
            else "sifted out"
            if admits and not admits(value.encode("utf-8", "ignore"), str)
            else ""
        )
        if reason:
            counts[f"lost: {reason}"] += 1
            lost.append(Lost("", url or where, reason, where + named_fields(row, source) * (reason == NO_TEXT)))
            continue
        counts["kept"] += 1
        yield Document(
            id=id_of(row, source, url or where),
            text=text.storable(str(value)),
            title=text_in(row, "title"),
            url=url or where,
            source=source.name,
            time=text.day_of(text_in(row, "date", "time")),
            license=text_in(row, "license", "licence") or source.license,
            opt_out="",
            charset="utf-8",
            language=source.language,
        )


def id_of(row: dict[str, Any], source: Source, address: str) -> str:
    """The id of a row's document. `address`: its own, or its file and number."""
    own = text_in(row, source.id_field) if source.id_field else ""
    return text.short_hash(source.name, own or address, "" if own else text.digest(str(row[source.text_field])))


def named_fields(row: dict[str, Any], source: Source) -> str:
    """What a row without text has instead: `text_field` may name another field."""
    names = ", ".join(text.storable(name[:40]) for name in list(row)[:NAMED]) or "no fields"
    value = row.get(source.text_field)
    held = "" if value is None else f" but a value of type {type(value).__name__}"
    return f" has no text under {source.text_field!r}{held}; it has {names}"


def text_in(row: dict[str, Any], *fields: str) -> str:
    """The first of the fields that a row has, itself or in its metadata, as text that can be stored; "" if it has
    none."""
    for facts in (row, *map(row.get, WITHIN)):
        value = next(filter(None, map(facts.get, fields)), None) if isinstance(facts, dict) else None
        if value is not None:
            return text.storable(value.isoformat() if isinstance(value, date) else str(value))
    return ""


def lines_of(file: Path) -> Iterator[bytes | Broken]:
    """The lines of a file, b"" for one above MAX_LINE, and a `Broken` where the file is damaged. A line that damage
    breaks is left out."""
    held, is_long = bytearray(), False
    with file.open("rb") as stream:
        for block in blocks_of(stream, file.suffix):
            if isinstance(block, Damage):
                yield Broken("", DAMAGED, block.detail)
                held, is_long = bytearray(), False
                continue
            first, *others = block.split(b"\n")
            held += first
            if others:
                yield b"" if is_long or len(held) >= MAX_LINE else bytes(held) + b"\n"
                yield from (line + b"\n" if len(line) < MAX_LINE else b"" for line in others[:-1])
                held, is_long = bytearray(others[-1]), False
            if len(held) >= MAX_LINE:
                held, is_long = bytearray(), True
    if held or is_long:
        yield b"" if is_long else bytes(held)


def json_rows(file: Path, source: Source) -> Iterator[Row]:
    for line in lines_of(file):
        if isinstance(line, Broken) or not line.strip():
            yield from (line,) if isinstance(line, Broken) else () if line else (TOO_LARGE,)
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            is_last = not line.endswith(b"\n")
            broken = NOT_UTF8 if isinstance(error, UnicodeDecodeError) else Broken("", "not JSON")
            yield cut_row(file) if is_last and ends_early(error, line) else broken
        else:
            yield row if isinstance(row, dict) else Broken("", "not a JSON object")


def ends_early(error: Exception, line: bytes) -> bool:
    """Whether a row is not JSON only because its end is missing."""
    if isinstance(error, UnicodeDecodeError):
        return error.end == len(line)
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith(OPEN) or error.pos >= len(error.doc.rstrip())


def cut_row(file: Path) -> Broken:
    return Broken("", DAMAGED, f"byte {file.stat().st_size}: the file ends inside a row")


def parquet_rows(file: Path, source: Source) -> Iterator[Row]:
    for batch in parquet_batches(file, source, needed(source)):
        yield from (batch,) if isinstance(batch, Broken) else batch_rows(batch, source)


def needed(source: Source) -> set[str]:
    """The columns that documents are made of."""
    own = {source.text_field, source.id_field, source.url_field}
    return {*own, "title", "date", "time", "license", "licence", *WITHIN}


def parquet_batches(file: Path, source: Source, fields: set[str] | None = None) -> Iterator[pa.RecordBatch | Broken]:
    """The rows of a file in batches, and what is damaged. `fields`: columns to read, all if None."""
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as table:
            if source.text_field not in table.schema_arrow.names:
                raise Problem(
                    f"{text.show_path(file)} has no column {source.text_field!r}; it has "
                    f"{', '.join(table.schema_arrow.names)}: set text_field in source {source.name!r}, or leave it out"
                )
            columns = [name for name in table.schema_arrow.names if fields is None or name in fields]
            for group in range(table.num_row_groups):
                yield from group_batches(table, group, columns)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:  # the disk or a permission; Arrow's own errors have no number
            raise
        detail = "the file is empty" if not (size := file.stat().st_size) else f"no complete Parquet file: {error}"
        yield Broken("", DAMAGED, f"byte {size}: {detail}")


def group_batches(table: pq.ParquetFile, group: int, columns: list[str]) -> Iterator[pa.RecordBatch | Broken]:
    """The rows of a row group; damage costs those that follow it in the group."""
    facts, read = table.metadata.row_group(group), 0
    try:
        for batch in table.iter_batches(512, row_groups=[group], columns=columns):
            yield batch
            read += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        missing = f"rows {read + 1:,} to {facts.num_rows:,} of row group {group} cannot be read"
        yield Broken("", DAMAGED, f"byte {facts.column(0).file_offset}: {missing}: {error}")


def batch_rows(batch: pa.RecordBatch, source: Source) -> Iterator[Row]:
    """Of each row of a batch the columns that its document is made of."""
    fields = needed(source)
    batch = batch.select([name for name in batch.schema.names if name in fields])
    try:
        yield from map(_texts, batch.to_pylist())
    except UnicodeDecodeError:
        rows = [batch.slice(number, 1) for number in range(batch.num_rows)]
        for row in rows:
            try:
                yield from map(_texts, row.to_pylist())
            except UnicodeDecodeError:
                yield NOT_UTF8


def _texts(row: dict[str, Any]) -> Row:
    """The row, its bytes as text: Spark and others write text as columns of bytes."""
    try:
        return {name: value.decode() if isinstance(value, bytes) else value for name, value in row.items()}
    except UnicodeDecodeError:
        return NOT_UTF8


def text_rows(file: Path, source: Source) -> Iterator[Row]:
    field = source.text_field
    if source.unit == "file":
        yield from _whole_file(file, field)
        return
    block: list[bytes] = []
    length = held = 0
    for line in lines_of(file):
        if isinstance(line, Broken) or not line or held + len(line) > MAX_LINE:
            if isinstance(line, Broken) and block:
                yield _decoded(b"".join(block), field)
            yield line if isinstance(line, Broken) else TOO_LARGE
            block, length, held = [], 0, 0
            continue
        held += len(line)
        if source.column:
            cells = line.rstrip(b"\r\n").split(b"\t")
            if len(cells) < source.column:
                yield Broken("", "no such column")
                continue
            line = cells[source.column - 1].strip() + b"\n"
        if source.unit == "line" or (source.column and source.unit == "paragraph"):
            if line.strip() or source.column:
                yield _decoded(line.strip(), field)
            held = 0
            continue
        is_end = length >= TOGETHER if source.unit == "lines" else not line.strip()
        if is_end and block:
            yield _decoded(b"".join(block), field)
            block, length, held = [], 0, len(line)
        if line.strip():
            block.append(line)
            length += len(line.split())
    if block:
        yield _decoded(b"".join(block), field)


def file_rows(file: Path, source: Source) -> Iterator[Row]:
    """The text of a file, a long one in several rows. The address names where each begins, such as a page."""
    languages = [load_pack(code).config.iso639_3 for code in dict.fromkeys((source.language, *source.sift)) if code]
    name, rows, size = text.show_path(file.name), list[str](), 0
    at = ""
    try:
        opened = open_file(file, languages=languages)
        for part in opened.parts:
            at = at or part.location
            rows.append(part.text)
            size += len(part.text.split())
            if size >= FILE_WORDS:
                yield _file_row(rows, name, at, opened.title, source)
                rows, size, at = [], 0, ""
    except UnreadableError as error:
        yield Broken("", f"unreadable: {error.code}", str(error))
        return
    if size:
        yield _file_row(rows, name, at, opened.title, source)
    for _ in range(opened.skipped.lines):
        yield Broken("", "unreadable: damaged", str(opened.skipped))


def _file_row(rows: list[str], name: str, at: str, title: str, source: Source) -> dict[str, Any]:
    address = f"{name}#{at}" if at else name
    return {source.text_field: "\n\n".join(rows), source.url_field: address, "title": title}


def _whole_file(file: Path, field: str) -> Iterator[Row]:
    """The text of a file as one row, in several if damage parts it."""
    held, is_damaged = bytearray(), False
    for line in lines_of(file):
        if isinstance(line, Broken):
            yield from (_decoded(bytes(held), field),) if held else ()
            yield line
            held, is_damaged = bytearray(), True
            continue
        held += line
        if not line or len(held) > MAX_LINE:
            yield TOO_LARGE
            return
    if held or not is_damaged:
        yield _decoded(bytes(held), field)


def _decoded(data: bytes, field: str) -> Row:
    try:
        return {field: data.decode("utf-8-sig").strip()}
    except UnicodeDecodeError:
        return NOT_UTF8
