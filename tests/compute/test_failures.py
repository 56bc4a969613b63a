"""Checkpoints: Daly's formula against failures that happen one by one."""

import random

import pytest

from anatili.compute.failures import best_interval, goodput

SAVE, RESTART = 60.0, 600.0


def simulated(work: float, interval: float, mean: float, seed: int) -> float:
    """The share of the time that is work, when failures strike at random, restarts included."""
    draw = random.Random(seed)
    clock = done = 0.0
    failure = draw.expovariate(1 / mean)
    while done < work:
        step = min(interval, work - done)
        if clock + step + SAVE <= failure:
            clock, done = clock + step + SAVE, done + step
            continue
        while True:
            clock, failure = failure, failure + draw.expovariate(1 / mean)
            if clock + RESTART <= failure:
                clock += RESTART
                break
    return work / clock


@pytest.mark.parametrize("number", [512, 4096, 16384])
def test_the_formula_is_what_happens(number):
    result = goodput(number, save=SAVE, restart=RESTART)
    runs = [
        simulated(600 * result.between_failures, result.interval, result.between_failures, seed) for seed in range(8)
    ]
    assert sum(runs) / len(runs) == pytest.approx(result.share, rel=0.005)


@pytest.mark.parametrize("number", [64, 512, 4096])
def test_no_other_interval_is_better(number):
    best = goodput(number)
    assert all(goodput(number, interval=best.interval * factor).share < best.share for factor in (1 / 3, 0.8, 1.25, 3))


def test_more_chips_fail_more_and_save_more_often():
    assert best_interval(16384) < best_interval(512) < best_interval(8)
    assert goodput(512).between_failures == pytest.approx(99 * 3600, rel=0.01)
    assert goodput(16384).share < 0.9  # unless saving and restarting are fast
    assert goodput(16384, save=10, restart=600).share > 0.9
    assert best_interval(10**6, save=10**5) == pytest.approx(86400 / (419 / 54 / 16384 * 10**6))
