"""The words of a question as they are compared with passages: their terms, their weights and how rare they are."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import log

from anatili.lang import LanguagePack, load_pack
from anatili.lang.questions_file import load_questions
from anatili.lang.spelling import likeness, sounds
from anatili.lang.stemming import stem
from anatili.search.query import SAME_LENGTH, SAME_NAME, SHORTEST, TYPED, QueryWord
from anatili.search.searcher import Search
from anatili.serve.common_words import is_everyday
from anatili.serve.passage_words import PREFIX, groups_of
from anatili.serve.question import Question

SHARED, SHARED_BY_UNKNOWN = 0.65, 0.75
"""Share of a word's letters that another word must begin with to be loosely the same; of a word that no passage has."""
FEWEST = 500
"""Passages that are taken for granted when rarity is judged."""
ENDING = 4
"""Most letters of a word of a question behind a stem that is the same."""
APOSTROPHE = re.compile("['’ʼ]")


@dataclass(frozen=True)
class AskedWord:
    """A word of a question as it is compared with passages."""

    lower: str
    terms: frozenset[str]
    prefix: str
    """The beginning that a word loosely the same has; "" for a short word."""
    groups: frozenset[int]
    weight: float
    """Its share of the weight of all words."""
    rarity: float
    """How rare it is, 1 for a word that no passage has."""
    own: bool
    """Whether it is in the question itself, not only in an earlier one."""
    guessed: bool
    alike: float
    """Share of its letters with which the terms that were guessed for it begin; 1 if it was not guessed."""
    capital: bool
    first: bool
    """Whether it has a capital and begins the message: it may be a name or not."""
    focus: bool
    """Whether it names what is asked for."""
    special: bool
    """Whether it is no common word of the language: a name, or a word of a special subject."""


def asked_words(question: Question, search: Search) -> list[AskedWord]:
    """The words of a question with their weights, which add up to 1."""
    read, pack = search.read(question.query), load_pack(question.language)
    own, groups = set(question.words), groups_of(pack)
    # Where it is not known which words ask, a capital at the start says nothing: most questions begin with such a word.
    knows_asking = bool(load_questions(pack.folder).kinds)
    words: list[AskedWord] = []
    for word in read:
        lower = pack.lower(word.word)
        found = frozenset(sure_terms(word, lower, pack))
        if others := search.read(" ".join(question.also.get(word.word, ()))):
            found = found.union(*(sure_terms(other, pack.lower(other.word), pack) for other in others))
        words.append(
            AskedWord(
                lower=lower,
                terms=found,
                prefix=prefix_of(lower, SHARED_BY_UNKNOWN if word.guessed else SHARED),
                groups=frozenset(group for term in {stem(lower, pack), *found} for group in groups.get(term, ())),
                weight=0.0,
                rarity=rarity_of(word, search) if found or not word.guessed else 1.0,
                own=word.word in own or not question.words,
                guessed=word.guessed,
                alike=max((alike(lower, term) for term in found), default=0.0) if word.guessed else 1.0,
                capital=word.word[0].isupper() and not question.text.startswith(word.word),
                first=knows_asking and word.word[0].isupper() and question.text.startswith(word.word),
                focus=word.word == question.focus,
                special=not is_everyday(plain_part(lower), pack),
            )
        )
    words = [word for word in words if word.rarity] or [replace(word, rarity=1.0) for word in words]
    total = sum(word.rarity for word in words)
    return [replace(word, weight=word.rarity / total) for word in words]


def plain_part(word: str) -> str:
    """A word without what follows an apostrophe: an ending of a name, mostly."""
    return APOSTROPHE.split(word)[0]


def rarity_of(word: QueryWord, search: Search) -> float:
    """How rare a word is, from 0 for a stop word to 1 for one that no passage has. In a few passages no word is rare,
    which says little about it: it is compared with what it would be among more."""
    if not search.rarity(word):
        return 0.0
    size, frequency = max(search.size(), FEWEST), max(map(search.frequency, word.terms), default=0)
    return log(1 + (size - frequency + 0.5) / (frequency + 0.5)) / log(1 + (size + 0.5) / 0.5)


def sure_terms(word: QueryWord, lower: str, pack: LanguagePack) -> Iterator[str]:
    """The terms of a word. If it was guessed, those that differ from it by a slip or by the spelling of a name."""
    own = stem(lower, pack)
    for term, weight in word.terms.items():
        is_sure = weight == 1 or (weight == TYPED and not word.guessed)
        has_ending = len(term) > SHORTEST and len(lower) <= len(term) + ENDING
        beginning = lower[: len(term) + 1] if has_ending else own
        if is_sure or is_slip(own, term) or is_slip(beginning, term) or is_same_name(own, term):
            yield term


def alike(word: str, other: str) -> float:
    """Share of the sounds with which two words begin alike."""
    first, second = sounds(word), sounds(other)
    common = next((n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), len(second))
    return min(1.0, common / max(1, len(first), len(second)))


def is_same_name(word: str, other: str) -> bool:
    """Whether two words of five letters or more are alike: shorter ones are by chance (Etna, ethnic)."""
    is_long = min(len(word), len(other)) > SHORTEST
    return is_long and abs(len(word) - len(other)) <= SAME_LENGTH and likeness(word, other) >= SAME_NAME


def is_slip(word: str, other: str) -> bool:
    """Whether two words of four letters or more differ by one letter: a missing one, two swapped, or, in words of five
    or more, another one (Denali is no slip of a word with the stem "dene")."""
    if min(len(word), len(other)) < SHORTEST or abs(len(word) - len(other)) > 1:
        return False
    start = next((n for n, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    rest, other_rest = word[start:], other[start:]
    return (
        (rest[1:] == other_rest[1:] and (len(word) > SHORTEST or rest == other_rest))
        or rest[1:] == other_rest
        or rest == other_rest[1:]
        or (rest[:2] == other_rest[1::-1] and rest[2:] == other_rest[2:])
    )


def prefix_of(word: str, shared: float) -> str:
    """The letters that a word loosely the same begins with."""
    size = min(max(PREFIX[0], round(shared * len(word))), PREFIX[-1])
    return word[:size] if len(word) >= size else ""
