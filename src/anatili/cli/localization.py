"""The command line in the reader's language: texts of commands and messages, from `commands.po` of the packs.

The language is that of the environment: ANATILI_LANG, or as in gettext LC_ALL, LC_MESSAGES and LANG. Texts that a
catalog lacks stay English. This module reads the files itself, because it must not slow down `--help`.
"""

import ast
import inspect
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import click

from anatili.pack_folders import FOLDER

SENTENCE = 1000
"""Maximum characters of a first sentence in the list of commands: it is never cut short."""
FILE = "commands.po"
FIELD = re.compile(r"\{(\w+)(?:!r)?\}")
PATCHED = ("core", "decorators", "exceptions", "formatting", "parser", "termui", "types")
"""Modules of click with texts of their own, which they look up with functions named `_` and `ngettext`."""


@dataclass(frozen=True)
class Catalog:
    """English text -> the text in another language. Both may have {fields}."""

    language: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)

    def text(self, english: str) -> str:
        """A text of the program, with its fields not yet filled in."""
        return self.texts.get(english, english)

    def message(self, english: str) -> str:
        """A message whose fields are filled in; unchanged if no text of the catalog fits."""
        for parts, names, translated in self.templates:
            values = values_of(english, parts)
            if values is not None:
                return fill(translated, dict(zip(names, values, strict=True)))
        return english

    @cached_property
    def templates(self) -> list[tuple[list[str], list[str], str]]:
        """Texts with fields, as the parts between the fields and the names of the fields; the most specific first."""
        rows = [
            (FIELD.split(english)[::2], FIELD.findall(english), text)
            for english, text in self.texts.items()
            if " " in english or FIELD.search(english)
        ]
        return sorted(rows, key=lambda row: -sum(map(len, row[0])))


def fill(text: str, values: Mapping[str, str]) -> str:
    """A text with its fields filled in."""
    return FIELD.sub(lambda match: values.get(match[1], match[0]), text)


def values_of(message: str, parts: list[str]) -> list[str] | None:
    """What stands between the parts of a text in a message; None if the message is not made of these parts."""
    first, *others = parts
    if not message.startswith(first):
        return None
    values, at = [], len(first)
    for number, part in enumerate(others, 1):
        end = len(message) - len(part) if number == len(others) else message.find(part, at)
        if end < at or not message.startswith(part, end):
            return None
        values.append(message[at:end])
        at = end + len(part)
    return values if at == len(message) else None


def environment() -> str:
    """The code of the language that the environment names, "" for none."""
    own, every = os.environ.get("ANATILI_LANG", ""), os.environ.get("LC_ALL", "")
    value = own or every or os.environ.get("LC_MESSAGES", "") or os.environ.get("LANG", "")
    code = re.split(r"[_.@:-]", value)[0].lower()
    return code if code.isalpha() else ""


def language() -> str:
    """The language of the environment, "" for English or none."""
    code = environment()
    return code if code and (FOLDER / code / FILE).is_file() else ""


def load_catalog(code: str) -> Catalog:
    """The texts of a language; empty without a file of them."""
    file = FOLDER / code / FILE
    return Catalog(code, dict(read_po(file))) if code and file.is_file() else Catalog()


def read_po(file: Path) -> Iterator[tuple[str, str]]:
    """(msgid, msgstr) of each entry of a gettext file that is translated; plurals and contexts are not used."""
    entry: dict[str, str] = {}
    key = ""
    for line in [*file.read_text("utf-8").splitlines(), 'msgid ""']:
        keyword, _, rest = line.partition(" ")
        if keyword == "msgid":
            if entry.get("msgid") and entry.get("msgstr"):
                yield entry["msgid"], entry["msgstr"]
            entry = {}
        if keyword in ("msgid", "msgstr"):
            key, entry[keyword] = keyword, ast.literal_eval(rest)
        elif line.startswith('"') and key:
            entry[key] += ast.literal_eval(line)


current = Catalog()
"""The texts in use."""


def install(command: click.Command, catalog: Catalog) -> None:
    """Show a command, all below it and click's own texts in the language of `catalog`."""
    global current
    current = catalog
    for name in PATCHED:
        module = sys.modules.get(f"click.{name}")
        if module is not None and hasattr(module, "_"):
            module._ = catalog.text  # type: ignore[attr-defined]
        if module is not None and hasattr(module, "ngettext"):
            module.ngettext = lambda one, many, count: catalog.text(one if count == 1 else many)  # type: ignore[attr-defined]
    for each in commands_of(command):
        each.help, each.short_help = translated_help(each, catalog)
        each._help_option = None  # click keeps --help as it was first shown, in whatever language
        for parameter in each.params:
            if isinstance(parameter, click.Option) and parameter.help:
                parameter.help = catalog.text(english(parameter, parameter.help))


def commands_of(command: click.Command) -> Iterator[click.Command]:
    """A command and all below it."""
    yield command
    for below in getattr(command, "commands", {}).values():
        yield from commands_of(below)


def english(owner: click.Command | click.Option, text: str) -> str:
    """The help of a command or option as it stands in the code, also when it has been translated since."""
    original: str = owner.__dict__.setdefault("english", text)
    return original


def first_sentence(help_text: str) -> str:
    """The sentence that lists of commands show."""
    return click.Command(None, help=help_text).get_short_help_str(SENTENCE)


def translated_help(command: click.Command, catalog: Catalog) -> tuple[str | None, str | None]:
    """The help of a command, paragraph by paragraph, and its first sentence."""
    if not command.help:
        return command.help, command.short_help
    original = english(command, command.help)
    if not catalog.texts:
        return original, None
    sentence = first_sentence(original)
    first, *rest = inspect.cleandoc(original).split("\n\n")
    joined = " ".join(first.split())
    if joined.startswith(sentence):
        first = catalog.text(sentence) + joined[len(sentence) :]
    return "\n\n".join([first, *map(catalog.text, rest)]), catalog.text(sentence)
