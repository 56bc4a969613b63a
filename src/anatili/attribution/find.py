"""Find the stretches of a text that occur in a run's training text, and the documents they occur in."""

import json
import mmap
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from anatili.attribution import layout
from anatili.attribution.grams import GRAM, GramFilter
from anatili.attribution.layout import Origin, as_bytes, word_spans
from anatili.attribution.mapped_file import Mapped
from anatili.problem import Problem
from anatili.run import Run
from anatili.text import number_of, show_path

MIN_WORDS = 5
"""Fewest words of a stretch; shorter ones are mostly common phrases."""
STRETCHES, EXAMPLES = 10, 3
"""Stretches that are listed, and documents of each."""
FIRST_WORDS = 64
"""Words that are compared first: few stretches are longer, and long keys take long to compare."""
LOOKED_AT = 50
"""Occurrences of a stretch that are looked at for different documents."""


@dataclass(frozen=True)
class Stretch:
    """Consecutive words of a text that occur in the corpus."""

    text: str
    start: int
    """The number of its first character in the text."""
    end: int
    words: int
    count: int
    """How often it occurs in the corpus."""
    documents: tuple[Origin, ...]
    """Some of the documents that it occurs in."""


@dataclass(frozen=True)
class Traced:
    """Where the words of a text come from."""

    words: int
    """Words of the text."""
    covered: int
    """Words that are in at least one stretch, also in those that are not listed."""
    stretches: tuple[Stretch, ...]
    """The rarest first; of equally rare ones the longest."""


@dataclass(frozen=True)
class EncodedText:
    """A text in the numbers of one part."""

    content: bytes
    known: list[int]
    """For each word, how many from it on are words of the part."""
    grams: list[int]
    """For each word, how many runs of `GRAM` words, beginning with it and the words behind it, may be in the part."""

    def most(self, start: int, least: int) -> int:
        """The most words from one on that can be a stretch in the part, when only `least` or more are asked for."""
        if least < GRAM:
            return self.known[start]
        return self.grams[start] + GRAM - 1 if self.grams[start] else 0

    def key(self, start: int, words: int) -> bytes:
        """The bytes of `words` words from position `start` on, as stored in the index."""
        return self.content[start * layout.BYTES_OF_WORD : (start + words) * layout.BYTES_OF_WORD]


class Part:
    """The index of one part of the corpus, by memory map. It is only read, so threads may share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vocabulary: npt.NDArray[np.int64] = np.load(folder / layout.VOCABULARY, mmap_mode="r")
        self.grams = GramFilter(folder / layout.GRAMS)
        self.words = Mapped(folder / layout.WORDS).content
        self.suffixes = memoryview(Mapped(folder / layout.SUFFIXES).content).cast("I")
        self.heads = np.frombuffer(Mapped(folder / layout.HEADS, whole=True).content, f"S{layout.HEAD}")

    @cached_property
    def ends(self) -> npt.NDArray[np.int64]:
        """Where each document ends, in words."""
        ends: npt.NDArray[np.int64] = np.load(self.folder / layout.ENDS, mmap_mode="r")
        return ends

    @cached_property
    def places(self) -> npt.NDArray[np.int64]:
        """Where the line of each document begins in the file of documents, and where that ends."""
        places: npt.NDArray[np.int64] = np.load(self.folder / layout.PLACES, mmap_mode="r")
        return places

    @cached_property
    def documents(self) -> mmap.mmap | bytes:
        return Mapped(self.folder / layout.DOCUMENTS).content

    def coded(self, hashes: npt.NDArray[np.int64]) -> EncodedText:
        """The words with these hashes as in the index."""
        positions = np.searchsorted(self.vocabulary, hashes)
        known = positions < len(self.vocabulary)
        known[known] = self.vocabulary[positions[known]] == hashes[known]
        numbers = np.where(known, positions + 1, layout.END).astype(np.uint32)
        return EncodedText(as_bytes(numbers).tobytes(), run_lengths(known), run_lengths(self.grams.may_begin(numbers)))

    def longest(self, text: EncodedText, least: int) -> list[int]:
        """For each word, how many words from it on occur together in this part; 0 if fewer than `least`, or if an
        earlier word's stretch contains them."""
        lengths, start = [0] * len(text.known), 0
        while start < len(lengths):
            most = text.most(start, least)
            length = self.match(text.key(start, most)) if most >= least else 0
            if length >= least:
                lengths[start] = length
            # A longer stretch from a later word needs a run of words that the filter would have let through.
            start += length - GRAM + 2 if length == most and length >= least >= GRAM else 1
        return lengths

    def match(self, key: bytes) -> int:
        """How many words at the beginning of `key` occur together in this part."""
        first = key[: FIRST_WORDS * layout.BYTES_OF_WORD]
        length = self.match_whole(first)
        return self.match_whole(key) if length == FIRST_WORDS and len(key) > len(first) else length

    def match_whole(self, key: bytes) -> int:
        """The same, with one search for all of `key`."""
        near = self.near(key)
        rank_of_key = near.start + bisect_left(near, key, key=partial(self.follows, size=len(key)))
        beside = (rank for rank in (rank_of_key - 1, rank_of_key) if 0 <= rank < len(self.suffixes))
        return max((shared_words(key, self.follows(rank, len(key))) for rank in beside), default=0)

    def follows(self, rank: int, size: int) -> bytes:
        """The first bytes of a suffix."""
        start = self.suffixes[rank] * layout.BYTES_OF_WORD
        return self.words[start : start + size]

    def ranks(self, key: bytes) -> range:
        """The suffixes that begin with `key`."""
        near = self.near(key)
        follows = partial(self.follows, size=len(key))
        first = bisect_left(near, key, key=follows)
        return range(near.start + first, near.start + bisect_right(near, key, lo=first, key=follows))

    def near(self, key: bytes) -> range:
        """Suffixes among which are all that begin with `key`, or the place where it would be."""
        first = np.searchsorted(self.heads, key[: layout.HEAD], "left")
        last = np.searchsorted(self.heads, key[: layout.HEAD].ljust(layout.HEAD, b"\xff"), "right")
        return range(max(0, int(first) - 1) * layout.EVERY, min(int(last) * layout.EVERY, len(self.suffixes)))

    def origins(self, ranks: range) -> Iterator[Origin]:
        """The documents of suffixes, each once."""
        positions = [self.suffixes[rank] for rank in ranks[:LOOKED_AT]]
        numbers = np.searchsorted(self.ends, np.array(positions, np.int64), "right")
        for number in dict.fromkeys(numbers.tolist()):
            yield Origin(*json.loads(self.documents[self.places[number] : self.places[number + 1]]))


