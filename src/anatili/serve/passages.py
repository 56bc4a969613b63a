"""Passages and results of searches as JSON."""

import time
from dataclasses import fields
from typing import Any

from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool

from anatili.problem import Problem
from anatili.search.index import Passage
from anatili.search.searcher import Hit, Search

SHORT = 0.004
"""Seconds of processor time that a search may take on average to run in the event loop."""
LONG_QUERY = 200
"""Characters beyond which a search always runs in a thread: 1,000 of unknown words take a tenth of a second."""
STEADY = 0.95
"""Weight of the average so far against the newest search."""
FIELDS = tuple(field.name for field in fields(Passage))


def passage_json(hit: Hit) -> dict[str, Any]:
    """A passage with everything that a citation needs."""
    passage = {
        name: getattr(hit.passage, name) for name in FIELDS
    }  # `asdict` copies deeply, and takes ten times as long
    return {
        **passage,
        "score": hit.score,
        "coverage": hit.coverage,
        "hits": hit.matches,
        "snippet": hit.snippet,
        "is_close": hit.is_close,
    }


def hits_of(rows: Any) -> list[Hit]:
    """The passages in the JSON of another server of ours; `Problem` if they are not as `passage_json` writes them."""
    try:
        return [
            Hit(
                Passage(**{name: row[name] for name in FIELDS}),
                row["score"],
                tuple(map(tuple, row["hits"])),
                row["coverage"],
                tuple(row["snippet"]),
                row["is_close"],
            )
            for row in rows or ()
        ]
    except (TypeError, LookupError) as error:
        raise Problem(f"the server's passages cannot be read ({error!r}): is it another version of anatili?") from error


def search_body(index: Search, query: str, limit: int, offset: int, prefer: str, only: str) -> bytes:
    """The body of the response to a search."""
    results = index.results(query, limit, offset, prefer=prefer, only=only)
    return to_json(
        {
            "query": query,
            "prefer": prefer,
            "only": only,
            "counts": results.counts,
            "guessed": results.guessed,
            "passages": [passage_json(hit) for hit in results.hits],
        }
    )


class SearchRunner:
    """Runs searches of the server's own texts in the event loop while they are short, all others in a thread.

    Changing threads costs as much as a short search, and dozens of threads that search at once wait for one another.
    """

    def __init__(self) -> None:
        self.mean = 2 * SHORT

    async def run(self, index: Search, query: str, *arguments: Any) -> bytes:
        """The body of the response to a search; see `search_body`."""
        waits = type(index) is not Search or index.dense is not None  # for files, a model or a cluster
        if waits or len(query) > LONG_QUERY:
            return await run_in_threadpool(search_body, index, query, *arguments)
        if self.mean <= SHORT:
            return self.timed(index, query, *arguments)
        return await run_in_threadpool(self.timed, index, query, *arguments)

    def timed(self, index: Search, *arguments: Any) -> bytes:
        start = time.thread_time()
        body = search_body(index, *arguments)
        self.mean = STEADY * self.mean + (1 - STEADY) * (time.thread_time() - start)
        return body
