"""`evaluate`: the tasks of the recipe carried out on each model of the run, beside simple baselines.

Bits per byte, never loss per token: it compares models whatever their tokenizers. Cyrillic letters take two bytes, so
the figures of two languages cannot be compared with one another.
"""

import filecmp
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anatili.atomic_files import write_json
from anatili.confidence_intervals import interval
from anatili.document import Kept, read_shard
from anatili.engine import open_engine
from anatili.evaluate import baselines, text_sets
from anatili.evaluate.behavior import contamination_rows, memorization_row, training_texts
from anatili.evaluate.likelihood import Likelihood
from anatili.evaluate.measure import NothingToMeasure, Setup, measure
from anatili.evaluate.task_file import EvaluationTask, load_task
from anatili.gguf.base_model import open_base
from anatili.plot import can_draw, finish, start
from anatili.recipe import Evaluate
from anatili.stage import Task

BITS = "bits-per-byte"
"""The task whose rows are beside the baselines."""
METRIC = "bits per UTF-8 byte (lower is better); 95 % interval by resampling texts"


def run(task: Task) -> dict[str, Any]:
    """Score `pretrain` and `tune` beside their base and the baselines; `scores.json` has all, `scores.png` shows it."""
    settings: Evaluate = task.settings
    sets = [
        *text_sets.held_out(task.inputs["cut"], task.recipe.languages, settings.max_bytes),
        *text_sets.from_files(settings, task.base),
    ]
    tasks = [load_task(name, task.base) for name in settings.tasks]
    scored = scored_models(task)
    task.progress.start(2 * len(sets) + len(tasks) * len(scored), "scores")
    training = training_text(task.inputs["cut"])
    rows: list[dict[str, Any]] = []
    for text_set in sets:
        rows += baseline_rows(text_set, training.get(text_set.language, []), settings)
        task.progress.advance(2)
    measures = [row | {"who": "corpus"} for row in contamination_rows(sets, task.inputs["cut"])]
    setup = Setup(task.recipe.languages, sets, settings.resamples, settings.seed)
    for who, folder in scored:
        model = Likelihood(open_engine(folder))
        for evaluation_task in tasks:
            task.progress.advance(0, f"{who}: {evaluation_task.name}")
            results = list(rows_of(evaluation_task, model, setup, answers=who == "tune"))
            rows += [bits_row(who, row) for row in results if row["task"] == BITS]
            measures += [row | {"who": who} for row in results if row["task"] != BITS]
            task.progress.advance()
        main = task.recipe.language
        remembered = training_texts(task.inputs["cut"], main, settings.memory_texts)
        measures.append(memorization_row(model, remembered, main) | {"who": who})
        task.progress.advance(0, f"{who} scored")
    rows.sort(key=lambda row: (row["language"], row["texts"], row["who"]))
    scores = {"metric": METRIC, "chance": baselines.CHANCE, "scores": rows, "measures": measures}
    write_json(task.out / "scores.json", scores)
    draw(task.out / "scores.png", rows)
    brief: dict[str, dict[str, Any]] = {f"{row['language']} {row['texts']}": {} for row in rows}
    for row in rows:
        brief[f"{row['language']} {row['texts']}"][row["who"]] = row["bits_per_byte"]
    return {"metric": METRIC, "scores": brief}


def scored_models(task: Task) -> list[tuple[str, Path]]:
    """The models that are scored: the base if there is one, before tuning if that changed anything, after it."""
    base = task.recipe.tokenizer.base
    first = [("base", open_base(base, task.base))] if base else []
    before, after = (task.inputs[stage] / "model" for stage in ("pretrain", "tune"))
    pretrained = [] if have_equal_weights(before, after) else [("pretrain", before)]
    return [*first, *pretrained, ("tune", after)]


def have_equal_weights(one: Path, other: Path) -> bool:
    """Whether two models have the same weight files, as after a tuning of 0 epochs."""
    ours, theirs = ({path.name: path for path in folder.glob("*.safetensors")} for folder in (one, other))
    return (
        bool(ours)
        and ours.keys() == theirs.keys()
        and all(filecmp.cmp(ours[name], theirs[name], shallow=False) for name in ours)
    )


