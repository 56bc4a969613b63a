"""`facts.toml` of a pack: how the language writes numbers, units, months and negation."""

from functools import cache
from pathlib import Path

from pydantic import Field

from anatili.lang import PackTable, Regex, read_table


class Numbers(PackTable):
    """How numbers are written."""

    decimal: str = Field(".", pattern="^[.,]$", description="The decimal mark.")
    words: dict[str, int] = Field(default={}, description="Word in lower case -> its value.")
    stems: dict[str, int] = Field(default={}, description="Stem of a number word -> its value; `ending` may follow it.")
    ending: Regex = Field("", description="Regular expression for everything that may follow a stem; linear.")
    apart: tuple[str, ...] = Field((), description="Words that look like a number with an ending, but are not.")
    inner: tuple[str, ...] = Field((), description="Words that may stand inside a number (one hundred *and* one).")
    weak: tuple[str, ...] = Field((), description="Words for one that often do not mean a number (one of them).")
    half: tuple[str, ...] = Field((), description="Words after a number that add one half to it.")
    months: dict[str, int] = Field(
        default={},
        description="Month's name -> its number; `~` is any ending, a capital stays one.",
    )
    range: Regex = Field("", description="Regular expression for the text between the ends of a range; linear.")
    list: Regex = Field("", description="The same, between the numbers of a list.")
    either: Regex = Field("", description="The part of `list` that means one of two numbers (or).")
    between: Regex = Field("", description="Text before or after two listed numbers that makes them a range.")
    units: dict[str, tuple[str, ...]] = Field(
        default={},
        description="Unit, by the same name in all packs -> its forms; `~` stands for any ending, `_` for a number "
        "that follows the unit.",
    )


class Negation(PackTable):
    """How negation is written."""

    ahead: tuple[str, ...] = Field((), description="Words that negate the next word that is not a stop word.")
    behind: tuple[str, ...] = Field((), description="Words that negate the word before them.")
    inside: Regex = Field("", description="Regular expression for a negated word; group `stem` is what it negates.")
    hint: Regex = Field("", description="Regular expression that a word must contain before its endings are looked at.")
    slots: tuple[str, ...] = Field((), description="Endings of the pack's morphology that negate.")
    apart: tuple[str, ...] = Field((), description="Words that look negated, but are not.")
    nouns: Regex = Field("", description="Regular expression for whole words that look negated, but are not.")
    phrases: tuple[str, ...] = Field((), description="Phrases with such words that negate nothing (not only).")


class Facts(PackTable):
    """The keys of `facts.toml`."""

    numbers: Numbers = Numbers()
    negation: Negation = Negation()
    joins: tuple[str, ...] = Field((), description="Words between the clauses of a sentence.")
    openers: tuple[str, ...] = Field((), description="Words that often begin a sentence, but are not names.")
    asides: tuple[str, ...] = Field(
        (), description="Words without content, besides the stop words: pronouns, references to a source."
    )
    same: tuple[str, ...] = Field((), description="Words with the same meaning, separated by a space.")
    descent: tuple[str, ...] = Field((), description="Endings that turn a name into a child's, family's or other name.")
    verb_last: bool = Field(False, description="Whether the verb stands at the end of a sentence.")
    opposites: tuple[tuple[str, ...], ...] = Field(
        (), description="Groups of words that exclude each other; words separated by a space mean the same."
    )
    spellings: dict[str, str] = Field(default={}, description="In names: letters -> the letters treated as equal.")


@cache
def load_facts(folder: Path) -> Facts:
    """The `facts.toml` in a pack's folder; an empty one if there is none."""
    return read_table(folder / "facts.toml", Facts)
