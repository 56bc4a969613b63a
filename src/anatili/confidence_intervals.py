"""95 % intervals of scores."""

from math import sqrt

import numpy as np
import numpy.typing as npt

Z = 1.959964
"""Standard normal quantile of 95 %."""


def interval(
    bits: npt.NDArray[np.float64], sizes: npt.NDArray[np.int64], resamples: int, seed: int
) -> list[float] | None:
    """The 95 % interval of total bits per total bytes over resampled texts; `None` for fewer than two texts."""
    if len(bits) < 2:
        return None
    chosen = np.random.default_rng(seed).integers(len(bits), size=(resamples, len(bits)))
    ratios = bits[chosen].sum(1) / sizes[chosen].sum(1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return [round(float(low), 4), round(float(high), 4)]


def wilson(right: float, count: float) -> list[float] | None:
    """The 95 % interval of the share right / count (Wilson, 1927); `None` if `count` is 0."""
    if not count:
        return None
    share, more = right / count, Z * Z / count
    middle, half = share + more / 2, Z * sqrt(share * (1 - share) / count + more / count / 4)
    low, high = (middle - half) / (1 + more), (middle + half) / (1 + more)
    return [round(max(0.0, low), 4), round(min(1.0, high), 4)]
