"""Find the passages that answer a question, with everything needed to cite them."""

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from itertools import accumulate, chain, zip_longest
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anatili.lang import LanguagePack
from anatili.problem import Problem
from anatili.search.analysis import TERM, terms
from anatili.search.dense import NEAREST, Dense
from anatili.search.index import Passage, read_passage
from anatili.search.query import QueryWord, read_spelled, read_word, words_of
from anatili.search.vocabulary import NAME, TermVocabulary
from anatili.takedown_log import read_takedowns
from anatili.text import show_path

if TYPE_CHECKING:
    import tantivy

PREFERRED = 1.5
"""Factor on the scores of passages in the preferred language."""
COVERS, FIRST = 0.5, 3
"""If one of the FIRST passages by words covers this share of the question, words and dense search take turns in the
order, so that a passage in another language is not far down. If none does, mostly because the right passages are in
another language, dense search goes first: it then finds several times as many (`bench/dense.py`)."""
CACHED_PASSAGES, CACHED_WORDS, CACHED_TERMS = 2048, 10_000, 50_000
SNIPPET = 240
"""Characters of a passage that are shown as a preview."""


@dataclass(frozen=True)
class Hit:
    """A passage, its score (comparable within one query only) and where words of the query occur in it."""

    passage: Passage
    score: float
    matches: tuple[tuple[int, int], ...]
    """Start and end of each word that matches, in characters of `passage.text`."""
    coverage: float
    """Share of the question, 0 to 1, whose words occur in the passage or its title. Rare words weigh more."""
    snippet: tuple[int, int]
    """Start and end of the span of `passage.text`, in whole words, with most of the query's words."""
    is_close: bool = False
    """Whether dense search finds it close to the question, in any language."""


@dataclass(frozen=True)
class Results:
    """The results of a query."""

    hits: list[Hit]
    counts: dict[str, int]
    """Number of passages with any of the query's words, by language, most first; not only those in `hits`."""
    guessed: dict[str, list[str]]
    """Words that no passage has, with the terms searched for instead."""


