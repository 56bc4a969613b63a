"""Put a part together with its base: rows of the vocabulary that stay, rows that are new, and the adapter."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anatili import weights
from anatili.document import whole_file
from anatili.problem import Problem

ADAPTER, ROWS, TEMPLATE, NEW = "adapter.gguf", "rows.npz", "chat_template.jinja", "new-rows.gguf"
TOKENS, SCORES, TYPES = "tokenizer.ggml.tokens", "tokenizer.ggml.scores", "tokenizer.ggml.token_type"
"""Facts that say one thing of each piece of the vocabulary."""
MERGES = "tokenizer.ggml.merges"
NORMAL = 1
"""Kind of token in GGUF."""
EMBEDDINGS = ("token_embd.weight", "output.weight")
Array = npt.NDArray[Any]


def merge(base: Path, place: Path, name: str, target: Path) -> None:
    """Write the GGUF file `base` with the rows and the adapter in folder `place`; changed matrices become Q8_0.

    Pieces that the base lacks have their rows in a file of their own.

    Needs neither torch nor transformers: 270 M parameters take seconds.
    """
    import gguf

    reader, adapter = gguf.GGUFReader(base), gguf.GGUFReader(place / ADAPTER)
    new = read_new(place / NEW, gguf)
    found = weights.read_rows(place / ROWS)
    if any(len(row) != 1 for row in found[: len(found) - len(new.pieces)]):
        raise Problem(f"{name} has pieces that its base lacks, and no rows for them: get its folder again")
    rows = np.array([row[0] for row in found[: len(found) - len(new.pieces)]])
    scale = adapter.fields["adapter.lora.alpha"].contents()
    changes = {tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type) for tensor in adapter.tensors}
    with whole_file(target) as temporary:
        writer = gguf.GGUFWriter(temporary, reader.fields["general.architecture"].contents())
        copy_facts(reader, writer, rows, new, gguf)
        writer.add_name(name)
        writer.add_chat_template((place / TEMPLATE).read_text("utf-8"))
        for tensor in reader.tensors:
            if tensor.name in EMBEDDINGS:
                data, kind = lengthened(tensor, rows, new, gguf)
            else:
                data, kind = merged(tensor, changes, scale, gguf)
            writer.add_tensor(tensor.name, data, raw_dtype=kind)
        if changes or new.rows:
            raise Problem(f"{name} changes {min([*changes, *new.rows])}, which the base does not have")
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


@dataclass(frozen=True)
class New:
    """What a part has beyond the vocabulary of its base: pieces, their merges (byte-level only), their rows."""

    pieces: list[str]
    merges: list[str]
    rows: dict[str, Any]
    """Name of an embedding -> the tensor in the file."""


def read_new(file: Path, gguf: Any) -> New:
    if not file.exists():
        return New([], [], {})
    reader = gguf.GGUFReader(file)
    lists = [reader.fields[name].contents() if name in reader.fields else [] for name in (TOKENS, MERGES)]
    return New(lists[0], lists[1], {tensor.name: tensor for tensor in reader.tensors})


def lengthened(tensor: Any, rows: Array, new: New, gguf: Any) -> tuple[Array, Any]:
    """An embedding with only `rows`, the new ones behind them, and its type; takes what it uses out of `new`."""
    kept, kind = tensor.data[rows], tensor.tensor_type
    if not new.pieces:
        return kept, kind
    if tensor.name not in new.rows:
        raise Problem(f"there are no new rows for {tensor.name}: get the model's folder again")
    more = new.rows.pop(tensor.name)
    if more.shape[0] != tensor.shape[0] or more.shape[1] != len(new.pieces):
        raise Problem(f"the new rows do not fit the base: {tensor.name} has {tensor.shape[0]} numbers in a row")
    types = gguf.GGMLQuantizationType
    # Other types than these can be read but not written by the package gguf.
    wanted = kind if kind in (types.F32, types.F16, types.BF16) else types.Q8_0
    parts = [
        data if own == wanted else gguf.quants.quantize(gguf.quants.dequantize(data, own), wanted)
        for data, own in ((kept, kind), (more.data, more.tensor_type))
    ]
    return np.concatenate(parts), wanted


def merged(tensor: Any, changes: dict[str, Array], scale: float, gguf: Any) -> tuple[Array, Any]:
    """A matrix of the base as it goes into the whole, and its type; takes what it uses out of `changes`."""
    if f"{tensor.name}.lora_a" not in changes:
        return tensor.data, tensor.tensor_type
    first, second = changes.pop(f"{tensor.name}.lora_a"), changes.pop(f"{tensor.name}.lora_b")
    old = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    if old.shape != (len(second), first.shape[1]):
        raise Problem(f"the adapter does not fit the base: {tensor.name} has the shape {old.shape}")
    new = old + scale / len(first) * (second @ first)
    kind = gguf.GGMLQuantizationType.Q8_0
    return gguf.quants.quantize(new.astype(np.float32), kind), kind


def copy_facts(reader: Any, writer: Any, rows: Array, new: New, gguf: Any) -> None:
    """The base's own facts; of the lists over its vocabulary only our rows and the new ones, ids moved along."""
    moved = {int(old): new for new, old in enumerate(rows)}
    own = {"general.architecture", "general.name", "tokenizer.chat_template", "general.file_type"}
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in own:
            continue
        value, kind = field.contents(), field.types[0]
        if name == TOKENS:
            value = [value[row] for row in rows] + new.pieces
        elif name == TYPES:
            value = [value[row] for row in rows] + [NORMAL] * len(new.pieces)
        elif name == SCORES:
            value = [value[row] for row in rows]
            # Pieces that score highest are joined first: new ones after all others, in the order they were learned.
            value += [min(value) - number for number in range(1, len(new.pieces) + 1)]
        elif name == MERGES:
            value = remaining(value, reader.fields[TOKENS].contents(), rows) + new.merges
        elif name.endswith(".vocab_size"):
            value = len(rows) + len(new.pieces)
        elif name.endswith("_token_id"):
            if value not in moved:
                continue
            value = moved[value]
        writer.add_key_value(name, value, kind, field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)


def remaining(merges: list[str], tokens: list[str], rows: Array) -> list[str]:
    """The merges whose parts and result are all in `rows`: a merge that leads nowhere would stop the ones after it."""
    kept = {tokens[row] for row in rows}
    pairs = (merge.split(" ", 1) for merge in merges)
    return [f"{a} {b}" for a, b in pairs if a in kept and b in kept and a + b in kept]
