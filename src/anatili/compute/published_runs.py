"""Published training runs: their shapes, their hours or speeds, and the utilization that follows."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from anatili.compute.chips import Chip, find_chip
from anatili.compute.shape import Shape, flops_per_token
from anatili.problem import Problem
from anatili.text import show_path
from anatili.text_files import read_toml

FILE = Path(__file__).with_name("runs_public.toml")
REQUIRED = ("layers", "hidden", "heads", "ffn", "vocab", "seq")


@dataclass(frozen=True)
class PublishedRun:
    """One run as its source gives it."""

    id: str
    family: str
    tier: str
    kind: str
    chip: Chip
    number: int
    """Chips; 0: not published."""
    shape: Shape
    context: int
    flops: float
    """Operations of the whole run; 0 for a benchmark."""
    hours: float
    """Chip-hours; 0 if not published."""
    speed: float
    """Tokens per second and chip, of a benchmark."""

    @property
    def utilization(self) -> float:
        """Share of the peak: of a whole run by its hours, of a benchmark by its speed; 0 if neither is published."""
        if self.kind == "bench":
            return self.speed * flops_per_token(self.shape, self.context) / self.chip.peak
        return self.flops / (self.hours * 3600 * self.chip.peak) if self.hours else 0.0

    @property
    def is_learned_from(self) -> bool:
        return self.kind in ("run", "bench") and self.tier != "limit" and self.utilization > 0


def read_runs(path: Path) -> tuple[list[PublishedRun], dict[str, str]]:
    """The runs of a file, and those that cannot be used: id -> why. `Problem` if it is not a file of runs."""
    content = read_toml(path)
    rows = content.get("run")
    if not isinstance(rows, list) or not rows:
        raise Problem(f"{show_path(path)} has no [[run]]; the format is that of {FILE.name}")
    runs, unused = [], {}
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or not row.get("id") or not row.get("family"):
            raise Problem(f"{show_path(path)}: run {number} has no `id` or no `family`")
        try:
            runs.append(as_run(row))
        except Problem as problem:
            unused[str(row["id"])] = str(problem)
    return runs, unused


@cache
def bundled_runs() -> tuple[PublishedRun, ...]:
    """The published runs that come with anatili."""
    return tuple(read_runs(FILE)[0])


def as_run(row: dict[str, Any]) -> PublishedRun:
    """A row of the file; `Problem` if it lacks the shape or names an unknown chip."""
    if missing := [key for key in REQUIRED if not row.get(key)]:
        raise Problem(f"its shape is not published: {', '.join(missing)}")
    shape = Shape(
        layers=row["layers"],
        hidden_size=row["hidden"],
        heads=row["heads"],
        kv_heads=row.get("kv_heads", row["heads"]),
        head_size=row.get("head_dim") or row["hidden"] // row["heads"],
        intermediate_size=row["ffn"],
        vocabulary=row["vocab"],
        tied=row.get("tied", False),
        gated=row.get("gated", True),
        published=row.get("params", 0),
        active=row.get("active_params", 0),
    )
    flops = row.get("flops_own_count") or row.get("tokens", 0) * flops_per_token(shape, row["seq"])
    kind = str(row.get("kind", ""))
    return PublishedRun(
        id=str(row["id"]),
        family=str(row["family"]),
        tier=str(row.get("tier", "")),
        kind=kind,
        chip=find_chip(str(row.get("chip", ""))),
        number=int(row.get("number", 0)),
        shape=shape,
        context=row["seq"],
        flops=0 if kind == "bench" else flops,
        hours=float(row.get("chip_hours", 0)),
        speed=float(row.get("tokens_per_second_per_chip", 0)),
    )
