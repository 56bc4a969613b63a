"""A public server: what visitors may do without a key, their quotas behind a proxy, /admin and /feedback.

The requests go through uvicorn's own handling of proxies; only the socket is left out, so that a test can come from any
address.
"""

import asyncio
import json
from datetime import date

import httpx
import pytest

from anatili.problem import Problem
from anatili.serve.api import Extras, create_app
from anatili.serve.assistant import open_assistant
from anatili.serve.feedback import FeedbackFile
from anatili.serve.keys import Key, hash_key, make_key
from anatili.serve.server import ServerConfig, access_rules, check_access, uvicorn_config

PROXY, STRANGER = "10.0.0.2", "203.0.113.5"


@pytest.fixture(scope="module")
def assistant():
    return open_assistant("kazakh-26m")


class Visits:
    """A public server's application, asked from any address."""

    def __init__(self, assistant, folder, lines=(), **options) -> None:
        self.keys = {}
        lines = list(lines)
        for key in (Key("operator", admin=True), Key("newspaper", per_minute=50)):
            self.keys[key.name], line = make_key(key)
            lines.append(line)
        (folder / "keys.txt").write_text("\n".join(lines), "utf-8")
        self.feedback = folder / "feedback.jsonl"
        config = ServerConfig(
            public=True,
            keys_file=folder / "keys.txt",
            proxies=("10.0.0.0/24",),
            host_names=("ask.example.kz",),
            feedback=self.feedback,
            **options,
        )
        check_access(config)
        app = create_app(assistant, access_rules(config), Extras(feedback=FeedbackFile(self.feedback)))
        server = uvicorn_config(app, config)
        server.load()
        self.app = server.loaded_app

    def send(self, method, path, peer=STRANGER, forwarded="", key="", **options) -> httpx.Response:
        headers = {"Host": "ask.example.kz"}
        headers |= {"X-Forwarded-For": forwarded} if forwarded else {}
        headers |= {"Authorization": f"Bearer {self.keys.get(key, key)}"} if key else {}

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=(peer, 1234))
            async with httpx.AsyncClient(transport=transport, base_url="http://ask.example.kz") as client:
                return await client.request(method, path, headers=headers, **options)

        return asyncio.run(ask())

    def codes(self, count, **options) -> list[int]:
        return [self.send("GET", "/search?q=Абай", **options).status_code for _ in range(count)]


@pytest.fixture
def visits(assistant, tmp_path):
    return Visits(assistant, tmp_path, per_minute=3, per_day=5)


def test_everyone_may_read_and_only_keys_open_the_rest(visits):
    assert visits.send("GET", "/search?q=Абай").json()["passages"]
    body = {"messages": [{"role": "user", "content": "Абай кім?"}], "max_tokens": 4}
    assert visits.send("POST", "/v1/chat/completions", json=body, key="none").status_code == 200
    words = visits.send("GET", "/page/words").json()
    assert (words["key"], words["feedback"]) == ("optional", True)
    assert visits.send("GET", "/robots.txt").text.startswith("User-agent: *\nDisallow: /search\n")
    for path in ("/favicon.ico", "/apple-touch-icon.png"):
        assert visits.send("GET", path).headers["content-type"] == "image/png"
    for path in ("/metrics", "/tokenizer_info", "/admin", "/nowhere"):
        assert visits.send("GET", path).status_code == 401
        assert visits.send("GET", path, key="wrong").status_code == 401
    assert visits.send("GET", "/tokenizer_info", key="newspaper").status_code == 200


def test_a_refused_key_is_told_why_and_nothing_about_others(assistant, tmp_path):
    visits = Visits(assistant, tmp_path, [Key("school", expires=date(2025, 6, 1)).line(hash_key("s" * 24))])

    def why(key: str) -> str:
        refused = visits.send("GET", "/tokenizer_info", key=key)
        assert refused.status_code == 401
        return refused.json()["error"]["message"]

    assert why("").startswith("a key is required")
    assert why("none").startswith("a key is required")
    assert why("wrong").startswith("this key is not known here")
    assert why("Newspaper") == why("wrong"), "a guess that comes near is told nothing more"
    assert why("s" * 24) == "this key expired on 2025-06-01; ask the operator of the server for a new one"


def test_a_page_of_passages_that_is_none_is_refused(visits):
    for wrong, message in (("limit=0", "limit: Input should be greater"), ("offset=-1", "offset: Input should be")):
        refused = visits.send("GET", f"/search?q=Абай&{wrong}")
        assert refused.status_code == 422
        assert refused.json()["error"]["message"].startswith(message)


