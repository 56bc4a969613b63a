"""Patterns that tell whether a text says a fact: words with any ending, numbers and dates in digits or words.

A pattern is alternatives, separated by ` | `; of one of them all terms must stand in one sentence. A term is a word
(with any ending), `word~` (any continuation), `=word` (exactly so), `#1931`, `#1.3m..1.75m` (a number in a range, `k`,
`m`, `bn`), `#38:percent` (with that unit), `@12` (a month) or `@12-16` (a day of it). A term behind `!` must not stand
there.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from anatili.lang import LanguagePack, load_pack
from anatili.lang.facts import Number, months, numbers
from anatili.lang.facts_file import load_facts
from anatili.lang.stemming import stem
from anatili.problem import Problem
from anatili.text import WORD, is_small, sentences

NUMBER = re.compile(r"(\d+(?:\.\d+)?|\d+/\d+)(k|m|bn)?")
SCALES = {"": 1, "k": 1000, "m": 10**6, "bn": 10**9}
DATE = re.compile(r"(?<!\d)(?:(\d{4})-(\d\d)-(\d\d)|(\d{1,2})[./](\d{1,2})[./](\d{4}))(?!\d)")
PARTS = re.compile(r"[-‑]")
APOSTROPHES = re.compile(r"['’ʼ]")
LONGEST_ENDING = 6
"""Letters that may follow a name as its endings."""
DAYS = range(1, 32)
DAY_GAP = 8
"""Characters between a month and its day: "16th of December"."""
SHORTEST_NAME = 4
"""Letters of a name that is found by its beginning; shorter ones are too often the beginning of another word."""
REMEMBERED = 50_000
"""Sentences and patterns that are kept as they were read."""
LONGEST_ANSWER = 20_000
"""Characters of an answer that are read: no real answer is longer, and a stuck model repeats itself."""


@dataclass(frozen=True)
class Sentence:
    """What a sentence says, as patterns see it."""

    words: tuple[str, ...]
    """In lowercase, parts of hyphenated words apart, without what follows an apostrophe."""
    stems: frozenset[str]
    numbers: tuple[Number, ...]
    values: frozenset[float]
    """Values of the numbers, and days and years of dates in digits."""
    months: frozenset[int]
    dates: frozenset[tuple[int, int]]
    """Months with the day that stands beside them."""


@dataclass(frozen=True)
class Term:
    """One condition on a sentence."""

    kind: str
    """`word`, `prefix`, `exact`, `number`, `month` or `date`, of which `low` is the month and `high` the day."""
    word: str = ""
    name: bool = False
    """Whether a word is a name: with a capital letter."""
    low: float = 0.0
    high: float = 0.0
    unit: str = ""
    denied: bool = False


Pattern = tuple[tuple[Term, ...], ...]
"""Alternatives, each with terms that must all hold in one sentence."""


def parse(text: str, pack: LanguagePack) -> Pattern:
    """The pattern written in `text`; `Problem` says what cannot be read."""
    return _parse(text, pack.code)


@lru_cache(REMEMBERED)
def _parse(text: str, code: str) -> Pattern:
    pack = load_pack(code)
    alternatives = tuple(
        tuple(parse_term(term, pack) for term in alternative.split()) for alternative in text.split("|")
    )
    if not all(any(not term.denied for term in terms) for terms in alternatives):
        raise Problem(f"the pattern {text!r} has an empty alternative")
    return alternatives


def parse_term(text: str, pack: LanguagePack) -> Term:
    if text.startswith("!"):
        term = parse_term(text[1:], pack)
        return Term(term.kind, term.word, term.name, term.low, term.high, term.unit, denied=True)
    if text.startswith("#"):
        span, _, unit = text[1:].partition(":")
        low, _, high = span.partition("..")
        return Term("number", low=read_number(low), high=read_number(high or low), unit=unit)
    if text.startswith("@"):
        month, dash, day = text[1:].partition("-")
        if not month.isdecimal() or not 1 <= int(month) <= 12 or (dash and not day.isdecimal()):
            raise Problem(f"{text!r} is not a month or day: write @12 or @12-16")
        return Term("date" if dash else "month", low=float(month), high=float(day or 0))
    kind = "exact" if text.startswith("=") else "prefix" if text.endswith("~") else "word"
    word = text.strip("=~")
    if not word or not any(map(str.isalpha, word)):
        raise Problem(f"{text!r} is not a word; numbers are written #1931")
    return Term(kind, pack.lower(word), name=not is_small(word[0]) and word[0].isalpha())


def read_number(text: str) -> float:
    match = NUMBER.fullmatch(text)
    if not match:
        raise Problem(f"{text!r} is not a number as patterns write it: 1931, 38.5, 1/3, 40k, 1.5m, 2bn")
    return float(Fraction(match[1]) * SCALES[match[2] or ""])


def derive(text: str, pack: LanguagePack) -> Pattern:
    """The pattern of a short text, such as an option: all its numbers, months and words that are not stop words."""
    return _derive(text, pack.code)


@lru_cache(REMEMBERED)
def _derive(text: str, code: str) -> Pattern:
    pack = load_pack(code)
    numerals = numbers(text, pack)
    days = days_of(text, numerals, pack)
    terms = [Term("date", low=float(month), high=float(day)) for month, day, _ in days]
    taken = {place for _, _, place in days}
    terms += [Term("number", low=float(n.value), high=float(n.value)) for n in numerals if n.start not in taken]
    worded = [(number.start, number.last) for number in numerals]
    for match in WORD.finditer(text):
        if any(start <= match.start() < last for start, last in worded):
            continue
        word = match.group()
        if month := next(iter(months(word, pack)), 0):
            if month not in {named for named, _, _ in days}:
                terms.append(Term("month", low=float(month)))
            continue
        for part in parts_of(word):
            if (low := pack.lower(part)) not in pack.stopwords and len(part) > 1:
                terms.append(Term("word", low, name=not is_small(part[0])))
    if not terms:
        terms = [Term("exact", pack.lower(part)) for word in WORD.findall(text) for part in parts_of(word)]
    return (tuple(terms),)


def days_of(text: str, numerals: Sequence[Number], pack: LanguagePack) -> list[tuple[int, int, int]]:
    """Month, day and where the day stands, for each month that is named with a day before or else behind it."""
    days = []
    for match in WORD.finditer(text):
        month = next(iter(months(match.group(), pack)), 0)
        if not month:
            continue
        near = [n for n in numerals if n.value in DAYS and 0 <= match.start() - n.end <= DAY_GAP]
        near = near or [n for n in numerals if n.value in DAYS and 0 <= n.start - match.end() <= DAY_GAP]
        days += [(month, int(n.value), n.start) for n in near[:1]]
    return days


def parts_of(word: str) -> list[str]:
    """A word's parts between hyphens, each without an apostrophe and what follows it."""
    return [bare for part in PARTS.split(word) if (bare := APOSTROPHES.split(part)[0])]


