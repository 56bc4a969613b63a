"""A search index that changes while it is searched: documents are added, replaced and removed in it.

It is a tantivy index as `index` builds it: immutable segments, marks of what is deleted, and one file that names the
segments, which is replaced in one move. BM25 takes its statistics from all segments together, so documents that came in
one by one rank as if they had come at once. Removed passages count in the statistics until `compact`.
"""

import random
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from anatili.atomic_files import whole_file
from anatili.lang import LanguagePack, codes, load_pack
from anatili.problem import Problem
from anatili.search import vocabulary
from anatili.search.analysis import terms
from anatili.search.index import Passage, entry, keyboard_of, read_passage, schema, store_passage
from anatili.search.manifest import Entry, Manifest
from anatili.search.query import QueryWord
from anatili.search.searcher import Hit, Results, Search
from anatili.search.vocabulary import LayeredVocabulary, TermVocabulary
from anatili.text import show_path

HEAP = 64_000_000
"""Bytes that tantivy may buffer. 15,000,000 is the least that it accepts."""
TIES = 16
"""Passages beyond those asked for that are looked at, because some of equal score may come before others."""
FEW = 600
"""Fewer passages say little about how rare a word is: one that none of three passages has is not yet unusual. The
sample, on which the assistant was measured, has as many."""
GROWTH = 4
"""While many documents come in, new terms join the vocabulary when they are a quarter of it."""
UNSAVED = 1.1
"""The vocabulary is saved when it is this many times as large as the saved one."""
MAX_REMOVED = 0.2
"""Share of removed passages at which the index is written anew."""
Row = tuple[str, str, str]
"""Language, terms and stored form of a passage. Its id is made from its document's entry."""


def row_of(passage: Passage) -> Row:
    """A passage as it is indexed. The terms of its title count twice, those of its file's name once."""
    analyzer = terms(passage.language, passage.script)
    title = analyzer.of(passage.title)
    name = "" if "://" in passage.url else analyzer.of(Path(passage.url).stem)
    text = " ".join(filter(None, (title, title, name, analyzer.of(passage.text))))
    return passage.language, text, store_passage(passage)


@dataclass(frozen=True)
class Snapshot(Search):
    """A live index at one moment; it stays as it is while the index changes."""

    opened: Any = field(kw_only=True)
    reader: Any = field(kw_only=True)
    layers: tuple[TermVocabulary, ...] = field(kw_only=True)

    @property
    def index(self) -> Any:
        return self.opened

    @property
    def searcher(self) -> Any:
        return self.reader

    @property
    def vocabulary(self) -> TermVocabulary:
        frequency = self._frequency
        return LayeredVocabulary({}, self.layers, lambda term: frequency(term) > 0)

    def rarity_size(self) -> int:
        return max(self.size(), FEW)

    def _ranked(self, parsed: Any, limit: int, only: str = "") -> list[tuple[float, Any]]:
        """Passages of equal score are ordered by id: their order in the index depends on when they came."""
        ranked = [(round(score, 4), address) for score, address in super()._ranked(parsed, limit + TIES, only)]
        scores = [score for score, _ in ranked]
        if len(set(scores)) < len(scores):
            ranked.sort(key=lambda row: (-row[0], self._open(row[1]).id))
        return ranked[:limit]


class LiveIndex:
    """The index in `folder`, made if needed. One process at a time can change it; others can only read it.

    `packs`: the languages in which questions are asked; those of the documents are added. All methods may be called
    from several threads.
    """

    def __init__(self, folder: Path, packs: dict[str, LanguagePack], heap: int = HEAP) -> None:
        import tantivy

        self.folder, self.packs, self.heap = folder, packs, heap
        self.lock = threading.RLock()
        (folder / "tantivy").mkdir(parents=True, exist_ok=True)
        self.owned = FileLock(folder / "lock")
        self.writer: Any = None
        self.index = tantivy.Index(schema(), path=str(folder / "tantivy"))
        self.layers: list[TermVocabulary] = []
        self.fresh: set[str] = set()
        self.saved = 0
        """Terms in the saved vocabulary."""
        self.known: set[str] = set()
        """The terms of `layers`, in memory while the index changes."""
        self.entries: dict[str, Entry] = {}
        """Name -> entry, replaced as a whole by each change."""
        self.snapshot: Snapshot
        self.changes = 0
        self.has_failed = False
        """Whether a change failed, and what is on the disk has not been read since."""
        self.is_read_only = not self._acquire()
        self.manifest = Manifest(folder, read_only=self.is_read_only)
        self._load()

    @property
    def search(self) -> "LiveSearch":
        """A search that follows the index."""
        return LiveSearch(self.folder, self.packs, self)

    def put(
        self, documents: Sequence[tuple[Entry, Sequence[Row]]], removed: Iterable[str] = (), *, many: bool = False
    ) -> None:
        """Add or replace documents and remove others, by name, in one step: done and on the disk when it returns.

        `many`: more follows at once, so words of these documents may be guessed from misspelled ones only after
        `finish`.
        """
        with self.lock:
            removed = [name for name in dict.fromkeys(removed) if name in self.entries]
            if not documents and not removed:
                return
            if self.is_read_only:
                raise Problem("another process is changing this index: stop it, or let it make the change")
            entries = [entry for entry, _ in documents]
            try:
                if self.has_failed:
                    self._load()
                old = [self.entries[name] for name in (*removed, *(e.name for e in entries)) if name in self.entries]
                self.manifest.prepare(entries, removed)
                self._write(documents, old)
                self.manifest.finish(removed=sum(entry.passages for entry in old))
            except (OSError, ValueError, sqlite3.Error) as error:  # such as a full disk
                self._undo()
                raise Problem(f"the index in {show_path(self.folder)} cannot be changed: {error}") from error
            kept = {name: entry for name, entry in self.entries.items() if name not in removed}
            self.entries = kept | {entry.name: entry for entry in entries}
            self._learn((row[1] for _, rows in documents for row in rows), at_once=not many)
            self.snapshot = self._snapshot()

    def _write(self, documents: Sequence[tuple[Entry, Sequence[Row]]], old: Sequence[Entry]) -> None:
        writer = self._open_writer()
        for id_ in (id_ for document in old for id_ in document.passage_ids()):
            writer.delete_documents_by_term("id", id_)
        for document, rows in documents:
            for number, row in enumerate(rows):
                add(writer, document.passage_id(number), row)
        writer.commit()

    def _undo(self) -> None:
        """Give up a change that failed, as after a crash; the next change tries again if that fails too."""
        self.writer, self.has_failed = None, True
        with suppress(OSError, ValueError, sqlite3.Error):
            self._load()

    def finish(self) -> None:
        """After many documents: bring the vocabulary up to date, and write the index anew if much was removed."""
        with self.lock:
            self._add_layer()
            self._save_vocabulary()
            self.snapshot = self._snapshot()
            if self.manifest.fact("removed") > MAX_REMOVED * max(1, self.snapshot.size()):
                self.compact()

    def compact(self) -> None:
        """Write the index anew, without a trace of what was removed from it."""
        import tantivy

        with self.lock:
            reader, writer = self.snapshot.reader, self._open_writer()
            if size := reader.num_docs:
                hits = reader.search(tantivy.Query.all_query(), limit=size, count=False).hits
                stored = [read_passage(bytes(reader.doc(address)["passage"][0])) for _, address in hits]
            else:
                stored = []
            writer.delete_all_documents()
            for passage in stored:
                add(writer, passage.id, row_of(passage))
            writer.commit()
            self.layers, self.known, self.saved = [], set(), 0
            self._learn(self._indexed_terms(), at_once=True)
            self.snapshot = self._snapshot()
            writer.garbage_collect_files()
            self.manifest.set_fact("removed", 0)
            self.manifest.set_fact("vocabulary", -1)
            (self.folder / "tantivy" / vocabulary.NAME).unlink(missing_ok=True)

    def refresh(self) -> None:
        """See what another process has changed, or take over if it has ended."""
        with self.lock:
            if not self.is_read_only:
                return
            if self._acquire():
                self.manifest.close()
                self.manifest, self.is_read_only = Manifest(self.folder), False
            elif self.manifest.fact("changes") == self.changes:
                return
            self.layers, self.known = [], set()
            self._load()

    def rest(self) -> None:
        """Release the memory of the writer until the next change."""
        with self.lock:
            if self.writer is not None:
                self.writer.wait_merging_threads()
                self.writer = None

    def close(self) -> None:
        with self.lock:
            self.rest()
            if not self.is_read_only:
                self._save_vocabulary()
            self.manifest.close()
            self.owned.release()

    def _acquire(self) -> bool:
        """Whether this process may change the index from now on."""
        try:
            self.owned.acquire(timeout=0)
        except Timeout:
            return False
        return True

    def _load(self) -> None:
        if not self.is_read_only:
            self._recover()
        self.changes = self.manifest.fact("changes")
        self.entries = self.manifest.entries()
        self._load_vocabulary()
        self.snapshot = self._snapshot()
        self.has_failed = False

    def _open_writer(self) -> Any:
        if self.writer is None:
            self.writer = self.index.writer(heap_size=self.heap, num_threads=1)
        return self.writer

    def _recover(self) -> None:
        self.index.reload()
        reader = self.index.searcher()

        def is_in_index(entry: Entry) -> bool:
            return bool(reader.doc_freq("id", entry.passage_id(0)))

        gone = self.manifest.recover(is_in_index)
        if gone:
            writer = self._open_writer()
            for id_ in gone:
                writer.delete_documents_by_term("id", id_)
            writer.commit()
        self.manifest.finish()

    def _snapshot(self) -> Snapshot:
        self.index.reload()
        reader = self.index.searcher()
        known = codes()
        by_language = {"languages": {"terms": {"field": "language", "size": 1000}}}
        import tantivy

        buckets = reader.aggregate(tantivy.Query.all_query(), by_language)["languages"]["buckets"]
        packs = self.packs | {b["key"]: load_pack(b["key"]) for b in buckets if b["key"] in known}
        return Snapshot(self.folder, packs, opened=self.index, reader=reader, layers=tuple(self.layers))

    def _learn(self, texts: Iterable[str], *, at_once: bool) -> None:
        """Add the terms of new passages to the vocabulary."""
        if not self.known:
            self.known.update(term for layer in self.layers for term in layer.terms)
        for text in texts:
            self.fresh.update(term for term in text.split() if term not in self.known)
        if at_once or len(self.fresh) * GROWTH >= len(self.known):
            self._add_layer()

    def _add_layer(self) -> None:
        """Make a layer of the fresh terms, together with the layers before it that are not much larger."""
        if not self.fresh:
            return
        new = self.fresh
        self.known |= new
        self.fresh = set()
        while self.layers and len(self.layers[-1].terms) < 2 * len(new):
            new = new.union(self.layers.pop().terms)
        self.layers.append(TermVocabulary(vocabulary.arrays_of(new, self.keyboard)))

    def _indexed_terms(self) -> list[str]:
        self.index.reload()
        return [term for term, _ in self.index.searcher().terms_with_prefix("terms", "")]

    @property
    def keyboard(self) -> dict[str, str]:
        return keyboard_of(self.packs)

    def _load_vocabulary(self) -> None:
        """The vocabulary as it was saved, and a layer of the terms that came after."""
        file = self.folder / "tantivy" / vocabulary.NAME
        if file.is_file():
            with suppress(OSError, ValueError, KeyError):
                loaded = TermVocabulary(self.folder / "tantivy")
                loaded.arrays  # noqa: B018  (raises if the file is damaged)
                self.layers, self.saved = [loaded], len(loaded.terms)
        if not self.layers or self.manifest.fact("vocabulary") != self.manifest.fact("changes"):
            self._learn(self._indexed_terms(), at_once=True)

    def _save_vocabulary(self) -> None:
        """Save the vocabulary, unless few terms are new: those are found again faster than all are written."""
        changes = self.manifest.fact("changes")
        self._add_layer()
        size = sum(len(layer.terms) for layer in self.layers)
        if self.manifest.fact("vocabulary") == changes or size <= UNSAVED * self.saved:
            return
        everything = (term for layer in self.layers for term in layer.terms)
        arrays = self.layers[0].arrays if len(self.layers) == 1 else vocabulary.arrays_of(everything, self.keyboard)
        with whole_file(self.folder / "tantivy" / vocabulary.NAME) as temporary, temporary.open("wb") as file:
            vocabulary.save(file, arrays)
        self.layers, self.saved = [TermVocabulary(arrays)], size
        self.manifest.set_fact("vocabulary", changes)


