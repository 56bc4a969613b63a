"""How fast training is, how much of the machine it uses, and how much time and energy it takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from math import log
from pathlib import Path
from typing import Any

import torch

from anatili.compute.shape import training_flops
from anatili.train import devices

COUNTER = Path("/sys/class/powercap/intel-rapl:0/energy_uj")
"""Energy counter of the CPU, if the system lets us read it."""
FULL = COUNTER.with_name("max_energy_range_uj")
QUEUE = Path("/proc/thread-self/schedstat")
"""Nanoseconds that the thread has run and has waited for a processor, on Linux."""
PEAK_SIZES, PEAK_SECONDS = (512, 1024, 2048), 0.01
"""Rows of the matrices by which the practical limit is measured, and how long a product must take to be measured."""


class ThroughputMeter:
    """Measures each step; averages cover the steps of this process only, not those before a resume."""

    def __init__(
        self, model: torch.nn.Module, device: torch.device, precision: torch.dtype, bytes_per_token: float
    ) -> None:
        self.device = device
        self.bytes_per_token = bytes_per_token
        self.model = model
        self.flops: dict[int, float] = {}
        """Context -> operations per token."""
        self.peak = peak_flops(device, precision) * devices.count()
        self.began = self.last = time.monotonic()
        self.steps = self.tokens = 0
        self.paused = 0.0
        """Seconds since the last step in which training stood still."""
        self.power, self.queue = Power(device), read_queue()

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Around what is no part of a step: checks and checkpoints."""
        began = time.monotonic()
        yield
        self.paused += time.monotonic() - began

    def take(self, row: dict[str, Any]) -> dict[str, Any]:
        """What is logged for a step in addition to its loss: its own speed, and seconds of pauses since the last."""
        now, tokens = time.monotonic(), row["tokens"] // (row["step"] + 1)
        speed = tokens / max(1e-9, now - self.last - self.paused)
        self.last, self.steps, self.tokens = now, self.steps + 1, self.tokens + tokens
        paused, self.paused = self.paused, 0.0
        context = row["context"]
        if context not in self.flops:
            self.flops[context] = flops_per_token(self.model, context)
        return {
            "tokens_per_second": round(speed, 1),
            "utilisation": round(speed * self.flops[context] / self.peak, 4),
            "joules": self.power.joules(),
            **({"paused": round(paused, 3)} if paused >= 0.001 else {}),
            **self.waiting(),
        }

    def waiting(self) -> dict[str, float]:
        """The share of its time since the last step that this thread waited for a processor, on a CPU that says so:
        other work on the machine."""
        queue = read_queue()
        ran, waited = (now - before for now, before in zip(queue, self.queue, strict=True))
        self.queue = queue
        return {"waited": round(waited / (ran + waited), 3)} if self.device.type == "cpu" and ran > 0 else {}

    def line(self, row: dict[str, Any], left: int) -> str:
        """The progress line: loss, bits per byte, speed, utilization, time and energy left."""
        each = (self.last - self.began) / self.steps
        if "skipped" in row:
            return f"step {row['step']} is left out: {row['skipped']}"
        bits = row["loss"] / log(2) / self.bytes_per_token if self.bytes_per_token else 0
        parts = [f"loss {row['loss']:.3f}"]
        if bits:
            parts.append(f"~{bits:.3f} bits/byte")
        parts.append(f"{self.tokens / (self.last - self.began):,.0f} tokens/s")
        parts.append(f"{100 * row['utilisation']:.0f} % of peak, {clock(each * left)} left")
        joules = self.power.joules()
        if joules:
            parts.append(f"{joules / self.steps * left / 3.6e6:.3g} kWh left")
        return ", ".join(parts)


class Power:
    """Joules used since the start, from the CPU's counter or the accelerator's power draw; 0 if neither can be read."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.counter, self.at, self.used = read_joules(COUNTER), time.monotonic(), 0.0

    def joules(self) -> float:
        if self.device.type == "cpu" and self.counter is not None:
            now = read_joules(COUNTER) or self.counter
            # The counter starts again from 0 when it is full, within an hour on a busy machine.
            self.used += now - self.counter if now >= self.counter else now - self.counter + (read_joules(FULL) or 0.0)
            self.counter = now
        elif self.device.type != "cpu":
            now = time.monotonic()
            try:
                self.used += torch.get_device_module(self.device).power_draw() / 1000 * (now - self.at)
            except (AttributeError, ImportError, RuntimeError):
                return 0.0
            self.at = now
        return round(self.used, 1)


def read_joules(file: Path) -> float | None:
    """The value of a counter of microjoules, in joules; `None` if the system does not let us read it."""
    try:
        return int(file.read_text()) / 1e6
    except (OSError, ValueError):
        return None


def read_queue() -> tuple[int, int]:
    """Nanoseconds that this thread has run and has waited; 0 if the system does not say."""
    try:
        ran, waited, _ = QUEUE.read_text("ascii").split()
        return int(ran), int(waited)
    except (OSError, ValueError):
        return 0, 0


def flops_per_token(model: torch.nn.Module, context: int) -> float:
    """Floating-point operations to train `model` on one token of a sequence of `context`, frozen weights included."""
    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    embedding, head = (getattr(part, "original_module", part).weight for part in ends)  # new rows are held apart
    counted = [parameter for parameter in model.parameters() if parameter.ndim == 2 and parameter is not embedding]
    if head is embedding:
        counted.append(head)
    config = model.config.get_text_config()
    head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return training_flops(
        matrices=sum(parameter.numel() for parameter in counted if parameter.requires_grad),
        frozen=sum(parameter.numel() for parameter in counted if not parameter.requires_grad),
        layers=config.num_hidden_layers,
        query_size=config.num_attention_heads * head_size,
        context=context,
    )


@cache
def peak_flops(device: torch.device, precision: torch.dtype) -> float:
    """Operations per second of a matrix product, the best of five: the practical limit. Measured once.

    The product is the smallest of `PEAK_SIZES` that takes `PEAK_SECONDS`: one thread needs none larger to show what it
    can do, and would compute the largest for seconds.
    """
    for size in PEAK_SIZES:
        left, right = (torch.full((size, size), 0.5, device=device, dtype=precision) for _ in range(2))
        best = float("inf")
        for _ in range(5):
            began = time.perf_counter()
            left @ right
            if device.type != "cpu":
                torch.accelerator.synchronize()
            best = min(best, time.perf_counter() - began)
        if best >= PEAK_SECONDS:
            break
    return 2 * size**3 / best


def clock(seconds: float) -> str:
    """A duration for people to read."""
    minutes = int(seconds // 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min {int(seconds % 60):02d} s"
