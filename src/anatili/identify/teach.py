"""Teach the identifier one more language, from texts in it and the frequent words of all languages that it knows.

The bundled model stays as it is. The new language gets a weight for each n-gram, by logistic regression of its texts
against texts drawn from the frequent words of the other languages (`neighbors.txt.xz`), with the bundled model's score
of each text as an offset. So only the verdict for the new language is learned, and a known language cannot lose more
than what is measured here on held-out texts.
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

from anatili.atomic_files import whole_file
from anatili.identify import (
    BITS,
    LETTERS,
    MODEL,
    batches,
    bundled_model,
    cld2,
    grams,
    scores,
    taught_files,
    with_packs,
)
from anatili.identify.letter_arrays import join
from anatili.lang import LanguagePack
from anatili.problem import Problem
from anatili.text import count_letters, show_path
from anatili.text_files import read_text

NEIGHBORS = Path(__file__).with_name("neighbors.txt.xz")
SHORTEST, LONGEST = 10, 400
"""Fewest letters of a line, and most characters of it that are used."""
FEWEST = 30
"""Fewest lines from which a language can be learned."""
OWN, OTHER, REST = 4000, 150, 6
"""Texts of the new language, of each language that the model knows, and of each that it only calls `und`."""
SHORT = (12, 40)
"""Characters of the texts that are cut short, so that the model learns short texts too."""
EPOCHS, BATCH, RATE = 4, 256, 1.0
WRONG = 0.0005
"""Largest share of texts in other languages that may be called the new one: 1 in 2,000."""
MARGIN = 1.0
"""Additional log-odds that the new language needs to win: running text differs from words drawn from a list. Without
it, 1 line in 1,200 of our sample was called the new language."""
WORDS = 3000
"""Frequent words saved with the result, so that the next language is distinguished from this one too."""
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LearnedLanguage:
    """What was learned, with its quality on held-out lines."""

    code: str
    lines: int
    weights: npt.NDArray[np.int8]
    scale: float
    bias: float
    words: tuple[str, ...]
    recall: dict[int, float]
    """Length in characters -> share of the held-out lines, cut to this length, that are identified."""
    wrong: float
    """Share of texts in other languages that are called the new one."""
    confused: tuple[tuple[str, float], ...]
    """The other languages that are called the new one most often, with the share of their texts."""

    def save(self, folder: Path) -> Path:
        """Write the file with which a pack adds its language to the model; returns its path."""
        path = folder / MODEL.name
        with whole_file(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                weights=self.weights,
                scale=np.float32(self.scale),
                bias=np.float32(self.bias),
                words=np.array(self.words),
            )
        return path


def teach(pack: LanguagePack, files: Sequence[Path], tell: Callable[[str], None]) -> LearnedLanguage:
    """Learn the language of `pack` from text files; `Problem` if there is too little text or the model knows it."""
    if pack.code in bundled_model().codes:
        raise Problem(f"the identifier already knows {pack.code}; to see its verdict: anatili identify {files[0]}")
    lines = read_lines(pack, files)
    if len(lines) < FEWEST:
        raise Problem(
            f"{len(lines)} different lines of {SHORTEST} or more letters in {', '.join(map(show_path, files))}: "
            f"at least {FEWEST} are needed, and some thousand are better. Add more text with --text"
        )
    rng = random.Random(0)
    rng.shuffle(lines)
    held_out, lines = lines[: len(lines) // 10], lines[len(lines) // 10 :]
    rivals = OtherLanguages({name: path for name, path in taught_files().items() if name != pack.code})
    neighbors = other_words(pack, rivals.packs)
    tell(f"{len(lines)} lines to learn from, against {len(neighbors)} other languages")
    own = [rng.choice(forms(crop(line, rng), pack)) for line in rng.choices(lines, k=OWN)]
    other = [text for _, text in draw(neighbors, rng)]
    column = learn(own, other, rivals, rng, tell)
    return measured(pack, lines, held_out, column, draw(neighbors, rng), rivals)


@dataclass(frozen=True)
class OtherLanguages:
    """All languages that the model knows besides the new one: the bundled ones, and those of other packs."""

    packs: dict[str, Path]

    def offsets(self, texts: Sequence[str]) -> Floats:
        """For each text the log-odds of all known languages together."""
        model = with_packs(bundled_model(), self.packs)
        odds = np.concatenate([scores(batch, model, [cld2(text) for text in batch]) for batch in batches(texts)])
        top: Floats = odds.max(axis=1)
        total: Floats = top + np.log(np.exp(odds - top[:, None]).sum(axis=1))
        return total


def read_lines(pack: LanguagePack, files: Sequence[Path]) -> list[str]:
    """The different lines of the files that have enough letters; long lines are split."""
    lines: dict[str, None] = {}
    for path in files:
        for line in read_text(path).splitlines():
            for start in range(0, len(line), LONGEST):
                if count_letters(part := line[start : start + LONGEST].strip()) >= SHORTEST:
                    lines[part] = None
    return list(lines)


def forms(text: str, pack: LanguagePack) -> list[str]:
    """A text as it is, in the pack's spelling, with the look-alike letters that people type, and in other scripts."""
    spelled = pack.normalize(text)
    pairs = {
        lookalike: own for lookalike, own in pack.config.lookalikes.items() if not lookalike.isascii() and len(own) == 1
    }
    typed = str.maketrans("".join(pairs.values()), "".join(pairs))
    written = [pack.transliterate(spelled, scheme) for scheme in pack.config.transliteration]
    return [text, spelled, spelled.translate(typed), *written]


