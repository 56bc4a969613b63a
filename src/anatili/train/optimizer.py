"""Muon for the matrices inside the layers, AdamW for the rest; both are torch's own."""

from typing import Any

import torch


def make_optimizers(
    wrapped: Any, kind: str, learning_rate: float, weight_decay: float, rows_rate: float = 0.0
) -> list[Any]:
    """Optimizers over all parameters that want a gradient; each group's `share` is its part of the learning rate.

    Muon (Jordan, 2024) takes the matrices of the layers, its steps scaled to the size of AdamW's (Liu et al., 2025,
    arXiv 2502.16982), so that one learning rate serves both. Embeddings, head, norms and LoRA's narrow matrices go to
    AdamW; gains of norms do not decay. New rows beside an adapter learn at `rows_rate` (0: as the rest) and do not
    decay: they hold the rows themselves, which started at the size of the base's.
    """
    named = [(name, p) for name, p in wrapped.named_parameters() if p.requires_grad]
    chosen = {name for name, p in named if kind == "muon" and p.ndim == 2 and is_layer_matrix(name)}
    matrices = [p for name, p in named if name in chosen]
    rows = [p for name, p in named if is_rows(name)]
    others = [p for name, p in named if name not in chosen and not is_rows(name)]
    groups = [
        {"params": [p for p in others if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in others if p.ndim < 2], "weight_decay": 0.0},
        {"params": rows, "weight_decay": 0.0, "share": rows_rate / learning_rate if rows_rate else 1.0},
    ]
    groups = [group for group in groups if group["params"]]
    found = []
    if groups:
        found.append(torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.95), fused=True))
    if matrices:
        found.append(
            torch.optim.Muon(
                matrices, lr=learning_rate, weight_decay=weight_decay, momentum=0.95, adjust_lr_fn="match_rms_adamw"
            )
        )
    return found


def is_rows(name: str) -> bool:
    """Whether a parameter holds new rows of the vocabulary that learn beside an adapter (PEFT's name for them)."""
    return "trainable_tokens_delta" in name


def is_layer_matrix(name: str) -> bool:
    """Whether a parameter is a full matrix within a layer: neither embedding nor head nor adapter."""
    return ".layers." in name and "lora_" not in name
