"""The rows of an evaluation task: from files, a language pack or the sample."""

import csv
import json
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from string import Formatter
from typing import Any

from anatili import sample
from anatili.evaluate.pairs import pairs_of
from anatili.evaluate.task_file import CONVERSATIONS, NO_FILES, PAIRS, SENTENCES, USER, EvaluationTask
from anatili.identify import model_files
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.text import file_digest, show_path
from anatili.text_files import read_lines, read_text

Row = dict[str, Any]
SPLIT = re.compile(r"(?:^|[-_./])(dev|test|validation|valid|train|devtest)(?=$|[-_./])")
"""The name of a part of a set, in the path of a file."""
COUNTED = " from "
"""In a name of fields, `answer from 1`: a number that counts from 1."""


def read_rows(task: EvaluationTask, language: str) -> list[Row]:
    """The rows of a language, none where there are none; for `translation` each is language -> text."""
    if task.data == PAIRS:
        pairs = pairs_of(load_pack(language))
        return [{"right": pair.right, "wrong": pair.wrong, "kind": pair.kind} for pair in pairs]
    if task.data == SENTENCES:
        return [dict(row) for row in sample.sentences(held_out=True)]
    if task.data == CONVERSATIONS:
        conversations = [row["messages"] for row in sample.conversations() if row["language"] == language]
        return [{"question": question["content"], "answer": answer["content"]} for question, answer in conversations]
    if task.data == USER:
        raise Problem(
            f"{task.name} measures your own copy of a set that is not bundled: name it with --data FILE. "
            f"It is at {task.source} (license: {task.license})"
        )
    if task.kind == "translation" and (task.folder / task.data).is_dir():
        rows = aligned_rows(task.folder / task.data)
    else:
        rows = [row for file in files_of(task, language) for row in placed_rows(task, file)]
    rows = [renamed(task, row) for row in rows]
    if not language:
        return rows
    own = [row for row in rows if row.get("language", language) == language]
    if rows and not own:
        languages = ", ".join(sorted({str(row["language"]) for row in rows})[:10])
        raise Problem(f"{show_path(task.data)}: its rows are in {languages}, but {task.name} is for {language}")
    return own


def renamed(task: EvaluationTask, row: Row) -> Row:
    """A row with the names and values that the templates use, beside its own."""
    renamed_row = dict(row)
    for name, sources in task.fields.items():
        for source in sources:
            columns = source.split(", ")
            column, _, first = source.rpartition(COUNTED)
            if column in row and first.isdecimal():
                renamed_row[name] = int(row[column]) - int(first)
                break
            if all(column in row for column in columns):
                values = [row[column] for column in columns if row[column] not in ("", None)]
                renamed_row[name] = row[source] if len(columns) == 1 else values
                break
    for name, substitutes in task.replace.items():
        if name in renamed_row:
            renamed_row[name] = substitutes.get(str(renamed_row[name]), renamed_row[name])
    return renamed_row


def files_of(task: EvaluationTask, language: str) -> list[Path]:
    """The files that a language's rows are in; `Problem` if a file that is for all languages is not there."""
    path = task.folder / task.data.replace("{language}", language)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix in READERS and task.only in file.as_posix())
        if not files and Path(task.data).is_absolute():
            raise Problem(f"{show_path(path)} has no file to read ({', '.join(READERS)})")
        return files
    if not path.is_file() and "{language}" not in task.data:
        raise Problem(f"{show_path(task.file)}: no file {show_path(path)}; correct `data`")
    return [path] if path.is_file() else []


def placed_rows(task: EvaluationTask, file: Path) -> Iterator[Row]:
    """The rows of a file; of a folder, with the part of the set and the name of the file where they do not say it."""
    folder = task.folder / task.data
    if not folder.is_dir():
        yield from file_rows(file)
        return
    path = file.relative_to(folder).as_posix()
    parts = SPLIT.findall(path)
    extra = {"file": file.stem, "folder": file.parent.name} | ({"split": parts[-1]} if parts else {})
    for row in file_rows(file):
        yield extra | row


def file_rows(file: Path) -> Iterator[Row]:
    reader = READERS.get(file.suffix)
    if reader is None:
        raise Problem(f"{show_path(file)}: the data of a task is {', '.join(READERS)}")
    return reader(file)


