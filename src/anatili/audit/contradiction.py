"""Whether an answer says something else where a key fact belongs: another year, number or name."""

from collections.abc import Sequence
from functools import lru_cache

from anatili.audit.items import SLOT, Fact
from anatili.audit.patterns import Sentence, fulfills, read_sentence
from anatili.lang import load_pack
from anatili.lang.stemming import stem

CONTEXT = 0.6
"""Share of a fact's words, outside its slot, that a sentence must have to be about the fact."""


def contradicts(fact: Fact, language: str, text: Sequence[Sentence]) -> bool:
    """Whether a sentence has the words around the fact's slot, but a wrong option in it."""
    around = surroundings(fact.text[language], language)
    about = [sentence for sentence in text if around and len(around & sentence.stems) >= CONTEXT * len(around)]
    pack = load_pack(language)
    return any(fulfills(pattern, sentence, pack) for sentence in about for pattern in fact.wrong_patterns(language))


@lru_cache(50_000)
def surroundings(sentence: str, language: str) -> frozenset[str]:
    """Stems of the words around the slot that are not stop words."""
    pack = load_pack(language)
    return read_sentence(pack.normalize(SLOT.sub(" ", sentence)), pack).stems - stop_stems(language)


@lru_cache(32)
def stop_stems(language: str) -> frozenset[str]:
    pack = load_pack(language)
    return frozenset(stem(word, pack) for word in pack.stopwords)
