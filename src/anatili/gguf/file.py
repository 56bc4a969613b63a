"""A Hugging Face folder as one GGUF file, for llama.cpp.

Our own writer, not llama.cpp's script: that one knows only tokenizers from a list, and passes over what it does not
know. Here every tensor must have its place and every place its tensor, or nothing is written.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anatili import weights
from anatili.document import whole_file
from anatili.gguf.rope import FREQUENCIES, add_rope
from anatili.gguf.vocabulary import add_vocabulary
from anatili.problem import Problem
from anatili.text import show_path

Array = npt.NDArray[Any]
GLOBAL_EVERY, LARGEST_GEMMA3 = 6, 62
"""Gemma 3 as llama.cpp knows it: each so many layers one without a window; layers of its largest size."""
QUANTIZATIONS = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0")


@dataclass(frozen=True)
class Shape:
    """How an architecture is named in GGUF, and what differs in it."""

    name: str
    norms: dict[str, str]
    """Norms of a layer beside those of attention's input and output."""
    permuted: bool = False
    """Whether rotary positions pair neighbours in llama.cpp and halves in transformers."""
    one_added: bool = False
    """Whether norms are stored less one."""
    activation: str = "silu"
    """What llama.cpp computes between the matrices of the feed-forward part."""


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
    """Write the model in `folder` to `target`; `Problem` if a tensor is missing, left over or of another shape."""
    import gguf

    settings = open_config(folder)
    config = read_config(folder)
    shape = shape_of(config, folder)
    check_settings(config, shape, folder)
    tensors = read_tensors(folder)
    places = dict(expected(config, shape))
    check_names(places, tensors, config, folder)
    kind = gguf.GGMLQuantizationType[quantization.upper()]
    with whole_file(target) as temporary:
        writer = gguf.GGUFWriter(temporary, shape.name)
        add_facts(writer, config, shape, target.stem, kind)
        frequencies = add_rope(writer, settings, shape.name)
        add_vocabulary(writer, folder, config["vocab_size"])
        used: dict[str, int] = {}
        if frequencies is not None:
            writer.add_tensor(FREQUENCIES, frequencies)
        for name, place in places.items():
            array = converted(name, tensors.pop(name), config, shape)
            data, stored = packed(array, kind, gguf)
            used[stored.name] = used.get(stored.name, 0) + 1
            writer.add_tensor(place, data, raw_dtype=stored)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    check_written(target, set(places.values()) | ({FREQUENCIES} if frequencies is not None else set()))
    return {"file": show_path(target), "bytes": target.stat().st_size, "tensors": used}


def open_config(folder: Path) -> Any:
    """The config of the text model in `folder`, with all defaults that its config.json leaves out."""
    from transformers import AutoConfig

    try:
        whole = AutoConfig.from_pretrained(weights.check_folder(folder), local_files_only=True)
    except (ValueError, KeyError, OSError) as error:
        raise Problem(f"{show_path(folder)}: transformers cannot read its config.json: {error}") from error
    return whole.get_text_config()


def read_config(folder: Path) -> dict[str, Any]:
    raw = json.loads((weights.check_folder(folder) / "config.json").read_text("utf-8"))
    return {**open_config(folder).to_dict(), "architectures": raw.get("architectures")}


def check_settings(config: dict[str, Any], shape: Shape, folder: Path) -> None:
    """`Problem` if the config asks for what llama.cpp does not compute for this architecture."""
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
        # llama.cpp scales by heads; only for the largest, which it knows by its layers, by the width for each head.
        scale = config["hidden_size"] // heads if layers == LARGEST_GEMMA3 else size
        rhythm = ["full_attention" if (n + 1) % GLOBAL_EVERY == 0 else "sliding_attention" for n in range(layers)]
        wrong["query_pre_attn_scalar"] = config["query_pre_attn_scalar"] != scale
        wrong["layer_types"] = list(config.get("layer_types") or rhythm) != rhythm
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
    named = (config.get("architectures") or ["unknown"])[0]
    if named not in SHAPES:
        raise Problem(f"{show_path(folder)} is a {named}; GGUF can be written for {', '.join(SHAPES)}")
    return SHAPES[named]