def read(text: str, pack: LanguagePack) -> list[Sentence]:
    """The sentences of a text, ready for patterns."""
    return list(_read(text[:LONGEST_ANSWER], pack.code))


@lru_cache(8192)
def _read(text: str, code: str) -> tuple[Sentence, ...]:
    pack = load_pack(code)
    text = pack.normalize(text)
    return tuple(read_sentence(sentence, pack) for sentence in sentences(text, abbreviations(code)))


@lru_cache(32)
def abbreviations(code: str) -> frozenset[str]:
    """A pack's abbreviations, which it makes anew each time."""
    return load_pack(code).abbreviations


def read_sentence(text: str, pack: LanguagePack) -> Sentence:
    return _read_sentence(text, pack.code)


@lru_cache(REMEMBERED)
def _read_sentence(text: str, code: str) -> Sentence:
    pack = load_pack(code)
    numerals = numbers(text, pack)
    values, named = {float(number.value) for number in numerals}, set(months(text, pack))
    dates = {(month, day) for month, day, _ in days_of(text, numerals, pack)}
    for match in DATE.finditer(text):
        year, month, day = (match[1], match[2], match[3]) if match[1] else (match[6], match[5], match[4])
        values |= {float(day), float(year)}
        named |= {int(month)}
        dates |= {(int(month), int(day))}
    words = tuple(pack.lower(part) for word in WORD.findall(text) for part in parts_of(word))
    return Sentence(
        words,
        frozenset(stem_of(w, code) for w in words),
        tuple(numerals),
        frozenset(values),
        frozenset(named),
        frozenset(dates),
    )


def states(pattern: Pattern, text: list[Sentence], pack: LanguagePack) -> bool:
    """Whether one sentence of a text fulfills one alternative of a pattern."""
    return any(fulfills(pattern, sentence, pack) for sentence in text)


def fulfills(pattern: Pattern, sentence: Sentence, pack: LanguagePack) -> bool:
    return any(all(holds(term, sentence, pack) != term.denied for term in terms) for terms in pattern)


def holds(term: Term, sentence: Sentence, pack: LanguagePack) -> bool:
    if term.kind == "date":
        return (int(term.low), int(term.high)) in sentence.dates
    if term.kind == "month":
        return int(term.low) in sentence.months
    if term.kind == "number":
        if term.unit:
            return any(term.low <= n.value <= term.high and n.unit == term.unit for n in sentence.numbers)
        if term.low == term.high:
            return term.low in sentence.values
        return any(term.low <= value <= term.high for value in sentence.values)
    if term.kind == "exact":
        return term.word in sentence.words
    if term.kind == "prefix":
        return any(word.startswith(term.word) for word in sentence.words)
    if stem_of(term.word, pack.code) in sentence.stems:
        return True
    return any(same_word(word, term.word, term.name, pack) for word in sentence.words)


def same_word(word: str, term: str, name: bool, pack: LanguagePack) -> bool:
    """Whether a word is a form of `term`, both in lowercase."""
    if word == term:
        return True
    if name and len(term) >= SHORTEST_NAME:
        folded, of = fold(word, pack.code), fold(term, pack.code)
        if folded.startswith(of) and len(folded) - len(of) <= LONGEST_ENDING:
            return True
    if word[:2] != term[:2] or pack.morphology is None:
        return False
    shared = lemmas(word, pack.code) & lemmas(term, pack.code)
    return any(len(lemma) >= max(3, 0.6 * len(term)) for lemma in shared)


@lru_cache(REMEMBERED)
def stem_of(word: str, code: str) -> str:
    """The stem of a lowercase word; answers to one question share most of their words."""
    return stem(word, load_pack(code))


@lru_cache(REMEMBERED)
def fold(word: str, code: str) -> str:
    """A name with letters that its spellings exchange made one."""
    for letters, meant in load_facts(load_pack(code).folder).spellings.items():
        word = word.replace(letters, meant)
    return word


@lru_cache(REMEMBERED)
def lemmas(word: str, code: str) -> frozenset[str]:
    """All lemmas that a word may have by the rules of a pack."""
    morphology = load_pack(code).morphology
    return frozenset({word, *(reading.lemma for reading in morphology.readings(word))} if morphology else {word})
