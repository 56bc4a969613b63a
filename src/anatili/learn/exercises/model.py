"""Lesson 4, a model of one's own: a small model is trained on drawn texts, and a recipe is sick in one setting."""

import json
from collections.abc import Mapping
from functools import lru_cache
from math import exp, log, log2, log10
from pathlib import Path
from types import MappingProxyType
from typing import Any

from anatili.atomic_files import whole_file
from anatili.learn.draw import Draw
from anatili.learn.lesson import Lesson
from anatili.learn.submission import CheckFailed, Exercises, Submission, is_near
from anatili.problem import Problem
from anatili.recipe import Pretrain
from anatili.run import Run
from anatili.sample.topics import read_topics

TEXTS, RECIPE, SICK = "texts.txt", "recipe.toml", "sick.toml"
MINE, OTHER = "mine", "sick"
TOPICS = 60
"""Topics whose texts are learned from."""
CONTEXT, BATCH = 64, 8
RATE = 12e-3
FIRST = 0.05
"""Share by which the loss of the first step may differ from what knowing nothing costs."""
WELL = 1.08
"""A repaired model may have this many times the loss of the healthy one."""
TOML = """\
name = "{name}"
language = "{language}"

[[collect.sources]]
name = "texts"
path = "texts.txt"
kind = "text"
language = "{language}"
license = "CC0-1.0"

[cut]
min_words = 5
held_out = 0.1

[tokenizer]
vocabulary = {vocabulary}

[pretrain]
precision = "float32"
layers = 2
hidden_size = 64
heads = 2
intermediate_size = 128
max_epochs = 64
{settings}
"""


def write_texts(lesson: Lesson, draw: Draw, path: Path) -> None:
    """The paragraphs of drawn topics in the lesson's language, a paragraph a block."""
    topics = draw.shuffle("topics", read_topics(), lambda topic: topic.slug)[:TOPICS]
    with whole_file(path) as temporary:
        temporary.write_text("\n\n".join(topic.pages[lesson.file.language].text for topic in topics) + "\n", "utf-8")


def healthy(draw: Draw) -> dict[str, float]:
    """The settings of a training that goes well; the number of steps is drawn."""
    steps = draw.number("steps", 56, 72, 4)
    return {
        "context": CONTEXT,
        "batch": BATCH,
        "tokens": steps * BATCH * CONTEXT,
        "learning_rate": RATE,
        "warmup": 0.05,
    }


def sick(draw: Draw) -> tuple[str, dict[str, float]]:
    """The settings of the sick recipe, and the one that is to blame."""
    settings = healthy(draw)
    wrong = {
        "learning_rate": draw.number("rate", 2, 9) / 1e6,
        "batch": BATCH * draw.choose("batch", (16, 20)),
        "warmup": 0.0,
    }
    guilty = draw.choose("guilty", ("learning_rate", "batch"))
    harmless = {"warmup": draw.number("warmup", 6, 12) / 100, "weight_decay": draw.number("decay", 6, 14) / 100}
    return guilty, settings | harmless | {guilty: wrong[guilty]}


def write_recipe(lesson: Lesson, draw: Draw, path: Path, name: str, settings: Mapping[str, float]) -> None:
    lines = "\n".join(f"{key} = {value}" for key, value in settings.items())
    with whole_file(path) as temporary:
        temporary.write_text(
            TOML.format(name=name, language=lesson.file.language, vocabulary=vocabulary(draw), settings=lines), "utf-8"
        )


def write_healthy(lesson: Lesson, draw: Draw, path: Path) -> None:
    write_recipe(lesson, draw, path, MINE, healthy(draw))


def write_sick(lesson: Lesson, draw: Draw, path: Path) -> None:
    write_recipe(lesson, draw, path, OTHER, sick(draw)[1])


def vocabulary(draw: Draw) -> int:
    return draw.number("vocabulary", 600, 900, 20)


def drawn(lesson: Lesson, draw: Draw) -> Mapping[str, Any]:
    return {"vocabulary": vocabulary(draw)}


@lru_cache(64)
def truth(lesson: Lesson, draw: Draw) -> Mapping[str, Any]:
    """What can be known before any training."""
    settings, size = healthy(draw), vocabulary(draw)
    guilty, other = sick(draw)
    return MappingProxyType(
        {
            "vocabulary": size,
            "first_loss": round(log(size), 2),
            "tokens": int(settings["tokens"]),
            "steps": int(settings["tokens"]) // (BATCH * CONTEXT),
            "batch": BATCH,
            "context": CONTEXT,
            "guilty": guilty,
            "guilty_value": other[guilty],
        }
    )


