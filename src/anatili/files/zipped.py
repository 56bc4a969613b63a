"""Zip-based formats (.docx, .xlsx, .pptx, .epub): checked before they are opened, so that none fills the memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from anatili.problem import Problem, not_installed
from anatili.text import show_path

MAX_UNPACKED, MAX_RATIO = 256 * 2**20, 200
"""Bytes that a zipped file may unpack to, and its highest compression ratio: sheets of zeros reach almost 100."""


class MissingLibraryError(Problem):
    """A library is not installed; the message has the command that installs it."""


def library(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise MissingLibraryError(not_installed(f"this type of file needs {name}", "files")) from error


@contextmanager
def reading(path: Path, *errors: type[Exception]) -> Iterator[None]:
    """Turn a library's error on a damaged file into a `Problem` that names the file."""
    known: tuple[type[Exception], ...] = (*errors, OSError, LookupError, ValueError, SyntaxError)
    try:
        yield
    except known as error:
        raise Problem(f"{show_path(path)} cannot be read, it may be damaged: {error}") from error


def check_packed(path: Path) -> list[str]:
    """The file names in a zipped file; `Problem` if it is damaged or would unpack to too many bytes."""
    try:
        with ZipFile(path) as packed:
            rows = packed.infolist()
    except (BadZipFile, OSError) as error:
        raise Problem(f"{show_path(path)} is not a {path.suffix} file, or it is damaged: {error}") from error
    size = sum(row.file_size for row in rows)
    if size > MAX_UNPACKED or size > MAX_RATIO * path.stat().st_size:
        raise Problem(f"{show_path(path)} unpacks to {size:,} bytes, which is too many for a file of this type")
    return [row.filename for row in rows]
