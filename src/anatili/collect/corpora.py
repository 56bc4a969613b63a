"""`collect`: local WARC and WET files, JSON lines, Parquet and text, copied into shards that know their origin.

WARC goes to WARC shards of pages, everything else to Parquet shards of documents. Each input file is one job; its
list of lost records is written last and so marks the input as done.
"""

import gzip
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from anatili import sample, text
from anatili.collect.files import find_files
from anatili.document import Document, Lost, SiftedOut, add_up, whole_file, write_shard
from anatili.lang.gate import load_gate
from anatili.problem import Problem
from anatili.recipe import Collect, Source
from anatili.stage import Task
from anatili.warc import Admits, Broken, Page, Sifted, WarcFile, read_pages

MIMES = ("text/html", "application/xhtml+xml", "text/plain", "")
BINARY = (b"%PDF", b"PK\x03\x04", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x7fELF", b"\xd0\xcf\x11\xe0")
T = TypeVar("T")


def run(task: Task) -> dict[str, Any]:
    """Copy every source into shards; the summary counts records by what became of them."""
    settings: Collect = task.settings
    jobs: list[tuple[Path, Path, Source]] = []
    for number, source in enumerate(settings.sources):
        is_sample = source.path == sample.PLACE
        files = [sample.build(task.out / ".sample")] if is_sample else find_files(source, task.base)
        for place, file in enumerate(files):
            jobs.append((file, task.out / f"lost-{number:02d}-{place:05d}.parquet", source))
    todo = [job for job in jobs if not job[1].exists()]
    task.map(collect_file, todo, "files", settings=settings)
    return {"records": add_up(target for _, target, _ in jobs), "sources": [s.name for s in settings.sources]}


def collect_file(file: Path, target: Path, source: Source, settings: Collect) -> None:
    """Copy one input file into shards beside `target`, then write `target`: what was lost, and all counts."""
    counts: Counter[str] = Counter()
    lost: list[Lost] = []
    size = settings.shard_records
    stem = target.name.removeprefix("lost-").removesuffix(".parquet")
    if source.kind == "warc":
        sifted: list[SiftedOut] = []
        pages_of = read_pages(file, settings.max_bytes, gate_of(source))
        for number, pages in enumerate(batches(usable(pages_of, counts, lost, sifted), size)):
            shard = target.with_name(f"part-{stem}-{number:05d}.warc.gz")
            if not shard.exists():
                write_warc(shard, pages, source)
        if sifted:
            write_shard(target.with_name(f"sifted-{stem}.parquet"), SiftedOut, sifted)
    else:
        for number, rows in enumerate(batches(documents(file, source, settings, counts, lost), size)):
            shard = target.with_name(f"part-{stem}-{number:05d}.parquet")
            if not shard.exists():
                write_shard(shard, Document, rows)
    write_shard(target, Lost, lost, counts)


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size` items."""
    waiting = iter(items)
    while batch := list(islice(waiting, size)):
        yield batch


def gate_of(source: Source) -> Admits | None:
    """Admits a page that the gate of any of the source's `sift` languages admits; `None` if it names none."""
    if not source.sift:
        return None
    gates = [load_gate(code) for code in source.sift]
    return lambda payload, charset: next((rule for gate in gates if (rule := gate.admits(payload, charset))), "")


def usable(
    pages: Iterable[Page | Broken | Sifted], counts: Counter[str], lost: list[Lost], sifted: list[SiftedOut]
) -> Iterator[Page]:
    """The pages that may hold text; the others are counted by reason and listed."""
    for page in pages:
        counts["records"] += 1
        if isinstance(page, Sifted):
            counts["lost: sifted out"] += 1
            sifted.append(SiftedOut(text.number_of(page.url)))
            continue
        problem = page if isinstance(page, Broken) else why_not(page)
        if problem is None:
            assert isinstance(page, Page)
            counts["kept"] += 1
            yield page
        else:
            counts[f"lost: {problem.reason}"] += 1
            lost.append(Lost("", problem.url, problem.reason, problem.detail))


def why_not(page: Page) -> Broken | None:
    """Why a page can hold no text, `None` if it can."""
    if page.status != 200:
        return Broken(page.url, "no success", f"HTTP status {page.status}")
    if page.mime not in MIMES:
        return Broken(page.url, "no text page", page.mime)
    head = page.payload.lstrip()[:1000]
    if not head:
        return Broken(page.url, "empty")
    is_utf16 = head[:2] in (b"\xff\xfe", b"\xfe\xff") or "utf-16" in page.charset.lower()
    if head.startswith(BINARY) or (not is_utf16 and head.count(b"\0") > len(head) // 100):
        return Broken(page.url, "binary")
    return None


def write_warc(shard: Path, pages: list[Page], source: Source) -> None:
    info = {"software": "anatili", "source": source.name, "licence": source.licence}
    with whole_file(shard) as temporary, temporary.open("wb") as stream:
        warc = WarcFile(stream, info)
        for page in pages:
            warc.write(page)
        warc.close()


def documents(
    file: Path, source: Source, settings: Collect, counts: Counter[str], lost: list[Lost]
) -> Iterator[Document]:
    """Documents of a corpus file; rows that cannot be used are counted by reason and listed."""
    readers = {"jsonl": json_rows, "parquet": parquet_rows, "text": text_rows}
    for number, row in enumerate(readers[source.kind](file, source)):
        counts["records"] += 1
        url = str(row.get(source.url_field) or "")
        value = row.get(source.text_field)
        where = f"{text.show_path(file.name)}:{number + 1}"
        reason = row.get("_problem") or (
            "no text field" if not isinstance(value, str) else "empty" if not value.strip()
            else "too large" if len(value) > settings.max_bytes else ""
        )  # fmt: skip
        if reason:
            counts[f"lost: {reason}"] += 1
            lost.append(Lost("", url, reason, where))
            continue
        counts["kept"] += 1
        own = str(row.get(source.id_field) or "") if source.id_field else ""
        yield Document(
            id=text.short_hash(source.name, own or url or where, "" if own else text.digest(str(value))),
            text=str(value),
            title=str(row.get("title") or ""),
            url=url or where,
            source=source.name,
            time=str(row.get("date") or row.get("time") or ""),
            licence=str(row.get("license") or row.get("licence") or source.licence),
            opt_out="",
            charset="utf-8",
        )


def open_bytes(file: Path, stack: ExitStack) -> io.BufferedIOBase:
    """`file` opened for reading, unpacked if its name says gzip or zstd."""
    if file.suffix == ".gz":
        return stack.enter_context(gzip.open(file, "rb"))
    if file.suffix == ".zst":
        return io.BufferedReader(stack.enter_context(pa.input_stream(str(file), compression="zstd")))
    return stack.enter_context(file.open("rb"))


def lines_of(file: Path) -> Iterator[bytes]:
    """Lines of a file; one that breaks off ends there, what came before is kept."""
    with ExitStack() as stack:
        stream = open_bytes(file, stack)
        while True:
            try:
                line = stream.readline()
            except (EOFError, OSError) as error:
                raise Problem(
                    f"{text.show_path(file)} breaks off or is damaged ({error}); fetch it again or leave it out"
                ) from error
            if not line:
                return
            yield line


def json_rows(file: Path, source: Source) -> Iterator[dict[str, Any]]:
    for line in lines_of(file):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError:
                row = {"_problem": "no JSON"}
            yield row if isinstance(row, dict) else {"_problem": "no JSON object"}


def parquet_rows(file: Path, source: Source) -> Iterator[dict[str, Any]]:
    wanted = {source.text_field, source.id_field, source.url_field, "title", "date", "time", "license", "licence"}
    try:
        with pq.ParquetFile(file) as table:
            if source.text_field not in table.schema_arrow.names:
                raise Problem(
                    f"{text.show_path(file)} has no column {source.text_field!r}; it has "
                    f"{', '.join(table.schema_arrow.names)}: set text_field in source {source.name!r}"
                )
            columns = [name for name in table.schema_arrow.names if name in wanted]
            for batch in table.iter_batches(512, columns=columns):
                yield from batch.to_pylist()
    except pa.ArrowInvalid as error:
        raise Problem(f"{text.show_path(file)} is no whole Parquet file: {error}") from error


def text_rows(file: Path, source: Source) -> Iterator[dict[str, Any]]:
    field = source.text_field
    if source.unit == "file":
        yield _decoded(b"".join(lines_of(file)), field)
        return
    block: list[bytes] = []
    for line in lines_of(file):
        if source.unit == "line" and line.strip():
            yield _decoded(line.strip(), field)
        elif source.unit == "paragraph" and line.strip():
            block.append(line)
        elif block:
            yield _decoded(b"".join(block), field)
            block = []
    if block:
        yield _decoded(b"".join(block), field)


def _decoded(data: bytes, field: str) -> dict[str, Any]:
    try:
        return {field: data.decode("utf-8-sig").strip()}
    except UnicodeDecodeError:
        return {"_problem": "not UTF-8"}
