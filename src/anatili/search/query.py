"""From a question to the terms of an index that may be meant by its words."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from anatili.lang import LanguagePack, load_pack
from anatili.lang.convert import to_main_script
from anatili.morphology.typed import Typed
from anatili.search.analysis import LONGEST, TERM, stem
from anatili.search.vocabulary import Vocabulary, fold
from anatili.text import clean, script_of

TYPED = 0.5
"""Weight of a term that a known word may stand for as well, had it been typed with other letters."""
MOST_WORDS = 64
"""Words of a question that are looked at."""


@dataclass(frozen=True)
class Asked:
    """One word of a question: the terms that may be meant, with weights; `guessed` if the index has none of them."""

    word: str
    terms: dict[str, float]
    guessed: bool = False


def read(
    question: str, packs: Mapping[str, LanguagePack], vocabulary: Vocabulary, frequency: Callable[[str], int]
) -> list[Asked]:
    """The different words of `question`, each analysed by all `packs`; `frequency` tells how many texts have a term."""
    words = dict.fromkeys(TERM.findall(clean(question)))
    return [read_word(word, packs, vocabulary, frequency) for word in list(words)[:MOST_WORDS]]


def read_word(
    word: str, packs: Mapping[str, LanguagePack], vocabulary: Vocabulary, frequency: Callable[[str], int]
) -> Asked:
    meant = {term for pack in packs.values() for term in meanings(word[:LONGEST], pack)}
    known = {term: 1.0 for term in sorted(meant) if frequency(term)}
    if known:
        return Asked(word, dict.fromkeys(as_typed(word, packs, vocabulary), TYPED) | known)
    for pack in packs.values():
        keyboard = pack.said.keyboard
        folded = {fold(term, keyboard) for term in meanings(word[:LONGEST], pack)}
        known |= {term: 1.0 for one in sorted(folded) for term in vocabulary.folded_as(one)}
        if not known:
            known = dict(vocabulary.nearest(fold(pack.lower(word[:LONGEST]), keyboard)))
    return Asked(word, known, guessed=True)


def as_typed(word: str, packs: Mapping[str, LanguagePack], vocabulary: Vocabulary) -> Iterator[str]:
    """Terms of the index that a word stands for if its letters were typed in place of a language's own."""
    for pack in packs.values():
        plain = pack.lower(word[:LONGEST])
        if pack.said.keyboard and fold(plain, pack.said.keyboard) == plain:
            yield from vocabulary.folded_as(fold(stem(plain, pack), pack.said.keyboard))


def meanings(word: str, pack: LanguagePack) -> set[str]:
    """The terms that a language may have for a word, also if typed in another script or without its own letters."""
    plain = pack.lower(pack.normalize(word))
    found = {stem(plain, pack)}
    if pack.said.transliteration and script_of(plain) != pack.main_script:
        found.add(stem(pack.lower(to_main_script(pack, word).text), pack))
    typed = typed_words(pack.code)
    if typed and typed.fold(plain) == plain and (lemma := typed.lemma(plain)):
        found.add(stem(lemma, pack))
    return found - {""}


@cache
def typed_words(code: str) -> Typed | None:
    """Words of a language typed without its own letters, if the pack says how and knows its words."""
    pack = load_pack(code)
    return Typed(pack.morphology, pack.said.keyboard) if pack.said.keyboard and pack.morphology else None
