"""Training text as tokens: written once, read by place, so that any step of any run can be computed anew.

Documents of a language are tokenized in order, each closed by the end token, into one flat file. Sequence number k of
a language is a window of that file; windows are shuffled anew for each pass. Which language a sequence is from follows
from its number and the mix alone. So a resumed run needs no state but its step.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anatili.document import Kept, read_shard, whole_file, write_json
from anatili.problem import Problem

Tokens = npt.NDArray[np.int64]


def write_tokens(shards: Iterable[Path], tokenizer: Any, end: int, folder: Path) -> dict[str, int]:
    """Write `<language>.bin` (uint32) for each language of the shards; returns tokens by language.

    `counts.json` is written last: with it the folder is whole, and a resumed run keeps it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "counts.json"
    if done.exists():
        return dict(json.loads(done.read_text("utf-8")))
    for old in folder.glob("*.bin"):
        old.unlink()
    counts: dict[str, int] = {}
    for shard in shards:
        texts: dict[str, list[str]] = {}
        for document in read_shard(shard, Kept):
            texts.setdefault(document.language, []).append(f"{document.title}\n{document.text}".strip())
        for language, batch in sorted(texts.items()):
            encoded = tokenizer.encode_batch(batch, add_special_tokens=False)
            flat = np.concatenate([np.array([*item.ids, end], np.uint32) for item in encoded])
            with (folder / f"{language}.bin").open("ab") as file:
                file.write(flat.tobytes())
            counts[language] = counts.get(language, 0) + len(flat)
    counts = dict(sorted(counts.items()))
    write_json(done, counts)
    return counts


@dataclass(frozen=True)
class Mixture:
    """Sequences of `context` + 1 tokens drawn from several languages by weight."""

    folder: Path
    context: int
    weights: dict[str, float]
    """Language -> share; they add up to 1."""
    seed: int

    def sequence(self, number: int) -> Tokens:
        """Tokens of sequence `number`, shape (context + 1,), begin token not included."""
        language, place = self._language(number)
        tokens = _open(self.folder / f"{language}.bin")
        windows = max(1, (len(tokens) - 1) // self.context)
        turn, place = divmod(place, windows)
        start = int(_order(self.seed, language, turn, windows)[place]) * self.context
        part = np.asarray(tokens[start : start + self.context + 1], np.int64)
        # A language with less text than one sequence is repeated within it.
        return np.resize(part, self.context + 1) if len(part) <= self.context else part

    def batch(self, step: int, size: int) -> Tokens:
        """Tokens of step `step` (from 0), shape (size, context + 1)."""
        return np.stack([self.sequence(step * size + i) for i in range(size)])

    def _language(self, number: int) -> tuple[str, int]:
        """The language of sequence `number` and how many of that language came before.

        Sequence `number` belongs to the language whose count lags most behind its share, which with fixed weights
        repeats itself: counted in closed form by blocks of 1,000.
        """
        block, rest = divmod(number, BLOCK)
        plan, totals = _plan(tuple(sorted(self.weights.items())))
        language = plan[rest]
        return language, block * totals[language] + plan[:rest].count(language)


BLOCK = 1000


@lru_cache(maxsize=8)
def _plan(weights: tuple[tuple[str, float], ...]) -> tuple[tuple[str, ...], dict[str, int]]:
    """The languages of a block of 1,000 sequences, as evenly spread as the weights allow."""
    counts = dict.fromkeys([language for language, _ in weights], 0)
    plan = []
    for number in range(1, BLOCK + 1):
        language = max(weights, key=lambda item: item[1] * number - counts[item[0]])[0]
        counts[language] += 1
        plan.append(language)
    return tuple(plan), counts


@lru_cache(maxsize=16)
def _order(seed: int, language: str, turn: int, windows: int) -> Tokens:
    name = int.from_bytes(language.encode(), "big")
    return np.random.default_rng([seed, name, turn]).permutation(windows)


@lru_cache(maxsize=64)
def _open(path: Path) -> npt.NDArray[np.uint32]:
    return np.memmap(path, np.uint32, "r")


def shares(mix: dict[str, float], counts: dict[str, int]) -> dict[str, float]:
    """The weights of `mix` (or the tokens there are, if it is empty) as shares that add up to 1."""
    missing = sorted(set(mix) - set(counts))
    if missing:
        raise Problem(f"[pretrain] mix names {', '.join(missing)}, but the corpus has only {', '.join(counts)}")
    weights = {k: float(v) for k, v in (mix or counts).items() if v > 0}
    if not weights:
        raise Problem("the corpus has no tokens to train on; look at `anatili status RUN`, stage cut")
    total = sum(weights.values())
    return {language: weight / total for language, weight in weights.items()}


def save_losses(path: Path, rows: list[dict[str, Any]]) -> None:
    """Draw the training loss (nats per token) against tokens, if matplotlib is there."""
    try:
        import matplotlib as mpl
    except ImportError:
        return
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    axes.plot([row["tokens"] for row in rows], [row["loss"] for row in rows], color="#00627a")
    axes.set(xlabel="training tokens", ylabel="loss, nats per token", title="Pretraining loss")
    axes.grid(alpha=0.3)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
    pyplot.close(figure)
