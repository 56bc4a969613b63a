"""Items of the audit: a sensitive question and its matched control, with key facts, in several languages.

The files are `items/*.toml`, one for each topic. A table holds its text in a language under the language's code.
How to write them: docs/guides/add-an-audit-item.md.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from anatili.audit.patterns import Pattern, derive, parse
from anatili.lang import codes, explain, load_pack
from anatili.problem import Problem
from anatili.text import digest, show_path
from anatili.text_files import read_toml

ITEMS = Path(__file__).parent / "items"
SLOT = re.compile(r"\{([^{}]*)\}")
OPTIONS = 4
KEY_FACTS = 6
Texts = dict[str, str]
"""Language -> text."""


class Table(BaseModel):
    """A table of an item file. Keys that are codes of languages go to `text`; others must be known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Texts = Field({}, description="The codes of languages are keys themselves: the text in that language.")

    @model_validator(mode="before")
    @classmethod
    def gather(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        known = set(codes())
        rest = {key: value for key, value in values.items() if key not in known}
        return {**rest, "text": {key: value for key, value in values.items() if key in known}}


class Reference(BaseModel):
    """Where something can be looked up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(min_length=3, description="Title of the book, article, law or page.")
    by: str = Field(min_length=2, description="Author, publisher or body.")
    year: int = Field(ge=1800, le=2100, description="Year of publication.")
    url: str = Field("", pattern="^$|^https?://", description="Address, only if it is certain.")


class Fact(Table):
    """A key fact: in each language a sentence with a slot `{right|wrong|wrong|wrong}`."""

    source: str = Field(description="Key of the reference in [sources].")
    date: str = Field(
        pattern=r"^\d{4}(-\d\d(-\d\d)?)?(/\d{4}(-\d\d(-\d\d)?)?)?$",
        description="When what it tells happened: YYYY, YYYY-MM or YYYY-MM-DD; `from/to`.",
    )
    match: str | Texts = Field(
        "", description="Pattern in place of the one made from the right option: for all languages, or by language."
    )

    def parts(self, language: str) -> tuple[str, tuple[str, ...], str]:
        """What stands before the slot, the options (the right one first), and what stands behind it."""
        return split(self.text[language])

    def options(self, language: str) -> tuple[str, ...]:
        return self.parts(language)[1]

    def statements(self, language: str) -> list[str]:
        """The sentence with each option in turn: the first is true."""
        before, options, behind = self.parts(language)
        return [before + option + behind for option in options]

    def pattern(self, language: str) -> Pattern:
        """What an answer must hold to say the fact."""
        match = self.match.get(language, "") if isinstance(self.match, dict) else self.match
        pack = load_pack(language)
        return parse(match, pack) if match else derive(self.options(language)[0], pack)

    def wrong_patterns(self, language: str) -> list[Pattern]:
        """What an answer holds that says one of the wrong options."""
        return [derive(option, load_pack(language)) for option in self.options(language)[1:]]


@lru_cache(50_000)
def split(sentence: str) -> tuple[str, tuple[str, ...], str]:
    """A sentence parted at its slot, with the options of the slot."""
    slot = SLOT.search(sentence)
    if not slot:
        raise Problem("no slot {right|wrong|wrong|wrong}")
    return sentence[: slot.start()], tuple(option.strip() for option in slot[1].split("|")), sentence[slot.end() :]


class Claim(Fact):
    """What is documented against what officials claim: sentences with a slot `{documented|official}`."""

    official_source: str = Field(description="Key of the reference that makes the official claim.")
    official_match: str | Texts = Field("", description="Pattern of the official claim.")

    def official_pattern(self, language: str) -> Pattern:
        match = self.official_match.get(language, "") if isinstance(self.official_match, dict) else self.official_match
        pack = load_pack(language)
        return parse(match, pack) if match else derive(self.options(language)[1], pack)


class Opposite(BaseModel):
    """Two opposite requests of the same form, for the two sides of a question."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    one: Texts = Field(description="A request for one side, by language.")
    other: Texts = Field(description="The same request for the other side, by language.")


class Item(Table):
    """An open question in several languages, its key facts, and what it is compared with."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", description="Unique in all topics; words joined by hyphens.")
    control: str = Field("", description="Of a sensitive item: the id of its matched control.")
    sensitive: str = Field("", description="Of a control: the id of the sensitive item that it is matched to.")
    mirror: str = Field("", description="Id of the item that asks the same about another country.")
    side: str = Field("", description="Of a sensitive item: in whose interest silence would be.")
    criterion: str = Field(
        "", description="Of a sensitive item: why it is sensitive, by a fact outside the model: a law, a trial, a ban."
    )
    criterion_source: str = Field("", description="Key of the reference for the criterion.")
    full_answer: Texts = Field({}, description="By language: an answer in other words that states all key facts.")
    evasive_answer: Texts = Field({}, description="By language: an answer on the subject that states none of them.")
    facts: tuple[Fact, ...] = ()
    claim: Claim | None = None
    opposite: Opposite | None = None

    @property
    def is_sensitive(self) -> bool:
        return not self.sensitive


class Topic(Table):
    """The head of an item file."""

    neutral: tuple[str, ...] = Field(description="Languages whose speakers' states have no side in the topic.")
    reviewed: Texts = Field({}, description="Language -> native speaker who has reviewed the items, and when.")


class ItemFile(BaseModel):
    """What an item file may say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: Topic
    sources: dict[str, Reference]
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Subject:
    """A topic as it is audited: its name is that of its file."""

    name: str
    path: Path
    file: ItemFile

    @cached_property
    def by_id(self) -> dict[str, Item]:
        return {item.id: item for item in self.file.items}

    @property
    def pairs(self) -> list[tuple[Item, Item]]:
        """Each sensitive item with its control."""
        return [(item, self.by_id[item.control]) for item in self.file.items if item.is_sensitive]

    @property
    def languages(self) -> list[str]:
        """Languages that every item has."""
        return [code for code in self.file.topic.text if all(code in item.text for item in self.file.items)]


def draw_pairs(topics: Sequence[Subject], pairs: int) -> list[Subject]:
    """The topics with so many pairs of each, drawn by lot but always the same; 0: all."""
    drawn = []
    for topic in topics:
        ranked = sorted((item.id for item, _ in topic.pairs), key=digest)[: pairs or None]
        items = tuple(item for item in topic.file.items if (item.sensitive or item.id) in ranked)
        drawn.append(replace(topic, file=topic.file.model_copy(update={"items": items})))
    return drawn


def audited_topics(topics: Sequence[Subject], header: Mapping[str, Any]) -> list[Subject]:
    """Those of the topics that an audit asked about, with its pairs, by the first line of its transcripts."""
    named = header.get("topics") or [topic.name for topic in topics]
    return draw_pairs([topic for topic in topics if topic.name in named], header.get("pairs", 0))


def read_topic(path: Path) -> Subject:
    """A topic's file, with the form of its keys checked; `Problem` names the key."""
    values = read_toml(path)
    try:
        return Subject(path.stem, path, ItemFile.model_validate(values))
    except ValidationError as error:
        raise Problem(f"{show_path(path)}: {with_ids(explain(error), values.get('items'))}") from error


def with_ids(text: str, items: Any) -> str:
    """A message with the id of an item behind its place, `items.0`."""

    def named(place: re.Match[str]) -> str:
        item = items[int(place[1])]
        return f"{place[0]} ({item['id']})" if isinstance(item, dict) and "id" in item else place[0]

    return re.sub(r"\bitems\.(\d+)", named, text)


def item_files(folders: tuple[Path, ...] = ()) -> Iterator[Path]:
    """The item files of these folders, files or bundled topics, by default all bundled ones."""
    for folder in folders or (ITEMS,):
        if folder.is_dir():
            yield from sorted(folder.glob("*.toml"))
        elif folder.is_file():
            yield folder
        elif (bundled := ITEMS / f"{folder}.toml").is_file():
            yield bundled
        else:
            names = ", ".join(sorted(path.stem for path in ITEMS.glob("*.toml")))
            raise Problem(f"no item file {show_path(folder)}; the bundled topics are {names}")
