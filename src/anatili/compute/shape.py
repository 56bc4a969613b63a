"""The shape of a transformer, and what follows from it: the number of its weights and the operations of training it."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from anatili.gguf import check_gguf, read_header
from anatili.problem import Problem
from anatili.recipe import Pretrain, Recipe, Tokenizer
from anatili.text import show_path
from anatili.text_files import read_text
from anatili.weights import PACKAGED, is_installed, packaged_gguf


@dataclass(frozen=True)
class Shape:
    """The sizes of a decoder. Norms and biases are left out: they are below a thousandth of the weights."""

    layers: int
    hidden_size: int
    heads: int
    kv_heads: int
    head_size: int
    intermediate_size: int
    vocabulary: int
    tied: bool
    """Whether input and output embeddings are one matrix."""
    gated: bool = True
    """Whether the feed-forward layer has three matrices (SwiGLU) or two."""
    qk_norm: bool = False
    """Whether queries and keys are normed."""
    origin: str = "random weights"
    """Where the weights come from."""
    published: float = 0
    """Number of all weights as published, if it differs from the sum of the shape."""
    active: float = 0
    """Weights that a token passes through, in a mixture of experts."""
    rank: int = 0
    """Of the adapters that are trained; 0: all weights are."""

    @property
    def query_size(self) -> int:
        return self.heads * self.head_size

    @property
    def kv_size(self) -> int:
        return self.kv_heads * self.head_size

    @property
    def embedding(self) -> int:
        """Weights of one embedding matrix."""
        return self.vocabulary * self.hidden_size

    @property
    def attention(self) -> int:
        """Weights of the attention of one layer."""
        return 2 * self.hidden_size * (self.query_size + self.kv_size)

    @property
    def feed_forward(self) -> int:
        """Weights of the feed-forward part of one layer."""
        return (3 if self.gated else 2) * self.hidden_size * self.intermediate_size

    @property
    def layer(self) -> int:
        return self.attention + self.feed_forward

    @property
    def total(self) -> float:
        return self.published or self.layers * self.layer + self.embedding * (1 if self.tied else 2)

    @property
    def matrices(self) -> float:
        """Weights that every token is multiplied with. The input embedding is only looked up; the head counts, tied or
        not."""
        return (self.active or self.total) - (0 if self.tied else self.embedding)

    @property
    def adapters(self) -> int:
        """Weights of adapters of `rank` on every matrix of the layers."""
        hidden, inner = self.hidden_size, self.intermediate_size
        attention = 2 * (2 * hidden + self.query_size + self.kv_size)
        return self.layers * self.rank * (attention + (3 if self.gated else 2) * (hidden + inner))


def training_flops(
    *, matrices: float, layers: int, query_size: int, context: int, frozen: float = 0, causal: bool = True
) -> float:
    """Operations to train on one token, forward and backward. The only place where they are counted.

    Six for each weight of a matrix; four for a `frozen` one, which needs no gradient of its own (Kaplan et al., 2020,
    arXiv 2001.08361). Attention over a sequence of `context` adds 12 for each layer, query value and position, half of
    that where it is causal (Chowdhery et al., 2022, arXiv 2204.02311, appendix B, counts it whole). What is recomputed
    because of checkpointing takes time but does not count.
    """
    return 6 * matrices + 4 * frozen + (6 if causal else 12) * layers * query_size * context


def flops_per_token(shape: Shape, context: int) -> float:
    """Operations to train `shape`, or adapters on it, on one token of a sequence of `context`."""
    learned, frozen = (shape.adapters, shape.matrices) if shape.rank else (shape.matrices, 0)
    return training_flops(
        matrices=learned, frozen=frozen, layers=shape.layers, query_size=shape.query_size, context=context
    )


def shape_of(recipe: Recipe, recipe_folder: Path) -> Shape:
    """The model's shape, from the base if it is here, else from the recipe; with the size of the final vocabulary, or
    what it is at most where the base's is trimmed. `Problem` if neither says it."""
    settings, base = recipe.pretrain, recipe.tokenizer.base
    rank = settings.rank if settings.method == "lora" else 0
    found = base_shape(recipe, recipe_folder) if base else None
    if found:
        return replace(found, vocabulary=adapted(found.vocabulary, recipe.tokenizer), rank=rank)
    if base and not names_shape(recipe):
        raise Problem(
            f"{base} is not at {show_path(recipe_folder / base)}, so nothing says the shape of the model: put it "
            "there, or write layers, hidden_size, heads and intermediate_size into [pretrain]"
        )
    return Shape(
        layers=settings.layers,
        hidden_size=settings.hidden_size,
        heads=settings.heads,
        kv_heads=settings.kv_heads or settings.heads,
        head_size=settings.hidden_size // settings.heads,
        intermediate_size=settings.intermediate_size,
        tied=settings.tied,
        qk_norm=settings.shape == "qwen3",
        rank=rank,
        vocabulary=adapted(recipe.tokenizer.vocabulary, recipe.tokenizer) if base else recipe.tokenizer.vocabulary,
        origin=f"{base} (not read: shape as in the recipe)" if base else "random weights",
    )


def steps_of(settings: Pretrain) -> int:
    """Steps of [pretrain]: its tokens, rounded to whole steps."""
    return settings.tokens and max(1, round(settings.tokens / (settings.batch * settings.context)))


def base_shape(recipe: Recipe, recipe_folder: Path) -> Shape | None:
    """The shape of the recipe's base; `None` if the base is not here, `Problem` if it is a package to install first."""
    base = recipe.tokenizer.base
    if base in PACKAGED:
        if not is_installed(base) and names_shape(recipe):
            return None
        return replace(from_gguf(packaged_gguf(base)), origin=base)
    if base.endswith(".gguf"):
        return from_gguf(recipe_folder / base) if (recipe_folder / base).is_file() else None
    file = recipe_folder / base / "config.json"
    return from_config(file, base) if file.is_file() else None


def adapted(size: int, settings: Tokenizer) -> int:
    """Tokens of a base's vocabulary of `size` after [tokenizer] has trimmed it, at most, and added to it."""
    return (min(size, settings.trim_first) if settings.trim_first else size) + settings.added


def names_shape(recipe: Recipe) -> bool:
    """Whether the recipe itself says how large the model is."""
    return bool(recipe.pretrain.model_fields_set & {"layers", "hidden_size"})


def has_shape(recipe: Recipe, recipe_folder: Path) -> bool:
    """Whether the recipe, or the base that it names, says how large the model is."""
    return names_shape(recipe) or bool(recipe.tokenizer.base and base_shape(recipe, recipe_folder))


def from_config(file: Path, origin: str = "") -> Shape:
    """The shape that a Hugging Face `config.json` describes."""
    try:
        return from_settings(json.loads(read_text(file)), origin or show_path(file.parent))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise Problem(f"{show_path(file)} does not say the shape of a decoder ({error!r})") from error


def from_settings(config: dict[str, Any], origin: str) -> Shape:
    """The shape that the content of a Hugging Face config describes."""
    config = config.get("text_config", config)
    heads = config["num_attention_heads"]
    return Shape(
        layers=config["num_hidden_layers"],
        hidden_size=config["hidden_size"],
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head_size=config.get("head_dim") or config["hidden_size"] // heads,
        intermediate_size=config["intermediate_size"],
        tied=config.get("tie_word_embeddings", True),
        vocabulary=config["vocab_size"],
        qk_norm=config.get("model_type") in ("qwen3", "gemma3_text"),
        origin=origin,
    )


def from_gguf(file: Path) -> Shape:
    """The shape of the model in a GGUF file."""
    check_gguf(file)
    fields, tensors = read_header(file)
    sizes = {name.partition(".")[2]: size for name, size in fields.items() if not name.startswith("general.")}
    try:
        heads, hidden_size = sizes["attention.head_count"], sizes["embedding_length"]
        return Shape(
            layers=sizes["block_count"],
            hidden_size=hidden_size,
            heads=heads,
            kv_heads=sizes.get("attention.head_count_kv") or heads,
            head_size=sizes.get("attention.key_length") or hidden_size // heads,
            intermediate_size=sizes["feed_forward_length"],
            vocabulary=fields["tokenizer.ggml.tokens"],
            tied="output.weight" not in tensors,
            gated="blk.0.ffn_gate.weight" in tensors,
            qk_norm="blk.0.attn_q_norm.weight" in tensors,
            origin=show_path(file),
        )
    except (KeyError, ZeroDivisionError) as error:
        raise Problem(f"{show_path(file)} does not say the shape of a decoder ({error!r})") from error
