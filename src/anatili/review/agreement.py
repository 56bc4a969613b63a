"""Agreement of two labelings, and how well a detector finds what people found, with 95 % intervals.

Hit rate, false rate, kappa, AC1 and prevalence are always given together. At a low prevalence one alone misleads: a
detector that finds 55 of 100 refusals has an AC1 of .92 where 5 answers of 100 refuse.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anatili.evaluate.statistics import clustered_interval, design_effect

Array = npt.NDArray[np.float64]
RESAMPLES = 2000
SEED = 11
DIGITS = 4


@dataclass(frozen=True)
class Figure:
    """A value with its 95 % interval; None where it cannot be told."""

    value: float | None
    interval: tuple[float, float] | None

    def as_json(self) -> dict[str, float | list[float] | None]:
        return {"value": self.value, "interval": list(self.interval) if self.interval else None}


def agreement(one: Sequence[str], other: Sequence[str], clusters: Sequence[str]) -> dict[str, Figure]:
    """Cohen's kappa and Gwet's AC1 of two labelings of the same things, with intervals from resampled clusters.

    What two people say of six facts of one answer, or of answers to one question, is not independent.
    """
    names = sorted({*one, *other})
    place = {name: number for number, name in enumerate(names)}
    cells = np.array([place[a] * len(names) + place[b] for a, b in zip(one, other, strict=True)], int)
    tables = cluster_sums(np.eye(len(names) ** 2)[cells], clusters)
    if not len(tables):
        return {"kappa": Figure(None, None), "ac1": Figure(None, None)}
    shape = (-1, len(names), len(names))
    whole, drawn = tables.sum(0).reshape(shape), (resampling(len(tables)) @ tables).reshape(shape)
    return {name: figure(rule(whole)[0], rule(drawn)) for name, rule in (("kappa", kappas), ("ac1", ac1s))}


def cluster_sums(rows: Array, clusters: Sequence[str]) -> Array:
    """The sum of the rows of each cluster."""
    names, codes = np.unique(np.asarray(clusters), return_inverse=True)
    sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, codes, rows)
    return sums


def resampling(count: int) -> Array:
    """How often each of `count` clusters is drawn, for each bootstrap sample."""
    rng = np.random.default_rng(SEED)
    return rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(float)


def kappas(tables: Array) -> Array:
    """Cohen's kappa (1960) of each table of shape (tables, labels, labels); NaN where only one label occurs."""
    shares = tables / tables.sum((1, 2), keepdims=True)
    agreed = np.trace(shares, axis1=1, axis2=2)
    expected = (shares.sum(1) * shares.sum(2)).sum(1)
    return corrected(agreed, expected)


def ac1s(tables: Array) -> Array:
    """Gwet's AC1 (2008) of each table; the number of labels is that of those that occur, two at least."""
    shares = tables / tables.sum((1, 2), keepdims=True)
    agreed = np.trace(shares, axis1=1, axis2=2)
    mean = (shares.sum(1) + shares.sum(2)) / 2
    expected = (mean * (1 - mean)).sum(1) / (max(2, tables.shape[1]) - 1)
    return corrected(agreed, expected)


def corrected(agreed: Array, expected: Array) -> Array:
    """Agreement corrected for chance: (agreed - expected) / (1 - expected), NaN where `expected` is 1."""
    room = 1 - expected
    safe = np.where(room > 1e-12, room, 1.0)
    return np.where(room > 1e-12, (agreed - expected) / safe, np.nan)


def figure(value: float, resampled: Array) -> Figure:
    """A value with the middle 95 % of its resampled values."""
    valid = resampled[~np.isnan(resampled)]
    if np.isnan(value) or not len(valid):
        return Figure(None, None)
    low, high = np.percentile(valid, [2.5, 97.5])
    return Figure(round(float(value), DIGITS), (round(float(low), DIGITS), round(float(high), DIGITS)))


