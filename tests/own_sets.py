"""The small sets in `tests/own`, read: what they are stands in the README there."""

import tomllib
from functools import cache
from typing import Any

from metrics import OWN

LANGUAGES = ("kk", "ru", "en", "tr")


@cache
def lines(language: str = "kk") -> tuple[str, ...]:
    """The lines in a language: 90 Kazakh ones, 40 in each other."""
    rows = [line.split("\t") for line in (OWN / "lines.tsv").read_text("utf-8").splitlines()]
    column = LANGUAGES.index(language)
    return tuple(row[column] for row in rows if len(row) > column)


def lemmas() -> list[tuple[str, str]]:
    """(form, dictionary form)."""
    rows = (line.split("\t") for line in (OWN / "lemmas.tsv").read_text("utf-8").splitlines())
    return [(form, lemma) for form, lemma in rows]


def queries() -> list[tuple[int, str]]:
    """(number of a Kazakh line, query)."""
    rows = (line.split("\t") for line in (OWN / "queries.tsv").read_text("utf-8").splitlines())
    return [(int(number) - 1, query) for number, query in rows]


def pages() -> list[tuple[str, bytes, str]]:
    """(name, page, gold text)."""
    return [
        (path.stem, path.read_bytes(), path.with_suffix(".txt").read_text("utf-8"))
        for path in sorted((OWN / "pages").glob("*.html"))
    ]


def sentence_cases() -> list[dict[str, Any]]:
    return tomllib.loads((OWN / "sentences.toml").read_text("utf-8"))["case"]
