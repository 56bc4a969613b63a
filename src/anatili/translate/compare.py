"""What the pivot meter found, told: scores with paired bootstrap, and for each sign how often either way keeps it."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from math import comb
from pathlib import Path
from typing import Any

from anatili.interval import wilson
from anatili.lang import LanguagePack
from anatili.lang.translation import load_translation
from anatili.plot import DARK, WARM, check_plot, finish, start
from anatili.problem import Problem, install
from anatili.translate.checks import CHECKS, Sample, checks, genders
from anatili.translate.pivot import Meter, Way

CHRF_NAME = "chrF2++"
"""As sacrebleu calls chrF++: characters, and words up to two."""
RESAMPLES, SEED = 1000, 12345
TRANSLATING = 20.0
"""chrF++ below which a system does not translate: between these languages, Russian given out as Kazakh gets 15."""

IN_LANGUAGE = 0.5
"""Share of translations in the target language below which the other checks tell nothing of the model."""


def check(plot: Path | None, *, scored: bool) -> None:
    """`Problem` if what the report needs is not there: to be told before hours of work."""
    if plot:
        check_plot(plot)
    if scored and not find_spec("sacrebleu"):
        raise Problem(f"scores need sacrebleu: {install('eval')}")


def report(meter: Meter, ways: Sequence[Way]) -> dict[str, Any]:
    """All that was found, for machines."""
    target = meter.translator.packs[meter.target]
    judged = [(sample, way) for sample, way in zip(meter.samples, ways, strict=True) if sample.reference]
    own = [(sample, way) for sample, way in zip(meter.samples, ways, strict=True) if not sample.reference]
    said: dict[str, Any] = {**meter.head(), "parameters": meter.translator.engine.parameters}
    if judged:
        said["text"] = {"sentences": len(judged), "scores": scores(judged), "checks": compare(judged, target)}
    if own:
        said["own"] = {"sentences": len(own), "checks": compare(own, target), "genders": put_in(own, target)}
    said["notices"] = list(notices(said))
    return said


def notices(said: dict[str, Any]) -> Iterator[str]:
    """What must be known before the figures are read."""
    for way in ("direct", "pivot"):
        part = said.get("own") or said["text"]
        shares = [row[way]["share"] for row in part["checks"] if row["check"] == "language"]
        if shares and shares[0] < IN_LANGUAGE:
            yield f"{way}: most of it is not in {said['target']}, so its other figures say little"
        score = said["text"]["scores"][CHRF_NAME][way]["score"] if "text" in said else TRANSLATING
        if score < TRANSLATING:
            yield f"{way}: {score} {CHRF_NAME} is no translation (from about {TRANSLATING:g} on it is one)"


def scores(judged: Sequence[tuple[Sample, Way]]) -> dict[str, Any]:
    """chrF++ and BLEU of both ways and of the source copied; p by paired bootstrap; the mean difference a sentence."""
    from sacrebleu.metrics import BLEU, CHRF
    from sacrebleu.significance import PairedTest

    references = [sample.reference for sample, _ in judged]
    systems = [("direct", [way["direct"] for _, way in judged]), ("pivot", [way["pivot"] for _, way in judged]),
               ("copy", [sample.text for sample, _ in judged])]  # fmt: skip
    metrics = {CHRF_NAME: CHRF(word_order=2), "BLEU": BLEU()}
    signatures, rows = PairedTest(systems, metrics, [references], test_type="bs", n_samples=RESAMPLES)()
    found: dict[str, Any] = {}
    for name, signature in signatures.items():
        results: list[Any] = rows[name]
        found[name] = {"signature": str(signature), "p": round(float(results[1].p_value), 4)}
        for (system, _), one in zip(systems, results, strict=True):
            ends = [round(float(end), 2) for end in (one.mean - one.ci, one.mean + one.ci)]
            found[name][system] = {"score": round(float(one.score), 2), "interval": ends}
    sentence = CHRF(word_order=2).sentence_score
    gaps = [sentence(way["direct"], [sample.reference]).score
            - sentence(way["pivot"], [sample.reference]).score for sample, way in judged]  # fmt: skip
    found[CHRF_NAME]["lost"] = mean_of(gaps)
    return found


def mean_of(gaps: Sequence[float]) -> dict[str, Any]:
    """The mean with its 95 % interval by bootstrap over sentences."""
    import numpy as np

    values = np.array(gaps)
    chosen = np.random.default_rng(SEED).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[chosen].mean(1), [2.5, 97.5])
    return {"mean": round(float(values.mean()), 2), "interval": [round(float(low), 2), round(float(high), 2)]}


def compare(pairs: Sequence[tuple[Sample, Way]], target: LanguagePack) -> list[dict[str, Any]]:
    """For each check its share both ways, and p of their difference, put right for so many checks (Holm)."""
    both = [(checks(sample, way["direct"], target), checks(sample, way["pivot"], target)) for sample, way in pairs]
    rows: list[dict[str, Any]] = []
    for name, meaning in CHECKS.items():
        held = [(one[name], other[name]) for one, other in both if name in one]
        if not held:
            continue
        direct, pivot = (sum(one) for one in zip(*held, strict=True))
        p = exact(sum(a and not b for a, b in held), sum(b and not a for a, b in held))
        rows.append({"check": name, "meaning": meaning, "n": len(held), "direct": share(direct, len(held)),
                     "pivot": share(pivot, len(held)), "p": p})  # fmt: skip
    least = 0.0
    for rank, row in enumerate(sorted(rows, key=lambda row: row["p"])):
        least = max(least, min(1.0, row["p"] * (len(rows) - rank)))
        row["p"] = round(least, 4)
    return rows


def share(held: int, count: int) -> dict[str, Any]:
    return {"held": held, "share": round(held / count, 4), "interval": wilson(held, count)}


def exact(only_one: int, only_other: int) -> float:
    """Two-sided p that two ways keep a check equally often (McNemar, exact), from where just one of them does."""
    count, few = only_one + only_other, min(only_one, only_other)
    return min(1.0, 2 * sum(comb(count, k) for k in range(few + 1)) / 2**count) if count else 1.0


def put_in(pairs: Sequence[tuple[Sample, Way]], target: LanguagePack) -> dict[str, dict[str, int]]:
    """How often each way says that a man, or a woman, is meant where the sentence leaves it open."""
    said = load_translation(target.folder)
    if not (said.masculine or said.feminine):
        return {}
    open_ones = [way for sample, way in pairs if sample.wanted.gender == "open"]
    found: dict[str, dict[str, int]] = {}
    for name in ("direct", "pivot"):
        told = [genders(way["direct" if name == "direct" else "pivot"], said) for way in open_ones]
        found[name] = {gender: sum(one == {gender} for one in told) for gender in ("masculine", "feminine")}
        found[name] |= {"both": sum(len(one) == 2 for one in told), "sentences": len(told)}
    return found


def draw(path: Path, said: dict[str, Any]) -> None:
    """The checks as pairs of bars with intervals, into a .png or .svg."""
    parts = [(part, said[part]) for part in ("own", "text") if part in said]
    plot, figure = start(path, (5.5 * len(parts), 4))
    axes = figure.subplots(1, len(parts), squeeze=False)[0]
    for axis, (part, found) in zip(axes, parts, strict=True):
        rows = found["checks"][::-1]
        for shift, way, color in ((0.2, "direct", DARK), (-0.2, "pivot", WARM)):
            shares = [row[way]["share"] for row in rows]
            spread = [[s - row[way]["interval"][0] for s, row in zip(shares, rows, strict=True)],
                      [row[way]["interval"][1] - s for s, row in zip(shares, rows, strict=True)]]  # fmt: skip
            label = "direct" if way == "direct" else f"through {said['through']}"
            axis.barh([n + shift for n in range(len(rows))], shares, 0.38, xerr=spread, color=color, label=label)
        axis.set_yticks(range(len(rows)), [f"{row['check']} ({row['n']})" for row in rows])
        axis.set_xlim(0, 1)
        axis.set_xlabel("share of the sentences that keep it, 95 % intervals")
        axis.set_title("sentences made for this" if part == "own" else "text with references")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.suptitle(f"{said['model']}: {said['source']} to {said['target']}")
    finish(plot, figure, path)
