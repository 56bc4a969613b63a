"""The training loop that `pretrain` and `tune` share: AdamW, warm-up, steady, decay, and exact resume.

A checkpoint holds weights, moments and step in one safetensors file, moved into place whole; batches follow from the
step alone. So a run killed anywhere goes on to the same losses and the same weights.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Spinning threads make a shared machine 10 times slower (measured: 12-40 s instead of 0.5 s); set before torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import torch

from anatili.document import whole_file
from anatili.problem import Problem
from anatili.stage import Progress

CHECKPOINT_SECONDS = 20.0
IGNORED = -100
"""Label of tokens that bear no loss."""
GRADIENT_NORM = 1.0


@dataclass(frozen=True)
class Plan:
    """What one training run does. `batch(step)` gives input ids and labels, both int64 of shape (sequences, length)."""

    steps: int
    batch: Callable[[int], tuple[Any, Any]]
    learning_rate: float
    warmup: float
    """Share of steps."""
    decay: float
    """Share of steps."""
    weight_decay: float
    precision: str
    """`auto`, `float32` or `bfloat16`."""


def pick_device() -> Any:
    """The accelerator torch finds (cuda, npu, xpu, mps), else the processor."""
    return torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")


def pick_precision(wanted: str, device: Any) -> Any:
    """The type of the forward pass; `auto` takes bfloat16 where the hardware has it (2.1 times faster on such CPUs)."""
    if wanted != "auto":
        return getattr(torch, wanted)
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else torch.float32
    return torch.bfloat16


def rate_at(step: int, plan: Plan) -> float:
    """Learning rate of a step: linear rise, steady, linear fall to a tenth."""
    rise, fall = max(1, round(plan.warmup * plan.steps)), round(plan.decay * plan.steps)
    if step < rise:
        return plan.learning_rate * (step + 1) / rise
    left = plan.steps - step
    return plan.learning_rate * (0.1 + 0.9 * left / fall) if left < fall else plan.learning_rate


def train(model: Any, plan: Plan, folder: Path, progress: Progress) -> list[dict[str, Any]]:
    """Train `model` in place by `plan`; the checkpoint and `log.jsonl` are kept in `folder`. Returns the log's rows."""
    device = pick_device()
    precision = pick_precision(plan.precision, device)
    torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
    model.to(device).train()
    optimizer = make_optimizer(model, plan)
    file = folder / "checkpoint.safetensors"
    step = load_checkpoint(file, model, optimizer)
    rows = [row for row in read_log(folder / "log.jsonl") if row["step"] < step]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    progress.start(plan.steps, "steps")
    progress.advance(step)
    saved = time.monotonic()
    while step < plan.steps:
        began = time.monotonic()
        row = one_step(model, optimizer, plan, step, device=device, precision=precision)
        step += 1
        row["tokens_per_second"] = round(row.pop("count") / (time.monotonic() - began), 1)
        rows.append(row)
        with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")
        progress.advance(1, f"loss {row['loss']:.3f}, {row['tokens_per_second']:,.0f} tokens/s")
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            save_checkpoint(file, model, optimizer, step)
            saved = time.monotonic()
    save_checkpoint(file, model, optimizer, step)
    return rows


def one_step(model: Any, optimizer: Any, plan: Plan, step: int, *, device: Any, precision: Any) -> dict[str, Any]:
    """One update; its loss is the mean over tokens with a label, in nats."""
    inputs, labels = (part.to(device) for part in plan.batch(step))
    for group in optimizer.param_groups:
        group["lr"] = rate_at(step, plan)
    with torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32):
        logits = model(input_ids=inputs).logits
    loss = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="mean"
    )
    if not torch.isfinite(loss):
        raise Problem(f"the loss is no number at step {step}; lower learning_rate in the recipe and use --redo")
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
    optimizer.step()
    return {"step": step, "tokens": (step + 1) * inputs.numel(), "loss": round(loss.item(), 5),
            "rate": rate_at(step, plan), "count": inputs.numel()}  # fmt: skip


def make_optimizer(model: Any, plan: Plan) -> Any:
    """AdamW; weights of matrices decay, gains of norms do not."""
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": plan.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=plan.learning_rate, betas=(0.9, 0.95), fused=True)


def named_state(model: Any, optimizer: Any) -> Iterator[tuple[str, Any]]:
    """All tensors that a checkpoint holds, by name; tied weights once."""
    for name, parameter in model.named_parameters():
        yield f"weights.{name}", parameter.data
        for key, value in sorted(optimizer.state.get(parameter, {}).items()):
            yield f"{key}.{name}", value


def save_checkpoint(file: Path, model: Any, optimizer: Any, step: int) -> None:
    from safetensors.torch import save_file

    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in named_state(model, optimizer)}
    with whole_file(file) as temporary:
        save_file(tensors, str(temporary), metadata={"step": str(step)})


def load_checkpoint(file: Path, model: Any, optimizer: Any) -> int:
    """Put weights and moments back; returns the step to go on with, 0 if there is no checkpoint."""
    if not file.exists():
        return 0
    from safetensors import safe_open

    with safe_open(str(file), "pt") as tensors:
        step = int(tensors.metadata()["step"])
        names = set(tensors.keys())
        for name, parameter in model.named_parameters():
            parameter.data.copy_(tensors.get_tensor(f"weights.{name}"))
            state = {key: tensors.get_tensor(f"{key}.{name}") for key in ("exp_avg", "exp_avg_sq", "step")
                     if f"{key}.{name}" in names}  # fmt: skip
            if state:
                optimizer.state[parameter] = {
                    key: value if key == "step" else value.to(parameter.device) for key, value in state.items()
                }
    return step


def read_log(path: Path) -> list[dict[str, Any]]:
    """Rows of a log, up to a line that a killed process left half written."""
    rows = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows
