"""Lesson 7, who controls the narrative: the answers of two made-up models, one of them with a censor."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from anatili.atomic_files import whole_file
from anatili.audit.ask import TRANSCRIPTS, Auditing, Settings, line_of
from anatili.audit.figures import FIGURES, Findings, findings
from anatili.audit.items import Subject, draw_pairs
from anatili.audit.lint import load_topics
from anatili.audit.simulated import Behavior, CensoredEngine, SimulatedModel
from anatili.audit.summary import ALL, as_json, rows_of
from anatili.engine import Engine
from anatili.learn.draw import Draw
from anatili.learn.lesson import Lesson
from anatili.learn.submission import CheckFailed, Exercises, Submission, Writer, is_near

MODELS = ("qyran", "sunqar")
PAIRS, ANSWERS = 6, 2
"""Pairs of each topic, and answers to a question beside the most probable one."""
REFUSES, OMITS = "refuses", "omits"
WAYS = {REFUSES: "R", OMITS: "H"}
"""What a censor does -> the figure that shows it."""
STRENGTH = {REFUSES: 0.65, OMITS: 0.9}
"""Share of the answers that are refused, or of the facts that are left out."""
BEHAVIOR = Behavior(known_rate=0.8, item_spread=0.6, language_spread=0.4, stated_rate=0.85)
LESS = 0.1
"""How much less both models know in the first language, as real ones do: that is not censorship."""
TRIES = 12
ROUNDED = 0.6
"""Percentage points by which a rounded answer may differ."""
ALONE = 0.05
"""Chance that a cell of an honest model stands out if it is tested alone."""


@lru_cache(1)
def topics() -> tuple[Subject, ...]:
    """The bundled topics with drawn pairs; those with too few pairs for a censor to be found are there, too."""
    return tuple(draw_pairs(load_topics(), PAIRS))


def languages(lesson: Lesson) -> tuple[str, ...]:
    return (lesson.file.language, *lesson.file.beside)


def planted(lesson: Lesson, draw: Draw) -> tuple[str, Subject, str, str]:
    """The censored model, its topic and language, and what the censor does."""
    whole = [topic for topic in topics() if len(topic.pairs) == PAIRS]
    return (
        draw.choose("model", MODELS),
        draw.choose("topic", whole),
        draw.choose("language", languages(lesson)),
        draw.choose("way", sorted(WAYS)),
    )


def engine_of(lesson: Lesson, draw: Draw, name: str) -> Engine:
    """A made-up model, behind the censor if it is the one that has it."""
    behavior = replace(BEHAVIOR, knowledge_gap=LESS)
    model = SimulatedModel(topics(), languages(lesson), behavior, draw.number(f"seed {name}", 0, 2**31 - 1))
    model.name = name
    censored, topic, language, way = planted(lesson, draw)
    if name != censored:
        return model
    refuse, omit = (STRENGTH[kind] if way == kind else 0.0 for kind in (REFUSES, OMITS))
    seed = draw.number("censor", 0, 2**31 - 1)
    return cast(Engine, CensoredEngine(model, topic, language, refusal_rate=refuse, omission_rate=omit, seed=seed))


@lru_cache(16)
def transcripts(lesson: Lesson, draw: Draw, name: str) -> tuple[Mapping[str, Any], tuple[Mapping[str, Any], ...]]:
    """What the model was asked and said, as `anatili audit` keeps it."""
    settings = Settings(languages(lesson), ANSWERS, pairs=PAIRS)
    auditing = Auditing(engine_of(lesson, draw, name), topics(), settings)
    return MappingProxyType(auditing.header()), tuple(call() for call in auditing.calls())


def write_transcripts(lesson: Lesson, draw: Draw, path: Path) -> None:
    header, rows = transcripts(lesson, clear(lesson, draw), path.parent.name)
    with whole_file(path) as temporary:
        temporary.write_text("".join(map(line_of, (dict(header), *map(dict, rows)))), "utf-8", newline="\n")


@lru_cache(16)
def found(lesson: Lesson, draw: Draw, name: str) -> Findings:
    header, rows = transcripts(lesson, draw, name)
    return findings(dict(header), [dict(row) for row in rows], topics())


def stands_out(lesson: Lesson, draw: Draw) -> bool:
    """Whether the reports flag the censor where it is, and no other topic and language of either model."""
    model, topic, language, way = planted(lesson, draw)
    flags = {
        (name, figure, one.name, column)
        for name in MODELS
        for figure, one, column in found(lesson, draw, name).flags()
        if (name, one.name, column) != (model, topic.name, ALL)
    }
    return flags == {(model, WAYS[way], topic.name, language)}


@lru_cache(64)
def clear(lesson: Lesson, draw: Draw) -> Draw:
    """The draw of a learner's two models: the first one in which the method works, so that the exercise is fair.

    How often it works on draws that are not chosen is measured by `bench/learn_censor.py`, and the lesson says it.
    """
    tries = [Draw(f"{draw.seed} {number}") for number in range(TRIES)]
    return next((own for own in tries if stands_out(lesson, own)), tries[-1])


def drawn(lesson: Lesson, draw: Draw) -> Mapping[str, Any]:
    """A cell to begin with: one in which some questions of both kinds are not answered, not the censor's."""
    own = clear(lesson, draw)
    model, topic, language, _ = planted(lesson, own)
    cells = list[tuple[str, str, str]]()
    for name in MODELS:
        shares = {
            (row["topic"], row["language"], row["kind"]): row["not_answered"]
            for row in rows_of(found(lesson, own, name))
        }
        cells += [
            (name, one.name, code)
            for one in topics()
            for code in languages(lesson)
            if 0 < shares[one.name, code, "control"] != shares[one.name, code, "sensitive"] > 0
        ]
    others = [cell for cell in cells if cell != (model, topic.name, language)]
    chosen = draw.shuffle("first", others or [(model, topic.name, language)], "".join)[0]
    return dict(zip(("model", "topic", "language"), chosen, strict=True))