def rows_of(
    evaluation_task: EvaluationTask, model: Likelihood, setup: Setup, *, answers: bool
) -> Iterator[dict[str, Any]]:
    """What a model gets in a task; nothing where it would have to answer and was not taught to (`answers`)."""
    if evaluation_task.kind in ("generate", "translation") and not answers:
        return
    try:
        yield from measure(evaluation_task, model, setup)
    except NothingToMeasure:
        return


def bits_row(who: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row of the task `BITS` as the report has it beside the baselines."""
    return {
        "who": who,
        "language": row["language"],
        "texts": row["texts"],
        "bits_per_byte": row["value"],
        "interval": row["interval"],
        "count": row["count"],
        "bytes": row["bytes"],
    }


def training_text(folder: Path) -> dict[str, list[str]]:
    """The first texts of the corpus by language, for the baselines."""
    by_language: dict[str, list[str]] = {}
    for shard in sorted(folder.glob("part-*.parquet")):
        for document in read_shard(shard, Kept):
            by_language.setdefault(document.language, []).append(document.text)
    return {
        language: list(text_sets.first_bytes(some, baselines.TRAINING_BYTES)) for language, some in by_language.items()
    }


def baseline_rows(text_set: text_sets.TextSet, training: list[str], settings: Evaluate) -> Iterator[dict[str, Any]]:
    ngrams = baselines.ByteNgrams(training)
    bits = np.array([ngrams.bits(text) for text in text_set.texts])
    yield score_row(f"byte {baselines.ORDER + 1}-grams", text_set, bits, settings)
    packed = baselines.xz_bits("\n".join(training).encode(), text_set.texts) / text_set.bytes
    yield {
        "who": "xz",
        "language": text_set.language,
        "texts": text_set.name,
        "bits_per_byte": round(packed, 4),
        "interval": None,
        "count": len(text_set.texts),
        "bytes": text_set.bytes,
    }


def score_row(
    who: str, text_set: text_sets.TextSet, bits: npt.NDArray[np.float64], settings: Evaluate
) -> dict[str, Any]:
    """One row of the report. `bits` of each text, shape (texts,)."""
    sizes = np.array([len(text.encode()) for text in text_set.texts])
    return {
        "who": who,
        "language": text_set.language,
        "texts": text_set.name,
        "bits_per_byte": round(float(bits.sum() / sizes.sum()), 4),
        "interval": interval(bits, sizes, settings.resamples, settings.seed),
        "count": len(sizes),
        "bytes": int(sizes.sum()),
    }


def draw(path: Path, rows: list[dict[str, Any]]) -> None:
    """Bars of bits per byte by language and model, with intervals, if matplotlib is there."""
    if not can_draw():
        return
    groups = list(dict.fromkeys(f"{row['language']} {row['texts']}" for row in rows))
    names = sorted({row["who"] for row in rows})
    width = 0.8 / len(names)
    plot, figure = start(path, (max(6, 1.6 * len(groups) + 2), 4.5))
    axes = figure.subplots()
    for number, name in enumerate(names):
        own = [row for row in rows if row["who"] == name]
        at = [groups.index(f"{row['language']} {row['texts']}") + number * width for row in own]
        values = [row["bits_per_byte"] for row in own]
        ends = [row["interval"] or [row["bits_per_byte"]] * 2 for row in own]
        errors = [
            [v - low for v, (low, _) in zip(values, ends, strict=True)],
            [high - v for v, (_, high) in zip(values, ends, strict=True)],
        ]
        axes.bar(at, values, width, label=name, yerr=errors, capsize=2)
    axes.set_xticks([i + 0.4 - width / 2 for i in range(len(groups))], groups)
    axes.set(ylabel="bits per byte, lower is better", title="Held-out text; chance is 8 bits per byte")
    axes.legend(fontsize=8)
    finish(plot, figure, path)
