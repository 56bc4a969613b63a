"""Intervals hold what they promise, tests say what is in the tables."""

import numpy as np
import pytest

from anatili.confidence_intervals import wilson
from anatili.evaluate.statistics import clustered_interval, design_effect, holm, mcnemar, paired_interval

CLUSTERS = 150


def drawn(rng, count: int, mean: float, spread: float):
    """Right answers to `count` questions on each of `CLUSTERS` passages, some of which are harder."""
    hardness = rng.normal(0, spread, CLUSTERS)
    logit = np.log(mean / (1 - mean)) + hardness
    chances = 1 / (1 + np.exp(-logit))
    return (rng.random((CLUSTERS, count)) < chances[:, None]).astype(float).ravel()


def true_mean(mean: float, spread: float) -> float:
    logits = np.log(mean / (1 - mean)) + np.random.default_rng(9).normal(0, spread, 400_000)
    return float((1 / (1 + np.exp(-logits))).mean())


@pytest.mark.parametrize(("count", "spread"), [(1, 0.0), (2, 1.0), (3, 2.0)])
def test_an_interval_holds_the_true_share_in_93_to_97_of_100_sets(count, spread):
    rng, truth, hits = np.random.default_rng(4), true_mean(0.35, spread), 0
    names = [str(n) for n in np.repeat(np.arange(CLUSTERS), count)]
    for _ in range(1500):
        low, high = clustered_interval(drawn(rng, count, 0.35, spread), names)
        hits += low <= truth <= high
    assert 0.93 <= hits / 1500 <= 0.97


def test_clusters_that_are_taken_for_independent_items_would_promise_too_much():
    rng, truth, hits = np.random.default_rng(4), true_mean(0.35, 2.0), 0
    for _ in range(400):
        values = drawn(rng, 3, 0.35, 2.0)
        low, high = wilson(values.sum(), len(values))
        hits += low <= truth <= high
    assert hits / 400 < 0.9


def test_a_paired_interval_holds_the_true_difference():
    rng, hits = np.random.default_rng(5), 0
    names = [str(n) for n in np.repeat(np.arange(CLUSTERS), 2)]
    for number in range(300):
        first, second = drawn(rng, 2, 0.4, 1.0), drawn(rng, 2, 0.4, 1.0)
        low, high = paired_interval(second - first, names, 400, number)
        hits += low <= 0 <= high
    assert 0.91 <= hits / 300 <= 0.98


def test_without_clusters_it_is_wilson_s_interval():
    values = [1.0] * 15 + [0.0] * 5
    assert clustered_interval(values, [str(n) for n in range(20)]) == wilson(15, 20)
    assert clustered_interval([], []) is None
    assert design_effect(np.ones(12), ["a"] * 6 + ["b"] * 6) == 6
    assert paired_interval([1.0], ["a"]) is None


@pytest.mark.parametrize(
    ("difference", "count", "expected"),
    [
        (0.0, 3, [-0.7076, 0.7076]),  # resampled: from 0 to 0, whatever the number of items
        (1.0, 3, [-0.4152, 1.0]),
        (0.0, 1000, [-0.0037, 0.0037]),
    ],
)
def test_few_items_that_differ_alike_are_no_certainty(difference, count, expected):
    assert paired_interval([difference] * count, [str(n) for n in range(count)]) == expected


def test_mcnemar_is_exact():
    first, second = [True] * 6 + [False] * 4, [False] * 6 + [True] * 1 + [False] * 3
    assert mcnemar(first, second) == pytest.approx(2 * (1 + 7) / 2**7)
    assert mcnemar([True], [True]) == 1
    assert mcnemar([True] * 10, [False] * 10) == pytest.approx(2 / 2**10)


def test_holm_raises_the_smallest_most_and_keeps_the_order():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == {"a": 0.03, "b": 0.06, "c": 0.06}
    assert holm({}) == {}
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}
