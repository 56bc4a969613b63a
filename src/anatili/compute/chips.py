"""Accelerators and their figures, each with its source."""

from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from anatili.problem import Problem
from anatili.text_files import read_toml

FILE = Path(__file__).with_name("chips.toml")
UNPUBLISHED = "not published"
FIGURES = (
    "bf16_tflops",
    "fp8_tflops",
    "int8_tops",
    "memory_gb",
    "bandwidth_tbs",
    "intra_gbs",
    "inter_gbs",
    "tdp_w",
    "usd_per_hour",
    "matmul_reached",
    "announced",
    "node",
)
DEFAULT_NODE = 8
"""Chips in a node whose size is not published."""


@dataclass(frozen=True)
class Chip:
    """Dense peaks, and links in one direction; a figure is 0 or empty where none is published."""

    name: str
    vendor: str
    architecture: str
    source: str
    """Of all figures that are neither in `also` nor in `unsourced`."""
    also: dict[str, str] = field(default_factory=dict)
    """Figure -> its own source."""
    unsourced: dict[str, str] = field(default_factory=dict)
    """Figure -> why it has no source."""
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Figure -> least and greatest value where sources disagree."""
    bf16_tflops: float = 0
    fp8_tflops: float = 0
    int8_tops: float = 0
    memory_gb: float = 0
    bandwidth_tbs: float = 0
    intra_gbs: float = 0
    """Between chips of a node."""
    inter_gbs: float = 0
    """Between nodes."""
    tdp_w: float = 0
    usd_per_hour: tuple[float, ...] = ()
    """Low, middle, high."""
    matmul_reached: float = 0
    """Share of the peak that a plain matrix product reaches."""
    announced: str = ""
    """A year, a month or a day, such as 2023, 2023-11 or 2023-11-13."""
    node: int = 0
    cloud_only: bool = False
    note: str = ""

    @property
    def peak(self) -> float:
        """Operations per second in bfloat16."""
        return self.bf16_tflops * 1e12

    @property
    def memory(self) -> float:
        """Bytes. Vendors count memory in powers of two: an A100 of "80 GB" has 81,920 MiB."""
        return self.memory_gb * 2**30

    @property
    def per_node(self) -> int:
        return self.node or DEFAULT_NODE

    @property
    def tpp(self) -> int:
        """Total processing performance of ECCN 3A090: the greatest product of dense TFLOPS and bits over formats."""
        return round(max(16 * self.bf16_tflops, 8 * self.fp8_tflops, 8 * self.int8_tops))

    def is_announced(self, on: date) -> bool:
        """Whether the chip was announced on that day, as exactly as its date is known; True if it is not."""
        return self.announced <= on.isoformat()[: len(self.announced)]

    def link(self, number: int) -> float:
        """Bytes per second between `number` chips, the slowest of the links in use; 0 if not published."""
        return 1e9 * (self.inter_gbs if number > self.per_node else self.intra_gbs)

    def source_of(self, figure: str) -> str:
        """The id of the source of a figure, `unsourced: why`, or that nobody publishes it."""
        if figure in self.unsourced:
            return f"unsourced: {self.unsourced[figure]}"
        if figure == "usd_per_hour" and self.usd_per_hour:
            return "price"
        return self.also.get(figure, self.source) if getattr(self, figure) else UNPUBLISHED


UNNAMED = Chip(name="an unnamed chip", vendor="any", architecture="", source="")
"""Whatever a run trained on, if nobody says."""


@cache
def chips() -> dict[str, Chip]:
    """Name -> chip, of those that are known."""
    rows = (dict(row) for row in read_toml(FILE)["chip"])
    return {row["name"]: Chip(**{key: _frozen(value) for key, value in row.items()}) for row in rows}


@cache
def sources() -> dict[str, str]:
    """Id -> the source of figures in the file."""
    return dict(read_toml(FILE)["sources"])


def find_chip(name: str) -> Chip:
    """The chip of this name, however it is capitalized; A100 is the 80 GB one. `Problem` lists those that are known."""
    by_name = {_plain(known): chip for known, chip in chips().items()}
    by_name["a100"] = by_name["a10080gb"]
    chip = by_name.get(_plain(name))
    if chip is None:
        raise Problem(f"no chip {name!r}; known: {', '.join(chips())}. Add it to {FILE.name} with a source")
    return chip


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _frozen(inner) for key, inner in value.items()}
    return tuple(value) if isinstance(value, list) else value
