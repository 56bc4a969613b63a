"""LoRA adapters as GGUF, which llama.cpp applies to a base without merging."""

import json
from pathlib import Path
from typing import Any

from anatili.atomic_files import whole_file
from anatili.gguf.file import COMMON, quantized, read_config, shape_of, to_gguf_layout
from anatili.gguf.reader import open_gguf
from anatili.problem import Problem
from anatili.text import show_path
from anatili.weights import is_rows

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def export_adapter(adapter: Path, base: Path, target: Path, *, with_rows: bool = True) -> dict[str, Any]:
    """Write the PEFT adapter in folder `adapter`, trained on the model in folder `base`, to the file `target`.

    The type is Q8_0 (34 bytes for 32 numbers), or f16 if the rank is not a multiple of 32. With `with_rows` an adapter
    that also holds new rows of the vocabulary is a `Problem`; otherwise these are left out.
    """
    import gguf
    import numpy as np
    from safetensors.torch import load_file

    if not (adapter / CONFIG).is_file() or not (adapter / WEIGHTS).is_file():
        raise Problem(f"no adapter in {show_path(adapter)}: expected {CONFIG} and {WEIGHTS}")
    settings = json.loads((adapter / CONFIG).read_text("utf-8"))
    config = read_config(base)
    shape = shape_of(config, base)
    tensors = load_file(adapter / WEIGHTS)
    rows = {name for name in tensors if is_rows(name)}
    if rows and with_rows:
        raise Problem(
            f"{show_path(adapter)} also holds new rows of the vocabulary, which llama.cpp cannot load from an adapter: "
            "export the whole model, or the run with --package"
        )
    with whole_file(target) as temporary:
        writer = gguf.GGUFWriter(temporary, shape.name)
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", float(settings["lora_alpha"]))
        for name, tensor in sorted(tensors.items()):
            if name in rows:
                continue
            target_name, own, side = gguf_name(name, adapter)
            # Rows of the second matrix belong to rows of the base's matrix and are permuted with them.
            array = to_gguf_layout(own, tensor, config, shape) if side == "b" else tensor.float().numpy()
            data, kind = quantized(np.ascontiguousarray(array), gguf.GGMLQuantizationType.Q8_0, gguf)
            writer.add_tensor(f"{target_name}.weight.lora_{side}", data, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return {"file": show_path(target), "bytes": target.stat().st_size, "tensors": len(tensors) - len(rows)}


def gguf_name(name: str, adapter: Path) -> tuple[str, str, str]:
    """For a tensor of an adapter: the name of its matrix in GGUF, its name in transformers, and a or b."""
    inner = name.partition(".layers.")[2]
    layer, _, rest = inner.partition(".")
    part, _, side = rest.rpartition(".lora_")
    if part not in COMMON or not layer.isdigit():
        raise Problem(f"{show_path(adapter)} adapts {name}; llama.cpp can adapt only matrices of layers")
    return f"blk.{layer}.{COMMON[part]}", f"model.layers.{layer}.{part}.weight", side[0].lower()


def put_adapter(file: Path, adapted: Any) -> int:
    """Load the adapter in a GGUF file into the adapter of `adapted`, whose rank may be higher; returns the file's rank.

    The model then computes the same as with the file's adapter: for further ranks the second matrix is zero.
    """
    import gguf
    import numpy as np
    import torch

    reader = open_gguf(file)
    arrays = {tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type) for tensor in reader.tensors}
    alpha = reader.fields["adapter.lora.alpha"].contents()
    model = adapted.get_base_model()
    config, rank = model.config.to_dict(), 0
    shape = shape_of(config, file)
    for name, parameter in adapted.named_parameters():
        if ".lora_" not in name or not parameter.requires_grad:
            continue
        target_name, own, side = gguf_name(name.replace(".default", ""), file)
        if (array := arrays.pop(f"{target_name}.weight.lora_{side}", None)) is None:
            raise Problem(f"{show_path(file)} has nothing for {own}: it belongs to another base")
        values = torch.from_numpy(np.ascontiguousarray(array))
        rank = values.shape[0 if side == "a" else 1]
        size = parameter.shape[0 if side == "a" else 1]
        if rank > size or values.shape[1 if side == "a" else 0] != parameter.shape[1 if side == "a" else 0]:
            raise Problem(
                f"{show_path(file)} does not fit: {own} there has the shape {tuple(values.shape)}; raise rank"
            )
        if side == "b":
            order = to_gguf_layout(
                own, torch.arange(len(values), dtype=torch.float32)[:, None].repeat(1, 2), config, shape
            )
            back = np.argsort(order[:, 0])
            # The adapter is scaled by alpha / rank, which is 2 for those that we train.
            parameter.data.zero_()[:, :rank] = values[back] * (alpha / rank / 2)
        else:
            parameter.data[:rank] = values
    if arrays:
        raise Problem(f"{show_path(file)} has {min(arrays)}, which this model does not adapt")
    return rank
