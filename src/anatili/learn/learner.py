"""A learner's folder: who learns, in which language, and a folder for each lesson that was opened.

Everything is written whole or not at all, and a file that is there is never overwritten: after any interruption the
same command goes on where it stopped.
"""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from anatili.atomic_files import whole_file
from anatili.learn.draw import Draw
from anatili.learn.lesson import Lesson, languages
from anatili.problem import Problem
from anatili.text import digest, show_path
from anatili.text_files import read_toml

FILE = "learner.toml"
PAGE = "lesson.html"
ANSWERS = "answers.toml"
LONGEST_NAME = 80


@dataclass(frozen=True)
class Learner:
    """Who learns. The draws depend on `name` and `salt`, so a folder under another name has other exercises."""

    folder: Path
    name: str
    language: str
    salt: str

    def draw(self, lesson: Lesson) -> Draw:
        return Draw(digest(f"{self.name}\0{self.salt}\0{lesson.slug}"))

    def lesson_folder(self, lesson: Lesson) -> Path:
        return self.folder / lesson.name


def open_learner(folder: Path, name: str = "", language: str = "") -> Learner:
    """The learner of a folder. A folder without one becomes one, under `name`; a language that is given is kept."""
    check_language(language)
    if not (folder / FILE).is_file():
        new = Learner(folder, check_name(name), language or languages()[0], secrets.token_hex(8))
        write(new)
        return new
    learner = read_learner(folder)
    if name and name != learner.name:
        raise Problem(
            f"{show_path(folder)} is the folder of {learner.name}; choose another one with --folder, for example "
            "--folder learn-2"
        )
    if language and language != learner.language:
        learner = Learner(folder, learner.name, language, learner.salt)
        write(learner)
    return learner


def check_language(language: str) -> str:
    """The language, or the first of the course if none is given; `Problem` if the course is not in it."""
    if language and language not in languages():
        raise Problem(f"the lessons are in {', '.join(languages())}, not in {language!r}")
    return language or languages()[0]


def check_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Problem(f"a learner has a name of 1 to {LONGEST_NAME} characters: --name NAME")
    return name


def write(learner: Learner) -> None:
    strings = {"name": learner.name, "language": learner.language, "salt": learner.salt}
    with whole_file(learner.folder / FILE) as temporary:
        temporary.write_text(
            "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in strings.items()), "utf-8"
        )


def read_learner(folder: Path) -> Learner:
    """The learner of an existing folder."""
    if not folder.is_dir():
        raise Problem(f"no folder {show_path(folder)}: name the folder of a learner, which holds {FILE}")
    if not (folder / FILE).is_file():
        raise Problem(f"{show_path(folder)} is not a learner's folder: it has no {FILE}. Begin with: anatili learn 1")
    row = read_toml(folder / FILE)
    if any(not isinstance(row.get(key), str) or not row[key] for key in ("name", "language", "salt")):
        raise Problem(
            f"{show_path(folder / FILE)} is damaged: it needs name, language and salt, each a text. "
            "Restore it, or begin in another folder with --folder"
        )
    if row["language"] not in languages():
        raise Problem(f"{show_path(folder / FILE)}: the lessons are in {', '.join(languages())}")
    return Learner(folder, row["name"], row["language"], row["salt"])
