"""Reading and writing GGUF, the file format of llama.cpp."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anatili.problem import Problem
from anatili.text import show_path

MAGIC = b"GGUF"
UNSTATED_CONTEXT = 4096
"""Context length in tokens that is assumed for a file that does not state it."""


def check_gguf(path: Path) -> None:
    """`Problem` if there is no GGUF file at `path`."""
    if not path.is_file():
        raise Problem(f"no file {show_path(path)}")
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise Problem(f"{show_path(path)} is not a GGUF file: it does not begin with GGUF")


def read_facts(path: Path) -> dict[str, int]:
    """Context length, vocabulary size and number of parameters of a GGUF file."""
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
    except (ValueError, IndexError, OverflowError) as error:
        raise Problem(f"{show_path(path)} is damaged or not a GGUF file: {error}") from error
    context = next((field for name, field in reader.fields.items() if name.endswith(".context_length")), None)
    tokens = reader.fields.get("tokenizer.ggml.tokens")
    return {
        "context": int(context.contents()) if context else UNSTATED_CONTEXT,
        "vocabulary": len(tokens.data) if tokens else 0,
        "parameters": sum(int(tensor.n_elements) for tensor in reader.tensors),
    }


@contextmanager
def silence() -> Iterator[None]:
    """Keep messages that llama.cpp writes directly to stderr off the terminal."""
    stderr, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)
