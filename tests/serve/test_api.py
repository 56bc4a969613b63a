"""Search, passages, page and errors of the server as people start it."""

import re

import httpx
import pytest
from serving import start, stop

from anatili.lang import load_pack

ASK = [{"role": "user", "content": "Алтын адам қайдан табылды?"}]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"model": "other"}, 404),
        ({"messages": []}, 422),
        ({"messages": [{"role": "user", "content": " "}]}, 400),
        ({"model": "tiny:plain", "messages": [{"role": "user", "content": "қазақ " * 3000}]}, 400),
        ({"n": 9}, 422),
        ({"temperature": 9}, 422),
        ({"max_tokens": 10**9}, 422),
        ({"messages": "hello"}, 422),
        ({"seed": -1}, 422),
        (
            {
                "model": "tiny:plain",
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": {"type": "no such type"}},
                },
            },
            400,
        ),
    ],
)
def test_wrong_requests_get_an_error_in_openais_form(address, change, status):
    answer = httpx.post(f"{address}/v1/chat/completions", json={"model": "tiny", "messages": ASK, **change}, timeout=60)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["message"]
    assert error["type"] in ("invalid_request_error", "server_error")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("POST", "/health", 405), ("GET", "/static/none.js", 404), ("GET", "/search", 422)],
)
def test_other_errors_have_the_same_form(address, method, path, status):
    answer = httpx.request(method, address + path)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_search_tells_passages_languages_and_guesses(address):
    found = httpx.get(f"{address}/search", params={"q": "киіз үй шаңырақ"}).json()
    first = found["passages"][0]
    assert first["title"] == "Киіз үй"
    assert {"id", "url", "source", "license", "time", "language", "text", "hits", "snippet", "score"} <= set(first)
    assert found["prefer"] == "kk"
    assert found["counts"]["kk"] >= len([one for one in found["passages"] if one["language"] == "kk"])
    same = httpx.get(f"{address}/passages/{first['id']}").json()
    assert same["text"] == first["text"]
    assert httpx.get(f"{address}/passages/none").status_code == 404
    assert httpx.get(f"{address}/search", params={"q": "домбырра"}).json()["guessed"]


def test_search_narrows_prefers_and_pages(address):
    def titles(**more) -> list[str]:
        asked = httpx.get(f"{address}/search", params={"q": "қазақ тарихы", **more}).json()
        return [one["id"] for one in asked["passages"]]

    assert titles(limit=10) == titles(limit=5) + titles(limit=5, offset=5)
    only = httpx.get(f"{address}/search", params={"q": "Алматы", "only": "ru"}).json()["passages"]
    assert {one["language"] for one in only} == {"ru"}
    for wrong in ({"limit": -5}, {"limit": 1000}, {"offset": 10**9}, {"q": "x" * 2000}):
        assert httpx.get(f"{address}/search", params={"q": "yurt", **wrong}).status_code == 422


def test_words_of_the_page(address):
    words = httpx.get(f"{address}/page/words").json()
    assert list(words["names"]) == ["kk", "ru", "en", "tr"]
    assert words["words"]["kk"] == load_pack("kk").prompts["page"]


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_page_is_whole_and_local(address, path):
    page = httpx.get(address + path)
    assert page.status_code == 200
    assert not re.findall(r"(?:src|href)=\"https?:", page.text)
    for part in re.findall(r"(?:src|href)=\"(/static/[^\"]+)\"", page.text):
        found = httpx.get(address + part)
        assert found.status_code == 200
        assert "innerHTML" not in found.text
    script = httpx.get(f"{address}/static/page.js").text
    words = load_pack("kk").prompts["page"]
    for word in set(re.findall(r"data-word=\"(\w+)\"", page.text)) | set(re.findall(r"\bwords\.(\w+)", script)):
        assert word in words


def test_metrics_count_what_was_asked_and_hold_no_words(address):
    httpx.get(f"{address}/search", params={"q": "құпиясөз"})
    httpx.get(f"{address}/құпиясөз")
    said = httpx.get(f"{address}/metrics")
    assert said.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert re.search(r'anatili_requests_total\{route="/search",status="200"\} \d+', said.text)
    assert 'route="none",status="404"' in said.text
    assert "anatili_running 0.0" in said.text
    assert "құпиясөз" not in said.text


def test_a_taken_port_is_told(address, tiny_run, anatili):
    answer = anatili("serve", tiny_run, "--port", address.rsplit(":", 1)[1])
    assert answer.returncode == 1
    assert "--port 0 takes a free one" in answer.stderr


def test_a_server_without_an_index_says_so(tiny_run):
    process, address = start(tiny_run / "tune" / "model")
    try:
        answer = httpx.get(f"{address}/search", params={"q": "x"})
        assert answer.status_code == 400
        assert "without a search index" in answer.json()["error"]["message"]
    finally:
        stop(process)
