"""Rotary positions (RoPE) as GGUF metadata; what llama.cpp cannot compute is refused, not left out.

llama.cpp supports a factor for each frequency (Llama 3.1's, a tensor that it reads only for the architecture `llama`),
one factor for all (linear) and YaRN. It scales at every position, however short the text.
"""

from math import log
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from anatili.problem import Problem

if TYPE_CHECKING:
    from gguf import GGUFWriter
    from transformers import PretrainedConfig

FREQUENCIES = "rope_freqs.weight"


def add_rope(writer: "GGUFWriter", config: "PretrainedConfig", name: str) -> npt.NDArray[np.float32] | None:
    """Write the RoPE metadata of a transformers `config`; returns the tensor of factors, if there is one."""
    rope = dict(config.rope_parameters or {})
    local = None
    if "full_attention" in rope:
        rope, local = rope["full_attention"], rope["sliding_attention"]
        refuse_if(local.get("rope_type", "default") != "default", name, "scaled positions within the sliding window")
    kind = rope.get("rope_type") or "default"
    refuse_if(float(rope.get("partial_rotary_factor") or 1) != 1, name, "positions on a part of each head")
    refuse_if(kind not in ("default", "linear", "yarn", "llama3"), name, f"positions scaled by {kind!r}")
    refuse_if(kind == "llama3" and name != "llama", name, "a factor for each frequency (llama3)")
    refuse_if(kind == "yarn" and local is not None, name, "YaRN beside a sliding window")
    writer.add_rope_freq_base(float(rope["rope_theta"]))
    if local is not None:
        writer.add_rope_freq_base_swa(float(local["rope_theta"]))
    if kind in ("default", "llama3"):
        return factors(config) if kind == "llama3" else None
    factor = rope.get("factor") or config.max_position_embeddings / rope["original_max_position_embeddings"]
    refuse_if(factor < 1, name, f"a factor of {factor}")
    writer.add_string(f"{name}.rope.scaling.type", kind)
    writer.add_rope_scaling_factor(float(factor))
    if kind == "yarn":
        refuse_if(rope.get("truncate") is False, name, "YaRN with a range that is not rounded (truncate = false)")
        # GGUF has keys for them, but as measured llama.cpp reads them only for other architectures.
        betas = (rope.get("beta_fast") or 32, rope.get("beta_slow") or 1)
        refuse_if(betas != (32, 1), name, f"YaRN with beta_fast = {betas[0]}, beta_slow = {betas[1]}")
        writer.add_rope_scaling_orig_ctx_len(int(rope["original_max_position_embeddings"]))
        # llama.cpp itself multiplies by 1 + ln(factor) / 10; the file holds the rest.
        writer.add_rope_scaling_attn_factors(scaled(config)[1] / (1 + 0.1 * log(factor)))
    return None


def refuse_if(unsupported: bool, name: str, what: str) -> None:
    if unsupported:
        raise Problem(f"llama.cpp does not support {what} for {name}: nothing was exported")


def scaled(config: "PretrainedConfig") -> tuple[npt.NDArray[np.float64], float]:
    """The frequencies that transformers uses, and its factor on sine and cosine."""
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    frequencies, attention = ROPE_INIT_FUNCTIONS[config.rope_parameters["rope_type"]](config, "cpu")
    return frequencies.double().numpy(), float(attention)


def unscaled(config: "PretrainedConfig") -> npt.NDArray[np.float64]:
    """The frequencies without scaling."""
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    theta = float(config.rope_parameters["rope_theta"])
    return np.asarray(theta ** (-np.arange(0, size, 2, dtype=np.float64) / size))


def factors(config: "PretrainedConfig") -> npt.NDArray[np.float32]:
    """The factors by which llama.cpp divides the frequencies."""
    return (unscaled(config) / scaled(config)[0]).astype(np.float32)
