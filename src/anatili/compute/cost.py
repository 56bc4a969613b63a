"""Hours, energy, carbon dioxide and money of a training, each as low, middle and high."""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from anatili.compute.chips import Chip
from anatili.compute.mfu_prior import Range
from anatili.problem import Problem
from anatili.text_files import read_toml

GRIDS = Path(__file__).with_name("grids.toml")
DRAW = (0.75, 1.0, 1.25)
"""Power of a chip with its share of the host, as a share of its TDP. Draw swings between 15 and 85 % of the maximum
(arXiv 2503.05804); hosts add to it."""
OVERHEAD = 1.2
"""Energy of the building per energy of the machines (PUE); OLMo 2 reports 1.2 and 1.12."""


@dataclass(frozen=True)
class Cost:
    """What a training takes on a number of chips; `None` where the chip's figure is not published."""

    chip_hours: Range
    days: Range
    megawatt_hours: Range | None
    tons_co2: Range | None
    dollars: Range | None


def cost_of(chip_hours: Range, chip: Chip, number: int, grams: float, price: tuple[float, ...] = ()) -> Cost:
    """The cost of so many chip-hours on `number` chips; `price` (low, middle, high) replaces the chip's own."""
    price = price or chip.usd_per_hour
    energy = (chip_hours * (chip.tdp_w * OVERHEAD / 1e6)).by(DRAW) if chip.tdp_w else None
    return Cost(
        chip_hours=chip_hours,
        days=chip_hours * (1 / number / 24),
        megawatt_hours=energy,
        tons_co2=energy * (grams / 1000) if energy else None,
        dollars=chip_hours.by(price) if price else None,
    )


def hours_of(flops: float, chip: Chip, share: Range) -> Range:
    """Chip-hours at a utilization."""
    return Range(*(flops / (chip.peak * part) / 3600 for part in (share.high, share.middle, share.low)))


@cache
def grids() -> dict[str, Any]:
    return read_toml(GRIDS)


def grid_of(name: str) -> tuple[float, str]:
    """Grams of CO2 per kWh of a grid, and the source; `Problem` if the grid is not known."""
    table = grids()
    row = table.get((name or table["default"]).upper())
    if not isinstance(row, dict):
        raise Problem(f"no grid {name!r}; known: {', '.join(key for key in table if key != 'default')}")
    return float(row["grams"]), f"{row['source']}, {row['year']}"


def read_price(text: str) -> tuple[float, ...]:
    """Dollars per chip and hour as `low,middle,high`, or one number for all three; none if `text` is empty.

    `Problem` if it is neither.
    """
    if not text:
        return ()
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) == 1:
        values *= 3
    if len(values) != 3 or not all(0 < value < math.inf for value in values) or sorted(values) != values:
        raise Problem(f"--price {text!r}: give low,middle,high in dollars per chip and hour, such as 2.5,4,7")
    return tuple(values)
