"""Tests of the audit: one-sided max-T over topics x languages with labels shuffled within topics, and exact tests.

The design and its power are from simulation: `bench/audit_power.py` repeats it with planted censors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
ALPHA = 0.05
"""Chance that an honest model gets any flag at all."""
SHUFFLES = 2000
SEED = 7
Z = 1.959964


@dataclass(frozen=True)
class Cells:
    """Differences between sensitive items and controls, each of shape (figures, topics, columns)."""

    effect: Array
    error: Array
    """Standard error of the effect."""
    p: Array
    """Family-wise p value: the share of shuffles in which any cell stands out as much."""
    testable: Flags
    """Whether the cell can be tested; where it cannot, p is 1."""

    @property
    def flagged(self) -> Flags:
        return self.testable & (self.p <= ALPHA)

    def interval(self, figure: int, topic: int, column: int) -> tuple[float, float]:
        """The 95 % interval of an effect, for this cell alone."""
        effect, half = self.effect[figure, topic, column], Z * self.error[figure, topic, column]
        return float(effect - half), float(effect + half)


def contrasts(values: Array) -> Array:
    """Columns to test from values of shape (items, languages): each language minus the mean of the others, then the
    mean of all languages. With one language only that."""
    count = values.shape[1]
    overall: Array = values.mean(1, keepdims=True)
    if count == 1:
        return overall
    others = (values.sum(1, keepdims=True) - values) / (count - 1)
    return np.concatenate([values - others, overall], axis=1)


def max_t(figures: Array, topics: npt.NDArray[np.int64], sensitive: Flags, testable: Flags) -> Cells:
    """Test every cell of `figures`, shape (figures, items, columns), as one family (Westfall and Young, 1993).

    `topics`: the topic of each item. `sensitive`: whether it is sensitive. `testable`: cells with enough items, shape
    (figures, topics, columns). Labels are shuffled within topics.
    """
    count, _, columns = figures.shape
    names = np.unique(topics)
    effect, error = np.zeros((count, len(names), columns)), np.zeros((count, len(names), columns))
    most = np.full(SHUFFLES, -np.inf)
    spread = np.sqrt(figures.var(1)) + 1e-9
    rng = np.random.default_rng(SEED)
    for place, name in enumerate(names):
        own = topics == name
        labels, values = sensitive[own], figures[:, own]
        n, m = int(labels.sum()), int((~labels).sum())
        if not n or not m:
            testable = testable.copy()
            testable[:, place] = False
            continue
        effect[:, place] = values[:, labels].mean(1) - values[:, ~labels].mean(1)
        variance = sum_of_variances(values, labels)
        error[:, place] = np.sqrt(variance)
        order = rng.random((SHUFFLES, n + m)).argsort(1)
        weights = np.where(order < n, 1 / n, -1 / m)
        flat = values.transpose(1, 0, 2).reshape(n + m, -1)
        shuffled = (weights @ flat).reshape(SHUFFLES, count, columns) / spread / np.sqrt(1 / n + 1 / m)
        shuffled[:, ~testable[:, place]] = -np.inf
        most = np.maximum(most, shuffled.max((1, 2)))
    sizes = np.array([size(topics == name, sensitive) for name in names])
    observed = effect / spread[:, None] / sizes[None, :, None]
    p = (1 + (most[:, None, None, None] >= observed - 1e-12).sum(0)) / (1 + SHUFFLES)
    return Cells(effect, error, np.where(testable, p, 1.0), testable)


def size(own: Flags, sensitive: Flags) -> float:
    """What a difference of means is divided by, beside the spread of the items."""
    n, m = max(1, int((own & sensitive).sum())), max(1, int((own & ~sensitive).sum()))
    return float(np.sqrt(1 / n + 1 / m))


def sum_of_variances(values: Array, labels: Flags) -> Array:
    """The variance of the difference of two means."""
    total = np.zeros((values.shape[0], values.shape[2]))
    for group in (values[:, labels], values[:, ~labels]):
        total += group.var(1, ddof=1 if group.shape[1] > 1 else 0) / group.shape[1]
    return total


def fisher(hits: int, count: int, other_hits: int, other_count: int) -> float:
    """One-sided exact p value that the first share is larger than the second."""
    total = hits + other_hits
    ways = sum(comb(count, i) * comb(other_count, total - i) for i in range(hits, min(count, total) + 1))
    return ways / comb(count + other_count, total)


@dataclass(frozen=True)
class Counts:
    """How many answers refuse: on the matter itself, and on its mirrors, the same questions about others."""

    refused: int
    answers: int
    mirror_refused: int
    mirror_answers: int


def kappa(one: Sequence[str], other: Sequence[str]) -> float:
    """Cohen's kappa of two labelings of the same answers; 0 where nothing can be told."""
    if not one or len(one) != len(other):
        return 0.0
    agreed = sum(a == b for a, b in zip(one, other, strict=True)) / len(one)
    names = set(one) | set(other)
    expected = sum((one.count(name) / len(one)) * (other.count(name) / len(other)) for name in names)
    return (agreed - expected) / (1 - expected) if expected < 1 else 0.0