def measured(lesson: Lesson, draw: Draw, folder: Path) -> Mapping[str, Any]:
    """What the learner's own trainings came to, as far as they are done."""
    figures: dict[str, Any] = {}
    for name, key in ((MINE, "last_loss"), (OTHER, "repaired_loss")):
        try:
            record = Run(folder / "runs" / name).record("pretrain")
        except Problem:
            continue
        if record and record.summary.get("last_loss"):
            guilty, original = sick(draw)
            is_sick = name == OTHER and record.identity["settings"].get(guilty) == original[guilty]
            figures["sick_loss" if is_sick else key] = record.summary["last_loss"]
    if "last_loss" in figures:
        figures["choices"] = round(exp(figures["last_loss"]), 1)
    return figures


def trained(submission: Submission, name: str, recipe: str) -> tuple[dict[str, Any], Pretrain, list[float]]:
    """The summary, the settings and the losses of a training of the learner's own texts."""
    folder = submission.folder / "runs" / name
    try:
        record = Run(folder).record("pretrain") if folder.is_dir() else None
        source = Run(folder).record("collect") if record else None
        if record is None or source is None:
            raise CheckFailed("not_trained", run=name, recipe=recipe)
        own = {key: record.identity["settings"][key] for key in Pretrain.model_fields}
        settings = Pretrain.model_validate(own, strict=False)
        rows = [json.loads(line) for line in (folder / "pretrain" / "log.jsonl").read_text("utf-8").splitlines()]
        losses = [float(row["loss"]) for row in rows if "loss" in row]
        size = Run(folder).record("tokenizer").summary["vocabulary"]  # type: ignore[union-attr]
    except (Problem, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckFailed("damaged_run", run=name) from error
    if size != vocabulary(submission.draw) or not losses:
        raise CheckFailed("other_draw_file", file=f"runs/{name}")
    return dict(record.summary), settings, losses


def check_prediction(submission: Submission) -> None:
    """Exercise 1: what the first step costs and how many steps there are, said before, and borne out by the run."""
    size, steps = vocabulary(submission.draw), submission.truth["steps"]
    submission.expect(
        "first_loss", log(size), 0.01, {"in_bits": log2(size), "decimal_log": log10(size), "no_log": size}
    )
    submission.expect(
        "steps",
        steps,
        0,
        {
            "tokens_not_steps": submission.truth["tokens"],
            "sequences": steps * BATCH,
            "without_context": submission.truth["tokens"] / BATCH,
        },
    )
    _, _, losses = trained(submission, MINE, RECIPE)
    if not is_near(losses[0], log(size), FIRST) or len(losses) != steps:
        raise CheckFailed("not_from_scratch", run=MINE, value=round(losses[0], 2), steps=len(losses))


def check_reading(submission: Submission) -> None:
    """Exercise 2: what the training came to, and what it means."""
    summary, _, losses = trained(submission, MINE, RECIPE)
    last = summary["last_loss"]
    submission.expect("last_loss", last, 0.01, {"first_not_last": round(losses[0], 2)})
    submission.expect(
        "choices",
        exp(last),
        0.03,
        {"loss_not_choices": last, "power_of_two": 2**last, "vocabulary_not_choices": vocabulary(submission.draw)},
    )


def check_repair(submission: Submission) -> None:
    """Exercise 3: the one setting that made the model sick is changed, and the model is well."""
    guilty, original = sick(submission.draw)
    given = submission.text("guilty").rpartition(".")[2]
    if given != guilty:
        raise CheckFailed("innocent" if given in original else "unknown_key", value=given)
    healthy_loss = trained(submission, MINE, RECIPE)[0]["last_loss"]
    summary, settings, _ = trained(submission, OTHER, SICK)
    changed = [key for key, value in original.items() if not is_near(getattr(settings, key), value, 1e-9)]
    if not changed:
        raise CheckFailed("not_repaired", file=SICK)
    if changed != [guilty]:
        raise CheckFailed("too_many_changes", keys=", ".join(changed))
    if summary["last_loss"] > WELL * healthy_loss:
        raise CheckFailed("still_sick", value=round(summary["last_loss"], 2), right=round(healthy_loss, 2))
    submission.expect("repaired_loss", summary["last_loss"], 0.01, {"healthy_not_repaired": healthy_loss})


EXERCISES = Exercises(
    materials=lambda lesson: {TEXTS: write_texts, RECIPE: write_healthy, SICK: write_sick},
    drawn=drawn,
    truth=truth,
    checks=(check_prediction, check_reading, check_repair),
    editable=(RECIPE, SICK),
    measured=measured,
)
