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
    even: float
    """Log odds of a block that is as likely main text as not."""

    def __call__(self, features: Features) -> Floats:
        """Log odds of each block being main text."""
        n, inputs = features.values.shape
        of_tags = np.add.reduceat(self.names.take(self.rows.take(features.names), 0), features.offsets, 0)
        vectors = of_tags.take(features.kinds, 0)
        # What enters and what is heard is written where it is needed, instead of being joined later.
        entered = np.empty((n, len(self.enter[0])), np.float32)
        values = np.multiply(features.values, self.scale, out=entered[:, :inputs])
        values += self.shift
        np.minimum(np.maximum(values, -5, out=values), 5, out=values)
        width = vectors.shape[1]
        around = (path_of(vectors, features), vectors.take(features.inside, 0), vectors.take(features.parent, 0))
        for number, vector in enumerate(around):
            entered[:, inputs + number * width : inputs + (number + 1) * width] = vector
        hidden: Floats = entered @ self.enter[0]
        hidden += self.enter[1]
        np.maximum(hidden, 0, out=hidden)
        starts, ends = (edge.T for edge in features.ranges)
        sizes = (ends - starts).astype(np.float32)[:, :, None]
        hear_width, width = hidden.shape[1], self.rounds[0][0].shape[1]
        every = np.empty((n, len(self.rounds[0][2]) - width), np.float32)
        means = every[:, -len(features.ranges[0]) * width :].reshape(n, -1, width)
        padded, sums = np.zeros((n + 4, width), np.float32), np.zeros((n + 1, width), np.float32)
        told = padded[2:-2]
        for tell, tell_bias, hear, hear_bias in self.rounds:
            np.matmul(hidden, tell, out=told)
            told += tell_bias
            np.tanh(told, out=told)
            told.cumsum(0, out=sums[1:])
            np.divide(sums.take(ends, 0) - sums.take(starts, 0), sizes, out=means)
            every[:, :hear_width] = hidden
            for number, step in enumerate(NEIGHBORS):
                at = hear_width + number * width
                every[:, at : at + width] = padded[2 + step : n + 2 + step]
            heard = every @ hear[:-width]
            heard += sums[n] / n @ hear[-width:] + hear_bias
            hidden += np.maximum(heard, 0, out=heard)
        odds: Floats = (hidden @ self.leave[0] + self.leave[1])[:, 0]
        return odds


def path_of(vectors: Floats, features: Features) -> Floats:
    """For each block the sum of the vectors of all elements around it: of those that began less those that ended."""
    sums = np.zeros((2, len(vectors) + 1, vectors.shape[1]))
    by_end = features.ends.argsort()
    sums[0, 1:], sums[1, 1:] = vectors, vectors.take(by_end, 0)
    sums = sums.cumsum(1)
    blocks = np.arange(len(features.values))
    begun = features.starts.searchsorted(blocks, "right")
    ended = features.ends.take(by_end).searchsorted(blocks, "right")
    path: Floats = (sums[0].take(begun, 0) - sums[1].take(ended, 0)).astype(np.float32)
    return path


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
        float(stored["even"]),
    )
