"""Train the network that finds a page's main text, `src/anatili/extraction/main_text.npz`.

    python bench/train_extraction.py PAGES.jsonl.gz... [--bar DATA] [--epochs 12] [--seed 0] [--folds 5] [-o FILE]

PAGES are written by `bench/extraction_pages.py`. Pages of weight 1 and with a text of their own set the threshold.

`--bar DATA`: pages of hosts of `DATA/bench/extraction` are left out. The threshold is the one with the best F1 on pages
that a network did not see, in `--folds` parts without a common host; then all pages are learned.
"""

import argparse
import gzip
import json
import random
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent))

from extraction_pages import f1, scores, tokens

from anatili.extraction.blocks import BUCKETS, read_blocks
from anatili.extraction.features import Features
from anatili.extraction.network import NEIGHBORS
from anatili.page import title_of
from anatili.text import host_of

THRESHOLDS = np.arange(-2, 2.25, 0.25)
NAMES = 3000
"""Names of elements that are learned: those that the most hosts use."""
FORGET, NAMELESS = 0.25, 0.08
"""Share of the names, and of the pages without any, that each step leaves out."""


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


def example(line: str) -> Example | None:
    """A line of PAGES as it is learned; None if the reader has come to cut its blocks in another way."""
    page = json.loads(line)
    blocks = read_blocks(page["html"])
    if len(blocks.texts) != len(page["labels"]):
        return None
    wanted = np.array([label or 0.0 for label in page["labels"]], np.float32)
    known = np.array([label is not None for label in page["labels"]])
    words = np.array([len(tokens(text)) for text in blocks.texts], np.float32)
    title = title_of(page["html"][:100_000])
    features = Features(blocks, page["html"], title)
    return Example(page["host"], title, page["text"], blocks.texts, features, wanted, known, words, page["weight"])


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
    known = sorted(sorted(hosts, key=lambda name: (-len(hosts[name]), name))[:NAMES])
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
        unseen = [page for page in pages if part[page.host] == fold and page.weight >= 1 and page.text]
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
