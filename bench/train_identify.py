"""Train the language identification model that ships in `src/anatili/identify/identify.npz`.

    python bench/train_identify.py FOLDER ... --out src/anatili/identify/identify.npz

`bench/train_identify.toml` lists the sources, each with label, origin and license, and says how to add a language.
Files are looked for in the folders given. A language with few lines is drawn from again and again. Model: mean of
16-dimensional n-gram rows, one linear layer (fastText's shape), stored as int8. Measure it with bench/identify.py.
"""

import argparse
import html
import random
import re
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array

from anatili.identify import BITS, MAIN, cld2, grams
from anatili.identify.letter_arrays import join
from anatili.lang import LanguagePack, load_pack
from anatili.text import script_of

DIMENSIONS, EPOCHS, BATCH, LARGEST, SMALLEST, RATE = 16, 6, 256, 6000, 2500, 0.01
LONGEST = 400
"""Characters of a line that are learned from."""
SHORTEST = 10
"""Letters that a line must have to be learned from."""
TRANSLITERATED = 500
"""Lines of a source that are written in each scheme."""
DRAWN = 3000
"""Texts drawn from a list of words."""
HEARD, LOUDEST = 1000, 20
"""Texts of each label that CLD2 is asked about, and how many times likelier its name makes a language at most."""
RUSSIAN = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Source:
    """One entry of the list of sources."""

    path: str
    origin: str
    license: str
    label: str = ""
    form: str = "lines"
    most: int = 0
    leave: list[str] = field(default_factory=list)
    only: str = ""
    schemes: list[str] = field(default_factory=list)


def read(sources: list[Source], folders: list[Path]) -> dict[str, list[str]]:
    """Label -> lines to learn it from."""
    lines: dict[str, list[str]] = {}
    for number, source in enumerate(sources):
        chooser = random.Random(number)
        files = sorted(file for folder in folders for file in folder.glob(source.path))
        if not files:
            raise SystemExit(f"no file {source.path} in {', '.join(map(str, folders))} (source {source.origin})")
        if source.form == "html":
            known = {label.split("_")[0] for label in lines} | set(source.leave)
            lines.setdefault(source.label, []).extend(others(files, known))
            continue
        for file in files:
            label, found = texts_of(file, source, chooser)
            found = [text for text in found if len(text) > SHORTEST]
            if source.most:
                found = chooser.sample(found, min(source.most, len(found)))
            lines.setdefault(label, []).extend(found)
            for scheme in source.schemes:
                some = chooser.sample(found, min(TRANSLITERATED, len(found)))
                written = [write(text, load_pack(label), scheme) for text in some]
                lines.setdefault(f"{label}_{scheme}", []).extend(written)
    return {label: texts for label, texts in lines.items() if texts}


def write(text: str, pack: LanguagePack, scheme: str) -> str:
    """A text of the pack's language in one of its schemes, or as typed on a keyboard without its letters."""
    if scheme != "keyboard":
        return pack.transliterate(text, scheme)
    return text.lower().translate(str.maketrans(pack.config.keyboard))


def texts_of(file: Path, source: Source, chooser: random.Random) -> tuple[str, list[str]]:
    """The label of one file and its texts."""
    content = file.read_text("utf-8").splitlines()
    if source.form == "words":
        return source.label, list(draw(content, chooser))
    if source.form == "rows":
        rows = [line.split("\t", 1) for line in content if "\t" in line]
        return file.stem, [text for name, text in rows if name not in source.leave and source.only in ("", name)]
    return source.label, content


def draw(rows: list[str], chooser: random.Random) -> Iterator[str]:
    """Texts of some words each, drawn from a list of words; frequent ones come often, but rare ones come too."""
    pairs = [row.split("\t") for row in rows if "\t" in row]
    words, weights = [word for word, _ in pairs], [float(count) ** 0.5 for _, count in pairs]
    for _ in range(DRAWN):
        yield " ".join(chooser.choices(words, weights, k=chooser.randint(4, 14)))


