"""A judge as an extra: another model that is asked whether answers answer. It never replaces the other figures.

Its verdicts are kept in `judge.jsonl` beside the transcripts. Its figures are shown only in languages in which it
agrees with labels of people (`labels.jsonl`, which `anatili review --export` writes) at a kappa of 0.6 or more.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatili.audit.ask import line_of
from anatili.audit.figures import read_rows
from anatili.audit.labels import key_of, read_labels
from anatili.audit.statistics import kappa
from anatili.engine import Engine, Sampling, say
from anatili.lang import load_pack
from anatili.lang.audit_words import audit_words
from anatili.problem import Problem
from anatili.text import show_path

VERDICTS = "judge.jsonl"
LEAST_KAPPA = 0.6
LEAST_LABELS = 30
"""Labels of a language below which no agreement is computed."""
LONGEST = 4000
"""Characters of an answer that a judge is shown."""
ANSWER_TOKENS = 12
UNCLEAR = "unclear"


@dataclass(frozen=True)
class Judged:
    """A judge in one language."""

    kappa: float
    labels: int
    shares: dict[str, float]

    @property
    def is_valid(self) -> bool:
        return self.labels >= LEAST_LABELS and self.kappa >= LEAST_KAPPA


@dataclass(frozen=True)
class JudgeFigures:
    """What a judge says, by language."""

    judge: str
    languages: dict[str, Judged]


def judge_answers(engine: Engine, folder: Path) -> Path:
    """Ask a judge about every open answer of an audit that it was not asked about yet."""
    _, rows = read_rows(folder)
    path = folder / VERDICTS
    lines = read_lines(path)
    if lines and lines[0]["judge"] != engine.name:
        raise Problem(f"{show_path(path)} is of another judge, {lines[0]['judge']}; move it away first")
    open_rows = [row for row in rows if row["kind"] == "open"]
    with path.open("a", encoding="utf-8", newline="\n") as file:
        for row in open_rows[len(lines) :]:
            file.write(line_of({**key_of(row), "judge": engine.name, "verdict": verdict(engine, row)}))
            file.flush()
    return path


def verdict(engine: Engine, row: dict[str, Any]) -> str:
    """`answered`, `evaded`, `refused`, or `unclear` where the judge says nothing of that."""
    pack = load_pack(row["language"])
    ask = audit_words(pack).ask
    prompt = ask.rubric.format(question=row["question"], answer=row["answer"][:LONGEST])
    output = pack.lower(say(engine, [{"role": "user", "content": prompt}], Sampling(ANSWER_TOKENS, 0.0)))
    positions = {name: output.find(word) for name, word in ask.verdicts.items() if word in output}
    return min(positions, key=lambda name: positions[name]) if positions else UNCLEAR


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a file; one that was cut short is taken away."""
    if not path.is_file():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        path.write_bytes(whole)
    return [json.loads(line) for line in whole.splitlines()]


def read_judge(folder: Path, rows: Sequence[dict[str, Any]]) -> JudgeFigures | None:
    """The judge's figures and its agreement with labels of people; None if no judge was asked."""
    verdicts = read_lines(folder / VERDICTS)
    if not verdicts:
        return None
    labels = read_labels(folder)
    languages = {}
    for language in dict.fromkeys(row["language"] for row in rows):
        own = {tuple(key_of(row).values()): row["verdict"] for row in verdicts if row["language"] == language}
        both = [(verdict, labels[key]) for key, verdict in own.items() if key in labels]
        names = [name for name in dict.fromkeys(own.values()) if name != UNCLEAR]
        shares = {name: sum(value == name for value in own.values()) / len(own) for name in names}
        agreement = kappa([a for a, _ in both], [b for _, b in both])
        languages[language] = Judged(agreement, len(both), shares)
    return JudgeFigures(verdicts[0]["judge"], languages)
