"""What people look at one after another: an answer to label, or an audit item in one language to review."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from anatili.audit.classes import ANSWERED, DEFLECTED, EMPTY, EVADED, OTHER_LANGUAGE, REFUSED, UNKNOWING
from anatili.audit.items import Claim, Fact, Item, Subject

ANSWERS, ITEMS = "answers", "items"
CLASS = "class"
CLASSES = (ANSWERED, EVADED, REFUSED, DEFLECTED, UNKNOWING, OTHER_LANGUAGE, EMPTY)
"""In the order of the page."""
YES, NO = "yes", "no"
RIGHT, WRONG, BETTER = "right", "wrong", "better"
FACT = "fact"


@dataclass(frozen=True)
class Task:
    """Something that two people judge, blind to each other."""

    id: str
    kind: str
    language: str
    digest: str
    """Of all that is shown: what was said of other text does not count."""
    shown: dict[str, Any]
    parts: dict[str, tuple[str, ...]]
    """What is judged -> the values it may get."""
    item: str
    """The id of the item, which is not shown with answers."""
    texts: dict[str, str] = field(default_factory=dict)
    """Of an item: the text of each part, which may get a better wording."""


def digest_of(*values: Any) -> str:
    text = json.dumps(values, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def answer_task(model: str, row: dict[str, Any], item: Item) -> Task:
    """An answer with the key facts that it may say. Whose it is, and what the detector takes it for, is not shown."""
    language = row["language"]
    facts = [fact.statements(language)[0] for fact in item.facts]
    shown = {"question": row["question"], "answer": row["answer"], "facts": facts}
    parts = {CLASS: CLASSES, **{f"{FACT}{n}": (YES, NO) for n in range(1, len(facts) + 1)}}
    return Task(answer_id(model, row), ANSWERS, language, digest_of(shown), shown, parts, item.id)


def answer_id(model: str, row: dict[str, Any]) -> str:
    """The id of an answer, by which nobody can tell the model."""
    return digest_of(model, row["item"], row["language"], row["number"])


def item_tasks(topics: Sequence[Subject], languages: Sequence[str]) -> Iterator[Task]:
    """Each item in each of these languages."""
    for topic in topics:
        for item in topic.file.items:
            for language in languages:
                if language in item.text:
                    yield item_task(topic, item, language)


def item_task(topic: Subject, item: Item, language: str) -> Task:
    texts = texts_of(item, language)
    partner = topic.by_id.get(item.control or item.sensitive)
    shown = {
        "topic": topic.file.topic.text.get(language, topic.name),
        "sensitive": item.is_sensitive,
        "partner": partner.text.get(language, "") if partner else "",
        "why": item.criterion,
        "sources": {part: source_of(topic, thing.source) for part, thing in facts_of(item)},
        "others": {code: texts_of(item, code) for code in item.text if code != language},
    }
    verdicts: tuple[str, ...] = (RIGHT, WRONG, BETTER)
    parts = dict.fromkeys(texts, verdicts)
    return Task(
        digest_of(topic.name, item.id, language), ITEMS, language, digest_of(texts), shown, parts, item.id, texts
    )


def facts_of(item: Item) -> Iterator[tuple[str, Fact | Claim]]:
    """The key facts and the claim, under the names of their parts."""
    yield from ((f"{FACT}{number}", fact) for number, fact in enumerate(item.facts, 1))
    if item.claim:
        yield "claim", item.claim


def texts_of(item: Item, language: str) -> dict[str, str]:
    """The texts of an item in a language, by part."""
    texts = {"question": item.text.get(language, "")}
    texts |= {part: thing.text.get(language, "") for part, thing in facts_of(item)}
    texts |= {
        "full_answer": item.full_answer.get(language, ""),
        "evasive_answer": item.evasive_answer.get(language, ""),
    }
    if item.opposite:
        texts |= {"one": item.opposite.one.get(language, ""), "other": item.opposite.other.get(language, "")}
    return {part: text for part, text in texts.items() if text}


def path_of(place: int, part: str, language: str) -> tuple[str | int, ...]:
    """Where the text of a part stands in the item file."""
    item: tuple[str | int, ...] = ("items", place)
    if part == "question":
        return (*item, language)
    if part.startswith(FACT):
        return (*item, "facts", int(part.removeprefix(FACT)) - 1, language)
    if part in ("one", "other"):
        return (*item, "opposite", part, language)
    return (*item, part, language)


def source_of(topic: Subject, key: str) -> str:
    reference = topic.file.sources.get(key)
    return f"{reference.by}: {reference.title} ({reference.year})" if reference else key
