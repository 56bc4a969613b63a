"""Translation directions: which ones a model was taught, and how well it was measured to translate them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.recipe import load_recipe
from anatili.run import Run
from anatili.text import show_path
from anatili.train import sft_examples
from anatili.weights import sampled_digest

USABLE = 40.0
"""Least chrF++ of a translation that can be read for its gist. Measured on FLORES dev (en, ru, kk; 150 lines): a human
translation with every second word replaced by another scores 45 to 47, with three of four words replaced 28 to 29. So
below 40 more than half of the words are wrong. Another line of the same test scores 13 to 15, the copied source 3 to
15. No readers were asked."""
Quality = Literal["usable", "poor", "useless", "unknown"]
"""What a reader must know about translations in a direction."""
MEASURED = "translation.json"
"""File with scores, in the folder of a run or of a translation-only model."""
KEYS = ("source", "target", "chrf", "interval", "count", "texts", "unrelated")


@dataclass(frozen=True)
class Direction:
    """A translation direction. `chrf` is the measured chrF++ with its 95 % interval; None if it was not measured."""

    source: str
    target: str
    chrf: float | None = None
    interval: tuple[float, float] | None = None
    count: int = 0
    """Number of lines in the test."""
    texts: str = ""
    """The test set."""
    unrelated: float | None = None
    """chrF++ of the right translation of another line, which says nothing about this one; None if it is not known."""

    @property
    def name(self) -> str:
        return f"{self.source}-{self.target}"

    @property
    def quality(self) -> Quality:
        """What a reader must know about translations in this direction."""
        if self.chrf is None:
            return "unknown"
        if self.unrelated is not None and self.chrf <= self.unrelated:
            return "useless"
        surely = self.interval[0] if self.interval else self.chrf  # few lines may have been lucky ones
        return "usable" if surely >= USABLE else "poor"

    def row(self) -> dict[str, Any]:
        """The direction for JSON, without empty fields."""
        return {key: value for key, value in asdict(self).items() if value not in (None, 0, "")}


Directions = tuple[Direction, ...]


def read_directions(rows: Any, where: Path) -> Directions | None:
    """The directions that a file lists; None (unknown) if it has no list."""
    if rows is None:
        return None
    try:
        return tuple(
            Direction(**{**row, "interval": tuple(row["interval"]) if row.get("interval") else None}) for row in rows
        )
    except (TypeError, AttributeError) as error:
        raise Problem(f'{show_path(where)} is damaged: "translation" must list {", ".join(KEYS)} ({error})') from error


def directions_of_run(run: Run) -> Directions:
    """The directions that a run's model was taught, with scores of the current model."""
    recipe, tuned = load_recipe(run.root / "recipe.toml"), run.record("tune")
    if not tuned:
        return ()
    packs = {code: load_pack(code) for code in recipe.languages}
    taught = sft_examples.translation_directions(recipe.tune, recipe.pairs, packs)
    measured = read_measured(run.root / MEASURED)
    return joined(taught, measured["translation"] if measured.get("model") == tuned.content else ())


def directions_of_converted(folder: Path, pairs: Iterable[tuple[str, str]]) -> Directions:
    """The directions of a translation-only model, with scores of its current weights."""
    measured = read_measured(folder / MEASURED)
    rows = measured["translation"] if measured.get("model") == weights_of(folder) else ()
    return joined(pairs, rows)


def weights_of(folder: Path) -> str:
    """A digest that identifies the weights of a translation-only model."""
    return sampled_digest(folder / "model.bin")


def read_measured(file: Path) -> dict[str, Any]:
    """The scores that `anatili directions --write` saved in a folder; no directions if there are none."""
    try:
        measured: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.is_file() else {"translation": ()}
        return {**measured, "translation": read_directions(measured.get("translation"), file) or ()}
    except (OSError, ValueError, AttributeError) as error:
        raise Problem(f"{show_path(file)} is damaged: {error}; remove it and measure again") from error


def joined(taught: Iterable[tuple[str, str]], measured: Iterable[Direction]) -> Directions:
    """Every direction that was taught, with its scores if it was measured."""
    by_pair = {(direction.source, direction.target): direction for direction in measured}
    return tuple(by_pair.get(pair, Direction(*pair)) for pair in taught)


def table(rows: Sequence[Direction]) -> list[list[str]]:
    """Table rows for people: direction, chrF++, interval, lines, test set."""
    return [
        [
            direction.name,
            "not measured" if direction.chrf is None else f"{direction.chrf:.1f}",
            "-" if direction.interval is None else f"{direction.interval[0]:.1f} to {direction.interval[1]:.1f}",
            str(direction.count or "-"),
            direction.texts or "-",
        ]
        for direction in rows
    ]
