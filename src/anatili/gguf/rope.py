"""How positions are turned, written as llama.cpp reads it; what it could not do is refused, not left out.

llama.cpp knows a factor for each frequency (a tensor, read for the architecture `llama` only: Llama 3.1's way), one
factor for all (linear) and YaRN. Both scale at every position, however short the text.
"""

from math import log
from typing import Any

import numpy as np
import numpy.typing as npt

from anatili.problem import Problem

FREQUENCIES = "rope_freqs.weight"


def add_rope(writer: Any, config: Any, name: str) -> npt.NDArray[np.float32] | None:
    """Write the facts of rotary positions of a transformers `config`; the tensor of factors where there is one."""
    rope = dict(config.rope_parameters or {})
    local = None
    if "full_attention" in rope:
        rope, local = rope["full_attention"], rope["sliding_attention"]
        refuse(local.get("rope_type", "default") != "default", name, "scaled positions within the sliding window")
    kind = rope.get("rope_type") or "default"
    refuse(float(rope.get("partial_rotary_factor") or 1) != 1, name, "positions on a part of each head")
    refuse(kind not in ("default", "linear", "yarn", "llama3"), name, f"positions scaled by {kind!r}")
    refuse(kind == "llama3" and name != "llama", name, "a factor for each frequency (llama3)")
    refuse(kind == "yarn" and local is not None, name, "YaRN beside a sliding window")
    writer.add_rope_freq_base(float(rope["rope_theta"]))
    if local is not None:
        writer.add_rope_freq_base_swa(float(local["rope_theta"]))
    if kind in ("default", "llama3"):
        return factors(config) if kind == "llama3" else None
    factor = rope.get("factor") or config.max_position_embeddings / rope["original_max_position_embeddings"]
    refuse(factor < 1, name, f"a factor of {factor}")
    writer.add_string(f"{name}.rope.scaling.type", kind)
    writer.add_rope_scaling_factor(float(factor))
    if kind == "yarn":
        refuse(rope.get("truncate") is False, name, "YaRN with a range that is not rounded (truncate = false)")
        # There are names for them in GGUF, but measured, llama.cpp reads them for other architectures only.
        betas = (rope.get("beta_fast") or 32, rope.get("beta_slow") or 1)
        refuse(betas != (32, 1), name, f"YaRN with beta_fast = {betas[0]}, beta_slow = {betas[1]}")
        writer.add_rope_scaling_orig_ctx_len(int(rope["original_max_position_embeddings"]))
        # llama.cpp multiplies by 1 + ln(factor) / 10 of itself; the file holds what comes on top.
        writer.add_rope_scaling_attn_factors(turned(config)[1] / (1 + 0.1 * log(factor)))
    return None


def refuse(wrong: bool, name: str, what: str) -> None:
    if wrong:
        raise Problem(f"llama.cpp has no way to say {what} for {name}: nothing was exported")


def turned(config: Any) -> tuple[npt.NDArray[np.float64], float]:
    """The frequencies that transformers turns by, and what it multiplies sine and cosine with."""
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    frequencies, attention = ROPE_INIT_FUNCTIONS[config.rope_parameters["rope_type"]](config, "cpu")
    return frequencies.double().numpy(), float(attention)


def plain(config: Any) -> npt.NDArray[np.float64]:
    """The frequencies without any scaling."""
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    theta = float(config.rope_parameters["rope_theta"])
    return np.asarray(theta ** (-np.arange(0, size, 2, dtype=np.float64) / size))


def factors(config: Any) -> npt.NDArray[np.float32]:
    """What llama.cpp divides each frequency by."""
    return (plain(config) / turned(config)[0]).astype(np.float32)
