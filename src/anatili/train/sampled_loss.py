"""A loss over part of a large vocabulary: for adapters on a base most of whose tokens are rare in the corpus.

Each step scores the tokens of its own batch, the frequent tokens of the corpus and some that are drawn from the rest.
A drawn token counts for as many as it was drawn from, so the sum under the softmax is right on average (sampled
softmax: Bengio and Senecal 2008; Jean et al. 2015, arXiv 1412.2007). The draw follows from the batch, so a training
that is resumed draws the same.
"""

from dataclasses import dataclass
from math import log
from pathlib import Path

import numpy as np
import torch

from anatili.train.corpus import Counts, open_group
from anatili.train.data import IGNORED

FREQUENT = 0.975
"""Share of the corpus that frequent tokens make up."""
COUNTED = 5_000_000
"""Tokens of a group that are counted at most, from its beginning."""


@dataclass(frozen=True)
class SampledVocabulary:
    """Which rows of the head a loss is computed over."""

    frequent: torch.Tensor
    """Whether a token is frequent; bool (vocabulary,)."""
    drawn: int
    """How many of the others are drawn in each step."""

    def choose(self, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Rows of the head, the labels as places among them, and what is added to the logit of each row; `labels`
        (tokens,) int64, results int64 (rows,), int64 (tokens,) and float32 (rows,)."""
        known = labels[labels != IGNORED].cpu()
        kept = self.frequent.clone()
        kept[known] = True
        others = (~kept).nonzero().squeeze(1)
        source = torch.Generator().manual_seed(int(known.sum()))
        drawn = others[torch.randperm(len(others), generator=source)[: self.drawn]]
        always = kept.nonzero().squeeze(1)
        rows = torch.cat([always, drawn])
        places = torch.full_like(kept, IGNORED, dtype=torch.long)
        places[rows] = torch.arange(len(rows))
        bias = torch.zeros(len(rows))
        if len(drawn):
            bias[len(always) :] = log(len(others) / len(drawn))
        places, rows, bias = (part.to(labels.device) for part in (places, rows, bias))
        return rows, torch.where(labels == IGNORED, labels, places[labels.clamp_min(0)]), bias


def sampled_vocabulary(folder: Path, counts: Counts, vocabulary: int, drawn: int) -> SampledVocabulary | None:
    """The frequent tokens of a corpus in `folder`; `None` where leaving out the rest would save nothing."""
    number = np.zeros(vocabulary, np.int64)
    for group in counts:
        left = COUNTED
        for file, _ in open_group(folder, group).files:
            tokens = np.memmap(file, np.uint32, "r")[:left]
            number += np.bincount(tokens, minlength=vocabulary)
            left -= len(tokens)
    order = np.argsort(-number, kind="stable")
    share = np.cumsum(number[order]) / max(1, number.sum())
    frequent = torch.zeros(vocabulary, dtype=torch.bool)
    frequent[torch.from_numpy(order[: int(np.searchsorted(share, FREQUENT)) + 1].copy())] = True
    return SampledVocabulary(frequent, drawn) if int(frequent.sum()) + drawn < vocabulary else None
