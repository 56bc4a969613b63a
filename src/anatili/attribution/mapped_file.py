"""Files of an index by memory map, read page by page."""

import mmap
from pathlib import Path

import numpy as np
import numpy.typing as npt

PAGE = 4096
RANDOM, SOON = getattr(mmap, "MADV_RANDOM", None), getattr(mmap, "MADV_WILLNEED", None)
"""None where the system does not take advice (Windows)."""


class Mapped:
    """A file by memory map, read at random positions.

    The system is advised (madvise) to read single pages without their surroundings, or a whole file ahead.
    """

    def __init__(self, path: Path, *, whole: bool = False) -> None:
        self.content: mmap.mmap | bytes = b""
        if path.stat().st_size:
            with path.open("rb") as file:
                self.content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            if RANDOM is not None and SOON is not None:
                self.content.madvise(SOON if whole else RANDOM)

    def prepare(self, places: npt.NDArray[np.int64]) -> None:
        """Have the pages with these bytes read, all at the same time; without it each would be waited for."""
        if SOON is not None and isinstance(self.content, mmap.mmap):
            for page in sorted({*(places // PAGE).tolist()}):  # np.unique loads numpy.ma, 30 ms
                self.content.madvise(SOON, page * PAGE, PAGE)
