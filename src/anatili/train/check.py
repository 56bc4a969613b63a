"""A look at the loss on held-out text while training: bits per byte of each language, of pairs too."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import torch

from anatili.problem import Problem
from anatili.recipe import Pretrain
from anatili.train import data
from anatili.train.data import IGNORED

ROWS = 4
"""Sequences looked at at a time."""


@dataclass(frozen=True)
class Check:
    """Held-out text of each language as sequences of whole documents."""

    sets: dict[str, tuple[Any, Any, Any]]
    """Language -> inputs, labels and positions, each (sequences, context)."""
    bytes_per_label: dict[str, float]
    weights: dict[str, float]
    """Language -> its share in the mean."""

    def __call__(self, wrapped: Any, device: Any) -> dict[str, float]:
        """Bits per byte of each language, and `mean`, by which one state of a model is told to be better."""
        found: dict[str, float] = {}
        wrapped.eval()
        with torch.no_grad():
            for language, parts in self.sets.items():
                total = sum(
                    float(wrapped(*(part[start : start + ROWS].to(device) for part in parts)))
                    for start in range(0, len(parts[0]), ROWS)
                )
                labels = int((parts[1] != IGNORED).sum())
                found[language] = round(total / labels / log(2) / self.bytes_per_label[language], 4)
        wrapped.train()
        whole = sum(self.weights[language] for language in found)
        found["mean"] = round(sum(self.weights[language] * bits for language, bits in found.items()) / whole, 5)
        return found


def held_out(
    shards: Iterable[Path], pairs: Iterable[Path], tokenizer: Any, ends: tuple[int, int], folder: Path,
    settings: Pretrain,
) -> Check:  # fmt: skip
    """What is looked at: up to `check_tokens` of each language, its sources by their size."""
    begin, end = ends
    counts = data.write_tokens(shards, tokenizer, begin, end, folder, pairs)
    if not counts:
        raise Problem("[pretrain] check_every needs held-out documents: raise [cut] held_out, or set check_every = 0")
    sets: dict[str, tuple[Any, Any, Any]] = {}
    bytes_per_label: dict[str, float] = {}
    for language in sorted({group.split("/")[0] for group in counts}):
        mine = {group: count for group, count in counts.items() if group.split("/")[0] == language}
        whole = sum(count["tokens"] for count in mine.values())
        rows = max(1, min(settings.check_tokens, whole) // settings.context)
        shares = {group: count["tokens"] / whole for group, count in mine.items()}
        parts = data.Mixture(folder, settings.context, shares, {}, rows, 0, begin).batch(0, rows)
        inputs, labels, positions = (torch.from_numpy(np.ascontiguousarray(part)) for part in parts)
        sets[language] = inputs, labels, positions
        bytes_per_label[language] = data.bytes_per_token(mine, shares)
    weights = {language: settings.mix.get(language, 0.0) if settings.mix else 1.0 for language in sets}
    return Check(sets, bytes_per_label, weights)
