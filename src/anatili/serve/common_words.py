"""Which words are common in a language: a word that is not may be a name or a special subject, whose absence says more.

A common word that a passage lacks (find, begin, home) has often another one of the same meaning there; a name has none.
"""

from bisect import bisect_left
from functools import lru_cache
from pathlib import Path

from anatili.lang import LanguagePack, load_pack
from anatili.lang.translation import small_words
from anatili.search.analysis import stem

BEGINNING = 3
"""Letters that a word has at least in common with other forms of it."""
CACHED = 50_000


def is_everyday(word: str, pack: LanguagePack) -> bool:
    """Whether a word in lower case, or another form of it, is among the pack's common words; True if it has none."""
    return _is_everyday(word, pack.code, pack.folder)


@lru_cache(CACHED)
def _is_everyday(word: str, code: str, folder: Path) -> bool:
    words, pack = _sorted_words(folder), load_pack(code)
    if not words or word in pack.stopwords or not word.isalpha():
        return True
    own = stem(word, pack)
    beginning = own[: max(BEGINNING, len(own) - 1)]
    place = bisect_left(words, beginning)
    while place < len(words) and words[place].startswith(beginning):
        if words[place] == word or stem(words[place], pack) == own:
            return True
        place += 1
    return False


@lru_cache
def _sorted_words(folder: Path) -> list[str]:
    return sorted(small_words(folder))
