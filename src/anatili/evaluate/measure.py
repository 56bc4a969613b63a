"""What `anatili evaluate` asks of any model: bits per byte of files, halves of sentences, grammar, scripts."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anatili.evaluate.baselines import CHANCE, xz_bits
from anatili.evaluate.likelihood import Scored
from anatili.evaluate.pairs import pairs_of, score_pairs
from anatili.evaluate.texts import TextSet, first_bytes
from anatili.identify import identify
from anatili.interval import interval
from anatili.lang import LanguagePack, load_pack
from anatili.problem import Problem
from anatili.reading import read_text
from anatili.text import show_path

RESAMPLES, SEED = 1000, 1


def read_file(path: Path, most: int, language: str = "") -> TextSet:
    """A text a line of `path`, up to `most` bytes."""
    lines = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if not lines:
        raise Problem(f"{show_path(path)} has no text to score")
    return TextSet(language or identify("\n".join(lines[:200])).language, path.name, first_bytes(lines, most))


def bits_row(model: Scored, text_set: TextSet, tell: Callable[[int], None] = lambda count: None) -> dict[str, Any]:
    """Bits per byte of a set, each line a text of its own, with what chance and xz on the set alone would take."""
    bits = model.bits(text_set.texts, tell)
    sizes = np.array([len(text.encode()) for text in text_set.texts])
    return {
        "measure": "bits per byte",
        "texts": text_set.name,
        "language": text_set.language,
        "value": round(float(bits.sum() / sizes.sum()), 4),
        "interval": interval(bits, sizes, RESAMPLES, SEED),
        "count": len(sizes),
        "bytes": text_set.bytes,
        "tokens": sum(len(model.ids(text)) for text in text_set.texts),
        "chance": CHANCE,
        "xz": round(xz_bits(b"", text_set.texts) / text_set.bytes, 4),
    }


def halves_row(model: Scored, text_set: TextSet) -> dict[str, Any]:
    """Bits per byte of the second half of each line given the first."""
    bits, sizes = model.second_halves(text_set.texts)
    return {
        "measure": "bits per byte of second halves",
        "texts": text_set.name,
        "language": text_set.language,
        "value": round(float(bits.sum() / max(1, sizes.sum())), 4),
        "interval": interval(bits, sizes, RESAMPLES, SEED),
        "count": len(sizes),
        "bytes": int(sizes.sum()),
    }


def script_rows(model: Scored, text_set: TextSet, pack: LanguagePack) -> Iterator[dict[str, Any]]:
    """The same texts written in the language's other scripts, by bytes of the original: what a script costs."""
    sizes = np.array([len(text.encode()) for text in text_set.texts])
    for name in pack.said.transliteration:
        bits = model.bits([pack.transliterate(text, name) for text in text_set.texts])
        yield {
            "measure": f"bits per byte of the original, written in {name}",
            "texts": text_set.name,
            "language": text_set.language,
            "value": round(float(bits.sum() / sizes.sum()), 4),
            "interval": interval(bits, sizes, RESAMPLES, SEED),
            "count": len(sizes),
            "bytes": int(sizes.sum()),
        }


def grammar_row(model: Scored, language: str) -> dict[str, Any] | None:
    """Minimal pairs of a language; `None` if its pack has none."""
    pairs = pairs_of(load_pack(language))
    if not pairs:
        return None
    found = score_pairs(model, pairs)
    return {"measure": "minimal pairs", "language": language, "value": found.pop("right"), **found}


def measure(
    model: Scored,
    sets: Sequence[TextSet],
    *,
    halves: bool,
    scripts: bool,
    grammar: Sequence[str],
    tell: Callable[[int], None] = lambda count: None,
) -> Iterator[dict[str, Any]]:
    """Every row that was asked for, as soon as it is there."""  # fmt: skip
    from anatili.lang import codes

    for text_set in sets:
        yield bits_row(model, text_set, tell)
        if halves:
            yield halves_row(model, text_set)
        if scripts and text_set.language in codes():
            yield from script_rows(model, text_set, load_pack(text_set.language))
    for language in grammar:
        row = grammar_row(model, language)
        if row is None:
            raise Problem(f"the pack {language} has no minimal pairs (pairs.toml)")
        yield row
