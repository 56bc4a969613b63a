"""The report of a pivot comparison: scores with paired bootstrap, and how often each way passes each check."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from math import comb
from pathlib import Path
from typing import Any

from anatili.confidence_intervals import wilson
from anatili.lang import LanguagePack
from anatili.lang.translation import load_translation
from anatili.plot import DARK, WARM, check_plot, finish, start
from anatili.problem import Problem, not_installed
from anatili.translate.checks import CHECKS, Sample, checks, genders
from anatili.translate.pivot import PivotMeter, Way

CHRF_NAME = "chrF2++"
"""sacrebleu's name for chrF++: character n-grams, and word n-grams up to two."""
RESAMPLES, SEED = 1000, 12345
TRANSLATING = 20.0
"""chrF++ below which a system does not translate. Between these languages, Russian passed off as Kazakh gets 15."""

IN_LANGUAGE = 0.5
"""If less than this share of translations is in the target language, the other checks say little."""


def check(plot: Path | None, *, scored: bool) -> None:
    """`Problem` if a package that the report needs is missing: better now than after hours of work."""
    if plot:
        check_plot(plot)
    if scored and not find_spec("sacrebleu"):
        raise Problem(not_installed("scores need sacrebleu", "eval"))


def report(meter: PivotMeter, ways: Sequence[Way]) -> dict[str, Any]:
    """All results, for JSON."""
    target = meter.translator.packs[meter.target]
    referenced = [(sample, way) for sample, way in zip(meter.samples, ways, strict=True) if sample.reference]
    own = [(sample, way) for sample, way in zip(meter.samples, ways, strict=True) if not sample.reference]
    facts: dict[str, Any] = {**meter.head(), "parameters": meter.translator.engine.parameters}
    if referenced:
        facts["text"] = {
            "sentences": len(referenced),
            "scores": scores(referenced),
            "checks": compare(referenced, target),
        }
    if own:
        facts["own"] = {"sentences": len(own), "checks": compare(own, target), "genders": put_in(own, target)}
    facts["notices"] = list(notices(facts))
    return facts


def notices(facts: dict[str, Any]) -> Iterator[str]:
    """Warnings to read before the figures."""
    for way in ("direct", "pivot"):
        section = facts.get("own") or facts["text"]
        shares = [row[way]["share"] for row in section["checks"] if row["check"] == "language"]
        if shares and shares[0] < IN_LANGUAGE:
            yield f"{way}: most translations are not in {facts['target']}, so the other figures say little"
        score = facts["text"]["scores"][CHRF_NAME][way]["score"] if "text" in facts else TRANSLATING
        if score < TRANSLATING:
            yield f"{way}: {score} {CHRF_NAME} is not a translation (a translation has about {TRANSLATING:g} or more)"


def scores(pairs: Sequence[tuple[Sample, Way]]) -> dict[str, Any]:
    """chrF++ and BLEU of both ways and of the copied source, p by paired bootstrap, and the mean loss per sentence."""
    from sacrebleu.metrics import BLEU, CHRF
    from sacrebleu.significance import PairedTest

    references = [sample.reference for sample, _ in pairs]
    systems = [
        ("direct", [way["direct"] for _, way in pairs]),
        ("pivot", [way["pivot"] for _, way in pairs]),
        ("copy", [sample.text for sample, _ in pairs]),
    ]
    metrics = {CHRF_NAME: CHRF(word_order=2), "BLEU": BLEU()}
    signatures, tested = PairedTest(systems, metrics, [references], test_type="bs", n_samples=RESAMPLES)()
    scores: dict[str, Any] = {}
    for name, signature in signatures.items():
        results: list[Any] = tested[name]
        scores[name] = {"signature": str(signature), "p": round(float(results[1].p_value), 4)}
        for (system, _), result in zip(systems, results, strict=True):
            ends = [round(float(end), 2) for end in (result.mean - result.ci, result.mean + result.ci)]
            scores[name][system] = {"score": round(float(result.score), 2), "interval": ends}
    sentence = CHRF(word_order=2).sentence_score
    gaps = [
        sentence(way["direct"], [sample.reference]).score - sentence(way["pivot"], [sample.reference]).score
        for sample, way in pairs
    ]
    scores[CHRF_NAME]["lost"] = mean_of(gaps)
    return scores