def crop(text: str, rng: random.Random) -> str:
    """The text, or a few words or characters of it, so that the model learns short texts too."""
    words, kind = text.split(), rng.random()
    if len(words) < 4 or kind < 0.4:
        return text
    if kind < 0.6:
        return text[: rng.randint(*SHORT)]
    length = rng.randint(2, min(12, len(words)))
    start = rng.randint(0, len(words) - length)
    return " ".join(words[start : start + length])


@cache
def neighbor_words() -> dict[str, tuple[str, ...]]:
    """Label -> its words that are part of the package, the most frequent first."""
    rows = (line.split("\t") for line in lzma.decompress(NEIGHBORS.read_bytes()).decode("utf-8").splitlines())
    return {label: tuple(words.split()) for label, words in rows}


def other_words(pack: LanguagePack, packs: dict[str, Path]) -> dict[str, tuple[str, ...]]:
    """The words of all languages except that of `pack`: the bundled ones, and those of other packs."""
    own = {pack.code, pack.config.iso639_3}
    neighbors = {label: words for label, words in neighbor_words().items() if label.removeprefix("und_") not in own}
    for code, path in packs.items():
        with np.load(path, allow_pickle=False) as file:
            neighbors[code] = tuple(map(str, file["words"]))
    return neighbors


def draw(neighbors: dict[str, tuple[str, ...]], rng: random.Random) -> list[tuple[str, str]]:
    """(label, text): words of each language, drawn with nearly their frequencies in running text."""
    texts = []
    for label, words in neighbors.items():
        weights = list(accumulate((rank + 10) ** -0.7 for rank in range(len(words))))
        for _ in range(REST if label.startswith("und_") else OTHER):
            text = " ".join(rng.choices(words, cum_weights=weights, k=rng.randint(2, 16)))
            texts.append((label, text if rng.random() < 0.6 else text[: rng.randint(*SHORT)]))
    return texts


@dataclass(frozen=True)
class NgramBags:
    """The n-grams of many texts: those of text `n` are `buckets[starts[n]:starts[n + 1]]`."""

    buckets: Ints
    starts: Ints

    def part(self, chosen: Ints) -> tuple[Ints, Ints]:
        """The n-grams of the chosen texts, and for each the index of its text among the chosen."""
        sizes = self.starts[chosen + 1] - self.starts[chosen]
        owner = np.repeat(np.arange(len(chosen)), sizes)
        positions = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + self.starts[chosen][owner]
        return self.buckets[positions], owner


def bags(texts: Sequence[str]) -> NgramBags:
    """The n-grams of each text, in one array."""
    pairs = [np.stack(pair) for pair in grams(*join(texts))]
    buckets, owner = np.concatenate(pairs, axis=1)
    order = np.argsort(owner, kind="stable")
    return NgramBags(buckets[order], np.searchsorted(owner[order], np.arange(len(texts) + 1)))


