"""Run the commands of the lessons on an example draw and record what they print and the figures that they give.

`python docs/write_lessons.py` writes `recorded.json` into the folder of each lesson, with numbers behind it into those
of these lessons; a test runs the same and compares.
"""

import contextlib
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from anatili.cli import main
from anatili.learn.course import answers_of, exercises_of
from anatili.learn.learner import Learner
from anatili.learn.lesson import RECORDED, Lesson, lessons
from anatili.learn.markup import own_commands


def execute(command: str) -> str:
    """Carry out a command of a lesson in the current folder, with its `> file`; returns what it prints."""
    line, _, target = command.partition(" > ")
    program, *arguments = shlex.split(line)
    assert program == "anatili", command
    answer = CliRunner().invoke(main, arguments)
    assert answer.exit_code == 0, f"{command}: {answer.output} {answer.exception}"
    if target:
        Path(target.strip()).write_text(answer.stdout, "utf-8")
        return ""
    return answer.stdout


@contextlib.contextmanager
def packs_here() -> Iterator[None]:
    """Language packs of the current folder are known, as in a terminal in which `ANATILI_PACKS` is set. Answers do not
    depend on whether there is a model for embeddings."""
    ours = {"ANATILI_PACKS": "packs", "ANATILI_EMBEDDINGS": "none"}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def example(folder: Path, language: str = "en") -> Learner:
    """The learner whose draws are the examples of the texts."""
    return Learner(folder, "Example", language, "example")


def carry_out(lesson: Lesson, learner: Learner) -> list[str]:
    """Carry out all commands of the lesson in the learner's folder; returns what belongs into the output blocks."""
    folder = learner.lesson_folder(lesson)
    drawn = exercises_of(lesson).drawn(lesson, learner.draw(lesson))
    outputs, printed = [], ""
    with contextlib.chdir(folder), packs_here():
        for block in lesson.blocks(learner.language):
            if block.kind == "sh":
                printed = "".join(execute(line) for line in own_commands((block,), drawn))
            elif block.kind == "output":
                outputs.append(printed.rstrip())
    return outputs


def record(lesson: Lesson, learner: Learner) -> dict[str, Any]:
    write_material(lesson, learner)
    outputs = carry_out(lesson, learner)
    return {"figures": dict(answers_of(learner, lesson)), "outputs": outputs}


def write_material(lesson: Lesson, learner: Learner) -> None:
    learner.lesson_folder(lesson).mkdir(parents=True, exist_ok=True)
    for name, write in exercises_of(lesson).materials(lesson).items():
        write(lesson, learner.draw(lesson), learner.lesson_folder(lesson) / name)


def as_text(recorded: dict[str, Any]) -> str:
    return json.dumps(recorded, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    chosen = set(map(int, sys.argv[1:]))
    for lesson in lessons():
        if chosen and lesson.number not in chosen:
            continue
        with tempfile.TemporaryDirectory() as folder:
            (lesson.folder / RECORDED).write_text(as_text(record(lesson, example(Path(folder)))), "utf-8")
        print(lesson.name)
