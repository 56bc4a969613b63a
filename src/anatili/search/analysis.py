"""From words to what is searched for: in the main script, in small letters, without endings."""

import re
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

from anatili.lang import LanguagePack, load_pack
from anatili.lang.convert import to_main_script

TERM = re.compile(r"[^\W_]+(?:['’ʼ][^\W_]+)*")
"""A word or number; the parts of a word with hyphens are terms of their own."""
REMEMBERED = 500_000
"""Stretches of text whose terms are kept in mind: in running text nine in ten come again."""
LONGEST = 60
"""Letters of a term; what is longer is no word, but still found by its beginning."""


class Terms(dict[str, str]):
    """What stands between two spaces -> its search terms, joined by spaces; worked out when it is first met."""

    def __init__(self, pack: LanguagePack, script: str = "") -> None:
        super().__init__()
        self.pack = pack
        self.foreign = bool(script) and script != pack.main_script

    def __missing__(self, chunk: str) -> str:
        found = " ".join(self.work_out(chunk))
        if len(chunk) <= LONGEST:
            if len(self) >= REMEMBERED:
                self.clear()
            self[chunk] = found
        return found

    def of(self, text: str) -> str:
        """The terms of `text` in order, with repeats, joined by spaces."""
        return " ".join(map(self.__getitem__, text.split()))

    def of_column(self, texts: Any) -> Any:
        """The same for an Arrow column of texts, each different word looked up once."""
        import pyarrow as pa
        import pyarrow.compute as pc

        chunks = pc.utf8_split_whitespace(texts)
        coded = chunks.flatten().dictionary_encode()
        found = pa.array(map(self.__getitem__, coded.dictionary.to_pylist()), pa.string())
        ends = pc.cumulative_sum(pc.list_value_length(chunks))
        starts = pa.concat_arrays([pa.array([0], ends.type), ends])  # those of `chunks` may begin elsewhere than at 0
        rows = pa.ListArray.from_arrays(starts, found.take(coded.indices))
        return pc.binary_join(rows, " ")

    def work_out(self, text: str) -> Iterator[str]:
        text = self.pack.normalize(text)
        if self.foreign:
            text = to_main_script(self.pack, text).text
        for word in TERM.findall(text):
            yield stem(self.pack.lower(word)[:LONGEST], self.pack)


@cache
def terms(code: str, script: str = "") -> Terms:
    """How text of a language in a script is analysed, with all that it remembers."""
    return Terms(load_pack(code), script)


def stem(word: str, pack: LanguagePack) -> str:
    """`word` (small letters) without endings, by Snowball or the pack's morphology; whole where there is neither."""
    if pack.said.stemmer:
        return str(STEMMERS.named(pack.said.stemmer).stemWord(word)) or word
    return pack.morphology.stem(word) if pack.morphology else word


class Stemmers(threading.local):
    """Snowball's stemmers, each thread its own: one holds the word it works on, and threads that shared it got each
    other's stems. A lock costs as much in one thread (64 us a word of Russian) and 8 threads 5 % more."""

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}

    def named(self, name: str) -> Any:
        if name not in self.made:
            import snowballstemmer

            self.made[name] = snowballstemmer.stemmer(name)
        return self.made[name]


STEMMERS = Stemmers()
