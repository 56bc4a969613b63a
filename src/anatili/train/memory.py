"""An estimate of the memory that training needs, checked before training starts."""

from pathlib import Path
from typing import Any

from anatili.problem import Problem
from anatili.recipe import Pretrain
from anatili.train.data import LOGIT_BYTES

GIB = 2**30
LAYER_HIDDEN_SIZES = 16
"""Values per token that a layer keeps for the backward pass, in units of hidden_size, without those of the MLP."""


def check(model: Any, settings: Pretrain) -> None:
    """`Problem` if training `model` needs more memory than the device has free."""
    from anatili.train import devices

    config = model.config
    needs = estimate(
        parameters=sum(p.numel() for p in model.parameters()),
        embeddings=config.vocab_size * config.hidden_size * (1 if config.tie_word_embeddings else 2),
        head=config.vocab_size * config.hidden_size,
        layers=config.num_hidden_layers, hidden_size=config.hidden_size, intermediate_size=config.intermediate_size,
        settings=settings, processes=devices.count(),
    )  # fmt: skip
    free, where = available()
    if free and sum(needs.values()) > free:
        parts = " + ".join(f"{name} {size / GIB:.1f}" for name, size in needs.items())
        raise Problem(
            f"training needs about {sum(needs.values()) / GIB:.1f} GiB, {where} has {free / GIB:.1f}: {parts} GiB. "
            'Lower micro_batch or context, set checkpointing = true, use method = "lora" on a base or a smaller model'
        )


def estimate(
    *,
    parameters: int,
    embeddings: int,
    head: int,
    layers: int,
    hidden_size: int,
    intermediate_size: int,
    settings: Pretrain,
    processes: int = 1,
) -> dict[str, int]:
    """Bytes on one device, by use; a cautious estimate, activations are counted and not measured."""  # fmt: skip
    lora = settings.method == "lora"
    adapter = 2 * layers * settings.rank * (4 * hidden_size + 3 * (hidden_size + intermediate_size))
    learned = adapter if lora else parameters
    moments = 8 * learned if settings.optimizer == "adamw" or lora else 4 * learned + 4 * embeddings
    tokens = settings.context * max(1, (settings.micro_batch or -(-settings.batch // processes)))
    checkpoints = 2 * tokens * hidden_size * layers if settings.checkpointing else 0
    live = (
        2
        * tokens
        * (LAYER_HIDDEN_SIZES * hidden_size + 4 * intermediate_size)
        * (1 if settings.checkpointing else layers)
    )
    return {
        "weights": (2 * parameters if lora and settings.precision != "float32" else 4 * parameters) // processes,
        "gradients": 4 * learned // processes,
        "moments": moments // processes,
        "activations": checkpoints + live,
        "logits": 2 * LOGIT_BYTES + 8 * head,
    }


def available() -> tuple[int, str]:
    """Free bytes, and the name of what has them; 0 if unknown."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0]), "the accelerator"
    try:
        line = next(x for x in Path("/proc/meminfo").read_text().splitlines() if x.startswith("MemAvailable"))
        return int(line.split()[1]) * 1024, "this machine"
    except (OSError, StopIteration, ValueError):
        return 0, ""
