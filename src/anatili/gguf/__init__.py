"""Everything that knows GGUF, the file that llama.cpp runs: what is in one, and how one is written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anatili.problem import Problem
from anatili.text import show_path

MAGIC = b"GGUF"
UNSTATED_CONTEXT = 4096
"""Tokens of context that a file is taken to hold that does not say."""


def check_gguf(path: Path) -> None:
    """`Problem` if there is no GGUF file at `path`."""
    if not path.is_file():
        raise Problem(f"no file {show_path(path)}")
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise Problem(f"{show_path(path)} is no GGUF file: it does not begin with GGUF")


def read_facts(path: Path) -> dict[str, int]:
    """Context length and number of weights that a GGUF file states."""
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
    except (ValueError, IndexError, OverflowError) as error:
        raise Problem(f"{show_path(path)} is damaged or no GGUF file: {error}") from error
    field = next((f for name, f in reader.fields.items() if name.endswith(".context_length")), None)
    return {
        "context": int(field.contents()) if field else UNSTATED_CONTEXT,
        "pieces": len(pieces.data) if (pieces := reader.fields.get("tokenizer.ggml.tokens")) else 0,
        "parameters": sum(int(tensor.n_elements) for tensor in reader.tensors),
    }


@contextmanager
def silence() -> Iterator[None]:
    """Keep llama.cpp's own messages, written past Python, off the terminal."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