def add(writer: Any, id_: str, row: Row) -> None:
    language, row_terms, stored = row
    writer.add_document(entry(id_, language, row_terms, stored.encode("utf-8", "replace")))


def new_version() -> str:
    return secrets.token_hex(4)


@dataclass(frozen=True)
class LiveSearch(Search):
    """The search of a live index, always as the index is now."""

    live: LiveIndex

    def find(self, query: str, limit: int = 5, prefer: str = "", only: str = "") -> list[Hit]:
        return self.live.snapshot.find(query, limit, prefer, only)

    def results(self, query: str, limit: int = 10, offset: int = 0, prefer: str = "", only: str = "") -> Results:
        return self.live.snapshot.results(query, limit, offset, prefer, only)

    def read(self, query: str) -> list[QueryWord]:
        return self.live.snapshot.read(query)

    def frequency(self, term: str) -> int:
        return self.live.snapshot.frequency(term)

    def size(self) -> int:
        return self.live.snapshot.size()

    def passage(self, id_: str) -> Passage | None:
        return self.live.snapshot.passage(id_)

    def beginnings(self, language: str, limit: int) -> list[Passage]:
        """First passages of documents in a language, among `limit` documents: one long document hides no others."""
        snapshot, entries = self.live.snapshot, [entry for entry in self.live.entries.values() if entry.passages]
        drawn = random.sample(entries, min(limit, len(entries)))
        found = (snapshot.passage(entry.passage_id(0)) for entry in drawn)
        return [passage for passage in found if passage and passage.language == language]

    def counts(self, words: list[QueryWord]) -> dict[str, int]:
        return self.live.snapshot.counts(words)

    def languages(self) -> dict[str, int]:
        return self.live.snapshot.languages()

    def rarity(self, word: QueryWord) -> float:
        return self.live.snapshot.rarity(word)

    @property
    def index(self) -> Any:
        return self.live.snapshot.index

    @property
    def searcher(self) -> Any:
        return self.live.snapshot.searcher

    @property
    def vocabulary(self) -> TermVocabulary:
        return self.live.snapshot.vocabulary