def row_of(result: Mapping[str, Any], topic: str, language: str, kind: str) -> dict[str, Any]:
    """The row of a topic, language and kind of question in a report's findings."""
    wanted = {"topic": topic, "language": language, "kind": kind}
    row: dict[str, Any] = next(one for one in result["figures"] if wanted.items() <= one.items())
    return row


def cell_of(result: Mapping[str, Any], topic: str, language: str, figure: str) -> dict[str, Any]:
    wanted = {"topic": topic, "language": language, "figure": figure}
    cell: dict[str, Any] = next(one for one in result["cells"] if wanted.items() <= one.items())
    return cell


def tested_cells(result: Mapping[str, Any]) -> int:
    """Cells of an audit that can be told."""
    return sum(bool(cell["told"]) for cell in result["cells"])


def by_chance(cells: int) -> float:
    """Chance in per cent that an honest model stands out somewhere, if every cell is tested alone."""
    return 100 * (1 - (1 - ALONE) ** cells)


@lru_cache(64)
def truth(lesson: Lesson, draw: Draw) -> Mapping[str, Any]:
    """The audits of both models, by the functions behind `anatili audit`."""
    own = clear(lesson, draw)
    results = {name: as_json(found(lesson, own, name)) for name in MODELS}
    model, topic, language, way = planted(lesson, own)
    first = drawn(lesson, draw)
    shares = [
        round(100 * row_of(results[first["model"]], first["topic"], first["language"], kind)["not_answered"], 1)
        for kind in ("sensitive", "control")
    ]
    cell = cell_of(results[model], topic.name, language, WAYS[way])
    return MappingProxyType(
        {
            "sensitive_percent": shares[0],
            "control_percent": shares[1],
            "model": model,
            "topic": topic.name,
            "language": language,
            "way": way,
            "p": cell["p"],
            "effect_points": round(100 * cell["effect"], 1),
            "cells": tested_cells(results[model]),
            "by_chance_percent": round(by_chance(tested_cells(results[model])), 1),
            "pairs": PAIRS,
            "topics": len(topics()),
            "languages": len(languages(lesson)),
            "honest": next(name for name in MODELS if name != model),
            "first_model": first["model"],
            "first_topic": first["topic"],
            "first_language": first["language"],
        }
    )


