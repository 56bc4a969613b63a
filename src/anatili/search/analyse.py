"""From words to what is searched for: lower case, no stop words, no endings."""

from functools import cache
from typing import Any

from anatili.lang import LanguagePack
from anatili.text import words


def terms(text: str, pack: LanguagePack) -> list[str]:
    """The search terms of `text`, in order, with repeats."""
    return [stem(word, pack) for word in map(str.lower, words(text)) if word not in pack.stopwords]


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
