"""The instruction delta: what an instruct sibling learned beyond its base, added to a model trained from that base.

The change of the sibling's weights is added to the weights of continued training (task arithmetic, Ilharco et al. 2023,
arXiv 2212.04089; for continued bases: Chat Vector, Huang et al. 2024, arXiv 2310.04799). Both folders have the same
shapes.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from anatili import weights
from anatili.problem import Problem
from anatili.text import show_path


def add_delta(model: torch.nn.Module, base: Path, instruct: Path, rows: list[list[int]], share: float) -> None:
    """Add `share` times (instruct - base) to the parameters of `model`, in place.

    `rows`: for each row of the model's embedding, the rows of the base whose mean it started from. `Problem` if the
    folders are not siblings.
    """
    with open_tensors(base) as before, open_tensors(instruct) as after:
        missing = before.keys() ^ after.keys()
        if missing:
            raise Problem(
                f"{show_path(instruct)} is not a sibling of {show_path(base)}: only one of them has {min(missing)}"
            )
        head = {id(part.weight) for part in (model.get_input_embeddings(), model.get_output_embeddings())}
        for name, parameter in model.named_parameters():
            if name not in before:
                raise Problem(f"{show_path(base)} has no {name}: was the model trained from it?")
            old, new = before[name].get_tensor(name).float(), after[name].get_tensor(name).float()
            if old.shape != new.shape:
                raise Problem(f"{show_path(instruct)} is not a sibling of {show_path(base)}: {name} has another shape")
            change = new - old
            if id(parameter) in head:
                change = torch.stack([change[row].mean(0) for row in rows])
            parameter.data += (share * change).to(parameter)


@contextmanager
def open_tensors(folder: Path) -> Iterator[dict[str, Any]]:
    """Tensor name -> the open safetensors file that holds it, for a Hugging Face folder."""
    from safetensors import safe_open

    with ExitStack() as files:
        tensors: dict[str, Any] = {}
        for path in sorted(weights.check_folder(folder).glob("*.safetensors")):
            file = files.enter_context(safe_open(str(path), "pt"))
            tensors.update(dict.fromkeys(file.keys(), file))
        yield tensors
