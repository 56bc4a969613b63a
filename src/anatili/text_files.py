"""Files that people write, read as UTF-8 and as TOML; errors name the file and line. And values as TOML."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from anatili.problem import Problem
from anatili.text import show_path

POSITION = re.compile(r"\A(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
"""How tomllib says where it stopped."""
BEGINS = re.compile(r"\A\s*(?:\[|[^\s#=]+\s*=)")
"""A line that starts a table or a value."""


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without a byte-order mark; `Problem` if it cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise not_utf8(path, content[: error.start].count(b"\n") + 1, error) from error


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file without their ends, however large it is; `Problem` if it cannot be read.

    A line ends at \\n or \\r\\n, as in other programs. `str.splitlines` also ends it at U+2028 and U+0085, which stand
    inside of texts and JSON strings.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError as error:
                    raise not_utf8(path, number, error) from error
    except OSError as error:
        raise unreadable(path, error) from error


def not_utf8(path: Path, line: int, error: UnicodeDecodeError) -> Problem:
    """The `Problem` for a file that is in another encoding."""
    return Problem(f"{show_path(path)}:{line}: not UTF-8 (byte {error.object[error.start]:#04x}); convert it first")


def unreadable(path: Path, error: OSError) -> Problem:
    """The `Problem` for a file that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return Problem(f"no file {show_path(path)}")
    if isinstance(error, IsADirectoryError):
        return Problem(f"{show_path(path)} is a folder; name a file in it")
    return Problem(f"cannot read {show_path(path)}: {error.strerror}")


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file; `Problem` names the line of an error."""
    text = read_text(path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Problem(f"{show_path(path)}:{explained(str(error), text)}") from error
    except RecursionError as error:
        raise Problem(f"{show_path(path)}: values are nested too deep") from error


def explained(message: str, text: str) -> str:
    """A tomllib error as `line: what is wrong`."""
    match = POSITION.fullmatch(message)
    if match is None:
        return f" {message}"
    reason, line, column = match.groups()
    if line:
        return f"{line}: {reason} (column {column})"
    # An unclosed value swallows everything after it: it is in the last line that starts something, or before it.
    starts = [number for number, row in enumerate(text.splitlines(), 1) if BEGINS.match(row)]
    return (
        f"{starts[-1] if starts else 1}: {reason}: a value is missing, or a quote or bracket was opened and not closed"
    )


def toml_value(value: Any) -> str:
    """A value in TOML; text is written as in JSON, whose escapes TOML has too. What is None in a table is left out."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml_value(v)}" for k, v in value.items() if v is not None) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
