"""Chips that are needed to serve so many people at once: memory, bandwidth and arithmetic of decoding.

A lower bound: prompts, gaps between batches and the links inside a group of chips are left out.
"""

import math
from dataclasses import dataclass

from anatili.compute.chips import UNPUBLISHED, Chip
from anatili.compute.shape import Shape
from anatili.problem import Problem

BYTES = {"bf16": 2.0, "q8": 1.0625, "q4": 0.5625}
"""Quantization -> bytes per weight; q8 and q4 with the scales of llama.cpp's q8_0 and q4_0."""
REACH = 0.6
"""Share of the published bandwidth and peak that decoding is assumed to reach; not measured on an accelerator."""
USABLE = 0.9
GROUPS = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class ServingPlan:
    """Chips for one kind of load."""

    chips: int
    group: int
    """Chips that hold one copy of the model."""
    users_per_copy: int
    bound: str
    """What runs out first: memory, bandwidth or arithmetic."""
    weight_bytes: float
    cache_bytes: float
    """Keys and values of one user."""
    alone: float
    """Tokens per second for a single user."""


def cache_bytes(shape: Shape, context: int, bytes_per_value: float = 2.0) -> float:
    """Keys and values of `context` tokens; with grouped queries only the key heads count."""
    return 2 * shape.layers * shape.kv_size * bytes_per_value * context


def step_seconds(shape: Shape, users: int, context: int, *, weights: float, cache: float, bandwidth: float,
                 peak: float, overlap: bool = True) -> float:  # fmt: skip
    """Seconds to decode one token for each of `users`: the larger of reading and computing, or their sum where they do
    not overlap (a CPU).

    A step reads all weights once and every user's keys and values; it computes two operations per weight and user, and
    four per layer, query value and position.
    """
    reading = (shape.total * weights + users * cache_bytes(shape, context, cache)) / bandwidth
    computing = users * (2 * shape.matrices + 4 * shape.layers * shape.query_size * context) / peak
    return max(reading, computing) if overlap else reading + computing


def serving_plan(
    shape: Shape, chip: Chip, *, users: int, context: int, speed: float, quantization: str = "bf16",
    cache: str = "bf16", reach: float = REACH,
) -> ServingPlan:  # fmt: skip
    """The fewest chips on which `users` at once each get `speed` tokens per second; `Problem` if no group can."""
    if users < 1 or context < 1 or speed <= 0:
        raise Problem("users, context and speed must be above 0")
    for name in (quantization, cache):
        if name not in BYTES:
            raise Problem(f"no quantization {name!r}; known: {', '.join(BYTES)}")
    for figure in ("memory_gb", "bandwidth_tbs", "bf16_tflops"):
        if not getattr(chip, figure):
            raise Problem(f"{chip.name}: {figure} is {UNPUBLISHED}, so its serving cannot be planned")
    plans = [_group(shape, chip, size, users, context, speed, BYTES[quantization], BYTES[cache], reach)
             for size in GROUPS]  # fmt: skip
    possible = [plan for plan in plans if plan.users_per_copy >= 1]
    if not possible:
        raise Problem(
            f"no group of up to {GROUPS[-1]} {chip.name} gives even one user {speed:g} tokens per second: lower the "
            "speed or the context, or quantize"
        )
    return min(possible, key=lambda plan: (plan.chips, plan.group))


def _group(shape: Shape, chip: Chip, size: int, users: int, context: int, speed: float, weights: float,
           cache: float, reach: float) -> ServingPlan:  # fmt: skip
    held, own = shape.total * weights, cache_bytes(shape, context, cache)
    bandwidth, peak = reach * chip.bandwidth_tbs * 1e12 * size, reach * chip.peak * size
    limits = {
        "memory": (USABLE * chip.memory * size - held) / own,
        "bandwidth": (bandwidth / speed - held) / own,
        "arithmetic": peak / speed / (2 * shape.matrices + 4 * shape.layers * shape.query_size * context),
    }
    bound = min(limits, key=lambda name: limits[name])
    at_once = max(0, math.floor(limits[bound]))
    alone = 1 / step_seconds(shape, 1, context, weights=weights, cache=cache, bandwidth=bandwidth, peak=peak)
    needed = math.ceil(users / at_once) * size if at_once else 0
    return ServingPlan(needed, size, at_once, bound, held, own, alone)
