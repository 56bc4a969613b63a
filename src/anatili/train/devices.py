"""Where training runs: one device, or many under `torchrun` (FSDP2), from any vendor.

Everything that differs between one process and many is here, so that the loop reads as if there were one.
"""

import importlib
import importlib.util
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from anatili import machine
from anatili.atomic_files import whole_file
from anatili.problem import Problem, pip
from anatili.train.data import IGNORED

NAMES = ("auto", "cpu", "ascend")
"""Kinds of devices that can be asked for by `--device`, which sets a variable that launched processes read too."""
PRECISION = "precision"
"""File that keeps the type that was measured to be faster."""
GAIN = 1.1
"""How many times as fast as float32 bfloat16 must be to be chosen, because it is less precise."""


def pick_device() -> torch.device:
    """The device to train on: of several of its kind the one of this process.

    Under a launcher the first call joins the processes, so that they can exchange tensors on the device and on the CPU.
    """
    device = chosen_device()
    if "LOCAL_RANK" not in os.environ:
        return device
    if device.type != "cpu":
        device = torch.device(device.type, int(os.environ["LOCAL_RANK"]))
        torch.accelerator.set_device_index(device.index)
    if not dist.is_initialized():
        names = dist.Backend.default_device_backend_map
        both = f"cpu:{names['cpu']},{device.type}:{names.get(device.type, '')}"
        dist.init_process_group(names["cpu"] if device.type == "cpu" else both)
    return device


def chosen_device() -> torch.device:
    """The kind of device that ANATILI_DEVICE names; `Problem` if it is not there."""
    name = os.environ.get("ANATILI_DEVICE") or "auto"
    if name not in NAMES:
        raise Problem(f"ANATILI_DEVICE = {name}: no such device; there are {', '.join(NAMES)}")
    if name == "ascend":
        if importlib.util.find_spec("torch_npu") is None:
            raise Problem(
                f"--device ascend needs Huawei's extension of torch: {pip()} torch-npu, in the version that belongs to "
                f"torch {torch.__version__} and to the installed CANN"
            )
        importlib.import_module("torch_npu")
    has_accelerator = name != "cpu" and torch.accelerator.is_available()
    device = torch.accelerator.current_accelerator() if has_accelerator else torch.device("cpu")
    if name == "ascend" and device.type != "npu":
        raise Problem("--device ascend: torch_npu is installed, but finds no chip; check with `npu-smi info`")
    return device


def has_flex_attention(device: torch.device) -> bool:
    """Whether attention within documents can leave out what the borders hide (flex attention, compiled by Triton); else
    it takes a mask over all pairs of positions."""
    from torch.utils._triton import has_triton

    return device.type not in ("cpu", "npu", "mps") and has_triton()


def pick_precision(setting: str, device: torch.device) -> torch.dtype:
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


def spread(wrapped: torch.nn.Module, device: torch.device, precision: torch.dtype) -> torch.nn.Module:
    """Shard the parameters over all processes, layer by layer (torch's FSDP2); does nothing for a single process.

    Weights are gathered in `precision`, gradients are added up in float32.
    """
    if count() == 1:
        return wrapped
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    mesh = init_device_mesh(device.type, (count(),))
    policy = MixedPrecisionPolicy(param_dtype=precision, reduce_dtype=torch.float32)
    for layer in wrapped.model.get_decoder().layers:
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    return fully_shard(wrapped, mesh=mesh, mp_policy=policy)


def exchange_gradients(wrapped: torch.nn.Module, now: bool) -> None:
    """Whether the next backward pass exchanges gradients; else each process adds them up whole, in float32."""
    if count() > 1:
        wrapped.set_requires_gradient_sync(now)


def memory() -> int:
    """Bytes of this process's device, used or free; of a CPU its share among the processes on this machine."""
    if torch.accelerator.is_available() and chosen_device().type != "cpu":
        info = getattr(torch.get_device_module(), "mem_get_info", None)
        return int(info()[1]) if info else 0
    return machine.memory() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def local_batch(batch: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
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


def total(value: torch.Tensor) -> torch.Tensor:
    """The sum of a scalar over all processes."""
    if count() > 1:
        dist.all_reduce(value)
    return value


def agree(own: bool) -> bool:
    """The answer of the first process, so that all processes do the same."""
    return bool(from_first_process(own))


def from_first_process(own: Any) -> Any:
    """The first process's value."""
    if count() == 1:
        return own
    answer = [own]
    dist.broadcast_object_list(answer, src=0)
    return answer[0]


def clip(wrapped: torch.nn.Module, most: float) -> torch.Tensor:
    """Scale gradients down to a norm of `most`; returns the norm before."""
    norm = torch.nn.utils.clip_grad_norm_([p for p in wrapped.parameters() if p.requires_grad], most)
    return norm.full_tensor() if hasattr(norm, "full_tensor") else norm


def clear_rows(wrapped: torch.nn.Module, known: int) -> None:
    """Set the gradients of the first `known` rows of embedding and head to zero."""
    model = wrapped.model
    for part in {
        id(p): p for p in (model.get_input_embeddings().weight, model.get_output_embeddings().weight)
    }.values():
        own, first = own_rows(part.grad)
        own[: max(0, known - first)] = 0


def own_rows(value: torch.Tensor) -> tuple[torch.Tensor, int]:
    """The rows of a tensor that this process holds, and the number of the first."""
    if not hasattr(value, "to_local"):
        return value.detach(), 0
    from torch.distributed.tensor._utils import compute_local_shape_and_global_offset

    _, offset = compute_local_shape_and_global_offset(value.shape, value.device_mesh, value.placements)
    return value.detach().to_local(), offset[0]


def whole(value: torch.Tensor) -> torch.Tensor:
    """A tensor assembled from the parts of all processes."""
    value = value.detach()
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def like(value: torch.Tensor, parameter: torch.nn.Parameter) -> torch.Tensor:
    """The whole tensor `value`, which every process has, sharded like `parameter` and on its device."""
    if not hasattr(parameter, "full_tensor"):
        return value.to(parameter.device)
    from torch.distributed.tensor import distribute_tensor

    mesh, placements = parameter.device_mesh, parameter.placements
    return distribute_tensor(value.to(parameter.device), mesh, placements, src_data_rank=None)


def gather(model: torch.nn.Module) -> None:
    """Put the sharded parameters of `model` together again in each process, after training."""
    if count() == 1:
        return
    # Under all names of shared parameters: transformers cannot tie an embedding again once peft has wrapped it.
    named = list(model.named_parameters(remove_duplicate=False))
    gathered = {id(value): torch.nn.Parameter(whole(value), requires_grad=False) for _, value in named}
    for name, value in named:
        owner, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(owner), leaf, gathered[id(value)])
    from torch.distributed.fsdp import FSDPModule

    for module in model.modules():  # a sharded module refuses to be cast or merged even when it is complete
        if isinstance(module, FSDPModule):
            module.__class__ = type(module).__bases__[1]
