"""Train the small classifier of a pack: does a text read like one that explains, or like chatter and interface strings?

    python bench/train_quality.py ../shared/data --language kk --out src/anatili/lang/kk/quality.npz

For explaining: encyclopedic and official prose. Against: shop reviews and the strings of programs. What it learns is
the difference between these sources, no more: use it to rank, and look at what it drops. Prints the area under the
curve and the accuracy on a fifth of the lines that training never saw.
"""

import argparse
import random
from pathlib import Path

import numpy as np

from anatili.refine.quality import features
from anatili.text import words

EXPLAINS = ("apertium_kaz_segcorpus", "apertium_kaz_texts", "sdg_translations", "stukenov_seeds", "faker_kkwiki")
CHATTERS = ("kazsandra", "debian_l10n", "mozilla_apps", "aosp_framework")
BUCKETS, EPOCHS, RATE, DECAY, LARGEST, LINES = 1 << 16, 6, 4.0, 1e-5, 20_000, 3


def passages(data: Path, names: tuple[str, ...], chooser: random.Random) -> list[list[str]]:
    """Passages of three lines, as lower-case words; as many of each source as of the others, at most."""
    found = []
    for name in names:
        path = data / "text" / f"{name}.kk.txt"
        lines = [line for line in path.read_text("utf-8").splitlines() if len(line) > 20]
        chooser.shuffle(lines)
        groups = ["\n".join(lines[i : i + LINES]) for i in range(0, len(lines), LINES)]
        found += [[w.lower() for w in words(text)] for text in groups[: LARGEST // len(names)]]
    return [one for one in found if len(one) > 5]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--language", default="kk")
    arguments = parser.parse_args()
    chooser = random.Random(1)
    rows = [(1.0, x) for x in passages(arguments.data, EXPLAINS, chooser)]
    rows += [(0.0, x) for x in passages(arguments.data, CHATTERS, chooser)]
    chooser.shuffle(rows)
    ready = [(label, features(one, BUCKETS)) for label, one in rows]
    cut = len(ready) // 5
    test, train = ready[:cut], ready[cut:]
    weights, bias = np.zeros(BUCKETS), 0.0
    for epoch in range(EPOCHS):
        chooser.shuffle(train)
        rate = RATE * (1 - epoch / EPOCHS)
        for label, found in train:
            error = label - 1 / (1 + np.exp(-(weights[found].mean() + bias)))
            np.add.at(weights, found, rate * error / len(found) ** 0.5)
            weights[found] *= 1 - DECAY
            bias += 0.01 * rate * error
    scale = np.abs(weights).max() / 127
    small = np.clip(np.round(weights / scale), -127, 127).astype(np.int8)
    score = np.array([small[found].mean() * scale + bias for _, found in test])
    truth = np.array([label for label, _ in test])
    ranks = np.argsort(np.argsort(score))
    positive = truth == 1
    area = (ranks[positive].sum() - positive.sum() * (positive.sum() - 1) / 2) / (positive.sum() * (~positive).sum())
    right = ((score > 0) == positive).mean()
    np.savez_compressed(arguments.out, weights=small, scale=np.float64(scale), bias=np.float64(bias))
    chance = max(positive.mean(), 1 - positive.mean())
    print(f"{len(train)} passages to learn from, {len(test)} apart: area under the curve {area:.4f}, right {right:.1%} "
          f"(chance {chance:.1%}); {arguments.out.stat().st_size / 1e3:.0f} kB")  # fmt: skip


if __name__ == "__main__":
    main()
