"""From words to what is searched for: lower case, no stop words, no endings."""

from functools import cache
from typing import Any

from anatili.lang import LanguagePack, load_pack
from anatili.lang.typed import Typed
from anatili.text import words


def terms(text: str, pack: LanguagePack) -> list[str]:
    """The search terms of `text`, in order, with repeats."""
    return [stem(word, pack) for word in map(str.lower, words(text)) if word not in pack.stopwords]


def query_terms(text: str, pack: LanguagePack) -> set[str]:
    """What a question asks for: its terms, and what its words may mean if typed without the pack's own letters."""
    found = set(terms(text, pack))
    if pack.said.keyboard and pack.morphology:
        typed = _typed(pack.code)
        plain = (word for word in map(str.lower, words(text)) if typed.fold(word) == word)
        found.update(stem(lemma, pack) for word in plain if (lemma := typed.lemma(word)) not in ("", *pack.stopwords))
    return found


@cache
def _typed(code: str) -> Typed:
    pack = load_pack(code)
    assert pack.morphology
    return Typed(pack.morphology, pack.said.keyboard)


def stem(word: str, pack: LanguagePack) -> str:
    """`word` (lower case) without its endings, by Snowball or the pack's morphology; whole where there is neither."""
    if pack.said.stemmer:
        return str(_snowball(pack.said.stemmer)(word))
    return pack.morphology.stem(word) if pack.morphology else word


@cache
def _snowball(name: str) -> Any:
    """A stemmer that remembers what it has seen."""
    import snowballstemmer

    known: dict[str, str] = {}
    stemmer = snowballstemmer.stemmer(name)

    def stem_word(word: str) -> str:
        found = known.get(word)
        if found is None:
            if len(known) > 500_000:
                known.clear()
            found = known[word] = str(stemmer.stemWord(word))
        return found

    return stem_word
