"""Lesson 5, is it any good: results of three made-up models, one of which has seen a part of the questions."""

import csv
import json
import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from anatili.atomic_files import whole_file
from anatili.evaluate import compare
from anatili.learn.draw import Draw
from anatili.learn.lesson import Lesson
from anatili.learn.submission import CheckFailed, Exercises, Submission, Writer, is_near

ITEMS, SEEN, CHOICES = 240, 90, 4
"""Questions of the test, those that the contaminated model has seen, and choices of a question."""
HONEST, CONTAMINATED, GUESSING = "arna", "bota", "sholpan"
SAMPLES, UNSEEN, REPORT = "samples_questions.jsonl", "unseen", "report.csv"
ALL, REST = "compared.json", "unseen.json"
LINES = ("items", "arna_percent", "arna_low_percent", "bota_minus_arna_points", "sholpan_percent")
"""What the lines of the report are about."""


def right_items(draw: Draw, model: str) -> frozenset[int]:
    """The questions that a model answers rightly; those below `SEEN` are the seen ones."""
    seen, unseen = {
        HONEST: (draw.number("honest seen", 50, 54), draw.number("honest", 84, 90)),
        CONTAMINATED: (draw.number("contaminated seen", 88, 90), draw.number("contaminated", 58, 66)),
        GUESSING: draw.choose(
            "guessing", [(22, 37 + draw.number("few", -6, 6)), (34, 54 + draw.number("many", -4, 6))]
        ),
    }[model]
    parts = (range(SEEN), seen), (range(SEEN, ITEMS), unseen)
    return frozenset(item for part, count in parts for item in draw.shuffle(model, part, str)[:count])


def sample(draw: Draw, model: str, item: int, is_right: bool) -> dict[str, Any]:
    """A question's result as lm-eval writes it."""
    target = draw.number(f"target {item}", 0, CHOICES - 1)
    chosen = target if is_right else (target + draw.number(f"{model} {item}", 1, CHOICES - 1)) % CHOICES
    values = [[str(-1.0 if choice == chosen else -3.0 - choice / 10), "False"] for choice in range(CHOICES)]
    return {
        "doc_id": item,
        "doc": {"id": f"q{item:03}"},
        "target": target,
        "filtered_resps": values,
        "acc": float(is_right),
    }


def write_samples(draw: Draw, path: Path, model: str, items: Sequence[int]) -> None:
    right = right_items(draw, model)
    with whole_file(path) as temporary:
        rows = (json.dumps(sample(draw, model, item, item in right)) for item in items)
        temporary.write_text("\n".join(rows) + "\n", "utf-8")


def write_all(lesson: Lesson, draw: Draw, path: Path) -> None:
    write_samples(draw, path, path.parent.name, range(ITEMS))


def write_unseen(lesson: Lesson, draw: Draw, path: Path) -> None:
    write_samples(draw, path, path.parent.name, range(SEEN, ITEMS))


def dishonest(draw: Draw) -> tuple[int, float]:
    """The line of the report that is not true, and by how much."""
    return draw.number("line", 2, len(LINES)), draw.number("more", 30, 60) / 10


def write_report(lesson: Lesson, draw: Draw, path: Path) -> None:
    """A report with five figures, one of which flatters."""
    figures = [ITEMS, *(truth(lesson, draw)[name] for name in LINES[1:])]
    line, more = dishonest(draw)
    figures[line - 1] = round(figures[line - 1] + more, 2)
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("line", "what", "figure"))
        writer.writerows((number, name, figures[number - 1]) for number, name in enumerate(LINES, 1))


