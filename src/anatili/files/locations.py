"""Locations in files: counted by line where each line has its own, and written in a language's words."""

from collections.abc import Mapping

BY_LINE = ("line", "paragraph", "sheet")
"""Kinds whose value ends in a number that each line of a part raises by one."""
ROW = "!"
"""Between the name of a sheet and the number of a row."""


def moved(location: str, lines: int) -> str:
    """The location `lines` lines further down in the same part."""
    kind, _, value = location.partition(":")
    if kind not in BY_LINE or not lines:
        return location
    name, mark, number = value.rpartition(ROW) if kind == "sheet" else ("", "", value)
    return f"{kind}:{name}{mark}{int(number) + lines}"


def in_words(location: str, words: Mapping[str, str]) -> str:
    """A location in a language's words (`[location]` of its prompts); "" for no location."""
    kind, _, value = location.partition(":")
    if not kind:
        return ""
    name, _, number = value.rpartition(ROW) if kind == "sheet" else ("", "", value)
    if kind == "chapter":
        number, _, name = value.partition(" ")
    return words.get(kind, f"{kind} {{number}}").format(name=name, number=number).strip()


def cited(name: str, location: str, words: Mapping[str, str]) -> str:
    """A citation of a location in a file: its name and the location in words."""
    return ", ".join(filter(None, (name, in_words(location, words))))


def location_of(location: str, text: str, start: int) -> str:
    """The location of what begins at `start` in the text of a passage with this location."""
    return moved(location, text.count("\n", 0, start))
