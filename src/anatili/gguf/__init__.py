"""Reading and writing GGUF, the file format of llama.cpp."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from mmap import ACCESS_READ, mmap
from pathlib import Path
from struct import calcsize, unpack_from
from struct import error as StructError  # noqa: N812

from anatili.problem import Problem
from anatili.text import show_path

MAGIC = b"GGUF"
STRING, ARRAY = 8, 9
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""GGUF's number of a type -> Python's letter for it."""
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
    fields, tensors = read_header(path)
    return {
        "context": next((size for name, size in fields.items() if name.endswith(".context_length")), UNSTATED_CONTEXT),
        "vocabulary": fields.get("tokenizer.ggml.tokens", 0),
        "parameters": sum(tensors.values()),
    }


def read_header(path: Path) -> tuple[dict[str, int], dict[str, int]]:
    """The fields of a GGUF file that are integers, or the length of those that are lists; and the number of weights of
    each tensor.

    `gguf`'s own reader takes seconds for the tokens of a large vocabulary; here they are only counted.
    """
    numbers, weights = {}, {}
    try:
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            _, _, tensors, fields = unpack_from("<4sIQQ", data)
            offset = calcsize("<4sIQQ")
            for _ in range(fields):
                name, offset = read_string(data, offset)
                numbers[name.decode("utf-8", "replace")], offset = read_value(data, offset)
            for _ in range(tensors):
                name, offset = read_string(data, offset)
                (dimensions,) = unpack_from("<I", data, offset)
                weights[name.decode("utf-8", "replace")] = prod(unpack_from(f"<{dimensions}Q", data, offset + 4))
                offset += 4 + 8 * dimensions + 12  # type and offset
    except (StructError, KeyError, ValueError, MemoryError, OverflowError) as error:
        raise Problem(f"{show_path(path)} is damaged or not a GGUF file: {error}") from error
    return numbers, weights


def read_string(data: mmap, offset: int) -> tuple[bytes, int]:
    """The string at a place, and the place after it."""
    (length,) = unpack_from("<Q", data, offset)
    if length > len(data) - offset - 8:
        raise ValueError(f"a string of {length} bytes at byte {offset}")
    return data[offset + 8 : offset + 8 + length], offset + 8 + length


def read_value(data: mmap, offset: int) -> tuple[int, int]:
    """The value at a place if it is an integer, the length of an array, else 0; and the place after it."""
    (kind,) = unpack_from("<I", data, offset)
    offset += 4
    if kind == STRING:
        return 0, read_string(data, offset)[1]
    if kind != ARRAY:
        (value,) = unpack_from(f"<{NUMBERS[kind]}", data, offset)
        return int(value) if isinstance(value, int) else 0, offset + calcsize(f"<{NUMBERS[kind]}")
    inner, count = unpack_from("<IQ", data, offset)
    offset += calcsize("<IQ")
    if inner != STRING:
        return count, offset + count * calcsize(f"<{NUMBERS[inner]}")
    for _ in range(count):
        offset += 8 + unpack_from("<Q", data, offset)[0]
    return count, offset


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
