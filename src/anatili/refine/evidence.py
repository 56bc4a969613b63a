"""Evidence about a text that `mark` gathers word by word: other languages between its words, letters that the keyboard
lacked, words of test sets, and how much it reads like text that explains."""

import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from anatili import benchmarks
from anatili.lang import LanguagePack, load_pack
from anatili.lang.identify import MODEL
from anatili.lang.letters import FILE as LETTERS
from anatili.recipe import Recipe
from anatili.run import digest

FOLDED = 0.03
"""Share of folded stop words from which a text counts as typed without its letters. Of passages of four sentences of
NTREX it finds 96.8 % of Kazakh so typed; 0.4 % of Russian and Bulgarian, none of Kyrgyz, Tatar, Bashkir, Mongolian."""
FOLDED_CONFIDENCE = 0.9
"""Confidence of the language of such a text: which of the close ones it is, is less sure than letters make it."""
SHORT = 20
"""Words under which nothing is said of that: single sentences of Kyrgyz would be taken for it (4 %)."""
FEW_OWN = 0.002
"""Share of a language's own letters up to which a text counts as having none of them."""


@dataclass(frozen=True)
class Folded:
    """In which language a text is typed without its own letters, "" if in none, and the share of its stop words."""

    language: str
    share: float


def switched_share(words: list[str], language: str, packs: dict[str, LanguagePack]) -> float:
    """Share of `words` that are stop words of another language of the recipe but not of `language`."""
    foreign = foreign_stopwords(language, tuple(packs))
    return sum(word in foreign for word in words) / max(1, len(words))


@cache
def foreign_stopwords(language: str, codes: tuple[str, ...]) -> frozenset[str]:
    """Stop words of two letters or more of the other packs that are none of `language`."""
    own = load_pack(language).stopwords if language in codes else frozenset()
    words = {word for code in codes if code != language for word in load_pack(code).stopwords}
    return frozenset(word for word in words - own if len(word) > 1)


def typed_without(words: list[str], body: str, packs: dict[str, LanguagePack]) -> Folded:
    """Whether `body` is in one of the languages, typed without the letters that its keyboard lacked."""
    best = Folded("", 0.0)
    for code, pack in packs.items():
        if not pack.said.keyboard or len(words) < SHORT:
            continue
        own = sum(body.count(letter) + body.count(letter.upper()) for letter in pack.said.keyboard)
        if own > FEW_OWN * len(body):
            continue
        marked = folded_words(code, tuple(packs))
        share = sum(word in marked for word in words) / len(words)
        if share > best.share:
            best = Folded(code, share)
    return best if best.share >= FOLDED else Folded("", 0.0)


@cache
def folded_words(code: str, codes: tuple[str, ...]) -> frozenset[str]:
    """The stop words of a pack that have letters of its own, without these, where no other language has the word."""
    pack = load_pack(code)
    table = str.maketrans(pack.said.keyboard)
    others = {word for other in codes if other != code for word in load_pack(other).stopwords}
    folded = {word.translate(table) for word in pack.stopwords if word.translate(table) != word}
    return frozenset(word for word in folded - others - pack.stopwords if len(word) > 2)


def inventory(recipe: Recipe, base: Path) -> dict[str, str]:
    """Digests of the benchmark files and of what languages are told by."""
    tables = {file.name: digest(file) for file in (MODEL, LETTERS)}
    return {**benchmarks.digests(recipe.mark.benchmarks, base), **tables}


@dataclass(frozen=True)
class Classifier:
    """A linear model over words and word endings: `weights` (2^bits, int8) x `scale` + `bias` is a log odds."""

    weights: npt.NDArray[np.int8]
    scale: float
    bias: float


@cache
def load_classifier(folder: Path) -> Classifier | None:
    """The pack's `quality.npz` (made by bench/train_quality.py), `None` if it has none."""
    path = folder / "quality.npz"
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        return Classifier(file["weights"], float(file["scale"]), float(file["bias"]))


def features(words: list[str], size: int) -> npt.NDArray[np.int64]:
    """Buckets of the words and of their last three letters."""
    ends = [f"-{word[-3:]}" for word in words]
    return np.array([zlib.crc32(w.encode("utf-8", "surrogatepass")) % size for w in [*words, *ends]], np.int64)


def quality(words: list[str], pack: LanguagePack) -> float:
    """How much the words read like text that explains, 0 to 1, by the pack's classifier; -1 without one."""
    model = load_classifier(pack.folder)
    if model is None or not words:
        return -1.0
    found = model.weights[features(words[:2000], len(model.weights))].astype(np.float64)
    return float(1 / (1 + np.exp(-(found.mean() * model.scale + model.bias))))
