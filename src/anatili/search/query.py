"""Query analysis: the index terms that each word of a question may mean."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from anatili.lang import LanguagePack, load_pack
from anatili.lang.convert import to_main_script
from anatili.lang.spelling import likeness
from anatili.lang.stemming import LONGEST, stem
from anatili.morphology.typed import Typed
from anatili.search.analysis import TERM
from anatili.search.vocabulary import TermVocabulary, fold
from anatili.text import clean, script_of

TYPED = 0.5
"""Weight of a term that a known word could also mean if it was typed without special letters."""
CACHED = 50_000
"""Pairs of a word and a language whose terms are kept: most words of questions have been asked before."""
SPELLED = 0.4
"""Weight of a term that is the same name as a rare word in another spelling."""
RARE = 12
"""Texts with a word up to which it may be a rare spelling of a name that others spell in another way."""
SAME_NAME, SAME_LENGTH, SHORTEST = 0.9, 1, 4
"""Likeness of two spellings of a name, most letters that one may be longer, and fewest letters."""
MOST_WORDS = 64
"""Words of a question that are read; the rest is ignored."""


@dataclass(frozen=True)
class QueryWord:
    """A word of a question and the terms it may mean, with weights. `guessed`: the word itself is not in the index."""

    word: str
    terms: dict[str, float]
    guessed: bool = False


def words_of(question: str) -> list[str]:
    """The distinct words of `question`, at most MOST_WORDS."""
    return list(dict.fromkeys(TERM.findall(clean(question))))[:MOST_WORDS]


def read_word(
    word: str, packs: Mapping[str, LanguagePack], vocabulary: TermVocabulary, frequency: Callable[[str], int]
) -> QueryWord:
    """A word analyzed by all `packs`. `frequency`: the number of texts with a term."""
    candidates = {term for pack in packs.values() for term in meanings(word[:LONGEST], pack)}
    terms = {term: 1.0 for term in sorted(candidates) if frequency(term)}
    if terms:
        codes = tuple(packs)
        typed = vocabulary.remembered(("typed", word, codes), lambda: as_typed(word, packs, vocabulary))
        more = dict.fromkeys(typed, TYPED)
        if max(map(frequency, terms)) <= RARE:
            spelled = vocabulary.remembered(("spelled", word, codes), lambda: other_spellings(word, packs, vocabulary))
            more = dict.fromkeys(spelled, SPELLED) | more
        return QueryWord(word, more | terms)
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


def other_spellings(word: str, packs: Mapping[str, LanguagePack], vocabulary: TermVocabulary) -> Iterator[str]:
    """Index terms that are the same name as `word` in another spelling."""
    for pack in packs.values():
        plain = pack.lower(word[:LONGEST])
        if len(plain) >= SHORTEST and script_of_word(plain) == pack.main_script:
            own = stem(plain, pack)
            for term, _ in vocabulary.nearest(fold(own, pack.config.keyboard)):
                if abs(len(term) - len(own)) <= SAME_LENGTH and likeness(own, term) >= SAME_NAME:
                    yield term


def read_spelled(
    word: str, packs: Mapping[str, LanguagePack], vocabulary: TermVocabulary, frequency: Callable[[str], int]
) -> QueryWord:
    """A word analyzed by those of `packs` that can spell it, by all if none can. What decides on answers
    (`serve.decision`) was trained with `read_word`, so only searches use this."""
    able = {code: pack for code, pack in packs.items() if can_spell(word[:LONGEST], pack)}
    return read_word(word, able or packs, vocabulary, frequency)


@lru_cache(CACHED)
def can_spell(word: str, pack: LanguagePack) -> bool:
    """Whether a word may be of a language: in its main script, it has only letters of its alphabet. Russian endings
    taken off Kazakh words make stems of other Kazakh words ("тағам", food, would be "тағ", to attach)."""
    plain = pack.lower(pack.normalize(word))
    own = pack.config.letters[pack.main_script]
    return script_of_word(plain) != pack.main_script or all(letter in own for letter in plain if letter.isalpha())


@lru_cache(CACHED)
def meanings(word: str, pack: LanguagePack) -> frozenset[str]:
    """The terms of a word in a language, also if it was typed in another script or without special letters."""
    plain = pack.lower(pack.normalize(word))
    terms = {stem(plain, pack)}
    if pack.config.transliteration and script_of_word(plain) != pack.main_script:
        terms.add(stem(pack.lower(to_main_script(pack, word).text), pack))
    typed = typed_words(pack.code)
    if typed and typed.fold(plain) == plain and (lemma := typed.lemma(plain)):
        terms.add(stem(lemma, pack))
    return frozenset(terms - {""})


@lru_cache(CACHED)
def script_of_word(word: str) -> str:
    return script_of(word)


@cache
def typed_words(code: str) -> Typed | None:
    """Finds words typed without a language's special letters; None if the pack has no keyboard or no lexicon."""
    pack = load_pack(code)
    return Typed(pack.morphology, pack.config.keyboard) if pack.config.keyboard and pack.morphology else None
