"""Intervals and tests for shares of items: clustered, and paired between two models."""

from collections.abc import Mapping, Sequence
from math import comb

import numpy as np
import numpy.typing as npt

from anatili.confidence_intervals import wilson

Values = npt.NDArray[np.float64]


def clustered_interval(values: Sequence[float], clusters: Sequence[str]) -> list[float] | None:
    """The 95 % interval of a mean of values from 0 to 1 whose items come in clusters; None without items.

    Wilson's interval (1927) with as many items as would give the same standard error if they were independent; the
    standard error is that of clusters (Miller 2024, arXiv 2411.00640). Without clusters it is Wilson's own.
    """
    count = len(values)
    if not count:
        return None
    mean = float(np.mean(values))
    effective = count / design_effect(np.asarray(values, float), clusters)
    return wilson(mean * effective, effective)


def design_effect(values: Values, clusters: Sequence[str]) -> float:
    """By how much clusters raise the variance of the mean: 1 for independent items.

    Where all values are equal the effect cannot be seen; the mean size of a cluster is used then.
    """
    names, codes = np.unique(np.asarray(clusters), return_inverse=True)
    if len(names) == len(values):
        return 1.0
    residuals = values - values.mean()
    variance = float((residuals**2).sum())
    if not variance:
        return len(values) / len(names)
    sums = np.bincount(codes, residuals)
    effect = float((sums**2).sum()) / variance * len(names) / max(1, len(names) - 1)
    return max(1.0, effect)


def standard_error(values: Sequence[float]) -> float:
    """Of a mean, as lm-eval has it: the sample's standard deviation by the root of its size."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> float:
    """Exact two-sided McNemar test: the probability of a difference at least as large if both models were alike."""
    only_first = sum(a and not b for a, b in zip(first, second, strict=True))
    only_second = sum(b and not a for a, b in zip(first, second, strict=True))
    differ = only_first + only_second
    fewer = min(only_first, only_second)
    tail = sum(comb(differ, k) for k in range(fewer + 1))
    return float(min(1.0, 2 * tail / 2**differ))


def paired_interval(
    differences: Sequence[float], clusters: Sequence[str], resamples: int = 2000, seed: int = 1
) -> list[float] | None:
    """The 95 % interval of a mean difference by item, from -1 to 1, from resampled clusters; None for fewer than two.

    Where all clusters differ alike, resampling shows no doubt however few they are. The interval is then the exact
    binomial one: of further clusters, as many may differ otherwise as could have been missed in all of these.
    """
    names, codes = np.unique(np.asarray(clusters), return_inverse=True)
    if len(names) < 2:
        return None
    sums = np.bincount(codes, np.asarray(differences, float))
    sizes = np.bincount(codes).astype(float)
    if np.ptp(sums / sizes) == 0:
        missed, mean = 1 - 0.025 ** (1 / len(names)), float(sums[0] / sizes[0])
        return [round((1 - missed) * mean + missed * end, 4) for end in (-1, 1)]
    draw = np.random.default_rng(seed)
    means = np.empty(resamples)
    for start in range(0, resamples, 100):
        chosen = draw.integers(len(names), size=(min(100, resamples - start), len(names)))
        means[start : start + len(chosen)] = sums[chosen].sum(1) / sizes[chosen].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return [round(float(low), 4), round(float(high), 4)]


def holm(probabilities: Mapping[str, float]) -> dict[str, float]:
    """P values adjusted for the number of tests (Holm, 1979), under the same names."""
    adjusted: dict[str, float] = {}
    highest = 0.0
    ranked = sorted(probabilities.items(), key=lambda pair: pair[1])
    for rank, (name, value) in enumerate(ranked):
        highest = max(highest, min(1.0, (len(ranked) - rank) * value))
        adjusted[name] = round(highest, 6)
    return {name: adjusted[name] for name in probabilities}
