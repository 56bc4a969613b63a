"""Train the network that finds a page's main text, `src/anatili/extraction/main_text.npz`.

    python bench/train_extraction.py PAGES.jsonl.gz... [--bar DATA] [--epochs 12] [--seed 0] [--folds 5] [-o FILE]

A line of PAGES is a page: `host`, `html`, `texts` (its main text by a person or by an extractor; where several are given,
only blocks on which they agree are learned), `not_text` (title, authors: not main text), `weight`. What the present network
learned from is said in `docs/concepts/refine.md`; pages are not part of the project.

`--bar DATA`: pages of hosts of `DATA/bench/extraction` are left out. The threshold is the one with the best F1 on pages
that a network did not see, in `--folds` parts without a common host; then all pages are learned.
"""

import argparse
import gzip
import json
import random
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from metrics import shingles

from anatili.extraction.blocks import BUCKETS, read_blocks
from anatili.extraction.features import Features
from anatili.extraction.network import NEIGHBORS
from anatili.page import title_of
from anatili.text import host_of

TOKEN = re.compile(r"[\u0e00-\u0eff\u2e80-\ud7fa]|[^\W\u0e00-\u0eff\u2e80-\ud7fa]+")
"""A word, or a character of a script without spaces."""
THRESHOLDS = np.arange(-2, 2.25, 0.25)
MIN_HOSTS = 4
"""Names of elements that fewer hosts use are not learned."""
FORGET, NAMELESS = 0.25, 0.08
"""Share of the names, and of the pages without any, that each step leaves out."""
ENOUGH = 0.7
"""F1 that the best choice of blocks must reach for a page to be learned from."""


@dataclass
class Example:
    """A page as it is learned: `wanted`, `known` (0: not learned) and `words` are of each block."""

    host: str
    title: str
    text: str
    texts: list[str]
    features: Features
    wanted: np.ndarray
    known: np.ndarray
    words: np.ndarray
    weight: float


def tokens(text: str) -> list[str]:
    return TOKEN.findall(text.lower())


class Chains:
    """The heaviest chain of blocks that stand in a text in order and without overlap, by a tree of prefix maxima."""

    def __init__(self, size: int) -> None:
        self.tree = [(0, -1)] * (size + 2)
        self.items: list[tuple[int, int]] = []

    def best(self, end: int) -> tuple[int, int]:
        end, best = end + 1, (0, -1)
        while end > 0:
            best = max(best, self.tree[end], key=lambda pair: pair[0])
            end -= end & -end
        return best

    def add(self, block: int, spans: list[tuple[int, int, int]]) -> None:
        """`spans`: where the block may stand: start, end, weight."""
        new = []
        for start, end, weight in spans:
            before, item = self.best(start)
            self.items.append((item, block))
            new.append((end, (before + weight, len(self.items) - 1)))
        for end, value in new:
            end += 1
            while end < len(self.tree):
                if value[0] > self.tree[end][0]:
                    self.tree[end] = value
                end += end & -end

    def blocks(self) -> list[int]:
        item, chosen = self.best(len(self.tree) - 2)[1], []
        while item >= 0:
            item, block = self.items[item]
            chosen.append(block)
        return chosen


def spans_of(block: list[str], gold: list[str], grams: dict, words: dict) -> tuple[float, list[tuple[int, int, int]]]:
    """The share of a block's four-word runs that are in the text, and where the block may stand there."""
    length = len(block)
    if length < 4:
        starts = words.get(block[0], [])[:40] if block else []
        spans = [(at, at + length, length) for at in starts if gold[at : at + length] == block]
        return float(bool(block)), spans
    hits = [grams.get(tuple(block[n : n + 4])) for n in range(length - 3)]
    number = sum(hit is not None for hit in hits)
    share = number / (length - 3)
    if share < 0.3:
        return share, []
    starts = dict.fromkeys(max(0, at - n) for n, hit in enumerate(hits) if hit for at in hit[:6])
    return share, [(at, min(len(gold), at + length), number + 3) for at in list(starts)[:8]]


