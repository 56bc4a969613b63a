"""The settings of a GGUF file as transformers has them, with what its own reader leaves out."""

from math import log, pi
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anatili.problem import Problem
from anatili.text import show_path

FACTORS = "rope_freqs.weight"
LARGEST_GEMMA3 = 62
"""Layers of the Gemma 3 that llama.cpp scales attention of by the width for each head, not by the head's own size."""
LOCAL_BASE = 10000.0
"""Base of the positions within Gemma 3's windows, where a file does not give it."""


def read_config(file: Path) -> Any:
    """The transformers config of a GGUF file; `Problem` if the file scales positions in a way that is not known."""
    from gguf import GGUFReader
    from transformers import AutoConfig

    reader = GGUFReader(file)
    name = str(reader.fields["general.architecture"].contents())
    config: Any = AutoConfig.from_pretrained(file.parent, gguf_file=file.name, local_files_only=True)
    facts = {key.removeprefix(f"{name}."): field.contents() for key, field in reader.fields.items()}
    size = facts.get("attention.key_length")
    if size:  # transformers 5 reads it for some architectures only
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
    """`rope_parameters` of a file's facts, named without the architecture, and of its tensors of factors."""
    theta = float(facts.get("rope.freq_base", LOCAL_BASE))
    kind = facts.get("rope.scaling.type", "none")
    factor = float(facts.get("rope.scaling.factor") or facts.get("rope.scale_linear") or 1)
    odd = sorted(set(tensors) - {FACTORS})
    if odd or kind not in ("none", "linear", "yarn"):
        raise Problem(f"{show_path(file)} scales positions in a way not known here ({odd[0] if odd else kind})")
    if FACTORS in tensors:
        found = llama3(np.asarray(tensors[FACTORS], np.float64), theta)
        if found is None or kind != "none":
            raise Problem(f"{show_path(file)}: its factors for positions ({FACTORS}) are not those of Llama 3.1")
        return {"rope_type": "llama3", "rope_theta": theta, **found}
    if kind == "none" or (kind == "linear" and factor == 1):
        return {"rope_type": "default", "rope_theta": theta}
    rope = {"rope_type": kind, "rope_theta": theta, "factor": factor}
    if kind == "linear":
        return rope
    return rope | {
        "original_max_position_embeddings": int(
            facts.get("rope.scaling.original_context_length", facts["context_length"])
        ),
        "beta_fast": float(facts.get("rope.scaling.yarn_beta_fast", 32)),
        "beta_slow": float(facts.get("rope.scaling.yarn_beta_slow", 1)),
        # What llama.cpp puts in of itself, and what the file has on top.
        "attention_factor": float(facts.get("rope.scaling.attn_factor", 1)) * (1 + 0.1 * log(factor)),
    }


def llama3(factors: npt.NDArray[np.float64], theta: float) -> dict[str, float] | None:
    """Llama 3.1's settings that give these factors; None if none do.

    Short waves have 1, long ones the full factor; between, 1 / factor is linear in the frequency. From two such points
    the line is known, and with it where it begins and ends; that the first setting is 1 is only a unit.
    """
    most = float(factors.max())
    frequencies = theta ** (-np.arange(len(factors), dtype=np.float64) / len(factors))
    between = (factors > 1 + 1e-4) & (factors < most * (1 - 1e-4))
    if between.sum() < 2 or most <= 1:
        return None
    share = (1 / factors[between] - 1 / most) / (1 - 1 / most)
    rise, level = np.polyfit(frequencies[between] / (2 * pi), share, 1)
    if not (rise > 0 > level):
        return None
    found = {
        "factor": most, "low_freq_factor": 1.0, "high_freq_factor": 1 - 1 / level,
        "original_max_position_embeddings": -rise / level,
    }  # fmt: skip
    smooth = np.clip(rise * frequencies / (2 * pi) + level, 0, 1)
    again = 1 / ((1 - smooth) / most + smooth)
    return found if np.allclose(again, factors, rtol=1e-3) else None
