"""Find the passages that answer a question, each with what is needed to cite it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, zip_longest
from math import log
from pathlib import Path
from typing import Any

from anatili.lang import LanguagePack
from anatili.problem import Problem
from anatili.search.analysis import TERM, terms
from anatili.search.dense import NEAREST, Dense
from anatili.search.index import Passage, opened
from anatili.search.query import Asked, read
from anatili.search.vocabulary import NAME, Vocabulary
from anatili.text import show_path

PREFERRED = 1.5
"""Passages in the preferred language go before those in others that score up to so many times as much."""
COVERS, FIRST = 0.5, 3
"""Share of a question that one of so many passages must cover for words to go first: then words and vectors take turns,
so that a passage in another language is not far below. Where none does, mostly because the right passages are in
another language, vectors go before words: they find several times as many (`bench/dense.py`)."""
SNIPPET = 240
"""Characters of a passage that are shown first."""


@dataclass(frozen=True)
class Found:
    """A passage, its score (comparable within one query only) and where words of the query stand in it."""

    passage: Passage
    score: float
    hits: tuple[tuple[int, int], ...]
    """Start and end of each word that matches, in characters of `passage.text`."""
    coverage: float
    """Share of the question, 0 to 1, whose words stand in the passage or its title; rare words are a larger share."""
    snippet: tuple[int, int]
    """Start and end of the stretch of `passage.text`, in whole words, where most of the query's words stand."""
    is_close: bool = False
    """Whether vectors tell that it is about the question, in whatever language it is."""


@dataclass(frozen=True)
class Results:
    """What a query found."""

    hits: list[Found]
    counts: dict[str, int]
    """Passages with any of the query's words, by language, most first: also those that are not among `hits`."""
    guessed: dict[str, list[str]]
    """Words that no passage has, and the terms searched for instead."""


@dataclass(frozen=True)
class Search:
    """An index opened for asking."""

    folder: Path
    """The `index` folder of a run."""
    packs: dict[str, LanguagePack]
    dense: Dense | None = field(default=None, kw_only=True)
    """A second channel, by vectors."""

    @cached_property
    def index(self) -> Any:
        import tantivy

        if not (self.folder / "tantivy" / NAME).is_file():
            raise Problem(f"no search index in {show_path(self.folder)}; finish the run: anatili run RECIPE")
        return tantivy.Index.open(str(self.folder / "tantivy"))

    @cached_property
    def searcher(self) -> Any:
        return self.index.searcher()

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary(self.folder / "tantivy")

    def find(self, query: str, limit: int = 5, prefer: str = "", only: str = "") -> list[Found]:
        """The best passages, best first: those in the language `prefer` before about as good ones, or `only` in one."""
        return self._best(query, self.read(query), limit, prefer, only)

    def results(self, query: str, limit: int = 10, offset: int = 0, prefer: str = "", only: str = "") -> Results:
        """A page of the best passages from `offset` on, with how many there are in each language."""
        asked = self.read(query)
        return Results(
            hits=self._best(query, asked, offset + limit, prefer, only)[offset:],
            counts=self.counts(asked),
            guessed={one.word: list(one.terms) for one in asked if one.guessed},
        )

    def read(self, query: str) -> list[Asked]:
        return read(query, self.packs, self.vocabulary, self.frequency)

    def frequency(self, term: str) -> int:
        """How many passages have a term."""
        return int(self.searcher.doc_freq("terms", term))

    def size(self) -> int:
        """How many passages there are."""
        return int(self.searcher.num_docs)

    def passage(self, number: str) -> Passage | None:
        """The passage whose id is `number`, None if there is none."""
        address = self._address(number)
        return None if address is None else self._open(address)

    def counts(self, asked: list[Asked]) -> dict[str, int]:
        """How many passages have any of the words, by language, most first."""
        query = self._query(asked)
        return self._counts(query) if query is not None else {}

    def languages(self) -> dict[str, int]:
        """How many passages there are in each language, most first."""
        import tantivy

        return self._counts(tantivy.Query.all_query())

    def _counts(self, query: Any) -> dict[str, int]:
        by_language = {"languages": {"terms": {"field": "language", "size": 1000}}}
        found = self.searcher.aggregate(query, by_language)["languages"]["buckets"]
        return {str(bucket["key"]): int(bucket["doc_count"]) for bucket in found}

    def _best(self, query: str, asked: list[Asked], limit: int, prefer: str, only: str) -> list[Found]:
        weights = [self.rarity(one) for one in asked]
        ranked = self._by_words(asked, max(limit, FIRST), prefer, only)
        found = [
            self._found(self._open(address), score, asked, weights) for score, address in ranked[: max(limit, FIRST)]
        ]
        if self.dense is None or not query.strip():
            return found[:limit]
        near = self.dense.nearest(query, max(limit, NEAREST), only)
        close = {one.id for one in near if one.closeness >= self.dense.close}
        known = {one.passage.id: one for one in found}
        made: list[Found] = []
        for number in in_order(found, [one.id for one in near])[:limit]:
            one = known.get(number) or self._opened(number, asked, weights)
            if one:  # the score is that of this order
                made.append(replace(one, score=round(1 / (1 + len(made)), 4), is_close=number in close))
        return made

    def _opened(self, number: str, asked: list[Asked], weights: list[float]) -> Found | None:
        """A passage that words did not find."""
        address = self._address(number)
        return None if address is None else self._found(self._open(address), 0.0, asked, weights)

    def _by_words(self, asked: list[Asked], limit: int, prefer: str, only: str) -> list[tuple[float, Any]]:
        if only or not prefer:
            return self._ranked(asked, limit, only)
        own = [(score * PREFERRED, address) for score, address in self._ranked(asked, limit, prefer)]
        seen = {self._key(address) for _, address in own}
        others = [one for one in self._ranked(asked, limit) if self._key(one[1]) not in seen]
        return sorted([*own, *others], key=lambda one: -one[0])[:limit]

    def _ranked(self, asked: list[Asked], limit: int, only: str = "") -> list[tuple[float, Any]]:
        import tantivy

        query = self._query(asked)
        if query is None:
            return []
        if only:
            filtered = tantivy.Query.const_score_query(
                tantivy.Query.term_query(self.index.schema, "language", only), 0.0
            )
            query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, filtered)])
        found: list[tuple[float, Any]] = self.searcher.search(query, limit=limit, count=False).hits
        return found

    def _query(self, asked: list[Asked]) -> Any:
        """The query for all words, None if there are none. Terms of full weight stay bare: only rows of bare terms are
        searched without looking at every passage."""
        import tantivy

        clauses = []
        for term, weight in weights_of(asked).items():
            clause = tantivy.Query.term_query(self.index.schema, "terms", term)
            if weight != 1:
                clause = tantivy.Query.boost_query(clause, weight)
            clauses.append((tantivy.Occur.Should, clause))
        return tantivy.Query.boolean_query(clauses) if clauses else None

    def _address(self, number: str) -> Any:
        """Where the passage whose id is `number` lies, None if there is none."""
        import tantivy

        wanted = tantivy.Query.term_query(self.index.schema, "id", number)
        found = self.searcher.search(wanted, limit=1, count=False).hits
        return found[0][1] if found else None

    def _key(self, address: Any) -> Any:
        return address.segment_ord, address.doc

    def _open(self, address: Any) -> Passage:
        return opened(bytes(self.searcher.doc(address)["passage"][0]))

    def _found(self, passage: Passage, score: float, asked: list[Asked], weights: list[float]) -> Found:
        # Stop words are not worth a mark.
        telling = [one for one, weight in zip(asked, weights, strict=True) if weight] or asked
        hits = tuple(hits_in(passage, {term for one in telling for term in one.terms}))
        known = terms(passage.language, passage.script)
        said = {term for start, end in hits for term in known[passage.text[start:end]].split()}
        coverage = covered(asked, weights, said | set(known.of(passage.title).split()))
        return Found(passage, round(score, 4), hits, round(coverage, 3), snippet(passage.text, hits))

    def rarity(self, one: Asked) -> float:
        """How much a word says about what is asked: the rarer the more, stop words nothing."""
        if any(pack.lower(one.word) in pack.stopwords for pack in self.packs.values()):
            return 0.0
        frequency = max((self.frequency(term) for term in one.terms), default=0)
        return log(1 + (self.size() - frequency + 0.5) / (frequency + 0.5))  # as BM25 has it


