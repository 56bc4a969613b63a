"""Models of several processes, none of which ever builds the whole: made without weights, sharded, then filled.

Random weights are drawn as one process draws them, one parameter at a time, so that they are the same numbers. Those of
a folder are read from its files, each process its own rows.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from anatili import weights
from anatili.gguf.base_model import open_base
from anatili.problem import Problem
from anatili.recipe import Pretrain
from anatili.text import show_path
from anatili.train import devices, init
from anatili.train.instruction_delta import open_tensors
from anatili.train.positions import set_positions

Fill = Callable[[Any, Any], None]
"""Takes the sharded model with its loss and the device, and gives it its weights."""


class DrawRecorder(TorchDispatchMode):  # type: ignore[misc]
    """Notes in order what is done in place to parameters without memory."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[tuple[Any, Any, tuple[Any, ...], dict[str, Any]]] = []
        """Parameter, operation, its further arguments."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if args and isinstance(args[0], torch.nn.Parameter) and args[0].is_meta and function._schema.is_mutable:
            self.noted.append((args[0], function, tuple(args[1:]), kwargs or {}))
        return function(*args, **(kwargs or {}))


@contextmanager
def without_weights() -> Iterator[None]:
    """Modules made inside have parameters without memory; their buffers, such as the frequencies of RoPE, are real."""
    register = torch.nn.Module.register_parameter

    def on_meta(module: torch.nn.Module, name: str, parameter: torch.nn.Parameter) -> None:
        if parameter is not None and not parameter.is_meta:
            parameter = torch.nn.Parameter(parameter.to("meta"), requires_grad=parameter.requires_grad)
        register(module, name, parameter)

    torch.nn.Module.register_parameter = on_meta
    try:
        yield
    finally:
        torch.nn.Module.register_parameter = register


def from_scratch(settings: Pretrain, vocabulary: int, begin: int, end: int) -> tuple[Any, Fill]:
    """As `init.from_scratch`, without weights; what it returns draws the same ones."""
    draws = DrawRecorder()
    with without_weights(), draws:
        model = init.from_scratch(settings, vocabulary, begin, end)

    def fill(wrapped: torch.nn.Module, device: torch.device) -> None:
        names = {id(parameter): name for name, parameter in before.items()}
        last = {id(parameter): number for number, (parameter, *_) in enumerate(draws.noted)}
        own = dict(wrapped.named_parameters())
        for number, (parameter, draw, arguments, options) in enumerate(draws.noted):
            values = torch.empty(parameter.shape, dtype=parameter.dtype)
            draw(values, *arguments, **options)
            if last[id(parameter)] == number and id(parameter) in names:  # a head that is tied later is drawn in vain
                target = own[f"model.{names[id(parameter)]}"]
                target.data.copy_(devices.like(values, target))

    before = dict(model.named_parameters())
    missing = {id(parameter) for parameter in before.values()} - {id(parameter) for parameter, *_ in draws.noted}
    assert not missing, "a parameter is made without being drawn"
    return model, filling(fill)


def from_base(tokenizer: Path, recipe_folder: Path, begin: int, end: int, settings: Pretrain) -> tuple[Any, int, Fill]:
    """As `init.from_base`, without weights."""
    base = json.loads((tokenizer / "base.json").read_text("utf-8"))["base"]
    rows = weights.read_rows(tokenizer / "rows.npz")
    model, fill = from_folder(open_base(base, recipe_folder), rows, settings)
    init.prepare_base(model, base, begin, end)
    return model, len(rows) - init.added_rows(rows), fill


def from_folder(
    folder: Path, rows: list[list[int]] | None = None, settings: Pretrain | None = None
) -> tuple[Any, Fill]:
    """The model in a Hugging Face folder, without weights, with the same vocabulary or one row for each of `rows`, and
    the positions of `settings`."""
    from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

    config = AutoConfig.from_pretrained(weights.check_folder(folder), local_files_only=True, trust_remote_code=False)
    if settings:
        set_positions(config, settings)
    if rows is not None:
        config.vocab_size, config.pad_token_id = len(rows), None
    with without_weights():
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    if (folder / "generation_config.json").is_file():
        model.generation_config = GenerationConfig.from_pretrained(folder)
    ends = {id(part.weight) for part in init.embeddings(model)}
    fitted = {name for name, parameter in model.named_parameters() if rows is not None and id(parameter) in ends}
    with open_tensors(folder) as tensors:
        missing = sorted(dict(model.named_parameters()).keys() - tensors.keys())
    if missing:
        raise Problem(
            f"{show_path(folder)} has no tensor {missing[0]}: several processes can only start from a folder whose "
            "tensors are named as in its model. Save it again with transformers, or train in one process"
        )

    def fill(wrapped: torch.nn.Module, device: torch.device) -> None:
        with open_tensors(folder) as tensors:
            for long_name, parameter in wrapped.named_parameters():
                name = long_name.removeprefix("model.")
                own, first = devices.own_rows(parameter)
                if name in fitted:
                    assert rows is not None
                    old = tensors[name].get_tensor(name)
                    mine = rows[first : first + len(own)]
                    new = [old[row].float().mean(0) if len(row) > 1 else old[row[0]].float() for row in mine]
                    own.copy_(torch.stack(new) if new else own)
                else:
                    own.copy_(tensors[name].get_slice(name)[first : first + len(own)])

    return model, filling(fill)


def filling(fill: Fill) -> Fill:
    """`fill` with memory for the weights first, and the buffers as they were."""

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def with_memory(wrapped: torch.nn.Module, device: torch.device) -> None:
        buffers = {name: buffer.clone() for name, buffer in wrapped.named_buffers()}
        wrapped.to_empty(device=device)
        for name, buffer in wrapped.named_buffers():
            buffer.copy_(buffers[name])
        fill(wrapped, device)

    filled: Fill = with_memory
    return filled
