"""The words of cards and sites, from `release.toml` of the packs, with numbers written as the language writes them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anatili.lang import codes, load_pack, reference
from anatili.lang.page_words import RELEASE, words_of_page


@dataclass(frozen=True)
class Words:
    """The words in one language."""

    code: str
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """The text of `key` with its fields filled."""
        text = self.texts[key]
        return text.format(**values) if values else text

    def number(self, value: int) -> str:
        """An integer, with groups of thousands."""
        return f"{value:,}".replace(",", self.texts["thousands"])

    def decimal(self, value: float, digits: int = 3) -> str:
        """A number with a fixed number of decimals."""
        return f"{value:.{digits}f}".replace(".", self.texts["decimal"])

    def language(self, code: str) -> str:
        """A language by its own name."""
        return load_pack(code).own_name if code in codes() else code


def words_of(code: str) -> Words:
    """The words of a language; those of the reference language if its pack has none."""
    texts = words_of_page(load_pack(code), RELEASE) if code in codes() else {}
    return Words(code, texts) if texts else Words(reference(), words_of_page(load_pack(reference()), RELEASE))


def card_languages(languages: Iterable[str]) -> tuple[str, ...]:
    """The languages in which cards are written: those of the model and the reference language, if they have words."""
    chosen = (reference(), *languages)
    return tuple(dict.fromkeys(code for code in chosen if code in codes() and words_of_page(load_pack(code), RELEASE)))


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(cell(value) for value in row)} |" for row in rows]
    return "\n".join(lines)


def cell(value: object) -> str:
    """A value that cannot end the cell of a table."""
    return str(value).replace("|", "\\|").replace("\n", " ")
