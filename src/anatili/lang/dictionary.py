"""`dictionary.tsv` of a pack: words of other languages and what they are in its own."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from anatili.lang import LanguagePack
from anatili.problem import Problem
from anatili.text import show_path
from anatili.text_files import read_lines

NAME = "dictionary.tsv"
FIELDS = 3


def dictionary(pack: LanguagePack) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Code of another language -> its words in lower case -> words of the pack's language, the likeliest first."""
    return _dictionary(pack.folder)


@cache
def _dictionary(folder: Path) -> dict[str, dict[str, tuple[str, ...]]]:
    path = folder / NAME
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for number, line in enumerate(read_lines(path) if path.exists() else (), 1):
        fields = line.split("\t")
        if line.startswith("#") or not line:
            continue
        if len(fields) != FIELDS or not all(field.strip() for field in fields):
            raise Problem(
                f"{show_path(path)}:{number}: this is not a language, a word and its translations, separated by tabs"
            )
        code, word, own = fields
        found.setdefault(code, {})[word] = tuple(own.split())
    return found
