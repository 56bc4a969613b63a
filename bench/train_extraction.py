"""Train the network that finds a page's main text, `src/anatili/extraction/main_text.npz`.

    python bench/train_extraction.py PAGES.jsonl.gz... [--bar TRUTH]... [--epochs 12] [--seed 0] [-o FILE]

PAGES are written by `bench/extraction_pages.py`. Sites of its test pages are left out, so that `bench/extraction.py
--pages` can judge, and with `--bar` those of the addresses in a `ground-truth.json` TRUTH.

Beside each page of known text, a smaller one is learned: a part of its text in a part of what is around it. Every tenth
site is not learned: the log odds that count as even (`even`) are those with the best F1 on its articles. The digest
printed at the end is that of the weights: one thread on one kind of processor gives the same from the same pages and
options.
"""

import argparse
import gzip
import json
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent))

from extraction_pages import f1, scores, tokens

from anatili.extraction.blocks import BUCKETS, Blocks, read_blocks
from anatili.extraction.features import Features
from anatili.extraction.main_text import chosen
from anatili.extraction.network import NEIGHBORS
from anatili.extraction.page import title_of
from anatili.urls import host_of

EVENS = np.arange(0, 3.5, 0.5)
JUDGING = 10
"""One in so many sites is not learned but sets what odds count as even."""
HEAD = 100_000
SECOND = frozenset(["ac", "co", "com", "edu", "go", "gob", "gov", "ne", "net", "or", "org"])
"""Names under which a country's sites have theirs."""
NAMES = 3000
"""Names of elements that are learned: those that the most hosts use."""
SMALL_WEIGHT, SMALL_TEXT, SURROUNDED = 0.4, 6, 0.5
"""Of smaller pages: their weight, the most blocks of text they keep, and the share kept of each part around it."""
FORGET, NAMELESS = 0.25, 0.08
"""Share of the names, and of the pages without any, that each step leaves out."""


@dataclass
class Example:
    """A page as it is learned: `wanted`, `known` (0: not learned) and `words` are of each block."""

    site: str
    kind: str
    title: str
    text: str
    texts: list[str]
    features: Features
    wanted: np.ndarray
    known: np.ndarray
    words: np.ndarray
    weight: float


def examples(line: str, draw: random.Random) -> list[Example]:
    """A line of PAGES as it is learned, and smaller; none if the reader has come to cut its blocks in another way."""
    page = json.loads(line)
    blocks = read_blocks(page["html"])
    if len(blocks.texts) != len(page["labels"]):
        return []
    made = [example(page, blocks, page["html"])]
    kept = smaller(blocks, made[0].wanted, draw) if page["text"] else []
    if kept:
        labels = [page["labels"][block] for block in kept]
        facts = page | {"labels": labels, "text": "", "weight": page["weight"] * SMALL_WEIGHT}
        made.append(example(facts, part_of(blocks, kept), page["html"][:HEAD]))
    return made


def example(page: dict[str, Any], blocks: Blocks, html: str) -> Example:
    wanted = np.array([label or 0.0 for label in page["labels"]], np.float32)
    known = np.array([label is not None for label in page["labels"]])
    words = np.array([len(tokens(text)) for text in blocks.texts], np.float32)
    title = title_of(html[:HEAD])
    features = Features(blocks, html, title)
    facts = site_of(page["host"]), page["kind"], title, page["text"], blocks.texts, features
    return Example(*facts, wanted, known, words, page["weight"])


def smaller(blocks: Blocks, wanted: np.ndarray, draw: random.Random) -> list[int]:
    """Blocks of a smaller page: a few of its text in a row, and some of the parts that hold none; [] if it is small."""
    text = np.flatnonzero(wanted > 0.5)
    if len(text) < 3:
        return []
    size = draw.randint(1, min(SMALL_TEXT, len(text)))
    first = draw.choice([0, draw.randint(0, len(text) - size)])
    keeps = np.zeros(len(wanted), bool)
    before = np.concatenate([[0], np.cumsum(wanted > 0.5)])
    done = 0
    for start, end in zip(blocks.starts, blocks.ends, strict=True):
        if start >= done and end > start and before[start] == before[end]:
            keeps[start:end] = draw.random() < SURROUNDED
            done = end
    keeps[text[first : first + size]] = True
    return np.flatnonzero(keeps).tolist()


def part_of(blocks: Blocks, kept: list[int]) -> Blocks:
    """The page with these blocks alone; its elements stay."""
    number = np.zeros(len(blocks.texts) + 1, np.int64)
    number[np.array(kept) + 1] = 1
    number = np.cumsum(number)
    of_blocks = ("texts", "inside", "linked", "links", "images", "tags")
    columns = {name: [getattr(blocks, name)[block] for block in kept] for name in of_blocks}
    starts, ends = number[blocks.starts].tolist(), number[blocks.ends].tolist()
    return replace(blocks, starts=starts, ends=ends, **columns)


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
    sites = defaultdict(set)
    for page in pages:
        for name in np.unique(page.features.names).tolist():
            sites[name].add(page.site)
    known = sorted(sorted(sites, key=lambda name: (-len(sites[name]), name))[:NAMES])
    rows = np.zeros(BUCKETS, np.int64)
    rows[known] = np.arange(1, len(known) + 1)
    return Scale(scale, (-values.mean(0) * scale).astype(np.float32), rows, len(known) + 1)


