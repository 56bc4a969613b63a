"""A LoRA adapter as GGUF, to be put on a base in llama.cpp without merging."""

import json
from pathlib import Path
from typing import Any

from anatili.document import whole_file
from anatili.gguf.file import COMMON, converted, packed, read_config, shape_of
from anatili.problem import Problem
from anatili.text import show_path
from anatili.weights import is_rows

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def export_adapter(adapter: Path, base: Path, target: Path, *, with_rows: bool = True) -> dict[str, Any]:
    """Write the PEFT adapter in folder `adapter`, made for the model in folder `base`, to `target`.

    In Q8_0 (34 bytes for 32 numbers), or f16 where its rank is no multiple of 32. `with_rows`: whether new rows of the
    vocabulary that it holds must go with it, which is a `Problem`.
    """
    import gguf
    import numpy as np
    from safetensors.torch import load_file

    if not (adapter / CONFIG).is_file() or not (adapter / WEIGHTS).is_file():
        raise Problem(f"no adapter in {show_path(adapter)}: expected {CONFIG} and {WEIGHTS}")
    said = json.loads((adapter / CONFIG).read_text("utf-8"))
    config = read_config(base)
    shape = shape_of(config, base)
    tensors = load_file(adapter / WEIGHTS)
    rows = {name for name in tensors if is_rows(name)}
    if rows and with_rows:
        raise Problem(
            f"{show_path(adapter)} also holds new rows of the vocabulary, which llama.cpp cannot take from an adapter: "
            "export the whole model, or the run with --package"
        )
    with whole_file(target) as temporary:
        writer = gguf.GGUFWriter(temporary, shape.name)
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", float(said["lora_alpha"]))
        for name, tensor in sorted(tensors.items()):
            if name in rows:
                continue
            place, own, side = placed(name, adapter)
            # Rows of the second matrix are rows of the base's: they move with them.
            array = converted(own, tensor, config, shape) if side == "b" else tensor.float().numpy()
            data, kind = packed(np.ascontiguousarray(array), gguf.GGMLQuantizationType.Q8_0, gguf)
            writer.add_tensor(f"{place}.weight.lora_{side}", data, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return {"file": show_path(target), "bytes": target.stat().st_size, "tensors": len(tensors) - len(rows)}


def placed(name: str, adapter: Path) -> tuple[str, str, str]:
    """GGUF's name of the matrix that an adapter's tensor belongs to, transformers' name, and a or b."""
    inner = name.partition(".layers.")[2]
    layer, _, rest = inner.partition(".")
    part, _, side = rest.rpartition(".lora_")
    if part not in COMMON or not layer.isdigit():
        raise Problem(f"{show_path(adapter)} adapts {name}, which llama.cpp cannot take: only matrices of layers")
    return f"blk.{layer}.{COMMON[part]}", f"model.layers.{layer}.{part}.weight", side[0].lower()


def put_adapter(file: Path, adapted: Any) -> int:
    """Put the adapter in a GGUF file into the adapter of `adapted`, whose rank may be higher; the file's rank.

    What it then says is what it said with the file's adapter: of further ranks the second matrix is zero.
    """
    import gguf
    import numpy as np
    import torch

    reader = gguf.GGUFReader(file)
    found = {tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type) for tensor in reader.tensors}
    alpha = reader.fields["adapter.lora.alpha"].contents()
    model = adapted.get_base_model()
    config, rank = model.config.to_dict(), 0
    shape = shape_of(config, file)
    for name, parameter in adapted.named_parameters():
        if ".lora_" not in name or not parameter.requires_grad:
            continue
        place, own, side = placed(name.replace(".default", ""), file)
        if (array := found.pop(f"{place}.weight.lora_{side}", None)) is None:
            raise Problem(f"{show_path(file)} has nothing for {own}: it belongs to another base")
        values = torch.from_numpy(np.ascontiguousarray(array))
        rank = values.shape[0 if side == "a" else 1]
        size = parameter.shape[0 if side == "a" else 1]
        if rank > size or values.shape[1 if side == "a" else 0] != parameter.shape[1 if side == "a" else 0]:
            raise Problem(
                f"{show_path(file)} does not fit: {own} there has the shape {tuple(values.shape)}; raise rank"
            )
        if side == "b":
            order = converted(own, torch.arange(len(values), dtype=torch.float32)[:, None].repeat(1, 2), config, shape)
            back = np.argsort(order[:, 0])
            # What both multiply is alpha / rank, which is 2 of what we train.
            parameter.data.zero_()[:, :rank] = values[back] * (alpha / rank / 2)
        else:
            parameter.data[:rank] = values
    if found:
        raise Problem(f"{show_path(file)} has {min(found)}, which is not adapted here")
    return rank
