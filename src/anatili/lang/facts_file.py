"""`facts.toml` of a pack: how its numbers, units, months and denials are written."""

import re
from functools import cache
from pathlib import Path

from pydantic import Field, ValidationError, field_validator

from anatili.lang import Part, explain, read_toml
from anatili.problem import Problem


class Numbers(Part):
    """How numbers are written."""

    decimal: str = Field(".", pattern="^[.,]$", description="The mark between whole and fraction.")
    words: dict[str, int] = Field(default={}, description="Word in small letters -> its value.")
    stems: dict[str, int] = Field(default={}, description="Beginning of a word -> the value of what `ending` ends.")
    ending: str = Field("", description="Regular expression of all that may follow a stem; linear.")
    apart: tuple[str, ...] = Field((), description="Words that look like a number with an ending and are none.")
    inner: tuple[str, ...] = Field((), description="Words that may stand inside a number (one hundred *and* one).")
    weak: tuple[str, ...] = Field((), description="Words for one that are often no number (one of them).")
    half: tuple[str, ...] = Field((), description="What behind a number adds a half to it.")
    months: dict[str, int] = Field(
        default={}, description="A month's name -> its number; `~` stands for any ending, a capital must be one."
    )
    range: str = Field("", description="Regular expression for what stands between the ends of a range; linear.")
    list: str = Field("", description="The same for numbers that are only counted up.")
    either: str = Field("", description="What stands in `list` where one of two numbers is meant (or).")
    between: str = Field("", description="What before two listed numbers, or behind them, makes a range of them.")
    units: dict[str, tuple[str, ...]] = Field(
        default={},
        description="Unit, by the same name in all packs -> its forms; `~` stands for any ending, `_` for the number "
        "where that follows.",
    )

    @field_validator("ending", "range", "list", "either", "between")
    @classmethod
    def is_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        return value


class Negation(Part):
    """How something is denied."""

    ahead: tuple[str, ...] = Field((), description="Words that deny the next word that is not too common.")
    behind: tuple[str, ...] = Field((), description="Words that deny the one before them.")
    inside: str = Field("", description="Regular expression of a whole denied word; group `stem` is what it denies.")
    hint: str = Field("", description="Regular expression of what a word with such an ending holds somewhere.")
    slots: tuple[str, ...] = Field((), description="Endings of the pack's morphology that deny.")
    apart: tuple[str, ...] = Field((), description="Words that look denied and are not.")
    nouns: str = Field("", description="Regular expression of whole words that look denied and are not.")
    phrases: tuple[str, ...] = Field((), description="Phrases with such words that deny nothing (not only).")


class Facts(Part):
    """What `facts.toml` may say."""

    numbers: Numbers = Numbers()
    negation: Negation = Negation()
    joins: tuple[str, ...] = Field((), description="Words between the clauses of a sentence.")
    openers: tuple[str, ...] = Field((), description="Words that often begin a sentence and are no names.")
    asides: tuple[str, ...] = Field(
        (), description="Words that tell nothing, beside the stop words: pronouns, where a sentence comes from."
    )
    same: tuple[str, ...] = Field((), description="Words that mean the same, joined by a space.")
    descent: tuple[str, ...] = Field((), description="Endings that make the name of a child, a family or another man.")
    verb_last: bool = Field(False, description="Whether a sentence's last word tells most of what happens.")
    opposites: tuple[tuple[str, ...], ...] = Field(
        (), description="Groups of words of which no two hold at once; those joined by a space mean the same."
    )
    spellings: dict[str, str] = Field(default={}, description="In names: letters -> those they are taken for.")


@cache
def load_facts(folder: Path) -> Facts:
    """The `facts.toml` in a pack's folder; an empty one where there is none."""
    path = folder / "facts.toml"
    try:
        return Facts.model_validate(read_toml(path))
    except ValidationError as error:
        raise Problem(f"{path}: {explain(error)}") from error