@dataclass(frozen=True)
class Search:
    """An opened search index."""

    folder: Path
    """The `index` folder of a run."""
    packs: dict[str, LanguagePack]
    dense: Dense | None = field(default=None, kw_only=True)
    """The second channel: search by embeddings."""

    @cached_property
    def index(self) -> "tantivy.Index":
        import tantivy

        if not (self.folder / "tantivy" / NAME).is_file():
            raise Problem(f"no search index in {show_path(self.folder)}; finish the run: anatili run RECIPE")
        return tantivy.Index.open(str(self.folder / "tantivy"))

    @cached_property
    def searcher(self) -> "tantivy.Searcher":
        return self.index.searcher()

    @cached_property
    def vocabulary(self) -> TermVocabulary:
        return TermVocabulary(self.folder / "tantivy")

    def find(self, query: str, limit: int = 5, prefer: str = "", only: str = "") -> list[Hit]:
        """The best passages, best first. `prefer` favors a language; `only` restricts the search to one."""
        check_page(limit)
        words = self.read(query)
        return self._best(query, words, self._query(words), limit, prefer, only)

    def results(self, query: str, limit: int = 10, offset: int = 0, prefer: str = "", only: str = "") -> Results:
        """A page of the best passages from `offset` on, with the number of passages in each language."""
        check_page(limit, offset)
        words = self.read_strictly(query)
        parsed = self._query(words)
        return Results(
            hits=self._best(query, words, parsed, offset + limit, prefer, only)[offset:],
            counts={} if parsed is None else self._counts(parsed),
            guessed={word.word: list(word.terms) for word in words if word.guessed},
        )

    def read(self, query: str) -> list[QueryWord]:
        """The words of a question with the terms that each may mean, in any of the languages."""
        return [self._read_word(word) for word in words_of(query)]

    def read_strictly(self, query: str) -> list[QueryWord]:
        """The words of a question as in `read`, each only in the languages whose alphabet spells it."""
        return [self._read_spelled(word) for word in words_of(query)]

    @cached_property
    def _read_word(self) -> Callable[[str], QueryWord]:
        # Neither cache refers to this object: an old snapshot closes its files as soon as nobody uses it.
        word = partial(read_word, packs=self.packs, vocabulary=self.vocabulary, frequency=self._frequency)
        return lru_cache(CACHED_WORDS)(word)

    @cached_property
    def _read_spelled(self) -> Callable[[str], QueryWord]:
        word = partial(read_spelled, packs=self.packs, vocabulary=self.vocabulary, frequency=self._frequency)
        return lru_cache(CACHED_WORDS)(word)

    @cached_property
    def _frequency(self) -> Callable[[str], int]:
        return lru_cache(CACHED_TERMS)(partial(self.searcher.doc_freq, "terms"))

    def frequency(self, term: str) -> int:
        """The number of passages that have a term."""
        return self._frequency(term)

    def size(self) -> int:
        """The number of passages."""
        return int(self.searcher.num_docs)

    def passage(self, id_: str) -> Passage | None:
        """The passage with the id `id_`; None if there is none."""
        address = self._address(id_)
        passage = None if address is None else self._open(address)
        return None if passage is None or self.is_taken_down(passage) else passage

    def is_taken_down(self, passage: Passage) -> bool:
        """Whether the run's log of takedowns, as it is now, names the document of a passage of this index."""
        takedowns = read_takedowns(self.folder.parent)
        return bool(takedowns and takedowns.reason(identity=passage.document, url=passage.url))

    def some(self, language: str, limit: int) -> list[Passage]:
        """Up to `limit` passages in a language, in any order."""
        return [one for one in map(self._open, self._some(language, limit)) if not self.is_taken_down(one)]

    def beginnings(self, language: str, limit: int) -> list[Passage]:
        """First passages of documents in a language, among `limit` passages in any order."""
        return [passage for passage in self.some(language, limit) if passage.id.endswith(":0")]

    def _some(self, language: str, limit: int) -> list[Any]:
        """The addresses of up to `limit` passages in a language."""
        import tantivy

        query = tantivy.Query.term_query(self.index.schema, "language", language)
        return [address for _, address in self.searcher.search(query, limit=limit, count=False).hits]

    def counts(self, words: list[QueryWord]) -> dict[str, int]:
        """The number of passages with any of the words, by language, most first."""
        query = self._query(words)
        return self._counts(query) if query is not None else {}

    def languages(self) -> dict[str, int]:
        """The number of passages in each language, most first."""
        import tantivy

        return self._counts(tantivy.Query.all_query())

    def _counts(self, query: "tantivy.Query") -> dict[str, int]:
        by_language = {"languages": {"terms": {"field": "language", "size": 1000}}}
        buckets = self.searcher.aggregate(query, by_language)["languages"]["buckets"]
        return {str(bucket["key"]): int(bucket["doc_count"]) for bucket in buckets}

    def _best(
        self, query: str, words: list[QueryWord], parsed: "tantivy.Query | None", limit: int, prefer: str, only: str
    ) -> list[Hit]:
        """The best passages. `parsed`: the words as a query of the index."""
        ranked = [] if parsed is None else self._ranked_by_language(parsed, max(limit, FIRST), prefer, only)
        weighed = WeightedWords(words, [self.rarity(word) for word in words])
        by_words = [weighed.hit(self._text(address), score) for score, address in ranked[: max(limit, FIRST)]]
        if self.dense is None or not query.strip():
            return by_words[:limit]
        near = self.dense.nearest(query, max(limit, NEAREST), only)
        close = {neighbor.id for neighbor in near if neighbor.closeness >= self.dense.close}
        by_id = {hit.passage.id: hit for hit in by_words}
        hits: list[Hit] = []
        for id_ in in_order(by_words, [neighbor.id for neighbor in near])[:limit]:
            hit = by_id.get(id_) or self._open_hit(id_, weighed)
            if hit:  # the score follows this order
                hits.append(replace(hit, score=round(1 / (1 + len(hits)), 4), is_close=id_ in close))
        return hits

    def _open_hit(self, id_: str, weighed: "WeightedWords") -> Hit | None:
        """A passage that was not found by words."""
        passage = self.passage(id_)
        return None if passage is None else weighed.hit(read_text(passage), 0.0)

    def _ranked_by_language(
        self, parsed: "tantivy.Query", limit: int, prefer: str, only: str
    ) -> list[tuple[float, Any]]:
        if only or not prefer:
            return self._ranked_present(parsed, limit, only)
        preferred = [(score * PREFERRED, address) for score, address in self._ranked_present(parsed, limit, prefer)]
        keys = {self._key(address) for _, address in preferred}
        rest = self._ranked_present(parsed, limit)
        others = [(score, address) for score, address in rest if self._key(address) not in keys]
        return sorted([*preferred, *others], key=lambda scored: -scored[0])[:limit]

    def _ranked_present(self, parsed: "tantivy.Query", limit: int, only: str = "") -> list[tuple[float, Any]]:
        """The best passages without those that were taken down since the index was built."""
        ranked = self._ranked(parsed, limit, only)
        if not read_takedowns(self.folder.parent):
            return ranked
        asked = limit
        while True:
            present = [(score, address) for score, address in ranked if not self.is_taken_down(self._open(address))]
            if len(present) >= limit or len(ranked) < asked:
                return present[:limit]
            asked *= 2
            ranked = self._ranked(parsed, asked, only)

    def _ranked(self, parsed: "tantivy.Query", limit: int, only: str = "") -> list[tuple[float, Any]]:
        import tantivy

        query = parsed
        if only:
            filtered = tantivy.Query.const_score_query(
                tantivy.Query.term_query(self.index.schema, "language", only), 0.0
            )
            query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, filtered)])
        ranked: list[tuple[float, Any]] = self.searcher.search(query, limit=limit, count=False).hits
        return ranked

    def _query(self, words: list[QueryWord]) -> "tantivy.Query | None":
        """The query for all words; None if there are none. Terms of weight 1 get no boost: tantivy skips passages only
        in queries of plain terms."""
        import tantivy

        clauses = []
        for term, weight in weights_of(words).items():
            clause = tantivy.Query.term_query(self.index.schema, "terms", term)
            if weight != 1:
                clause = tantivy.Query.boost_query(clause, weight)
            clauses.append((tantivy.Occur.Should, clause))
        return tantivy.Query.boolean_query(clauses) if clauses else None

    def _address(self, id_: str) -> Any:
        """The address of the passage with the id `id_`; None if there is none."""
        import tantivy

        query = tantivy.Query.term_query(self.index.schema, "id", id_)
        hits = self.searcher.search(query, limit=1, count=False).hits
        return hits[0][1] if hits else None

    def _key(self, address: "tantivy.DocAddress") -> Any:
        return address.segment_ord, address.doc

    def _open(self, address: "tantivy.DocAddress") -> Passage:
        return self._text(address).passage

    def _text(self, address: "tantivy.DocAddress") -> "ReadText":
        return read_stored(bytes(self.searcher.doc(address)["passage"][0]))

    def rarity(self, word: QueryWord) -> float:
        """How much a word says about the question (inverse document frequency); stop words say nothing."""
        if self._is_stopword(word.word):
            return 0.0
        frequency = max((self.frequency(term) for term in word.terms), default=0)
        return log(1 + (self.rarity_size() - frequency + 0.5) / (frequency + 0.5))  # as in BM25

    @cached_property
    def _is_stopword(self) -> Callable[[str], bool]:
        packs = tuple(self.packs.values())
        return lru_cache(CACHED_WORDS)(lambda word: any(pack.lower(word) in pack.stopwords for pack in packs))

    def rarity_size(self) -> int:
        """The number of passages by which the rarity of a word is judged."""
        return self.size()


