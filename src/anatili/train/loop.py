"""The training loop that `pretrain` and `tune` share: warm-up, constant rate, decay, and exact resume.

A checkpoint holds weights, moments and step in one safetensors file that is moved into place when complete. Batches
follow from the step alone. So a run killed anywhere resumes to the same losses and the same weights. With several
devices (see `devices.py`) each takes its part of every batch, and the losses equal those of one device.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Spinning threads slow a shared machine down 10 times (measured: 12-40 s instead of 0.5 s); set before torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import torch

from anatili.problem import Problem
from anatili.stage import Progress
from anatili.train import devices
from anatili.train.checkpoint import States, load_checkpoint, save_checkpoint
from anatili.train.data import IGNORED
from anatili.train.loss import WithLoss
from anatili.train.meter import ThroughputMeter
from anatili.train.optimizer import make_optimizers

CHECKPOINT_SECONDS = 60.0
GRADIENT_NORM = 1.0
CHECKPOINT, BEST = "checkpoint.safetensors", "best.safetensors"


@dataclass(frozen=True)
class Plan:
    """The settings of one training run."""

    steps: int
    batch: Callable[[int], tuple[Any, Any, Any]]
    """Step -> inputs, labels, positions; int64 of shape (sequences, length)."""
    learning_rate: float
    warmup: float
    """Share of steps in which the rate rises."""
    decay: float
    """Share of steps in which the rate falls."""
    weight_decay: float
    precision: str
    """`auto`, `float32` or `bfloat16`."""
    optimizer: str = "muon"
    micro_batch: int = 0
    """Sequences in memory at a time; 0: the whole batch."""
    compile: bool = False
    floor: float = 0.1
    """Learning rate at the end of the decay, as a share of the peak rate."""
    rows_rate: float = 0.0
    """Peak learning rate of new rows that are trained along with an adapter; 0: that of the rest."""
    bytes_per_token: float = 0.0
    """Mean bytes of text per label; 0: unknown."""
    check: Callable[[Any, Any], dict[str, float]] | None = None
    """(module with loss, device) -> bits per byte on held-out text by language, and their `mean`; lower is better."""
    check_every: int = 0
    """Steps between two checks; 0: none."""
    average: float = 0.0
    """Share of steps at the end over which the weights are averaged."""


def rate_at(step: int, plan: Plan) -> float:
    """Learning rate of a step: linear rise, constant, linear fall (warm-up, stable, decay)."""
    rise, fall = max(1, round(plan.warmup * plan.steps)), round(plan.decay * plan.steps)
    if step < rise:
        return plan.learning_rate * (step + 1) / rise
    left = plan.steps - step
    return plan.learning_rate * (plan.floor + (1 - plan.floor) * left / fall) if left < fall else plan.learning_rate


def train(model: Any, plan: Plan, folder: Path, progress: Progress) -> list[dict[str, Any]]:
    """Train `model` in place by `plan`, with checkpoint and `log.jsonl` in `folder`; returns the rows of the log.

    Frozen parameters stay as they are and are not in the checkpoint. If the plan has a check, the model ends in the
    best state that was checked: an earlier one, the last, or the average.
    """
    device = devices.pick_device()
    precision = devices.pick_precision(plan.precision, device)
    torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
    wrapped = devices.spread(WithLoss(model.to(device).train(), precision), device)
    optimizers = make_optimizers(
        wrapped, plan.optimizer, plan.learning_rate, plan.weight_decay, plan.rows_rate, precision
    )
    file = folder / CHECKPOINT
    states = States(wrapped, plan, folder / BEST, device)
    step = load_checkpoint(file, wrapped, optimizers, states.average)
    rows = [row for row in read_log(folder / "log.jsonl") if row["step"] < step]
    if devices.is_first():
        (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    forward = torch.compile(wrapped) if plan.compile else wrapped
    progress.start(plan.steps, "steps")
    progress.advance(step)
    meter, saved = ThroughputMeter(model, device, precision, plan.bytes_per_token), time.monotonic()
    while step < plan.steps:
        row = one_step(forward, wrapped, optimizers, plan, step, device)
        step += 1
        row |= meter.take(row) | states.take(step)
        rows.append(row)
        if devices.is_first():
            with (folder / "log.jsonl").open("a", encoding="utf-8") as log_file:
                log_file.write(json.dumps(row) + "\n")
        progress.advance(1, meter.line(row, plan.steps - step))
        if devices.agree(time.monotonic() - saved > CHECKPOINT_SECONDS):
            save_checkpoint(file, wrapped, optimizers, step, states.average)
            saved = time.monotonic()
    save_checkpoint(file, wrapped, optimizers, step, states.average)
    if rows:
        rows[-1] |= states.settle(rows[-1])
    devices.gather(wrapped, model)
    return rows


def one_step(forward: Any, wrapped: Any, optimizers: list[Any], plan: Plan, step: int, device: Any) -> dict[str, Any]:
    """One update; its loss is the mean over tokens with a label, in nats, over all devices."""
    whole = plan.batch(step)
    count = max(1, int((whole[1] != IGNORED).sum()))
    local = devices.local_batch(whole)
    for optimizer in optimizers:
        optimizer.zero_grad()
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, plan) * group.get("share", 1.0)
    total = torch.zeros((), device=device)
    size = plan.micro_batch or max(1, len(local[0]))
    starts = range(0, len(local[0]), size)
    for start in starts:
        devices.sync_gradients(wrapped, start == starts[-1])
        loss = forward(*(part[start : start + size].to(device) for part in local))
        # Devices average their gradients; multiplying by their number gives the sum over the whole batch.
        (loss * (devices.count() / count)).backward()
        total += loss.detach()
    mean = devices.total(total).item() / count
    if mean != mean or mean in (float("inf"), float("-inf")):
        raise Problem(
            f"the loss is not a finite number at step {step}; the last good state is in checkpoint.safetensors. Lower "
            "learning_rate in the recipe and rebuild the stage with --redo"
        )
    norm = devices.clip(wrapped, GRADIENT_NORM)
    for optimizer in optimizers:
        optimizer.step()
    return {"step": step, "tokens": (step + 1) * whole[0].numel(), "context": whole[0].shape[1], "loss": round(mean, 5),
            "rate": rate_at(step, plan), "norm": round(float(norm), 4), "labels": count}  # fmt: skip


def read_log(path: Path) -> list[dict[str, Any]]:
    """The rows of a log, up to a line that a killed process left incomplete."""
    rows = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows
