"""Memory of one chip under a layout of training, and the layouts that fit.

Checked against 216 published FSDP layouts: all are accepted, 169 are rejected at twice their micro-batch and 214 at
four times (bench/layouts.py). The limit: in pipeline parallelism every stage is counted
as holding as many micro-batches as there are stages (plain 1F1B); interleaved schedules can hold fewer.
"""

import math
from dataclasses import dataclass

from anatili.compute.chips import Chip
from anatili.compute.shape import Shape

USABLE = 0.95
"""Share of a chip's memory that training can use: the rest goes to the driver and to fragments."""
MOMENTS = {"adamw": 16, "muon": 12, "adamw8bit": 10}
"""Optimizer -> bytes per weight of 32-bit weight, gradient and moments."""
LOGIT_BYTES = 6
"""Per logit: one in 16 bits and one in 32."""
WIDE = 12
"""Bytes per token, layer and hidden value that are kept for the backward pass besides keys, values and the MLP: 16-bit
activations, flash attention, fused norms (34 h of Korthikanti et al., arXiv 2205.05198, less what fusing saves)."""
PARALLEL = (1, 2, 4, 8)
STAGES = (1, 2, 4, 8, 16)
MICRO = (1, 2, 4, 8, 16, 32)
MOST_SHOWN = 12


@dataclass(frozen=True)
class Layout:
    """How a training is spread over chips."""

    data: int
    """Copies of the model, over which weights and moments are sharded (FSDP)."""
    tensor: int
    pipeline: int
    checkpointing: bool
    optimizer: str
    micro_batch: int

    @property
    def name(self) -> str:
        parts = [f"FSDP {self.data}" if self.pipeline == 1 else f"data {self.data}"]
        parts += [f"tensor {self.tensor}"] if self.tensor > 1 else []
        parts += [f"pipeline {self.pipeline}"] if self.pipeline > 1 else []
        parts += ["checkpointing"] if self.checkpointing else []
        parts += ["8-bit moments"] if self.optimizer == "adamw8bit" else []
        return ", ".join([*parts, f"micro-batch {self.micro_batch}"])


def memory(shape: Shape, context: int, layout: Layout) -> dict[str, float]:
    """Bytes on the fullest chip, by use. Weights that adapters leave as they are take 16 bits each.

    Without pipeline stages the state is sharded whole (ZeRO-3) and two layers and a gradient are gathered at a time;
    with stages only moments are sharded (ZeRO-1).
    """
    per_weight, parts = MOMENTS[layout.optimizer], layout.tensor * layout.pipeline
    share = (shape.adapters if shape.rank else shape.total) / parts
    frozen = 2 * shape.total / parts if shape.rank else 0.0
    if layout.pipeline > 1:
        state = 6 * share + (per_weight - 4) * share / layout.data + frozen
    else:
        state = (per_weight * share + frozen) / layout.data
    gathered = 0.0
    if layout.pipeline == 1 and layout.data > 1:
        gathered = (6 * shape.layer + 2 * shape.embedding) / layout.tensor
    tokens, layers = layout.micro_batch * context, math.ceil(shape.layers / layout.pipeline)
    one_layer = activations(shape) / layout.tensor
    kept = 2 * shape.hidden_size / layout.tensor if layout.checkpointing else one_layer
    held = tokens * (layout.pipeline * kept * layers + (one_layer if layout.checkpointing else 0))
    return {
        "state": state,
        "gathered": gathered,
        "activations": held,
        "logits": tokens * shape.vocabulary * LOGIT_BYTES / layout.tensor,
    }


def activations(shape: Shape) -> float:
    """Bytes per token that one layer keeps for the backward pass."""
    normed = 6 * (shape.query_size + shape.kv_size) if shape.qk_norm else 0
    return WIDE * shape.hidden_size + 4 * shape.kv_size + (8 if shape.gated else 4) * shape.intermediate_size + normed


def fits(shape: Shape, context: int, layout: Layout, chip: Chip) -> bool:
    return sum(memory(shape, context, layout).values()) <= USABLE * chip.memory


def layouts(shape: Shape, context: int, batch: int, chip: Chip, number: int, optimizer: str = "adamw") -> list[Layout]:
    """The layouts of `batch` sequences a step on `number` chips that fit, those with the least traffic first.

    Each stands for its family with the largest micro-batch that fits. Tensor parallelism stays inside a node; 8-bit
    moments are tried only where full ones do not fit.
    """
    solutions: list[Layout] = []
    for tensor in PARALLEL:
        for pipeline in STAGES:
            copies, rest = divmod(number, tensor * pipeline)
            uneven = rest or copies == 0 or copies > batch or shape.heads % tensor or shape.layers < 2 * (pipeline - 1)
            if uneven or tensor > chip.per_node:
                continue
            for checkpointing in (False, True):
                for name in dict.fromkeys((optimizer, "adamw8bit")):
                    sizes = [m for m in MICRO if m * copies <= batch]
                    options = [Layout(copies, tensor, pipeline, checkpointing, name, m) for m in sizes]
                    fitting = [layout for layout in options if fits(shape, context, layout, chip)]
                    if fitting:
                        solutions.append(fitting[-1])
                        break
    return sorted(
        solutions, key=lambda one: (one.pipeline, one.tensor, one.optimizer == "adamw8bit", one.checkpointing)
    )


def limit(layout: Layout, context: int, batch: int, chip: Chip, number: int, moved: float = 6) -> float:
    """The utilization that a layout allows at most, by its links or its pipeline's gaps; 1 if nothing is known.

    Sharded data parallelism moves 6 bytes per weight and micro-batch (two gathers, one scatter, in 16 bits; `moved` if
    it is another number) while it computes 6 operations per weight and token. A pipeline of p stages stands still for
    p - 1 micro-batches a step.
    """
    if layout.pipeline > 1:
        micro_batches = max(1, batch // (layout.data * layout.micro_batch))
        return micro_batches / (micro_batches + layout.pipeline - 1)
    link = chip.link(number)
    if not link or layout.data == 1:
        return 1.0
    return min(1.0, 6 / moved * layout.micro_batch * context * link / chip.peak)
