"""Sentences taken apart into what can be compared: words by stem, names, numbers, months, what is denied, clauses."""

import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

from anatili.lang import LanguagePack, load_pack
from anatili.lang.convert import to_main_script
from anatili.lang.facts import Number, denials, names, numbers
from anatili.lang.facts_file import load_facts
from anatili.lang.numbers import reader
from anatili.search.analyse import TERM, terms
from anatili.search.index import Passage
from anatili.text import script_of, sentence_spans

BEGINNING = 5
"""Letters that two words must share at their beginning to count as forms of one."""
BREAK = re.compile(r"[,;:()–—…\n]|\s-\s")
"""What stands between clauses."""
SAYING = ("word", "first", "name")


@dataclass(frozen=True)
class Word:
    """A word of a sentence."""

    raw: str
    stem: str
    name: frozenset[str]
    """Both, as names are compared."""
    at: int
    """How many telling words are before it."""
    clause: int
    kind: str
    """`word`, `name`, `first` (with the capital of a sentence's beginning), `stop`, or `number` and its unit."""
    denied: bool
    month: int


@dataclass(frozen=True)
class Place:
    """A number and where it stands."""

    number: Number
    at: float
    clause: int


@dataclass(frozen=True)
class Stretch:
    """A sentence, or two, taken apart."""

    words: tuple[Word, ...] = ()
    places: tuple[Place, ...] = ()

    def of(self, *kinds: str) -> list[Word]:
        return [word for word in self.words if word.kind in kinds]

    @property
    def months(self) -> set[int]:
        return {word.month for word in self.words if word.month}

    @cached_property
    def forms(self) -> dict[str, list[Word]]:
        """Stems, words and beginnings of words -> the words."""
        found: dict[str, list[Word]] = defaultdict(list)
        for word in self.words:
            for form in keys(word):
                found[form].append(word)
        return dict(found)

    @cached_property
    def named(self) -> frozenset[str]:
        return frozenset().union(*(word.name for word in self.words))

    def forms_of(self, word: Word) -> list[Word]:
        """The words here that are forms of `word`, as far as stems and beginnings tell."""
        return list({id(other): other for form in keys(word) for other in self.forms.get(form, ())}.values())

    def has_name(self, word: Word) -> bool:
        return not self.named.isdisjoint(word.name)

    def __add__(self, other: "Stretch") -> "Stretch":
        at = 1 + max((word.at for word in self.words), default=-1)
        clause = 1 + max((word.clause for word in self.words), default=-1)
        words = (replace(word, at=word.at + at, clause=word.clause + clause) for word in other.words)
        places = (Place(one.number, one.at + at, one.clause + clause) for one in other.places)
        return Stretch((*self.words, *words), (*self.places, *places))


@dataclass(frozen=True)
class Evidence:
    """A passage, taken apart."""

    title: Stretch
    sentences: tuple[Stretch, ...]


def keys(word: Word) -> set[str]:
    """What forms of a word have in common: its stem, itself, or its first letters."""
    found = {word.raw, word.stem}
    if len(word.raw) >= BEGINNING:
        found.add(word.raw[:BEGINNING] + "-")
    return found


def prepared(text: str, pack: LanguagePack) -> str:
    """`text` in the main script with its letters put right."""
    text = pack.normalize(text)
    return text if script_of(text) in ("", pack.main_script) else to_main_script(pack, text).text


def evidence(passage: Passage) -> Evidence:
    pack = load_pack(passage.language)
    text = prepared(passage.text, pack)
    spans = sentence_spans(text, pack.abbreviations)
    title = take_apart(prepared(passage.title, pack), pack)
    return Evidence(title, tuple(take_apart(text[start:end], pack) for start, end in spans))


def take_apart(text: str, pack: LanguagePack) -> Stretch:
    """A sentence that is `prepared`."""
    facts, known = load_facts(pack.folder), terms(pack.code)
    found = numbers(text, pack)
    named = {at: name.sure for name in names(text, pack) for at in range(name.start, name.end)}
    denied = {one.start: one.word for one in denials(text, pack)}
    words: list[Word] = []
    places: list[Place] = []
    at = clause = end = 0
    for match in TERM.finditer(text):
        start, low = match.start(), pack.lower(match.group())
        if words and (low in facts.joins or BREAK.search(text, end, start)):
            clause += 1
        end = match.end()
        while found and found[0].start < end:
            places.append(Place(found.pop(0), at - 0.5, clause))
        if places and places[-1].number.start <= start < places[-1].number.last:
            kind = "number"
        elif is_stop(low, pack):
            kind = "stop"
        elif start in named:
            kind = "name" if named[start] else "first"
        else:
            kind = "word"
        raw = denied.get(start, low)
        stem = (known[raw].split() or [raw])[0]
        words.append(Word(raw, stem, folded(raw, stem, pack), at, clause, kind, start in denied,
                          reader(pack).month(match.group())))  # fmt: skip
        at += kind in SAYING
    return Stretch(tuple(words), tuple(places))


def is_stop(low: str, pack: LanguagePack) -> bool:
    return low in stops(pack.code, pack.folder)


@cache
def stops(code: str, folder: Path) -> frozenset[str]:
    """Words that tell nothing of what a sentence is about; those that only deny are among them."""
    facts = load_facts(folder)
    saying = {form for group in facts.opposites for same in group for form in same.split()}
    denying = {*facts.negation.ahead, *facts.negation.behind}
    return (load_pack(code).stopwords - saying) | set(facts.asides) | denying


def folded(raw: str, stem: str, pack: LanguagePack) -> frozenset[str]:
    """A name without what its spellings differ in."""
    return frozenset((_folded(raw, pack.folder), _folded(stem, pack.folder)))


@cache
def spelling(folder: Path) -> tuple[re.Pattern[str], dict[str, str]]:
    rules = load_facts(folder).spellings
    longest = sorted(rules, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest)) or r"(?!)"), rules


def _folded(word: str, folder: Path) -> str:
    pattern, rules = spelling(folder)
    word = pattern.sub(lambda match: rules[match.group()], word)
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))

