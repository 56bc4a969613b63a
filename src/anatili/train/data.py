"""Training text as tokens: written once and read by position, so that any step of any run can be computed again.

Documents are tokenized in order, each as begin token, text and end token, into one flat file per language and source.
Sentence pairs are written the same way, in both orders. Each epoch over a group shuffles its documents and cuts them
into sequences at other positions. A sequence that starts inside a document gets a begin token of its own, so that every
sequence begins as a text does. (Using only whole documents would leave a third of a sequence of 512 empty where
documents have 300 tokens.) The group of a sequence follows from its number and the weights alone, so a resumed run
needs no state but its step.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anatili.document import Kept, read_shard, write_json
from anatili.problem import Problem
from anatili.recipe import Pretrain
from anatili.refine.pairs import read_pairs, source_of

Tokens = npt.NDArray[np.int64]
IGNORED = -100
"""Label of tokens without loss (torch's own)."""
LOGIT_BYTES = 256 * 2**20
"""Bytes of logits held at a time during training, in float32."""
Counts = dict[str, dict[str, int]]
"""`language/source` -> tokens, bytes of text, documents."""
PAIRS = "pairs"
"""Takes the place of the language in groups of sentence pairs."""


def write_tokens(
    shards: Iterable[Path], tokenizer: Any, begin: int, end: int, folder: Path, pairs: Iterable[Path] = ()
) -> Counts:
    """Write `<language>/<source>.bin` (tokens, uint32) and `.ends` (ends of documents, int64) for each group of
    documents in the shards, and `pairs/<source>` for files of sentence pairs.

    `counts.json` is written last: a folder that has it is complete, and a resumed run keeps it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts_file = folder / "counts.json"
    if counts_file.exists():
        return dict(json.loads(counts_file.read_text("utf-8")))
    for old in [*folder.rglob("*.bin"), *folder.rglob("*.ends")]:
        old.unlink()
    counts: Counts = {}
    for groups in chain(map(documents_of, shards), chain.from_iterable(map(texts_of_pairs, pairs))):
        for group, texts in sorted(groups.items()):
            encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
            flat = np.concatenate([np.array([begin, *item.ids, end], np.uint32) for item in encoded])
            count = counts.setdefault(group, {"tokens": 0, "bytes": 0, "documents": 0})
            ends = count["tokens"] + np.cumsum([len(item.ids) + 2 for item in encoded], dtype=np.int64)
            (folder / group).parent.mkdir(exist_ok=True)
            for ending, array in ((".bin", flat), (".ends", ends)):
                with (folder / f"{group}{ending}").open("ab") as file:
                    file.write(array.tobytes())
            count["tokens"] += len(flat)
            count["bytes"] += sum(len(text.encode()) for text in texts)
            count["documents"] += len(texts)
    counts = dict(sorted(counts.items()))
    write_json(counts_file, counts)
    return counts


def documents_of(shard: Path) -> dict[str, list[str]]:
    """The texts of a shard, by language and source."""
    groups: dict[str, list[str]] = {}
    for document in read_shard(shard, Kept):
        text = f"{document.title}\n{document.text}".strip()
        groups.setdefault(f"{document.language}/{document.source}", []).append(text)
    return groups


def texts_of_pairs(file: Path) -> Iterator[dict[str, list[str]]]:
    """Each pair in a file of the stage `pairs` as two texts, one in each order, a sentence per line."""
    pairs = read_pairs(file)
    while rows := list(islice(pairs, 10_000)):
        texts = [text for first, second in rows for text in (f"{first}\n{second}", f"{second}\n{first}")]
        yield {f"{PAIRS}/{source_of(file)}": texts}


@dataclass(frozen=True)
class Mixture:
    """Sequences of `context` + 1 tokens drawn from groups by weight; from `anneal_start` on by `anneal_weights`."""

    folder: Path
    context: int
    weights: dict[str, float]
    """Group -> share; the shares add up to 1."""
    anneal_weights: dict[str, float]
    anneal_start: int
    """First sequence drawn by `anneal_weights`."""
    seed: int
    begin: int

    def sequence(self, number: int) -> Tokens:
        """The tokens of sequence `number`, shape (context + 1,); the first is a begin token."""
        group, index = self.locate(number)
        epoch, window = divmod(index, windows_of(_documents(self.folder, group)[1][-1], self.context))
        tokens = self.read_from(group, epoch, window * (self.context - 1))
        # A group with less text than one sequence is repeated within the sequence.
        return np.resize(tokens, self.context + 1)

    def read_from(self, group: str, epoch: int, start: int) -> Tokens:
        """Up to `context` + 1 tokens from position `start` of a group, its documents joined in the order of `epoch`."""
        starts, ends = _documents(self.folder, group)
        order, before = _order(self.folder, self.seed, group, epoch)
        tokens = _open(self.folder / f"{group}.bin")
        position = int(np.searchsorted(before, start, "right")) - 1
        offset, parts, size = start - int(before[position]), list[Tokens](), 0
        if offset:
            parts, size = [np.array([self.begin])], 1
        while size <= self.context and position < len(order):
            document = order[position]
            part = tokens[starts[document] + offset : ends[document]][: self.context + 1 - size]
            parts.append(np.asarray(part, np.int64))
            position, offset, size = position + 1, 0, size + len(part)
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
def _documents(folder: Path, group: str) -> tuple[Tokens, Tokens]:
    """Where each document of a group starts and ends."""
    ends = np.fromfile(folder / f"{group}.ends", np.int64)
    return np.concatenate([[0], ends[:-1]]), ends


@lru_cache(maxsize=64)
def _order(folder: Path, seed: int, group: str, epoch: int) -> tuple[Tokens, Tokens]:
    """The order of a group's documents in an epoch, and how many tokens precede each of them in that order."""
    starts, ends = _documents(folder, group)
    name = int.from_bytes(group.encode(), "big")
    order = np.random.default_rng([seed, name, epoch]).permutation(len(ends))
    return order, np.concatenate([[0], np.cumsum((ends - starts)[order])[:-1]])


@lru_cache(maxsize=256)
def _open(path: Path) -> npt.NDArray[np.uint32]:
    return np.memmap(path, np.uint32, "r")


def mix(folder: Path, counts: Counts, settings: Pretrain, begin: int) -> Mixture:
    """The mixture that [pretrain] asks for, of at least one sequence; `Problem` if the corpus is too small for it
    within `max_epochs`."""
    context, total = settings.context, max(1, sequences(settings))
    anneal_start = total - round(settings.decay * total) if settings.anneal else total
    room = {g: settings.max_epochs * windows_of(c["tokens"], context) for g, c in counts.items()}
    best = {g: c for g, c in counts.items() if g.split("/")[1] in settings.anneal}
    missing = sorted(set(settings.anneal) - {g.split("/")[1] for g in counts})
    if missing:
        raise Problem(f"[pretrain] anneal names {', '.join(missing)}, but no document of the corpus comes from there")
    # A language without text from these sources keeps its own mix.
    best |= {g: c for g, c in counts.items() if g.split("/")[0] not in {b.split("/")[0] for b in best}}
    last = shares(best if settings.anneal else counts, settings, room, total - anneal_start)
    left = {g: room[g] - last.get(g, 0) * (total - anneal_start) for g in room}
    main = shares(counts, settings, left, anneal_start)
    return Mixture(folder, context, main, last, anneal_start, settings.seed, begin)


def sequences(settings: Pretrain) -> int:
    """Number of sequences in the whole training."""
    return steps_of(settings) * settings.batch


def steps_of(settings: Pretrain) -> int:
    return settings.tokens and max(1, round(settings.tokens / (settings.batch * settings.context)))


def shares(counts: Counts, settings: Pretrain, room: dict[str, float], total: int) -> dict[str, float]:
    """Shares of the groups in `total` sequences: languages by `mix`, their sources by size times `source_weights`.

    A group gives at most `room` sequences; what it lacks is distributed among the others.
    """
    languages = {group.split("/")[0] for group in counts}
    missing = sorted(set(settings.mix) - languages)
    if missing:
        raise Problem(f"[pretrain] mix names {', '.join(missing)}, but the corpus has only {', '.join(languages)}")
    sizes = {g: c["tokens"] * settings.source_weights.get(g.split("/")[1], 1.0) for g, c in counts.items()}
    weights: dict[str, float] = {}
    for language in sorted(languages):
        own = {g: size for g, size in sizes.items() if g.split("/")[0] == language and size > 0}
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
    last = drawn(mixture.anneal_weights, total - mixture.anneal_start)
    return {
        group: round((main.get(group, 0) + last.get(group, 0)) / windows_of(count["tokens"], mixture.context), 2)
        for group, count in counts.items()
    }


def bytes_per_token(counts: Counts, weights: dict[str, float]) -> float:
    """Mean bytes of text per label of a mixture, for bits per byte during training; an estimate, not a score."""
    text = sum(share * counts[g]["bytes"] / counts[g]["tokens"] for g, share in weights.items())
    labels = sum(share * (1 - counts[g]["documents"] / counts[g]["tokens"]) for g, share in weights.items())
    return text / labels
