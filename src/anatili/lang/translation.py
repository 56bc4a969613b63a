"""`translation.toml` of a pack: what can be checked in a translation without a reference, and sentences to test it."""

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field

from anatili.lang import LanguagePack, PackTable, Regex, read_table

Gender = Literal["masculine", "feminine", "open"]


class Sentences(PackTable):
    """Sentences of the language that agree in what they say, or leave open."""

    texts: tuple[str, ...]
    gender: Gender | None = Field(None, description="Gender of the person meant; `open` if the sentence does not say.")
    negated: bool | None = Field(None, description="Whether the sentences deny something.")


class NameSpellings(PackTable):
    """A sentence with a name and, for each other language, the correct spellings of the name."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, tuple[str, ...]]
    text: str


class Translation(PackTable):
    """The keys of `translation.toml`."""

    flores: str = Field(
        "",
        pattern="^[a-z]{3}_[A-Z][a-z]{3}$|^$",
        description="The language's name in FLORES and "
        "NLLB, such as aaa_Latn, where it is not `iso639_3` and the main script.",
    )
    masculine: tuple[str, ...] = Field((), description="Words that show that a man is meant, in lower case.")
    feminine: tuple[str, ...] = Field((), description="Words that show that a woman is meant, in lower case.")
    negation: Regex = Field("", description="Regular expression for negation; must be linear (no nested repeats).")
    hints: Regex = Field(
        "",
        description="Regular expression for the beginnings of lower-case words that other languages "
        "express with a negation (unknown, hardly, only); linear.",
    )
    places: dict[str, tuple[str, ...]] = Field(
        {},
        description="Key, the same in all packs -> beginnings, in lower case, of names that differ from language "
        "to language (Germany, Deutschland).",
    )
    sentences: tuple[Sentences, ...] = ()
    names: tuple[NameSpellings, ...] = ()


@cache
def load_translation(folder: Path) -> Translation:
    """The `translation.toml` in a pack's folder; an empty one if there is none."""
    return read_table(folder / "translation.toml", Translation)


def flores_code(pack: LanguagePack) -> str:
    """The language's code in FLORES and NLLB: its three-letter code and its script."""
    return load_translation(pack.folder).flores or f"{pack.config.iso639_3}_{pack.main_script}"


@cache
def small_words(folder: Path) -> frozenset[str]:
    """The pack's words in lower case (`small.txt`): within a name they are translated (Law, Center)."""
    path = folder / "small.txt"
    return frozenset(path.read_text("utf-8").split()) if path.is_file() else frozenset()
