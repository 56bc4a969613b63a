"""A lesson in a Jupyter notebook: `docs/learn/*.ipynb` are made from the texts of the lessons, and call this."""

import sys
from pathlib import Path

from anatili.learn.commands import Runner
from anatili.learn.course import explain, keep, mark, open_lesson, save_answers
from anatili.learn.learner import Learner
from anatili.learn.lesson import Lesson, lesson
from anatili.learn.submission import CheckFailed
from anatili.problem import Problem

NAME, SALT = "Example", "example"
"""The learner whose draws are the examples of the texts."""


class Notebook:
    """An opened lesson with the draws of the example. `folder` holds the folders of the lessons."""

    def __init__(self, number: int, language: str, folder: str | Path = "learn-notebook") -> None:
        self.lesson: Lesson = lesson(number)
        self.learner = Learner(Path(folder), NAME, language, SALT)
        open_lesson(self.learner, self.lesson)

    @property
    def folder(self) -> Path:
        """The folder in which the commands run."""
        return self.learner.lesson_folder(self.lesson)

    def run(self, line: str) -> None:
        """Run a command of the lesson and print what it prints; `Problem` if it fails."""
        for event in Runner().run(line, self.folder):
            sys.stdout.write(event.get("text", ""))
            if event.get("exit"):
                raise Problem(f"{line}: ended with an error; the lines above say why")

    def answer(self, exercise: int, **values: object) -> None:
        """Write answers into the answers file, have the exercise marked, and print the verdict."""
        given = {key: str(value) for key, value in values.items()}
        try:
            save_answers(self.learner, self.lesson, {f"exercise-{exercise}": given})
        except CheckFailed as wrong:
            sys.stdout.write(explain(wrong, self.learner, self.lesson) + "\n")
            return
        marked = mark(self.learner, self.lesson)
        keep(self.learner, self.lesson, marked)
        sys.stdout.write(marked.verdicts[exercise - 1].message + "\n")
