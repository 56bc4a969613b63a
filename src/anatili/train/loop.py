"""The training loop that `pretrain` and `tune` share: warm-up, constant rate, decay, and exact resume.

A checkpoint (see `checkpoint.py`) holds weights, moments and step. Batches follow from the step alone. So a run killed
anywhere resumes to the same losses and the same weights. With several devices (see `devices.py`) each takes its part of
every batch, and the losses equal those of one device. Bad batches are left out (see `loss_spikes.py`).
"""

import json
import logging
import os
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any

# Spinning threads slow a shared machine down 10 times (measured: 12-40 s instead of 0.5 s); set before torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import torch

from anatili.stage import Progress
from anatili.train import devices
from anatili.train.checkpoint import Checkpoints, StateSelection
from anatili.train.data import IGNORED
from anatili.train.loss import LossWrapper
from anatili.train.loss_spikes import SpikeWatch
from anatili.train.optimizer import make_optimizers
from anatili.train.sampled_loss import SampledVocabulary
from anatili.train.schedule import TrainingPlan, rate_at
from anatili.train.throughput import ThroughputMeter
from anatili.train.trackers import figures_of, open_trackers

CHECKPOINT_SECONDS = 60.0
GRADIENT_NORM = 1.0
logger = logging.getLogger(__name__)
BEST, LOG = "best", "log.jsonl"


def prepare(
    model: torch.nn.Module,
    precision: torch.dtype,
    device: torch.device,
    compiled: bool = False,
    sampled: SampledVocabulary | None = None,
) -> torch.nn.Module:
    """`model` with its loss, on the device or sharded over all of them; what is prepared already stays as it is.

    With `compiled` each layer is compiled, where torch has a compiler for the device. With `sampled` the loss of
    training is over a part of the vocabulary.
    """
    if isinstance(model, LossWrapper):
        return model
    if devices.has_flex_attention(device):
        model.set_attn_implementation("flex_attention")
    for layer in model.get_decoder().layers if compiled else ():
        layer.compile()
    has_weights = not next(model.parameters()).is_meta
    wrapped = LossWrapper((model.to(device) if has_weights else model).train(), precision, sampled)
    return devices.spread(wrapped, device, precision)


def train(model: torch.nn.Module, plan: TrainingPlan, folder: Path, progress: Progress) -> list[dict[str, Any]]:
    """Train `model` in place by `plan`, with checkpoint and `log.jsonl` in `folder`; returns the rows of the log.

    Frozen parameters stay as they are and are not in the checkpoint. If the plan has a check, the model ends in the
    best state that was checked: an earlier one, the last, or the average. On several devices it ends sharded.
    """
    device = devices.pick_device()
    precision = devices.pick_precision(plan.precision, device)
    torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
    wrapped = prepare(model, precision, device)
    optimizers = make_optimizers(
        wrapped, plan.optimizer, plan.learning_rate, plan.weight_decay, plan.rows_rate, precision
    )
    states = StateSelection(wrapped, plan, folder / BEST, device)
    checkpoints = Checkpoints(folder, wrapped, optimizers, states.average)
    step, skipped = checkpoints.load()
    log = Log(folder, step)
    watch = SpikeWatch(row["loss"] for row in log.rows if "skipped" not in row)
    progress.start(plan.steps, "steps")
    progress.advance(step)
    meter, loaded = ThroughputMeter(wrapped.model, device, precision, plan.bytes_per_token), step

    def judge(row: dict[str, Any]) -> str:
        """Why an update is left out. Weights whose loss is as usual are good enough to be saved."""
        reason = watch.look(step, row["loss"], row["norm"])
        if not reason and step > loaded and (step in plan.keep_at or checkpoints.due(CHECKPOINT_SECONDS)):
            with meter.pause():
                save()
        return reason

    def save() -> None:
        checkpoints.save(step, skipped)
        # A return to an earlier checkpoint depends on the time at which that was written.
        if plan.keep and step in plan.keep_at and step > loaded and not skipped:
            checkpoints.finish()
            plan.keep(folder, step)

    with log, checkpoints:
        while step < plan.steps:
            if step in skipped:
                step += 1
                progress.advance(1)
                continue
            row = one_step(wrapped, optimizers, plan, step, device, judge)
            if watch.is_damaged(step):
                failed = step
                step, before = checkpoints.load()
                skipped = before | watch.left_out(failed, step)
                log.go_back(step, failed, skipped)
                continue
            step += 1
            with meter.pause():
                checks = states.update(step)
            row |= meter.take(row) | checks
            log.add(row)
            progress.advance(1, meter.line(row, plan.steps - step))
        save()
    if log.rows:
        log.rows[-1] |= states.select(log.rows[-1])
    return log.rows


