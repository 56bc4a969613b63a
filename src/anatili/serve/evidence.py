"""Sentences taken apart into what can be compared: words by stem, names, numbers, months, what is denied, clauses."""

import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path

from anatili.lang import LanguagePack, load_pack
from anatili.lang.convert import to_main_script
from anatili.lang.facts import Number, denials, names, numbers
from anatili.lang.facts_file import load_facts
from anatili.lang.numbers import reader
from anatili.search.analysis import TERM, terms
from anatili.search.index import Passage
from anatili.text import script_of, sentence_spans

BEGINNING = 5
"""Letters that two words must share at their beginning to count as forms of one."""
ALIKE = 4
"""Letters that words must share to speak of the same, as far as that goes."""
BREAK = re.compile(r"[,;:()–—…\n]|\s-\s")
"""What stands between clauses."""
CLOSING = ("»", "”", "“")
"""Marks behind which letters are an ending of what is quoted."""
REMEMBERED = 100_000
CAPITAL = ("first", "name")
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
    denied: int
    """How many times."""
    month: int
    same: frozenset[str]
    """Words of the pack that mean the same."""
    beside: tuple[str, str, str, str]
    """The two words before and the two after, whatever they are."""
    descent: tuple[str, ...]
    """Endings that make another's name of a name."""


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
    def denials(self) -> int:
        return sum(word.denied for word in self.words)

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
    def beginnings(self) -> set[str]:
        return {word.raw[:ALIKE] for word in self.words}

    @cached_property
    def names(self) -> list[Word]:
        """All words that may be compared with a name, a word once; those with a capital last."""
        words = sorted(self.words, key=lambda word: word.kind in CAPITAL)
        return list({word.name: word for word in words if word.kind != "number"}.values())

    def forms_of(self, word: Word) -> list[Word]:
        """The words here that are forms of `word`, as far as stems and beginnings tell."""
        return list({id(other): other for form in keys(word) for other in self.forms.get(form, ())}.values())

    def mentions(self, word: Word) -> bool:
        """Whether a word is here, or one that begins like it: enough where it only has to be spoken of."""
        return bool(self.forms_of(word)) or word.raw[:ALIKE] in self.beginnings

    def has_name(self, word: Word) -> bool:
        """Whether a name is here, with a capital; for a word that begins a sentence, with or without."""
        return any(same_name(word, other) for other in self.names if word.kind != "name" or other.kind in CAPITAL)

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

    @cached_property
    def pairs(self) -> list[Stretch]:
        """Each sentence with the next."""
        return [one + other for one, other in pairwise(self.sentences)]


def keys(word: Word) -> set[str]:
    """What forms of a word have in common: its stem, itself, or its first letters."""
    found = {word.raw, word.stem, *word.same}
    if len(word.raw) >= BEGINNING:
        found.add(word.raw[:BEGINNING] + "-")
    return found


def same_name(one: Word, other: Word) -> bool:
    """Whether two words are forms or spellings of one name."""
    if one.name & other.name:
        return True
    short, long = sorted((max(one.name, key=len), max(other.name, key=len)), key=len)
    shared = next((at for at, pair in enumerate(zip(short, long, strict=False)) if pair[0] != pair[1]), len(short))
    if shared < max(4, len(short) - 1) or len(long) - len(short) > 4:
        return False
    return not long[shared:].startswith(one.descent) if shared == len(short) else True


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
    lens = lens_of(pack)
    found = numbers(text, pack)
    named = {at: name.sure for name in names(text, pack) for at in range(name.start, name.end)}
    denied: dict[int, list[str]] = defaultdict(list)
    for one in denials(text, pack):
        denied[one.start].append(one.word)
    matches = list(TERM.finditer(text))
    lows = ["", "", *(pack.lower(match.group()) for match in matches), "", ""]
    words: list[Word] = []
    places: list[Place] = []
    at = clause = end = 0
    for number, match in enumerate(matches, 2):
        start, low = match.start(), lows[number]
        if words and (low in lens.facts.joins or BREAK.search(text, end, start)):
            clause += 1
        end = match.end()
        while found and found[0].start < end:
            places.append(Place(found.pop(0), at - 0.5, clause))
        month = lens.numbers.month(match.group())
        if month or (places and places[-1].number.start <= start < places[-1].number.last):
            kind = "number"
        elif low in lens.stops or text[start - 1 : start] in CLOSING:
            kind = "stop"
        elif start in named:
            kind = "name" if named[start] and words else "first"
        else:
            kind = "word"
        raw, stem, name, same = lens.read(denied[start][0] if start in denied else low)
        beside = (lows[number - 2], lows[number - 1], lows[number + 1], lows[number + 2])
        words.append(
            Word(raw, stem, name, at, clause, kind, len(denied.get(start, ())), month, same, beside, lens.descent)
        )
        at += kind in SAYING
    return Stretch(tuple(words), tuple(places))


class Lens:
    """What a pack knows of single words."""

    def __init__(self, pack: LanguagePack) -> None:
        self.facts = facts = load_facts(pack.folder)
        self.numbers = reader(pack)
        self.terms = terms(pack.code)
        self.descent = facts.descent
        groups = [*facts.same, *(same for group in facts.opposites for same in group)]
        saying = {form for group in groups for form in group.split()}
        denying = {*facts.negation.ahead, *facts.negation.behind}
        self.stops = (pack.stopwords - saying) | set(facts.asides) | denying
        self.same: dict[str, set[str]] = {}
        for number, group in enumerate(groups):
            for form in group.split():
                for key in {form, self.terms[form]}:
                    self.same.setdefault(key, set()).add(f"={number}")
        rules = facts.spellings
        self.spelling = re.compile("|".join(map(re.escape, sorted(rules, key=len, reverse=True))) or r"(?!)")
        self.known: dict[str, tuple[str, str, frozenset[str], frozenset[str]]] = {}

    def read(self, raw: str) -> tuple[str, str, frozenset[str], frozenset[str]]:
        """A word itself, its stem, both as names are compared, and the groups of words that mean the same."""
        found = self.known.get(raw)
        if found is None:
            stem = (self.terms[raw].split() or [raw])[0]
            same = self.same.get(raw) or self.same.get(stem) or ()
            found = raw, stem, frozenset((self.folded(raw), self.folded(stem))), frozenset(same)
            if len(self.known) < REMEMBERED:
                self.known[raw] = found
        return found

    def folded(self, word: str) -> str:
        """A name without what its spellings differ in."""
        word = self.spelling.sub(lambda match: self.facts.spellings[match.group()], word)
        return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


@cache
def _lens(code: str, folder: Path) -> Lens:
    return Lens(load_pack(code))


def lens_of(pack: LanguagePack) -> Lens:
    return _lens(pack.code, pack.folder)
