"""A Hugging Face folder as one GGUF file, for llama.cpp.

This is our own writer and not llama.cpp's script, which knows only tokenizers from a list and skips what it does not
know. Here every tensor of the folder must have a name in GGUF, and the other way round, or nothing is written.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from anatili import weights
from anatili.atomic_files import whole_file
from anatili.gguf.reader import open_gguf
from anatili.gguf.rope import FREQUENCIES, add_rope
from anatili.gguf.vocabulary import add_vocabulary
from anatili.problem import Problem
from anatili.text import show_path

if TYPE_CHECKING:
    from types import ModuleType

    import torch
    from gguf import GGMLQuantizationType, GGUFWriter

Array = npt.NDArray[Any]
GLOBAL_EVERY, LARGEST_GEMMA3 = 6, 62
"""Gemma 3 in llama.cpp: every how many layers one has no window; the number of layers of the largest size."""
QUANTIZATIONS = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0")


@dataclass(frozen=True)
class Shape:
    """The name of an architecture in GGUF, and its peculiarities."""

    name: str
    norms: dict[str, str]
    """Norms of a layer apart from those at attention's input and output: name in transformers -> in GGUF."""
    permuted: bool = False
    """Whether RoPE rotates pairs of neighbors in llama.cpp, and of halves in transformers."""
    one_added: bool = False
    """Whether norms are stored minus one."""
    activation: str = "silu"
    """The activation of the MLP in llama.cpp."""


COMMON = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
}
QK = {"self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm"}
SHAPES = {
    "LlamaForCausalLM": Shape("llama", {"post_attention_layernorm": "ffn_norm"}, permuted=True),
    "Qwen3ForCausalLM": Shape("qwen3", {"post_attention_layernorm": "ffn_norm", **QK}),
    "Gemma3ForCausalLM": Shape(
        "gemma3",
        {
            "post_attention_layernorm": "post_attention_norm",
            "pre_feedforward_layernorm": "ffn_norm",
            "post_feedforward_layernorm": "post_ffw_norm",
            **QK,
        },
        one_added=True,
        activation="gelu_pytorch_tanh",
    ),
}


