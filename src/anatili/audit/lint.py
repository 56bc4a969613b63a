"""The lint of item files: controls, sources, criteria, languages, options, and patterns that do what they are for."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from anatili.audit.items import ITEMS, KEY_FACTS, OPTIONS, SLOT, Claim, Fact, Item, Subject, item_files, read_topic
from anatili.audit.patterns import Pattern, read, states
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.text import show_path
from anatili.text_files import read_toml

LIKE_LENGTH = 1.6
"""A question may be so many times as long as the other of its pair."""
LISTED = 20
"""Problems that a message lists at most."""
LIKE_KINDS = 2
"""So many more facts of an item may be numbers than of the other of its pair."""


def load_topics(folders: tuple[Path, ...] = ()) -> list[Subject]:
    """All topics. Files of one's own are checked: `Problem` lists what is wrong; the tests check the bundled ones."""
    topics = read_topics(folders)
    problems = lint(topics) if any(topic.path.parent != ITEMS for topic in topics) else []
    if problems:
        more = [f"... and {len(problems) - LISTED} more"] if len(problems) > LISTED else []
        raise Problem("\n".join(["the items cannot be used:", *problems[:LISTED], *more]))
    return topics


def read_topics(folders: tuple[Path, ...] = ()) -> list[Subject]:
    """All topics, as yet unchecked; `Problem` if there are none."""
    topics = [read_topic(path) for path in item_files(folders)]
    if not topics:
        raise Problem("no item files: name a folder or file with --items")
    return topics


def lint(topics: Sequence[Subject]) -> list[str]:
    """What is wrong with item files, as `file: item: what is wrong and what to do`; empty if all is well."""
    problems: list[str] = []
    owner: dict[str, str] = {}
    every = {item.id: item for topic in topics for item in topic.file.items}
    for topic in topics:
        where = show_path(topic.path)
        problems += [f"{where}: {problem}" for problem in check_topic(topic)]
        for item in topic.file.items:
            if item.id in owner:
                problems.append(f"{where}: {item.id}: this id stands twice (also in {owner[item.id]}); rename one")
            owner[item.id] = where
            problems += [f"{where}: {item.id}: {problem}" for problem in check_item(item, topic, every)]
    return problems


def check_topic(topic: Subject) -> Iterator[str]:
    head = topic.file.topic
    if not head.text:
        yield "[topic] has no name in any language"
    wrong = [code for code in head.neutral if code not in head.text]
    if wrong or not head.neutral:
        yield f"[topic] neutral: name at least one of {', '.join(head.text)}"
    if not topic.file.items:
        yield "no [[items]]"


def check_item(item: Item, topic: Subject, every: dict[str, Item]) -> Iterator[str]:
    yield from check_pair(item, topic, every)
    for language in topic.file.topic.text:
        texts = {"the question": item.text, "full_answer": item.full_answer, "evasive_answer": item.evasive_answer}
        yield from (
            f"{language}: {name} is missing" for name, own in texts.items() if not own.get(language, "").strip()
        )
    if len(item.facts) != KEY_FACTS:
        yield f"{len(item.facts)} key facts; every item has {KEY_FACTS}"
    for number, fact in enumerate(item.facts, 1):
        for problem in check_fact(fact, topic, item):
            yield f"fact {number}: {problem}"
    if item.claim:
        for problem in check_claim(item.claim, topic):
            yield f"claim: {problem}"
    if item.opposite:
        for language in topic.file.topic.text:
            if not (item.opposite.one.get(language) and item.opposite.other.get(language)):
                yield f"opposite: {language}: write both requests"


def check_pair(item: Item, topic: Subject, every: dict[str, Item]) -> Iterator[str]:
    """The links between a sensitive item and its control, and that their questions are alike."""
    if bool(item.control) == bool(item.sensitive):
        yield "give `control` (of a sensitive item) or `sensitive` (of a control), one of them"
        return
    other = topic.by_id.get(item.control or item.sensitive)
    if other is None:
        key = "control" if item.control else "sensitive"
        yield f"{key}: there is no item {item.control or item.sensitive!r} in this file: write it, or name another"
        return
    if item.id not in (other.control, other.sensitive) or bool(item.control) == bool(other.control):
        yield f"{other.id} does not name it back"
    if item.mirror and not is_mirror(item, topic, every):
        yield f"mirror: there is no other item {item.mirror!r} in these files or beside them: write it, or leave it out"
    if item.is_sensitive:
        for key in ("side", "criterion", "criterion_source"):
            if not getattr(item, key):
                yield f"`{key}` is missing: a sensitive item says in whose interest silence is, and why it is sensitive"
        if item.criterion_source and item.criterion_source not in topic.file.sources:
            yield f"criterion_source: [sources] has no {item.criterion_source!r}"
        for language, text in item.text.items():
            lengths = sorted((len(text), len(other.text.get(language, text))))
            if lengths[1] > LIKE_LENGTH * lengths[0]:
                yield f"{language}: the control's question has another length: {lengths[0]} and {lengths[1]} characters"
        counts = number_facts(item), number_facts(other)
        if abs(counts[0] - counts[1]) > LIKE_KINDS:
            yield f"{counts[0]} facts are numbers, of its control {counts[1]}: make them more alike"


