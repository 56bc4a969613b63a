"""A class's results as a table: the folders of the learners are marked again, from what lies in them."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from anatili.atomic_files import whole_file
from anatili.learn.course import Marked, mark
from anatili.learn.learner import FILE, Learner, read_learner
from anatili.learn.lesson import Lesson, lessons
from anatili.problem import Problem
from anatili.text import show_path

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so would be carried out by a spreadsheet."""


@dataclass(frozen=True)
class Row:
    """A learner and a lesson that was opened."""

    folder: str
    name: str
    lesson: str
    draw: str
    states: tuple[str, ...]
    """Of each exercise."""
    open: str
    note: str
    """What the teacher should look at."""


def collect(folders: Sequence[Path]) -> list[Row]:
    """Mark the lessons of all learners. A folder is a learner's own or one that holds some; `Problem` if none does."""
    rows, draws = list[Row](), defaultdict[str, list[str]](list)
    for folder in learners_in(folders):
        try:
            learner = read_learner(folder)
        except Problem as problem:
            rows.append(Row(show_path(folder), "", "", "", (), "", str(problem)))
            continue
        opened = [lesson for lesson in lessons() if learner.lesson_folder(lesson).is_dir()]
        for lesson in opened:
            row = row_of(learner, lesson, mark(learner, lesson))
            draws[row.draw].append(row.folder)
            rows.append(row)
        if not opened:
            rows.append(Row(show_path(folder), learner.name, "", "", (), "", "no lesson was opened"))
    return [with_twins(row, draws[row.draw]) for row in rows]


def learners_in(folders: Sequence[Path]) -> list[Path]:
    result = list[Path]()
    for folder in folders:
        if not folder.is_dir():
            raise Problem(f"no folder {show_path(folder)}: name the folders of learners, or one that holds them")
        inner = sorted(path.parent for path in folder.glob(f"**/{FILE}"))
        if not inner:
            raise Problem(f"{show_path(folder)} holds no learner's folder: none has a {FILE}")
        result += [path for path in inner if path not in result]
    return result


def row_of(learner: Learner, lesson: Lesson, marked: Marked) -> Row:
    states = tuple(verdict.state for verdict in marked.verdicts)
    note = "; ".join(dict.fromkeys(verdict.message for verdict in marked.verdicts if verdict.state == "wrong"))
    return Row(show_path(learner.folder), learner.name, lesson.name, learner.draw(lesson).id, states, marked.open, note)


def with_twins(row: Row, folders: Sequence[str]) -> Row:
    """The row, with a note if another folder has the same draw: it is a copy of this one, or this one of it."""
    others = [folder for folder in folders if folder != row.folder]
    if not row.draw or not others:
        return row
    note = f"same draw as {', '.join(others)}: one folder is a copy of another"
    return Row(
        row.folder, row.name, row.lesson, row.draw, row.states, row.open, "; ".join(filter(None, (note, row.note)))
    )


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Write CSV with a byte-order mark, which spreadsheets need for letters beyond ASCII."""
    width = max(len(lesson.file.exercises) for lesson in lessons())
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            (
                "name",
                "folder",
                "lesson",
                "draw",
                *(f"exercise {n}" for n in range(1, width + 1)),
                "passed",
                "open",
                "note",
            )
        )
        for row in rows:
            states = row.states + ("",) * (width - len(row.states))
            passed = sum(state == "passed" for state in row.states)
            cells = (row.name, row.folder, row.lesson, row.draw, *states, str(passed), row.open, row.note)
            writer.writerow(["'" + cell if cell.startswith(FORMULA) else cell for cell in cells])
