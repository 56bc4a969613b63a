"""Text quality: how much a text reads like explanatory prose, by the pack's small linear classifier."""

import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from anatili.lang import LanguagePack


@dataclass(frozen=True)
class Classifier:
    """A linear model over words and word endings: `weights` (2^bits, int8) x `scale` + `bias` is the log-odds."""

    weights: npt.NDArray[np.int8]
    scale: float
    bias: float


@cache
def load_classifier(folder: Path) -> Classifier | None:
    """The pack's `quality.npz` (trained by bench/train_quality.py); None if it has none."""
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
    """How much the words read like explanatory prose, 0 to 1, by the pack's classifier; -1 without one."""
    model = load_classifier(pack.folder)
    if model is None or not words:
        return -1.0
    weights = model.weights[features(words[:2000], len(model.weights))].astype(np.float64)
    return float(1 / (1 + np.exp(-(weights.mean() * model.scale + model.bias))))
