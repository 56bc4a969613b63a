"""Language packs: everything about one language, as data first and as code only where data is not enough.

A pack is a folder named by its language code. Only `pack.toml` and `stopwords.txt` are required. Packs are found by
folder: the ones beside this file, then those in the folders that `ANATILI_PACKS` names (separated like PATH).
No file outside these folders names a language.
"""

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from anatili.morphology import Morphology, load_morphology
from anatili.pack_folders import folders
from anatili.problem import Problem
from anatili.text import SCRIPTS, WORD, clean
from anatili.text_files import read_text
from anatili.text_files import read_toml as read_whole

Table = TypeVar("Table", bound=BaseModel)
WORD_LISTS = ("stopwords.txt", "abbreviations.txt", "blocked.txt", "seeds.txt")


def checked_regex(value: str) -> str:
    """`value`; `ValueError` if it is not a regular expression."""
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return value


Regex = Annotated[str, AfterValidator(checked_regex)]
"""A regular expression, checked when the file is read."""


class PackTable(BaseModel):
    """A table in a TOML file of a pack; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileSource(PackTable):
    """Where a file of the pack comes from."""

    origin: str = Field(description="Who wrote it, or where it was taken from, with a URL.")
    license: str = Field(description="SPDX code of its license.")


class PersonalPattern(PackTable):
    """What one kind of personal data looks like in the countries where the language is spoken."""

    pattern: Regex = Field(description="Regular expression; must be linear (no nested repeats).")
    kind: str = Field("", description="The kind that it counts as, if not the name of its table.")
    weights: tuple[tuple[int, ...], ...] = Field((), description="Rows of check-digit weights, tried in turn.")
    modulus: int = Field(0, description="Modulus of the check digit, 0 for none.")
    birth_date: bool = Field(False, description="Whether the first six digits are a date, YYMMDD.")
    context: tuple[str, ...] = Field((), description="If given, one of these words must be within 40 characters.")
    beside_names: bool = Field(False, description="Whether two capitalized words in a row also count as context.")
    not_before: tuple[str, ...] = Field((), description="Beginnings of words that, after the match, make it an amount.")


class Transliteration(PackTable):
    """Rules for writing the language's main script in another script."""

    table: dict[str, str] = Field(description="Lower-case letter or letters -> letters.")
    prefix: str = Field("", description="A mark written before a word ...")
    prefix_if: str = Field("", description="... that contains one of these letters ...")
    prefix_unless: str = Field("", description="... and none of these.")
    back: dict[str, str] = Field(
        default={}, description="The reading to choose, in the reverse direction, where the table is ambiguous."
    )
    back_front: dict[str, str] = Field(
        default={}, description="The same, in words that have the prefix or a letter of `prefix_unless`."
    )
    back_marked: str = Field("", description="Letters of `back_front` that apply only where the prefix is written.")
    back_after_vowel: dict[str, str] = Field(default={}, description="The same, after a vowel.")
    back_hard: str = Field("", description="Letters up to which a word has back vowels, whatever follows.")
    doubtful: tuple[str, ...] = Field(
        (), description="Letters that often have another meaning: words with them are counted as unsure."
    )


class PackFile(PackTable):
    """The keys of `pack.toml`."""

    name: str = Field(description="English name.")
    own_name: str = Field(description="The language's own name for itself.")
    iso639_3: str = Field("", pattern="^[a-z]{3}$|^$", description="Three-letter code, as in Common Crawl's index.")
    reference: bool = Field(
        False, description="Whether other languages are compared with it: tokens for each token of this language."
    )
    prompts_from: str = Field(
        "", description="Language whose prompts and page texts are used where `prompts.toml` has none."
    )
    letters: dict[str, str] = Field(description="Script (ISO 15924) -> lower-case alphabet; the first is the main one.")
    lookalikes: dict[str, str] = Field(default={}, description="Foreign letter inside a word -> the letter meant.")
    capitals: dict[str, str] = Field(default={}, description="Capital -> lower-case letter, where not as in Unicode.")
    vowels: str = Field("", description="Vowels of the main script.")
    keyboard: dict[str, str] = Field(
        default={}, description="Letter of the language -> what people type on a keyboard that lacks it."
    )
    stemmer: str = Field("", description="A Snowball algorithm; without it, `morphology.toml` is used.")
    cut: dict[str, Any] = Field(default={}, description="Thresholds of [cut] that differ for this language.")
    gate: dict[str, dict[str, int]] = Field(
        default={},
        description="Script (and a suffix) -> letters, and how many of them a page must have; the rarest first.",
    )
    personal: dict[str, PersonalPattern] = {}
    transliteration: dict[str, Transliteration] = {}
    sources: dict[str, FileSource] = Field(default={}, description="File -> where it comes from.")


