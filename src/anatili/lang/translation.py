"""`translation.toml` of a pack: what shows in a translation without a reference, and sentences that bring it out."""

import re
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator

from anatili.lang import LanguagePack, Part, explain, read_toml
from anatili.problem import Problem

Gender = Literal["masculine", "feminine", "open"]


class Sentences(Part):
    """Sentences of the language, all of which say or leave open the same."""

    texts: tuple[str, ...]
    gender: Gender | None = Field(None, description="Of the person meant; `open` if nothing in the sentence tells.")
    negated: bool | None = Field(None, description="Whether it denies something.")


class Names(Part):
    """A sentence with a name; for each other language the spellings of the name that are right, any one of them."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, tuple[str, ...]]
    text: str


class Translation(Part):
    """What `translation.toml` may say."""

    flores: str = Field("", pattern="^[a-z]{3}_[A-Z][a-z]{3}$|^$", description="The language's name in FLORES and "
        "NLLB, such as aaa_Latn, where it is not `iso639_3` and the main script.")  # fmt: skip
    masculine: tuple[str, ...] = Field((), description="Words that say that a man is meant, in small letters.")
    feminine: tuple[str, ...] = Field((), description="Words that say that a woman is meant, in small letters.")
    negation: str = Field("", description="Regular expression of what denies; must be linear (no nested repeats).")
    hints: str = Field("", description="Regular expression of beginnings of small words for what other languages say "
        "with a denial (unknown, hardly, only); linear.")  # fmt: skip
    places: dict[str, tuple[str, ...]] = Field(
        {}, description="Key, the same in all packs -> beginnings, in small letters, of names that are other words "
        "in each language (Germany, Deutschland)."
    )  # fmt: skip
    sentences: tuple[Sentences, ...] = ()
    names: tuple[Names, ...] = ()

    @field_validator("negation", "hints")
    @classmethod
    def is_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        return value


@cache
def load_translation(folder: Path) -> Translation:
    """The `translation.toml` in a pack's folder; an empty one where there is none."""
    path = folder / "translation.toml"
    try:
        return Translation.model_validate(read_toml(path))
    except ValidationError as error:
        raise Problem(f"{path}: {explain(error)}") from error


def flores_code(pack: LanguagePack) -> str:
    """What FLORES, and the models of its makers, call a language: its three letters and its script."""
    return load_translation(pack.folder).flores or f"{pack.config.iso639_3}_{pack.main_script}"


@cache
def small_words(folder: Path) -> frozenset[str]:
    """The pack's words that begin with a small letter (`small.txt`): in a name they are translated (Law, Center)."""
    path = folder / "small.txt"
    return frozenset(path.read_text("utf-8").split()) if path.is_file() else frozenset()