def json_rows(file: Path) -> Iterator[Row]:
    for number, line in enumerate(read_lines(file), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise Problem(f"{show_path(file)}:{number}: not JSON: {error}") from error
            if not isinstance(row, dict):
                raise Problem(f"{show_path(file)}:{number}: a row is a JSON object")
            yield row


def list_rows(file: Path) -> Iterator[Row]:
    """Rows of one JSON list, or of a list under the key `data`."""
    try:
        value = json.loads(read_text(file))
    except (ValueError, RecursionError) as error:
        raise Problem(f"{show_path(file)}: not JSON: {error}") from error
    rows = value.get("data") if isinstance(value, dict) else value
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Problem(f"{show_path(file)}: expected a list of JSON objects")
    yield from rows


def table_rows(file: Path) -> Iterator[Row]:
    """Rows of tab-separated columns, whose names are in the first line."""
    head, *lines = list(read_lines(file)) or [""]
    names = head.split("\t")
    for number, line in enumerate(lines, 2):
        values = line.split("\t")
        if len(values) != len(names):
            raise Problem(f"{show_path(file)}:{number}: {len(values)} columns, but the first line names {len(names)}")
        yield dict(zip(names, values, strict=True))


def comma_rows(file: Path) -> Iterator[Row]:
    """Rows of a CSV file, whose first row names the columns."""
    csv.field_size_limit(2**30)
    reader = csv.reader(StringIO(read_text(file), newline=""))
    names = next(reader, [])
    for values in reader:
        if len(values) != len(names):
            raise Problem(
                f"{show_path(file)}:{reader.line_num}: {len(values)} columns, but the first line names {len(names)}"
            )
        yield dict(zip(names, values, strict=True))


def parquet_rows(file: Path) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet

    try:
        yield from parquet.read_table(file).to_pylist()
    except pyarrow.ArrowException as error:
        raise Problem(f"{show_path(file)} is not a Parquet file: {error}") from error


def line_rows(file: Path) -> Iterator[Row]:
    return ({"text": line.strip()} for line in read_lines(file) if line.strip())


READERS = {
    ".jsonl": json_rows,
    ".json": list_rows,
    ".csv": comma_rows,
    ".tsv": table_rows,
    ".parquet": parquet_rows,
    ".txt": line_rows,
}


def aligned_rows(folder: Path) -> list[Row]:
    """Rows language -> text from files that are named by code and have the same lines (FLORES: `kaz_Cyrl.devtest`)."""
    files = [file for file in sorted(folder.iterdir()) if file.suffix in (".txt", ".dev", ".devtest")]
    columns = {file.stem: list(read_lines(file)) for file in files}
    if len({len(lines) for lines in columns.values()}) > 1:
        counts = ", ".join(f"{file.name} {len(columns[file.stem])}" for file in files)
        raise Problem(f"{show_path(folder)}: the files must have the same number of lines; they have {counts}")
    return [dict(zip(columns, lines, strict=True)) for lines in zip(*columns.values(), strict=True)]


def fill(task: EvaluationTask, template: str, row: Row) -> str:
    """A template with the fields of a row; `Problem` names one that the row lacks."""
    try:
        return template.format_map(row)
    except (KeyError, IndexError, ValueError) as error:
        if isinstance(error, KeyError):
            raise Problem(
                f"{show_path(task.data)}: a row has no field {error}, which {task.file.name} fills into {template!r}; "
                f"it has {', '.join(row)}"
            ) from error
        raise Problem(f"{show_path(task.file)}: {template!r} cannot be filled ({error})") from error


def fields_of(template: str) -> list[str]:
    """The names of the fields in a template."""
    return [name for _, name, _, _ in Formatter().parse(template) if name]


def data_files(task: EvaluationTask, languages: tuple[str, ...] = ()) -> list[Path]:
    """The files that a task reads beside its own."""
    if task.data in NO_FILES:
        return []
    path = task.folder / task.data
    if task.kind == "translation" and path.is_dir():
        return sorted(file for file in path.iterdir() if file.is_file())
    return [file for code in ((task.language,) if task.language else languages) for file in files_of(task, code)]


def inventory(task: EvaluationTask, languages: tuple[str, ...]) -> dict[str, Any]:
    """Digests of a task's file and of all that it reads beside the run and the language packs."""
    facts: dict[str, Any] = {task.name: file_digest(task.file)}
    if task.data in (CONVERSATIONS, SENTENCES):
        facts["sample"] = sample.digest()
    facts |= {f"{task.name}: {show_path(Path(file.name))}": file_digest(file) for file in data_files(task, languages)}
    if task.scorer == "language":
        facts |= {name: file_digest(file) for name, file in model_files().items()}
    return facts