def check_page(limit: int, offset: int = 0) -> None:
    if limit < 1 or offset < 0:
        raise Problem(f"a search needs a limit of at least 1 and an offset of at least 0, not {limit} and {offset}")


def in_order(hits: Sequence[Hit], dense: Sequence[str]) -> list[str]:
    """The ids found by words and by dense search, best first."""
    by_words = [hit.passage.id for hit in hits]
    if not any(hit.coverage >= COVERS for hit in hits[:FIRST]):
        return list(dict.fromkeys([*dense, *by_words]))
    merged = chain.from_iterable(zip_longest(by_words, dense))
    return list(dict.fromkeys(id_ for id_ in merged if id_ is not None))


def weights_of(words: list[QueryWord]) -> dict[str, float]:
    """The terms of all words, each with its greatest weight."""
    weights: dict[str, float] = {}
    for word in words:
        for term, weight in word.terms.items():
            weights[term] = max(weight, weights.get(term, 0.0))
    return dict(sorted(weights.items()))


class WeightedWords:
    """The words of a query with their weights, and where they occur in passages."""

    def __init__(self, words: Sequence[QueryWord], weights: Sequence[float]) -> None:
        self.total = sum(weights)
        # A guessed word counts half.
        self.shares = [
            (weight * (0.5 if word.guessed else 1.0), word.terms.keys())
            for word, weight in zip(words, weights, strict=True)
        ]
        content_words = [word for word, weight in zip(words, weights, strict=True) if weight] or words
        self.terms = {term for word in content_words for term in word.terms}
        """Terms to highlight: those of stop words are not."""

    def coverage(self, present: Set[str]) -> float:
        """Weighted share of the words with a term in `present`."""
        covered = sum(share for share, terms in self.shares if not present.isdisjoint(terms))
        return covered / self.total if self.total else 0.0

    def hit(self, text: "ReadText", score: float) -> Hit:
        found = list(text.matches(self.terms))
        matches = tuple((start, end) for start, end, _ in found)
        coverage = self.coverage(text.title.union(*(present for *_, present in found)))
        return Hit(text.passage, round(score, 4), matches, round(coverage, 3), snippet(text.passage.text, matches))


