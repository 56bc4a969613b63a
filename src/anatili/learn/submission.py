"""What a learner has done in a lesson, and how checks of the exercises look at it."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatili.learn.draw import Draw
from anatili.learn.lesson import Lesson


class CheckFailed(Exception):  # noqa: N818 - what it says to the learner
    """A check does not hold. `key` names the message, in the lesson's `messages.toml` or the course's `words.toml`."""

    def __init__(self, key: str, /, **values: object) -> None:
        super().__init__(key)
        self.key, self.values = key, values


Writer = Callable[[Lesson, Draw, Path], None]
"""Writes one file of a lesson's material whole."""


@dataclass(frozen=True)
class Submission:
    """A learner's folder of a lesson, with the answers that are written there."""

    lesson: Lesson
    folder: Path
    draw: Draw
    answers: Mapping[str, object]
    exercises: "Exercises"

    @property
    def truth(self) -> Mapping[str, Any]:
        """The right answers of this draw."""
        return self.exercises.truth(self.lesson, self.draw)

    def text(self, key: str) -> str:
        return str(self.answers[key]).strip()

    def number(self, key: str) -> float:
        """An answer as a number; a decimal comma, spaces in thousands and a sign of per cent are understood."""
        value = self.answers[key]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        text = "".join(str(value).split()).rstrip("%").replace(",", ".")
        try:
            number = float(text)
        except ValueError as error:
            raise CheckFailed("not_a_number", key=key, value=str(value)[:40]) from error
        if not math.isfinite(number):
            raise CheckFailed("not_a_number", key=key, value=str(value)[:40])
        return number

    def expect(
        self, key: str, right: float, tolerance: float = 0.0, mistakes: Mapping[str, float] | None = None
    ) -> None:
        """The answer `key` must be `right`, or differ by at most the share `tolerance` of it.

        `mistakes`: message -> the value that this mistake leads to.
        """
        given = self.number(key)
        if is_near(given, right, tolerance):
            return
        for message, value in (mistakes or {}).items():
            if is_near(given, value, max(tolerance, 1e-9)):
                raise CheckFailed(message, key=key, value=given)
        raise CheckFailed(f"wrong_{key}", key=key, value=given)

    def file(self, name: str) -> Path:
        """A file or folder that a command should have left."""
        path = self.folder / name
        if not path.exists():
            raise CheckFailed("missing_file", file=name)
        if path.is_file() and not path.stat().st_size:
            raise CheckFailed("empty_file", file=name)
        return path

    def read(self, name: str) -> str:
        """The text of a file. Windows PowerShell redirects into UTF-16, with a byte-order mark."""
        content = self.file(name).read_bytes()
        encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        try:
            return content.decode(encoding)
        except UnicodeDecodeError as error:
            raise CheckFailed("damaged_file", file=name) from error

    def json(self, name: str, kind: type = dict) -> Any:
        try:
            value = json.loads(self.read(name))
        except ValueError as error:
            raise CheckFailed("damaged_file", file=name) from error
        if not isinstance(value, kind):
            raise CheckFailed("other_command", file=name)
        return value


def is_near(given: float, right: float, tolerance: float) -> bool:
    return abs(given - right) <= tolerance * abs(right) + 1e-9


def no_measurements(lesson: Lesson, draw: Draw, folder: Path) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Exercises:
    """The exercises of a lesson: material, right answers and checks. A module in `exercises/` has one."""

    materials: Callable[[Lesson], Mapping[str, Writer]]
    """File name -> what writes it for a draw."""
    drawn: Callable[[Lesson, Draw], Mapping[str, Any]]
    """What the text tells the learner of the draw, as `{{your.name}}`."""
    truth: Callable[[Lesson, Draw], Mapping[str, Any]]
    """The right answers of a draw, by key of the answers file, and figures for the text."""
    checks: tuple[Callable[[Submission], None], ...]
    """One for each exercise; `CheckFailed` says what is not right."""
    editable: tuple[str, ...] = ()
    """Materials that an exercise asks to change."""
    measured: Callable[[Lesson, Draw, Path], Mapping[str, Any]] = no_measurements
    """Right answers that follow from what the learner made in the lesson's folder, as far as it is made."""
