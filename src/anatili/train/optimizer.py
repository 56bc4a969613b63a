"""Muon for the matrices inside the layers, AdamW (torch's own) for the rest."""

from typing import Any

import torch

from anatili.train import devices
from anatili.weights import is_rows

STEPS, COEFFICIENTS = 5, (3.4445, -4.775, 2.0315)
"""Settings of the Newton-Schulz iteration (Jordan, 2024)."""


def make_optimizers(
    wrapped: torch.nn.Module,
    optimizer: str,
    learning_rate: float,
    weight_decay: float,
    rows_rate: float = 0.0,
    precision: torch.dtype = torch.float32,
) -> list[torch.optim.Optimizer]:
    """Optimizers for all trainable parameters; a group's `share` is its factor on the learning rate.

    With `muon`, Muon (Jordan, 2024) takes the matrices of the layers, its steps scaled to the size of AdamW's (Liu et
    al., 2025, arXiv 2502.16982), so that one learning rate fits both. Embeddings, head, norms and LoRA's narrow
    matrices go to AdamW. Gains of norms have no weight decay. New rows beside an adapter learn at `rows_rate` (0: as
    the rest) and have no weight decay either: they hold whole rows, which start at the size of the base's.
    """
    named = [(name, p) for name, p in wrapped.named_parameters() if p.requires_grad]
    chosen = {name for name, p in named if optimizer == "muon" and p.ndim == 2 and is_layer_matrix(name)}
    matrices = [p for name, p in named if name in chosen]
    rows = [p for name, p in named if is_rows(name)]
    rest = [p for name, p in named if name not in chosen and not is_rows(name)]
    groups = [
        {"params": [p for p in rest if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
        {"params": rows, "weight_decay": 0.0, "share": rows_rate / learning_rate if rows_rate else 1.0},
    ]
    groups = [group for group in groups if group["params"]]
    optimizers = []
    if groups:
        optimizers.append(torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.95), fused=True))
    if matrices:
        optimizers.append(Muon(matrices, learning_rate, weight_decay, precision))
    return optimizers


class Muon(torch.optim.Optimizer):  # type: ignore[misc]
    """`torch.optim.Muon` with steps of AdamW's size, in the type of the forward pass.

    torch's own works in bfloat16, which many CPUs only emulate: the tiny recipe ran at 290 tokens a second on two such
    cores, and at 1,300 in float32.
    """

    def __init__(
        self, params: Any, lr: float, weight_decay: float, precision: torch.dtype, momentum: float = 0.95
    ) -> None:
        self.precision = precision
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self, closure: Any = None) -> None:
        """One update of each matrix that has a gradient."""
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(matrix.grad)
                mean = state["momentum_buffer"].lerp_(matrix.grad, 1 - group["momentum"])
                # A sharded matrix is put together once: each product in the iteration would gather it again.
                step = devices.whole(matrix.grad.lerp(mean, group["momentum"]))
                update = orthogonal(step, self.precision).to(matrix.dtype)
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(devices.like(update, matrix), alpha=-0.2 * group["lr"] * max(matrix.shape) ** 0.5)


def orthogonal(matrix: torch.Tensor, precision: torch.dtype) -> torch.Tensor:
    """Approximately the nearest orthogonal matrix, with singular values of about 0.5 to 1.5."""
    tall = matrix.shape[0] > matrix.shape[1]
    now = (matrix.T if tall else matrix).to(precision)
    now = now / now.norm().clamp(min=1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(STEPS):
        square = now @ now.T
        now = a * now + (b * square + c * square @ square) @ now
    return now.T if tall else now


def is_layer_matrix(name: str) -> bool:
    """Whether a parameter is a full matrix inside a layer, not of the embedding, the head or an adapter."""
    return ".layers." in name and "lora_" not in name
