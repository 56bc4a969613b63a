"""Tasks of kind `choices`: the model chooses what it finds most likely behind a text."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from anatili.evaluate.items import Item, ItemSet, groups, listed
from anatili.evaluate.journal import Journal, Record
from anatili.evaluate.likelihood import Advance, Likelihood, silent
from anatili.evaluate.prompts import PromptForm, prompts
from anatili.evaluate.statistics import clustered_interval, standard_error
from anatili.evaluate.task_data import Row
from anatili.evaluate.task_file import EvaluationTask

METRICS = ("acc", "acc_norm", "acc_bytes")


def score_items(
    task: EvaluationTask,
    model: Likelihood,
    item_set: ItemSet,
    form: PromptForm,
    journal: Journal,
    advance: Advance = silent,
) -> list[Record]:
    """The record of each item in the order of the data; those already in the journal are not measured again."""
    missing, spans, cuts = list[Item](), [], list[bool]()
    for item, (context, endings) in zip(
        item_set.items,
        prompts(task, item_set, form, model.engine) if needs(item_set, journal) else blank(item_set),
        strict=True,
    ):
        if item.id not in journal.records:
            own, is_cut = model.item_spans(context, endings, begin=form.begin)
            missing.append(item)
            spans.append(own)
            cuts.append(is_cut)
    advance(len(item_set.items) - len(missing))
    for number, sums in model.item_sums(spans):
        record = record_of(missing[number], sums, form, task)
        journal.add([record | ({"context_cut": True} if cuts[number] else {})])
        advance(1)
    return [journal.records[item.id] for item in item_set.items]


def needs(item_set: ItemSet, journal: Journal) -> bool:
    """Whether there is anything left to measure."""
    return any(item.id not in journal.records for item in item_set.items)


def blank(item_set: ItemSet) -> list[tuple[str, list[str]]]:
    return [("", [])] * len(item_set.items)


def record_of(item: Item, sums: Sequence[float], form: PromptForm, task: EvaluationTask) -> Record:
    """What is kept of an item: the sums of log probabilities, and the choice by each metric (the first of equals)."""
    texts = item.choices if form.form == "cloze" else [task.letters[0]] * len(sums)
    values = np.array(sums)
    with np.errstate(divide="ignore"):  # an empty choice gets minus infinity, as in lm-eval
        chosen = {
            "acc": int(values.argmax()),
            "acc_norm": int((values / [len(text) for text in texts]).argmax()),
            "acc_bytes": int((values / [len(text.encode()) for text in texts]).argmax()),
        }
    return {
        "id": item.id,
        "answer": item.answer,
        "logprobs": [round(float(value), 6) for value in sums],
        "chosen": chosen,
        "right": {metric: choice == item.answer for metric, choice in chosen.items()},
        "subject": item.subject,
        "language": item.language,
        "script": item.script,
        "cluster": item.cluster,
    }


def choice_figures(task: EvaluationTask, item_set: ItemSet, records: Sequence[Record], form: PromptForm) -> Row:
    """All figures of a task, over all items and by group."""
    items = item_set.items
    row: Row = {
        **shares(task, records),
        "stderr": {m: round(standard_error([float(r["right"][m]) for r in records]), 4) for m in METRICS},
        "chance": task.chance if task.chance is not None else round(mean_chance(items), 4),
        **majority(task, items),
        "answers": letter_counts(task, [item.answer for item in items]),
        "chosen": letter_counts(task, [record["chosen"][task.metric] for record in records]),
        "clusters": len({item.cluster for item in items}),
        "form": form.facts,
    }
    notes = list(item_set.notes)
    if empty := [item.id for item in items if not all(choice.strip() for choice in item.choices)]:
        notes.append(f"{len(empty)} of {len(items)} items have an empty choice ({listed(empty)})")
    if cut := sum(record.get("context_cut", False) for record in records):
        notes.append(f"{cut} of {len(records)} items are longer than the model's context: their beginning was cut off")
    if notes:
        row["notes"] = notes
    if task.labels:
        row["macro_f1"] = macro_f1(records, task.metric, len(task.labels))
    apart = {
        name: {value: shares(task, [records[n] for n in numbers]) for value, numbers in values.items()}
        for name, values in groups(items)
    }
    return row | ({"groups": apart} if apart else {})


def shares(task: EvaluationTask, records: Sequence[Record]) -> Row:
    """The share of right choices by each metric, with clustered intervals."""
    clusters = [record["cluster"] for record in records]
    rights = {metric: [float(record["right"][metric]) for record in records] for metric in METRICS}
    intervals = {metric: clustered_interval(values, clusters) for metric, values in rights.items()}
    means = {metric: round(float(np.mean(values)), 4) if values else None for metric, values in rights.items()}
    return {
        "value": means[task.metric],
        "interval": intervals[task.metric],
        "count": len(records),
        **means,
        "intervals": intervals,
    }


def mean_chance(items: Sequence[Item]) -> float:
    """Share of right answers by guessing."""
    return float(np.mean([1 / len(item.choices) for item in items]))


def majority(task: EvaluationTask, items: Sequence[Item]) -> Row:
    """What always choosing the most frequent right letter gets."""
    (number, count), *_ = Counter(item.answer for item in items).most_common(1)
    return {"majority": round(count / len(items), 4), "majority_letter": task.letters[number]}


def letter_counts(task: EvaluationTask, numbers: Sequence[int]) -> dict[str, int]:
    return {task.letters[number]: count for number, count in sorted(Counter(numbers).items())}


def macro_f1(records: Sequence[Record], metric: str, count: int) -> float:
    """Mean F1 of the labels that occur."""
    values = []
    for label in range(count):
        hits = sum(r["chosen"][metric] == r["answer"] == label for r in records)
        total = sum(r["chosen"][metric] == label for r in records) + sum(r["answer"] == label for r in records)
        values += [2 * hits / total] if total else []
    return round(float(np.mean(values)), 4) if values else 0.0


def variation(rows: Sequence[Row], metric: str) -> dict[str, Any]:
    """Mean, lowest and highest figure over wordings and orders of the choices."""
    values = [row[metric] for row in rows]
    return {
        "variants": [
            {"form": row["form"], **{name: row[name] for name in METRICS}, "chosen": row["chosen"]} for row in rows
        ],
        "mean": round(float(np.mean(values)), 4),
        "min": min(values),
        "max": max(values),
    }