def in_order(found: Sequence[Found], near: Sequence[str]) -> list[str]:
    """The ids of what words and vectors find, best first."""
    by_words = [one.passage.id for one in found]
    if not any(one.coverage >= COVERS for one in found[:FIRST]):
        return list(dict.fromkeys([*near, *by_words]))
    turns = chain.from_iterable(zip_longest(by_words, near))
    return list(dict.fromkeys(number for number in turns if number is not None))


def weights_of(asked: list[Asked]) -> dict[str, float]:
    """All terms that are meant by any word, each with its greatest weight."""
    weights: dict[str, float] = {}
    for one in asked:
        for term, weight in one.terms.items():
            weights[term] = max(weight, weights.get(term, 0.0))
    return dict(sorted(weights.items()))


def covered(asked: list[Asked], weights: list[float], said: set[str]) -> float:
    """Share by weight of the words asked for of which a term is among `said`; a guessed one is half said at best."""
    found = [(0.5 if one.guessed else 1.0) * (not said.isdisjoint(one.terms)) for one in asked]
    total = sum(weights)
    return sum(weight * share for weight, share in zip(weights, found, strict=True)) / total if total else 0.0


def hits_in(passage: Passage, wanted: set[str]) -> Iterable[tuple[int, int]]:
    """Where words of a passage stand for one of the terms `wanted`."""
    known = terms(passage.language, passage.script)
    for match in TERM.finditer(passage.text):
        if not wanted.isdisjoint(known[match.group()].split()):
            yield match.start(), match.end()


def snippet(text: str, hits: tuple[tuple[int, int], ...], size: int = SNIPPET) -> tuple[int, int]:
    """The stretch of about `size` characters, in whole words, that holds most different words among `hits`."""
    if len(text) <= size or not hits:
        return whole_words(text, 0, size)
    starts = [max(0, start - size // 6) for start, _ in hits]

    def worth(start: int) -> int:
        return len({text[a:b].lower() for a, b in hits if start <= a and b <= start + size})

    best = max(starts, key=worth)  # the first of equals
    return whole_words(text, min(best, max(0, len(text) - size)), size)


def whole_words(text: str, start: int, size: int) -> tuple[int, int]:
    """A stretch from `start` of about `size` characters, moved to where words begin and end."""
    end = min(len(text), start + size)
    if start:
        gap = text.find(" ", start)
        start = gap + 1 if 0 <= gap < start + 40 else start
    if end < len(text):
        gap = text.rfind(" ", start, end)
        end = gap if gap > end - 40 else end
    return start, end
