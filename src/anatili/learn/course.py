"""Open a lesson in a learner's folder, and mark what was done in it."""

import json
import re
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from anatili.atomic_files import whole_file
from anatili.learn.draw import Draw
from anatili.learn.learner import ANSWERS, PAGE, Learner, check_language
from anatili.learn.lesson import Lesson, lessons, say, show, words
from anatili.learn.markup import ANSWERS_OF, BY_COMMAND, Block
from anatili.learn.submission import CheckFailed, Exercises, Submission
from anatili.problem import Problem
from anatili.text import file_digest
from anatili.text_files import read_text, toml_value

PROGRESS = "progress.json"
OPEN = "open"
"""Key of the answer to the open question, which nobody marks."""
State = Literal["passed", "open", "wrong"]


@dataclass(frozen=True)
class Verdict:
    """How an exercise stands; `message` is in the learner's language."""

    exercise: int
    state: State
    message: str


@dataclass(frozen=True)
class Marked:
    """How a lesson stands: its exercises, and the learner's answer to the open question."""

    verdicts: tuple[Verdict, ...]
    open: str = ""

    @property
    def passed(self) -> int:
        return sum(verdict.state == "passed" for verdict in self.verdicts)


def exercises_of(lesson: Lesson) -> Exercises:
    exercises: Exercises = import_module(f"anatili.learn.exercises.{lesson.slug}").EXERCISES
    return exercises


def answers_of(learner: Learner, lesson: Lesson) -> Mapping[str, Any]:
    """The right answers for a learner: those of the draw, and those that follow from what is done (trainings)."""
    exercises, draw = exercises_of(lesson), learner.draw(lesson)
    return {**exercises.truth(lesson, draw), **exercises.measured(lesson, draw, learner.lesson_folder(lesson))}


def open_lesson(learner: Learner, lesson: Lesson) -> tuple[Block, ...]:
    """Write what is missing in the lesson's folder: the material, the answers file, the page; returns the text.

    Files that are there stay as they are, except the page.
    """
    from anatili.learn.page import page

    exercises, draw, folder = exercises_of(lesson), learner.draw(lesson), learner.lesson_folder(lesson)
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in exercises.materials(lesson).items():
        if not (folder / name).exists():
            write(lesson, draw, folder / name)
    if not (folder / ANSWERS).exists():
        with whole_file(folder / ANSWERS) as temporary:
            temporary.write_text(answers_template(learner, lesson), "utf-8")
    blocks = with_answers(lesson.filled(learner.language, exercises.drawn(lesson, draw)), lesson, learner.language)
    with whole_file(folder / PAGE) as temporary:
        temporary.write_text(page(blocks, lesson, learner), "utf-8")
    return blocks


def with_answers(blocks: tuple[Block, ...], lesson: Lesson, language: str) -> tuple[Block, ...]:
    """The text with the list of answers under each exercise, and the glossary at the end."""
    result, waiting = list[Block](), tuple[Block, ...]()
    for block in (*blocks, Block("heading", (), "end")):
        if block.kind == "heading":
            result += waiting
            number = block.id.removeprefix("exercise-")
            waiting = answer_list(lesson, int(number), language) if number.isdecimal() else ()
        result.append(block)
    result.pop()
    head = words("page.glossary")
    rows = ["| " + " | ".join(own) + " |" for own in zip(*(_column(lesson, code) for code in head), strict=True)]
    return (*result, Block("heading", (head[language],), "glossary"), Block("table", tuple(rows)))


def _column(lesson: Lesson, code: str) -> list[str]:
    return [words("page.language_name")[code], *(term[code] for term in lesson.file.glossary)]


def answer_list(lesson: Lesson, number: int, language: str) -> tuple[Block, ...]:
    exercise = lesson.file.exercises[number - 1]
    asked = tuple(f"`{answer.key}`: {answer.ask[language]}" for answer in exercise.answers)
    check = f"anatili learn check {lesson.number}"
    return (
        Block("paragraph", (say("page.answers", language, number=number, file=ANSWERS),)),
        Block("items", asked, f"{ANSWERS_OF}{number}"),
        Block("paragraph", (f"{say('page.check', language)} `{check}`",), BY_COMMAND),
    )


def answers_template(learner: Learner, lesson: Lesson, given: Mapping[str, Any] = MappingProxyType({})) -> str:
    """The text of the answers file; `given` (section -> key -> answer) stands in it already."""
    language = learner.language
    lines = [f"# {line}" for line in words("page.template")[language].splitlines()]
    lines += [f'lesson = "{lesson.name}"', f'draw = "{learner.draw(lesson).id}"']
    for number, exercise in enumerate(lesson.file.exercises, 1):
        lines += ["", f"[exercise-{number}]"]
        for answer in exercise.answers:
            own = section(given, f"exercise-{number}").get(answer.key, "")
            lines += [f"# {answer.ask[language]}", f"{answer.key} = {toml_value(str(own))}"]
    text = section(given, OPEN).get("text", "")
    lines += ["", f"[{OPEN}]", f"# {words('page.open')[language]}", f"text = {toml_value(str(text))}", ""]
    return "\n".join(lines)


def save_answers(learner: Learner, lesson: Lesson, given: Mapping[str, Mapping[str, str]]) -> None:
    """Write answers (section -> key -> answer) into the answers file; others stay as they are.

    `CheckFailed` if the file is damaged, or that of another lesson or draw: nothing is written then.
    """
    try:
        before = read_answers(learner, lesson)
    except CheckFailed as wrong:
        if wrong.key != "no_answers":
            raise
        before = {}
    sections = {name for name in (*before, *given) if name == OPEN or name.startswith("exercise-")}
    merged = {name: {**section(before, name), **given.get(name, {})} for name in sections}
    with whole_file(learner.lesson_folder(lesson) / ANSWERS) as temporary:
        temporary.write_text(answers_template(learner, lesson, merged), "utf-8")


