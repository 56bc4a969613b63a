"""The results of an evaluation item by item, written as they are done: it can be stopped and resumed."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from anatili.problem import Problem
from anatili.text import show_path

Record = dict[str, Any]


class OtherEvaluation(Problem):
    """The file holds the results of something else: the same command cannot resume from it."""


class Journal:
    """A file of JSON lines: first what is measured, then a line for each item that is done.

    Without a path it is kept in memory. A line that a killed process left unfinished is dropped.
    """

    def __init__(self, path: Path | None, head: Record) -> None:
        """`Problem` if the file is from another model, other data, other prompts."""
        self.path, self.records = path, dict[str, Record]()
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = list(read_lines(path)) if path.exists() else []
        if whole:
            check_head(path, whole[0], head)
            self.records = {record["id"]: record for record in whole[1:]}
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in [head, *self.records.values()])
        path.write_text(text, "utf-8", "surrogatepass")

    def add(self, records: Iterable[Record]) -> None:
        new = {record["id"]: record for record in records}
        self.records |= new
        if self.path:
            with self.path.open("a", encoding="utf-8", errors="surrogatepass") as file:
                file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in new.values())


def check_head(path: Path, stored: Record, head: Record) -> None:
    changed = list(changed_keys(stored, head))
    if changed:
        raise OtherEvaluation(
            f"{show_path(path)} has the results of another evaluation ({', '.join(changed)} changed). "
            "Name another folder with --out, or remove that file to measure anew"
        )


def changed_keys(stored: Record, head: Record, prefix: str = "") -> Iterator[str]:
    """The keys in which two records differ, of records inside with a dot: `digests.data`."""
    for key in sorted(stored.keys() | head.keys()):
        old, new = stored.get(key), head.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from changed_keys(old, new, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key}"


def read_lines(path: Path) -> Iterator[Record]:
    """The records of a file, without a last line that is not whole."""
    for line in path.read_text("utf-8", "replace").split("\n"):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record


def read_journal(path: Path) -> tuple[Record, list[Record]]:
    """What was measured, and the records of its items."""
    lines = list(read_lines(path))
    if not lines or "task" not in lines[0]:
        raise Problem(f"{show_path(path)} has no results of an evaluation")
    return lines[0], lines[1:]