def mean_of(gaps: Sequence[float]) -> dict[str, Any]:
    """The mean with its 95 % interval, by bootstrap over sentences."""
    import numpy as np

    values = np.array(gaps)
    indices = np.random.default_rng(SEED).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[indices].mean(1), [2.5, 97.5])
    return {"mean": round(float(values.mean()), 2), "interval": [round(float(low), 2), round(float(high), 2)]}


def compare(pairs: Sequence[tuple[Sample, Way]], target: LanguagePack) -> list[dict[str, Any]]:
    """For each check the share that passes in both ways, and p of the difference, Holm-corrected."""
    results = [(checks(sample, way["direct"], target), checks(sample, way["pivot"], target)) for sample, way in pairs]
    rows: list[dict[str, Any]] = []
    for name, meaning in CHECKS.items():
        passed = [(direct[name], pivot[name]) for direct, pivot in results if name in direct]
        if not passed:
            continue
        direct_passes, pivot_passes = (sum(column) for column in zip(*passed, strict=True))
        p = exact(sum(a and not b for a, b in passed), sum(b and not a for a, b in passed))
        rows.append(
            {
                "check": name,
                "meaning": meaning,
                "n": len(passed),
                "direct": share(direct_passes, len(passed)),
                "pivot": share(pivot_passes, len(passed)),
                "p": p,
            }
        )
    least = 0.0
    for rank, row in enumerate(sorted(rows, key=lambda row: row["p"])):
        least = max(least, min(1.0, row["p"] * (len(rows) - rank)))
        row["p"] = round(least, 4)
    return rows


def share(passed: int, count: int) -> dict[str, Any]:
    return {"held": passed, "share": round(passed / count, 4), "interval": wilson(passed, count)}


def exact(only_one: int, only_other: int) -> float:
    """Two-sided p that two ways pass a check equally often (McNemar, exact), from the cases where only one passes."""
    count, fewer = only_one + only_other, min(only_one, only_other)
    return min(1.0, 2 * sum(comb(count, k) for k in range(fewer + 1)) / 2**count) if count else 1.0


def put_in(pairs: Sequence[tuple[Sample, Way]], target: LanguagePack) -> dict[str, dict[str, int]]:
    """How often each way adds a gender where the sentence has none."""
    translation = load_translation(target.folder)
    if not (translation.masculine or translation.feminine):
        return {}
    ungendered = [way for sample, way in pairs if sample.expected.gender == "open"]
    counts: dict[str, dict[str, int]] = {}
    for name in ("direct", "pivot"):
        mentioned = [genders(way["direct" if name == "direct" else "pivot"], translation) for way in ungendered]
        counts[name] = {
            gender: sum(mention == {gender} for mention in mentioned) for gender in ("masculine", "feminine")
        }
        counts[name] |= {"both": sum(len(mention) == 2 for mention in mentioned), "sentences": len(mentioned)}
    return counts


def draw(path: Path, facts: dict[str, Any]) -> None:
    """Draw the checks as pairs of bars with intervals, to a .png or .svg file."""
    parts = [(part, facts[part]) for part in ("own", "text") if part in facts]
    plot, figure = start(path, (5.5 * len(parts), 4))
    axes = figure.subplots(1, len(parts), squeeze=False)[0]
    for axis, (part, section) in zip(axes, parts, strict=True):
        rows = section["checks"][::-1]
        for shift, way, color in ((0.2, "direct", DARK), (-0.2, "pivot", WARM)):
            shares = [row[way]["share"] for row in rows]
            spread = [
                [s - row[way]["interval"][0] for s, row in zip(shares, rows, strict=True)],
                [row[way]["interval"][1] - s for s, row in zip(shares, rows, strict=True)],
            ]
            label = "direct" if way == "direct" else f"through {facts['through']}"
            axis.barh([n + shift for n in range(len(rows))], shares, 0.38, xerr=spread, color=color, label=label)
        axis.set_yticks(range(len(rows)), [f"{row['check']} ({row['n']})" for row in rows])
        axis.set_xlim(0, 1)
        axis.set_xlabel("share of sentences that pass, 95 % intervals")
        axis.set_title("test sentences of the pack" if part == "own" else "text with references")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.suptitle(f"{facts['model']}: {facts['source']} to {facts['target']}")
    finish(plot, figure, path)
