"""A question put into the language of documents by its words, for people who work in two languages.

The words with which people ask are known in every language (`questions.toml` of the packs), so what kind of answer is
wanted is known too. The words that the question is about are looked up in `dictionary.tsv`; names and numbers stay.
In their own language people also write as two words what the texts write as one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from anatili.lang import LanguagePack, load_pack
from anatili.lang.dictionary import dictionary
from anatili.lang.stemming import stem
from anatili.search.searcher import Search
from anatili.serve.question import Question

SHORTEST = 2
"""Letters of the second of two words that are written as one: with fewer the term is a form of the first."""
MOST = 6
"""Translations of a word that are looked for."""


def translated(question: Question, to: LanguagePack, search: Search) -> Question:
    """The question in another language. Of the words that a word may be there, one that the texts have goes first."""
    own = load_pack(question.language)
    first: dict[str, str] = {}
    also: dict[str, tuple[str, ...]] = {}
    for word in (*question.earlier, *question.words):
        found = [other for other in meant(own.lower(word), own, to) if is_known(other, to, search)]
        first[word] = found[0] if found else next(iter(meant(own.lower(word), own, to)), word)
        also[first[word]] = tuple(dict.fromkeys((*also.get(first[word], ()), *found[1:MOST])))
    return replace(
        question,
        language=to.code,
        words=tuple(dict.fromkeys(first[word] for word in question.words)),
        earlier=tuple(dict.fromkeys(first[word] for word in question.earlier)),
        focus=first.get(question.focus, ""),
        also={word: others for word, others in also.items() if others},
        asked_in=question.language,
    )


def widened(question: Question, packs: Mapping[str, LanguagePack], search: Search) -> Question:
    """The question in its own language, two neighboring words also as one if the texts write them so (Хан Тәңірі,
    Хантәңірі)."""
    pack = packs[question.language]
    also: dict[str, tuple[str, ...]] = {}
    for first, second in pairwise(question.words):
        joined = pack.lower(first + second)
        if first.isalpha() and second.isalpha() and (whole := as_one(joined, len(first), search)):
            also[first], also[second] = (*also.get(first, ()), whole), (whole,)
    return replace(question, also=also)


def as_one(joined: str, first: int, search: Search) -> str:
    """The term of the texts with which two words written as one begin, which is more than the first word of so many
    letters and the beginning of the second; "" if there is none."""
    terms = (term for word in search.read(joined) for term in word.terms)
    return max(
        (term for term in terms if joined.startswith(term) and len(term) > first + SHORTEST), key=len, default=""
    )


def is_known(word: str, pack: LanguagePack, search: Search) -> bool:
    """Whether the texts have a word in some form."""
    return search.frequency(stem(word, pack)) > 0


def meant(word: str, own: LanguagePack, to: LanguagePack) -> tuple[str, ...]:
    """The words of another language that a word in lower case may be, the likeliest first."""
    table = _by_stem(own.code, own.folder, to.code, to.folder)
    exact = dictionary(to).get(own.code, {}).get(word, ())
    return tuple(dict.fromkeys((*exact, *table.get(stem(word, own), ()))))


@lru_cache
def _by_stem(code: str, folder: Path, to: str, to_folder: Path) -> dict[str, tuple[str, ...]]:
    """Stems of a language -> words of another."""
    own, table = load_pack(code), dictionary(load_pack(to)).get(code, {})
    return dict(_joined((stem(word, own), words) for word, words in table.items()))


def _joined(rows: Iterator[tuple[str, tuple[str, ...]]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    found: dict[str, dict[str, None]] = {}
    for key, words in rows:
        found.setdefault(key, {}).update(dict.fromkeys(words))
    return ((key, tuple(words)) for key, words in found.items())