def report(submission: Submission, name: str) -> dict[str, Any]:
    """The findings that `anatili audit NAME --report` wrote from the learner's own transcripts."""
    file = f"audits/{name}/findings.json"
    result: dict[str, Any] = submission.json(file)
    right = as_json(found(submission.lesson, clear(submission.lesson, submission.draw), name))
    if not isinstance(result.get("figures"), list) or not isinstance(result.get("cells"), list):
        raise CheckFailed("other_command", file=file)
    if result.get("model") != name or result["cells"] != right["cells"]:
        raise CheckFailed("other_draw_file", file=file)
    return result


def check_control(submission: Submission) -> None:
    """Exercise 1: a share of refusals, and that of the controls beside it."""
    first = drawn(submission.lesson, submission.draw)
    result = report(submission, first["model"])
    own, control = (
        100 * row_of(result, first["topic"], first["language"], kind)["not_answered"]
        for kind in ("sensitive", "control")
    )
    if abs(submission.number("sensitive_percent") - own) > ROUNDED:
        submission.expect("sensitive_percent", own, 0.01, {"fraction": own / 100, "other_kind": control})
    if abs(submission.number("control_percent") - control) > ROUNDED:
        submission.expect("control_percent", control, 0.01, {"fraction": control / 100, "other_kind": own})


def check_censor(submission: Submission) -> None:
    """Exercise 2: the model, the topic, the language, and what the censor does."""
    for name in MODELS:
        report(submission, name)
    model, topic, language, way = planted(submission.lesson, clear(submission.lesson, submission.draw))
    given = {key: submission.text(key).casefold() for key in ("model", "topic", "language", "way")}
    if given["model"] not in MODELS:
        raise CheckFailed("unknown_model", value=given["model"], models=", ".join(MODELS))
    if given["model"] != model:
        raise CheckFailed("honest_model", value=given["model"])
    if given["topic"] not in {one.name for one in topics()}:
        raise CheckFailed("unknown_topic", value=given["topic"])
    if given["language"] == "all":
        raise CheckFailed("all_languages")
    if (given["topic"], given["language"]) != (topic.name, language):
        raise CheckFailed("other_cell", topic=given["topic"], value=given["language"])
    if given["way"] != way:
        raise CheckFailed("other_way", value=given["way"], ways=", ".join(WAYS))


def check_certainty(submission: Submission) -> None:
    """Exercise 3: how sure one can be, and what would happen without care for the many cells."""
    model, topic, language, way = planted(submission.lesson, clear(submission.lesson, submission.draw))
    result = report(submission, model)
    cell, cells = cell_of(result, topic.name, language, WAYS[way]), tested_cells(result)
    given = submission.number("p")
    if abs(given - cell["p"]) > 0.0006 and not is_near(given, cell["p"], 0.02):
        submission.expect("p", cell["p"], 0.01, {"percent_not_share": 100 * cell["p"], "effect_not_p": cell["effect"]})
    submission.expect(
        "cells", cells, 0, {"all_cells": len(result["cells"]), "one_figure": len(result["cells"]) / len(FIGURES)}
    )
    right = by_chance(cells)
    submission.expect(
        "by_chance_percent",
        right,
        0.01,
        {
            "fraction": right / 100,
            "one_cell": 100 * ALONE,
            "times_cells": 100 * ALONE * cells,
            "none_stands_out": 100 - right,
        },
    )


def materials(lesson: Lesson) -> Mapping[str, Writer]:
    return {f"audits/{name}/{TRANSCRIPTS}": write_transcripts for name in MODELS}


EXERCISES = Exercises(
    materials=materials, drawn=drawn, truth=truth, checks=(check_control, check_censor, check_certainty)
)
