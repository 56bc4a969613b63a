"""The memory that training needs, checked before training starts."""

from pathlib import Path
from typing import TYPE_CHECKING

from anatili.compute.shape import from_settings
from anatili.compute.training_memory import Training, needs, training_of, with_whole_gradients
from anatili.problem import Problem
from anatili.recipe import Pretrain

if TYPE_CHECKING:
    from torch.nn import Module

GIB = 2**30


def check(model: "Module", settings: Pretrain) -> None:
    """`Problem` if training `model` needs more memory than the device has free."""
    uses = needs_of(model, settings)
    free, where = available()
    if free and sum(uses.values()) > free:
        raise Problem(
            f"training needs about {sum(uses.values()) / GIB:.1f} GiB, {where} has {free / GIB:.1f}: {in_words(uses)}. "
            'Lower micro_batch or context, set checkpointing = true, use method = "lora" on a base or a smaller model'
        )


def needs_of(model: "Module", settings: Pretrain) -> dict[str, int]:
    """Bytes on one device to train `model`, by use."""
    return needs(training_for(model, settings))


def keeps_whole_gradients(model: "Module", settings: Pretrain) -> bool:
    """Whether there is room to exchange gradients once a step instead of after each micro-batch. All the memory of the
    device is compared, not what is free just now, so that a resumed training does the same."""
    from anatili.train import devices

    return devices.agree(with_whole_gradients(training_for(model, settings), devices.memory()).whole)


def training_for(model: "Module", settings: Pretrain) -> Training:
    from anatili.train import devices

    return training_of(settings, from_settings(model.config.to_dict(), ""), devices.count())


def in_words(uses: dict[str, int]) -> str:
    return " + ".join(f"{name} {size / GIB:.1f}" for name, size in uses.items()) + " GiB"


def available() -> tuple[int, str]:
    """Free bytes, and the name of what has them; 0 if unknown."""
    import torch

    if torch.accelerator.is_available():
        free = getattr(torch.get_device_module(), "mem_get_info", None)
        return (int(free()[0]), "the accelerator") if free else (0, "")
    try:
        line = next(x for x in Path("/proc/meminfo").read_text().splitlines() if x.startswith("MemAvailable"))
        return int(line.split()[1]) * 1024, "this machine"
    except (OSError, StopIteration, ValueError):
        return 0, ""
