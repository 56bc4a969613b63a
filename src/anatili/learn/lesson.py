"""Lessons: what `lesson.toml` says, the texts in each language, and what was recorded when their commands were run."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from anatili.learn.markup import Block, fill, parse
from anatili.problem import Problem
from anatili.text_files import read_text, read_toml

FOLDER = Path(__file__).parent / "lessons"
WORDS = FOLDER / "words.toml"
RECORDED = "recorded.json"
"""What the commands of a lesson printed and the figures that they gave; `docs/write_lessons.py` writes it."""
Text = dict[str, str]
"""Language -> text."""


class Section(BaseModel):
    """Frozen, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(Section):
    """A value that the learner writes into the answers file."""

    key: str = Field(pattern=r"^[a-z_]+$")
    ask: Text
    """What to write, in each language."""


class Exercise(Section):
    """One exercise: the answers that it asks for and the files that its commands leave."""

    answers: tuple[Answer, ...]
    files: tuple[str, ...] = ()


class LessonFile(Section):
    """What stands in `lesson.toml`."""

    minutes: int = Field(ge=30, le=90)
    language: str
    """The language that the lesson is about."""
    beside: tuple[str, ...]
    """Languages that it is compared with; the last is the one of foreign tools."""
    exercises: tuple[Exercise, ...] = Field(min_length=3)
    glossary: tuple[Text, ...]
    plot: str = ""
    """The command below which the page draws the losses of trainings while they run; empty: there are none."""
    predict: dict[str, tuple[str, ...]] = {}
    """Command -> answers of exercise 1 that have to be written down before the page runs it."""
    settings: dict[str, Any] = {}
    """What the lesson's module in `exercises/` reads."""
    facts: dict[str, float] = {}
    """Figures that are known from elsewhere, as placeholders `{{fact.name}}`; `sources` says where from."""
    sources: dict[str, str] = {}


@dataclass(frozen=True, eq=False)
class Lesson:
    """A lesson of the course; there is one object for each. Its name is that of its folder, such as `1-census`."""

    name: str
    file: LessonFile

    @property
    def number(self) -> int:
        return int(self.name.partition("-")[0])

    @property
    def slug(self) -> str:
        return self.name.partition("-")[2]

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    def blocks(self, language: str, kind: str = "") -> tuple[Block, ...]:
        """The text in a language as it is written; with `kind` "teacher" the sheet for the teacher."""
        path = self.folder / f"{kind + '.' if kind else ''}{language}.md"
        return parse(read_text(path), f"{self.name}/{path.name}")

    def title(self, language: str) -> str:
        return self.blocks(language)[0].text

    def recorded(self) -> dict[str, Any]:
        """`figures` (name -> value) and `outputs` (for each `output` block) of the example."""
        recorded: dict[str, Any] = json.loads((self.folder / RECORDED).read_text("utf-8"))
        return recorded

    def filled(self, language: str, drawn: Mapping[str, Any], kind: str = "") -> tuple[Block, ...]:
        """The text with the figures of the recorded example and what was drawn for the learner."""
        recorded = self.recorded()
        values = {f"example.{name}": value for name, value in recorded["figures"].items()}
        values |= {f"fact.{name}": value for name, value in self.file.facts.items()}
        values |= {f"your.{name}": value for name, value in drawn.items()}
        shown = {name: show(value, language) for name, value in values.items()}
        return fill(self.blocks(language, kind), shown, tuple(recorded["outputs"]), f"{self.name}/{language}.md")

    def message(self, key: str, language: str) -> str:
        """The template of a message about a wrong answer: the lesson's own, else the course's."""
        own = messages(self.folder / "messages.toml")
        template = own.get(key) or words(f"wrong.{key}")
        return template[language]


@cache
def lessons() -> tuple[Lesson, ...]:
    """All lessons in order."""
    return tuple(sorted((read(path.parent) for path in FOLDER.glob("*/lesson.toml")), key=lambda each: each.number))


def read(folder: Path) -> Lesson:
    try:
        return Lesson(folder.name, LessonFile.model_validate(read_toml(folder / "lesson.toml"), strict=False))
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"]))
        raise Problem(f"{folder.name}/lesson.toml: {where}: {wrong['msg']}; see learn/lesson.py") from error


def lesson(number: int) -> Lesson:
    """The lesson of this number; `Problem` lists those that there are."""
    known = {each.number: each for each in lessons()}
    if number not in known:
        raise Problem(f"there is no lesson {number} yet; there are {', '.join(map(str, known))}: anatili learn")
    return known[number]


@cache
def messages(path: Path) -> Mapping[str, Mapping[str, str]]:
    """Key -> language -> text of a file of messages."""
    return MappingProxyType(flat(tomllib.loads(path.read_text("utf-8"))))


def flat(table: dict[str, Any], head: str = "") -> dict[str, Mapping[str, str]]:
    """`a.b` -> texts, from nested tables; a table of strings is one message."""
    rows: dict[str, Mapping[str, str]] = {}
    for key, value in table.items():
        if isinstance(value, dict) and all(isinstance(text, str) for text in value.values()):
            rows[head + key] = MappingProxyType(value)
        elif isinstance(value, dict):
            rows |= flat(value, f"{head}{key}.")
    return rows


def words(key: str) -> Mapping[str, str]:
    """The texts of one message of the course, by language."""
    return messages(WORDS)[key]


def say(key: str, language: str, **values: object) -> str:
    """A message of the course in a language, with its values."""
    return words(key)[language].format(**{name: show(value, language) for name, value in values.items()})


@cache
def languages() -> tuple[str, ...]:
    """The languages of the course, the first the one that is taken if nothing is said."""
    return tuple(tomllib.loads(WORDS.read_text("utf-8"))["languages"])


def show(value: object, language: str) -> str:
    """A number as people who read the language write it; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.12g}"
    thousands, decimal = words("number.thousands")[language], words("number.decimal")[language]
    return text.replace(".", "\0").replace(",", thousands).replace("\0", decimal)