def labels(texts: list[str], gold: str, not_text: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Of each block the share of it that is main text, and whether that is known."""
    words_of_gold = tokens(gold)
    grams, words = defaultdict(list), defaultdict(list)
    for at, word in enumerate(words_of_gold):
        words[word].append(at)
        if at + 4 <= len(words_of_gold):
            grams[tuple(words_of_gold[at : at + 4])].append(at)
    refused = {" ".join(tokens(text)) for text in not_text} - {""}
    chains, shares = Chains(len(words_of_gold)), np.zeros(len(texts), np.float32)
    blocks = [tokens(text) for text in texts]
    for n, block in enumerate(blocks):
        if " ".join(block) not in refused:
            shares[n], spans = spans_of(block, words_of_gold, grams, words)
            chains.add(n, spans)
    wanted = np.zeros(len(texts), np.float32)
    chosen = chains.blocks()
    wanted[chosen] = shares[chosen]
    # A long block that is in the text, but out of order: perhaps a teaser of it, perhaps not.
    doubtful = (wanted == 0) & (shares >= 0.8) & (np.array([len(block) for block in blocks]) >= 8)
    return wanted, ~doubtful


def example(line: str) -> Example | None:
    """A line of PAGES as it is learned; None if its blocks do not make up its text."""
    page = json.loads(line)
    blocks = read_blocks(page["html"])
    if not blocks.texts or len(blocks.texts) > 3000:
        return None
    readings = [labels(blocks.texts, text, page.get("not_text", [])) for text in page["texts"]]
    wanted = np.max([wanted for wanted, _ in readings], 0)
    agreed = np.ptp([wanted > 0.5 for wanted, _ in readings], 0) == 0
    known = np.min([known for _, known in readings], 0) & agreed
    title, gold = title_of(page["html"][:100_000]), page["texts"][0]
    best = "\n".join(text for text, share in zip(blocks.texts, wanted, strict=True) if share > 0.5)
    if f1(*scores(gold, best)) < ENOUGH:
        return None
    words = np.array([len(tokens(text)) for text in blocks.texts], np.float32)
    features = Features(blocks, page["html"], title)
    return Example(page["host"], title, gold, blocks.texts, features, wanted, known, words, page.get("weight", 1.0))


def scores(gold: str, text: str) -> tuple[float, float]:
    wanted, got = shingles(gold), shingles(text)
    common = (wanted & got).total()
    return common / max(1, got.total()), common / max(1, wanted.total())


def f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / max(1e-9, precision + recall)


@dataclass
class Scale:
    """How features are put to a network: their scale and shift, and the row of each bucket's name, 0 if it has none."""

    scale: np.ndarray
    shift: np.ndarray
    rows: np.ndarray
    number: int


def scale_of(pages: list[Example]) -> Scale:
    values = np.concatenate([page.features.values for page in pages])
    scale = (1 / (values.std(0) + 1e-3)).astype(np.float32)
    hosts = defaultdict(set)
    for page in pages:
        for name in np.unique(page.features.names).tolist():
            hosts[name].add(page.host)
    known = sorted(name for name, used in hosts.items() if len(used) >= MIN_HOSTS)
    rows = np.zeros(BUCKETS, np.int64)
    rows[known] = np.arange(1, len(known) + 1)
    return Scale(scale, (-values.mean(0) * scale).astype(np.float32), rows, len(known) + 1)


class Batch:
    """Pages one after another, with the ranges of blocks and elements that belong together."""

    def __init__(self, pages: list[Example], scale: Scale, forget: float) -> None:
        blocks = np.cumsum([0, *(len(page.texts) for page in pages)])
        elements = np.cumsum([0, *(len(page.features.starts) for page in pages)])
        every = [(page.features, blocks[n], elements[n]) for n, page in enumerate(pages)]

        def joined(parts: list[np.ndarray]) -> Tensor:
            return torch.from_numpy(np.concatenate(parts, -1))

        values = np.concatenate([page.features.values for page in pages])
        self.values = torch.from_numpy(np.clip(values * scale.scale + scale.shift, -5, 5).astype(np.float32))
        self.names = joined([scale.rows[f.names] for f, _, _ in every])
        lengths = [np.diff([*f.offsets, len(f.names)]) for f, _, _ in every]
        owners = [np.repeat(np.arange(len(n)) + e, n) for n, (_, _, e) in zip(lengths, every, strict=True)]
        self.owners = joined(owners)
        self.starts, self.ends = joined([f.starts + b for f, b, _ in every]), joined([f.ends + b for f, b, _ in every])
        self.inside = joined([f.inside + e for f, _, e in every])
        self.parent = joined([f.parent + e for f, _, e in every])
        self.page = joined([np.full(len(page.texts), n) for n, page in enumerate(pages)])
        self.first, self.last = torch.from_numpy(blocks[:-1])[self.page], torch.from_numpy(blocks[1:])[self.page]
        levels = [joined([np.stack(f.ranges[n]) + b for f, b, _ in every]) for n in range(len(every[0][0].ranges))]
        self.ranges = [(level[0], level[1]) for level in levels] + [(self.first, self.last)]
        self.elements, self.blocks, self.pages = int(elements[-1]), int(blocks[-1]), len(pages)
        self.wanted = joined([page.wanted for page in pages])
        self.words = joined([page.words * page.known for page in pages])
        self.weight = joined([np.sqrt(page.words + 1) * page.known for page in pages]).float()
        self.page_weight = torch.tensor([page.weight for page in pages])
        if forget:
            kept = torch.rand(len(self.names)) >= forget
            named = torch.rand(self.pages) >= NAMELESS
            element_page = torch.repeat_interleave(torch.arange(self.pages), torch.from_numpy(np.diff(elements)))
            self.names = torch.where(kept & named[element_page[self.owners]], self.names, 0)


class Trained(nn.Module):
    """The network of `anatili.extraction.network` as it is trained."""

    def __init__(self, features: int, rows: int, names: int, hidden: int, told: int, rounds: int) -> None:
        super().__init__()
        self.names = nn.Embedding(rows, names, padding_idx=0)
        nn.init.normal_(self.names.weight, 0, 0.05)
        heard = hidden + told * (len(NEIGHBORS) + 5)
        self.enter = nn.Linear(features + 3 * names, hidden)
        self.tell = nn.ModuleList(nn.Linear(hidden, told) for _ in range(rounds))
        self.hear = nn.ModuleList(nn.Linear(heard, hidden) for _ in range(rounds))
        self.leave, self.drop = nn.Linear(hidden, 1), nn.Dropout(0.1)

    def forward(self, batch: Batch) -> Tensor:
        names = self.names(batch.names)
        vectors = torch.zeros(batch.elements, names.shape[1]).index_add(0, batch.owners, names)
        change = torch.zeros(batch.blocks + 1, names.shape[1])
        change = change.index_add(0, batch.starts, vectors).index_add(0, batch.ends, -vectors)
        path = torch.cumsum(change, 0)[:-1]
        hidden = torch.cat([batch.values, path, vectors[batch.inside], vectors[batch.parent]], 1)
        hidden = self.drop(torch.relu(self.enter(hidden)))
        order = torch.arange(batch.blocks)
        for tell, hear in zip(self.tell, self.hear, strict=True):
            told = torch.tanh(tell(hidden))
            parts = [hidden]
            for step in NEIGHBORS:
                at = order + step
                is_inside = ((at >= batch.first) & (at < batch.last)).float()[:, None]
                parts.append(told[at.clamp(0, batch.blocks - 1)] * is_inside)
            sums = torch.cat([torch.zeros(1, told.shape[1]), torch.cumsum(told, 0)])
            parts += [(sums[end] - sums[start]) / (end - start)[:, None] for start, end in batch.ranges]
            hidden = self.drop(torch.relu(hear(torch.cat(parts, 1))) + hidden)
        return self.leave(hidden)[:, 0]


def loss_of(odds: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy by block, longer ones counting more, and half of what each page's expected F1 lacks."""
    each = nn.functional.binary_cross_entropy_with_logits(odds, batch.wanted, reduction="none")
    none = torch.zeros(batch.pages)
    total = none.index_add(0, batch.page, batch.weight).clamp(min=1e-9)
    entropy = none.index_add(0, batch.page, each * batch.weight) / total
    chance = torch.sigmoid(odds)
    hits = none.index_add(0, batch.page, chance * batch.wanted * batch.words)
    sizes = none.index_add(0, batch.page, (chance + batch.wanted) * batch.words)
    return ((entropy + 0.5 * (1 - 2 * hits / (sizes + 1))) * batch.page_weight).sum() / batch.page_weight.sum()


@dataclass
class Model:
    """A trained network with the scale of its features."""

    network: Trained
    scale: Scale

    def odds(self, page: Example) -> np.ndarray:
        with torch.no_grad():
            return self.network(Batch([page], self.scale, 0)).numpy()


def train(pages: list[Example], options: argparse.Namespace, seed: int) -> Model:
    """Learn from pages; the weights are a running mean over the steps."""
    torch.manual_seed(seed)
    draw = random.Random(seed)
    scale = scale_of(pages)
    network = Trained(len(scale.scale), scale.number, options.names, options.hidden, options.told, options.rounds)
    others = [weights for name, weights in network.named_parameters() if name != "names.weight"]
    groups = [{"params": [network.names.weight], "weight_decay": 0.05}, {"params": others, "weight_decay": 0.01}]
    optimizer = torch.optim.AdamW(groups, lr=options.rate)
    steps = options.epochs * (len(pages) // options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.rate, total_steps=steps + 1, pct_start=0.1)
    mean = {name: weights.clone() for name, weights in network.state_dict().items()}
    order: list[Example] = []
    for step in range(steps):
        if len(order) < options.batch:
            order = draw.sample(pages, len(pages))
        batch = Batch([order.pop() for _ in range(options.batch)], scale, FORGET)
        loss = loss_of(network(batch), batch)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        keep = min(0.995, (step + 1) / (step + 11))
        with torch.no_grad():
            for name, weights in network.state_dict().items():
                mean[name].mul_(keep).add_(weights, alpha=1 - keep)
    network.load_state_dict(mean)
    return Model(network.eval(), scale)


def figures(pages: list[Example], odds: list[np.ndarray], threshold: float) -> tuple[float, float, float]:
    """Mean precision, mean recall and their F1 of what is above a threshold."""
    table = []
    for page, values in zip(pages, odds, strict=True):
        kept = [text for text, value in zip(page.texts, values, strict=True) if value > threshold]
        table.append(scores(page.text, "\n".join(kept[1:] if kept and kept[0] == page.title else kept)))
    precision, recall = np.mean(table, 0)
    return float(precision), float(recall), f1(precision, recall)


def threshold_of(pages: list[Example], options: argparse.Namespace) -> float:
    """The threshold with the best F1 on pages that were not learned, by parts without a common host."""
    hosts = sorted({page.host for page in pages})
    random.Random(1).shuffle(hosts)
    part = {host: n % options.folds for n, host in enumerate(hosts)}
    judged, odds = [], []
    for fold in range(options.folds):
        model = train([page for page in pages if part[page.host] != fold], options, fold)
        unseen = [page for page in pages if part[page.host] == fold and page.weight >= 1]
        judged += unseen
        odds += [model.odds(page) for page in unseen]
    rows = {float(limit): figures(judged, odds, limit) for limit in THRESHOLDS}
    for limit, (precision, recall, score) in rows.items():
        print(f"threshold {limit:5.2f}  F1 {score:.4f}  precision {precision:.3f}  recall {recall:.3f}")
    return max(rows, key=lambda limit: rows[limit][2])


def save(model: Model, threshold: float, file: Path) -> None:
    """Write the weights: names in a byte each, the rest in half precision."""
    state = {name: weights.numpy() for name, weights in model.network.state_dict().items()}
    step = np.abs(state["names.weight"]).max() / 127
    arrays = {
        "scale": model.scale.scale,
        "shift": model.scale.shift,
        "rows": model.scale.rows.astype(np.uint16),
        "threshold": np.float32(threshold),
        "names": np.round(state["names.weight"] / step).astype(np.int8),
        "names_step": np.float32(step),
    }
    for layer in {name.rpartition(".")[0] for name in state} - {"names"}:
        name, _, n = layer.partition(".")
        suffix = f"_{n}" if n else ""
        arrays[f"{name}{suffix}"] = state[f"{layer}.weight"].T.astype(np.float16)
        arrays[f"{name}_bias{suffix}"] = state[f"{layer}.bias"].astype(np.float16)
    np.savez_compressed(file, **dict(sorted(arrays.items())))
    print(f"{file}: {file.stat().st_size:,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", type=Path, nargs="+")
    parser.add_argument("--bar", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--names", type=int, default=12, help="values of a name")
    parser.add_argument("--hidden", type=int, default=48)
    parser.add_argument("--told", type=int, default=16, help="values that a block tells the others in a round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threshold", type=float, help="instead of finding the best")
    parser.add_argument("-o", "--out", type=Path, default=Path("src/anatili/extraction/main_text.npz"))
    options = parser.parse_args()
    barred: set[str] = set()
    if options.bar:
        truth = json.loads((options.bar / "bench" / "extraction" / "ground-truth.json").read_text("utf-8"))
        barred = {host_of(page["url"]) for page in truth.values() if page.get("url")}
    pages = []
    for file in options.pages:
        with gzip.open(file, "rt", encoding="utf-8") as stream:
            made = (example(line) for line in stream)
            pages += [page for page in made if page and page.host not in barred]
    print(f"{len(pages)} pages of {len({page.host for page in pages})} hosts")
    threshold = threshold_of(pages, options) if options.threshold is None else options.threshold
    save(train(pages, options, options.seed), threshold, options.out)


if __name__ == "__main__":
    main()
