"""Stems of words: by Snowball, or by the morphology of a pack."""

import threading
from typing import Any

from anatili.lang import LanguagePack

LONGEST = 60
"""Letters of a word. A longer string is none, and the time to take endings off grows faster than its length."""


def stem(word: str, pack: LanguagePack) -> str:
    """`word` (lowercase) without endings, by Snowball or the pack's morphology; unchanged if there is neither, and if
    it has more than `LONGEST` letters."""
    if len(word) > LONGEST:
        return word
    if pack.config.stemmer:
        return str(STEMMERS.named(pack.config.stemmer).stemWord(word)) or word
    return pack.morphology.stem(word) if pack.morphology else word


class Stemmers(threading.local):
    """Snowball stemmers, one set for each thread. A stemmer stores the word it works on, and threads that shared one
    got each other's stems. A lock costs the same in one thread (64 us for a Russian word) and 5 % more in 8 threads."""

    def __init__(self) -> None:
        self.stemmers: dict[str, Any] = {}

    def named(self, name: str) -> Any:
        if name not in self.stemmers:
            import Stemmer

            self.stemmers[name] = Stemmer.Stemmer(name)
        return self.stemmers[name]


STEMMERS = Stemmers()
