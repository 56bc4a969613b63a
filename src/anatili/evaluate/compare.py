"""Several models on the same items: paired differences with tests, by task and by subject."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np

from anatili.atomic_files import whole_file
from anatili.evaluate.journal import Record, read_journal
from anatili.evaluate.lm_eval import read_results
from anatili.evaluate.statistics import clustered_interval, holm, mcnemar, paired_interval
from anatili.evaluate.task_data import Row
from anatili.problem import Problem
from anatili.text import show_path
from anatili.text_files import read_lines

SIGNIFICANT = 0.05
JOURNALS, SAMPLES = "*.jsonl", "samples_*.jsonl"
BY_LM_EVAL = "measured by lm-eval, whose client for servers leaves the begin token out"
OTHERS = ("scores.jsonl", "leaderboard.jsonl")


@dataclass(frozen=True)
class Result:
    """One model on one task in one form."""

    model: str
    key: str
    """Task, language and form: what can be compared has the same key."""
    head: Record
    records: tuple[Record, ...]
    row: Row = field(default_factory=dict)
    """The figures, where the model was measured by this program."""

    @property
    def title(self) -> str:
        return str(self.head.get("measure", self.key))

    @property
    def metric(self) -> str:
        return str(self.head.get("metric", "acc"))

    def values(self) -> dict[str, float]:
        """Id of an item -> what the model got for it, from 0 to 1."""
        return {record["id"]: value_of(record, self.metric) for record in self.records}


def value_of(record: Record, metric: str) -> float:
    return float(record["right"][metric] if "right" in record else record["value"])


def read_folder(folder: Path, name: str) -> list[Result]:
    """The results in a folder that `evaluate --out` or lm-eval wrote; none if it has no such files."""
    rows = scores_of(folder)
    files = [file for file in sorted(folder.glob(JOURNALS)) if is_journal(file)]
    results = []
    for file in files:
        head, records = read_journal(file)
        results.append(Result(name, file.stem, head, tuple(records), rows.get(file.stem, {})))
    if not files and list(folder.rglob(SAMPLES)):
        for task, items in read_results(folder).items():
            head = {"task": task, "measure": task, "model": name, "metric": "acc", "digests": {}}
            results.append(Result(name, key_of(task), head, tuple(items), {"notes": [BY_LM_EVAL]}))
    return results


def is_journal(file: Path) -> bool:
    return file.name not in OTHERS and not file.name.startswith("samples_")


def key_of(task: str) -> str:
    """The key of one of our tasks that lm-eval carried out: `anatili_tumlu_kk_cloze` -> `tumlu_kk cloze`."""
    name, _, form = task.removeprefix("anatili_").rpartition("_")
    return f"{name} {form}" if task.startswith("anatili_") else task


def scores_of(folder: Path) -> dict[str, Row]:
    """Name of a journal -> the figures that were computed from it."""
    path = folder / "scores.jsonl"
    lines = read_lines(path) if path.is_file() else []
    return {row["journal"]: row for line in lines if "journal" in (row := json.loads(line))}


def comparable(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Key -> the results of all models on it, in the order of the models."""
    by_key: dict[str, list[Result]] = {}
    loose = [result for result in results if " " in result.key]  # lm-eval does not say the language and the shots
    for result in results:
        if result not in loose:
            by_key.setdefault(result.key, []).append(result)
    for result in loose:
        task, form = result.key.split(" ", 1)
        match = next((key for key in by_key if key.startswith(f"{task}-") and f"-{form}-" in key), result.key)
        by_key.setdefault(match, []).append(result)
    return by_key


def compare(results: Sequence[Result], resamples: int = 2000) -> list[Row]:
    """For each task: the figures of the models on the items that all have, and each pair of models."""
    rows = []
    for key, group in comparable(results).items():
        shared = set.intersection(*(set(result.values()) for result in group))
        if not shared:
            raise Problem(
                f"{group[0].title}: {' and '.join(r.model for r in group)} have no items in common; "
                "measure them on the same data"
            )
        pairs = [pair_row(first, second, shared, resamples) for first, second in combinations(group, 2)]
        adjust(pairs)
        rows.append(
            {
                "key": key,
                "is_main": is_main(group[0].head),
                "task": group[0].head["task"],
                "measure": group[0].title,
                "about": group[0].head.get("about", ""),
                "metric": group[0].metric,
                "count": len(shared),
                "left_out": max(len(result.records) for result in group) - len(shared),
                "chance": next((r.row["chance"] for r in group if r.row.get("chance") is not None), None),
                "majority": next((r.row["majority"] for r in group if "majority" in r.row), None),
                "models": [model_row(result, shared) for result in group],
                "pairs": pairs,
            }
        )
    mark_turns(rows)
    return [row for row in rows if row["is_main"]] or rows


def is_main(head: Record) -> bool:
    """Whether a result is of the first wording, with the choices in their own order."""
    form = head.get("form", {})
    return not form.get("wording") and not form.get("rotation")


