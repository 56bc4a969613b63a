"""Write `docs/learn/LESSON.LANGUAGE.ipynb`, the lessons as notebooks, from the texts of the lessons.

    python docs/write_notebooks.py             only the cells; what they printed is kept where a cell is as before
    python docs/write_notebooks.py --run 5     carry out lesson 5 once, and show what its commands print

A test compares the cells with the texts.
"""

import argparse
import contextlib
import io
import json
import re
import tempfile
from pathlib import Path
from typing import Any

from anatili.learn.course import exercises_of, with_answers
from anatili.learn.learner import Learner
from anatili.learn.lesson import Lesson, languages, lessons, words
from anatili.learn.markup import ANSWERS_OF, BY_COMMAND, Block, is_command
from anatili.learn.notebook import NAME, SALT, Notebook

OUT = Path(__file__).parent / "learn"
Cell = dict[str, Any]
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def markdown(block: Block) -> str:
    """A block as Markdown."""
    match block.kind:
        case "title":
            return f"# {block.text}"
        case "heading":
            return f"## {block.text}"
        case "items":
            return "\n".join(f"- {line}" for line in block.lines)
        case "steps":
            return "\n".join(f"{number}. {line}" for number, line in enumerate(block.lines, 1))
        case "note":
            return f"> {block.text}"
        case "table":
            head, *rows = block.lines
            return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *rows])
        case "sh" | "text" | "toml" | "output":
            return f"```{block.kind}\n{block.text}\n```"
        case _:
            return block.text


def sources(lesson: Lesson, language: str) -> list[tuple[str, str]]:
    """Kind and source of each cell."""
    draw = Learner(Path(), NAME, language, SALT).draw(lesson)
    blocks = with_answers(lesson.filled(language, exercises_of(lesson).drawn(lesson, draw)), lesson, language)
    cells = [("markdown", f"{markdown(blocks[0])}\n\n> {words('page.review')[language]}")]
    opening = f"from anatili.learn.notebook import Notebook\n\nlesson = Notebook({lesson.number}, {language!r})"
    cells.append(("code", opening))
    text = list[str]()
    for block in blocks[1:]:
        if block.id == BY_COMMAND:
            continue
        code = code_of(block, lesson)
        if not code or (block.kind == "heading" and text):
            if block.kind == "heading" and text:
                cells.append(("markdown", "\n\n".join(text)))
                text = []
            text.append(markdown(block))
            continue
        if text:
            cells.append(("markdown", "\n\n".join(text)))
            text = []
        cells += [("code", one) for one in code]
    return [*cells, ("markdown", "\n\n".join(text))] if text else cells


def code_of(block: Block, lesson: Lesson) -> list[str]:
    """The code cells of a block: its commands, and the answers to an exercise. Commands that follow a change which
    the exercise asks for are comments."""
    if block.kind == "sh":
        return [f"lesson.run({line!r})" for line in block.lines if is_command(line)]
    if block.kind == "text" and all(map(is_command, block.lines)):
        return ["\n".join(f"# lesson.run({line!r})" for line in block.lines)]
    if block.id.startswith(ANSWERS_OF):
        number = int(block.id.removeprefix(ANSWERS_OF))
        keys = ", ".join(f'{answer.key}=""' for answer in lesson.file.exercises[number - 1].answers)
        return [f"lesson.answer({number}, {keys})"]
    return []


def cells_of(rows: list[tuple[str, str]], printed: dict[str, str]) -> list[Cell]:
    """The cells; `printed`: source of a code cell -> what it printed."""
    cells = list[Cell]()
    for number, (kind, source) in enumerate(rows):
        cell: Cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": lines(source)}
        if kind == "code":
            text = printed.get(source, "")
            output = {"name": "stdout", "output_type": "stream", "text": lines(text)}
            cell |= {"execution_count": None, "outputs": [output] if text else []}
        cells.append(cell)
    return cells


def lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def path_of(lesson: Lesson, language: str) -> Path:
    return OUT / f"{lesson.name}.{language}.ipynb"


def printed_before(path: Path) -> dict[str, str]:
    """What the cells of a notebook printed when they were run."""
    if not path.is_file():
        return {}
    return {
        "".join(cell["source"]): "".join("".join(output["text"]) for output in cell["outputs"])
        for cell in json.loads(path.read_text("utf-8"))["cells"]
        if cell["cell_type"] == "code"
    }


def carry_out(lesson: Lesson, language: str, folder: Path, known: dict[str, str]) -> dict[str, str]:
    """Run the code cells of a notebook in a folder; commands whose output is known are not run again."""
    notebook = Notebook(lesson.number, language, folder)
    printed = dict[str, str]()
    for kind, source in sources(lesson, language):
        if kind != "code" or source.startswith(("from ", "#")):
            continue
        if source in known and source.startswith("lesson.run("):
            printed[source] = known[source]
            continue
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            exec(compile(source, path_of(lesson, language).name, "exec"), {"lesson": notebook})
        printed[source] = re.sub(re.escape(str(folder.resolve())), "learn-notebook", told.getvalue())
    return printed


def write(lesson: Lesson, language: str, printed: dict[str, str]) -> None:
    notebook = {
        "cells": cells_of(sources(lesson, language), printed),
        "metadata": KERNEL,
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    OUT.mkdir(exist_ok=True)
    path_of(lesson, language).write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=int, nargs="*", default=[], metavar="LESSON", help="lessons to carry out")
    options = parser.parse_args()
    for one in lessons():
        with tempfile.TemporaryDirectory() as temporary:
            outputs = dict[str, str]()
            for code in languages():
                if one.number in options.run:
                    outputs |= carry_out(one, code, Path(temporary), outputs)
                write(one, code, outputs or printed_before(path_of(one, code)))
        print(one.name)
