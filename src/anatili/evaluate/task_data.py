"""The rows of an evaluation task: from files, a language pack or the sample."""

import json
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

from anatili import sample
from anatili.evaluate.pairs import pairs_of
from anatili.evaluate.task_file import CONVERSATIONS, NO_FILES, PAIRS, SENTENCES, EvaluationTask
from anatili.identify import model_files
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.reading import read_text
from anatili.run import digest
from anatili.text import show_path

Row = dict[str, Any]


def read_rows(task: EvaluationTask, language: str) -> list[Row]:
    """The rows of a language, none where there are none; for `translation` each is language -> text."""
    if task.data == PAIRS:
        pairs = pairs_of(load_pack(language))
        return [{"right": pair.right, "wrong": pair.wrong, "kind": pair.kind} for pair in pairs]
    if task.data == SENTENCES:
        return [dict(row) for row in sample.sentences(held_out=True)]
    if task.data == CONVERSATIONS:
        turns = [row["messages"] for row in sample.conversations() if row["language"] == language]
        return [{"question": question["content"], "answer": answer["content"]} for question, answer in turns]
    if task.kind == "translation" and (task.folder / task.data).is_dir():
        return aligned_rows(task.folder / task.data)
    rows = [row for file in files_of(task, language) for row in file_rows(file)]
    return [row for row in rows if row.get("language", language) == language] if language else rows


def files_of(task: EvaluationTask, language: str) -> list[Path]:
    """The files that a language's rows are in; `Problem` if a file that is for all languages is not there."""
    place = task.folder / task.data.replace("{language}", language)
    if place.is_dir():
        return sorted(path for path in place.iterdir() if path.suffix in READERS)
    if not place.is_file() and "{language}" not in task.data:
        raise Problem(f"{show_path(task.file)}: no file {show_path(place)}; correct `data`")
    return [place] if place.is_file() else []


def file_rows(file: Path) -> Iterator[Row]:
    reader = READERS.get(file.suffix)
    if reader is None:
        raise Problem(f"{show_path(file)}: the data of a task is {', '.join(READERS)}")
    return reader(file)


def json_rows(file: Path) -> Iterator[Row]:
    for number, line in enumerate(read_text(file).splitlines(), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise Problem(f"{show_path(file)}:{number}: not JSON: {error}") from error
            if not isinstance(row, dict):
                raise Problem(f"{show_path(file)}:{number}: a row is a JSON object")
            yield row


def table_rows(file: Path) -> Iterator[Row]:
    """Rows of tab-separated columns, whose names stand in the first line."""
    head, *lines = read_text(file).splitlines() or [""]
    names = head.split("\t")
    for number, line in enumerate(lines, 2):
        values = line.split("\t")
        if len(values) != len(names):
            raise Problem(f"{show_path(file)}:{number}: {len(values)} columns, but the first line names {len(names)}")
        yield dict(zip(names, values, strict=True))


def line_rows(file: Path) -> Iterator[Row]:
    return ({"text": line.strip()} for line in read_text(file).splitlines() if line.strip())


READERS = {".jsonl": json_rows, ".tsv": table_rows, ".txt": line_rows}


def aligned_rows(folder: Path) -> list[Row]:
    """Rows language -> text from files that are named by code and have the same lines."""
    columns = {file.stem: read_text(file).splitlines() for file in sorted(folder.glob("*.txt"))}
    if len({len(lines) for lines in columns.values()}) > 1:
        counts = ", ".join(f"{name}.txt {len(lines)}" for name, lines in columns.items())
        raise Problem(f"{show_path(folder)}: the files must have the same number of lines; they have {counts}")
    return [dict(zip(columns, lines, strict=True)) for lines in zip(*columns.values(), strict=True)]


def fill(task: EvaluationTask, template: str, row: Row) -> str:
    """A template with the fields of a row; `Problem` names one that the row lacks."""
    try:
        return template.format_map(row)
    except (KeyError, IndexError, ValueError) as error:
        raise Problem(
            f"{show_path(task.file)}: {template!r} cannot be filled ({error}); a row has {', '.join(row)}"
        ) from error


def fields_of(template: str) -> list[str]:
    """The names of the fields in a template."""
    return [name for _, name, _, _ in Formatter().parse(template) if name]


def inventory(task: EvaluationTask, languages: tuple[str, ...]) -> dict[str, Any]:
    """Digests of a task's file and of all that it reads beside the run and the language packs."""
    facts: dict[str, Any] = {task.name: digest(task.file)}
    if task.data in (CONVERSATIONS, SENTENCES):
        facts["sample"] = sample.digest()
    elif task.data not in NO_FILES:
        place = task.folder / task.data
        files = sorted(place.glob("*.txt")) if task.kind == "translation" and place.is_dir() else []
        files = files or [file for code in (task.language,) if code for file in files_of(task, code)]
        files = files or [file for code in languages for file in files_of(task, code)]
        facts |= {f"{task.name}: {show_path(Path(file.name))}": digest(file) for file in files}
    if task.scorer == "language":
        facts |= {name: digest(file) for name, file in model_files().items()}
    return facts