def test_each_visitor_behind_the_proxy_has_a_quota(visits):
    assert visits.codes(4, peer=PROXY, forwarded="198.51.100.1") == [200, 200, 200, 429]
    assert visits.codes(1, peer=PROXY, forwarded="198.51.100.2") == [200]
    # What the visitor wrote comes first; only the address that the proxy added counts.
    assert visits.codes(1, peer=PROXY, forwarded="198.51.100.9, 198.51.100.1") == [429]
    refused = visits.send("GET", "/search?q=x", peer=PROXY, forwarded="198.51.100.1")
    assert refused.headers["retry-after"]
    assert refused.json()["error"]["message"] == "more than 3 requests a minute"


def test_nobody_else_is_believed_about_addresses(visits):
    codes = [visits.send("GET", "/search?q=x", forwarded=f"198.51.100.{number}").status_code for number in range(4)]
    assert codes == [200, 200, 200, 429]


def test_a_key_has_its_own_limit_and_the_day_has_one_too(visits, monkeypatch):
    assert visits.codes(4, key="newspaper") == [200] * 4
    assert visits.codes(3) == [200] * 3
    monkeypatch.setattr("anatili.serve.limits.time.monotonic", lambda: 1e9)  # much later, the minute is refilled
    visits.codes(2, peer=PROXY, forwarded="198.51.100.7")
    monkeypatch.setattr("anatili.serve.limits.time.monotonic", lambda: 1e9 + 60)
    assert visits.codes(3, peer=PROXY, forwarded="198.51.100.7") == [200] * 3
    monkeypatch.setattr("anatili.serve.limits.time.monotonic", lambda: 1e9 + 120)
    refused = visits.send("GET", "/search?q=x", peer=PROXY, forwarded="198.51.100.7")
    assert "requests a day" in refused.json()["error"]["message"]
    assert int(refused.headers["retry-after"]) > 60, "a minute later it is refused again"


def test_feedback_is_kept_without_text_and_without_the_visitor(visits):
    given = {"rating": "down", "reason": "unsupported", "language": "kk", "passages": ["a#1"], "model": "kazakh-26m"}
    assert visits.send("POST", "/feedback", json=given).status_code == 204
    assert visits.send("POST", "/feedback", json={"rating": "up", "kind": "translation"}).status_code == 204
    for wrong in (
        {"rating": "up", "comment": "Менің атым ..."},
        {"rating": "meh"},
        {"rating": "up", "language": "а б"},
    ):
        assert visits.send("POST", "/feedback", json=wrong, peer="203.0.113.6").status_code == 422
    rows = [json.loads(line) for line in visits.feedback.read_text("utf-8").splitlines()]
    assert [set(row) for row in rows] == [{"day", *given}, {"day", "rating", "kind"}]
    assert STRANGER not in visits.feedback.read_text("utf-8")
    assert FeedbackFile(visits.feedback).summary()[0]["count"] == 1  # counted again after a restart


def test_admin_shows_load_quotas_errors_and_feedback(visits, monkeypatch):
    visits.codes(4)
    visits.send("POST", "/feedback", json={"rating": "up"}, peer="203.0.113.7")
    monkeypatch.setattr("anatili.search.searcher.Search.results", lambda *_, **__: 1 / 0)
    broken = visits.send("GET", "/search?q=құпия", peer="203.0.113.8")
    assert broken.status_code == 500
    request_id = broken.headers["x-request-id"]
    assert request_id in broken.json()["error"]["message"]
    assert visits.send("GET", "/admin", key="newspaper").status_code == 403
    seen = visits.send("GET", "/admin", key="operator").json()
    assert seen["load"]["running"] == 0
    assert (seen["visitors"], seen["visitor_requests_over_limit"]) == (3, 1)
    assert seen["failures"][0]["id"] == request_id
    assert seen["failures"][0]["error"] == "ZeroDivisionError"
    assert seen["feedback"] == [{"kind": "answer", "rating": "up", "reason": "", "count": 1}]
    assert {key["name"]: key["requests_today"] for key in seen["keys"]} == {"operator": 0, "newspaper": 1}
    assert "құпия" not in json.dumps(seen, ensure_ascii=False)
    assert STRANGER not in json.dumps(seen)


def test_a_wrong_proxy_or_audio_address_is_refused():
    for options, message in (({"proxies": ("nginx",)}, "address of the proxy"), ({"audio": "whisper"}, "starts with")):
        with pytest.raises(Problem, match=message):
            check_access(ServerConfig(**options))
    check_access(ServerConfig(host="0.0.0.0", public=True))
    assert (access_rules(ServerConfig(public=True)).per_minute, access_rules(ServerConfig()).per_minute) == (30, 0)