def names_of_elements(features: Features) -> list[np.ndarray]:
    """The buckets of each element's names."""
    of_tags = np.split(features.names, features.offsets[1:])
    return [of_tags[kind] for kind in features.kinds.tolist()]


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
        of_elements = [names_of_elements(f) for f, _, _ in every]
        self.names = joined([scale.rows[np.concatenate(names)] for names in of_elements])
        lengths = [[len(names) for names in some] for some in of_elements]
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


def figures(pages: list[Example], odds: list[np.ndarray], even: float) -> tuple[float, float, float]:
    """Mean precision, mean recall and their F1 of the blocks that are chosen."""
    table = []
    for page, values in zip(pages, odds, strict=True):
        kept = [page.texts[block] for block in chosen(values, page.features.letters, even)]
        table.append(scores(page.text, "\n".join(kept[1:] if kept and kept[0] == page.title else kept)))
    precision, recall = np.mean(table, 0)
    return float(precision), float(recall), f1(precision, recall)


def even_of(model: Model, pages: list[Example]) -> float:
    """What log odds count as even: the best F1 on articles that were not learned; that of other kinds is shown."""
    pages = [page for page in pages if page.text]
    odds = [model.odds(page) for page in pages]
    of_kind: dict[str, list[int]] = defaultdict(list)
    for number, page in enumerate(pages):
        of_kind[page.kind].append(number)

    def row(kind: str, even: float) -> float:
        of = of_kind[kind]
        precision, recall, score = figures([pages[n] for n in of], [odds[n] for n in of], even)
        shown = f"F1 {score:.4f}  precision {precision:.3f}  recall {recall:.3f}"
        print(f"{kind:13} n {len(of):4}  even {even:5.2f}  {shown}", flush=True)
        return score

    scores_of = {float(even): row("article", even) for even in EVENS}
    best = max(scores_of, key=lambda even: scores_of[even])
    for kind in of_kind:
        row(kind, best)
    return best


def save(model: Model, even: float, file: Path) -> None:
    """Write the weights: names in a byte each, the rest in half precision."""
    state = {name: weights.numpy() for name, weights in model.network.state_dict().items()}
    step = np.abs(state["names.weight"]).max() / 127
    arrays = {
        "scale": model.scale.scale,
        "shift": model.scale.shift,
        "rows": model.scale.rows.astype(np.uint16),
        "even": np.float32(even),
        "names": np.round(state["names.weight"] / step).astype(np.int8),
        "names_step": np.float32(step),
    }
    for layer in {name.rpartition(".")[0] for name in state} - {"names"}:
        name, _, n = layer.partition(".")
        suffix = f"_{n}" if n else ""
        arrays[f"{name}{suffix}"] = state[f"{layer}.weight"].T.astype(np.float16)
        arrays[f"{name}_bias{suffix}"] = state[f"{layer}.bias"].astype(np.float16)
    np.savez_compressed(file, **dict(sorted(arrays.items())))
    digest = sha256(b"".join(array.tobytes() for _, array in sorted(arrays.items())))
    print(f"{file}: {file.stat().st_size:,} bytes, weights {digest.hexdigest()[:16]}")


def read_pages(files: list[Path], bars: list[Path]) -> list[Example]:
    """The pages that may be learned."""
    barred: set[str] = set()
    for file in bars:
        truth = json.loads(file.read_text("utf-8"))
        barred |= {site_of(host_of(page["url"])) for page in truth.values() if page.get("url")}
    barred |= {site_of(page["host"]) for page in map(json.loads, lines_of(files)) if page["is_test"]}
    draw = random.Random(0)
    return [page for line in lines_of(files) for page in examples(line, draw) if page.site not in barred]


def site_of(host: str) -> str:
    """The last two parts of a host, three where the second is a common one, as in `news.co.uk`."""
    parts = host.lower().partition(":")[0].split(".")
    return ".".join(parts[-3:] if len(parts) > 2 and parts[-2] in SECOND else parts[-2:])


def lines_of(files: list[Path]) -> Iterator[str]:
    for file in files:
        with gzip.open(file, "rt", encoding="utf-8") as stream:
            yield from stream


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", type=Path, nargs="+")
    parser.add_argument("--bar", type=Path, action="append", default=[])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--names", type=int, default=12, help="values of a name")
    parser.add_argument("--hidden", type=int, default=48)
    parser.add_argument("--told", type=int, default=16, help="values that a block tells the others in a round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("-o", "--out", type=Path, default=Path("src/anatili/extraction/main_text.npz"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    pages = read_pages(options.pages, options.bar)
    print(f"{len(pages)} pages of {len({page.site for page in pages})} sites", flush=True)
    sites = sorted({page.site for page in pages})
    random.Random(1).shuffle(sites)
    judging = set(sites[::JUDGING])
    model = train([page for page in pages if page.site not in judging], options, options.seed)
    save(model, even_of(model, [page for page in pages if page.site in judging]), options.out)


if __name__ == "__main__":
    main()