@dataclass(frozen=True, eq=False)
class LanguagePack:
    """A language, ready to use."""

    code: str
    """ISO 639 code, the name of the pack's folder."""
    folder: Path
    config: PackFile
    """The keys of `pack.toml`."""
    words: dict[str, tuple[str, ...]]
    """Name of each word list in the pack (`stopwords`) -> its lines."""
    prompts: dict[str, Any]
    """The prompts of `prompts.toml`, completed from the language that `prompts_from` names."""
    cases: dict[str, Any]
    """The promises of `cases.toml`, which the tests keep; {} without the file."""
    extra: Callable[[str], str] | None
    """The function of `normalize.py`; None without the file."""
    files: dict[str, str]
    """Files of the pack with their SHA-256: a changed file is a changed input."""

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def own_name(self) -> str:
        return self.config.own_name

    @property
    def morphology(self) -> Morphology | None:
        """How the language builds its words; None without a `morphology.toml`."""
        return load_morphology(self.folder)

    @cached_property
    def stopwords(self) -> frozenset[str]:
        return frozenset(self.words.get("stopwords.txt", ()))

    @cached_property
    def abbreviations(self) -> frozenset[str]:
        """Abbreviations with their full stops, in lower case: none of them ends a sentence."""
        return frozenset(word.lower() for word in self.words.get("abbreviations.txt", ()))

    def lower(self, text: str) -> str:
        """`text` in lower case, by the rules of this language."""
        if self.config.capitals:
            text = text.translate(_letters(tuple(self.config.capitals.items())))
        return text.lower()

    @property
    def main_script(self) -> str:
        return next(iter(self.config.letters))

    def normalize(self, text: str) -> str:
        """`text` in NFC, with look-alike letters corrected inside words of the main script, then by `normalize.py`."""
        text = clean(text)
        if self.config.lookalikes:
            text = WORD.sub(self._repair, text)
        return self.extra(text) if self.extra else text

    def _repair(self, match: re.Match[str]) -> str:
        word = match.group()
        if word.isascii():
            return word
        script = SCRIPTS[self.main_script]
        foreign = [c for c in word if c.isalpha() and not script.match(c)]
        if not foreign or any(c not in self.lookalike_table for c in foreign):
            return word
        # A word that is half plain Latin letters may be a Latin word with one slip. Other letters, such as a Latin æ
        # used for a Cyrillic one, may be most of a word.
        if len(foreign) == len(word) or 2 * sum(map(str.isascii, foreign)) >= len(word):
            return word
        return "".join(self.lookalike_table.get(c, c) for c in word)

    @property
    def lookalike_table(self) -> dict[str, str]:
        return _both_cases(tuple(sorted(self.config.lookalikes.items())))

    def alphabet_share(self, text: str, script: str) -> float:
        """Share of the letters of `text` that belong to the alphabet of `script`; 0 if the pack has none."""
        alphabet = self.config.letters.get(script)
        letters = {c: times for c, times in Counter(text.lower()).items() if c.isalpha()}
        if not alphabet or not letters:
            return 0.0
        return sum(times for c, times in letters.items() if c in alphabet) / sum(letters.values())

    def transliterate(self, text: str, scheme: str) -> str:
        """`text`, in the main script, rewritten by the rules of `[transliteration.<scheme>]`."""
        rules = self.config.transliteration[scheme]
        pattern = re.compile("|".join(sorted(map(re.escape, rules.table), key=len, reverse=True)))

        def write(match: re.Match[str]) -> str:
            word = match.group()
            lower = word.lower()
            written = pattern.sub(lambda m: rules.table[m.group()], lower)
            if set(lower) & set(rules.prefix_if) and not set(lower) & set(rules.prefix_unless):
                written = rules.prefix + written
            if word.isupper() and len(word) > 1:
                return written.upper()
            return written[:1].upper() + written[1:] if word[:1].isupper() else written

        return WORD.sub(write, text)


@cache
def _letters(pairs: tuple[tuple[str, str], ...]) -> dict[int, str]:
    return str.maketrans(dict(pairs))


