"""Teach the identifier one more language, from its texts and the words of all languages that it knows.

The bundled model stays as it is. The new language gets a weight for each n-gram, by logistic regression of its texts
against texts drawn from the frequent words of the other languages (`neighbors.txt.xz`), with what the bundled model
says of each text as the opponent to beat. So only the new language's own verdict is learned, and a known language can
lose no more than what is measured here on texts kept aside.
"""

import lzma
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path

import numpy as np
import numpy.typing as npt

from anatili.document import whole_file
from anatili.identify import (
    BITS,
    LETTERS,
    MODEL,
    TOGETHER,
    bundled_model,
    cld2,
    grams,
    join,
    scores,
    taught_files,
    with_packs,
)
from anatili.lang import LanguagePack
from anatili.problem import Problem
from anatili.reading import read_text
from anatili.text import count_letters, show_path

NEIGHBORS = Path(__file__).with_name("neighbors.txt.xz")
SHORTEST, LONGEST = 10, 400
"""Letters that a line must have, and characters of it that are learned from."""
FEWEST = 30
"""Lines without which nothing is learned."""
OWN, OTHER, REST = 4000, 150, 6
"""Texts of the new language, of each language that the model knows, and of each that it only calls `und`."""
SHORT = (12, 40)
"""Characters of the texts that are cut short, so that those are learned too."""
EPOCHS, BATCH, RATE = 4, 256, 1.0
WRONG = 0.0005
"""Most of the texts of other languages that may be called the new one: 1 in 2,000."""
MARGIN = 1.0
"""By how much more the new language must win than those texts need, as a logarithm of odds: running text is not quite
like words drawn from a list. Without it 1 line in 1,200 of our sample was lost to it."""
WORDS = 3000
"""Frequent words kept with the result, so that the next language is set apart from this one too."""
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Taught:
    """What was learned, and how well it does on lines that were not learned from."""

    code: str
    lines: int
    weights: npt.NDArray[np.int8]
    scale: float
    bias: float
    words: tuple[str, ...]
    recall: dict[int, float]
    """Letters of a line -> share of the lines kept aside that are told, cut to so many."""
    wrong: float
    """Share of texts of other languages that are called the new one."""
    confused: tuple[tuple[str, float], ...]
    """The other languages to which that happens most, with the share of their texts."""

    def save(self, folder: Path) -> Path:
        """Write the file that a pack teaches the model with; returns its path."""
        path = folder / MODEL.name
        with whole_file(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, weights=self.weights, scale=np.float32(self.scale), bias=np.float32(self.bias),
                                words=np.array(self.words))  # fmt: skip
        return path