class ReadText:
    """A passage as the terms of a query are found in it: read once, because people ask for the same ones again."""

    def __init__(self, passage: Passage) -> None:
        self.passage = passage
        self.analyzer = terms(passage.language, passage.script)
        self.chunks = passage.text.split(" ")
        self.starts = list(accumulate((len(chunk) + 1 for chunk in self.chunks), initial=0))
        self.places: dict[str, list[int]] = {}
        """Term -> the numbers of the chunks between spaces that have it."""
        for number, found in enumerate(map(self.analyzer.__getitem__, self.chunks)):
            for term in found.split(" ") if " " in found else (found,):
                self.places.setdefault(term, []).append(number)
        self.words: dict[int, list[tuple[int, int, list[str]]]] = {}
        """Number of a chunk -> start, end and terms of its words, as far as they were asked for."""
        self.title = frozenset(self.analyzer.of(passage.title).split())

    def matches(self, searched: set[str]) -> Iterator[tuple[int, int, list[str]]]:
        """Start, end and terms of the words that have one of the terms searched for, in order."""
        numbers = {number for term in searched for number in self.places.get(term, ())}
        for number in sorted(numbers):
            for word in self.words.get(number) or self.read_words(number):
                if not searched.isdisjoint(word[2]):
                    yield word

    def read_words(self, number: int) -> list[tuple[int, int, list[str]]]:
        start = self.starts[number]
        self.words[number] = words = [
            (start + match.start(), start + match.end(), self.analyzer[match.group()].split())
            for match in TERM.finditer(self.chunks[number])
        ]
        return words


read_text = lru_cache(CACHED_PASSAGES)(ReadText)


@lru_cache(CACHED_PASSAGES)
def read_stored(stored: bytes) -> ReadText:
    """A passage from its stored form, which is faster to look up than a passage."""
    return ReadText(read_passage(stored))


def snippet(text: str, matches: tuple[tuple[int, int], ...], size: int = SNIPPET) -> tuple[int, int]:
    """The span of about `size` characters, in whole words, with the most distinct words among `matches`."""
    if len(text) <= size or not matches:
        return whole_words(text, 0, size)
    starts = [max(0, start - size // 6) for start, _ in matches]
    words = [(start, end, text[start:end].lower()) for start, end in matches]

    def worth(start: int) -> int:
        return len({word for a, b, word in words if start <= a and b <= start + size})

    best = max(starts, key=worth)  # the first of several equal ones
    return whole_words(text, min(best, max(0, len(text) - size)), size)


def whole_words(text: str, start: int, size: int) -> tuple[int, int]:
    """A span of about `size` characters from `start`, adjusted to word boundaries."""
    end = min(len(text), start + size)
    if start:
        gap = text.find(" ", start)
        start = gap + 1 if 0 <= gap < start + 40 else start
    if end < len(text):
        gap = text.rfind(" ", start, end)
        end = gap if gap > end - 40 else end
    return start, end