class Attribution:
    """The index of a run's training text. It is only read, so threads may share it."""

    def __init__(self, folders: Iterable[Path], sources: Iterable[Path]) -> None:
        """`sources`: the records of what the index was built from."""
        self.built_from = {path: stamp_of(path) for path in sources}
        self.parts = [
            Part(path.parent) for folder in folders for path in sorted(folder.glob(f"part-*/{layout.DOCUMENTS}"))
        ]

    def is_current(self) -> bool:
        """Whether the texts are still those that were indexed: they change when documents are taken out."""
        return all(stamp_of(path) == stamp for path, stamp in self.built_from.items())

    def find(
        self, text: str, *, min_words: int = MIN_WORDS, limit: int = STRETCHES, documents: int = EXAMPLES
    ) -> Traced:
        """The stretches of at least `min_words` words that occur in the corpus and that no longer one contains.

        At most `limit` stretches are listed, the rarest first, with at most `documents` documents each.
        """
        text = unicodedata.normalize("NFC", text)
        spans = list(word_spans(text))
        hashes = np.array([number_of(word) for word, _, _ in spans], np.int64)
        lengths = np.zeros(len(spans), np.int64)
        coded = [part.coded(hashes) for part in self.parts]
        for part, own in zip(self.parts, coded, strict=True):
            lengths = np.maximum(lengths, part.longest(own, min_words))
        stretches: list[Stretch] = []
        covered = last = 0
        for first, length in enumerate(lengths.tolist()):
            if not length or first + length <= last:
                continue
            covered += first + length - max(first, last)
            last = first + length
            count, origins = self.occurrences(coded, first, length, documents)
            start, end = spans[first][1], spans[last - 1][2]
            stretches.append(Stretch(text[start:end], start, end, length, count, origins))
        stretches.sort(key=lambda stretch: (stretch.count, -stretch.words, stretch.start))
        return Traced(len(spans), covered, tuple(stretches[:limit]))

    def occurrences(
        self, coded: Sequence[EncodedText], first: int, words: int, most: int
    ) -> tuple[int, tuple[Origin, ...]]:
        """How often a stretch occurs in all parts, and some of the documents."""
        count, origins = 0, list[Origin]()
        for part, text in zip(self.parts, coded, strict=True):
            if text.most(first, words) >= words and (ranks := part.ranks(text.key(first, words))):
                count += len(ranks)
                origins += part.origins(ranks) if len(origins) < most else ()
        return count, tuple(origins[:most])


def stamp_of(path: Path) -> int:
    """When a file was written; 0 if it is not there."""
    return path.stat().st_mtime_ns if path.exists() else 0


def run_lengths(flags: npt.NDArray[np.bool_]) -> list[int]:
    """For each place how many flags from it on are set without a gap."""
    lengths, length = [0] * len(flags), 0
    for place in range(len(flags) - 1, -1, -1):
        length = length + 1 if flags[place] else 0
        lengths[place] = length
    return lengths


def shared_words(one: bytes, other: bytes) -> int:
    """How many words at the beginning of both are the same."""
    size = min(len(one), len(other))
    differs = np.frombuffer(one, np.uint8, size) != np.frombuffer(other, np.uint8, size)
    return (int(differs.argmax()) if differs.any() else size) // layout.BYTES_OF_WORD


def open_attribution(run: Run) -> Attribution:
    """The index of a run; `Problem` if it has none, or one of an earlier corpus."""
    record = run.record(layout.CORPUS)
    how = f"build it with: anatili trace build {show_path(run.root)}"
    if record is None:
        raise Problem(f"{show_path(run.root)} has no index of its training text; {how}")
    if record.identity.get("version") != layout.VERSION:
        raise Problem(f"the index of the training text of {show_path(run.root)} is of an older version; {how}")
    if not is_up_to_date(run, layout.CORPUS, layout.OF_CORPUS):
        raise Problem(f"the index of the training text of {show_path(run.root)} is of an earlier corpus; {how}")
    has_tuning = is_up_to_date(run, layout.TUNING, layout.OF_TUNING)
    folders = [run.folder(name) for name in ((layout.CORPUS, layout.TUNING) if has_tuning else (layout.CORPUS,))]
    sources: tuple[str, ...] = layout.OF_TUNING if has_tuning else layout.OF_CORPUS
    return Attribution(folders, [run.folder(name) / "record.json" for name in sources])


def is_up_to_date(run: Run, name: str, needs: tuple[str, ...]) -> bool:
    """Whether an index is there and was built from what the run has now."""
    record = run.record(name)
    contents = {need: source.content for need in needs if (source := run.record(need))}
    return record is not None and record.identity["inputs"] == contents and record.identity["version"] == layout.VERSION
