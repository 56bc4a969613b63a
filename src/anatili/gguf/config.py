"""The transformers config of a GGUF file, with what transformers' own reader leaves out."""

from math import log, pi
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anatili.gguf.reader import open_gguf
from anatili.problem import Problem
from anatili.text import show_path

FACTORS = "rope_freqs.weight"
LARGEST_GEMMA3 = 62
"""Layers of the one Gemma 3 for which llama.cpp scales attention by hidden_size / heads, not by the size of a head."""
LOCAL_BASE = 10000.0
"""RoPE base inside Gemma 3's windows, if a file does not state it."""


def read_config(file: Path) -> Any:
    """The transformers config of a GGUF file; `Problem` if the file scales positions in an unknown way."""
    from transformers import AutoConfig

    reader = open_gguf(file)
    name = str(reader.fields["general.architecture"].contents())
    config: Any = AutoConfig.from_pretrained(file.parent, gguf_file=file.name, local_files_only=True)
    facts = {key.removeprefix(f"{name}."): field.contents() for key, field in reader.fields.items()}
    size = facts.get("attention.key_length")
    if size:  # transformers 5 reads it only for some architectures
        config.head_dim = int(size)
        if hasattr(config, "query_pre_attn_scalar"):
            largest = config.num_hidden_layers == LARGEST_GEMMA3
            config.query_pre_attn_scalar = config.hidden_size // config.num_attention_heads if largest else int(size)
    tensors = {tensor.name: tensor.data for tensor in reader.tensors if tensor.name.startswith("rope_")}
    rope = positions(facts, tensors, file)
    if "full_attention" in (config.rope_parameters or {}):
        local = {"rope_type": "default", "rope_theta": float(facts.get("rope.freq_base_swa", LOCAL_BASE))}
        config.rope_parameters = {"full_attention": rope, "sliding_attention": local}
    else:
        config.rope_parameters = rope
    return config


def positions(facts: dict[str, Any], tensors: dict[str, Any], file: Path) -> dict[str, Any]:
    """`rope_parameters` from a file's metadata, its keys without the architecture, and its tensors of factors."""
    theta = float(facts.get("rope.freq_base", LOCAL_BASE))
    scaling = facts.get("rope.scaling.type", "none")
    factor = float(facts.get("rope.scaling.factor") or facts.get("rope.scale_linear") or 1)
    unknown = sorted(set(tensors) - {FACTORS})
    if unknown or scaling not in ("none", "linear", "yarn"):
        raise Problem(f"{show_path(file)} scales positions in an unknown way ({unknown[0] if unknown else scaling})")
    if FACTORS in tensors:
        settings = llama3(np.asarray(tensors[FACTORS], np.float64), theta)
        if settings is None or scaling != "none":
            raise Problem(f"{show_path(file)}: its RoPE factors ({FACTORS}) are not those of Llama 3.1")
        return {"rope_type": "llama3", "rope_theta": theta, **settings}
    if scaling == "none" or (scaling == "linear" and factor == 1):
        return {"rope_type": "default", "rope_theta": theta}
    rope = {"rope_type": scaling, "rope_theta": theta, "factor": factor}
    if scaling == "linear":
        return rope
    return rope | {
        "original_max_position_embeddings": int(
            facts.get("rope.scaling.original_context_length", facts["context_length"])
        ),
        "beta_fast": float(facts.get("rope.scaling.yarn_beta_fast", 32)),
        "beta_slow": float(facts.get("rope.scaling.yarn_beta_slow", 1)),
        # llama.cpp's own factor, times the one in the file.
        "attention_factor": float(facts.get("rope.scaling.attn_factor", 1)) * (1 + 0.1 * log(factor)),
    }


def llama3(factors: npt.NDArray[np.float64], theta: float) -> dict[str, float] | None:
    """The settings of Llama 3.1's scaling that give these factors; None if there are none.

    Short wavelengths have factor 1, long ones the full factor; in between, 1 / factor is linear in the frequency. Two
    points in between determine the line and so its ends. low_freq_factor can be set to 1: it only sets the unit.
    """
    full_factor = float(factors.max())
    frequencies = theta ** (-np.arange(len(factors), dtype=np.float64) / len(factors))
    in_between = (factors > 1 + 1e-4) & (factors < full_factor * (1 - 1e-4))
    if in_between.sum() < 2 or full_factor <= 1:
        return None
    share = (1 / factors[in_between] - 1 / full_factor) / (1 - 1 / full_factor)
    slope, intercept = np.polyfit(frequencies[in_between] / (2 * pi), share, 1)
    if not (slope > 0 > intercept):
        return None
    settings = {
        "factor": full_factor,
        "low_freq_factor": 1.0,
        "high_freq_factor": 1 - 1 / intercept,
        "original_max_position_embeddings": -slope / intercept,
    }
    smooth = np.clip(slope * frequencies / (2 * pi) + intercept, 0, 1)
    recomputed = 1 / ((1 - smooth) / full_factor + smooth)
    return settings if np.allclose(recomputed, factors, rtol=1e-3) else None
