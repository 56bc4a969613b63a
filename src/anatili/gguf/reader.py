"""GGUF files opened for reading."""

from pathlib import Path
from typing import Any

import numpy as np


def open_gguf(file: Path) -> Any:
    """The fields and tensors of a GGUF file as `gguf.GGUFReader` has them, in a third of its time; `ValueError` if it
    is none.

    It cuts the file into a hundred thousand pieces, one for each token and its like. Each cut of a `np.memmap` costs
    many times that of a plain array over the same bytes.
    """
    from gguf import GGUFReader

    class Reader(GGUFReader):  # type: ignore[misc]
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, np.asarray(value) if name == "data" else value)

    return Reader(file)