def export_gguf(folder: Path, target: Path, quantization: str = "q8_0") -> dict[str, Any]:
    """Write the model in `folder` to `target`; `Problem` if a tensor is missing, left over or has the wrong shape."""
    import gguf

    settings = open_config(folder)
    config = read_config(folder)
    shape = shape_of(config, folder)
    check_settings(config, shape, folder)
    tensors = read_tensors(folder)
    gguf_names = dict(expected(config, shape))
    check_names(gguf_names, tensors, config, folder)
    kind = gguf.GGMLQuantizationType[quantization.upper()]
    with whole_file(target) as temporary:
        writer = gguf.GGUFWriter(temporary, shape.name)
        add_facts(writer, config, shape, target.stem, kind)
        frequencies = add_rope(writer, settings, shape.name)
        add_vocabulary(writer, folder, config["vocab_size"])
        used: dict[str, int] = {}
        if frequencies is not None:
            writer.add_tensor(FREQUENCIES, frequencies)
        for name, gguf_name in gguf_names.items():
            array = to_gguf_layout(name, tensors.pop(name), config, shape)
            data, tensor_type = quantized(array, kind, gguf)
            used[tensor_type.name] = used.get(tensor_type.name, 0) + 1
            writer.add_tensor(gguf_name, data, raw_dtype=tensor_type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    check_written(target, set(gguf_names.values()) | ({FREQUENCIES} if frequencies is not None else set()))
    return {"file": show_path(target), "bytes": target.stat().st_size, "tensors": used}


def open_config(folder: Path) -> Any:
    """The config of the text model in `folder`, including the defaults that its config.json leaves out."""
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(weights.check_folder(folder), local_files_only=True)
    except (ValueError, KeyError, OSError) as error:
        raise Problem(f"{show_path(folder)}: transformers cannot read its config.json: {error}") from error
    return config.get_text_config()


def read_config(folder: Path) -> dict[str, Any]:
    raw = json.loads((weights.check_folder(folder) / "config.json").read_text("utf-8"))
    return {**open_config(folder).to_dict(), "architectures": raw.get("architectures")}


def check_settings(config: dict[str, Any], shape: Shape, folder: Path) -> None:
    """`Problem` if the config needs something that llama.cpp does not compute for this architecture."""
    heads, layers = config["num_attention_heads"], config["num_hidden_layers"]
    size = config.get("head_dim") or config["hidden_size"] // heads
    kinds = set(config.get("layer_types") or ())
    wrong = {
        "hidden_act": (config.get("hidden_act") or config.get("hidden_activation")) != shape.activation,
        "attn_logit_softcapping": bool(config.get("attn_logit_softcapping")),
        "final_logit_softcapping": bool(config.get("final_logit_softcapping")),
        "use_bidirectional_attention": bool(config.get("use_bidirectional_attention")),
    }
    if shape.one_added:
        # llama.cpp scales by the size of a head, and by hidden_size / heads only for the model with the most layers.
        scale = config["hidden_size"] // heads if layers == LARGEST_GEMMA3 else size
        layer_types = ["full_attention" if (n + 1) % GLOBAL_EVERY == 0 else "sliding_attention" for n in range(layers)]
        wrong["query_pre_attn_scalar"] = config["query_pre_attn_scalar"] != scale
        wrong["layer_types"] = list(config.get("layer_types") or layer_types) != layer_types
        wrong["sliding_window"] = not config.get("sliding_window")
    else:
        wrong["layer_types"] = bool(kinds - {"full_attention"})
    names = sorted(name for name, bad in wrong.items() if bad)
    if names:
        raise Problem(
            f"{show_path(folder)}: config.json has {names[0]} = {config.get(names[0])}, which llama.cpp "
            f"does not compute for {shape.name}: nothing was exported"
        )


def shape_of(config: dict[str, Any], folder: Path) -> Shape:
    architecture = (config.get("architectures") or ["unknown"])[0]
    if architecture not in SHAPES:
        raise Problem(f"{show_path(folder)} is a {architecture}; GGUF can be written for {', '.join(SHAPES)}")
    return SHAPES[architecture]


def read_tensors(folder: Path) -> dict[str, Any]:
    """All tensors of a folder by name, as torch tensors that are read when they are used."""
    from safetensors.torch import load_file

    tensors: dict[str, Any] = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(path)
    return {name.replace("language_model.", ""): value for name, value in tensors.items()}


def expected(config: dict[str, Any], shape: Shape) -> Iterator[tuple[str, str]]:
    """Every tensor that a model with this config has: its name in transformers and in GGUF."""
    yield "model.embed_tokens.weight", "token_embd.weight"
    yield "model.norm.weight", "output_norm.weight"
    if not config["tie_word_embeddings"]:
        yield "lm_head.weight", "output.weight"
    for layer in range(config["num_hidden_layers"]):
        for name, gguf_name in (COMMON | shape.norms).items():
            yield f"model.layers.{layer}.{name}.weight", f"blk.{layer}.{gguf_name}.weight"


def check_names(gguf_names: dict[str, str], tensors: dict[str, Any], config: dict[str, Any], folder: Path) -> None:
    if config["tie_word_embeddings"]:
        tensors.pop("lm_head.weight", None)  # some folders hold the shared matrix twice
    for what, names in (
        ("lacks", set(gguf_names) - set(tensors)),
        ("has no GGUF name for", set(tensors) - set(gguf_names)),
    ):
        if names:
            raise Problem(f"{show_path(folder)} {what} {sorted(names)[0]} ({len(names)} tensors): nothing was exported")
    for name in gguf_names:
        expected_shape, actual = dimensions(name, config), tuple(tensors[name].shape)
        if expected_shape != actual:
            raise Problem(f"{show_path(folder)}: {name} has the shape {actual}, config.json says {expected_shape}")


def dimensions(name: str, config: dict[str, Any]) -> tuple[int, ...]:
    """The shape that a tensor must have according to the config."""
    hidden, intermediate = config["hidden_size"], config["intermediate_size"]
    size = config.get("head_dim") or hidden // config["num_attention_heads"]
    heads, kv_heads = size * config["num_attention_heads"], size * config["num_key_value_heads"]
    part = name.split(".")[-2]
    shapes = {
        "embed_tokens": (config["vocab_size"], hidden),
        "lm_head": (config["vocab_size"], hidden),
        "q_proj": (heads, hidden),
        "k_proj": (kv_heads, hidden),
        "v_proj": (kv_heads, hidden),
        "o_proj": (hidden, heads),
        "gate_proj": (intermediate, hidden),
        "up_proj": (intermediate, hidden),
        "down_proj": (hidden, intermediate),
        "q_norm": (size,),
        "k_norm": (size,),
    }
    return shapes.get(part, (hidden,))


def to_gguf_layout(name: str, tensor: "torch.Tensor", config: dict[str, Any], shape: Shape) -> Array:
    """A tensor in float32 in the layout that llama.cpp expects."""
    array: Array = tensor.float().numpy()
    if shape.one_added and name.endswith("norm.weight"):
        return array + 1
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    for part, count in heads.items():
        if shape.permuted and f".{part}." in name:
            halves = array.reshape(count, 2, len(array) // count // 2, *array.shape[1:])
            return halves.swapaxes(1, 2).reshape(array.shape)
    return array


def quantized(array: Array, kind: "GGMLQuantizationType", gguf: "ModuleType") -> tuple[Array, Any]:
    """The data of a tensor and its type: vectors as f32, matrices whose rows do not divide into blocks as f16."""
    if array.ndim == 1:
        return array.astype(np.float32), gguf.GGMLQuantizationType.F32
    block, _ = gguf.GGML_QUANT_SIZES[kind]
    if array.shape[-1] % block:
        kind = gguf.GGMLQuantizationType.F16
    return gguf.quants.quantize(array, kind), kind


def add_facts(
    writer: "GGUFWriter", config: dict[str, Any], shape: Shape, name: str, kind: "GGMLQuantizationType"
) -> None:
    heads = config["num_attention_heads"]
    size = config.get("head_dim") or config["hidden_size"] // heads
    writer.add_name(name)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_key_length(size)
    writer.add_value_length(size)
    if shape.permuted:
        writer.add_rope_dimension_count(size)
        writer.add_vocab_size(config["vocab_size"])
    if shape.one_added:
        writer.add_sliding_window(config["sliding_window"])
    writer.add_file_type(
        {"F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "BF16": 32}[kind.name]
    )
    writer.add_quantization_version(2)


def check_written(target: Path, expected_names: set[str]) -> None:
    """Read the file back; `Problem` unless it holds exactly the expected tensors."""
    written = {tensor.name for tensor in open_gguf(target).tensors}
    if written != expected_names:
        raise Problem(f"{show_path(target)} is incomplete: {len(expected_names - written)} tensors are missing")
