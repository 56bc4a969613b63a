"""Between which languages a model was taught to translate, and how well it was measured to do that."""

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
"""chrF++ from which on a translation may be read for its gist. Measured on FLORES dev (en, ru, kk; 150 lines): a
translation by people of which every second word is replaced by some other one scores 45 to 47, three of four 28 to 29.
So below 40 more than half of the words are not the right ones. Another line of the same test scores 13 to 15, the
source copied 3 to 15. No readers were asked."""
MEASURED = "translation.json"
"""In the folder of a run, or of a model that only translates: how well it does."""
KEYS = ("source", "target", "chrf", "interval", "count", "texts")


@dataclass(frozen=True)
class Direction:
    """From one language into another. `chrf`: measured chrF++ with its 95 % interval; None: not measured."""

    source: str
    target: str
    chrf: float | None = None
    interval: tuple[float, float] | None = None
    count: int = 0
    """Lines of the test."""
    texts: str = ""
    """The test set."""

    @property
    def name(self) -> str:
        return f"{self.source}-{self.target}"

    @property
    def quality(self) -> Literal["usable", "poor", "unknown"]:
        """What a reader must know of each translation in this direction."""
        if self.chrf is None:
            return "unknown"
        return "usable" if self.chrf >= USABLE else "poor"

    def row(self) -> dict[str, Any]:
        """For JSON: a direction that was not measured is only named."""
        return {key: value for key, value in asdict(self).items() if value not in (None, 0, "")}


Directions = tuple[Direction, ...]


def read_directions(rows: Any, where: Path) -> Directions | None:
    """The directions that a file lists; None, which means that nothing is known, where it has no list."""
    if rows is None:
        return None
    try:
        return tuple(
            Direction(**{**row, "interval": tuple(row["interval"]) if row.get("interval") else None}) for row in rows
        )
    except (TypeError, AttributeError) as error:
        raise Problem(f'{show_path(where)} is damaged: "translation" must list {", ".join(KEYS)} ({error})') from error


def of_run(run: Run) -> Directions:
    """What a run's model was taught, with what was measured of the model as it now is."""
    recipe, tuned = load_recipe(run.root / "recipe.toml"), run.record("tune")
    if not tuned:
        return ()
    packs = {code: load_pack(code) for code in recipe.languages}
    taught = sft_examples.translation_directions(recipe.tune, recipe.pairs, packs)
    measured = read_measured(run.root / MEASURED)
    return joined(taught, measured["translation"] if measured.get("model") == tuned.content else ())


def of_converted(folder: Path, pairs: Iterable[tuple[str, str]]) -> Directions:
    """Those of a model that only translates, with what was measured of its weights."""
    measured = read_measured(folder / MEASURED)
    rows = measured["translation"] if measured.get("model") == weights_of(folder) else ()
    return joined(pairs, rows)


def weights_of(folder: Path) -> str:
    """What tells the weights of such a model from others."""
    return sampled_digest(folder / "model.bin")


def read_measured(file: Path) -> dict[str, Any]:
    """What `anatili directions --write` keeps in a run's folder; {} if it was not called."""
    try:
        said: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.is_file() else {"translation": ()}
        return {**said, "translation": read_directions(said.get("translation"), file) or ()}
    except (OSError, ValueError, AttributeError) as error:
        raise Problem(f"{show_path(file)} is damaged: {error}; take it away and measure again") from error


def joined(taught: Iterable[tuple[str, str]], measured: Iterable[Direction]) -> Directions:
    """Every direction that was taught, with its measured quality where there is one."""
    known = {(one.source, one.target): one for one in measured}
    return tuple(known.get(pair, Direction(*pair)) for pair in taught)


def table(rows: Sequence[Direction]) -> list[list[str]]:
    """Rows for people: direction, chrF++, interval, lines, test set."""
    return [
        [one.name, "not measured" if one.chrf is None else f"{one.chrf:.1f}",
         "-" if one.interval is None else f"{one.interval[0]:.1f} to {one.interval[1]:.1f}",
         str(one.count or "-"), one.texts or "-"]
        for one in rows
    ]  # fmt: skip


def card_section(rows: Sequence[Direction]) -> str:
    """The section of a model's card, in Markdown."""
    if not rows:
        return f"{HEADING}\n\nIt was not taught to translate.\n"
    body = "\n".join(f"| {' | '.join(row)} |" for row in table(rows))
    return f"""{HEADING}

Only these directions were taught. chrF++ (sacrebleu, 0 to 100) with its 95 % interval by resampling lines. Below
{USABLE:g} a translation must not be used without its source; the page, the API and the command say so with each.

| direction | chrF++ | 95 % interval | n | texts |
|---|---|---|---|---|
{body}
"""


HEADING = "## Translation"


def put_section(card: str, section: str) -> str:
    """A card with this section in place of the one it has, or before its last one."""
    before, found, rest = card.partition(f"{HEADING}\n")
    if found:
        after = rest.find("\n## ")
        return before + section + (rest[after:] if after >= 0 else "")
    at = card.rfind("\n## ")
    return f"{card}\n{section}" if at < 0 else f"{card[: at + 1]}{section}{card[at:]}"