def others(files: list[Path], known: set[str]) -> Iterator[str]:
    """Paragraphs of the Universal Declaration of Human Rights in languages that have no label."""
    for path in files:
        page = path.read_text("utf-8")
        code = re.search(r'<html[^>]* lang="([^"-]+)', page)
        if code and code[1] not in known:
            paragraphs = [html.unescape(p) for p in re.findall(r"<p>([^<]{30,})</p>", page)]
            yield from (p for p in paragraphs if script_of(p) in MAIN)


def crop(text: str, chooser: random.Random) -> str:
    """A random stretch of words or the first letters, so that short texts are learned too."""
    words, kind = text.split(), chooser.random()
    if len(words) < 4 or kind < 0.4:
        return text
    if kind < 0.55:
        return text[: chooser.randint(15, 40)]
    length = chooser.randint(2, min(10, len(words)))
    start = chooser.randint(0, len(words) - length)
    return " ".join(words[start : start + length])


def draw_epoch(
    lines: dict[str, list[str]], labels: list[str], most: dict[str, int], chooser: random.Random
) -> list[tuple[int, str]]:
    """Number of a label and a text: as many of each label as it has, within bounds."""
    rows = []
    for number, label in enumerate(labels):
        texts = lines[label]
        count = min(most.get(label, LARGEST), max(SMALLEST, len(texts)))
        chosen = chooser.sample(texts, count) if count <= len(texts) else chooser.choices(texts, k=count)
        rows += [(number, text) for text in chosen]
    chooser.shuffle(rows)
    return rows


@dataclass
class Adam:
    """Adam for one array of weights; `step` touches only the rows that it is given."""

    weights: npt.NDArray[np.float32]
    count: int = 0

    def __post_init__(self) -> None:
        self.mean, self.spread = np.zeros_like(self.weights), np.zeros_like(self.weights)

    def step(self, gradient: npt.NDArray[np.float32], rate: float, rows: Any = slice(None)) -> None:
        self.count += 1
        mean = 0.9 * self.mean[rows] + 0.1 * gradient
        spread = 0.999 * self.spread[rows] + 0.001 * gradient**2
        self.mean[rows], self.spread[rows] = mean, spread
        corrected = rate * (1 - 0.999**self.count) ** 0.5 / (1 - 0.9**self.count)
        self.weights[rows] -= corrected * mean / (np.sqrt(spread) + 1e-8)


def train(lines: dict[str, list[str]], labels: list[str], most: dict[str, int]) -> tuple[Adam, Adam, Adam]:
    """Rows of n-grams, head and bias."""
    chooser, random_numbers = random.Random(0), np.random.default_rng(0)
    edge = 1 / DIMENSIONS
    bag = Adam(random_numbers.uniform(-edge, edge, (2**BITS, DIMENSIONS)).astype(np.float32))
    head = Adam(random_numbers.uniform(-0.25, 0.25, (DIMENSIONS, len(labels))).astype(np.float32))
    bias = Adam(np.zeros(len(labels), np.float32))
    for epoch in range(EPOCHS):
        started = time.process_time()
        rows, total = draw_epoch(lines, labels, most, chooser), 0.0
        rate = RATE * (1 - epoch / EPOCHS)
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            wanted = np.array([number for number, _ in batch])
            used, bags = bags_of([crop(text, chooser) for _, text in batch])
            hidden = bags @ bag.weights[used]
            logits = hidden @ head.weights + bias.weights
            logits -= logits.max(axis=1, keepdims=True)
            odds = np.exp(logits)
            odds /= odds.sum(axis=1, keepdims=True)
            at = np.arange(len(batch)), wanted
            total -= float(np.log(np.maximum(odds[at], 1e-12)).sum())
            odds[at] -= 1
            error = (odds / len(batch)).astype(np.float32)
            bag.step(bags.T @ (error @ head.weights.T), rate, used)
            head.step(hidden.T @ error, rate)
            bias.step(error.sum(axis=0), rate)
        print(
            f"epoch {epoch + 1}/{EPOCHS}: loss {total / len(rows):.4f} over {len(rows)} lines, "
            f"{time.process_time() - started:.0f} CPU-s",
            flush=True,
        )
    return bag, head, bias


