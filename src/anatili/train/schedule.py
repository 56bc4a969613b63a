"""What one training does: its batches, its learning rate by step, and when it is checked and averaged."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from anatili.train.held_out import HeldOutCheck


@dataclass(frozen=True)
class TrainingPlan:
    """The settings of one training, from its recipe and its data."""

    steps: int
    batch: "Callable[[int], tuple[torch.Tensor, torch.Tensor, torch.Tensor]]"
    """Step -> inputs, labels, positions; int64 of shape (sequences, length)."""
    learning_rate: float
    warmup: float
    """Share of steps in which the rate rises."""
    decay: float
    """Share of steps in which the rate falls."""
    weight_decay: float
    precision: str
    """`auto`, `float32` or `bfloat16`."""
    optimizer: str = "muon"
    micro_batch: int = 0
    """Sequences in memory at a time; 0: the whole batch."""
    whole_gradients: bool = False
    """Whether several processes exchange gradients only after the last micro-batch of a step, and until then each holds
    them whole, in float32."""
    floor: float = 0.1
    """Learning rate at the end of the decay, as a share of the peak rate."""
    rows_rate: float = 0.0
    """Peak learning rate of new rows that are trained along with an adapter; 0: that of the rest."""
    bytes_per_token: float = 0.0
    """Mean bytes of text per label; 0: unknown."""
    check: "HeldOutCheck | None" = None
    """Gives bits per byte on held-out text by language, and their `mean`; lower is better."""
    check_every: int = 0
    """Steps between two checks; 0: none."""
    average: float = 0.0
    """Share of steps at the end over which the weights are averaged."""
    known_rows: int = 0
    """Rows of embedding and head, from the first, that are not trained; 0: all are."""
    keep: Callable[[Path, int], None] | None = None
    """(folder, step): takes a copy of the checkpoint in the folder, which continues with the step."""
    keep_at: frozenset[int] = frozenset()
    """Steps whose checkpoints are kept."""


def rate_at(step: int, plan: TrainingPlan) -> float:
    """Learning rate of a step: linear rise, constant, linear fall (warm-up, stable, decay)."""
    rise, fall = max(1, round(plan.warmup * plan.steps)), round(plan.decay * plan.steps)
    if step < rise:
        return plan.learning_rate * (step + 1) / rise
    left = plan.steps - step
    return plan.learning_rate * (plan.floor + (1 - plan.floor) * left / fall) if left < fall else plan.learning_rate
