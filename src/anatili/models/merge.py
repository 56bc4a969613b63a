"""Put a part together with its base: the rows of the vocabulary that stay, and the adapter in the base's matrices."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anatili import weights
from anatili.document import whole_file
from anatili.problem import Problem

ADAPTER, ROWS, TEMPLATE = "adapter.gguf", "rows.npz", "chat_template.jinja"
LISTS = ("tokenizer.ggml.tokens", "tokenizer.ggml.scores", "tokenizer.ggml.token_type")
"""Facts that say one thing of each piece of the vocabulary."""
Array = npt.NDArray[Any]


def merge(base: Path, place: Path, name: str, target: Path) -> None:
    """Write the GGUF file `base` with the rows and the adapter in folder `place`; changed matrices become Q8_0.

    Needs neither torch nor transformers: 270 M parameters take seconds.
    """
    import gguf

    reader, adapter = gguf.GGUFReader(base), gguf.GGUFReader(place / ADAPTER)
    found = weights.read_rows(place / ROWS)
    if any(len(row) != 1 for row in found):
        raise Problem(f"{name} has pieces that its base lacks: it cannot be given as a part, only whole")
    rows = np.array([row[0] for row in found])
    scale = adapter.fields["adapter.lora.alpha"].contents()
    changes = {tensor.name: tensor.data.astype(np.float32) for tensor in adapter.tensors}
    with whole_file(target) as temporary:
        writer = gguf.GGUFWriter(temporary, reader.fields["general.architecture"].contents())
        copy_facts(reader, writer, rows, gguf)
        writer.add_name(name)
        writer.add_chat_template((place / TEMPLATE).read_text("utf-8"))
        for tensor in reader.tensors:
            data, kind = merged(tensor, changes, rows, scale, gguf)
            writer.add_tensor(tensor.name, data, raw_dtype=kind)
        if changes:
            raise Problem(f"the adapter changes {min(changes)}, which the base does not have")
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def merged(tensor: Any, changes: dict[str, Array], rows: Array, scale: float, gguf: Any) -> tuple[Array, Any]:
    """A tensor of the base as it goes into the whole, and its type; takes what it uses out of `changes`."""
    if tensor.name in ("token_embd.weight", "output.weight"):
        return tensor.data[rows], tensor.tensor_type
    if f"{tensor.name}.lora_a" not in changes:
        return tensor.data, tensor.tensor_type
    first, second = changes.pop(f"{tensor.name}.lora_a"), changes.pop(f"{tensor.name}.lora_b")
    old = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    if old.shape != (len(second), first.shape[1]):
        raise Problem(f"the adapter does not fit the base: {tensor.name} has the shape {old.shape}")
    new = old + scale / len(first) * (second @ first)
    kind = gguf.GGMLQuantizationType.Q8_0
    return gguf.quants.quantize(new.astype(np.float32), kind), kind


def copy_facts(reader: Any, writer: Any, rows: Array, gguf: Any) -> None:
    """The base's own facts; of the lists over its vocabulary only our rows, ids moved along."""
    moved = {int(old): new for new, old in enumerate(rows)}
    own = {"general.architecture", "general.name", "tokenizer.chat_template", "general.file_type"}
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in own:
            continue
        value, kind = field.contents(), field.types[0]
        if name in LISTS:
            value = [value[row] for row in rows]
        elif name.endswith("_token_id"):
            if value not in moved:
                continue
            value = moved[value]
        writer.add_key_value(name, value, kind, field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
