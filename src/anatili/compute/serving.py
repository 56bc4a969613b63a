"""Chips that are needed to serve so many people at once: memory, bandwidth and arithmetic of reading and writing.

Links inside a group of chips are left out, and on accelerators what each step costs however little it computes.
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
MOST_USERS = 2**20


@dataclass(frozen=True)
class Load:
    """What each reader of answers asks for."""

    context: int
    """Tokens held for each."""
    prompt: int = 0
    """New tokens to read before each answer; what stays from the last turn is not read again."""
    answer: int = 256
    """Tokens of an answer."""


@dataclass(frozen=True)
class Machine:
    """What a server runs on: rates that it reaches, not those that are published."""

    bandwidth: float
    """Bytes per second."""
    peak: float
    """Operations per second of a step that decodes."""
    prompt_peak: float = 0.0
    """The same while prompts are read, many tokens at a time; 0: as `peak`."""
    start: float = 0.0
    """Seconds of a step, however little it computes: small models are bound by them."""


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
    prompts: float
    """Share of the time of a full copy that goes to reading prompts."""


def cache_bytes(shape: Shape, context: int, bytes_per_value: float = 2.0) -> float:
    """Keys and values of `context` tokens; with grouped queries only the key heads count."""
    return 2 * shape.layers * shape.kv_size * bytes_per_value * context


def step_seconds(shape: Shape, users: int, context: float, machine: Machine, *, weights: float, cache: float) -> float:
    """Seconds to decode one token for each of `users`; reading and computing go on at the same time.

    A step reads once all weights that it multiplies with, and every user's keys and values; it computes two operations
    per weight and user, and four per layer, query value and position.
    """
    return machine.start + max(step_parts(shape, users, context, machine, weights, cache))


def step_parts(
    shape: Shape, users: int, context: float, machine: Machine, weights: float, cache: float
) -> tuple[float, float]:
    """Seconds of a step for reading and for computing."""
    held = users * 2 * shape.layers * shape.kv_size * cache * context
    reading = (shape.matrices * weights + held) / machine.bandwidth
    computing = users * (2 * shape.matrices + 4 * shape.layers * shape.query_size * context) / machine.peak
    return reading, computing


def prompt_seconds(shape: Shape, tokens: int, machine: Machine) -> float:
    """Seconds to read a prompt; of its tokens only the last goes through the head."""
    operations = 2 * (shape.matrices - shape.embedding) + 2 * shape.layers * shape.query_size * tokens
    return (tokens * operations + 2 * shape.embedding) / (machine.prompt_peak or machine.peak)


def second_per_token(
    shape: Shape, users: int, load: Load, machine: Machine, *, weights: float, cache: float
) -> tuple[float, float]:
    """Seconds between two tokens of each of `users`, and the share of them in which prompts of the others are read."""
    step = step_seconds(shape, users, load.context, machine, weights=weights, cache=cache)
    prompts = users * prompt_seconds(shape, load.prompt, machine) / load.answer if load.prompt else 0.0
    return step + prompts, prompts / (step + prompts)


def serving_plan(
    shape: Shape,
    chip: Chip,
    *,
    users: int,
    context: int,
    speed: float,
    quantization: str = "bf16",
    cache: str = "bf16",
    reach: float = REACH,
    prompt: int = 0,
    answer: int = 256,
) -> ServingPlan:
    """The fewest chips on which `users` at once each get `speed` tokens per second; `Problem` if no group can."""
    if users < 1 or context < 1 or speed <= 0 or answer < 1 or prompt < 0:
        raise Problem("users, context, speed and answer must be above 0")
    if prompt > context:
        raise Problem(f"a prompt of {prompt} tokens does not fit into a context of {context}")
    for name in (quantization, cache):
        if name not in BYTES:
            raise Problem(f"no quantization {name!r}; known: {', '.join(BYTES)}")
    for figure in ("memory_gb", "bandwidth_tbs", "bf16_tflops"):
        if not getattr(chip, figure):
            raise Problem(f"{chip.name}: {figure} is {UNPUBLISHED}, so its serving cannot be planned")
    load = Load(context, prompt, answer)
    plans = [_group(shape, chip, size, users, load, speed, BYTES[quantization], BYTES[cache], reach) for size in GROUPS]
    possible = [plan for plan in plans if plan.users_per_copy >= 1]
    if not possible:
        raise Problem(
            f"no group of up to {GROUPS[-1]} {chip.name} gives even one user {speed:g} tokens per second: lower the "
            "speed or the context, or quantize"
        )
    return min(possible, key=lambda plan: (plan.chips, plan.group))


def _group(
    shape: Shape,
    chip: Chip,
    size: int,
    users: int,
    load: Load,
    speed: float,
    weights: float,
    cache: float,
    reach: float,
) -> ServingPlan:
    held, own = shape.total * weights, cache_bytes(shape, load.context, cache)
    machine = Machine(reach * chip.bandwidth_tbs * 1e12 * size, reach * chip.peak * size)

    def seconds(number: int) -> tuple[float, float]:
        return second_per_token(shape, number, load, machine, weights=weights, cache=cache)

    in_memory = math.floor((USABLE * chip.memory * size - held) / own)
    in_time, above = 0, min(MOST_USERS, max(1, in_memory) + 1)
    while above - in_time > 1:  # the most users whose tokens come fast enough
        middle = (in_time + above) // 2
        in_time, above = (middle, above) if seconds(middle)[0] <= 1 / speed else (in_time, middle)
    at_once = max(0, min(in_memory, in_time))
    reading, computing = step_parts(shape, max(1, at_once), load.context, machine, weights, cache)
    share = seconds(max(1, at_once))[1]
    timed = "bandwidth" if reading > computing and share < 0.5 else "arithmetic"
    bound = "memory" if in_memory <= in_time else timed
    needed = math.ceil(users / at_once) * size if at_once else 0
    return ServingPlan(needed, size, at_once, bound, held, own, 1 / seconds(1)[0], share)
