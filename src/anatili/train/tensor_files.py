"""Tensors of a training on disk: a safetensors file from one process, a folder of parts from several.

The folder is torch's own (torch.distributed.checkpoint): each process writes what it holds, and any other number of
processes can read it. Both kinds keep tensors whole under the same names, so that one process can resume
what several stopped, and the other way round.
"""

import json
import shutil
import struct
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from anatili.atomic_files import disk_problem, whole_file
from anatili.train import devices
from anatili.weights import save_tensors

Facts = dict[str, list[float]]
"""Numbers that are kept with the tensors."""
FACT = "fact."
METADATA = ".metadata"
"""File that torch writes last: a folder with it is whole."""
SUFFIX = ".safetensors"
TYPES = {torch.float32: "F32", torch.bfloat16: "BF16"}
"""Types of weights by their names in safetensors."""


def save(target: Path, named: Iterable[tuple[str, Any]], facts: Facts) -> "Future[Any] | None":
    """Write tensors to `target`: from one process to a file with a suffix, at once; from several to a folder, in the
    background, of which the result tells the end."""
    if devices.count() == 1:
        tensors = {name: value.detach().cpu().contiguous().clone() for name, value in named}
        save_tensors(target.with_suffix(SUFFIX), tensors, {name: _joined(values) for name, values in facts.items()})
        return None
    import torch.distributed.checkpoint as dcp

    state = {name: value.detach() for name, value in named}
    state |= {FACT + name: torch.tensor(values, dtype=torch.float64) for name, values in facts.items()}
    if devices.is_first():
        shutil.rmtree(target, ignore_errors=True)
    devices.wait()
    future: Future[Any] = dcp.async_save(state, checkpoint_id=target, process_group=_background())
    return future


def save_whole(file: Path, named: list[tuple[str, Any]], metadata: dict[str, str]) -> None:
    """Write sharded tensors whole to one safetensors file; only one is whole in memory at a time."""
    header: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, value in named:
        start, end = end, end + value.numel() * value.element_size()
        header[name] = {"dtype": TYPES[value.dtype], "shape": list(value.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with ExitStack() as stack:
        out = None
        if devices.is_first():
            out = stack.enter_context(stack.enter_context(whole_file(file)).open("wb"))
            out.write(struct.pack("<Q", len(text)) + text)
        for _, value in named:
            whole = devices.whole(value)
            if out:
                out.write(whole.cpu().contiguous().view(torch.uint8).numpy().data)
    devices.wait()


def finish(future: "Future[Any] | None", target: Path) -> None:
    """Wait until the tensors are written; a full disk is a `Problem`."""
    if future is None:
        return
    from torch.distributed.checkpoint.api import CheckpointException

    try:
        future.result()
    except CheckpointException as error:
        causes = (cause for cause, _ in error.failures.values() if isinstance(cause, OSError))
        problem = next(filter(None, (disk_problem(cause, target) for cause in causes)), None)
        raise problem or error from error


@cache
def _background() -> Any:
    """A group of its own for writing, so that its messages do not mix with those of training."""
    return dist.new_group(backend="gloo")


def kinds(target: Path) -> list[Path]:
    """What is stored under `target` and whole: the file, the folder or both."""
    file = target.with_suffix(SUFFIX)
    return [path for path in (file, target) if (path / METADATA if path == target else path).exists()]


def facts_of(stored: Path) -> Facts:
    """The numbers that were stored with the tensors."""
    if stored.is_file():
        with _opened(stored) as tensors:
            return {name: _split(text) for name, text in (tensors.metadata() or {}).items()}
    names = [name for name in names_of(stored) if name.startswith(FACT)]
    sizes = {name: _metadata(stored).state_dict_metadata[name].size for name in names}
    values = {name: torch.zeros(sizes[name], dtype=torch.float64) for name in names}
    load(stored, values)
    return {name.removeprefix(FACT): value.tolist() for name, value in values.items()}


def names_of(stored: Path) -> set[str]:
    """The names of the stored tensors; facts of a folder are among them."""
    if stored.is_file():
        with _opened(stored) as tensors:
            return set(tensors.keys())
    return set(_metadata(stored).state_dict_metadata)


@torch.no_grad()  # type: ignore[untyped-decorator]
def load(stored: Path, into: dict[str, Any]) -> None:
    """Read the tensors named in `into` in place, whole or only this process's part of each."""
    if stored.is_file():
        with _opened(stored) as tensors:
            for name, value in into.items():
                value.copy_(devices.like(tensors.get_tensor(name), value))
        return
    import torch.distributed.checkpoint as dcp

    dcp.load(into, checkpoint_id=stored, no_dist=devices.count() == 1)


def remove(stored: Path) -> None:
    if stored.is_file():
        stored.unlink()
    else:
        shutil.rmtree(stored, ignore_errors=True)


def _metadata(folder: Path) -> Any:
    from torch.distributed.checkpoint import FileSystemReader

    return FileSystemReader(folder).read_metadata()


def _opened(file: Path) -> Any:
    from safetensors import safe_open

    return safe_open(str(file), "pt")


def _joined(values: list[float]) -> str:
    return " ".join(map(repr, values))


def _split(text: str) -> list[float]:
    return [float(value) for value in text.split()]