@dataclass
class Column:
    """The parameters of a language: a weight for each n-gram, and a bias."""

    weights: Floats
    bias: float

    def margins(self, texts: NgramBags, chosen: Ints, offsets: Floats) -> tuple[Floats, Ints, Ints]:
        """The log-odds of the new language against its rivals in the chosen texts, their n-grams, the text of each."""
        buckets, owner = texts.part(chosen)
        counts = np.maximum(np.bincount(owner, minlength=len(chosen)), 1)
        means = np.bincount(owner, self.weights[buckets], len(chosen)) / counts
        return (means + self.bias - offsets[chosen]).astype(np.float32), buckets, owner

    def log_odds(self, texts: Sequence[str], rivals: OtherLanguages) -> Floats:
        """The log-odds for texts that were not learned from."""
        return self.margins(bags(texts), np.arange(len(texts)), rivals.offsets(texts))[0]


def learn(
    own: list[str], other: list[str], rivals: OtherLanguages, rng: random.Random, tell: Callable[[str], None]
) -> Column:
    """The column with which the new language beats its rivals on its own texts only, trained with Adam."""
    texts = own + other
    bagged, offsets = bags(texts), rivals.offsets(texts)
    is_own = np.arange(len(texts)) < len(own)
    column = Column(np.zeros(2**BITS, np.float32), 0.0)
    mean, variance = np.zeros(2**BITS, np.float32), np.zeros(2**BITS, np.float32)
    order, step = list(range(len(texts))), 0
    for epoch in range(EPOCHS):
        rng.shuffle(order)
        rate, loss = RATE * (1 - epoch / EPOCHS), 0.0
        for start in range(0, len(order), BATCH):
            chosen = np.array(order[start : start + BATCH])
            margin, buckets, owner = column.margins(bagged, chosen, offsets)
            loss += float(np.logaddexp(0, np.where(is_own[chosen], -margin, margin)).sum())
            error = (1 / (1 + np.exp(-np.clip(margin, -30, 30))) - is_own[chosen]) / len(chosen)
            counts = np.maximum(np.bincount(owner, minlength=len(chosen)), 1)
            used, positions = np.unique(buckets, return_inverse=True)
            gradient = np.bincount(positions, (error / counts)[owner]).astype(np.float32)
            step += 1
            mean[used] = 0.9 * mean[used] + 0.1 * gradient
            variance[used] = 0.999 * variance[used] + 0.001 * gradient**2
            corrected = rate * (1 - 0.999**step) ** 0.5 / (1 - 0.9**step)
            column.weights[used] -= corrected * mean[used] / (np.sqrt(variance[used]) + 1e-8)
            column.bias -= rate * float(error.sum())
        tell(f"epoch {epoch + 1} of {EPOCHS}: loss {loss / len(order):.4f}")
    return column


def measured(
    pack: LanguagePack,
    lines: list[str],
    held_out: list[str],
    learned: Column,
    other: list[tuple[str, str]],
    rivals: OtherLanguages,
) -> LearnedLanguage:
    """The result, quantized to 8 bits, its bias lowered until texts in other languages are safe, and measured."""
    scale = float(np.abs(learned.weights).max()) / 127 or 1.0
    quantized = np.round(learned.weights / scale).astype(np.int8)
    column = Column(quantized.astype(np.float32) * scale, learned.bias)
    odds = column.log_odds([text for _, text in other], rivals)
    threshold = max(0.0, float(np.quantile(odds, 1 - WRONG))) + MARGIN
    column.bias -= threshold
    drawn = Counter(label for label, _ in other)
    wrong = Counter(label for (label, _), value in zip(other, odds, strict=True) if value > threshold)
    cut = {length: [line[:length] for line in held_out] for length in (25, 60, LONGEST)}
    return LearnedLanguage(
        code=pack.code,
        lines=len(lines),
        weights=quantized,
        scale=scale,
        bias=column.bias,
        words=tuple(frequent_words(lines)),
        recall={length: float((column.log_odds(texts, rivals) > 0).mean()) for length, texts in cut.items()},
        wrong=float((odds > threshold).mean()),
        confused=tuple((name.removeprefix("und_"), n / drawn[name]) for name, n in wrong.most_common(3)),
    )


def frequent_words(lines: Iterable[str]) -> Iterator[str]:
    counts = Counter(word for line in lines for word in LETTERS.findall(line.lower()))
    return (word for word, _ in counts.most_common(WORDS))