def one_step(
    wrapped: torch.nn.Module,
    optimizers: list[torch.optim.Optimizer],
    plan: TrainingPlan,
    step: int,
    device: torch.device,
    judge: Callable[[dict[str, Any]], str] = lambda row: "",
) -> dict[str, Any]:
    """One update; its loss is the mean over tokens with a label, in nats, over all devices.

    `judge` is asked between gradient and update; if it gives a reason, the update is not made.
    """
    whole = plan.batch(step)
    count = max(1, int((whole[1] != IGNORED).sum()))
    local = devices.local_batch(whole)
    for optimizer in optimizers:
        optimizer.zero_grad()
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, plan) * group.get("share", 1.0)
    total = torch.zeros((), device=device)
    size = plan.micro_batch or max(1, len(local[0]))
    for start in range(0, len(local[0]), size):
        devices.exchange_gradients(wrapped, not plan.whole_gradients or start + size >= len(local[0]))
        loss = wrapped(*(part[start : start + size].to(device) for part in local))
        # Devices average their gradients; multiplying by their number gives the sum over the whole batch.
        (loss * (devices.count() / count)).backward()
        total += loss.detach()
    mean = devices.total(total).item() / count
    if plan.known_rows:
        devices.clear_rows(wrapped, plan.known_rows)
    norm = devices.clip(wrapped, GRADIENT_NORM)
    row = {
        "step": step,
        "tokens": (step + 1) * whole[0].numel(),
        "context": whole[0].shape[1],
        "loss": round(mean, 5),
        "rate": rate_at(step, plan),
        "norm": round(float(norm), 4),
        "labels": count,
    }
    if reason := judge(row):
        return row | {"skipped": reason}
    for optimizer in optimizers:
        optimizer.step()
    return row


class Log:
    """`log.jsonl`, a row for each step, written by the first process, and the trackers that follow it."""

    def __init__(self, folder: Path, step: int) -> None:
        self.file = folder / LOG
        self.rows: list[dict[str, Any]] = read_log(self.file)
        self.note: dict[str, Any] = {}
        """What the next row says about a return to a checkpoint."""
        self.trackers = open_trackers(folder) if devices.is_first() else []
        self.cut(step)

    def cut(self, step: int) -> None:
        """Leave only the rows before `step`."""
        self.rows = [row for row in self.rows if row["step"] < step]
        if devices.is_first():
            self.file.write_text("".join(json.dumps(row) + "\n" for row in self.rows), "utf-8")

    def go_back(self, step: int, failed: int, skipped: set[int]) -> None:
        """The training goes back from step `failed` to `step` and leaves out the steps in `skipped`."""
        self.cut(step)
        self.note = {"returned": {"from": failed, "to": step, "skipped": sorted(skipped)}}

    def add(self, row: dict[str, Any]) -> None:
        row |= self.note | {key: None for key in ("loss", "norm") if not isfinite(row[key])}
        self.note = {}
        self.rows.append(row)
        if devices.is_first():
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        for tracker in self.trackers.copy():
            try:
                tracker.add(row["step"], figures_of(row))
            except Exception as error:  # a tracker whose server is gone must not end a training
                logger.warning("no further figures go to %s: %s", type(tracker).__name__, error)
                self.trackers.remove(tracker)

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for tracker in self.trackers:
            try:
                tracker.close(failed=kind is not None)
            except Exception as error:
                logger.warning("%s was not closed: %s", type(tracker).__name__, error)


def read_log(path: Path) -> list[dict[str, Any]]:
    """The rows of a log, up to a line that a killed process left incomplete."""
    rows = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows
