"""Gemma 3 in plain torch: the weights of a packed base, what learns on top of them, and the loss."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everyone calls it
from texts import IGNORED

TYPE = torch.bfloat16 if torch.cuda.is_available() else torch.float32
"""Of all arithmetic but the optimizer's."""
CHUNK = 8192
"""Labels whose logits are held at a time."""


@dataclass
class Arm:
    """One training: what learns, how fast, on what, for how long."""

    name: str
    vocabulary: str = "trim"
    rank: int = 96
    embedding_rank: int = 64
    rate: float = 1e-3
    row_rate: float = 1e-3
    batch: int = 32768
    seconds: float = 40
    tune_share: float = 0.0
    """Share of the time at the end in which lessons are learned, beside a quarter of plain text."""
    weights: dict[str, float] = field(default_factory=dict)
    tune_weights: dict[str, float] = field(default_factory=dict)
    decay: float = 0.4
    warmup: float = 0.03
    seed: int = 1
    translate: int = 0
    """Lines to translate in each direction at the end."""
    keep: bool = False


class Loss(torch.autograd.Function):
    """Sum over labels of -log p; logits are held a chunk at a time and gradients are made on the way."""

    @staticmethod
    def forward(ctx: Any, hidden: Any, weight: Any, labels: Any) -> Any:
        kept = (labels != IGNORED).nonzero().squeeze(1)
        hidden_slope = torch.zeros_like(hidden)
        weight_slope = torch.zeros(weight.shape, dtype=torch.float32, device=weight.device)
        total = torch.zeros((), device=hidden.device)
        for rows in kept.split(CHUNK):
            piece, label = hidden[rows], labels[rows]
            logits = piece @ weight.T
            peak = torch.logsumexp(logits.float(), -1)
            total += (peak - logits.gather(1, label[:, None]).squeeze(1).float()).sum()
            slope = (logits.float() - peak[:, None]).exp_().to(logits.dtype)
            slope[torch.arange(len(rows), device=rows.device), label] -= 1
            hidden_slope[rows] = slope @ weight
            weight_slope += slope.T @ piece
        ctx.save_for_backward(hidden_slope, weight_slope)
        return total

    @staticmethod
    def backward(ctx: Any, slope: Any) -> Any:
        hidden_slope, weight_slope = ctx.saved_tensors
        return hidden_slope * slope.to(hidden_slope.dtype), (weight_slope * slope).to(TYPE), None


def norm(x: Any, gain: Any) -> Any:
    y = x.float()
    y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-6)
    return (y * (1 + gain.float())).to(x.dtype)


def turn(x: Any, cos: Any, sin: Any) -> Any:
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


def layer(h: Any, w: dict[str, Any], cos: Any, sin: Any, mask: Any, heads: int, size: int) -> Any:
    """One Gemma 3 layer: sandwich norms, query and key norms, one key head for all, gated tanh-GELU."""
    rows, length, _ = h.shape
    x = norm(h, w["input_layernorm"])
    q = F.linear(x, w["self_attn.q_proj"]).view(rows, length, heads, size).transpose(1, 2)
    k = F.linear(x, w["self_attn.k_proj"]).view(rows, length, -1, size).transpose(1, 2)
    v = F.linear(x, w["self_attn.v_proj"]).view(rows, length, -1, size).transpose(1, 2)
    q, k = turn(norm(q, w["self_attn.q_norm"]), cos, sin), turn(norm(k, w["self_attn.k_norm"]), cos, sin)
    groups = heads // k.shape[1]
    k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
    a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, scale=size**-0.5)
    a = F.linear(a.transpose(1, 2).reshape(rows, length, heads * size), w["self_attn.o_proj"])
    h = h + norm(a, w["post_attention_layernorm"])
    x = norm(h, w["pre_feedforward_layernorm"])
    x = F.gelu(F.linear(x, w["mlp.gate_proj"]), approximate="tanh") * F.linear(x, w["mlp.up_proj"])
    return h + norm(F.linear(x, w["mlp.down_proj"]), w["post_feedforward_layernorm"])


MATRICES = (
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
)
NORMS = (
    "input_layernorm",
    "post_attention_layernorm",
    "pre_feedforward_layernorm",
    "post_feedforward_layernorm",
    "self_attn.q_norm",
    "self_attn.k_norm",
)


class Gemma(torch.nn.Module):
    """Weights that stay, and what learns: `a.*`, `b.*` low-rank factors, or `w.*` whole matrices; `new` rows."""

    def __init__(self, job: Path, arm: Arm, device: Any) -> None:
        super().__init__()
        self.config = json.loads((job / "config.json").read_text("utf-8"))
        self.arm, self.device, self.layer = arm, device, layer
        stored = {}
        for part in sorted(job.glob("weights*.npz")):
            with np.load(part) as file:
                stored |= dict(file)
        rows = json.loads((job / f"rows.{arm.vocabulary}.json").read_text("utf-8"))
        self.frozen = {name: value.to(device) for name, value in restore(stored)}
        old = self.frozen.pop("embed_tokens")
        single = torch.tensor([row[0] for row in rows["old"]], device=device)
        self.embedding = old[single].contiguous()
        self.learned = torch.nn.ParameterDict()
        generator = torch.Generator().manual_seed(arm.seed)
        if rows["new"]:
            start = torch.stack([old[torch.tensor(row, device=device)].float().mean(0) for row in rows["new"]])
            self.learned["new"] = torch.nn.Parameter(start)
        for name, value in self.frozen.items():
            if value.ndim == 2 and arm.rank:
                self.factors(name, value, arm.rank, generator)
            elif not arm.rank:
                self.learned[f"w.{name}".replace(".", "/")] = torch.nn.Parameter(value.float())
        if arm.rank and arm.embedding_rank:
            self.factors("embed_tokens", self.embedding, arm.embedding_rank, generator)
        elif not arm.rank:
            self.learned["w/embed_tokens"] = torch.nn.Parameter(self.embedding.float())
        self.ropes: dict[int, Any] = {}

    def factors(self, name: str, value: Any, rank: int, generator: Any) -> None:
        out, into = value.shape
        first = torch.empty(rank, into).uniform_(-1, 1, generator=generator) * into**-0.5
        self.learned[f"a.{name}".replace(".", "/")] = torch.nn.Parameter(first.to(self.device))
        self.learned[f"b.{name}".replace(".", "/")] = torch.nn.Parameter(torch.zeros(out, rank, device=self.device))

    def matrix(self, name: str, value: Any) -> Any:
        """The matrix as it is now, in bfloat16."""
        key = name.replace(".", "/")
        if f"w/{key}" in self.learned:
            return self.learned[f"w/{key}"].to(TYPE)
        if f"a/{key}" not in self.learned:
            return value
        change = self.learned[f"b/{key}"].to(TYPE) @ self.learned[f"a/{key}"].to(TYPE)
        return value + 2 * change

    def weights(self) -> tuple[Any, list[dict[str, Any]], Any]:
        """Embedding, weights of each layer, last norm."""
        table = self.matrix("embed_tokens", self.embedding)
        if "new" in self.learned:
            table = torch.cat((table, self.learned["new"].to(TYPE)))
        layers = [
            {part: self.matrix(f"layers.{n}.{part}", self.frozen[f"layers.{n}.{part}"]) for part in MATRICES + NORMS}
            for n in range(self.config["num_hidden_layers"])
        ]
        return table, layers, self.matrix("norm", self.frozen["norm"])

    def rope(self, length: int) -> Any:
        if length not in self.ropes:
            tables = []
            size = self.config["head_dim"]
            for kind in ("sliding_attention", "full_attention"):
                base = self.config["rope_parameters"][kind]["rope_theta"]
                speed = base ** -(torch.arange(0, size, 2, dtype=torch.float64) / size)
                angle = torch.outer(torch.arange(length, dtype=torch.float64), speed).repeat(1, 2)
                tables.append((angle.cos().to(self.device, TYPE), angle.sin().to(self.device, TYPE)))
            window = self.config["sliding_window"]
            place = torch.arange(length, device=self.device)
            gap = place[:, None] - place[None]
            mask = ((gap >= 0) & (gap < window)) if length > window else None
            self.ropes[length] = (tables, mask)
        return self.ropes[length]

    def hidden(self, ids: Any, made: Any) -> Any:
        """Last hidden states, (rows, length, hidden_size)."""
        table, layers, last = made
        (local, wide), mask = self.rope(ids.shape[1])
        width = self.config["hidden_size"]
        h = F.embedding(ids, table) * torch.tensor(width**0.5, dtype=TYPE, device=ids.device)
        for number, weights in enumerate(layers):
            far = self.config["layer_types"][number] == "full_attention"
            cos, sin = wide if far else local
            h = self.layer(
                h, weights, cos, sin, None if far else mask, self.config["num_attention_heads"], self.config["head_dim"]
            )
        return norm(h, last)

    def loss(self, ids: Any, labels: Any, made: Any) -> Any:
        return Loss.apply(self.hidden(ids, made).flatten(0, 1), made[0], labels.flatten())


PLACES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
}
"""GGUF's names of the parts of a layer, and transformers'."""


def restore(stored: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The base's tensors in bfloat16 under transformers' names; GGUF keeps the gains of norms with one added."""
    from gguf import GGMLQuantizationType
    from gguf.quants import dequantize

    whole: dict[str, list[Any]] = {}
    for key in sorted(stored):
        whole.setdefault(key.rpartition(":")[0], []).append(stored[key])
    for key, pieces in whole.items():
        data = np.concatenate(pieces)
        name, _, kind = key.rpartition(":")
        value = torch.from_numpy(np.ascontiguousarray(dequantize(data, GGMLQuantizationType(int(kind))), np.float32))
        value = value - 1 if "norm" in name else value
        if name == "token_embd.weight":
            yield "embed_tokens", value.to(TYPE)
        elif name == "output_norm.weight":
            yield "norm", value.to(TYPE)
        elif name.startswith("blk."):
            _, number, part, _ = name.split(".")
            yield f"layers.{number}.{PLACES[part]}", value.to(TYPE)
