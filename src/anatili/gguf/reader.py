"""GGUF files opened for reading."""

import sys
from pathlib import Path
from typing import Any

import numpy as np


def open_gguf(file: Path) -> Any:
    """The fields and tensors of a GGUF file as `gguf.GGUFReader` has them, in a fraction of its time; `ValueError` if
    it is none.

    It cuts the file into a hundred thousand pieces, one for each token and its like. Each cut of a `np.memmap` costs
    many times that of a plain array over the same bytes, and each piece took it several calls.
    """
    from gguf import GGUFReader, GGUFValueType

    class Reader(GGUFReader):  # type: ignore[misc]
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, np.asarray(value) if name == "data" else value)

        def _get_field_parts(self, start: int, raw_type: int) -> tuple[int, list[Any], list[int], list[Any]]:
            if raw_type != GGUFValueType.ARRAY or self.byte_order == "S":
                return super()._get_field_parts(start, raw_type)  # type: ignore[no-any-return]
            kind, count = self._get(start, np.uint32), self._get(start + 4, np.uint64)
            item, number, first = GGUFValueType(kind[0]), int(count[0]), start + 12
            if item == GGUFValueType.STRING:
                parts, end = strings(self.data, first, number)
                places = range(3, 3 + 2 * number, 2)
            elif item in self.gguf_scalar_to_np:
                values = self._get(first, self.gguf_scalar_to_np[item], number)
                parts, end = list(values.reshape(-1, 1)), first + values.nbytes
                places = range(2, 2 + number)
            else:
                return super()._get_field_parts(start, raw_type)  # type: ignore[no-any-return]
            if len(parts) < len(places):
                raise ValueError("the file ends in its metadata")
            types = [GGUFValueType.ARRAY, item] if number else [GGUFValueType.ARRAY]
            return end - start, [kind, count, *parts], list(places), types

    return Reader(file)


def strings(data: Any, first: int, count: int) -> tuple[list[Any], int]:
    """The length and the bytes of each of `count` strings in `data` from the place `first` on, and where they end."""
    raw, parts, place = memoryview(data), list[Any](), first
    for _ in range(count):
        text = place + 8
        length = int.from_bytes(raw[place:text], sys.byteorder)
        if len(raw) < text + length:
            raise ValueError("the file ends in its metadata")
        parts += (data[place:text].view(np.uint64), data[text : text + length])
        place = text + length
    return parts, place
