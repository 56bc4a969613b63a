"""The hours of a run by its own log: from fifty steps on, its own speed replaces the prior.

What has passed is known; only what is left is estimated, from the last steps. Pauses (checks, checkpoints) are counted
apart from steps, and a step that hung counts as a slow one, not as what all others will take.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from anatili.compute.failures import goodput
from anatili.compute.mfu_prior import Range
from anatili.problem import Problem
from anatili.text import show_path

LOG = Path("pretrain") / "log.jsonl"
ENOUGH = 50
"""Steps from which on a log is believed."""
SKIPPED = 3
"""First steps of a process, in which kernels are chosen and caches filled."""
RECENT = 0.2
"""Share of the log, its end, that the speed is taken from; but `ENOUGH` steps at least."""
SLOWEST = 4.0
"""A step counts as so many usual ones at most."""
BLOCKS = 10
LEAST = 0.08
"""Standard deviation of ln speed that is assumed at least, whatever the log shows."""
Z80 = 1.2816
DOWNTIME = (0.67, 0.87, 0.94)
"""Hours by the measured speed of a run, per hours that it took: lowest, median, highest of five large ones."""
LARGE = 256
"""Chips from which on those five apply; below, only failures by their rate."""


@dataclass(frozen=True)
class OwnSpeed:
    """What a log says about speed."""

    steps: int
    tokens: int
    """Tokens trained on so far."""
    seconds: float
    """That training has taken so far, pauses included."""
    speed: float
    """Tokens per second of the last steps and their share of pauses, of all chips together."""
    paused: float
    """Share of the time so far that pauses took."""
    spread: float
    """Standard deviation of ln speed between tenths of the last steps."""
    waited: float = 0.0
    """Share of the time of the last steps that the process waited for a processor: what other work has taken."""


@dataclass(frozen=True)
class Step:
    """A step in a log."""

    number: int
    tokens: int
    """Of all steps so far."""
    seconds: float
    """Of the step alone."""
    paused: float
    waited: float


def read_speed(run: Path) -> OwnSpeed:
    """The speed of a run folder, or of a log; `Problem` if it has none, or too few steps."""
    file = run / LOG if run.is_dir() else run
    if not file.is_file():
        raise Problem(f"{show_path(run)} has no log of a training ({LOG}); start it with: anatili run RECIPE")
    steps = read_steps(file)
    if len(steps) < ENOUGH:
        raise Problem(f"{show_path(file)} has {len(steps)} steps; its speed is believed from {ENOUGH} steps on")
    return speed_of(steps)


def read_steps(file: Path) -> list[Step]:
    """The steps in a log, up to a line that a killed process left incomplete."""
    steps = []
    for line in file.read_text("utf-8").splitlines():
        try:
            steps.append(step_of(json.loads(line)))
        except (ValueError, KeyError, TypeError, ZeroDivisionError):
            break
    return steps


def step_of(row: dict[str, Any]) -> Step:
    number, tokens = int(row["step"]), int(row["tokens"])
    seconds = tokens / (number + 1) / float(row["tokens_per_second"])
    return Step(number, tokens, seconds, float(row.get("paused", 0)), float(row.get("waited", 0)))


def speed_of(steps: Sequence[Step]) -> OwnSpeed:
    """The speed that at least `ENOUGH` steps show."""
    total, paused = sum(step.seconds for step in steps), sum(step.paused for step in steps)
    recent = steps[SKIPPED:][-max(ENOUGH, round(RECENT * len(steps))) :]
    most = SLOWEST * median(step.seconds for step in recent)
    seconds = [min(step.seconds, most) for step in recent]
    size = max(1, len(seconds) // BLOCKS)
    blocks = [sum(seconds[i : i + size]) / len(seconds[i : i + size]) for i in range(0, len(seconds), size)]
    logs = [math.log(block) for block in blocks]
    mean = sum(logs) / len(logs)
    spread = math.sqrt(sum((value - mean) ** 2 for value in logs) / max(1, len(logs) - 1))
    each = sum(seconds) / len(seconds) + paused / len(steps)
    last = steps[-1]
    waited = sum(step.waited * step.seconds for step in recent) / sum(step.seconds for step in recent)
    return OwnSpeed(
        steps=last.number + 1,
        tokens=last.tokens,
        seconds=total + paused,
        speed=last.tokens / (last.number + 1) / each,
        paused=paused / (total + paused),
        spread=max(LEAST, spread),
        waited=waited,
    )


def hours_left(speed: OwnSpeed, tokens: float, number: int) -> Range:
    """Chip-hours until `tokens` are trained on, at this speed on `number` chips, downtime included.

    Where other work took processor time, the interval also spans from a machine without it to one with twice as much.
    """
    working = max(0.0, tokens - speed.tokens) / speed.speed / 3600 * number
    usual = goodput(number).share
    worst, middle, best = DOWNTIME if number >= LARGE else (usual**2, usual, 1.0)
    own = Z80 * speed.spread
    faster = math.exp(-math.hypot(own, math.log(1 - min(speed.waited, 0.95))))
    slower = math.exp(math.hypot(own, math.log(1 + speed.waited)))
    return Range(working * faster / best, working / middle, working * slower / worst)


def hours_by(speed: OwnSpeed, tokens: float, number: int) -> Range:
    """Chip-hours of the whole training: those that have passed, and those that are left."""
    passed, left = speed.seconds / 3600 * number, hours_left(speed, tokens, number)
    return Range(passed + left.low, passed + left.middle, passed + left.high)
