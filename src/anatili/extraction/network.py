"""The network that says which blocks of a page are its main text, in numpy.

Each block starts from its features and the names of the elements around it; then, in a few rounds, it hears of its four
neighbors, of the containers that it stands in, and of the whole page.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from anatili.extraction.features import Features, Floats

NEIGHBORS = (-2, -1, 1, 2)
WEIGHTS = "main_text.npz"


@dataclass(frozen=True)
class Network:
    """Weights, as `bench/train_extraction.py` writes them."""

    scale: Floats
    shift: Floats
    rows: NDArray[np.uint16]
    """Of each bucket the row of its name in `names`; 0: a name that is not known."""
    names: Floats
    enter: tuple[Floats, Floats]
    rounds: tuple[tuple[Floats, ...], ...]
    leave: tuple[Floats, Floats]
    threshold: float

    def __call__(self, features: Features) -> Floats:
        """Log odds of each block being main text."""
        n = len(features.values)
        vectors = np.add.reduceat(self.names[self.rows[features.names]], features.offsets, 0)
        change = np.zeros((n + 1, vectors.shape[1]), np.float32)
        np.add.at(change, features.starts, vectors)
        np.subtract.at(change, features.ends, vectors)
        path = np.cumsum(change[:-1], 0)
        values = np.clip(features.values * self.scale + self.shift, -5, 5)
        hidden = np.concatenate([values, path, vectors[features.inside], vectors[features.parent]], 1)
        hidden = np.maximum(hidden @ self.enter[0] + self.enter[1], 0)
        whole = (np.zeros(n, np.int64), np.full(n, n))
        ranges = [*features.ranges, whole]
        sizes = [(ends - starts).astype(np.float32)[:, None] for starts, ends in ranges]
        for tell, tell_bias, hear, hear_bias in self.rounds:
            told = np.tanh(hidden @ tell + tell_bias)
            width = told.shape[1]
            padded = np.zeros((n + 4, width), np.float32)
            padded[2:-2] = told
            sums = np.zeros((n + 1, width), np.float32)
            np.cumsum(told, 0, out=sums[1:])
            parts = [hidden, *(padded[2 + step : n + 2 + step] for step in NEIGHBORS)]
            parts += [(sums[ends] - sums[starts]) / size for (starts, ends), size in zip(ranges, sizes, strict=True)]
            hidden = np.maximum(np.concatenate(parts, 1) @ hear + hear_bias, 0) + hidden
        odds: Floats = (hidden @ self.leave[0] + self.leave[1])[:, 0]
        return odds


@cache
def network() -> Network:
    """The network in the package."""
    with (files("anatili.extraction") / WEIGHTS).open("rb") as file, np.load(file) as stored:
        return assemble({name: stored[name] for name in stored.files})


def assemble(arrays: dict[str, NDArray[np.generic]]) -> Network:
    """A network from its arrays by name."""
    stored = {name: array.astype(np.float32) for name, array in arrays.items() if name != "rows"}
    rounds = range(sum(name.startswith("tell_bias") for name in stored))
    layers = ("tell", "tell_bias", "hear", "hear_bias")
    return Network(
        stored["scale"],
        stored["shift"],
        arrays["rows"].astype(np.uint16),
        stored["names"] * stored["names_step"],
        (stored["enter"], stored["enter_bias"]),
        tuple(tuple(stored[f"{layer}_{n}"] for layer in layers) for n in rounds),
        (stored["leave"], stored["leave_bias"]),
        float(stored["threshold"]),
    )