def read_answers(learner: Learner, lesson: Lesson) -> dict[str, Any]:
    """The answers file, checked to be of this lesson and draw; `CheckFailed` says what it is instead."""
    path = learner.lesson_folder(lesson) / ANSWERS
    if not path.is_file():
        raise CheckFailed("no_answers", file=ANSWERS, number=lesson.number)
    try:
        answers = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        if line := re.search(r"at line (\d+)", str(error)):
            raise CheckFailed("damaged_line", file=ANSWERS, line=line[1]) from error
        raise CheckFailed("damaged_answers", file=ANSWERS, reason=str(error)) from error
    except (Problem, RecursionError) as error:
        raise CheckFailed("damaged_answers", file=ANSWERS, reason="UTF-8") from error
    if answers.get("lesson") != lesson.name:
        raise CheckFailed("other_lesson", file=ANSWERS, other=str(answers.get("lesson", "?"))[:40], lesson=lesson.name)
    if answers.get("draw") != learner.draw(lesson).id:
        raise CheckFailed("other_draw", file=ANSWERS, number=lesson.number)
    return answers


def mark(learner: Learner, lesson: Lesson) -> Marked:
    """Mark all exercises of a lesson from what lies in its folder; nothing is written."""
    numbers = range(1, len(lesson.file.exercises) + 1)
    try:
        answers = read_answers(learner, lesson)
    except CheckFailed as wrong:
        message = explain(wrong, learner, lesson)
        return Marked(tuple(Verdict(number, "wrong", message) for number in numbers))
    verdicts = tuple(mark_exercise(learner, lesson, answers, number) for number in numbers)
    return Marked(verdicts, str(section(answers, OPEN).get("text", "")).strip())


def section(answers: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = answers.get(name)
    return table if isinstance(table, dict) else {}


def mark_exercise(learner: Learner, lesson: Lesson, answers: Mapping[str, Any], number: int) -> Verdict:
    exercises, draw, folder = exercises_of(lesson), learner.draw(lesson), learner.lesson_folder(lesson)
    given = section(answers, f"exercise-{number}")
    keys = [answer.key for answer in lesson.file.exercises[number - 1].answers]
    empty = [key for key in keys if str(given.get(key, "")).strip() == ""]
    if empty:
        return Verdict(number, "open", say("wrong.not_answered", learner.language, keys=", ".join(empty), file=ANSWERS))
    try:
        exercises.checks[number - 1](Submission(lesson, folder, draw, given, exercises))
    except CheckFailed as wrong:
        message = explain(wrong, learner, lesson)
        if changed := changed_material(learner, lesson, exercises):
            message += " " + say("wrong.material", learner.language, file=changed, number=lesson.number)
        return Verdict(number, "wrong", message)
    return Verdict(number, "passed", words("wrong.passed")[learner.language])


def explain(wrong: CheckFailed, learner: Learner, lesson: Lesson) -> str:
    """What is wrong, in the learner's language."""
    values = {name: show(value, learner.language) for name, value in wrong.values.items()}
    return lesson.message(wrong.key, learner.language).format(**values)


def changed_material(learner: Learner, lesson: Lesson, exercises: Exercises) -> str:
    """The first file of the material that is not the one that was drawn for the learner; "" if all are."""
    folder = learner.lesson_folder(lesson)
    for name, right in material_digests(lesson, learner.draw(lesson)).items():
        if name not in exercises.editable and (not (folder / name).is_file() or file_digest(folder / name) != right):
            return name
    return ""


@lru_cache(64)
def material_digests(lesson: Lesson, draw: Draw) -> Mapping[str, str]:
    """File name -> digest of the material of a draw."""
    with tempfile.TemporaryDirectory() as folder:
        digests = {}
        for name, write in exercises_of(lesson).materials(lesson).items():
            write(lesson, draw, Path(folder) / name)
            digests[name] = file_digest(Path(folder) / name)
    return MappingProxyType(digests)


def keep(learner: Learner, lesson: Lesson, marked: Marked) -> None:
    """Write how a lesson stands, for the list of lessons."""
    with whole_file(learner.lesson_folder(lesson) / PROGRESS) as temporary:
        rows = [asdict(verdict) for verdict in marked.verdicts]
        temporary.write_text(json.dumps({"exercises": rows}, ensure_ascii=False, indent=1), "utf-8")


def progress(learner: Learner | None, language: str = "") -> list[dict[str, Any]]:
    """A row for each lesson: its number, name, title, minutes and exercises, and how far the learner is.

    Without a learner the titles are in `language`.
    """
    language = learner.language if learner else check_language(language)
    rows = []
    for lesson in lessons():
        folder = learner.lesson_folder(lesson) if learner else None
        rows.append(
            {
                "number": lesson.number,
                "name": lesson.name,
                "title": lesson.title(language),
                "language": language,
                "minutes": lesson.file.minutes,
                "exercises": len(lesson.file.exercises),
                "passed": passed_of(folder / PROGRESS) if folder else 0,
                "opened": bool(folder and folder.is_dir()),
            }
        )
    return rows


def passed_of(path: Path) -> int:
    """How many exercises were passed at the last check; 0 if there was none or its file is damaged."""
    try:
        return sum(row["state"] == "passed" for row in json.loads(path.read_text("utf-8"))["exercises"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0
