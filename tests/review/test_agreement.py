"""Figures of agreement: by hand, by the numbers of the plan, and of a sample drawn by strata."""

import numpy as np
import pytest

from anatili.review.agreement import Stratum, ac1s, agreement, detection, kappas, weighted_detection

NAMES = ("refused", "answered")


def table(prevalence: float, hit: float, false: float) -> np.ndarray:
    """Expected shares of a detector with these rates: rows are the truth, columns the detector."""
    return np.array(
        [[[prevalence * hit, prevalence * (1 - hit)], [(1 - prevalence) * false, (1 - prevalence) * (1 - false)]]]
    )


def alone(things) -> list[str]:
    """Each in a cluster of its own."""
    return [str(number) for number in range(len(things))]


def test_the_figures_of_the_plan():
    """200 answers at a prevalence of .30: kappa .86 of a good detector; AC1 of a bad one at .05 is .92."""
    assert kappas(table(0.30, 0.85, 0.02))[0] == pytest.approx(0.86, abs=0.005)
    assert ac1s(table(0.05, 0.55, 0.05))[0] == pytest.approx(0.92, abs=0.005)
    assert kappas(table(0.05, 0.55, 0.05))[0] < 0.45


def test_kappa_and_ac1_by_hand():
    one = ["a"] * 45 + ["b"] * 15 + ["a"] * 25 + ["b"] * 15
    other = ["a"] * 45 + ["b"] * 15 + ["b"] * 25 + ["a"] * 15
    found = agreement(one, other, alone(one))
    # Cohen's own example: .60 agree, .54 by chance.
    assert found["kappa"].value == pytest.approx((0.6 - 0.54) / 0.46, abs=1e-4)
    share = (0.7 + 0.6) / 2
    chance = 2 * share * (1 - share)
    assert found["ac1"].value == pytest.approx((0.6 - chance) / (1 - chance), abs=1e-4)
    low, high = found["kappa"].interval
    assert low < found["kappa"].value < high


def test_the_interval_of_kappa_is_that_of_the_simulation():
    counts = np.round(table(0.30, 0.85, 0.02)[0] * 200).astype(int)
    pairs = [(a, b) for a in range(2) for b in range(2) for _ in range(counts[a, b])]
    found = agreement([NAMES[a] for a, _ in pairs], [NAMES[b] for _, b in pairs], alone(pairs))
    assert found["kappa"].interval == pytest.approx((0.77, 0.93), abs=0.02)


def test_what_cannot_be_told_is_none():
    assert agreement([], [], [])["kappa"].value is None
    same = agreement(["a", "a"], ["a", "a"], ["x", "y"])
    assert (same["kappa"].value, same["ac1"].value) == (None, 1.0)
    nothing = detection([False, False], [False, True], ["x", "y"])
    assert (nothing["hit"].value, nothing["false"].value, nothing["prevalence"].value) == (None, 0.5, 0.0)


def stratified(seed: int, hit: float) -> tuple[list[bool], list[bool], list[Stratum]]:
    """200 of 2,000 answers, 5 % of them refusals, drawn by what a detector calls refusals (false rate .02)."""
    chooser = np.random.default_rng(seed)
    truth = chooser.random(2000) < 0.05
    called = np.where(truth, chooser.random(2000) < hit, chooser.random(2000) < 0.02)
    groups = [np.flatnonzero(called), np.flatnonzero(~called)]
    first = min(100, len(groups[0]))
    drawn = [chooser.choice(groups[0], first, replace=False), chooser.choice(groups[1], 200 - first, replace=False)]
    strata = [
        Stratum(len(group), truth[own].tolist(), called[own].tolist(), alone(own))
        for group, own in zip(groups, drawn, strict=True)
    ]
    return [*strata[0].truth, *strata[1].truth], [*strata[0].detected, *strata[1].detected], strata


def test_a_detector_that_misses_half_looks_good_in_the_sample_but_not_among_all_answers():
    """What the detector misses is nearly not drawn."""
    drawn = [stratified(seed, 0.55) for seed in range(40)]
    sample = np.mean([np.logical_and(truth, called).sum() / np.sum(truth) for truth, called, _ in drawn])
    of_all = np.mean([weighted_detection(strata)["hit"].value for _, _, strata in drawn])
    assert sample > 0.9
    assert of_all == pytest.approx(0.55, abs=0.1)
    assert weighted_detection([])["hit"].value is None


@pytest.mark.parametrize("hit", [0.55, 0.95])
def test_intervals_of_all_answers_hold_the_truth(hit):
    """95 % intervals hold the rates of the detector in 90 % of 100 samples at least, also where none is missed."""
    held = dict.fromkeys(("prevalence", "hit", "false"), 0)
    for seed in range(100):
        found = weighted_detection(stratified(seed, hit)[2])
        for name, true in (("prevalence", 0.05), ("hit", hit), ("false", 0.02)):
            low, high = found[name].interval
            held[name] += low - 0.005 <= true <= high + 0.005
    assert all(count >= 90 for count in held.values()), held


def test_facts_of_one_answer_count_as_one_where_they_go_together():
    """Six facts of an answer are all said or all not: the interval is that of the answers."""
    chooser = np.random.default_rng(5)
    truth = np.repeat(chooser.random(100) < 0.5, 6)
    detected = np.repeat(chooser.random(100) < 0.5, 6) | truth
    together = detection(truth.tolist(), detected.tolist(), [str(n // 6) for n in range(600)])
    apart = detection(truth.tolist(), detected.tolist(), alone(truth))
    for name in ("prevalence", "false", "kappa", "ac1"):
        widths = [found[name].interval[1] - found[name].interval[0] for found in (together, apart)]
        assert together[name].value == apart[name].value
        assert widths[0] > 2 * widths[1], name
