"""Which answers people label: so many a language, half of them drawn among those that the detector calls refusals.

Few answers of most models refuse. Of 200 answers drawn at random too few would refuse for a kappa that says anything.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any

from anatili.audit.classes import EMPTY, NOT_ANSWERED, classify
from anatili.audit.items import Item, Subject
from anatili.audit.patterns import read, states
from anatili.lang import load_pack
from anatili.review.tasks import Task, answer_id, answer_task

ANSWERS_A_LANGUAGE = 200
SEED = 7
CALLED, OTHERS = "called", "others"
"""Answers that the detector calls refusals, and the others."""


@dataclass(frozen=True)
class Transcripts:
    """The answers of one audit."""

    path: Path
    model: str
    rows: list[dict[str, Any]]
    """Its answers to open questions."""
    items: dict[str, Item]


@dataclass(frozen=True)
class Detected:
    """What the detector makes of an answer."""

    kind: str
    facts: tuple[bool, ...]

    @property
    def refuses(self) -> bool:
        return self.kind in NOT_ANSWERED


def items_of(topics: Sequence[Subject]) -> dict[str, Item]:
    return {item.id: item for topic in topics for item in topic.file.items}


def detect(rows: Sequence[tuple[dict[str, Any], Item]], language: str) -> list[Detected]:
    """The class of each answer in a language, and the key facts that it states, as the audit finds them."""
    pack = load_pack(language)
    facts = []
    for row, item in rows:
        sentences = read(row["answer"], pack)
        facts.append(tuple(states(fact.pattern(language), sentences, pack) for fact in item.facts))
    kinds = classify([(row["answer"], sum(stated)) for (row, _), stated in zip(rows, facts, strict=True)], pack)
    return [Detected(kind, stated) for kind, stated in zip(kinds, facts, strict=True)]


def draw(transcripts: Sequence[Transcripts], language: str, count: int, seed: int) -> dict[str, Any]:
    """The line of the journal that names the answers drawn in a language, in the order in which they are shown.

    Empty answers are not drawn: nobody has to read them. The same answers and seed give the same draw.
    """
    rows = [
        (transcript.model, row, transcript.items[row["item"]])
        for transcript in transcripts
        for row in transcript.rows
        if row["language"] == language
    ]
    detected = detect([(row, item) for _, row, item in rows], language)
    strata: dict[str, list[str]] = {CALLED: [], OTHERS: []}
    for (model, row, _), found_class in zip(rows, detected, strict=True):
        if found_class.kind != EMPTY:
            strata[CALLED if found_class.refuses else OTHERS].append(answer_id(model, row))
    rng = Random(f"{seed} {language}")
    called = min(len(strata[CALLED]), max(count // 2, count - len(strata[OTHERS])))
    chosen = {
        CALLED: rng.sample(sorted(strata[CALLED]), called),
        OTHERS: rng.sample(sorted(strata[OTHERS]), min(len(strata[OTHERS]), count - called)),
    }
    order = list(chain(*chosen.values()))
    rng.shuffle(order)
    return {
        "kind": "draw",
        "language": language,
        "seed": seed,
        "answers": count,
        "sizes": {name: len(ids) for name, ids in strata.items()},
        "called": sorted(chosen[CALLED]),
        "order": order,
    }


def drawn_tasks(transcripts: Sequence[Transcripts], line: dict[str, Any]) -> list[Task]:
    """The tasks of a draw, in its order; answers that the transcripts have no longer are left out."""
    drawn = set(line["order"])
    tasks = {}
    for transcript in transcripts:
        for row in transcript.rows:
            if row["language"] == line["language"] and (name := answer_id(transcript.model, row)) in drawn:
                tasks[name] = answer_task(transcript.model, row, transcript.items[row["item"]])
    return [tasks[name] for name in line["order"] if name in tasks]


def languages_of(transcripts: Sequence[Transcripts]) -> list[str]:
    """The languages of the answers, most answers first."""
    counts = Counter(row["language"] for transcript in transcripts for row in transcript.rows)
    return [code for code, _ in counts.most_common()]
