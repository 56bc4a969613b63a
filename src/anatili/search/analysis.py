"""Text analysis for search: words become terms in the main script, in lowercase, without endings."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from anatili.lang import LanguagePack, load_pack
from anatili.lang.convert import to_main_script
from anatili.lang.stemming import LONGEST, stem

TERM = re.compile(r"[^\W_]+(?:['’ʼ][^\W_]+)*")
"""A word or a number. Each part of a hyphenated word is a term of its own."""
CACHED = 500_000
"""Chunks of text whose terms are cached: in running text nine in ten are seen again."""


class Terms(dict[str, str]):
    """Maps a chunk between two spaces to its search terms, joined by spaces; computed when first looked up."""

    def __init__(self, pack: LanguagePack, script: str = "") -> None:
        super().__init__()
        self.pack = pack
        self.foreign = bool(script) and script != pack.main_script

    def __missing__(self, chunk: str) -> str:
        terms = " ".join(self.analyze(chunk))
        if len(chunk) <= LONGEST:
            if len(self) >= CACHED:
                self.clear()
            self[chunk] = terms
        return terms

    def of(self, text: str) -> str:
        """The terms of `text` in order, with repeats, joined by spaces."""
        return " ".join(map(self.__getitem__, text.split()))

    def of_column(self, texts: Any) -> Any:
        """The same for an Arrow column of texts; each distinct word is looked up once."""
        import pyarrow as pa
        import pyarrow.compute as pc

        chunks = pc.utf8_split_whitespace(texts)
        encoded = chunks.flatten().dictionary_encode()
        terms = pa.array(map(self.__getitem__, encoded.dictionary.to_pylist()), pa.string())
        ends = pc.cumulative_sum(pc.list_value_length(chunks))
        starts = pa.concat_arrays([pa.array([0], ends.type), ends])  # the offsets of `chunks` may not start at 0
        rows = pa.ListArray.from_arrays(starts, terms.take(encoded.indices))
        return pc.binary_join(rows, " ")

    def analyze(self, text: str) -> Iterator[str]:
        text = self.pack.normalize(text)
        if self.foreign:
            text = to_main_script(self.pack, text).text
        for word in TERM.findall(text):
            # What is longer is not a word, but can still be found by its beginning.
            yield stem(self.pack.lower(word)[:LONGEST], self.pack)


@cache
def terms(code: str, script: str = "") -> Terms:
    """The analyzer for text of a language in a script, with its cache."""
    return Terms(load_pack(code), script)
