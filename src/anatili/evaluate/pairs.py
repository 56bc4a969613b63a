"""Minimal pairs: which of two sentences that differ in one point of grammar does the model find more likely?

Made from the paradigms in a language pack's `pairs.toml`, as BLiMP (Warstadt et al. 2020) is from templates.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from anatili.confidence_intervals import wilson
from anatili.evaluate.likelihood import Advance, Likelihood, silent
from anatili.lang import LanguagePack
from anatili.problem import Problem
from anatili.text import show_path
from anatili.text_files import read_toml

FILE = "pairs.toml"
MOST = 100
"""Pairs of one kind at most."""


@dataclass(frozen=True)
class Pair:
    kind: str
    right: str
    wrong: str


def pairs_of(pack: LanguagePack) -> list[Pair]:
    """The pack's pairs, at most `MOST` of a kind; none if it has no paradigms."""
    path = pack.folder / FILE
    if not path.is_file():
        return []
    config = read_toml(path)
    if strange := sorted(set(config) - {"stems", "suffixes", "agreement"}):
        raise Problem(f"{show_path(path)}: {', '.join(strange)}: unknown key; there are stems, suffixes and agreement")
    by_kind: dict[str, list[Pair]] = {}
    try:
        for pair in (*suffix_pairs(config), *agreement_pairs(config)):
            by_kind.setdefault(pair.kind, []).append(pair)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise Problem(f"{show_path(path)}: no pairs can be made: {error!r}") from error
    chosen = []
    for kind, pairs in by_kind.items():
        unique = sorted(set(pairs), key=lambda pair: (pair.right, pair.wrong))
        chosen += random.Random(f"1 {kind}").sample(unique, min(MOST, len(unique)))
    return chosen


def suffix_pairs(config: dict[str, Any]) -> Iterator[Pair]:
    """The right suffix against the one of the other harmony, and against those that other endings take."""
    for group, stems in config.get("stems", {}).items():
        harmony, ending = group.split()
        side = 0 if harmony == "back" else 1
        for name, forms in config.get("suffixes", {}).items():
            right, other = forms[ending][side], forms[ending][1 - side]
            rivals = {forms[key][side] for key in forms if key != "frame"} - {right}
            for stem in stems:
                frame = forms["frame"]
                yield Pair(f"{name}: harmony", frame.format(stem + right), frame.format(stem + other))
                for rival in sorted(rivals):
                    yield Pair(f"{name}: assimilation", frame.format(stem + right), frame.format(stem + rival))


def agreement_pairs(config: dict[str, Any]) -> Iterator[Pair]:
    for group in config.get("agreement", ()):
        for row in group["rows"]:
            for position, frame in enumerate(group["frames"]):
                if frame == "{}":
                    continue
                for other, form in enumerate(row):
                    if other != position:
                        yield Pair(group["kind"], frame.format(row[position]), frame.format(form))


def pair_figures(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Share of right pairs, in all and by kind, with 95 % intervals; also by character and by byte, as other programs
    count."""
    kinds: dict[str, list[bool]] = {}
    for record in records:
        kinds.setdefault(record["subject"], []).append(record["right"]["acc"])
    metrics = {
        metric: round(sum(record["right"][metric] for record in records) / max(1, len(records)), 4)
        for metric in ("acc", "acc_norm", "acc_bytes")
    }
    whole = share([record["right"]["acc"] for record in records])
    return {**whole, **metrics, "kinds": {kind: share(rights) for kind, rights in kinds.items()}}


def pair_records(
    model: Likelihood, pairs: Sequence[Pair], ids: Sequence[str], advance: Advance = silent
) -> list[dict[str, Any]]:
    """For each pair whether the right sentence is the more likely: in all, by character and by UTF-8 byte."""
    bits = model.bits([sentence for pair in pairs for sentence in (pair.right, pair.wrong)], advance)
    records = []
    for id_, pair, right, wrong in zip(ids, pairs, bits[0::2].tolist(), bits[1::2].tolist(), strict=True):
        rights = {
            "acc": right < wrong,
            "acc_norm": right / len(pair.right) < wrong / len(pair.wrong),
            "acc_bytes": right / len(pair.right.encode()) < wrong / len(pair.wrong.encode()),
        }
        records.append({"id": id_, "bits": [round(right, 4), round(wrong, 4)], "right": rights, "subject": pair.kind})
    return records


def share(rights: Sequence[bool]) -> dict[str, Any]:
    right, count = sum(rights), len(rights)
    return {"right": round(right / count, 4) if count else None, "interval": wilson(right, count), "count": count}
