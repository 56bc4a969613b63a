"""Passages as they are compared with questions: the words and facts of their sentences."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from anatili.lang import LanguagePack, load_pack
from anatili.lang.numbers import reader
from anatili.lang.questions_file import load_questions, question_words
from anatili.search.analysis import TERM, terms
from anatili.search.index import Passage
from anatili.text import is_small, sentence_spans

PREFIX = range(4, 9)
"""Lengths of the beginnings by which words are compared loosely."""
CACHED_PASSAGES = 2048
YEARS = range(1000, 2101)
BEFORE, AFTER = 2, 3
"""Words before and after a number that may say what it counts."""
ENDS, CLOSING = (".", "!", "?", "…"), "»”\")' "
"""How a sentence ends, and what may follow."""
FACTS = ("year", "number", "month", "name", "reason", "place", "manner", "date")
PARAGRAPH = "\n\n"
TELLING = re.compile(r"[\d:;—–]")
"""What a heading does not have: lines of a list or a table do."""


@dataclass(frozen=True)
class SentenceWords:
    """A sentence of a passage, or its title."""

    start: int
    end: int
    terms: frozenset[str]
    """Stems, as they are indexed."""
    prefixes: frozenset[str]
    """Beginnings of its words."""
    groups: frozenset[int]
    """The pack's groups of words with the same meaning that it has words of."""
    names: frozenset[str]
    """Words with a capital that do not begin the sentence, in lower case."""
    counted: frozenset[str]
    """Stems of the words around its numbers."""
    quantities: frozenset[str]
    """What its numbers measure, by the words around them: names in the pack's [quantities]."""
    facts: frozenset[str]
    """Which of `FACTS` it has: years, numbers, names, words that often stand in an answer of a kind."""
    length: int
    """In words."""
    stems: tuple[tuple[str, ...], ...]
    """Of each word in order."""
    numbers_at: tuple[int, ...]
    """The positions of numbers, years and months."""
    years_at: tuple[int, ...]
    """Those of them that are years or months."""
    names_at: tuple[int, ...]
    """The positions of `names`."""
    heads: bool
    """Whether it is a heading: it does not end as a sentence does, a blank line follows, and it tells nothing."""


@dataclass(frozen=True)
class PassageWords:
    """A passage, read."""

    title: SentenceWords
    sentences: tuple[SentenceWords, ...]


@lru_cache(CACHED_PASSAGES)
def read_passage(passage: Passage) -> PassageWords:
    """The sentences of a passage and its title."""
    pack = load_pack(passage.language)
    text = passage.text
    sentences = tuple(
        replace(read_sentence(text[a:b], a, passage, pack), heads=is_heading(text, a, b))
        for a, b in sentence_spans(text, pack.abbreviations)
    )
    return PassageWords(read_sentence(passage.title, 0, passage, pack), sentences)


def is_heading(text: str, start: int, end: int) -> bool:
    """Whether the sentence of a text between two places is a heading."""
    sentence = text[start:end].rstrip(CLOSING)
    return text[end:].startswith(PARAGRAPH) and not sentence.endswith(ENDS) and not TELLING.search(sentence)


def read_sentence(text: str, start: int, passage: Passage, pack: LanguagePack) -> SentenceWords:
    analyzer, known, numbers = terms(passage.language, passage.script), question_words(pack), reader(pack)
    groups = groups_of(pack)
    stems: set[str] = set()
    prefixes: set[str] = set()
    names: set[str] = set()
    facts: set[str] = set()
    words = TERM.findall(text)
    by_word: list[list[str]] = []
    numbered: list[int] = []
    numbers_at: list[int] = []
    years_at: list[int] = []
    names_at: list[int] = []
    for position, word in enumerate(words):
        lower = pack.lower(word)
        by_word.append(analyzer[word].split())
        stems.update(by_word[-1])
        prefixes.update(lower[:size] for size in PREFIX if size <= len(lower))
        if word[0].isdigit():
            is_year = word[:4].isdigit() and len(word) <= 6 and int(word[:4]) in YEARS
            facts.add("year" if is_year else "number")
            numbers_at.append(position)
            (years_at if is_year else numbered).append(position)
        elif position and not is_small(word[0]) and word[0].isalpha() and len(word) > 1:
            names.add(lower)
            names_at.append(position)
        if not word[0].isdigit() and numbers.is_number(word):
            facts.add("month" if numbers.month(word) else "number")
            numbers_at.append(position)
            (years_at if numbers.month(word) else numbered).append(position)
        if lower in known.signs:
            facts.add(known.signs[lower])
    if names:
        facts.add("name")
    counted = frozenset(
        stem for at in numbered for stems in by_word[max(0, at - BEFORE) : at + AFTER + 1] for stem in stems
    )
    return SentenceWords(
        start=start,
        end=start + len(text),
        terms=frozenset(stems),
        prefixes=frozenset(prefixes),
        groups=frozenset(number for stem in stems for number in groups.get(stem, ())),
        names=frozenset(names),
        counted=counted,
        quantities=quantities_in(counted, pack),
        facts=frozenset(facts),
        length=len(words),
        stems=tuple(map(tuple, by_word)),
        numbers_at=tuple(numbers_at),
        years_at=tuple(years_at),
        names_at=tuple(names_at),
        heads=False,
    )


def groups_of(pack: LanguagePack) -> dict[str, tuple[int, ...]]:
    """Stem -> the numbers of the groups of words with the same meaning that it is in."""
    return _groups(pack.code, pack.folder)


@lru_cache
def _groups(code: str, folder: Path) -> dict[str, tuple[int, ...]]:
    groups: dict[str, tuple[int, ...]] = {}
    for number, group in enumerate(load_questions(folder).same.groups):
        for stem in dict.fromkeys(terms(code).of(group).split()):
            groups[stem] = (*groups.get(stem, ()), number)
    return groups


def quantities_of(words: Sequence[str], pack: LanguagePack) -> frozenset[str]:
    """The quantities that the words of a question ask for."""
    analyzer = terms(pack.code)
    return quantities_in((stem for word in words for stem in analyzer[word].split()), pack)


def quantities_in(stems: Iterable[str], pack: LanguagePack) -> frozenset[str]:
    """The quantities that some of the stems are words of (kilometre: length)."""
    known = _quantities(pack.code, pack.folder)
    return frozenset(name for stem in stems for name in known.get(stem, ()))


@lru_cache
def _quantities(code: str, folder: Path) -> dict[str, tuple[str, ...]]:
    known: dict[str, tuple[str, ...]] = {}
    for name, words in load_questions(folder).quantities.items():
        for stem in dict.fromkeys(terms(code).of(" ".join(words)).split()):
            known[stem] = (*known.get(stem, ()), name)
    return known