def compared(draw: Draw, models: Sequence[str], items: Sequence[int]) -> dict[str, Any]:
    """The comparison of models, as `anatili compare` makes it."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            write_samples(draw, Path(folder) / model / SAMPLES, model, items)
            results += compare.read_folder(Path(folder) / model, model)
    return compare.compare(results)[0]


def points(value: float) -> float:
    return round(100 * value, 2)


@lru_cache(64)
def truth(lesson: Lesson, draw: Draw) -> Mapping[str, Any]:
    """The comparisons of all questions and of the unseen ones."""
    whole = compared(draw, (HONEST, CONTAMINATED, GUESSING), range(ITEMS))
    rest = compared(draw, (HONEST, CONTAMINATED), range(SEEN, ITEMS))
    models = {row["model"]: row for row in whole["models"]}
    honest, guessing = models[HONEST], models[GUESSING]
    line, _ = dishonest(draw)
    figures = {
        "items": ITEMS,
        "seen": SEEN,
        "chance_percent": 100 / CHOICES,
        "arna_percent": points(honest["value"]),
        "arna_low_percent": points(honest["interval"][0]),
        "bota_percent": points(models[CONTAMINATED]["value"]),
        "bota_minus_arna_points": points(whole["pairs"][0]["difference"]),
        "sholpan_percent": points(guessing["value"]),
        "sholpan_low_percent": points(guessing["interval"][0]),
        "difference_all": points(whole["pairs"][0]["difference"]),
        "difference_unseen": points(rest["pairs"][0]["difference"]),
        "p_unseen": rest["pairs"][0]["p"],
        "line": line,
    }
    return MappingProxyType(
        figures
        | {
            "above_chance": int(figures["sholpan_low_percent"] > figures["chance_percent"]),
            "right_figure": figures[LINES[line - 1]],
        }
    )


def table(submission: Submission, name: str, models: Sequence[str], count: int) -> dict[str, Any]:
    """The comparison in a file that `anatili compare --json` wrote."""
    rows = submission.json(name).get("tasks")
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict) or "models" not in rows[0]:
        raise CheckFailed("other_command", file=name)
    row: dict[str, Any] = rows[0]
    if [model.get("model") for model in row["models"]] != list(models):
        raise CheckFailed("other_models", file=name, models=" ".join(models))
    if row.get("count") != count:
        raise CheckFailed("other_items", file=name, value=row.get("count"), right=count)
    return row


def check_chance(submission: Submission) -> None:
    """Exercise 1: a figure with its interval, beside chance."""
    row = table(submission, ALL, (HONEST, CONTAMINATED, GUESSING), ITEMS)
    if points(row["models"][2]["value"]) != submission.truth["sholpan_percent"]:
        raise CheckFailed("other_draw_file", file=ALL)
    share, low = submission.truth["sholpan_percent"], submission.truth["sholpan_low_percent"]
    submission.expect("sholpan_percent", share, 0.005, {"fraction": share / 100})
    submission.expect("sholpan_low_percent", low, 0.01, {"fraction": low / 100, "middle": share})
    submission.expect("above_chance", submission.truth["above_chance"])


def check_difference(submission: Submission) -> None:
    """Exercise 2: two models on all questions, and on those that neither has seen."""
    row = table(submission, REST, (HONEST, CONTAMINATED), ITEMS - SEEN)
    if points(row["pairs"][0]["difference"]) != submission.truth["difference_unseen"]:
        raise CheckFailed("other_draw_file", file=REST)
    whole, rest = submission.truth["difference_all"], submission.truth["difference_unseen"]
    submission.expect("difference_all", whole, 0.01, {"other_way_round": -whole, "fraction": whole / 100})
    submission.expect(
        "difference_unseen", rest, 0.01, {"other_way_round": -rest, "fraction": rest / 100, "of_all": whole}
    )
    given, p = submission.number("p_unseen"), submission.truth["p_unseen"]
    if not is_near(given, p, 0.05) and abs(given - p) > 0.0005:
        submission.expect("p_unseen", p, 0.05)


def check_report(submission: Submission) -> None:
    """Exercise 3: the figure of the report that the results do not give."""
    line, more = dishonest(submission.draw)
    submission.expect("line", line)
    right = submission.truth["right_figure"]
    submission.expect("right_figure", right, 0.01, {"as_reported": round(right + more, 2), "fraction": right / 100})


def drawn(lesson: Lesson, draw: Draw) -> Mapping[str, Any]:
    return {}


def materials(lesson: Lesson) -> Mapping[str, Writer]:
    return {
        **{f"{model}/{SAMPLES}": write_all for model in (HONEST, CONTAMINATED, GUESSING)},
        **{f"{UNSEEN}/{model}/{SAMPLES}": write_unseen for model in (HONEST, CONTAMINATED)},
        REPORT: write_report,
    }


EXERCISES = Exercises(
    materials=materials, drawn=drawn, truth=truth, checks=(check_chance, check_difference, check_report)
)
