"""From words to what is searched for: lower case, no stop words, no endings."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from anatili.lang import LanguagePack
from anatili.text import words

PASSES = 4
"""Kazakh stacks number, possession, case and question endings: four at most are taken off."""


def terms(text: str, pack: LanguagePack) -> list[str]:
    """The search terms of `text`, in order, with repeats."""
    return [stem(word, pack) for word in map(str.lower, words(text)) if word not in pack.stopwords]


def stem(word: str, pack: LanguagePack) -> str:
    """`word` (lower case) without the endings that search ignores; stemming a stem changes nothing more."""
    return _stemmer(pack.code)(word, pack)


@cache
def _stemmer(code: str) -> "Stemmer":
    return Stemmer()


class Stemmer:
    """Remembers what it has seen: in running text nine words in ten come again."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.snowball: Any = None

    def __call__(self, word: str, pack: LanguagePack) -> str:
        found = self.known.get(word)
        if found is None:
            if len(self.known) > 500_000:
                self.known.clear()
            found = self.known[word] = self._stem(word, pack)
        return found

    def _stem(self, word: str, pack: LanguagePack) -> str:
        if pack.said.stemmer:
            if self.snowball is None:
                import snowballstemmer

                self.snowball = snowballstemmer.stemmer(pack.said.stemmer)
            return str(self.snowball.stemWord(word))
        for _ in range(PASSES):
            ending = longest_ending(word, pack.said.suffixes, pack.said.stem_letters)
            if not ending:
                break
            word = word[: -len(ending)]
        return word[:-1] + pack.said.stem_final.get(word[-1:], word[-1:])


def longest_ending(word: str, suffixes: Iterable[str], letters: int) -> str:
    """The longest of `suffixes` that `word` ends in and that leaves at least `letters` letters; "" if none."""
    fitting = (s for s in suffixes if word.endswith(s) and len(word) - len(s) >= letters)
    return max(fitting, key=len, default="")
