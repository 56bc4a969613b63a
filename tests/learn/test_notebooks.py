"""The notebooks are made from the lessons: cell by cell the same, executed, and they do what they show."""

import importlib.util
import json

import pytest
from conftest import ROOT

from anatili.learn.lesson import languages, lesson, lessons

spec = importlib.util.spec_from_file_location("write_notebooks", ROOT / "docs" / "write_notebooks.py")
write_notebooks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(write_notebooks)


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
def test_the_notebooks_are_the_lessons(lesson):
    for language in languages():
        cells = json.loads(write_notebooks.path_of(lesson, language).read_text("utf-8"))["cells"]
        shown = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
        assert shown == write_notebooks.sources(lesson, language), "run: python docs/write_notebooks.py"
        assert len({cell["id"] for cell in cells}) == len(cells)


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
def test_every_answer_and_some_command_shows_what_it_printed(lesson):
    printed = write_notebooks.printed_before(write_notebooks.path_of(lesson, "kk"))
    assert all(text for source, text in printed.items() if source.startswith("lesson.answer("))
    assert any(text for source, text in printed.items() if source.startswith("lesson.run("))


def test_a_notebook_prints_what_it_shows(tmp_path):
    """A short form: one command and the exercises. The others are run by hand: docs/write_notebooks.py --run."""
    shown = write_notebooks.printed_before(write_notebooks.path_of(lesson(5), "ru"))
    first = next(source for source in shown if source.startswith("lesson.run("))
    known = {source: text for source, text in shown.items() if source.startswith("lesson.run(") and source != first}
    now = write_notebooks.carry_out(lesson(5), "ru", tmp_path, known)
    assert now == {source: text for source, text in shown.items() if not source.startswith(("from ", "#"))}
