"""How much of its peak a training run gets, learned from the hours of published runs.

Published MFU is measured while a run is running. Hours also hold restarts, idle time and checks: five runs that publish
both reach 0.67-0.94 of their MFU by hours. So the prior is learned from hours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anatili.compute.chips import Chip, find_chip
from anatili.compute.published_runs import PublishedRun

Floats = npt.NDArray[np.float64]
CENTER = 0.35
"""MFU that the prior starts from; with no run at all it would be the prediction."""
QUANTILE = 1.36
"""Half-width of an 80 % interval in standard deviations: Student's t with 12 degrees, about as many as families."""
HIGHEST = 0.75
"""No whole run has come near this MFU: the interval ends here."""
ARCHITECTURES = ("ampere", "hopper", "tpu", "cdna")
"""Those with published runs. The others share one effect that no run informs, so that their interval is wide."""
LEARNED = ("A100-80GB", "A100-40GB", "H100", "TPUv3", "MI250X")
"""Chips with published hours or speeds: what a matrix product reaches on them is in their runs."""
SPREAD: Floats = np.array([0.5, *[0.25] * (len(ARCHITECTURES) + 1), 0.3, 0.1, 0.25])
"""Standard deviations of the effects on ln MFU before any run is seen: level, architectures, size, number, bench."""
BETWEEN, WITHIN = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4), (0.08, 0.12, 0.16, 0.2, 0.25)
"""Standard deviations of ln MFU that are tried, between teams and within a team; the most likely pair is taken."""


@dataclass(frozen=True)
class Range:
    """The ends of an 80 % interval and its middle."""

    low: float
    middle: float
    high: float

    def __mul__(self, factor: float) -> "Range":
        return Range(self.low * factor, self.middle * factor, self.high * factor)

    def by(self, other: tuple[float, ...]) -> "Range":
        """Each part times its counterpart: low with low, high with high."""
        low, middle, high = other
        return Range(self.low * low, self.middle * middle, self.high * high)

    def capped(self, most: float) -> "Range":
        """The same, but no part of it above `most`."""
        return Range(min(self.low, most), min(self.middle, most), min(self.high, most))

    @property
    def width(self) -> float:
        """How many times the low end the high end is."""
        return self.high / self.low

    def as_list(self, digits: int = 4) -> list[float]:
        return [float(f"{value:.{digits}g}") for value in (self.low, self.middle, self.high)]


@dataclass(frozen=True)
class Setting:
    """What the prior looks at in a run."""

    architecture: str
    matrices: float
    """Weights that a token is multiplied with."""
    number: int
    """Chips; 0: unknown."""
    bench: bool = False
    """A speed measured while running, without downtime."""

    def features(self) -> Floats:
        known = [float(self.architecture == name) for name in ARCHITECTURES]
        small = min(0.0, math.log10(self.matrices / 1e9))
        many = max(0.0, math.log10(self.number / 64)) if self.number else math.log10(400 / 64)
        return np.array([1.0, *known, 1 - sum(known), small, -many, float(self.bench)])


class Prior:
    """A Gaussian over ln MFU with linear effects and a random effect for each family of runs.

    With the random effect, eight runs of one team count as little more than one.
    """

    def __init__(self, runs: Sequence[PublishedRun]) -> None:
        learned = [run for run in runs if run.is_learned_from]
        self.features = np.array([setting_of(run).features() for run in learned]).reshape(len(learned), len(SPREAD))
        self.values = np.log([run.utilization / CENTER for run in learned])
        families = np.array([run.family for run in learned])
        self.same = (families[:, None] == families[None, :]).astype(np.float64)
        self.between, self.within = max(
            ((b, w) for b in BETWEEN for w in WITHIN), key=lambda pair: self.evidence(*pair)
        )
        self.inverse = np.linalg.inv(self.covariance(self.between, self.within))

    def covariance(self, between: float, within: float) -> Floats:
        weighted = self.features * SPREAD
        noise = between**2 * self.same + within**2 * np.eye(len(self.values))
        return np.asarray(weighted @ weighted.T + noise)

    def evidence(self, between: float, within: float) -> float:
        """Log likelihood of the published runs, without its constant."""
        covariance = self.covariance(between, within)
        fit = self.values @ np.linalg.solve(covariance, self.values)
        return -0.5 * float(fit + np.linalg.slogdet(covariance)[1])

    def predict(self, setting: Setting, doubt: float = 0.0) -> Range:
        """What a new team gets; `doubt` is the standard deviation of ln peak where sources disagree about it."""
        own = setting.features() * SPREAD
        cross = (self.features * SPREAD) @ own
        middle = CENTER * math.exp(float(cross @ self.inverse @ self.values))
        variance = float(own @ own - cross @ self.inverse @ cross) + self.between**2 + self.within**2 + doubt**2
        factor = math.exp(QUANTILE * math.sqrt(variance))
        return Range(middle / factor, middle, min(HIGHEST, middle * factor))


def setting_of(run: PublishedRun) -> Setting:
    return Setting(run.chip.architecture, run.shape.matrices, run.number, run.kind == "bench")


def reach_of(chip: Chip) -> float:
    """How much of its peak a plain matrix product reaches, as a share of what it reaches on an H100.

    1 for chips with runs to learn from, or without a published figure. AMD's MI300X reaches 51 % where an H100 reaches
    80 %: peaks alone would flatter it.
    """
    if chip.name in LEARNED or not chip.matmul_reached:
        return 1.0
    return chip.matmul_reached / find_chip("H100").matmul_reached


def doubt_of(chip: Chip) -> float:
    """The standard deviation of ln peak that corresponds to the range that sources give for it."""
    if "bf16_tflops" not in chip.ranges:
        return 0.0
    low, high = chip.ranges["bf16_tflops"]
    return math.log(high / low) / (2 * QUANTILE)