@cache
def _both_cases(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return dict(pairs) | {a.upper(): b.upper() for a, b in pairs if a.upper() != a}


def codes() -> list[str]:
    """The codes of all packs."""
    return sorted({path.parent.name for folder in folders() for path in folder.glob("*/pack.toml")})


def reference() -> str:
    """The language that other languages are compared with; "" if no pack says `reference = true`."""
    return next((code for code in codes() if load_pack(code).config.reference), "")


@cache
def load_pack(code: str) -> LanguagePack:
    """The pack of the language `code` (ISO 639), of the bundled ones and those in ANATILI_PACKS.

    `Problem` if there is none, or if one of its files is wrong: it names file and key.
    """
    folder = next((f / code for f in reversed(folders()) if (f / code / "pack.toml").is_file()), None)
    if folder is None or not code.isidentifier():
        raise Problem(
            f"no language pack {code!r}; the packs are {', '.join(codes())}. Make one with: anatili lang new {code}, "
            "or name the folder that holds yours in ANATILI_PACKS"
        )
    config = read_table(folder / "pack.toml", PackFile)
    if not (folder / "stopwords.txt").is_file():
        raise Problem(f"{folder}: stopwords.txt is missing; every pack needs it (one word per line)")
    for table in folder.glob("*.toml"):  # including those that are first needed late in a run
        read_toml(table)
    fallback = prompts_of(config.prompts_from, folder)
    files = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir()) if p.is_file()}
    if fallback:
        text = json.dumps(fallback, sort_keys=True) + files.get("prompts.toml", "")
        files["prompts.toml"] = hashlib.sha256(text.encode()).hexdigest()
    return LanguagePack(
        code=code,
        folder=folder,
        config=config,
        words={name: _lines(folder / name) for name in WORD_LISTS if (folder / name).is_file()},
        prompts=completed(read_toml(folder / "prompts.toml"), fallback),
        cases=read_toml(folder / "cases.toml"),
        extra=_normalizer(folder),
        files=files,
    )


def prompts_of(code: str, needed_by: Path) -> dict[str, Any]:
    """The `prompts.toml` of the pack `code`, {} for ""; `Problem` if the pack has none. `needed_by`: the folder of the
    pack that falls back to it."""
    if not code:
        return {}
    prompts = read_toml(next((f / code / "prompts.toml" for f in reversed(folders()) if (f / code).is_dir()), Path()))
    if not prompts:
        raise Problem(
            f"{needed_by / 'pack.toml'}: prompts_from: {code} has no prompts.toml; name a language that has one"
        )
    return prompts


def completed(own: dict[str, Any], fallback: dict[str, Any]) -> dict[str, Any]:
    """`own` together with the keys that only `fallback` has, table by table."""
    prompts = dict(own)
    for key, value in fallback.items():
        if isinstance(value, dict) and isinstance(prompts.get(key, {}), dict):
            prompts[key] = completed(prompts.get(key, {}), value)
        else:
            prompts.setdefault(key, value)
    return prompts


FORMS = {
    "tuple_type": 'a list, such as ["a", "b"]',
    "int_type": "an integer, such as 1_000_000",
    "float_type": "a number",
    "string_type": 'a text in quotes, such as "a"',
    "bool_type": "true or false",
    "dict_type": "a table",
}
"""Pydantic's names of types -> TOML's."""


def explain(error: ValidationError, *within: str) -> str:
    """A pydantic error as `key: what is wrong`, one per line. `within`: the tables that the keys belong to."""
    return "\n  ".join(f"{'.'.join(map(str, (*within, *e['loc']))) or 'file'}: {_plain(e)}" for e in error.errors())


def _plain(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key (misspelled?)"
    if error["type"] == "missing":
        return str(error["msg"])
    if error["type"] in FORMS:
        return f"write {FORMS[error['type']]}, not {error['input']!r}"
    return f"{error['msg']} (got {error['input']!r})"


def read_table(path: Path, model: type[Table]) -> Table:
    """A TOML file of a pack as `model`, with its defaults if the file does not exist; `Problem` names file and key."""
    try:
        return model.model_validate(read_toml(path))
    except ValidationError as error:
        raise Problem(f"{path}: {explain(error)}") from error


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file of a pack, {} if it does not exist."""
    return read_whole(path) if path.is_file() else {}


def _lines(path: Path) -> tuple[str, ...]:
    """Lines of a word list; `#` starts a comment."""
    lines = (unicodedata.normalize("NFC", line.split("#")[0].strip()) for line in read_text(path).splitlines())
    return tuple(line for line in lines if line)


def _normalizer(folder: Path) -> Callable[[str], str] | None:
    path = folder / "normalize.py"
    if not path.is_file():
        return None
    module = ModuleType(f"anatili.lang.{folder.name}.normalize")
    try:
        exec(compile(read_text(path), path, "exec"), vars(module))  # an import would leave a __pycache__ in the pack
        normalize: Callable[[str], str] = module.normalize
    except Exception as error:  # the author of a pack may have written anything
        raise Problem(f"{path} cannot be used: {type(error).__name__}: {error}") from error
    return normalize
