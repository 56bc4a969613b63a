"""Files that people write, read as UTF-8 and as TOML: what is wrong with one is told with file and line."""

import re
import tomllib
from pathlib import Path
from typing import Any

from anatili.problem import Problem
from anatili.text import show_path

PLACE = re.compile(r"\A(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
"""How tomllib tells where it stopped."""
BEGINS = re.compile(r"\A\s*(?:\[|[^\s#=]+\s*=)")
"""A line that begins a table or a value."""


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, with a byte order mark or without; `Problem` if it cannot be read."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise Problem(
            f"{show_path(path)}:{line}: not UTF-8 (byte {raw[error.start]:#04x}); convert it first"
        ) from error


def unreadable(path: Path, error: OSError) -> Problem:
    """What to say of a file that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return Problem(f"no file {show_path(path)}")
    if isinstance(error, IsADirectoryError):
        return Problem(f"{show_path(path)} is a folder; name a file in it")
    return Problem(f"cannot read {show_path(path)}: {error.strerror}")


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file says; `Problem` names its line where it is wrong."""
    text = read_text(path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Problem(f"{show_path(path)}:{explained(str(error), text)}") from error
    except RecursionError as error:
        raise Problem(f"{show_path(path)}: values are nested too deep") from error


def explained(said: str, text: str) -> str:
    """An error of tomllib as `line: what is wrong`."""
    found = PLACE.fullmatch(said)
    if found is None:
        return f" {said}"
    what, line, column = found.groups()
    if line:
        return f"{line}: {what} (column {column})"
    # What is not closed swallows all that follows: it is in the last line that begins something, or before it.
    starts = [number for number, one in enumerate(text.splitlines(), 1) if BEGINS.match(one)]
    return f"{starts[-1] if starts else 1}: {what}: a value is missing, or a quote or bracket was opened and not closed"
