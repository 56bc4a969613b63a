"""Train the reader: does a sentence, where it stands, answer a question (src/anatili/serve/reader.py)?

    python bench/train_reader.py                 # writes serve/reader.safetensors; needs `dense` and `train`
    python bench/train_reader.py --held FILE     # only measures the file on documents like those in bench/documents

The questions are those that the decision is trained on: on half of the sample's topics (bench/decision_examples.py) and
on short documents (bench/folder_examples.py). Of each, the sentences that hold the answer are told apart from those
that the network of the decision likes best of the others. The encoder stays as it is, so the states of all texts are
computed once (half an hour on a thread, 3 GB); only the small layers above it are trained.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from asked import LANGUAGES, PACKS
from decision_examples import Example, examples
from folder_examples import MORE, folder_examples, more_examples
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, dropout, gelu

from anatili.engine.e5_encoder import Encoder, package_file
from anatili.opening.sample_index import sample_run
from anatili.search.searcher import Search
from anatili.serve.decision import network, network_for_documents, placed
from anatili.serve.reader import (
    EPSILON,
    FILE,
    HEADS,
    SPREAD,
    USUAL,
    Encoded,
    Placed,
    Reader,
    likeness,
    reader,
    shared,
)

WIDTH, INNER, BLOCKS, DROPOUT = 128, 256, 2, 0.1
BATCH, STEPS, RATE, WARM, DECAY = 64, 7000, 1e-3, 100, 0.02
TOGETHER = 1024
"""Pairs that are sorted by length before they are cut into batches."""
RIGHT, WRONG, SOME = 2, 3, 12
"""Most sentences of a question that hold the answer, and others; one of these is drawn from the best `SOME`."""
AT_ONCE = 32
"""Texts encoded at once."""
PADDING = 4
"""The part of what fills a batch up."""
SHARES = {
    "answered": 0.5,
    "page taken out": 0.25,
    "missing": 0.8,
    "pattern": 0.6,
    "own answered": 0.5,
    "own missing": 0.8,
    "own taken out": 0.3,
    "everyday answered": 0.0,
    "everyday missing": 0.0,
    "everyday elsewhere": 0.0,
    "elsewhere": 0.0,
}
"""Share of the questions on the sample by kind; others are all taken. Short documents come from the other file."""
OF_FOLDERS = {
    "everyday answered": 0.6,
    "everyday missing": 0.6,
    "further answered": 0.6,
    "abroad answered": 0.6,
    "abroad missing": 0.6,
    "everyday elsewhere": 0.25,
    "abroad elsewhere": 0.25,
}
OF_MORE = {"everyday elsewhere": 0.25, "abroad elsewhere": 0.25}


@dataclass(frozen=True)
class Pair:
    """A question and a sentence."""

    asked: str
    sentence: Placed
    answers: bool


def pairs_of(row: Example, scores: np.ndarray, choose: random.Random) -> Iterator[Pair]:
    """The sentences of an example that hold the answer, and others that come near."""
    order = np.argsort(-scores, kind="stable").tolist()
    right = [number for number in order if row.right[number]][:RIGHT]
    others = [number for number in order if not row.right[number]]
    wrong = others[:WRONG]
    if right and len(others) >= WRONG:
        wrong = [*others[: WRONG - 1], choose.choice(others[WRONG - 1 : SOME])]
    for number in (*right, *wrong):
        candidate = row.candidates[number]
        yield Pair(row.asked, placed(row.hits[candidate.hit], candidate), number in right)


def training_pairs() -> list[Pair]:
    choose = random.Random(1)
    search = Search(sample_run(LANGUAGES, print).folder("index"), PACKS)
    pairs: list[Pair] = []
    for rows, shares, ranking in (
        (examples(search), SHARES, network().ranking),
        (folder_examples(), OF_FOLDERS, network_for_documents().ranking),
        (more_examples(*MORE), OF_MORE, network_for_documents().ranking),
    ):
        for row in rows:
            if len(row.rows) and choose.random() < shares.get(row.kind, 1.0):
                pairs += pairs_of(row, ranking.scores(row.rows), choose)
    return pairs


class Block(nn.Module):
    """A layer with its norms before attention and the feed-forward part."""

    def __init__(self) -> None:
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(WIDTH, EPSILON), nn.LayerNorm(WIDTH, EPSILON)
        self.qkv, self.o = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.f1, self.f2 = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        batch, length, _ = states.shape
        query, key, value = self.qkv(self.n1(states)).view(batch, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        shares = torch.softmax(query @ key.transpose(2, 3) * (WIDTH // HEADS) ** -0.5 + mask, -1)
        attended = self.o((shares @ value).transpose(1, 2).reshape(batch, length, WIDTH))
        states = states + dropout(attended, DROPOUT, self.training)
        inner = self.f2(gelu(self.f1(self.n2(states)), approximate="tanh"))
        result: Tensor = states + dropout(inner, DROPOUT, self.training)
        return result


class Head(nn.Module):
    """What `Reader.odds` computes, for a batch."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.norm, self.inp = nn.LayerNorm(hidden, EPSILON), nn.Linear(hidden, WIDTH)
        self.seg, self.same, self.sim = nn.Embedding(PADDING + 1, WIDTH), nn.Embedding(2, WIDTH), nn.Linear(2, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.fin, self.out = nn.LayerNorm(WIDTH, EPSILON), nn.Linear(WIDTH, 1)
        nn.init.normal_(self.seg.weight, 0, 0.3)
        nn.init.normal_(self.same.weight, 0, 0.3)

    def forward(self, states: Tensor, parts: Tensor, same: Tensor, like: Tensor) -> Tensor:
        inner = self.inp(self.norm(states)) + self.seg(parts) + self.same(same) + self.sim(like)
        mask = torch.zeros(parts.shape).masked_fill(parts == PADDING, -1e4)[:, None, None].to(inner.dtype)
        for block in self.blocks:
            inner = block(inner, mask)
        result: Tensor = self.out(self.fin(inner[:, 0]))[:, 0].float()
        return result


def batch_of(rows: Sequence[tuple[Encoded, Encoded]]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Questions and sentences, encoded, as (states, parts, same, like), filled up to the longest."""
    length = max(len(asked.ids) + len(told.ids) for asked, told in rows)
    states = np.zeros((len(rows), length, rows[0][0].states.shape[1]), np.float32)
    parts, same = np.full((len(rows), length), PADDING), np.zeros((len(rows), length), int)
    like = np.zeros((len(rows), length, 2), np.float32)
    for number, (asked, told) in enumerate(rows):
        end = len(asked.ids) + len(told.ids)
        states[number, :end] = np.concatenate([asked.states, told.states])
        parts[number, :end], same[number, :end] = asked.parts + told.parts, shared(asked, told)
        like[number, :end] = likeness(asked, told)
    like = (like - USUAL) * SPREAD * (parts != PADDING)[..., None]
    return torch.from_numpy(states), torch.from_numpy(parts), torch.from_numpy(same), torch.from_numpy(like)


def encoded(encoder: Encoder, texts: Sequence[str | Placed]) -> dict[str | Placed, Encoded]:
    """Each text with the states of its tokens, in float16."""
    made, found = Reader(encoder, {}), {}
    by_length = sorted(dict.fromkeys(texts), key=lambda text: len("".join(text)))
    for start in range(0, len(by_length), AT_ONCE):
        some = by_length[start : start + AT_ONCE]
        for text, one in zip(some, made.encoded_all(some), strict=True):
            found[text] = one._replace(states=one.states.astype(np.float16))
        if start % (100 * AT_ONCE) == 0:
            print(f"{start:,} of {len(by_length):,} texts encoded", flush=True)
    return found


def trained(pairs: list[Pair], texts: dict[str | Placed, Encoded], hidden: int) -> Head:
    torch.manual_seed(0)
    head, choose, began = Head(hidden), random.Random(2), time.monotonic()
    optimizer = torch.optim.AdamW(head.parameters(), RATE, weight_decay=DECAY)
    losses: list[float] = []
    batches = batches_of(pairs, texts, choose)
    for step in range(1, STEPS + 1):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, step / WARM) * (0.5 * (1 + np.cos(np.pi * step / STEPS)) * 0.98 + 0.02)
        batch = next(batches)
        with torch.autocast("cpu", torch.bfloat16):
            odds = head(*batch_of([(texts[pair.asked], texts[pair.sentence]) for pair in batch]))
        loss = binary_cross_entropy_with_logits(odds, torch.tensor([float(pair.answers) for pair in batch]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if step % 200 == 0:
            print(f"step {step}: loss {np.mean(losses[-200:]):.4f}, {time.monotonic() - began:.0f} s", flush=True)
    return head


def batches_of(pairs: list[Pair], texts: dict[str | Placed, Encoded], choose: random.Random) -> Iterator[list[Pair]]:
    """Batches of pairs of about the same length, over and over."""

    def length(pair: Pair) -> int:
        return len(texts[pair.asked].ids) + len(texts[pair.sentence].ids)

    while True:
        choose.shuffle(pairs)
        chunks = [sorted(pairs[start : start + TOGETHER], key=length) for start in range(0, len(pairs), TOGETHER)]
        batches = [chunk[start : start + BATCH] for chunk in chunks for start in range(0, len(chunk), BATCH)]
        choose.shuffle(batches)
        yield from batches


def area(answers: Sequence[bool], odds: Sequence[float]) -> float:
    """The share of pairs of one sentence that answers and one that does not in which the first has more odds."""
    right, wrong = (np.array([o for a, o in zip(answers, odds, strict=True) if a == one]) for one in (True, False))
    more = (right[:, None] > wrong).mean() + (right[:, None] == wrong).mean() / 2
    return float(more)


def measure(file: Path) -> None:
    """Print how well the reader and the decision's network tell sentences apart in documents that were held out."""
    choose, ranking = random.Random(1), network_for_documents().ranking
    answers: list[bool] = []
    read: list[float] = []
    ranks: list[float] = []
    for row in more_examples(file):
        if not len(row.rows):
            continue
        scores = ranking.scores(row.rows)
        pairs = list(pairs_of(row, scores, choose))
        answers += [pair.answers for pair in pairs]
        read += reader().log_odds(row.asked, [pair.sentence for pair in pairs])
        known = {placed(row.hits[one.hit], one): score for one, score in zip(row.candidates, scores, strict=True)}
        ranks += [float(known[pair.sentence]) for pair in pairs]
    result: dict[str, Any] = {"pairs": len(answers), "answering": sum(answers)}
    print(json.dumps(result | {"reader": round(area(answers, read), 4), "network": round(area(answers, ranks), 4)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--held", type=Path, help="measure on the documents of this file instead")
    chosen = parser.parse_args()
    if chosen.held:
        measure(chosen.held)
        return
    torch.set_num_threads(1)
    pairs, encoder = training_pairs(), Encoder(package_file())
    print(f"{len(pairs):,} pairs, of which {sum(pair.answers for pair in pairs):,} answer", flush=True)
    texts = encoded(encoder, [text for pair in pairs for text in (pair.asked, pair.sentence)])
    head = trained(pairs, texts, encoder.shape.hidden)
    save_file({name: tensor.detach().half().contiguous() for name, tensor in head.named_parameters()}, FILE)
    print(f"{FILE.name}: {FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
