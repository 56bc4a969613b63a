"""Read existing corpora as documents with their origin: JSON lines, Parquet, text, and people's files (PDF, Word)."""

import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from anatili import text
from anatili.document import Document, Lost
from anatili.files import UnreadableError
from anatili.files.formats import open_file
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.recipe import Collect, Source
from anatili.warc import Admits

FILE_WORDS = 10_000
"""Words from which a part of a long file is a document of its own: a book is not one document."""
NO_COLUMN = "no such column"
TOGETHER = 120
"""Words that make consecutive lines a document, for sources with unit = "lines"."""


def documents(
    file: Path,
    source: Source,
    settings: Collect,
    counts: Counter[str],
    lost: list[Lost],
    admits: Admits | None = None,
) -> Iterator[Document]:
    """The documents of a corpus file. Rows that cannot be used, or that `admits` rejects, are counted by reason and
    listed in `lost`."""
    readers = {"jsonl": json_rows, "parquet": parquet_rows, "text": text_rows, "files": file_rows}
    for number, row in enumerate(readers[source.kind](file, source)):
        counts["records"] += 1
        url = text_in(row, source.url_field)
        value = row.get(source.text_field)
        where = f"{text.show_path(file.name)}:{number + 1}"
        reason = row.get("_problem") or (
            "no text field" if not isinstance(value, str) else "empty" if not value.strip()
            else "too large" if len(value) > settings.max_bytes
            else "sifted out" if admits and not admits(value.encode("utf-8", "ignore"), str) else ""
        )  # fmt: skip
        if reason:
            counts[f"lost: {reason}"] += 1
            lost.append(Lost("", url or where, reason, where))
            continue
        counts["kept"] += 1
        own = text_in(row, source.id_field) if source.id_field else ""
        yield Document(
            id=text.short_hash(source.name, own or url or where, "" if own else text.digest(str(value))),
            text=text.storable(str(value)),
            title=text_in(row, "title"),
            url=url or where,
            source=source.name,
            time=text_in(row, "date", "time"),
            license=text_in(row, "license", "licence") or source.license,
            opt_out="",
            charset="utf-8",
            language=source.language,
        )


def text_in(row: dict[str, Any], *fields: str) -> str:
    """The first of the fields that a row has, as text that can be stored; "" if it has none."""
    return text.storable(str(next(filter(None, map(row.get, fields)), "")))


def open_bytes(file: Path, stack: ExitStack) -> io.BufferedIOBase:
    """`file`, open for reading and decompressed if its name says gzip or zstd."""
    ending = file.suffix.lower()
    if ending == ".gz":
        return stack.enter_context(gzip.open(file, "rb"))
    if ending == ".zst":
        return io.BufferedReader(stack.enter_context(pa.input_stream(str(file), compression="zstd")))
    return stack.enter_context(file.open("rb"))


def lines_of(file: Path) -> Iterator[bytes]:
    """The lines of a file; `Problem` where the file is truncated or damaged."""
    with ExitStack() as stack:
        stream = open_bytes(file, stack)
        while True:
            try:
                line = stream.readline()
            except (EOFError, OSError) as error:
                raise Problem(
                    f"{text.show_path(file)} is truncated or damaged ({error}); fetch it again or leave it out"
                ) from error
            if not line:
                return
            yield line


def json_rows(file: Path, source: Source) -> Iterator[dict[str, Any]]:
    for line in lines_of(file):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = {"_problem": "not JSON"}
            yield row if isinstance(row, dict) else {"_problem": "not a JSON object"}


def parquet_rows(file: Path, source: Source) -> Iterator[dict[str, Any]]:
    fields = {source.text_field, source.id_field, source.url_field, "title", "date", "time", "license", "licence"}
    try:
        with pq.ParquetFile(file) as table:
            if source.text_field not in table.schema_arrow.names:
                raise Problem(
                    f"{text.show_path(file)} has no column {source.text_field!r}; it has "
                    f"{', '.join(table.schema_arrow.names)}: set text_field in source {source.name!r}"
                )
            columns = [name for name in table.schema_arrow.names if name in fields]
            for batch in table.iter_batches(512, columns=columns):
                yield from batch.to_pylist()
    except pa.ArrowInvalid as error:
        raise Problem(f"{text.show_path(file)} is not a complete Parquet file: {error}") from error


def text_rows(file: Path, source: Source) -> Iterator[dict[str, Any]]:
    field = source.text_field
    if source.unit == "file":
        yield _decoded(b"".join(lines_of(file)), field)
        return
    block: list[bytes] = []
    length = 0
    for line in lines_of(file):
        if source.column:
            cells = line.rstrip(b"\r\n").split(b"\t")
            if len(cells) < source.column:
                yield {"_problem": NO_COLUMN}
                continue
            line = cells[source.column - 1].strip() + b"\n"
        if source.unit == "line" or (source.column and source.unit == "paragraph"):
            if line.strip() or source.column:
                yield _decoded(line.strip(), field)
            continue
        is_end = length >= TOGETHER if source.unit == "lines" else not line.strip()
        if is_end and block:
            yield _decoded(b"".join(block), field)
            block, length = [], 0
        if line.strip():
            block.append(line)
            length += len(line.split())
    if block:
        yield _decoded(b"".join(block), field)


def file_rows(file: Path, source: Source) -> Iterator[dict[str, Any]]:
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
        yield {"_problem": f"unreadable: {error.code}"}
        return
    if size:
        yield _file_row(rows, name, at, opened.title, source)


def _file_row(rows: list[str], name: str, at: str, title: str, source: Source) -> dict[str, Any]:
    address = f"{name}#{at}" if at else name
    return {source.text_field: "\n\n".join(rows), source.url_field: address, "title": title}


def _decoded(data: bytes, field: str) -> dict[str, Any]:
    try:
        return {field: data.decode("utf-8-sig").strip()}
    except UnicodeDecodeError:
        return {"_problem": "not UTF-8"}