def bags_of(texts: list[str]) -> tuple[npt.NDArray[np.int64], Any]:
    """The n-grams that the texts use, and a sparse matrix of texts x these: the share of each in the text."""
    orders = grams(*join([text[:LONGEST] for text in texts]))
    found, whose = (np.concatenate(parts) for parts in zip(*orders, strict=True))
    used, places = np.unique(found, return_inverse=True)
    shares = (1 / np.maximum(np.bincount(whose, minlength=len(texts)), 1)).astype(np.float32)
    return used, coo_array((shares[whose], (whose, places)), shape=(len(texts), len(used))).tocsr()


def hear(lines: dict[str, list[str]], labels: list[str]) -> tuple[list[str], Floats]:
    """What CLD2 calls the texts of each label: its names, and names x labels the logarithm of how often it uses each.

    It calls half of the Karakalpak and Khakas lines Kazakh, having no name for them: that name says little against
    these, but much against Kyrgyz. No name counts for more than `LOUDEST`, since both read the same letters.
    """
    chooser = random.Random(1)
    names: dict[str, npt.NDArray[np.float64]] = {}
    for number, label in enumerate(labels):
        for text in chooser.choices(lines[label], k=HEARD):
            verdict = cld2(crop(text, chooser))
            if verdict:
                names.setdefault(verdict.language, np.zeros(len(labels)))[number] += 1 / HEARD
    known = sorted(set(names) & {label.split("_")[0] for label in labels})
    return known, np.log(np.maximum([names[name] for name in known], 1 / LOUDEST)).astype(np.float32)


def show_letters(lines: dict[str, list[str]]) -> None:
    """Of 100 letters of each label how many are letters that Russian and English lack: what `languages.toml` lists."""
    for label, texts in sorted(lines.items()):
        whole = " ".join(texts).lower()
        total = sum(map(str.isalpha, whole))
        found = Counter(x for x in whole if x.isalpha() and not x.isascii() and x not in RUSSIAN)
        found.update(re.findall("[аоункг][ьъ]", whole))
        rates = {letter: 100 * count / total for letter, count in found.most_common(24) if count > total / 1000}
        print(label, "{", ", ".join(f'"{letter}" = {rate:.1f}' for letter, rate in rates.items()), "}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--sources", type=Path, default=Path(__file__).with_suffix(".toml"))
    parser.add_argument("--out", type=Path, default=Path("src/anatili/identify/identify.npz"))
    parser.add_argument("--letters", action="store_true", help="Only print how frequent letters are in the texts.")
    arguments = parser.parse_args()
    listed = tomllib.loads(arguments.sources.read_text("utf-8"))
    lines = read([Source(**entry) for entry in listed["source"]], arguments.folders)
    if arguments.letters:
        show_letters(lines)
        return
    labels = sorted(lines)
    print(", ".join(f"{label} {len(lines[label])}" for label in labels), flush=True)
    bag, head, bias = train(lines, labels, listed["draw"])
    for label, value in listed["prior"].items():
        bias.weights[labels.index(label)] += value
    names, heard = hear(lines, labels)
    weights = bag.weights
    scale = np.abs(weights).max(axis=0) / 127 * 0.5  # half the range: the few largest values are clipped
    np.savez_compressed(
        arguments.out,
        rows=np.clip(np.round(weights / scale), -127, 127).astype(np.int8),
        scale=scale.astype(np.float32),
        head=head.weights,
        bias=bias.weights,
        labels=np.array(labels),
        names=np.array(names),
        heard=heard,
    )
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.2f} MB, {len(labels)} labels")


if __name__ == "__main__":
    main()
