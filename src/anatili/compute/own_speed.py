"""The hours of a run by its own log: from fifty steps on, its own speed replaces the prior."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from anatili.compute.cost import Range
from anatili.compute.failures import goodput
from anatili.problem import Problem
from anatili.text import show_path

LOG = Path("pretrain") / "log.jsonl"
ENOUGH = 50
"""Steps from which on a log is believed."""
SKIPPED = 3
"""First steps of a process, in which kernels are chosen and caches filled."""
BLOCKS = 10
LEAST = 0.05
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
    speed: float
    """Tokens per second, of all chips together."""
    spread: float
    """Standard deviation of ln speed between tenths of the log."""


def read_speed(run: Path) -> OwnSpeed:
    """The speed of a run folder, or of a log; `Problem` if it has none, or too few steps."""
    file = run / LOG if run.is_dir() else run
    if not file.is_file():
        raise Problem(f"{show_path(run)} has no log of a training ({LOG}); start it with: anatili run RECIPE")
    rows = []
    for line in file.read_text("utf-8").splitlines():
        try:
            row = json.loads(line)
            rows.append((int(row["step"]), int(row["tokens"]), float(row["tokens_per_second"])))
        except (ValueError, KeyError, TypeError):
            break  # a killed process may have left half a line
    rows = [row for row in rows if row[2] > 0]
    if len(rows) < ENOUGH:
        raise Problem(f"{show_path(file)} has {len(rows)} steps; its speed is believed from {ENOUGH} steps on")
    kept = rows[SKIPPED:]
    seconds = [1 / speed for _, _, speed in kept]  # a step's tokens are equal, so mean time per token is what counts
    size = max(1, len(kept) // BLOCKS)
    blocks = [sum(seconds[i : i + size]) / len(seconds[i : i + size]) for i in range(0, len(seconds), size)]
    logs = [math.log(block) for block in blocks]
    mean = sum(logs) / len(logs)
    spread = math.sqrt(sum((value - mean) ** 2 for value in logs) / max(1, len(logs) - 1))
    return OwnSpeed(rows[-1][0] + 1, rows[-1][1], len(kept) / sum(seconds), max(LEAST, spread))


def hours_by(speed: OwnSpeed, tokens: float, number: int) -> Range:
    """Chip-hours for `tokens` at this speed on `number` chips, downtime included."""
    working = tokens / speed.speed / 3600 * number
    usual = goodput(number).share
    worst, middle, best = DOWNTIME if number >= LARGE else (usual**2, usual, 1.0)
    factor = math.exp(Z80 * speed.spread)
    return Range(working / factor / best, working / middle, working * factor / worst)