def model_row(result: Result, shared: set[str]) -> Row:
    records = [record for record in result.records if record["id"] in shared]
    values = [value_of(record, result.metric) for record in records]
    clusters = [record.get("cluster") or record["id"] for record in records]
    row = {
        "model": result.model,
        "value": round(float(np.mean(values)), 4),
        "interval": clustered_interval(values, clusters),
        "subjects": dict(by_subject(records, result.metric)),
        "digests": result.head.get("digests", {}),
    }
    kept = (
        "acc",
        "acc_norm",
        "acc_bytes",
        "begin_token",
        "notes",
        "seen",
        "unseen",
        "mean",
        "min",
        "max",
        "seconds",
        "chosen",
        "unanswered",
        "wrong_language",
    )
    return row | {name: result.row[name] for name in kept if name in result.row}


def by_subject(records: Sequence[Record], metric: str) -> Iterator[tuple[str, Row]]:
    subjects: dict[str, list[Record]] = {}
    for record in records:
        subjects.setdefault(record.get("subject", ""), []).append(record)
    if len(subjects) < 2:
        return
    for name, some in sorted(subjects.items()):
        values = [value_of(record, metric) for record in some]
        clusters = [record.get("cluster") or record["id"] for record in some]
        yield (
            name,
            {
                "value": round(float(np.mean(values)), 4),
                "count": len(some),
                "interval": clustered_interval(values, clusters),
            },
        )


def pair_row(first: Result, second: Result, shared: set[str], resamples: int) -> Row:
    """The second model less the first, over all items and by subject."""
    mine, others = first.values(), second.values()
    records = [record for record in first.records if record["id"] in shared]
    row = difference(records, mine, others, resamples)
    subjects: dict[str, list[Record]] = {}
    for record in records:
        subjects.setdefault(record.get("subject", ""), []).append(record)
    if len(subjects) > 1:
        parts = {name: difference(some, mine, others, resamples) for name, some in sorted(subjects.items())}
        adjusted = holm({name: part["p"] for name, part in parts.items()})
        row["subjects"] = {name: part | {"p_holm": adjusted[name]} for name, part in parts.items()}
    return {"first": first.model, "second": second.model, **row}


def difference(records: Sequence[Record], mine: dict[str, float], others: dict[str, float], resamples: int) -> Row:
    ids = [record["id"] for record in records]
    clusters = [record.get("cluster") or record["id"] for record in records]
    differences = [others[id_] - mine[id_] for id_ in ids]
    is_binary = all(values[id_] in (0, 1) for id_ in ids for values in (mine, others))
    p = mcnemar([mine[i] == 1 for i in ids], [others[i] == 1 for i in ids]) if is_binary else sign_p(differences)
    return {
        "difference": round(float(np.mean(differences)), 4),
        "interval": paired_interval(differences, clusters, resamples),
        "p": round(p, 6),
        "test": "exact McNemar" if is_binary else "exact sign test",
        "count": len(ids),
    }


def sign_p(differences: Sequence[float]) -> float:
    """McNemar's test of which answer was better, where answers have grades."""
    return mcnemar([value < 0 for value in differences], [value > 0 for value in differences])


def adjust(pairs: Sequence[Row]) -> None:
    adjusted = holm({str(number): pair["p"] for number, pair in enumerate(pairs)})
    for number, pair in enumerate(pairs):
        pair["p_holm"] = adjusted[str(number)]


def mark_turns(rows: Sequence[Row]) -> None:
    """Mark pairs whose order is not the same in all wordings of a task."""
    by_task: dict[str, list[Row]] = {}
    for row in rows:
        by_task.setdefault(row["task"], []).append(row)
    for group in by_task.values():
        signs: dict[tuple[str, str], set[bool]] = {}
        for row in group:
            for pair in row["pairs"]:
                if pair["difference"]:
                    signs.setdefault((pair["first"], pair["second"]), set()).add(pair["difference"] > 0)
        for row in group:
            for pair in row["pairs"]:
                pair["order_turns"] = len(signs.get((pair["first"], pair["second"]), ())) > 1


def leaderboard(rows: Sequence[Row]) -> list[Row]:
    """A line for each model and task, with the digests of all that it depends on."""
    return [
        {
            "model": model["model"],
            "task": row["task"],
            "key": row["key"],
            "metric": row["metric"],
            "n": row["count"],
            "chance": row["chance"],
            "majority": row["majority"],
            **{name: value for name, value in model.items() if name not in ("model", "subjects", "notes")},
        }
        for row in rows
        for model in row["models"]
    ]


def write_leaderboard(path: Path, rows: Sequence[Row]) -> None:
    with whole_file(path) as temporary:
        lines = (json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in leaderboard(rows))
        temporary.write_text("".join(lines), "utf-8")


def check_results(results: Sequence[Result], folder: Path) -> None:
    """`Problem` unless there are two models to compare."""
    if len({result.model for result in results}) < 2:
        raise Problem(
            f"nothing to compare in {show_path(folder)}: name two models, or folders that `evaluate --out` wrote"
        )
