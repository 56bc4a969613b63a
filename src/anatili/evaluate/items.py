"""The items of a task of kind `choices`: checked once, before a model is asked."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from anatili.evaluate.task_data import Row, fields_of, fill
from anatili.evaluate.task_file import EvaluationTask
from anatili.problem import Problem
from anatili.text import script_of, short_hash, show_path

UNUSED = ("train",)
"""Parts of a set that are not scored where there are others."""


@dataclass(frozen=True)
class Item:
    """A question with choices, of which one is right."""

    id: str
    row: Row
    choices: tuple[str, ...]
    answer: int
    """Number of the right choice, from 0."""
    subject: str
    language: str
    script: str
    cluster: str
    """Items of one cluster share a passage; by default an item is a cluster of its own."""


@dataclass(frozen=True)
class ItemSet:
    """What is scored, and the solved examples that may be shown before it."""

    items: tuple[Item, ...]
    examples: tuple[Item, ...]
    """The dev part of the data; the items themselves where it has none."""
    notes: tuple[str, ...] = ()
    """What a reader must know about the data, in sentences."""

    @property
    def has_own_examples(self) -> bool:
        """Whether the examples are not scored."""
        return self.examples is not self.items


def item_set(task: EvaluationTask, rows: Sequence[Row], language: str) -> ItemSet:
    """The items of a task; `Problem` names the row that is wrong."""
    items: Sequence[Item] = [item_of(task, row, number, language) for number, row in enumerate(rows, 1)]
    items, notes = named_apart(items)
    parts = [str(item.row.get("split", "")) for item in items]
    examples = tuple(item for item, part in zip(items, parts, strict=True) if part in task.dev)
    others = [(item, part) for item, part in zip(items, parts, strict=True) if part not in task.dev]
    scored = tuple(item for item, part in others if part not in UNUSED) or tuple(item for item, _ in others)
    scored = scored or examples
    scored = scored[: task.rows or None]
    return ItemSet(scored, examples if examples and scored[0] is not examples[0] else scored, tuple(notes))


def named_apart(items: Sequence[Item]) -> tuple[list[Item], list[str]]:
    """The items with an id of its own each, and what is to be told about ids that occur more than once."""
    counts: Counter[str] = Counter()
    named = []
    for item in items:
        counts[item.id] += 1
        number = counts[item.id]
        own = f"{item.id}#{number}"
        is_cluster = item.cluster == item.id
        named.append(item if number == 1 else replace(item, id=own, cluster=own if is_cluster else item.cluster))
    repeated = [name for name, count in counts.items() if count > 1]
    if not repeated:
        return named, []
    return named, [
        f"ids that occur more than once in the data: {listed(repeated)}; the later items are counted too, as "
        f"{repeated[0]}#2 and so on"
    ]


def listed(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def item_of(task: EvaluationTask, row: Row, number: int, language: str) -> Item:
    where = f"{show_path(task.data)}, row {number}" + (f" (id {row['id']})" if "id" in row else "")
    choices = tuple(choices_of(task, row, where))
    if len(choices) < 2:
        raise Problem(f"{where}: an item needs two choices at least, it has {len(choices)}")
    question = str(row.get("question", "")) or choices[0]
    return Item(
        str(row.get("id", number)),
        row,
        choices,
        answer_of(task, row, choices, where),
        str(row.get(task.subject, "")),
        str(row.get("language", language)),
        script_of(question + " ".join(choices)),
        short_hash(*(str(row.get(name, "")) for name in task.cluster)) if task.cluster else str(row.get("id", number)),
    )


def choices_of(task: EvaluationTask, row: Row, where: str) -> list[str]:
    """The choices of a row, without what is between them and its text."""
    if isinstance(task.choices, tuple):
        return [fill(task, choice, row) for choice in task.choices]
    name = next((name for name in fields_of(task.choices) if isinstance(row.get(name), list)), None)
    if name is None:
        names = ", ".join(fields_of(task.choices))
        raise Problem(f"{where}: the choices are a list under {names!r}; the row has {shortened(row)}")
    for number, choice in enumerate(row[name], 1):
        if not isinstance(choice, str | int | float):
            raise Problem(f"{where}: choice {number} is {json.dumps(choice)}, not a text")
    return [fill(task, task.choices, {**row, name: choice}) for choice in row[name]]


def answer_of(task: EvaluationTask, row: Row, choices: Sequence[str], where: str) -> int:
    """The number of the right choice, from 0."""
    value = row.get(task.answer)
    text = str(value).strip()
    if task.labels:
        if text in task.labels:
            return task.labels.index(text)
        raise Problem(f"{where}: {task.answer} = {value!r} is none of the labels {', '.join(task.labels)}")
    texts = [choice.strip() for choice in choices]
    is_number = isinstance(value, int)
    if not is_number and text in texts:
        return texts.index(text)
    letter = task.letters.find(text.upper()) if len(text) == 1 else -1
    number = int(text) if text.isdecimal() else letter
    if value is None or not 0 <= number < len(choices):
        raise Problem(
            f"{where}: {task.answer} = {value!r} is not a choice: expected a number from 0 to {len(choices) - 1}, a "
            f"letter from {task.letters[0]} to {task.letters[len(choices) - 1]}, or the text of a choice"
        )
    return number


def shortened(row: Row, most: int = 300) -> str:
    text = str(row)
    return text if len(text) <= most else f"{text[:most]}..."


def groups(items: Sequence[Item]) -> Iterator[tuple[str, dict[str, list[int]]]]:
    """`subject`, `language` and `script`, where the items differ in it -> value -> numbers of the items."""
    for name in ("subject", "language", "script"):
        values: dict[str, list[int]] = {}
        for number, item in enumerate(items):
            values.setdefault(getattr(item, name), []).append(number)
        if len(values) > 1:
            yield name, dict(sorted(values.items()))
