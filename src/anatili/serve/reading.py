"""Passages as they are compared with questions: the words and facts of their sentences."""

from dataclasses import dataclass
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
FACTS = ("year", "number", "month", "name", "reason", "place", "manner")


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
    facts: frozenset[str]
    """Which of `FACTS` it has: years, numbers, names, words that often stand in an answer of a kind."""
    length: int
    """In words."""


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
    sentences = tuple(read_sentence(text[a:b], a, passage, pack) for a, b in sentence_spans(text, pack.abbreviations))
    return PassageWords(read_sentence(passage.title, 0, passage, pack), sentences)


def read_sentence(text: str, start: int, passage: Passage, pack: LanguagePack) -> SentenceWords:
    analyzer, known, numbers = terms(passage.language, passage.script), question_words(pack), reader(pack)
    groups = groups_of(pack)
    stems: set[str] = set()
    prefixes: set[str] = set()
    names: set[str] = set()
    facts: set[str] = set()
    words = TERM.findall(text)
    for position, word in enumerate(words):
        lower = pack.lower(word)
        stems.update(analyzer[word].split())
        prefixes.update(lower[:size] for size in PREFIX if size <= len(lower))
        if word[0].isdigit():
            facts.add("year" if word[:4].isdigit() and len(word) <= 6 and int(word[:4]) in YEARS else "number")
        elif position and not is_small(word[0]) and word[0].isalpha() and len(word) > 1:
            names.add(lower)
        if not word[0].isdigit() and numbers.is_number(word):
            facts.add("month" if numbers.month(word) else "number")
        if lower in known.signs:
            facts.add(known.signs[lower])
    if names:
        facts.add("name")
    return SentenceWords(
        start=start,
        end=start + len(text),
        terms=frozenset(stems),
        prefixes=frozenset(prefixes),
        groups=frozenset(number for stem in stems for number in groups.get(stem, ())),
        names=frozenset(names),
        facts=frozenset(facts),
        length=len(words),
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
