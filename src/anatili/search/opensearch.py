"""OpenSearch (or Elasticsearch) instead of tantivy, for more than one machine: the same analysis, the same ranking.

Words are analyzed here before they are sent, so the cluster needs no plug-in and only sees terms. The run's own index
must be built too: its vocabulary corrects misspelled words.
"""

import gzip
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from anatili.atomic_files import whole_file
from anatili.lang import LanguagePack
from anatili.problem import Problem
from anatili.search.analysis import CACHED
from anatili.search.dense import Dense
from anatili.search.index import Passage, analyzed, read_passage
from anatili.search.query import QueryWord, meanings, read_spelled, read_word, words_of
from anatili.search.searcher import ReadText, Search, read_text, weights_of
from anatili.text import show_path

SEARCH = "/_search?search_type=dfs_query_then_fetch"
"""Term frequencies are taken over all shards, so the number of shards does not change the ranking."""
INDEX: dict[str, Any] = {
    "settings": {"index": {"similarity": {"default": {"type": "BM25", "k1": 1.2, "b": 0.75}}}},
    "mappings": {
        "dynamic": "strict",
        "properties": {
            "terms": {"type": "text", "analyzer": "whitespace", "index_options": "freqs"},
            "language": {"type": "keyword"},
        }
        | {
            name: {"type": "keyword", "index": False, "doc_values": False}
            for name in ("id", "document", "title", "text", "url", "source", "time", "license", "script", "location")
        },
    },
}
"""Settings and mappings of the index. tantivy's BM25 has the same k1 and b."""
BULK = 8 * 2**20
"""Bytes of one bulk request before compression; clusters refuse more than 100 MB."""
TRIES, PAUSE = 6, 1.0
"""Attempts while the cluster is busy, and seconds before the second; each pause is twice the one before."""
BUSY = (429, 502, 503, 504)


def bulks(shards: Iterable[Path]) -> Iterator[tuple[bytes, int]]:
    """Bodies for `_bulk`, each with its number of passages. Sending one twice changes nothing."""
    lines, size, count = [], 0, 0
    for language, rows in analyzed(shards):
        for id_, terms, stored in rows:
            document = {**asdict(read_passage(stored)), "language": language, "terms": terms}
            line = json.dumps({"index": {"_id": id_}}) + "\n" + json.dumps(document, ensure_ascii=False) + "\n"
            lines.append(line.encode())
            size, count = size + len(lines[-1]), count + 1
            if size >= BULK:
                yield b"".join(lines), count
                lines, size, count = [], 0, 0
    if lines:
        yield b"".join(lines), count


def index_of(shards: int) -> dict[str, Any]:
    """`INDEX` with a number of shards; each shard may be on another machine."""
    settings = {**INDEX["settings"]["index"], "number_of_shards": shards}
    return {**INDEX, "settings": {"index": settings}}


def export(folder: Path, out: Path, shards: int = 1) -> int:
    """Write the index in `folder` as `index.json` and `bulk-*.ndjson.gz` to load elsewhere; the number of passages."""
    out.mkdir(parents=True, exist_ok=True)
    with whole_file(out / "index.json") as temporary:
        temporary.write_text(json.dumps(index_of(shards), indent=1), "utf-8")
    total = 0
    for number, (body, count) in enumerate(bulks(shards_of(folder))):
        with whole_file(out / f"bulk-{number:05}.ndjson.gz") as temporary:
            temporary.write_bytes(gzip.compress(body, 6, mtime=0))
        total += count
    return total


def shards_of(folder: Path) -> list[Path]:
    shards = sorted(folder.glob("part-*.parquet"))
    if not shards:
        raise Problem(f"no search index in {show_path(folder)}; finish the run: anatili run RECIPE")
    return shards


def count_passages(folder: Path) -> int:
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(shard).num_rows for shard in shards_of(folder))


class Cluster:
    """An index of an OpenSearch cluster, at an address such as https://user:password@host:9200/name."""

    def __init__(self, address: str) -> None:
        import httpx

        self.address = address.rstrip("/")
        url = httpx.URL(self.address)
        if url.scheme not in ("http", "https") or len(url.path.strip("/").split("/")) != 1 or url.path == "/":
            raise Problem(f"{address!r} is not the address of an index; write it like http://127.0.0.1:9200/name")
        self.shown = str(url.copy_with(userinfo=b""))
        """The address without its password."""
        self.client = httpx.Client(timeout=60)

    def ask(self, method: str, path: str, body: Any = None, *, allowed: tuple[int, ...] = ()) -> Any:
        """The JSON that the index answers; {} if the status is one of those `allowed`."""
        import httpx

        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        content_type = "application/x-ndjson" if isinstance(body, bytes) else "application/json"
        headers = {"Content-Type": content_type} if content else {}
        if content and len(content) > 2**16:
            content, headers = gzip.compress(content, 1), {**headers, "Content-Encoding": "gzip"}
        for attempt in range(TRIES):
            try:
                response = self.client.request(method, self.address + path, content=content, headers=headers)
            except httpx.HTTPError as error:
                raise Problem(f"no OpenSearch answers at {self.shown}: {error}") from error
            if response.status_code not in BUSY or attempt == TRIES - 1:
                break
            time.sleep(PAUSE * 2**attempt)
        if response.status_code in allowed:
            return {}
        try:
            answer = response.json()
        except ValueError:
            answer = {}
        if response.is_error or not isinstance(answer, dict):
            cause = answer.get("error") if isinstance(answer, dict) else ""
            reason = cause.get("reason", "") if isinstance(cause, dict) else cause or response.text[:200]
            raise Problem(f"{self.shown} answered {response.status_code}: {reason}")
        return answer

    def load(self, folder: Path, tell: Callable[[int], None] = lambda count: None, shards: int = 1) -> int:
        """Load the index in `folder` into the cluster, creating it if needed; the number of passages sent."""
        self.ask("PUT", "", index_of(shards), allowed=(400,) if self.exists() else ())
        total = 0
        for body, count in bulks(shards_of(folder)):
            answer = self.ask("POST", "/_bulk", body)
            if answer.get("errors"):
                failed = [row["index"] for row in answer["items"] if "error" in row.get("index", {})]
                reason = failed[0]["error"].get("reason", "") if failed else "unknown"
                raise Problem(f"{self.shown} refused {len(failed)} of {count} passages, the first because: {reason}")
            total += count
            tell(count)
        self.ask("POST", "/_refresh")
        return total

    def exists(self) -> bool:
        return bool(self.ask("GET", "", allowed=(404,)))


