"""The rows of JSON lines and Parquet files, given back as they came, with all their fields: kept, or lost and why.

For those who keep a text's id and metadata in fields of their own, as files of datatrove do. The stages are asked what
became of each row. What they kept is read in the order of the file; what `extract` and `cut` lost of one file is held
in memory (ids and reasons, no texts).
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from anatili.atomic_files import whole_file
from anatili.collect.block_list import BLOCKED
from anatili.collect.corpora import batch_rows, id_of, json_rows, parquet_batches, text_in
from anatili.collect.files import find_files, short_names
from anatili.document import Kept, Lost, page_id, read_shard
from anatili.problem import Problem
from anatili.recipe import Recipe, Source
from anatili.run import Run
from anatili.takedown_log import TAKEN_DOWN
from anatili.text import show_path
from anatili.warc import Broken

KEPT, LOST = "kept", "lost"
REASON, DETAIL = "lost_reason", "lost_detail"
"""Fields that lost rows have beside their own."""
WITH_FIELDS = ("jsonl", "parquet")
"""Kinds of sources whose rows have fields."""
PACKED = {".gz": "gzip", ".zst": "zstd"}
Listed = TypeVar("Listed", Kept, Lost)


@dataclass(frozen=True)
class Fate:
    """What became of a row: its text in the corpus, or why it is not there."""

    text: str = ""
    reason: str = ""
    detail: str = ""


def give_back(recipe: Recipe, run: Run, folder: Path, target: Path) -> None:
    """Write `target`/kept/FILE and `target`/lost/FILE for each JSON lines and Parquet file of the recipe's sources."""
    for number, source in enumerate(recipe.collect.sources):
        if source.kind not in WITH_FIELDS:
            continue
        files = find_files(source, folder)
        names = common_names(source, files)
        for index, (file, name) in enumerate(zip(files, names, strict=True)):
            fates = Fates(run, f"{number:02d}-{index:05d}", source, file)
            back = json_back if source.kind == "jsonl" else parquet_back
            back(file, source, fates, target / KEPT / name, target / LOST / name)


def common_names(source: Source, files: list[Path]) -> list[str]:
    """Where the rows of each file go: under its name, or where names are alike under its path in the common folder."""
    plain = source.model_copy(update={"path": ""})  # a list of files names them in full
    return short_names(plain, files)


class Following(Generic[Listed]):
    """What a stage lists, in the order of the file, taken as it belongs to the row at hand."""

    def __init__(self, shards: Iterable[Path], row_class: type[Listed]) -> None:
        self.rows: Iterator[Listed] = (row for shard in shards for row in read_shard(shard, row_class))
        self.next: Listed | None = next(self.rows, None)

    def take(self, belongs: Callable[[Listed], bool]) -> Listed | None:
        found = self.next
        if found is None or not belongs(found):
            return None
        self.next = next(self.rows, None)
        return found


class Fates:
    """What became of the rows of a file, asked row by row."""

    def __init__(self, run: Run, stem: str, source: Source, file: Path) -> None:
        self.source, self.file, self.number = source, file, 0
        shards = f"part-{stem}-*.parquet"
        self.collected = Following([run.folder("collect") / f"lost-{stem}.parquet"], Lost)
        self.kept = Following(sorted(run.folder("cut").glob(shards)), Kept)
        self.lost: dict[str, list[Lost]] = {}
        for stage in ("extract", "cut"):
            for shard in sorted((run.folder(stage) / "lost").glob(shards)):
                for row in read_shard(shard, Lost):
                    self.lost.setdefault(row.id, []).append(row)

    def of(self, row: dict[str, Any] | Broken) -> Fate:
        """What became of the file's next row."""
        self.number += 1
        where = f"{show_path(self.file.name)}:{self.number}"
        url = text_in(row, self.source.url_field) if isinstance(row, dict) else ""

        def belongs(lost: Lost) -> bool:
            if lost.reason in (TAKEN_DOWN, BLOCKED):
                return lost.url == (url or where)
            return lost.url == where or lost.detail.split(" ", 1)[0] == where

        if gone := self.collected.take(belongs):
            return Fate(reason=gone.reason, detail=gone.detail)
        assert isinstance(row, dict)  # what cannot be read is listed by `collect`
        page, parts = id_of(row, self.source, url or where), list[str]()
        # Rows alike have one id, and which of them is the copy that is kept does not matter.
        while kept := self.kept.take(lambda kept: page_id(kept.id) == page and not (parts and kept.id == page)):
            parts.append(kept.text)
        if parts:
            return Fate("\n\n".join(parts))
        if not (alike := self.lost.get(page)):
            raise Problem(f"{show_path(self.file)} has changed since its corpus was made, at row {self.number}")
        lost = alike.pop(0) if len(alike) > 1 else alike[0]
        return Fate(reason=lost.reason, detail=lost.detail)


def json_back(file: Path, source: Source, fates: Fates, kept: Path, lost: Path) -> None:
    with ExitStack() as stack:

        def opened(target: Path) -> Any:
            temporary = stack.enter_context(whole_file(target))
            return stack.enter_context(pa.output_stream(temporary, compression=PACKED.get(file.suffix)))

        kept_rows, lost_rows = opened(kept), opened(lost)
        for row in json_rows(file, source):
            fate = fates.of(row)
            fields = row if isinstance(row, dict) else {}
            changed = {REASON: fate.reason, DETAIL: fate.detail} if fate.reason else {source.text_field: fate.text}
            line = json.dumps(fields | changed, ensure_ascii=False) + "\n"
            (lost_rows if fate.reason else kept_rows).write(line.encode("utf-8", "backslashreplace"))


def parquet_back(file: Path, source: Source, fates: Fates, kept: Path, lost: Path) -> None:
    """Columns keep their types. Rows that cannot be read are in neither file."""
    with ExitStack() as stack:
        writers: dict[Path, pq.ParquetWriter] = {}

        def write(target: Path, batch: pa.RecordBatch) -> None:
            if target not in writers:
                temporary = stack.enter_context(whole_file(target))
                writers[target] = stack.enter_context(pq.ParquetWriter(temporary, batch.schema))
            writers[target].write_batch(batch)

        for batch in parquet_batches(file, source):
            if isinstance(batch, Broken):
                fates.of(batch)
                continue
            found = [fates.of(row) for row in batch_rows(batch, source)]
            write(kept, with_texts(batch, source.text_field, found))
            write(lost, with_reasons(batch, found))


def with_texts(batch: pa.RecordBatch, field: str, fates: list[Fate]) -> pa.RecordBatch:
    """The kept rows, with their texts as they are in the corpus."""
    at = batch.schema.get_field_index(field)
    kept = batch.filter(pa.array([not fate.reason for fate in fates], pa.bool_()))
    texts = [fate.text for fate in fates if not fate.reason]
    return kept.set_column(at, batch.schema.field(at), pa.array(texts, batch.schema.field(at).type))


def with_reasons(batch: pa.RecordBatch, fates: list[Fate]) -> pa.RecordBatch:
    """The lost rows, and why they are."""
    lost = batch.filter(pa.array([bool(fate.reason) for fate in fates], pa.bool_()))
    columns = {name: lost.column(name) for name in lost.schema.names}
    columns[REASON] = pa.array([fate.reason for fate in fates if fate.reason], pa.string())
    columns[DETAIL] = pa.array([fate.detail for fate in fates if fate.reason], pa.string())
    return pa.RecordBatch.from_pydict(columns)
