"""Where training runs: one device, or many under `torchrun` (FSDP2), from any vendor.

Everything that differs between one process and many is here, so that the loop reads as if there were one.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from anatili.document import whole_file
from anatili.train.data import IGNORED

PRECISION = "precision"
"""File that keeps the type that was measured to be faster."""
GAIN = 1.1
"""How many times as fast as float32 bfloat16 must be to be chosen, because it is less precise."""


def pick_device() -> Any:
    """The accelerator that torch finds (cuda, npu, xpu, mps; of several the one of this process), else the CPU."""
    if count() > 1 or "LOCAL_RANK" in os.environ:
        from accelerate import PartialState

        return PartialState(cpu=not torch.accelerator.is_available()).device
    return torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")


def pick_precision(setting: str, device: Any) -> Any:
    """The type of the forward pass; `auto` takes the faster one on this machine."""
    return getattr(torch, fastest(device.type) if setting == "auto" else setting)


def settle_precision(setting: str, folder: Path) -> str:
    """The name of that type; the choice of `auto` is kept in `folder`, so that a resumed training continues in it."""
    if setting != "auto":
        return setting
    file = folder / PRECISION
    with first_goes_ahead():
        if not file.exists():
            with whole_file(file) as temporary:
                temporary.write_text(fastest(pick_device().type), "utf-8")
    return file.read_text("utf-8")


@cache
def fastest(device_type: str) -> str:
    """`bfloat16` where the device multiplies faster in it. CPUs must be measured: of two that claim to support it, one
    was 2.1 times as fast in it and the other half as fast."""
    if device_type != "cpu":
        return "bfloat16"
    seconds = {}
    for name in ("float32", "bfloat16"):
        left, right = (torch.full(shape, 0.5, dtype=getattr(torch, name)) for shape in ((1024, 640), (640, 1024)))
        times = []
        for _ in range(6):
            began = time.perf_counter()
            left @ right
            times.append(time.perf_counter() - began)
        seconds[name] = min(times)
    return "bfloat16" if GAIN * seconds["bfloat16"] < seconds["float32"] else "float32"


def count() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def is_first() -> bool:
    """Whether this is the process that writes files and messages."""
    return count() == 1 or dist.get_rank() == 0


@contextmanager
def first_goes_ahead() -> Iterator[None]:
    """The first process runs the block before the others, which then find its work done."""
    if not is_first():
        wait()
    yield
    if is_first():
        wait()


def wait() -> None:
    if count() > 1:
        dist.barrier()


def leave() -> None:
    """Leave the process group once all are done; a process that just exits may be aborted by its own threads."""
    if count() > 1:
        wait()
        dist.destroy_process_group()


def spread(wrapped: Any, device: Any) -> Any:
    """Shard the parameters over all processes, layer by layer (torch's FSDP2); does nothing for a single process."""
    if count() == 1:
        return wrapped
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (count(),))
    for layer in wrapped.model.get_decoder().layers:
        fully_shard(layer, mesh=mesh)
    return fully_shard(wrapped, mesh=mesh)


def local_batch(batch: tuple[Any, Any, Any]) -> tuple[Any, ...]:
    """The sequences of a batch for this process; rows without labels pad a batch that does not divide evenly."""
    if count() == 1:
        return batch
    inputs, labels, positions = batch
    missing = -len(inputs) % count()
    if missing:
        more = inputs[-1:].expand(missing, -1)
        inputs, positions = torch.cat([inputs, more]), torch.cat([positions, positions[-1:].expand(missing, -1)])
        labels = torch.cat([labels, torch.full_like(more, IGNORED)])
    size = len(inputs) // count()
    part = slice(dist.get_rank() * size, (dist.get_rank() + 1) * size)
    return inputs[part], labels[part], positions[part]


def sync_gradients(wrapped: Any, last: bool) -> None:
    """Exchange gradients between processes only with the last micro-batch of a step."""
    if count() > 1:
        wrapped.set_requires_gradient_sync(last)


def total(value: Any) -> Any:
    """The sum of a scalar over all processes."""
    if count() > 1:
        dist.all_reduce(value)
    return value


def agree(own: bool) -> bool:
    """The answer of the first process, so that all processes do the same."""
    if count() == 1:
        return own
    answer = [own]
    dist.broadcast_object_list(answer, src=0)
    return bool(answer[0])


def clip(wrapped: Any, most: float) -> Any:
    """Scale gradients down to a norm of `most`; returns the norm before."""
    norm = torch.nn.utils.clip_grad_norm_([p for p in wrapped.parameters() if p.requires_grad], most)
    return norm.full_tensor() if hasattr(norm, "full_tensor") else norm


def whole(value: Any) -> Any:
    """A tensor assembled from the parts of all processes."""
    value = value.detach()
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def like(value: Any, parameter: Any) -> Any:
    """The whole tensor `value`, sharded like `parameter` and on its device."""
    value = value.to(parameter.device)
    if not hasattr(parameter, "full_tensor"):
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value, parameter.device_mesh, parameter.placements)


def gather(wrapped: Any, model: Any) -> None:
    """Put the sharded parameters of `model` together again in each process, after training."""
    if count() == 1:
        return
    # Under all names of shared parameters: transformers cannot tie an embedding again once peft has wrapped it.
    named = list(wrapped.named_parameters(remove_duplicate=False))
    gathered = {id(value): torch.nn.Parameter(whole(value), requires_grad=False) for _, value in named}
    for name, value in named:
        owner, _, leaf = name.removeprefix("model.").rpartition(".")
        setattr(model.get_submodule(owner), leaf, gathered[id(value)])
    from torch.distributed.fsdp import FSDPModule

    for module in model.modules():  # a sharded module refuses to be cast or merged even when it is complete
        if isinstance(module, FSDPModule):
            module.__class__ = type(module).__bases__[1]
