"""Sequences of tokens drawn from the corpus by position, so that any step of any run can be computed again.

The corpus is on disk as tokens (see `corpus.py`), a group for each language and source, sentence pairs in both orders.
Groups between which the recipe makes no difference are one pool. Each epoch over a pool has its documents in another
order and cuts them into sequences at other positions. A sequence that starts
inside a document gets a begin token of its own, so that every sequence begins as a text does. (Using only whole
documents would leave a third of a sequence of 512 empty where documents have 300 tokens.) The pool of a sequence
follows from its number and the weights alone, so a resumed run needs no state but its step.

Taking a document out of the corpus changes no sequence before the first in which it occurs, as long as the weights stay
the same. This is why the place of a document in an epoch follows from its own text (see `Order`), and why sizes are
rounded wherever weights follow from them.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from anatili.compute.shape import steps_of
from anatili.problem import Problem
from anatili.recipe import Pretrain
from anatili.train.corpus import JOINED, Counts, Group, Order, Tokens, open_group

IGNORED = -100
"""Label of tokens without loss (torch's own)."""


@dataclass(frozen=True)
class Mixture:
    """Sequences of `context` + 1 tokens drawn from pools by weight; from `anneal_start` on by `anneal_weights`."""

    folder: Path
    context: int
    weights: dict[str, float]
    """Pool -> share; the shares add up to 1."""
    anneal_weights: dict[str, float]
    anneal_start: int
    """First sequence drawn by `anneal_weights`."""
    seed: int
    begin: int

    def sequence(self, number: int) -> Tokens:
        """The tokens of sequence `number`, shape (context + 1,); the first is a begin token."""
        group, index = self.locate(number)
        epoch, window = divmod(index, windows_of(open_group(self.folder, group).tokens, self.context))
        tokens = self.read_from(group, epoch, window * (self.context - 1))
        # A group with less text than one sequence is repeated within the sequence.
        return np.resize(tokens, self.context + 1)

    def read_from(self, group: str, epoch: int, start: int) -> Tokens:
        """Up to `context` + 1 tokens from position `start` of a group, its documents joined in the order of `epoch`."""
        source = open_group(self.folder, group)
        order = order_of(source, self.seed, epoch)
        place, number, offset = order.locate(start)
        parts, size = list[Tokens](), 0
        if offset:
            parts, size = [np.array([self.begin])], 1
        for document in order.documents_from(place, number):
            part = source.read(document, offset, self.context + 1 - size)
            parts.append(part)
            offset, size = 0, size + len(part)
            if size > self.context:
                break
        return np.concatenate(parts)

    def batch(self, step: int, size: int) -> tuple[Tokens, Tokens, Tokens]:
        """Input ids, labels and positions of step `step` (from 0), each of shape (size, context).

        Positions start again at 0 with each document, which keeps attention within documents (transformers infers
        packing from the positions). Begin tokens are not labels, because the next document cannot be predicted.
        """
        tokens = np.stack([self.sequence(step * size + i) for i in range(size)])
        labels = np.where(tokens[:, 1:] == self.begin, IGNORED, tokens[:, 1:])
        return tokens[:, :-1], labels, positions_of(tokens[:, :-1], self.begin)

    def locate(self, number: int) -> tuple[str, int]:
        """The group of sequence `number`, and how many sequences of that group came before it."""
        if number < self.anneal_start:
            return _locate(tuple(sorted(self.weights.items())), number)
        group, index = _locate(tuple(sorted(self.anneal_weights.items())), number - self.anneal_start)
        return group, index + drawn(self.weights, self.anneal_start).get(group, 0)


def windows_of(tokens: int, context: int) -> int:
    """Sequences of `context` tokens in a group of `tokens`; one token of each may be an added begin token."""
    return max(1, (int(tokens) - 1) // (context - 1))


def positions_of(ids: Tokens, begin: int) -> Tokens:
    """Position of each token in its document, same shape as `ids`; a sequence that starts inside one counts from 0."""
    index = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
    starts = np.maximum.accumulate(np.where(ids == begin, index, 0), axis=1)
    return index - starts


BLOCK = 10_000


def drawn(weights: dict[str, float], count: int) -> dict[str, int]:
    """How many of the first `count` sequences come from each group."""
    plan, _, totals = _plan(tuple(sorted(weights.items())))
    blocks, rest = divmod(count, BLOCK)
    return {group: blocks * total + plan[:rest].count(group) for group, total in totals.items()}


def _locate(weights: tuple[tuple[str, float], ...], number: int) -> tuple[str, int]:
    block, rest = divmod(number, BLOCK)
    plan, before, totals = _plan(weights)
    return plan[rest], block * totals[plan[rest]] + before[rest]


@lru_cache(maxsize=8)
def _plan(weights: tuple[tuple[str, float], ...]) -> tuple[list[str], list[int], dict[str, int]]:
    """A block of sequences, groups spread as evenly as the weights allow: group, earlier count in the block, totals.

    Each sequence goes to the group that lags furthest behind its share. With fixed weights all blocks are alike.
    """
    groups, shares = [g for g, _ in weights], np.array([w for _, w in weights])
    counts = np.zeros(len(groups), np.int64)
    plan, before = [], []
    for number in range(1, BLOCK + 1):
        chosen = int(np.argmax(shares * number - counts))
        plan.append(groups[chosen])
        before.append(int(counts[chosen]))
        counts[chosen] += 1
    return plan, before, dict(zip(groups, counts.tolist(), strict=True))


@lru_cache(maxsize=64)
def order_of(group: Group, seed: int, epoch: int) -> Order:
    """The order of a group's documents in an epoch."""
    return Order(group, [seed, epoch])


def pooled(counts: Counts, settings: Pretrain) -> Counts:
    """Pool -> counts. A pool is named after its groups: those of the same language with the same weight, or of all
    languages where the recipe does not weigh them."""
    weighs_languages = bool(settings.mix or settings.anneal)
    pools: dict[tuple[str, float, bool], list[str]] = {}
    for group in sorted(counts):
        language, source = group.split("/")
        weight = settings.source_weights.get(source, 1.0)
        key = (language if weighs_languages else "", weight, source in settings.anneal)
        pools.setdefault(key, []).append(group)
    return {
        JOINED.join(groups): {key: sum(counts[group][key] for group in groups) for key in counts[groups[0]]}
        for groups in pools.values()
    }


def first_group(pool: str) -> tuple[str, str]:
    """Language and source of the first group of a pool; the others have the same weights."""
    language, source = pool.split(JOINED)[0].split("/")
    return language, source


STEPS_OF_SIZE = 16
"""Steps in which sizes are rounded down from one power of two to the next: each is 4.4 % more than the one before."""


def rounded(size: float) -> float:
    """`size`, rounded down, so that it rarely changes when a document is taken out."""
    return float(2.0 ** (math.floor(math.log2(size) * STEPS_OF_SIZE + 1e-9) / STEPS_OF_SIZE)) if size > 0 else 0.0


def mix(folder: Path, counts: Counts, settings: Pretrain, begin: int) -> Mixture:
    """The mixture that [pretrain] asks for, of at least one sequence, from the counts of the groups; `Problem` if the
    corpus is too small for it within `max_epochs`."""
    context, total = settings.context, max(1, sequences(settings))
    missing = sorted(set(settings.anneal) - {g.split("/")[1] for g in counts})
    counts = pooled(counts, settings)
    anneal_start = total - round(settings.decay * total) if settings.anneal else total
    room = {g: settings.max_epochs * rounded(windows_of(c["tokens"], context)) for g, c in counts.items()}
    best = {g: c for g, c in counts.items() if first_group(g)[1] in settings.anneal}
    if missing:
        raise Problem(f"[pretrain] anneal names {', '.join(missing)}, but no document of the corpus comes from there")
    # A language without text from these sources keeps its own mix.
    best |= {g: c for g, c in counts.items() if first_group(g)[0] not in {first_group(b)[0] for b in best}}
    last = shares(best if settings.anneal else counts, settings, room, total - anneal_start)
    left = {g: room[g] - last.get(g, 0) * (total - anneal_start) for g in room}
    main = shares(counts, settings, left, anneal_start)
    return Mixture(folder, context, main, last, anneal_start, settings.seed, begin)


def sequences(settings: Pretrain) -> int:
    """Number of sequences in the whole training."""
    return steps_of(settings) * settings.batch


def shares(counts: Counts, settings: Pretrain, room: dict[str, float], total: int) -> dict[str, float]:
    """Shares of groups or pools in `total` sequences: languages by `mix`, their sources by size times `source_weights`.

    Each gives at most `room` sequences; what it lacks is distributed among the others.
    """
    languages = {first_group(group)[0] for group in counts}
    missing = sorted(set(settings.mix) - languages)
    if missing:
        raise Problem(f"[pretrain] mix names {', '.join(missing)}, but the corpus has only {', '.join(languages)}")
    sizes = {g: rounded(c["tokens"]) * settings.source_weights.get(first_group(g)[1], 1.0) for g, c in counts.items()}
    weights: dict[str, float] = {}
    for language in sorted(languages):
        own = {g: size for g, size in sizes.items() if first_group(g)[0] == language and size > 0}
        weight = settings.mix.get(language, 0.0) if settings.mix else sum(own.values())
        weights |= {g: weight * size / sum(own.values()) for g, size in own.items() if weight > 0}
    if not weights:
        raise Problem("the corpus has no tokens to train on; see stage cut in `anatili status RUN`")
    full: dict[str, float] = {}
    while True:
        open_weight = sum(weight for g, weight in weights.items() if g not in full)
        free = 1 - sum(full.values())
        now = {g: free * w / open_weight for g, w in weights.items() if g not in full} if open_weight else {}
        over = {g: room[g] / total for g, share in now.items() if share * total > room[g] + 1}
        if not over:
            break
        full |= over
    if not now and sum(full.values()) < 1 - 1e-9:
        most = int(sum(room[g] for g in full)) * settings.context
        raise Problem(
            f"[pretrain] tokens = {settings.tokens:,} is more than the corpus gives: with max_epochs = "
            f"{settings.max_epochs:g} it gives about {most:,}; lower tokens, collect more or raise max_epochs"
        )
    chosen = full | now
    scale = sum(chosen.values())
    return {group: share / scale for group, share in sorted(chosen.items())}


def epochs(mixture: Mixture, counts: Counts, total: int) -> dict[str, float]:
    """Epochs over each group in `total` sequences."""
    main = drawn(mixture.weights, min(mixture.anneal_start, total))
    last = drawn(mixture.anneal_weights, max(0, total - mixture.anneal_start))
    of_pools = {
        pool: (main.get(pool, 0) + last.get(pool, 0))
        / windows_of(sum(counts[group]["tokens"] for group in pool.split(JOINED)), mixture.context)
        for pool in {*main, *last}
    }
    of_groups = {group: share for pool, share in of_pools.items() for group in pool.split(JOINED)}
    return {group: round(of_groups.get(group, 0.0), 2) for group in counts}


def bytes_per_token(counts: Counts, weights: dict[str, float]) -> float:
    """Mean bytes of text per label of a mixture of groups or pools, for bits per byte during training; an estimate."""
    text = sum(share * counts[g]["bytes"] / counts[g]["tokens"] for g, share in weights.items())
    labels = sum(share * (1 - counts[g]["documents"] / counts[g]["tokens"]) for g, share in weights.items())
    return text / labels