@dataclass(frozen=True)
class ClusterSearch(Search):
    """A search whose passages are in a cluster. `folder` is the run's own index, needed for its vocabulary."""

    cluster: Cluster
    frequencies: dict[str, int] = field(default_factory=dict)
    """Term -> number of passages with it, a cache. Threads share it, and any of them may empty it."""

    @cached_property
    def count(self) -> int:
        return int(self.cluster.ask("GET", "/_count")["count"])

    def size(self) -> int:
        return self.count

    def frequency(self, term: str) -> int:
        frequency = self.frequencies.get(term)
        return self.fetch([term])[term] if frequency is None else frequency

    def look_up(self, terms: Iterable[str]) -> None:
        """Fetch the frequencies of the terms that are not cached, all in one request."""
        new = sorted({term for term in terms if term not in self.frequencies})
        if new:
            self.fetch(new)

    def fetch(self, terms: list[str]) -> dict[str, int]:
        if len(self.frequencies) > CACHED:
            self.frequencies.clear()
        filters = {str(number): {"term": {"terms": term}} for number, term in enumerate(terms)}
        answer = self.cluster.ask("POST", SEARCH, {"size": 0, "aggs": {"terms": {"filters": {"filters": filters}}}})
        rows = answer["aggregations"]["terms"]["buckets"]
        frequencies = {term: int(rows[str(number)]["doc_count"]) for number, term in enumerate(terms)}
        self.frequencies.update(frequencies)
        return frequencies

    def read(self, query: str) -> list[QueryWord]:
        return self._read(query, read_word)

    def read_strictly(self, query: str) -> list[QueryWord]:
        return self._read(query, read_spelled)

    def _read(self, query: str, read: Callable[..., QueryWord]) -> list[QueryWord]:
        words = words_of(query)
        self.look_up(term for word in words for pack in self.packs.values() for term in meanings(word, pack))
        query_words = [read(word, self.packs, self.vocabulary, self.frequency) for word in words]
        self.look_up(term for word in query_words for term in word.terms)
        return query_words

    def _address(self, id_: str) -> Any:
        from urllib.parse import quote

        answer = self.cluster.ask("GET", f"/_doc/{quote(id_, safe='')}", allowed=(404,))
        return passage_of(answer["_source"]) if answer.get("found") else None

    def languages(self) -> dict[str, int]:
        return self._counts({"match_all": {}})

    def _counts(self, query: Any) -> dict[str, int]:
        aggregation = {"languages": {"terms": {"field": "language", "size": 1000}}}
        answer = self.cluster.ask("POST", SEARCH, {"size": 0, "query": query, "aggs": aggregation})
        return {row["key"]: int(row["doc_count"]) for row in answer["aggregations"]["languages"]["buckets"]}

    def _ranked(self, parsed: Any, limit: int, only: str = "") -> list[tuple[float, Any]]:
        query = parsed
        if only:
            query = {"bool": {"must": [query], "filter": [{"term": {"language": only}}]}}
        body = {"size": limit, "query": query, "_source": {"excludes": ["terms"]}, "track_total_hits": False}
        hits = self.cluster.ask("POST", SEARCH, body)["hits"]["hits"]
        return [(float(hit["_score"]), passage_of(hit["_source"])) for hit in hits]

    def _some(self, language: str, limit: int) -> list[Any]:
        query = {"bool": {"filter": [{"term": {"language": language}}]}}
        body = {"size": limit, "query": query, "_source": {"excludes": ["terms"]}, "track_total_hits": False}
        return [passage_of(hit["_source"]) for hit in self.cluster.ask("POST", SEARCH, body)["hits"]["hits"]]

    def _query(self, words: list[QueryWord]) -> Any:
        clauses = [{"term": {"terms": {"value": term, "boost": weight}}} for term, weight in weights_of(words).items()]
        return {"bool": {"should": clauses}} if clauses else None

    def _key(self, address: Any) -> Any:
        return address.id

    def _text(self, address: Any) -> ReadText:
        return read_text(address)


def passage_of(source: dict[str, Any]) -> Passage:
    return Passage(**{name: value for name, value in source.items() if name != "terms"})


def open_cluster(
    address: str, folder: Path, packs: dict[str, LanguagePack], dense: Dense | None = None
) -> ClusterSearch:
    """The search of a cluster's index, which was loaded from the one in `folder`."""
    cluster = Cluster(address)
    if not cluster.exists():
        raise Problem(f"there is no index at {cluster.shown}; load it with: anatili opensearch RUN {cluster.shown}")
    return ClusterSearch(folder, packs, cluster, dense=dense)
