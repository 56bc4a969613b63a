"""Find the passages that answer a question, each with what is needed to cite it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from anatili.lang import LanguagePack
from anatili.problem import Problem
from anatili.search.analyse import query_terms, terms
from anatili.search.index import STORED, Passage
from anatili.text import WORD, show_path

TITLE_WEIGHT = 2.0
OWN_LANGUAGE_WEIGHT = 1.5
"""Passages in the language of the question go before equally good ones in another."""


@dataclass(frozen=True)
class Found:
    """A passage, its score (BM25; comparable within one query only) and where words of the query stand in it."""

    passage: Passage
    score: float
    hits: tuple[tuple[int, int], ...]
    """Start and end of each word that matches, in characters of `passage.text`."""


@dataclass(frozen=True)
class Search:
    """An index opened for asking."""

    folder: Path
    """The `index` folder of a run."""
    packs: dict[str, LanguagePack]

    @cached_property
    def index(self) -> Any:
        import tantivy

        if not (self.folder / "tantivy" / "meta.json").is_file():
            raise Problem(f"no search index in {show_path(self.folder)}; finish the run: anatili run RECIPE")
        return tantivy.Index.open(str(self.folder / "tantivy"))

    def find(self, query: str, limit: int = 5, language: str = "") -> list[Found]:
        """The best passages, best first; those in `language` are preferred if it is given."""
        import tantivy

        wanted = {term for pack in self.packs.values() for term in query_terms(pack.normalize(query), pack)}
        if not wanted:
            return []
        clauses = []
        for term in sorted(wanted):
            for name, weight in (("terms", 1.0), ("title_terms", TITLE_WEIGHT)):
                clause = tantivy.Query.term_query(self.index.schema, name, term)
                clauses.append((tantivy.Occur.Should, tantivy.Query.boost_query(clause, weight)))
        searcher = self.index.searcher()
        ranked = searcher.search(tantivy.Query.boolean_query(clauses), limit=4 * limit).hits
        found = []
        for score, address in ranked:
            stored = searcher.doc(address).to_dict()
            passage = Passage(**{name: (stored.get(name) or [""])[0] for name in STORED})
            weight = OWN_LANGUAGE_WEIGHT if passage.language == language else 1.0
            found.append(Found(passage, round(score * weight, 4), self._hits(passage, wanted)))
        return sorted(found, key=lambda f: (-f.score, f.passage.id))[:limit]

    def _hits(self, passage: Passage, wanted: set[str]) -> tuple[tuple[int, int], ...]:
        pack = self.packs[passage.language]
        return tuple(
            (match.start(), match.end())
            for match in WORD.finditer(passage.text)
            if wanted.intersection(terms(match.group(), pack))
        )