def teach(pack: LanguagePack, files: Sequence[Path], tell: Callable[[str], None]) -> Taught:
    """Learn the language of `pack` from text files; `Problem` if there is too little text or the model knows it."""
    if pack.code in bundled_model().codes:
        raise Problem(f"the identifier knows {pack.code} already; see what it says: anatili identify {files[0]}")
    lines = read_lines(pack, files)
    if len(lines) < FEWEST:
        raise Problem(
            f"{len(lines)} different lines of {SHORTEST} letters and more in {', '.join(map(show_path, files))}: "
            f"at least {FEWEST} are needed, and some thousand do better. Give more --text"
        )
    chooser = random.Random(0)
    chooser.shuffle(lines)
    kept, lines = lines[: len(lines) // 10], lines[len(lines) // 10 :]
    rivals = Rivals({name: path for name, path in taught_files().items() if name != pack.code})
    neighbors = other_words(pack, rivals.packs)
    tell(f"{len(lines)} lines to learn from, against {len(neighbors)} other languages")
    own = [chooser.choice(forms(crop(line, chooser), pack)) for line in chooser.choices(lines, k=OWN)]
    against = [text for _, text in draw(neighbors, chooser)]
    found = learn(own, against, rivals, chooser, tell)
    return judged(pack, lines, kept, found, draw(neighbors, chooser), rivals)


@dataclass(frozen=True)
class Rivals:
    """All languages that the model knows beside the new one: those that ship, and those of other packs."""

    packs: dict[str, Path]

    def offsets(self, texts: Sequence[str]) -> Floats:
        """For each text the logarithm of the odds of all known languages together."""
        model = with_packs(bundled_model(), self.packs)
        parts = [texts[start : start + TOGETHER] for start in range(0, len(texts), TOGETHER)]
        odds = np.concatenate([scores(part, model, [cld2(text) for text in part]) for part in parts])
        top: Floats = odds.max(axis=1)
        total: Floats = top + np.log(np.exp(odds - top[:, None]).sum(axis=1))
        return total


def read_lines(pack: LanguagePack, files: Sequence[Path]) -> list[str]:
    """Different lines of the files that have enough letters, long ones in parts."""
    found: dict[str, None] = {}
    for path in files:
        for line in read_text(path).splitlines():
            for start in range(0, len(line), LONGEST):
                if count_letters(part := line[start : start + LONGEST].strip()) >= SHORTEST:
                    found[part] = None
    return list(found)


def forms(text: str, pack: LanguagePack) -> list[str]:
    """A text as it is, in the pack's spelling, with the look-alikes that people type, and in its other scripts."""
    spelled = pack.normalize(text)
    pairs = {other: own for other, own in pack.config.lookalikes.items() if not other.isascii() and len(own) == 1}
    typed = str.maketrans("".join(pairs.values()), "".join(pairs))
    written = [pack.transliterate(spelled, scheme) for scheme in pack.config.transliteration]
    return [text, spelled, spelled.translate(typed), *written]


def crop(text: str, chooser: random.Random) -> str:
    """A stretch of words, so that short texts are learned too."""
    words, kind = text.split(), chooser.random()
    if len(words) < 4 or kind < 0.4:
        return text
    if kind < 0.6:
        return text[: chooser.randint(*SHORT)]
    length = chooser.randint(2, min(12, len(words)))
    start = chooser.randint(0, len(words) - length)
    return " ".join(words[start : start + length])


@cache
def neighbor_words() -> dict[str, tuple[str, ...]]:
    """Label -> its words that ship with the package, the most frequent first."""
    rows = (line.split("\t") for line in lzma.decompress(NEIGHBORS.read_bytes()).decode("utf-8").splitlines())
    return {label: tuple(words.split()) for label, words in rows}


def other_words(pack: LanguagePack, packs: dict[str, Path]) -> dict[str, tuple[str, ...]]:
    """The words of all languages but that of `pack`: those that ship, and those of other packs."""
    own = {pack.code, pack.config.iso639_3}
    found = {label: words for label, words in neighbor_words().items() if label.removeprefix("und_") not in own}
    for code, path in packs.items():
        with np.load(path, allow_pickle=False) as file:
            found[code] = tuple(map(str, file["words"]))
    return found


def draw(neighbors: dict[str, tuple[str, ...]], chooser: random.Random) -> list[tuple[str, str]]:
    """Label and text: words of each language, drawn nearly as often as they come in running text."""
    found = []
    for label, words in neighbors.items():
        weights = list(accumulate((place + 10) ** -0.7 for place in range(len(words))))
        for _ in range(REST if label.startswith("und_") else OTHER):
            text = " ".join(chooser.choices(words, cum_weights=weights, k=chooser.randint(2, 16)))
            found.append((label, text if chooser.random() < 0.6 else text[: chooser.randint(*SHORT)]))
    return found


@dataclass(frozen=True)
class Bags:
    """The n-grams of many texts: those of text `n` are `buckets[starts[n]:starts[n + 1]]`."""

    buckets: Ints
    starts: Ints

    def part(self, chosen: Ints) -> tuple[Ints, Ints]:
        """The n-grams of some texts, and the number, among the chosen, of the text of each."""
        sizes = self.starts[chosen + 1] - self.starts[chosen]
        owner = np.repeat(np.arange(len(chosen)), sizes)
        places = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + self.starts[chosen][owner]
        return self.buckets[places], owner


def bags(texts: Sequence[str]) -> Bags:
    """The n-grams of each text, in one array."""
    pairs = [np.stack(pair) for pair in grams(*join(texts))]
    buckets, owner = np.concatenate(pairs, axis=1)
    order = np.argsort(owner, kind="stable")
    return Bags(buckets[order], np.searchsorted(owner[order], np.arange(len(texts) + 1)))


@dataclass
class Column:
    """What is learned: a weight for each n-gram, and a bias."""

    weights: Floats
    bias: float

    def ahead(self, found: Bags, chosen: Ints, offsets: Floats) -> tuple[Floats, Ints, Ints]:
        """By how much the new language beats its rivals in the chosen texts; their n-grams and the text of each."""
        buckets, owner = found.part(chosen)
        counts = np.maximum(np.bincount(owner, minlength=len(chosen)), 1)
        means = np.bincount(owner, self.weights[buckets], len(chosen)) / counts
        return (means + self.bias - offsets[chosen]).astype(np.float32), buckets, owner

    def of(self, texts: Sequence[str], rivals: Rivals) -> Floats:
        """The same for texts that were not learned from."""
        return self.ahead(bags(texts), np.arange(len(texts)), rivals.offsets(texts))[0]


def learn(
    own: list[str], other: list[str], rivals: Rivals, chooser: random.Random, tell: Callable[[str], None]
) -> Column:
    """The column with which the new language beats its rivals on its own texts alone."""
    texts = own + other
    found, offsets = bags(texts), rivals.offsets(texts)
    wanted = np.arange(len(texts)) < len(own)
    column = Column(np.zeros(2**BITS, np.float32), 0.0)
    mean, spread = np.zeros(2**BITS, np.float32), np.zeros(2**BITS, np.float32)
    order, step = list(range(len(texts))), 0
    for epoch in range(EPOCHS):
        chooser.shuffle(order)
        rate, loss = RATE * (1 - epoch / EPOCHS), 0.0
        for start in range(0, len(order), BATCH):
            chosen = np.array(order[start : start + BATCH])
            ahead, buckets, owner = column.ahead(found, chosen, offsets)
            loss += float(np.logaddexp(0, np.where(wanted[chosen], -ahead, ahead)).sum())
            error = (1 / (1 + np.exp(-np.clip(ahead, -30, 30))) - wanted[chosen]) / len(chosen)
            counts = np.maximum(np.bincount(owner, minlength=len(chosen)), 1)
            used, places = np.unique(buckets, return_inverse=True)
            slope = np.bincount(places, (error / counts)[owner]).astype(np.float32)
            step += 1
            mean[used] = 0.9 * mean[used] + 0.1 * slope
            spread[used] = 0.999 * spread[used] + 0.001 * slope**2
            corrected = rate * (1 - 0.999**step) ** 0.5 / (1 - 0.9**step)
            column.weights[used] -= corrected * mean[used] / (np.sqrt(spread[used]) + 1e-8)
            column.bias -= rate * float(error.sum())
        tell(f"round {epoch + 1} of {EPOCHS}: loss {loss / len(order):.4f}")
    return column


def judged(
    pack: LanguagePack, lines: list[str], kept: list[str], found: Column, against: list[tuple[str, str]], rivals: Rivals
) -> Taught:
    """The result, its bias lowered until texts of other languages are safe, measured on what was kept aside."""
    scale = float(np.abs(found.weights).max()) / 127 or 1.0
    small = np.round(found.weights / scale).astype(np.int8)
    column = Column(small.astype(np.float32) * scale, found.bias)
    others = column.of([text for _, text in against], rivals)
    least = max(0.0, float(np.quantile(others, 1 - WRONG))) + MARGIN
    column.bias -= least
    drawn = Counter(label for label, _ in against)
    called = Counter(label for (label, _), value in zip(against, others, strict=True) if value > least)
    cut = {length: [line[:length] for line in kept] for length in (25, 60, LONGEST)}
    return Taught(
        code=pack.code,
        lines=len(lines),
        weights=small,
        scale=scale,
        bias=column.bias,
        words=tuple(frequent(lines)),
        recall={length: float((column.of(texts, rivals) > 0).mean()) for length, texts in cut.items()},
        wrong=float((others > least).mean()),
        confused=tuple((name.removeprefix("und_"), n / drawn[name]) for name, n in called.most_common(3)),
    )


def frequent(lines: Iterable[str]) -> Iterator[str]:
    counts = Counter(word for line in lines for word in LETTERS.findall(line.lower()))
    return (word for word, _ in counts.most_common(WORDS))
