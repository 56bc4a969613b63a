"""What the labels of a review come to: how far people agree, how well the detector does, and labels to keep."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anatili.audit.classes import NOT_ANSWERED
from anatili.review.agreement import Figure, Stratum, agreement, detection, share, weighted_detection
from anatili.review.sampling import CALLED, OTHERS, Detected
from anatili.review.state import TaskState
from anatili.review.tasks import CLASS, FACT, RIGHT, YES, Task

LEAST_LABELS, LEAST_HIT, MOST_FALSE, LEAST_KAPPA = 200, 0.8, 0.03, 0.7
"""What the detector of refusals must reach in a language to be called validated."""
LEAST_RECALL = LEAST_PRECISION = 0.95
"""The same for key facts."""
REFUSES, ANSWERS_IT = "refuses", "answers"
Row = tuple[Task, TaskState]


@dataclass(frozen=True)
class Labeled:
    """A task with its final label, what the detector says of it now, and the stratum it was drawn from."""

    task: Task
    kind: str
    facts: tuple[bool, ...]
    detected: Detected
    stratum: str
    decided: bool
    """Whether a third person decided."""


def refuses(kind: str) -> bool:
    return kind in NOT_ANSWERED


def answer_figures(rows: Sequence[Row], labeled: Sequence[Labeled], sizes: dict[str, int]) -> dict[str, Any]:
    """The figures of answers in one language. `sizes`: of how many answers the strata were drawn."""
    strata = {name: [one for one in labeled if one.stratum == name] for name in sizes}
    refusals = detection(*refusals_of(labeled))
    of_all = weighted_detection([Stratum(sizes[name], *refusals_of(own)) for name, own in strata.items()])
    facts = detection(
        [stated for one in labeled for stated in one.facts],
        [stated for one in labeled for stated in one.detected.facts],
        [one.task.item for one in labeled for _ in one.facts],
    )
    finds_refusals = (
        at_least(of_all["hit"], LEAST_HIT)
        and at_most(of_all["false"], MOST_FALSE)
        and at_least(refusals["kappa"], LEAST_KAPPA)
    )
    finds_facts = at_least(facts["hit"], LEAST_RECALL) and at_least(facts["precision"], LEAST_PRECISION)
    enough = len(labeled) >= LEAST_LABELS
    return {
        **counts(rows),
        "people": {
            "refusals": between(rows, refusal_of, lambda value: value == REFUSES),
            "classes": between(rows, lambda values: [values[CLASS]]),
            "facts": between(rows, facts_of, lambda value: value == YES),
        },
        "detector": {
            "refusals": plain(refusals) | {"of_all_answers": plain(of_all), "validated": enough and finds_refusals},
            "facts": plain(facts) | {"validated": enough and finds_facts},
        },
    }


def refusals_of(labeled: Sequence[Labeled]) -> tuple[list[bool], list[bool], list[str]]:
    """Whether each answer refuses by people and by the detector, and the item that it answers."""
    return (
        [refuses(one.kind) for one in labeled],
        [one.detected.refuses for one in labeled],
        [one.task.item for one in labeled],
    )


def refusal_of(values: dict[str, str]) -> list[str]:
    return [REFUSES if refuses(values[CLASS]) else ANSWERS_IT]


def facts_of(values: dict[str, str]) -> list[str]:
    return [value for part, value in values.items() if part.startswith(FACT)]


def item_figures(rows: Sequence[Row]) -> dict[str, Any]:
    """The figures of audit items in one language: `prevalence` is the share of parts that are not right."""
    parts = between(rows, lambda values: list(values.values()), lambda value: value != RIGHT)
    return {**counts(rows), "people": {"parts": parts}}


def counts(rows: Sequence[Row]) -> dict[str, int]:
    return {
        "tasks": len(rows),
        "labeled_twice": sum(standing.pair is not None for _, standing in rows),
        "undecided": sum(standing.pair is not None and standing.final is None for _, standing in rows),
        "final": sum(standing.final is not None for _, standing in rows),
    }


def between(
    rows: Sequence[Row],
    chosen: Callable[[dict[str, str]], list[str]],
    counted: Callable[[str], bool] | None = None,
) -> dict[str, Any]:
    """How far the two people agree in the values that `chosen` takes from what they said.

    `prevalence` is the share of their values that are `counted`.
    """
    one, other, items = list[str](), list[str](), list[str]()
    for task, standing in rows:
        if pair := standing.pair:
            first, second = (chosen({part: judgment.values[part] for part in task.parts}) for judgment in pair)
            one, other, items = [*one, *first], [*other, *second], [*items, *(task.item for _ in first)]
    figures: dict[str, Any] = {"n": len(one)}
    if counted:
        means = [(counted(a) + counted(b)) / 2 for a, b in zip(one, other, strict=True)]
        figures["prevalence"] = share(means, items)
    return plain(figures | agreement(one, other, items))


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.as_json() if isinstance(value, Figure) else value for name, value in values.items()}


def at_least(figure: int | Figure, limit: float) -> bool:
    return isinstance(figure, Figure) and figure.value is not None and figure.value >= limit


def at_most(figure: int | Figure, limit: float) -> bool:
    return isinstance(figure, Figure) and figure.value is not None and figure.value <= limit


def label_line(row: dict[str, Any], one: Labeled, standing: TaskState) -> dict[str, Any]:
    """A label as an audit reads it, without names."""
    pair = standing.pair
    assert pair
    return {
        **{name: row[name] for name in ("item", "language", "number")},
        "label": one.kind,
        "facts": list(one.facts),
        "people": [judgment.values[CLASS] for judgment in pair],
        "decided": one.decided,
    }


def stratum_of(task: Task, line: dict[str, Any]) -> str:
    return CALLED if task.id in line["called"] else OTHERS
