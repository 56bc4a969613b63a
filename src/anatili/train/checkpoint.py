"""Checkpoints of a training run, and the choice of the state in which it leaves the model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from anatili.train import devices
from anatili.weights import save_tensors

Average = dict[str, Any]
"""Parameter name -> the mean of its values so far; empty before averaging begins."""


def trainable(wrapped: Any) -> Iterator[tuple[str, Any]]:
    """The trainable parameters with their names; tied ones come once."""
    return ((name, parameter) for name, parameter in wrapped.named_parameters() if parameter.requires_grad)


def named_state(wrapped: Any, optimizers: list[Any], average: Average) -> Iterator[tuple[str, Any]]:
    """The name and value of every tensor in a checkpoint."""
    for name, parameter in trainable(wrapped):
        yield f"weights.{name}", parameter.data
        if name in average:
            yield f"average.{name}", average[name]
        for optimizer in optimizers:
            for key, value in sorted(optimizer.state.get(parameter, {}).items()):
                yield f"{key}.{name}", value


def save_checkpoint(file: Path, wrapped: Any, optimizers: list[Any], step: int, average: Average) -> None:
    """Write the checkpoint from the first process; the previous one stays until the new one is complete."""
    write(file, named_state(wrapped, optimizers, average), {"step": str(step)})


def write(file: Path, named: Iterator[tuple[str, Any]], facts: dict[str, str]) -> None:
    tensors = {name: devices.whole(value).cpu().contiguous().clone() for name, value in named}
    if devices.is_first():
        save_tensors(file, tensors, facts)
    devices.wait()


def load_checkpoint(file: Path, wrapped: Any, optimizers: list[Any], average: Average) -> int:
    """Restore weights, moments and average; returns the step to continue with, 0 if there is no checkpoint."""
    if not file.exists():
        return 0
    from safetensors import safe_open

    with safe_open(str(file), "pt") as tensors:
        step = int(tensors.metadata()["step"])
        names = set(tensors.keys())
        for name, parameter in trainable(wrapped):
            parameter.data.copy_(devices.like(tensors.get_tensor(f"weights.{name}"), parameter))
            if f"average.{name}" in names:
                average[name] = devices.like(tensors.get_tensor(f"average.{name}"), parameter)
            optimizer = next(o for o in optimizers if any(p is parameter for g in o.param_groups for p in g["params"]))
            for key in ("exp_avg", "exp_avg_sq", "step", "momentum_buffer"):
                if f"{key}.{name}" in names:
                    value = tensors.get_tensor(f"{key}.{name}")
                    optimizer.state[parameter][key] = value if key == "step" else devices.like(value, parameter)
    return step


class States:
    """The average of the last weights, and the best weights that a check has seen, kept in a file of their own."""

    def __init__(self, wrapped: Any, plan: Any, best: Path, device: Any) -> None:
        self.wrapped, self.plan, self.best, self.device = wrapped, plan, best, device
        self.average: Average = {}
        self.first = plan.steps - round(plan.average * plan.steps)
        """Steps after which averaging begins."""

    def take(self, step: int) -> dict[str, Any]:
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
            write(self.best, named, {"mean": str(bits["mean"]), "step": str(step)})
        return {"held_out": bits}

    def best_mean(self) -> float:
        if not self.best.exists():
            return float("inf")
        from safetensors import safe_open

        with safe_open(str(self.best), "pt") as tensors:
            return float(tensors.metadata()["mean"])

    def settle(self, last: dict[str, Any]) -> dict[str, Any]:
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
            from safetensors.torch import load_file

            best = load_file(self.best)
            self.put(
                {name: devices.like(best[f"weights.{name}"], parameter) for name, parameter in trainable(self.wrapped)}
            )
        return {"state": chosen, **{f"held_out_{name}": bits for name, bits in results.items() if name == "average"}}

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def put(self, values: dict[str, Any]) -> None:
        for name, parameter in trainable(self.wrapped):
            parameter.data.copy_(values[name])
