"""Checkpoints of a training run, and the choice of the state in which it leaves the model."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from anatili.compute.failures import best_interval
from anatili.train import devices, tensor_files
from anatili.train.schedule import TrainingPlan

NAME = "checkpoint"
SHARE = 0.01
"""Of the time, that saving may cost."""

Average = dict[str, torch.Tensor]
"""Parameter name -> the mean of its values so far; empty before averaging begins."""


def trainable(wrapped: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """The trainable parameters with their names; tied ones come once."""
    return ((name, parameter) for name, parameter in wrapped.named_parameters() if parameter.requires_grad)


def named_state(
    wrapped: torch.nn.Module, optimizers: list[torch.optim.Optimizer], average: Average
) -> Iterator[tuple[str, Any]]:
    """The name and value of every tensor in a checkpoint."""
    for name, parameter in trainable(wrapped):
        yield f"weights.{name}", parameter.data
        if name in average:
            yield f"average.{name}", average[name]
        for optimizer in optimizers:
            for key, value in sorted(optimizer.state.get(parameter, {}).items()):
                yield f"{key}.{name}", value


class Checkpoints:
    """The checkpoints of a training in `folder`: weights, moments, the average, the step and the steps left out.

    One process writes `checkpoint.safetensors`, several write folders `checkpoint-STEP` in the background. The previous
    one stays until the new one is complete, and any number of processes can resume from either.
    """

    def __init__(
        self, folder: Path, wrapped: torch.nn.Module, optimizers: list[torch.optim.Optimizer], average: Average
    ) -> None:
        self.folder, self.wrapped, self.optimizers, self.average = folder, wrapped, optimizers, average
        self.pending: Any = None
        self.target = folder / NAME
        self.saved = time.monotonic()
        self.cost = 0.0
        """Seconds for which the last save held up training."""

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *error: object) -> None:
        """However training ends, the checkpoint that is being written is written to its end."""
        self.finish()

    def newest(self) -> Path | None:
        """The whole checkpoint with the highest step, as the first process sees it."""
        targets = [self.folder / NAME, *self.folder.glob(f"{NAME}-*")]
        stored = [path for target in targets for path in tensor_files.kinds(target)]
        latest: Path | None = devices.from_first_process(max(stored, key=step_of, default=None))
        return latest

    def load(self) -> tuple[int, set[int]]:
        """Restore the newest checkpoint; returns the step to continue with and the steps left out, 0 and none if there
        is no checkpoint."""
        self.finish()
        stored = self.newest()
        if stored is None:
            return 0, set()
        names = tensor_files.names_of(stored)
        into: dict[str, Any] = {}
        for name, parameter in trainable(self.wrapped):
            into[f"weights.{name}"] = parameter.data
            if f"average.{name}" in names:
                self.average[name] = into[f"average.{name}"] = torch.zeros_like(parameter.data, dtype=torch.float32)
            optimizer = optimizer_of(parameter, self.optimizers)
            for key in ("exp_avg", "exp_avg_sq", "step", "momentum_buffer"):
                if f"{key}.{name}" in names:
                    value = torch.zeros((), device=parameter.device) if key == "step" else torch.zeros_like(parameter)
                    optimizer.state[parameter][key] = into[f"{key}.{name}"] = value.detach()
        tensor_files.load(stored, into)
        return step_of(stored), {int(step) for step in tensor_files.facts_of(stored).get("skipped", [])}

    def due(self, least: float) -> bool:
        """Whether to save now: after `least` seconds, or later where saving holds up training for longer, so that
        it costs a hundredth of the time; but as often as the failures of so many devices ask for. 0: at every step."""
        chosen = min(self.cost / SHARE, best_interval(devices.count(), self.cost)) if self.cost else 0.0
        interval = max(least, chosen) if least else 0.0
        return devices.agree(time.monotonic() - self.saved > interval)

    def save(self, step: int, skipped: set[int]) -> None:
        """Write a checkpoint that continues with `step`, once the last one is complete."""
        began = time.monotonic()
        self.finish()
        several = devices.count() > 1
        self.target = self.folder / (f"{NAME}-{step:09d}" if several else NAME)
        named = named_state(self.wrapped, self.optimizers, self.average)
        self.pending = tensor_files.save(self.target, named, {"step": [step], "skipped": sorted(skipped)})
        if not several:
            self.clear_old()
        self.saved = time.monotonic()
        self.cost = self.saved - began

    def finish(self) -> None:
        """Wait until the last checkpoint is complete, and remove those before it."""
        if self.pending is not None:
            tensor_files.finish(self.pending, self.target)
            self.pending = None
            self.clear_old()

    def clear_old(self) -> None:
        """Remove all checkpoints but the last complete one."""
        if devices.is_first():
            stored = tensor_files.kinds(self.target)[-1]
            for path in (self.folder / f"{NAME}{tensor_files.SUFFIX}", *self.folder.glob(f"{NAME}-*")):
                if path != stored:
                    tensor_files.remove(path)


def step_of(stored: Path) -> int:
    """The step that a checkpoint continues with."""
    return int(tensor_files.facts_of(stored)["step"][0]) if stored.is_file() else int(stored.name.rpartition("-")[2])


def optimizer_of(parameter: torch.nn.Parameter, optimizers: list[torch.optim.Optimizer]) -> torch.optim.Optimizer:
    """The optimizer that trains a parameter."""
    return next(o for o in optimizers if any(p is parameter for g in o.param_groups for p in g["params"]))


class StateSelection:
    """Keeps the average of the last weights and the best weights that a check has seen; selects the final state.

    `best`: the file, or folder of parts, in which the best weights are kept, so that they survive a restart.
    """

    def __init__(self, wrapped: torch.nn.Module, plan: TrainingPlan, best: Path, device: torch.device) -> None:
        self.wrapped, self.plan, self.best, self.device = wrapped, plan, best, device
        self.average: Average = {}
        self.first = plan.steps - round(plan.average * plan.steps)
        """Steps after which averaging begins."""

    def update(self, step: int) -> dict[str, Any]:
        """Update average and best weights after `step` steps; returns what to log."""
        if step > self.first:
            share = 1 / (step - self.first)
            for name, parameter in trainable(self.wrapped):
                value = parameter.data.float()
                self.average[name] = self.average[name].lerp_(value, share) if name in self.average else value.clone()
        if not (self.plan.check and self.plan.check_every):
            return {}
        if step % self.plan.check_every and step != self.plan.steps:
            return {}
        bits = self.plan.check(self.wrapped, self.device)
        if bits["mean"] < self.best_mean() and step != self.plan.steps:
            named = ((f"weights.{name}", parameter.data) for name, parameter in trainable(self.wrapped))
            tensor_files.finish(
                tensor_files.save(self.best, named, {"mean": [bits["mean"]], "step": [step]}), self.best
            )
        return {"held_out": bits}

    def best_stored(self) -> Path | None:
        return min(tensor_files.kinds(self.best), key=lambda path: tensor_files.facts_of(path)["mean"][0], default=None)

    def best_mean(self) -> float:
        stored = self.best_stored()
        return tensor_files.facts_of(stored)["mean"][0] if stored else float("inf")

    def select(self, last: dict[str, Any]) -> dict[str, Any]:
        """Leave the model in its best state: without a check, in the average if there is one."""
        if not self.average and "held_out" not in last:
            return {}
        before = {name: parameter.data.clone() for name, parameter in trainable(self.wrapped)}
        results = {"last": last.get("held_out")}
        if self.average:
            self.put(self.average)
            if not (self.plan.check and self.plan.check_every):
                return {"state": "average"}
            results["average"] = self.plan.check(self.wrapped, self.device)
        means = {name: bits["mean"] for name, bits in results.items() if bits} | {"best": self.best_mean()}
        chosen = min(means, key=lambda name: (means[name], name != "last"))
        if chosen == "last":
            self.put(before)
        elif chosen == "best":
            stored = self.best_stored()
            assert stored is not None
            tensor_files.load(stored, {f"weights.{name}": value.data for name, value in trainable(self.wrapped)})
        return {"state": chosen, **{f"held_out_{name}": bits for name, bits in results.items() if name == "average"}}

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def put(self, values: Average) -> None:
        for name, parameter in trainable(self.wrapped):
            parameter.data.copy_(values[name])
