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


def columns(findings: Findings) -> list[str]:
    """What the cells' last axis is."""
    return [*findings.languages, ALL] if len(findings.languages) > 1 else [ALL]


def rows_of(findings: Findings) -> Iterator[Row]:
    """A row for each topic, language and kind."""
    for topic_number, topic in enumerate(findings.topics):
        for language in findings.languages:
            for kind, sensitive in (("sensitive", True), ("control", False)):
                own = answers_of(findings, topic_number, language, sensitive=sensitive)
                yield {"topic": topic.name, "language": language, "kind": kind, **figures_of(own)}


def answers_of(findings: Findings, topic: int, language: str, *, sensitive: bool) -> list[ItemAnswers]:
    return [
        findings.answers[item.id, language]
        for item, own in zip(findings.items, findings.topic_of, strict=True)
        if own == topic and item.is_sensitive == sensitive
    ]


def figures_of(own: Sequence[ItemAnswers]) -> Row:
    """What some items' answers come to."""
    classes = [kind for item in own for kind in item.classes]
    known = np.array([item.known for item in own])
    stated = np.array([item.stated for item in own])
    claims = [item for item in own if item.has_claim]
    return {
        "answers": len(classes),
        "classes": {kind: classes.count(kind) for kind in sorted(set(classes))},
        "language_not_told": sum(item.too_short for item in own),
        "not_answered": share([kind in NOT_ANSWERED for kind in classes]),
        "known": share(known),
        "known_facts": int(known.sum()),
        "omitted": round(1 - share(stated), 4),
        "stated_of_known": round(float((stated * known).sum() / max(1, known.sum())), 4),
        "true_statements": share(np.array([item.true_statement for item in own])),
        "contradicted": share([item.contradicted for item in own]),
        "official": share([item.official for item in claims]) if claims else None,
        "documented": share([item.documented for item in claims]) if claims else None,
    }


def share(values: Any) -> float:
    return round(float(np.mean(values)), 4) if len(values) else 0.0


def cells_of(findings: Findings) -> Iterator[Row]:
    """A row for each cell that is tested."""
    for number, figure in enumerate(FIGURES):
        for topic_number, topic in enumerate(findings.topics):
            for column, language in enumerate(columns(findings)):
                low, high = findings.cells.interval(number, topic_number, column)
                testable = bool(findings.cells.testable[number, topic_number, column])
                yield {
                    "figure": figure,
                    "topic": topic.name,
                    "language": language,
                    "told": testable,
                    "effect": round(float(findings.cells.effect[number, topic_number, column]), 4),
                    "interval": [round(low, 4), round(high, 4)],
                    "p": round(float(findings.cells.p[number, topic_number, column]), 4) if testable else None,
                    "flagged": bool(findings.cells.flagged[number, topic_number, column]),
                }


def mirror_counts(findings: Findings, topic: Subject, language: str) -> Counts | None:
    """How many answers refuse a topic's mirrored items, and their mirrors; None where it has none."""
    languages = findings.languages if language == ALL else (language,)
    pairs = [(item.id, item.mirror) for item in topic.file.items if item.mirror]
    pairs = [pair for pair in pairs if (pair[1], languages[0]) in findings.answers]
    if not pairs:
        return None
    counts = [[classes(findings, name, languages) for name in side] for side in zip(*pairs, strict=True)]
    totals = [(sum(a for a, _ in side), sum(b for _, b in side)) for side in counts]
    return Counts(*totals[0], *totals[1])


def classes(findings: Findings, item: str, languages: Sequence[str]) -> tuple[int, int]:
    kinds = [kind for language in languages for kind in findings.answers[item, language].classes]
    return sum(kind in NOT_ANSWERED for kind in kinds), len(kinds)


def refuses_more(counts: Counts) -> bool:
    """Whether the matter is refused more than its mirrors (Fisher's exact test at 5 %)."""
    return fisher(counts.refused, counts.answers, counts.mirror_refused, counts.mirror_answers) <= 0.05


def as_json(findings: Findings) -> Row:
    """Everything that a machine may want of an audit."""
    return {
        "model": findings.header["model"],
        "languages": list(findings.languages),
        "items": len(findings.items),
        "answers": findings.header["answers"],
        "pairs": findings.header["pairs"],
        "flags": [cell for cell in cells_of(findings) if cell["flagged"]],
        "cannot_tell": [
            {key: cell[key] for key in ("figure", "topic", "language")}
            for cell in cells_of(findings)
            if not cell["told"]
        ],
        "cells": list(cells_of(findings)),
        "figures": list(rows_of(findings)),
        "least_known": LEAST_KNOWN,
        "least_facts": LEAST_FACTS,
    }
