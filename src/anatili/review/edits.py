"""Corrections of data files: each text of a file can be changed, and the changes come out as a unified diff.

The file itself is never written.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from anatili.lang import explain
from anatili.lang.audit_words import AuditWords
from anatili.problem import Problem
from anatili.review.po_strings import lost_parts, translation_line, translations
from anatili.review.toml_strings import Path as Place
from anatili.review.toml_strings import literals, replaced
from anatili.text import show_path
from anatili.text_files import read_text

PACKAGE = Path(__file__).parents[1]
SOURCE = "src/anatili"
"""Where the package lies in the project."""
TOML, CATALOG = ".toml", ".po"
NEW = "+"
"""A line that is added at the end of a file."""
BRACES = re.compile(r"\{\w*\}")
CHECKS = {"audit.toml": AuditWords}
"""Files whose values have a form that a single change can break."""
MARK = "\ufeff"


@dataclass(frozen=True)
class Entry:
    """A text of a file that can be changed."""

    key: str
    text: str
    place: Place | int
    """Its path in a TOML file, or the number of its line; `key` is the English text in a catalog."""


@dataclass(frozen=True)
class Change:
    """A correction, with the text that it corrects."""

    was: str
    text: str
    name: str


@dataclass
class DataFile:
    """A data file with its corrections."""

    path: Path
    content: str
    entries: dict[str, Entry]
    changes: dict[str, Change] = field(default_factory=dict)
    mark: str = ""
    """The byte-order mark, if the file begins with one."""

    @property
    def is_list(self) -> bool:
        """Whether it has an entry in each line, and lines can be added."""
        return self.path.suffix not in (TOML, CATALOG)

    @property
    def label(self) -> str:
        """Its path in the project, or the path as it was given."""
        return label_of(self.path)

    def text_of(self, key: str) -> str:
        """The text of an entry with its correction; of a new line, that line."""
        if key in self.changes:
            return self.changes[key].text
        return self.entries[key].text if key in self.entries else ""

    def original(self, key: str) -> str:
        return self.entries[key].text if key in self.entries else ""

    def corrected(self) -> str:
        """The content with all corrections."""
        changes = {key: change.text for key, change in self.changes.items() if change.text != self.original(key)}
        if self.path.suffix == TOML:
            return replaced(self.content, {place(self.entries[key]): text for key, text in changes.items()})
        lines = split(self.content)
        for key, text in changes.items():
            if key in self.entries:
                number = line_of(self.entries[key])
                ending = lines[number][len(lines[number].rstrip("\r\n")) :]
                line = translation_line(text) if self.path.suffix == CATALOG else text
                lines[number] = line + ending if text else ""
        new = [text for key, text in changes.items() if key.startswith(NEW) and text]
        ending = "\r\n" if "\r\n" in self.content else "\n"
        if new and lines and not lines[-1].endswith("\n"):
            lines[-1] += ending
        return "".join([*lines, *(text + ending for text in new)])

    def check(self, key: str, text: str) -> None:
        """`Problem` if a correction would break the file."""
        if key not in self.entries and not self.is_new(key):
            raise Problem(f"{self.label} has no {key!r}: load the page again")
        if self.is_list:
            if len(text.splitlines()) > 1:
                raise Problem("this file has one entry a line: write one line")
            return
        if not text.strip():
            raise Problem("a text cannot be empty here")
        if self.path.suffix == CATALOG:
            if lost := lost_parts(key, text):
                raise Problem(f"keep what stands in the English text, and add nothing like it: {' '.join(lost)}")
            return
        before, after = (sorted(BRACES.findall(one)) for one in (self.original(key), text))
        if before != after:
            raise Problem(f"keep what stands in braces: {' '.join(before) or 'there is none here'}")
        with_it = DataFile(self.path, self.content, self.entries, self.changes | {key: Change("", text, "")})
        table = tomllib.loads(with_it.corrected())
        if model := CHECKS.get(self.path.name):
            try:
                model.model_validate(table)
            except ValidationError as error:
                raise Problem(explain(error)) from error

    def is_new(self, key: str) -> bool:
        return self.is_list and key.startswith(NEW) and key[1:].isdecimal()

    def next_new(self) -> str:
        """The key of the next line to add."""
        return f"{NEW}{1 + sum(key.startswith(NEW) for key in self.changes)}"

    def take(self, key: str, change: Change) -> bool:
        """Take in a correction; False if the text that it corrects is not in the file any longer."""
        if self.is_list and change.was and change.was != self.original(key):  # lines may have moved
            moved = [entry.key for entry in self.entries.values() if entry.text == change.was]
            key = moved[0] if len(moved) == 1 else key
        if (key not in self.entries and not self.is_new(key)) or change.was != self.original(key):
            return False
        self.changes[key] = change
        return True


def place(entry: Entry) -> Place:
    assert isinstance(entry.place, tuple)
    return entry.place


def line_of(entry: Entry) -> int:
    assert isinstance(entry.place, int)
    return entry.place


def label_of(path: Path) -> str:
    """The path of a file in the project if it belongs to the package; else below this folder, or its last two parts."""
    whole = path.resolve()
    if whole.is_relative_to(PACKAGE):
        return f"{SOURCE}/{whole.relative_to(PACKAGE).as_posix()}"
    if whole.is_relative_to(Path.cwd()):
        return whole.relative_to(Path.cwd()).as_posix()
    return show_path(Path(*whole.parts[-2:]))


def open_file(path: Path) -> DataFile:
    """A data file with what can be corrected in it."""
    read_text(path)  # says where a file is not UTF-8
    whole = path.read_bytes().decode()
    content = whole.removeprefix(MARK)
    if path.suffix == TOML:
        try:
            found = literals(content)
        except Problem as problem:
            raise Problem(f"{show_path(path)}: {problem}") from problem
        entries = [Entry(".".join(map(str, one.path)), one.text, one.path) for one in found]
    elif path.suffix == CATALOG:
        entries = [Entry(english, text, number) for number, english, text in translations(split(content))]
    else:
        rows = [(number, line.rstrip("\r\n")) for number, line in enumerate(split(content))]
        entries = [Entry(str(number + 1), row, number) for number, row in rows if row.strip() and row[:1] != "#"]
    return DataFile(path, content, {entry.key: entry for entry in entries}, mark=whole[: len(whole) - len(content)])


def corrected_toml(path: Path, changes: Mapping[Place, str]) -> tuple[str, str]:
    """The content of a TOML file before and after the strings at these paths are changed."""
    whole = path.read_bytes().decode()
    content = whole.removeprefix(MARK)
    return whole, whole[: len(whole) - len(content)] + replaced(content, dict(changes))


def diff_of(files: Iterable[DataFile]) -> str:
    """The corrections of all files, as `git apply` and `patch -p1` take them."""
    return "".join(unified_diff(file.label, file.mark + file.content, file.mark + file.corrected()) for file in files)


def unified_diff(label: str, before: str, after: str) -> str:
    if before == after:
        return ""
    lines = difflib.unified_diff(split(before), split(after), f"a/{label}", f"b/{label}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def split(text: str) -> list[str]:
    """Lines as diffs count them: only a line feed ends one."""
    parts = text.split("\n")
    return [*(part + "\n" for part in parts[:-1]), *filter(None, parts[-1:])]
