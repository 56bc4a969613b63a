"""Training text as tokens: written once, read by place, so that any step of any run can be computed anew.

Documents are tokenized in order, each as begin token, text, end token, into one flat file for each language and source;
sentence pairs likewise, both ways round. Each pass over a group has its documents in another order and cuts them into
sequences at other places; a sequence that starts within a document gets a begin token of its own, so that each begins
as a text does. (Whole documents alone would leave a third of a sequence of 512 empty where documents have 300 tokens.)
Which group a sequence is from follows from its number and the weights alone. So a resumed run needs no state but its
step.
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
"""Label of tokens that bear no loss (torch's own)."""
PIECE_BYTES = 256 * 2**20
"""Size of the logits held at a time while training, in float32."""
Counts = dict[str, dict[str, int]]
"""`language/source` -> tokens, bytes of text, documents."""
PAIRS = "pairs"
"""Stands for the language in groups of sentence pairs."""


def write_tokens(
    shards: Iterable[Path], tokenizer: Any, begin: int, end: int, folder: Path, pairs: Iterable[Path] = ()
) -> Counts:
    """Write `<language>/<source>.bin` (tokens, uint32) and `.ends` (of documents, int64) for each group of documents
    in the shards, and `pairs/<source>` for files of sentence pairs.

    `counts.json` is written last: with it the folder is whole, and a resumed run keeps it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "counts.json"
    if done.exists():
        return dict(json.loads(done.read_text("utf-8")))
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
    write_json(done, counts)
    return counts


def documents_of(shard: Path) -> dict[str, list[str]]:
    """The texts of a shard by language and source."""
    groups: dict[str, list[str]] = {}
    for document in read_shard(shard, Kept):
        text = f"{document.title}\n{document.text}".strip()
        groups.setdefault(f"{document.language}/{document.source}", []).append(text)
    return groups


def texts_of_pairs(file: Path) -> Iterator[dict[str, list[str]]]:
    """Each pair of a file of the stage `pairs` as two texts, a sentence a line: both ways round."""
    pairs = read_pairs(file)
    while rows := list(islice(pairs, 10_000)):
        texts = [text for one, other in rows for text in (f"{one}\n{other}", f"{other}\n{one}")]
        yield {f"{PAIRS}/{source_of(file)}": texts}


@dataclass(frozen=True)
class Mixture:
    """Sequences of `context` + 1 tokens drawn from groups by weight; from sequence `turn` on by other weights."""

    folder: Path
    context: int
    weights: dict[str, float]
    """Group -> share; they add up to 1."""
    anneal_weights: dict[str, float]
    turn: int
    """First sequence drawn by `anneal_weights`."""
    seed: int
    begin: int

    def sequence(self, number: int) -> Tokens:
        """Tokens of sequence `number`, shape (context + 1,); the first is a begin token."""
        group, place = self.place(number)
        turn, place = divmod(place, windows_of(_documents(self.folder, group)[1][-1], self.context))
        part = self.stretch(group, turn, place * (self.context - 1))
        # A group with less text than one sequence is repeated within it.
        return np.resize(part, self.context + 1)

    def stretch(self, group: str, turn: int, start: int) -> Tokens:
        """The tokens from `start` on of all documents of a group one after another, in the order of pass `turn`."""
        starts, ends = _documents(self.folder, group)
        order, before = _order(self.folder, self.seed, group, turn)
        tokens = _open(self.folder / f"{group}.bin")
        at = int(np.searchsorted(before, start, "right")) - 1
        offset, parts, size = start - int(before[at]), list[Tokens](), 0
        if offset:
            parts, size = [np.array([self.begin])], 1
        while size <= self.context and at < len(order):
            document = order[at]
            part = tokens[starts[document] + offset : ends[document]][: self.context + 1 - size]
            parts.append(np.asarray(part, np.int64))
            at, offset, size = at + 1, 0, size + len(part)
        return np.concatenate(parts)

    def batch(self, step: int, size: int) -> tuple[Tokens, Tokens, Tokens]:
        """Input ids, labels and positions of step `step` (from 0), each of shape (size, context).

        Positions begin anew with each document: attention then does not cross documents (transformers reads packing
        off the positions). Which document comes next cannot be foretold, so begin tokens are no labels.
        """
        tokens = np.stack([self.sequence(step * size + i) for i in range(size)])
        labels = np.where(tokens[:, 1:] == self.begin, IGNORED, tokens[:, 1:])
        return tokens[:, :-1], labels, positions_of(tokens[:, :-1], self.begin)

    def place(self, number: int) -> tuple[str, int]:
        """The group of sequence `number`, and how many of that group came before it."""
        if number < self.turn:
            return _place(tuple(sorted(self.weights.items())), number)
        group, place = _place(tuple(sorted(self.anneal_weights.items())), number - self.turn)
        return group, place + drawn(self.weights, self.turn).get(group, 0)


def windows_of(tokens: int, context: int) -> int:
    """Sequences of `context` tokens in a group; one of them may be a begin token that is not in the text."""
    return max(1, (int(tokens) - 1) // (context - 1))


def positions_of(ids: Tokens, begin: int) -> Tokens:
    """Place of each token in its document, shape as `ids`; a window that starts within one counts from its start."""
    index = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
    starts = np.maximum.accumulate(np.where(ids == begin, index, 0), axis=1)
    return index - starts


BLOCK = 10_000


def drawn(weights: dict[str, float], count: int) -> dict[str, int]:
    """How many of the first `count` sequences each group gives."""
    plan, _, totals = _plan(tuple(sorted(weights.items())))
    blocks, rest = divmod(count, BLOCK)
    return {group: blocks * total + plan[:rest].count(group) for group, total in totals.items()}


def _place(weights: tuple[tuple[str, float], ...], number: int) -> tuple[str, int]:
    block, rest = divmod(number, BLOCK)
    plan, before, totals = _plan(weights)
    return plan[rest], block * totals[plan[rest]] + before[rest]


@lru_cache(maxsize=8)
def _plan(weights: tuple[tuple[str, float], ...]) -> tuple[list[str], list[int], dict[str, int]]:
    """A block of sequences as evenly spread as the weights allow: group, count before in the block, totals.

    Each sequence goes to the group that lags most behind its share; fixed weights make each block alike.
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
def _order(folder: Path, seed: int, group: str, turn: int) -> tuple[Tokens, Tokens]:
    """The order of a group's documents in pass `turn`, and how many tokens are before each of them then."""
    starts, ends = _documents(folder, group)
    name = int.from_bytes(group.encode(), "big")
    order = np.random.default_rng([seed, name, turn]).permutation(len(ends))
    return order, np.concatenate([[0], np.cumsum((ends - starts)[order])[:-1]])


@lru_cache(maxsize=256)
def _open(path: Path) -> npt.NDArray[np.uint32]:
    return np.memmap(path, np.uint32, "r")


def mix(folder: Path, counts: Counts, settings: Pretrain, begin: int) -> Mixture:
    """The mixture that [pretrain] asks for, at least of one sequence; `Problem` if the corpus cannot give it within
    `max_epochs`."""
    context, total = settings.context, max(1, sequences(settings))
    turn = total - round(settings.decay * total) if settings.anneal else total
    room = {g: settings.max_epochs * windows_of(c["tokens"], context) for g, c in counts.items()}
    best = {g: c for g, c in counts.items() if g.split("/")[1] in settings.anneal}
    missing = sorted(set(settings.anneal) - {g.split("/")[1] for g in counts})
    if missing:
        raise Problem(f"[pretrain] anneal names {', '.join(missing)}, but no document of the corpus is from there")
    # A language that has no best text goes on with what it has.
    best |= {g: c for g, c in counts.items() if g.split("/")[0] not in {b.split("/")[0] for b in best}}
    last = shares(best if settings.anneal else counts, settings, room, total - turn)
    left = {g: room[g] - last.get(g, 0) * (total - turn) for g in room}
    return Mixture(folder, context, shares(counts, settings, left, turn), last, turn, settings.seed, begin)


def sequences(settings: Pretrain) -> int:
    """Sequences in all."""
    return steps_of(settings) * settings.batch


def steps_of(settings: Pretrain) -> int:
    return settings.tokens and max(1, round(settings.tokens / (settings.batch * settings.context)))


def shares(counts: Counts, settings: Pretrain, room: dict[str, float], total: int) -> dict[str, float]:
    """Shares of the groups in `total` sequences: languages by `mix`, their sources by size times `source_weights`.

    What a group cannot give (`room`, in sequences) is shared out among the others.
    """
    languages = {group.split("/")[0] for group in counts}
    missing = sorted(set(settings.mix) - languages)
    if missing:
        raise Problem(f"[pretrain] mix names {', '.join(missing)}, but the corpus has only {', '.join(languages)}")
    sizes = {g: c["tokens"] * settings.source_weights.get(g.split("/")[1], 1.0) for g, c in counts.items()}
    weights: dict[str, float] = {}
    for language in sorted(languages):
        mine = {g: size for g, size in sizes.items() if g.split("/")[0] == language and size > 0}
        weight = settings.mix.get(language, 0.0) if settings.mix else sum(mine.values())
        weights |= {g: weight * size / sum(mine.values()) for g, size in mine.items() if weight > 0}
    if not weights:
        raise Problem("the corpus has no tokens to train on; look at `anatili status RUN`, stage cut")
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
            f"{settings.max_epochs:g} about {most:,} can be drawn here; lower tokens, collect more or raise max_epochs"
        )
    chosen = full | now
    scale = sum(chosen.values())
    return {group: share / scale for group, share in sorted(chosen.items())}


def epochs(mixture: Mixture, counts: Counts, total: int) -> dict[str, float]:
    """How often each group is gone through in `total` sequences."""
    main, last = drawn(mixture.weights, min(mixture.turn, total)), drawn(mixture.anneal_weights, total - mixture.turn)
    return {
        group: round((main.get(group, 0) + last.get(group, 0)) / windows_of(count["tokens"], mixture.context), 2)
        for group, count in counts.items()
    }


def bytes_per_token(counts: Counts, weights: dict[str, float]) -> float:
    """Bytes of text for one label in a mixture, for bits per byte while training; an average, not a score."""
    text = sum(share * counts[g]["bytes"] / counts[g]["tokens"] for g, share in weights.items())
    labels = sum(share * (1 - counts[g]["documents"] / counts[g]["tokens"]) for g, share in weights.items())
    return text / labels
