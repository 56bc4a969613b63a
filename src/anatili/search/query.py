"""Query analysis: the index terms that each word of a question may mean."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from anatili.lang import LanguagePack, load_pack
from anatili.lang.convert import to_main_script
from anatili.morphology.typed import Typed
from anatili.search.analysis import LONGEST, TERM, stem
from anatili.search.vocabulary import TermVocabulary, fold
from anatili.text import clean, script_of

TYPED = 0.5
"""Weight of a term that a known word could also mean if it was typed without special letters."""
MOST_WORDS = 64
"""Words of a question that are read; the rest is ignored."""


@dataclass(frozen=True)
class QueryWord:
    """A word of a question and the terms it may mean, with weights. `guessed`: the word itself is not in the index."""

    word: str
    terms: dict[str, float]
    guessed: bool = False


def read(
    question: str, packs: Mapping[str, LanguagePack], vocabulary: TermVocabulary, frequency: Callable[[str], int]
) -> list[QueryWord]:
    """The distinct words of `question`, each analyzed by all `packs`. `frequency`: the number of texts with a term."""
    words = dict.fromkeys(TERM.findall(clean(question)))
    return [read_word(word, packs, vocabulary, frequency) for word in list(words)[:MOST_WORDS]]


def read_word(
    word: str, packs: Mapping[str, LanguagePack], vocabulary: TermVocabulary, frequency: Callable[[str], int]
) -> QueryWord:
    candidates = {term for pack in packs.values() for term in meanings(word[:LONGEST], pack)}
    terms = {term: 1.0 for term in sorted(candidates) if frequency(term)}
    if terms:
        return QueryWord(word, dict.fromkeys(as_typed(word, packs, vocabulary), TYPED) | terms)
    for pack in packs.values():
        keyboard = pack.config.keyboard
        folded = {fold(term, keyboard) for term in meanings(word[:LONGEST], pack)}
        terms |= {term: 1.0 for form in sorted(folded) for term in vocabulary.folded_as(form)}
        if not terms:
            terms = dict(vocabulary.nearest(fold(pack.lower(word[:LONGEST]), keyboard)))
    return QueryWord(word, terms, guessed=True)


def as_typed(word: str, packs: Mapping[str, LanguagePack], vocabulary: TermVocabulary) -> Iterator[str]:
    """Index terms that a word may mean if it was typed without a language's special letters."""
    for pack in packs.values():
        plain = pack.lower(word[:LONGEST])
        if pack.config.keyboard and fold(plain, pack.config.keyboard) == plain:
            yield from vocabulary.folded_as(fold(stem(plain, pack), pack.config.keyboard))


def meanings(word: str, pack: LanguagePack) -> set[str]:
    """The terms of a word in a language, also if it was typed in another script or without special letters."""
    plain = pack.lower(pack.normalize(word))
    terms = {stem(plain, pack)}
    if pack.config.transliteration and script_of(plain) != pack.main_script:
        terms.add(stem(pack.lower(to_main_script(pack, word).text), pack))
    typed = typed_words(pack.code)
    if typed and typed.fold(plain) == plain and (lemma := typed.lemma(plain)):
        terms.add(stem(lemma, pack))
    return terms - {""}


@cache
def typed_words(code: str) -> Typed | None:
    """Finds words typed without a language's special letters; None if the pack has no keyboard or no lexicon."""
    pack = load_pack(code)
    return Typed(pack.morphology, pack.config.keyboard) if pack.config.keyboard and pack.morphology else None