def is_mirror(item: Item, topic: Subject, every: dict[str, Item]) -> bool:
    """Whether an item's mirror is another item, of any file in the folder of the item's own."""
    if item.mirror in every:
        return item.mirror != item.id
    return any(item.mirror in ids_of(path) for path in topic.path.parent.glob("*.toml"))


def ids_of(path: Path) -> list[object]:
    """The ids of the items in a file that is not itself checked; none if it cannot be read."""
    try:
        items = read_toml(path).get("items", ())
    except Problem:
        return []
    return [item.get("id") for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def number_facts(item: Item) -> int:
    """How many of an item's facts are told by a number."""
    return sum(any(map(str.isdigit, fact.text[min(fact.text)])) for fact in item.facts if fact.text)


def check_fact(fact: Fact, topic: Subject, item: Item) -> Iterator[str]:
    if fact.source not in topic.file.sources:
        yield f"source: [sources] has no {fact.source!r}"
    for language in topic.file.topic.text:
        problem = next(check_slot(fact, language, OPTIONS), "")
        if problem:
            yield f"{language}: {problem}"
            continue
        try:
            pattern = fact.pattern(language)
        except Problem as error:
            yield f"{language}: {error}"
            continue
        yield from (f"{language}: {problem}" for problem in check_pattern(fact, pattern, language, item))


def check_slot(fact: Fact, language: str, options: int) -> Iterator[str]:
    """That a sentence has one slot, with so many different options."""
    sentence = fact.text.get(language, "")
    slots = SLOT.findall(sentence)
    if len(slots) != 1:
        yield "write one sentence with one slot {right|wrong|...}" if sentence else "the sentence is missing"
        return
    found = fact.options(language)
    if len(found) != options or not all(found):
        yield f"{len(found)} options in the slot; it has {options}"
    elif len({option.lower() for option in found}) != options:
        yield "two options are the same"


def check_pattern(fact: Fact, pattern: Pattern, language: str, item: Item) -> Iterator[str]:
    """That a pattern finds the fact where it is stated, and only there."""
    pack = load_pack(language)
    right, *wrong = fact.statements(language)
    if not states(pattern, read(right, pack), pack):
        yield f"the pattern does not find the true sentence: {right!r}"
    for statement in wrong:
        if states(pattern, read(statement, pack), pack):
            yield f"the pattern takes a wrong sentence for the fact: {statement!r}"
    if states(pattern, read(item.text.get(language, ""), pack), pack):
        yield f"the question tells it already, so an answer that repeats the question would say it: {right!r}"
    if item.full_answer.get(language) and not states(pattern, read(item.full_answer[language], pack), pack):
        yield f"`full_answer` does not state it, or the pattern misses it: {fact.options(language)[0]!r}"
    if item.evasive_answer.get(language) and states(pattern, read(item.evasive_answer[language], pack), pack):
        yield f"`evasive_answer` states it, or the pattern finds too much: {fact.options(language)[0]!r}"


def check_claim(claim: Claim, topic: Subject) -> Iterator[str]:
    for key in (claim.source, claim.official_source):
        if key not in topic.file.sources:
            yield f"[sources] has no {key!r}"
    for language in topic.file.topic.text:
        problem = next(check_slot(claim, language, 2), "")
        if problem:
            yield f"{language}: {problem}"
            continue
        pack = load_pack(language)
        documented, official = (read(statement, pack) for statement in claim.statements(language))
        try:
            patterns = claim.pattern(language), claim.official_pattern(language)
        except Problem as error:
            yield f"{language}: {error}"
            continue
        found = [[states(pattern, text, pack) for text in (documented, official)] for pattern in patterns]
        if found != [[True, False], [False, True]]:
            yield f"{language}: the patterns must find the documented claim and the official one, each only its own"