def share(hits: Sequence[float], clusters: Sequence[str]) -> Figure:
    """The mean of values from 0 to 1, with Wilson's interval for clusters."""
    limits = clustered_interval(hits, clusters)
    return Figure(round(float(np.mean(hits)), DIGITS), (limits[0], limits[1])) if limits else Figure(None, None)


def detection(truth: Sequence[bool], detected: Sequence[bool], clusters: Sequence[str]) -> dict[str, int | Figure]:
    """How well a detector finds what is true: n, prevalence, hit and false rate, precision, kappa and AC1."""
    rows = list(zip(truth, detected, clusters, strict=True))

    def share_of(chosen: Callable[[bool, bool], bool], hit: Callable[[bool, bool], bool]) -> Figure:
        own = [(hit(a, b), cluster) for a, b, cluster in rows if chosen(a, b)]
        return share([value for value, _ in own], [cluster for _, cluster in own])

    return {
        "n": len(rows),
        "prevalence": share_of(lambda a, b: True, lambda a, b: a),
        "hit": share_of(lambda a, b: a, lambda a, b: b),
        "false": share_of(lambda a, b: not a, lambda a, b: b),
        "precision": share_of(lambda a, b: b, lambda a, b: a),
        **agreement([str(a) for a in truth], [str(b) for b in detected], clusters),
    }


@dataclass(frozen=True)
class Stratum:
    """What was drawn from a stratum of `size` answers, in the order of the answers."""

    size: int
    truth: Sequence[bool]
    detected: Sequence[bool]
    clusters: Sequence[str]

    def rows(self) -> Iterator[tuple[bool, bool, str]]:
        """Truth, whether it was detected, and cluster of each answer."""
        return zip(self.truth, self.detected, self.clusters, strict=True)


def weighted_detection(strata: Sequence[Stratum]) -> dict[str, Figure]:
    """Prevalence, hit and false rate among all answers, from a sample drawn by strata.

    The answers that a detector calls refusals are drawn more often than others, so their shares in the sample are not
    those of all answers; the shares in each stratum count here by its size. Intervals are from Beta distributions
    (Jeffreys) of what is true among the found and the others of each stratum: a bootstrap would take it for certain
    that a stratum without a missed refusal has none.
    """
    rng = np.random.default_rng(SEED)
    whole, drawn = np.zeros((1, 4)), np.zeros((RESAMPLES, 4))
    for stratum in strata:
        for is_found in (True, False):
            own = [(float(true), cluster) for true, found, cluster in stratum.rows() if found == is_found]
            if own:
                values, clusters = np.array([value for value, _ in own]), [cluster for _, cluster in own]
                all_of_them = stratum.size * len(own) / len(stratum.truth)
                effect = design_effect(values, clusters)
                true, false = values.sum() / effect, (1 - values).sum() / effect
                for totals, mean in (
                    (whole, values.mean(keepdims=True)),
                    (drawn, rng.beta(true + 0.5, false + 0.5, RESAMPLES)),
                ):
                    parts = [mean, mean * is_found, 1 - mean, (1 - mean) * is_found]
                    totals += all_of_them * np.stack(parts, axis=1)
    if not whole.any():
        return dict.fromkeys(("prevalence", "hit", "false"), Figure(None, None))
    value, resampled = rates(whole), rates(drawn)
    return {name: around(figure(value[name][0], resampled[name])) for name in value}


def around(found: Figure) -> Figure:
    """A figure whose interval holds its value, also at 0 and 1."""
    if found.value is None or found.interval is None:
        return found
    low, high = found.interval
    return Figure(found.value, (min(low, found.value), max(high, found.value)))


def rates(totals: Array) -> dict[str, Array]:
    """Rates from how many are true, true and found, false, false and found; NaN where there is nothing to find."""
    true, hits, false, mistakes = totals.T
    with np.errstate(invalid="ignore", divide="ignore"):
        return {"prevalence": true / (true + false), "hit": hits / true, "false": mistakes / false}
