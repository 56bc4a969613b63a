"""The loss on held-out text during training, as bits per byte of each language and of sentence pairs."""

from dataclasses import dataclass
from hashlib import sha256
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import torch

from anatili.problem import Problem
from anatili.recipe import Pretrain
from anatili.run import fingerprint
from anatili.train import data, devices
from anatili.train.corpus import Counts
from anatili.train.data import IGNORED

ROWS = 4
"""Sequences in one forward pass."""


@dataclass(frozen=True)
class HeldOutCheck:
    """Held-out text of each language, as sequences of whole documents."""

    sets: dict[str, tuple[Any, Any, Any]]
    """Language -> inputs, labels and positions, each (sequences, context)."""
    bytes_per_label: dict[str, float]
    weights: dict[str, float]
    """Language -> its weight in the mean."""

    def digest(self) -> str:
        """A digest of the text and its weights, on which the choice of the best state depends."""
        hashes = {
            language: [sha256(part.numpy().tobytes()).hexdigest() for part in parts]
            for language, parts in self.sets.items()
        }
        return fingerprint([hashes, self.bytes_per_label, self.weights])

    def __call__(self, wrapped: torch.nn.Module, device: torch.device) -> dict[str, float]:
        """Bits per byte of each language, and their weighted `mean`, by which states of a model are compared."""
        bits_per_byte: dict[str, float] = {}
        wrapped.eval()
        rows = ROWS * devices.count()
        with torch.no_grad():
            for language, parts in self.sets.items():
                own = torch.zeros((), dtype=torch.float64)
                for start in range(0, len(parts[0]), rows):
                    inputs, labels, positions = (part[start : start + rows] for part in parts)
                    local = devices.local_batch((inputs, labels, positions))
                    own += float(wrapped(*(part.to(device) for part in local)))
                total = float(devices.total(own))
                labels = int((parts[1] != IGNORED).sum())
                bits_per_byte[language] = round(total / labels / log(2) / self.bytes_per_label[language], 4)
        wrapped.train()
        total_weight = sum(self.weights[language] for language in bits_per_byte)
        weighted = sum(self.weights[language] * bits for language, bits in bits_per_byte.items())
        bits_per_byte["mean"] = round(weighted / total_weight, 5)
        return bits_per_byte


def make_check(counts: Counts, begin: int, folder: Path, settings: Pretrain) -> HeldOutCheck:
    """A check on up to `check_tokens` tokens of each language in a folder, its sources in proportion to their size."""
    if not counts:
        raise Problem("[pretrain] check_every needs held-out documents: raise [cut] held_out, or set check_every = 0")
    sets: dict[str, tuple[Any, Any, Any]] = {}
    bytes_per_label: dict[str, float] = {}
    for language in sorted({group.split("/")[0] for group in counts}):
        groups = {group: count for group, count in counts.items() if group.split("/")[0] == language}
        tokens = sum(count["tokens"] for count in groups.values())
        rows = max(1, min(settings.check_tokens, tokens) // settings.context)
        shares = {group: count["tokens"] / tokens for group, count in groups.items()}
        parts = data.Mixture(folder, settings.context, shares, {}, rows, 0, begin).batch(0, rows)
        inputs, labels, positions = (torch.from_numpy(np.ascontiguousarray(part)) for part in parts)
        sets[language] = inputs, labels, positions
        bytes_per_label[language] = data.bytes_per_token(groups, shares)
    weights = {language: settings.mix.get(language, 0.0) if settings.mix else 1.0 for language in sets}
    return HeldOutCheck(sets, bytes_per_label, weights)
