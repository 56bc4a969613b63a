"""A LoRA adapter as GGUF, to be put on a base in llama.cpp without merging."""

import json
from pathlib import Path
from typing import Any

from anatili.document import whole_file
from anatili.problem import Problem
from anatili.text import show_path
from anatili.train.gguf_file import COMMON, converted, read_config, shape_of
from anatili.train.optimizer import is_rows

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def export_adapter(adapter: Path, base: Path, target: Path, *, with_rows: bool = True) -> dict[str, Any]:
    """Write the PEFT adapter in folder `adapter`, made for the model in folder `base`, to `target` in f16.

    `with_rows`: whether new rows of the vocabulary that it holds must go with it, which is a `Problem`.
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
            writer.add_tensor(f"{place}.weight.lora_{side}", array.astype(np.float16))
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
