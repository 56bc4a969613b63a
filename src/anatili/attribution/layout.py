"""What an index consists of: its files, the numbers of words, and what is kept of a document."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anatili.problem import Problem

CORPUS, TUNING = "attribution", "attribution-tuning"
"""Folders of a run: the index of its corpus, and that of its SFT examples and sentence pairs."""
VERSION = 2
OF_CORPUS, OF_TUNING = ("cut",), ("cut", "pairs", "tune")
"""The stages that each is built from."""
WORD = re.compile(r"\w+")
BYTES_OF_WORD = 3
END = 0
"""The number that ends a document; those of words begin at 1, so that no match continues in the next document."""
WORDS, SUFFIXES, HEADS, GRAMS, VOCABULARY, ENDS, PLACES, DOCUMENTS = (
    "words.bin",
    "suffixes.bin",
    "heads.bin",
    "grams.bin",
    "vocabulary.npy",
    "ends.npy",
    "places.npy",
    "documents.jsonl",
)
"""`ENDS`: where each document ends, in words; `PLACES`: where its line in `DOCUMENTS` begins, in bytes;
`HEADS`: the first words of every `EVERY`th suffix, by which a search starts in memory."""
EVERY, HEAD_WORDS = 256, 4
HEAD = HEAD_WORDS * BYTES_OF_WORD
"""Bytes of a head."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a document of the corpus comes from."""

    id: str
    url: str
    title: str
    source: str
    license: str
    time: str
    language: str


def word_spans(text: str) -> Iterator[tuple[str, int, int]]:
    """The words of a text as they are indexed, each with its start and end."""
    for match in WORD.finditer(text):
        yield match.group().lower(), match.start(), match.end()


def as_bytes(numbers: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
    """Numbers of words as `BYTES_OF_WORD` bytes each, the most significant first; `Problem` if one needs more."""
    if len(numbers) and int(numbers.max()) >> (8 * BYTES_OF_WORD):
        raise Problem(
            "a part of the corpus has more than 16 million different words, so it is hardly text; "
            "look at its documents, and tighten [cut]"
        )
    columns = numbers.astype(">u4").view(np.uint8).reshape(-1, 4)[:, 4 - BYTES_OF_WORD :]
    return np.ascontiguousarray(columns).reshape(-1)
