"""For tests of the course: `docs/write_lessons.py`, and a learner with the lessons carried out once."""

import importlib.util
from pathlib import Path

from conftest import ROOT

from anatili.learn.learner import ANSWERS

spec = importlib.util.spec_from_file_location("write_lessons", ROOT / "docs" / "write_lessons.py")
write_lessons = importlib.util.module_from_spec(spec)
spec.loader.exec_module(write_lessons)


def answer(learner, lesson, values, folder=None):
    """Write answers (exercise -> key -> value) into the learner's answers file."""
    lines = [f'lesson = "{lesson.name}"', f'draw = "{learner.draw(lesson).id}"']
    for number, given in values.items():
        lines += [f"[exercise-{number}]", *(f"{key} = {str(value)!r}" for key, value in given.items())]
    path = (folder or learner.lesson_folder(lesson)) / ANSWERS
    Path(path).write_text("\n".join([*lines, '[open]\ntext = "Ашық жауап"\n']), "utf-8")


def right_answers(learner, lesson):
    from anatili.learn.course import answers_of

    truth = answers_of(learner, lesson)
    return {
        number: {one.key: truth[one.key] for one in exercise.answers}
        for number, exercise in enumerate(lesson.file.exercises, 1)
    }
