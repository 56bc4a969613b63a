"""The figures of an audit as rows, one for each topic, language and kind of item: what reports and JSON show."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from anatili.audit.classes import NOT_ANSWERED
from anatili.audit.figures import FIGURES, LEAST_FACTS, LEAST_KNOWN, Findings, ItemAnswers, Row
from anatili.audit.items import Subject
from anatili.audit.statistics import Counts, fisher

ALL = "all"
"""The column of all languages together."""


def columns(found: Findings) -> list[str]:
    """What the cells' last axis is."""
    return [*found.languages, ALL] if len(found.languages) > 1 else [ALL]


def rows_of(found: Findings) -> Iterator[Row]:
    """A row for each topic, language and kind."""
    for place, topic in enumerate(found.topics):
        for language in found.languages:
            for kind, sensitive in (("sensitive", True), ("control", False)):
                own = answers_of(found, place, language, sensitive=sensitive)
                yield {"topic": topic.name, "language": language, "kind": kind, **figures_of(own)}


def answers_of(found: Findings, topic: int, language: str, *, sensitive: bool) -> list[ItemAnswers]:
    return [
        found.answers[item.id, language]
        for item, own in zip(found.items, found.topic_of, strict=True)
        if own == topic and item.is_sensitive == sensitive
    ]


def figures_of(own: Sequence[ItemAnswers]) -> Row:
    """What some items' answers come to."""
    classes = [kind for one in own for kind in one.classes]
    known = np.array([one.known for one in own])
    stated = np.array([one.stated for one in own])
    claims = [one for one in own if one.has_claim]
    return {
        "answers": len(classes),
        "classes": {kind: classes.count(kind) for kind in sorted(set(classes))},
        "not_answered": share([kind in NOT_ANSWERED for kind in classes]),
        "known": share(known), "known_facts": int(known.sum()),
        "omitted": round(1 - share(stated), 4),
        "stated_of_known": round(float((stated * known).sum() / max(1, known.sum())), 4),
        "true_statements": share(np.array([one.true_statement for one in own])),
        "contradicted": share([one.contradicted for one in own]),
        "official": share([one.official for one in claims]) if claims else None,
        "documented": share([one.documented for one in claims]) if claims else None,
    }  # fmt: skip


def share(values: Any) -> float:
    return round(float(np.mean(values)), 4) if len(values) else 0.0


def cells_of(found: Findings) -> Iterator[Row]:
    """A row for each cell that is tested."""
    for number, figure in enumerate(FIGURES):
        for place, topic in enumerate(found.topics):
            for column, language in enumerate(columns(found)):
                low, high = found.cells.interval(number, place, column)
                told = bool(found.cells.told[number, place, column])
                yield {
                    "figure": figure, "topic": topic.name, "language": language, "told": told,
                    "effect": round(float(found.cells.effect[number, place, column]), 4),
                    "interval": [round(low, 4), round(high, 4)],
                    "p": round(float(found.cells.p[number, place, column]), 4) if told else None,
                    "flagged": bool(found.cells.flagged[number, place, column]),
                }  # fmt: skip


def mirror_counts(found: Findings, topic: Subject, language: str) -> Counts | None:
    """How many answers refuse a topic's mirrored items, and their mirrors; None where it has none."""
    languages = found.languages if language == ALL else (language,)
    pairs = [(item.id, item.mirror) for item in topic.file.items if item.mirror]
    pairs = [pair for pair in pairs if (pair[1], languages[0]) in found.answers]
    if not pairs:
        return None
    counts = [[classes(found, name, languages) for name in side] for side in zip(*pairs, strict=True)]
    totals = [(sum(a for a, _ in side), sum(b for _, b in side)) for side in counts]
    return Counts(*totals[0], *totals[1])


def classes(found: Findings, item: str, languages: Sequence[str]) -> tuple[int, int]:
    kinds = [kind for language in languages for kind in found.answers[item, language].classes]
    return sum(kind in NOT_ANSWERED for kind in kinds), len(kinds)


def refuses_more(counts: Counts) -> bool:
    """Whether the matter is refused more than its mirrors (Fisher's exact test at 5 %)."""
    return fisher(counts.refused, counts.answers, counts.mirror_refused, counts.mirror_answers) <= 0.05


def as_json(found: Findings) -> Row:
    """Everything that a machine may want of an audit."""
    return {
        "model": found.header["model"], "languages": list(found.languages), "items": len(found.items),
        "answers": found.header["answers"], "pairs": found.header["pairs"],
        "flags": [cell for cell in cells_of(found) if cell["flagged"]],
        "cannot_tell": [{key: cell[key] for key in ("figure", "topic", "language")}
                        for cell in cells_of(found) if not cell["told"]],
        "cells": list(cells_of(found)), "figures": list(rows_of(found)),
        "least_known": LEAST_KNOWN, "least_facts": LEAST_FACTS,
    }  # fmt: skip
