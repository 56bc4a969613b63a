"""Merge a model package with its base: the kept rows of the vocabulary, the new rows, and the adapter."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from anatili import weights
from anatili.atomic_files import whole_file
from anatili.gguf.reader import open_gguf
from anatili.problem import Problem

if TYPE_CHECKING:
    from types import ModuleType

    from gguf import GGUFReader, GGUFWriter, ReaderTensor

ADAPTER, ROWS, TEMPLATE, NEW = "adapter.gguf", "rows.npz", "chat_template.jinja", "new-rows.gguf"
TOKENS, SCORES, TYPES = "tokenizer.ggml.tokens", "tokenizer.ggml.scores", "tokenizer.ggml.token_type"
"""Metadata with one value per token of the vocabulary."""
MERGES = "tokenizer.ggml.merges"
NORMAL = 1
"""Type of an ordinary token in GGUF."""
EMBEDDINGS = ("token_embd.weight", "output.weight")
Array = npt.NDArray[Any]


def merge(base: Path, part: Path, name: str, target: Path) -> None:
    """Write the GGUF file `base` with the rows and the adapter in folder `part`; changed matrices become Q8_0.

    Rows of tokens that the base lacks are in a file of their own. Needs neither torch nor transformers; 270 M
    parameters take seconds.
    """
    import gguf

    reader, adapter = open_gguf(base), open_gguf(part / ADAPTER)
    new = read_new(part / NEW)
    starting_rows = weights.read_rows(part / ROWS)
    if any(len(row) != 1 for row in starting_rows[: len(starting_rows) - len(new.tokens)]):
        raise Problem(f"{name} has tokens that its base lacks, and no rows for them: download its folder again")
    rows = np.array([row[0] for row in starting_rows[: len(starting_rows) - len(new.tokens)]])
    scale = adapter.fields["adapter.lora.alpha"].contents()
    changes = {tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type) for tensor in adapter.tensors}
    with whole_file(target) as temporary:
        writer = gguf.GGUFWriter(temporary, reader.fields["general.architecture"].contents())
        copy_facts(reader, writer, rows, new, gguf)
        writer.add_name(name)
        writer.add_chat_template((part / TEMPLATE).read_text("utf-8"))
        for tensor in reader.tensors:
            if tensor.name in EMBEDDINGS:
                data, tensor_type = lengthened(tensor, rows, new, gguf)
            else:
                data, tensor_type = merged(tensor, changes, scale, gguf)
            writer.add_tensor(tensor.name, data, raw_dtype=tensor_type)
        if changes or new.rows:
            raise Problem(f"{name} changes {min([*changes, *new.rows])}, which the base does not have")
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


@dataclass(frozen=True)
class NewTokens:
    """What a package adds to the vocabulary of its base: tokens, their merges (byte-level only) and their rows."""

    tokens: list[str]
    merges: list[str]
    rows: dict[str, Any]
    """Name of an embedding -> its tensor in the file."""


def read_new(file: Path) -> NewTokens:
    if not file.exists():
        return NewTokens([], [], {})
    reader = open_gguf(file)
    lists = [reader.fields[name].contents() if name in reader.fields else [] for name in (TOKENS, MERGES)]
    return NewTokens(lists[0], lists[1], {tensor.name: tensor for tensor in reader.tensors})


def lengthened(tensor: "ReaderTensor", rows: Array, new: NewTokens, gguf: "ModuleType") -> tuple[Array, Any]:
    """An embedding cut to `rows`, followed by the new rows, and its type; removes what it uses from `new`."""
    kept, tensor_type = tensor.data[rows], tensor.tensor_type
    if not new.tokens:
        return kept, tensor_type
    if tensor.name not in new.rows:
        raise Problem(f"there are no new rows for {tensor.name}: download the model's folder again")
    more = new.rows.pop(tensor.name)
    if more.shape[0] != tensor.shape[0] or more.shape[1] != len(new.tokens):
        raise Problem(f"the new rows do not fit the base: {tensor.name} has {tensor.shape[0]} numbers in a row")
    types = gguf.GGMLQuantizationType
    # The gguf package can read other types but not write them.
    target_type = tensor_type if tensor_type in (types.F32, types.F16, types.BF16) else types.Q8_0
    parts = [
        data if own == target_type else gguf.quants.quantize(gguf.quants.dequantize(data, own), target_type)
        for data, own in ((kept, tensor_type), (more.data, more.tensor_type))
    ]
    return np.concatenate(parts), target_type


def merged(tensor: "ReaderTensor", changes: dict[str, Array], scale: float, gguf: "ModuleType") -> tuple[Array, Any]:
    """A matrix of the base with its change merged in, and its type; removes what it uses from `changes`."""
    if f"{tensor.name}.lora_a" not in changes:
        return tensor.data, tensor.tensor_type
    first, second = changes.pop(f"{tensor.name}.lora_a"), changes.pop(f"{tensor.name}.lora_b")
    old = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    if old.shape != (len(second), first.shape[1]):
        raise Problem(f"the adapter does not fit the base: {tensor.name} has the shape {old.shape}")
    new = old + scale / len(first) * (second @ first)
    tensor_type = gguf.GGMLQuantizationType.Q8_0
    return gguf.quants.quantize(new.astype(np.float32), tensor_type), tensor_type


def copy_facts(reader: "GGUFReader", writer: "GGUFWriter", rows: Array, new: NewTokens, gguf: "ModuleType") -> None:
    """Copy the base's metadata; lists over the vocabulary are cut to `rows` and extended by `new`, ids renumbered."""
    new_ids = {int(old): number for number, old in enumerate(rows)}
    replaced = {"general.architecture", "general.name", "tokenizer.chat_template", "general.file_type"}
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in replaced:
            continue
        value, value_type = field.contents(), field.types[0]
        if name == TOKENS:
            value = [value[row] for row in rows] + new.tokens
        elif name == TYPES:
            value = [value[row] for row in rows] + [NORMAL] * len(new.tokens)
        elif name == SCORES:
            value = [value[row] for row in rows]
            # Tokens with the highest scores are merged first: new ones after all others, in the order of learning.
            value += [min(value) - number for number in range(1, len(new.tokens) + 1)]
        elif name == MERGES:
            value = remaining(value, reader.fields[TOKENS].contents(), rows) + new.merges
        elif name.endswith(".vocab_size"):
            value = len(rows) + len(new.tokens)
        elif name.endswith("_token_id"):
            if value not in new_ids:
                continue
            value = new_ids[value]
        element_type = field.types[-1] if value_type == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, value, value_type, element_type)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)


def remaining(merges: list[str], tokens: list[str], rows: Array) -> list[str]:
    """The merges whose parts and result are all in `rows`; one with a missing result would block later merges."""
    kept = {tokens[row] for row in rows}
    pairs = (merge.split(" ", 1) for merge in merges)
    return [f"{a} {b}" for a, b in pairs if a in kept and b in kept and a + b in kept]
