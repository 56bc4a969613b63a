"""What failures of chips cost: how often to save, and the share of time that is work."""

import math
from dataclasses import dataclass

RATE = 419 / 54 / 16384
"""Unexpected interruptions per chip and day: Llama 3 405B, 419 in 54 days on 16,384 H100 (arXiv 2407.21783)."""
SAVE, RESTART = 60.0, 600.0
"""Seconds to write a checkpoint, and to start again after a failure; assumed, not measured."""


@dataclass(frozen=True)
class Goodput:
    """How a training copes with failures."""

    between_failures: float
    """Seconds."""
    interval: float
    """Seconds of work between two checkpoints."""
    share: float
    """Of the time, spent on work that is kept."""


def best_interval(number: int, save: float = SAVE, rate: float = RATE) -> float:
    """Seconds of work between checkpoints that lose the least time (Daly, 2006, equation 37)."""
    mean = 86400 / (rate * number)
    if save >= 2 * mean:
        return mean
    ratio = save / (2 * mean)
    return math.sqrt(2 * save * mean) * (1 + math.sqrt(ratio) / 3 + ratio / 9) - save


def goodput(
    number: int, *, save: float = SAVE, restart: float = RESTART, rate: float = RATE, interval: float = 0.0
) -> Goodput:
    """What is left of the time on `number` chips; `interval` 0: the best one (Daly, 2006, equation 20)."""
    mean = 86400 / (rate * number)
    interval = interval or best_interval(number, save, rate)
    share = interval / (mean * math.exp(restart / mean) * math.expm1((interval + save) / mean))
    return Goodput(mean, interval, share)
