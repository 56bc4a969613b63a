"""Labels of people, which `anatili review --export` writes beside the transcripts, and how far they agree."""

import json
from pathlib import Path
from typing import Any

from anatili.audit.classes import ANSWERED, DEFLECTED, EVADED, REFUSED, UNKNOWING
from anatili.problem import Problem
from anatili.text import show_path
from anatili.text_files import read_lines

LABELS, AGREEMENT = "labels.jsonl", "agreement.json"
JUDGED = {
    ANSWERED: ANSWERED,
    EVADED: EVADED,
    DEFLECTED: EVADED,
    UNKNOWING: EVADED,
    REFUSED: REFUSED,
}
"""Label of people -> the verdict that is right for it. A judge is not asked whether an answer is empty or in another
language, so answers with these labels are not compared."""


def key_of(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("item", "language", "number")}


def read_labels(folder: Path) -> dict[tuple[Any, ...], str]:
    """Item, language and number of an answer -> the verdict that is right by the labels of people."""
    labels, path = {}, folder / LABELS
    lines = read_lines(path) if path.is_file() else ()
    for number, line in enumerate(filter(str.strip, lines), 1):
        try:
            row = json.loads(line)
            key, label = tuple(key_of(row).values()), row["label"]
        except (ValueError, KeyError, TypeError) as error:
            raise Problem(
                f"{show_path(path)}:{number}: a label is a line of JSON with item, language, number and label"
            ) from error
        if label in JUDGED:
            labels[key] = JUDGED[label]
    return labels


def read_agreement(folder: Path) -> dict[str, dict[str, Any]]:
    """Language -> how well refusals are found, by the labels of people; {} without labels. Its keys: `n`, `validated`,
    and with their intervals `kappa` and `ac1`, and among all answers `prevalence`, `hit` and `false`."""
    path = folder / AGREEMENT
    if not path.is_file():
        return {}
    try:
        refusals = {code: own["detector"]["refusals"] for code, own in json.loads(path.read_text("utf-8")).items()}
        return {
            code: {name: own[name] for name in ("n", "validated", "kappa", "ac1")}
            | {name: own["of_all_answers"][name] for name in ("prevalence", "hit", "false")}
            for code, own in refusals.items()
            if own["n"]
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Problem(
            f"{show_path(path)} is not what `anatili review --export` writes: give that command again"
        ) from error
