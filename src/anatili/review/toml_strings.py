"""The positions of the strings in a TOML file, so that one can be changed without touching anything else in it."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from anatili.problem import Problem

Path = tuple[str | int, ...]
"""Keys and places in arrays, from the top."""
BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
SPACE = re.compile(r"[ \t]*")
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
OTHER = re.compile(r"[^,\]}#\n]+")
STRING = re.compile(
    r'"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*+(?:"{3,5})?'
    r"|'''(?:[^']|'{1,2}(?!'))*+(?:'{3,5})?"
    r'|"(?:[^"\\\n]|\\.)*+"?'
    r"|'[^'\n]*+'?"
)
"""The end of a string is optional, so that nothing is tried twice: `tomllib` has accepted the file, so it is there."""
ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}


@dataclass(frozen=True)
class Literal:
    """A string in a file."""

    path: Path
    start: int
    end: int
    text: str


class Reader:
    """Walks through a file that `tomllib` accepts."""

    def __init__(self, text: str) -> None:
        self.text, self.position = text, 0
        self.counts: dict[Path, int] = {}
        """Arrays of tables, with the number of their tables so far."""

    def literals(self) -> Iterator[Literal]:
        table: Path = ()
        self.skip(BLANK)
        while self.position < len(self.text):
            if self.takes("[["):
                table = self.open_array_table(self.keys())
                self.takes("]]")
            elif self.takes("["):
                table = self.resolve(self.keys())
                self.takes("]")
            else:
                yield from self.pair(table)
            self.skip(BLANK)

    def pair(self, table: Path) -> Iterator[Literal]:
        path = table + tuple(self.keys())
        self.skip(SPACE)
        self.takes("=")
        self.skip(SPACE)
        yield from self.value(path)

    def value(self, path: Path) -> Iterator[Literal]:
        if match := STRING.match(self.text, self.position):
            self.position = match.end()
            yield Literal(path, match.start(), match.end(), decoded(match[0]))
        elif self.takes("["):
            number = 0
            self.skip(BLANK)
            while not self.takes("]"):
                yield from self.value((*path, number))
                number += 1
                self.skip_comma()
        elif self.takes("{"):
            self.skip(BLANK)
            while not self.takes("}"):
                yield from self.pair(path)
                self.skip_comma()
        else:
            self.skip(OTHER)

    def keys(self) -> list[str]:
        """A key with its dots."""
        keys = []
        while True:
            self.skip(SPACE)
            match = STRING.match(self.text, self.position) or BARE_KEY.match(self.text, self.position)
            if not match:
                raise Problem(f"the file cannot be read at character {self.position}: correct it by hand")
            self.position = match.end()
            keys.append(decoded(match[0]) if match[0][0] in "\"'" else match[0])
            self.skip(SPACE)
            if not self.takes("."):
                return keys

    def resolve(self, keys: list[str]) -> Path:
        """The path of a table: of an array of tables, its last one."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self.counts:
                path = (*path, self.counts[path] - 1)
        return path

    def open_array_table(self, keys: list[str]) -> Path:
        path = (*self.resolve(keys[:-1]), keys[-1])
        self.counts[path] = self.counts.get(path, 0) + 1
        return (*path, self.counts[path] - 1)

    def skip_comma(self) -> None:
        self.skip(BLANK)
        self.takes(",")
        self.skip(BLANK)

    def skip(self, pattern: re.Pattern[str]) -> None:
        if match := pattern.match(self.text, self.position):
            self.position = match.end()

    def takes(self, mark: str) -> bool:
        if self.text.startswith(mark, self.position):
            self.position += len(mark)
            return True
        return False


def literals(text: str) -> list[Literal]:
    """The strings of a TOML file that is right, in its order; `Problem` if they are not those that `tomllib` reads."""
    read = list(Reader(text).literals())
    if {literal.path: literal.text for literal in read} != dict(strings_of(tomllib.loads(text))):
        raise Problem("the file is written in a way that cannot be changed here: correct it by hand")
    return read


def strings_of(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """All strings in what `tomllib` made of a file."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from strings_of(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from strings_of(inner, (*path, number))


def decoded(literal: str) -> str:
    return str(tomllib.loads(f"x = {literal}")["x"])


def written(text: str, literal: str) -> str:
    """`text` as a string of the same kind as `literal`, or as a plain one where that kind cannot hold it."""
    for mark in ('"""', "'''", "'"):
        if literal.startswith(mark):
            first = "\n" if len(mark) == 3 and literal[3:4] == "\n" else ""
            body = text.replace("\\", "\\\\").replace('"""', '""\\"') if mark == '"""' else text
            made = f"{mark}{first}{body}{mark}"
            if reads_as(made, text):
                return made
            break
    return '"' + "".join(ESCAPES.get(letter) or plain(letter) for letter in text) + '"'


def reads_as(literal: str, text: str) -> bool:
    try:
        return decoded(literal) == text
    except tomllib.TOMLDecodeError:
        return False


def plain(letter: str) -> str:
    return letter if letter.isprintable() or ord(letter) > 0x7F else f"\\u{ord(letter):04x}"


def replaced(text: str, changes: dict[Path, str]) -> str:
    """The file with the strings at these paths changed, and nothing else; `Problem` if that cannot be done."""
    parts, last = [], 0
    expected = dict(strings_of(tomllib.loads(text))) | changes
    for literal in literals(text):
        if literal.path in changes:
            parts += [text[last : literal.start], written(changes[literal.path], text[literal.start : literal.end])]
            last = literal.end
    made = "".join([*parts, text[last:]])
    if dict(strings_of(tomllib.loads(made))) != expected:
        raise Problem("the change cannot be written into the file: make it by hand")
    return made