def read_tensors(folder: Path) -> dict[str, Any]:
    """All tensors of a folder by name, as torch tensors that are read when they are used."""
    from safetensors.torch import load_file

    found: dict[str, Any] = {}
    for path in sorted(folder.glob("*.safetensors")):
        found |= load_file(path)
    return {name.replace("language_model.", ""): value for name, value in found.items()}


def expected(config: dict[str, Any], shape: Shape) -> Iterator[tuple[str, str]]:
    """Every tensor that a model of this config has: its name there and in GGUF."""
    yield "model.embed_tokens.weight", "token_embd.weight"
    yield "model.norm.weight", "output_norm.weight"
    if not config["tie_word_embeddings"]:
        yield "lm_head.weight", "output.weight"
    for layer in range(config["num_hidden_layers"]):
        for here, there in (COMMON | shape.norms).items():
            yield f"model.layers.{layer}.{here}.weight", f"blk.{layer}.{there}.weight"


def check_names(places: dict[str, str], tensors: dict[str, Any], config: dict[str, Any], folder: Path) -> None:
    if config["tie_word_embeddings"]:
        tensors.pop("lm_head.weight", None)  # some write the shared matrix twice
    for what, names in (
        ("lacks", set(places) - set(tensors)),
        ("has a place in GGUF for all but", set(tensors) - set(places)),
    ):
        if names:
            raise Problem(f"{show_path(folder)} {what} {sorted(names)[0]} ({len(names)} tensors): nothing was exported")
    for name in places:
        wanted, found = dimensions(name, config), tuple(tensors[name].shape)
        if wanted != found:
            raise Problem(f"{show_path(folder)}: {name} has the shape {found}, config.json says {wanted}")


def dimensions(name: str, config: dict[str, Any]) -> tuple[int, ...]:
    """The shape that a tensor must have."""
    width, inner = config["hidden_size"], config["intermediate_size"]
    size = config.get("head_dim") or width // config["num_attention_heads"]
    heads, pairs = size * config["num_attention_heads"], size * config["num_key_value_heads"]
    part = name.split(".")[-2]
    shapes = {
        "embed_tokens": (config["vocab_size"], width), "lm_head": (config["vocab_size"], width),
        "q_proj": (heads, width), "k_proj": (pairs, width), "v_proj": (pairs, width), "o_proj": (width, heads),
        "gate_proj": (inner, width), "up_proj": (inner, width), "down_proj": (width, inner),
        "q_norm": (size,), "k_norm": (size,),
    }  # fmt: skip
    return shapes.get(part, (width,))


def converted(name: str, tensor: Any, config: dict[str, Any], shape: Shape) -> Array:
    """A tensor as llama.cpp wants it, in float32."""
    array: Array = tensor.float().numpy()
    if shape.one_added and name.endswith("norm.weight"):
        return array + 1
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    for part, count in heads.items():
        if shape.permuted and f".{part}." in name:
            halves = array.reshape(count, 2, len(array) // count // 2, *array.shape[1:])
            return halves.swapaxes(1, 2).reshape(array.shape)
    return array


def packed(array: Array, kind: Any, gguf: Any) -> tuple[Array, Any]:
    """The bytes of a tensor and how they are stored: vectors whole, matrices whose rows do not fit blocks as f16."""
    if array.ndim == 1:
        return array.astype(np.float32), gguf.GGMLQuantizationType.F32
    block, _ = gguf.GGML_QUANT_SIZES[kind]
    if array.shape[-1] % block:
        kind = gguf.GGMLQuantizationType.F16
    return gguf.quants.quantize(array, kind), kind


def add_facts(writer: Any, config: dict[str, Any], shape: Shape, name: str, kind: Any) -> None:
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


def check_written(target: Path, wanted: set[str]) -> None:
    """Read the file again: it must hold each tensor, no more and no less."""
    from gguf import GGUFReader

    found = {tensor.name for tensor in GGUFReader(target).tensors}
    if found != wanted:
        raise Problem(f"{show_path(target)} was not written whole: {len(wanted - found)} tensors are missing")
