"""Tasks of kind `choices`: the model chooses what it finds likeliest behind a text."""

from collections.abc import Sequence

import numpy as np

from anatili.evaluate.likelihood import Likelihood, Tell, silent
from anatili.evaluate.task_data import Row, fields_of, fill
from anatili.evaluate.task_file import EvaluationTask
from anatili.interval import wilson
from anatili.problem import Problem
from anatili.text import show_path

BETWEEN = "\n\n"
"""Stands between solved examples and the question."""


def choice_rows(task: EvaluationTask, model: Likelihood, rows: Sequence[Row], tell: Tell = silent) -> Row:
    """Share of rows whose right choice is the likeliest; also by byte, which does not favor short choices."""
    shown, asked = rows[: task.few_shot], rows[task.few_shot :]
    solved = "".join(
        joined(fill(task, task.template, row), choices_of(task, row)[answer_of(task, row)]) + BETWEEN for row in shown
    )
    pairs, offered = [], []
    for row in asked:
        choices = choices_of(task, row)
        offered.append(choices)
        pairs += [parted(solved + fill(task, task.template, row), choice) for choice in choices]
    bits = model.continuations(pairs, tell)
    right: dict[str, list[bool]] = {"accuracy": [], "accuracy_by_byte": []}
    start = 0
    for row, choices in zip(asked, offered, strict=True):
        costs, answer = bits[start : start + len(choices)], answer_of(task, row)
        sizes = np.array([max(1, len(choice.strip().encode())) for choice in choices])
        start += len(choices)
        for metric, values in (("accuracy", costs), ("accuracy_by_byte", costs / sizes)):
            # Who finds two equally likely has not found the right one.
            right[metric].append(bool((values < values[answer]).sum() == 0 and (values == values[answer]).sum() == 1))
    shares = {metric: round(sum(won) / max(1, len(won)), 4) for metric, won in right.items()}
    won = right[task.metric]
    return {"value": shares[task.metric], "interval": wilson(sum(won), len(won)), "count": len(won), **shares}


def choices_of(task: EvaluationTask, row: Row) -> list[str]:
    """The choices of a row, as they are put behind its text."""
    if isinstance(task.choices, tuple):
        return [fill(task, choice, row) for choice in task.choices]
    name = next((name for name in fields_of(task.choices) if isinstance(row.get(name), list)), None)
    if name is None:
        raise Problem(f"{show_path(task.file)}: no field in {task.choices!r} is a list in the row {row}")
    return [fill(task, task.choices, {**row, name: item}) for item in row[name]]


def answer_of(task: EvaluationTask, row: Row) -> int:
    """The number of the right choice, from 0."""
    said, choices = row.get(task.answer), choices_of(task, row)
    text = str(said).strip()
    texts = [choice.strip() for choice in choices]
    if text in texts and not isinstance(said, int):
        return texts.index(text)
    number = int(text) if text.isdecimal() else ord(text.upper()) - ord("A") if len(text) == 1 else -1
    if said is None or not 0 <= number < len(choices):
        raise Problem(
            f"{show_path(task.file)}: {task.answer} = {said!r} is not a choice: a number from 0, a letter from A, or "
            f"the text of one of {texts}"
        )
    return number


def parted(text: str, choice: str) -> tuple[str, str]:
    """A text and what is scored behind it; a space between them belongs to the choice, as tokenizers have it."""
    bare = text.rstrip(" ")
    return bare, text[len(bare) :] + choice


def joined(text: str, choice: str) -> str:
    return "".join(parted(text, choice))
