"""What an OpenSearch answers to our requests, in the shapes of its documentation: a stand-in, not the thing.

It keeps strictly to the part of the query language that it knows and refuses all else, as OpenSearch does.
"""

import gzip
import json
import math
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote


class Index:
    def __init__(self, said):
        assert set(said) == {"settings", "mappings"}
        self.known = set(said["mappings"]["properties"])
        self.rows = {}

    def add(self, number, source):
        if strange := set(source) - self.known:
            return {
                "_id": number,
                "status": 400,
                "error": {"type": "strict_dynamic_mapping_exception", "reason": f"{strange} not allowed"},
            }
        self.rows[number] = (source, Counter(source["terms"].split()))
        return {"_id": number, "status": 201, "result": "created"}

    def score(self, query, row):
        """BM25 as Lucene has it, None where the query does not match."""
        ((kind, said),) = query.items()
        source, terms = row
        if kind == "match_all":
            return 1.0
        if kind == "term":
            ((name, value),) = said.items()
            value = value if isinstance(value, dict) else {"value": value, "boost": 1.0}
            assert set(value) == {"value", "boost"}
            if name == "language":
                return 0.0 if source["language"] == value["value"] else None
            count = terms[value["value"]]
            if not count:
                return None
            having = sum(value["value"] in other for _, other in self.rows.values())
            mean = sum(sum(other.values()) for _, other in self.rows.values()) / len(self.rows)
            rarity = math.log(1 + (len(self.rows) - having + 0.5) / (having + 0.5))
            return value["boost"] * rarity * count / (count + 1.2 * (0.25 + 0.75 * sum(terms.values()) / mean))
        assert kind == "bool"
        assert set(said) <= {"should", "must", "filter"}
        found = [self.score(one, row) for one in said.get("should", ())]
        needed = [self.score(one, row) for one in (*said.get("must", ()), *said.get("filter", ()))]
        if None in needed or (found and not needed and all(one is None for one in found)):
            return None
        return sum(one or 0.0 for one in [*found, *needed])

    def search(self, body):
        assert set(body) <= {"size", "query", "aggs", "_source", "track_total_hits"}
        query = body.get("query", {"match_all": {}})
        found = [(score, number) for number, row in self.rows.items() if (score := self.score(query, row)) is not None]
        found.sort(key=lambda one: -one[0])
        hits = [{"_id": number, "_score": score, "_source": dict(self.rows[number][0])} for score, number in found]
        for hit in hits[: body["size"]]:
            hit["_source"].pop("terms")
        said = {"took": 1, "timed_out": False, "hits": {"max_score": None, "hits": hits[: body["size"]]}}
        for name, aggregation in body.get("aggs", {}).items():
            ((kind, rule),) = aggregation.items()
            if kind == "terms":
                counts = Counter(self.rows[number][0][rule["field"]] for _, number in found)
                buckets = [{"key": key, "doc_count": count} for key, count in counts.most_common(rule["size"])]
            else:
                buckets = {}
                for key, one in rule["filters"].items():
                    having = [number for _, number in found if self.score(one, self.rows[number]) is not None]
                    buckets[key] = {"doc_count": len(having)}
            said.setdefault("aggregations", {})[name] = {"buckets": buckets}
        return said


class Handler(BaseHTTPRequestHandler):
    def answer(self, status, said):
        raw = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def work(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        raw = gzip.decompress(raw) if self.headers.get("Content-Encoding") == "gzip" else raw
        self.server.asked.append((self.command, self.path))
        if self.server.busy:
            self.server.busy -= 1
            return self.answer(
                429, {"error": {"type": "es_rejected_execution_exception", "reason": "busy"}, "status": 429}
            )
        name, _, rest = self.path.strip("/").partition("/")
        rest = rest.removesuffix("?search_type=dfs_query_then_fetch")
        index = self.server.indexes.get(name)
        if self.command == "PUT":
            if index:
                return self.answer(400, {"error": {"type": "resource_already_exists_exception", "reason": "exists"}})
            self.server.indexes[name] = Index(json.loads(raw))
            return self.answer(200, {"acknowledged": True, "index": name})
        if not index:
            return self.answer(404, {"error": {"type": "index_not_found_exception", "reason": "no such index"}})
        if rest == "_bulk":
            lines = [json.loads(line) for line in raw.splitlines()]
            items = [
                {"index": index.add(head["index"]["_id"], source)}
                for head, source in zip(lines[::2], lines[1::2], strict=True)
            ]
            return self.answer(
                200, {"took": 1, "errors": any("error" in one["index"] for one in items), "items": items}
            )
        if rest.startswith("_doc/"):
            number = unquote(rest.removeprefix("_doc/"))
            found = number in index.rows
            return self.answer(
                200 if found else 404, {"found": found} | ({"_source": index.rows[number][0]} if found else {})
            )
        answers = {"": {name: {}}, "_refresh": {"_shards": {}}, "_count": {"count": len(index.rows)}}
        return self.answer(200, answers[rest] if rest in answers else index.search(json.loads(raw)))

    do_GET = do_PUT = do_POST = work  # noqa: N815

    def log_message(self, *_):
        pass


def start():
    """A server on a free port, and its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.indexes, server.asked, server.busy = {}, [], 0
    Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"
