"""Search, passages, page and errors of a server that is started with the command."""

import re
from pathlib import Path

import httpx
import pytest
from serving import start, stop

from anatili.lang import load_pack
from anatili.search.index import Passage
from anatili.serve.page import in_a_sentence

STATIC = Path(__file__).parents[2] / "src" / "anatili" / "serve" / "static"

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
def test_wrong_requests_get_an_error_in_openais_format(address, change, status):
    answer = httpx.post(f"{address}/v1/chat/completions", json={"model": "tiny", "messages": ASK, **change}, timeout=60)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["message"]
    assert error["type"] in ("invalid_request_error", "server_error")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("POST", "/health", 405),
        ("GET", "/static/none.js", 404),
        ("GET", "/search", 422),
        ("PUT", "/v1/models", 405),
        ("HEAD", "/v1/chat/completions", 405),
    ],
)
def test_other_errors_have_the_same_format(address, method, path, status):
    answer = httpx.request(method, address + path)
    assert answer.status_code == status
    assert method == "HEAD" or answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "content_type", "says"),
    [
        (b"nonsense", "application/json", "the body is not JSON: Expecting value at character 0"),
        (b"\xff{", "application/json", "not JSON in UTF-8"),
        (b"[" * 100_000, "application/json", "nested too deeply"),
        (b'{"messages": []}', "text/plain", "Content-Type: application/json"),
        (b'{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}', "application/json", "only text"),
    ],
)
def test_a_wrong_body_is_told_what_is_wrong(address, body, content_type, says):
    answer = httpx.post(f"{address}/v1/chat/completions", content=body, headers={"Content-Type": content_type})
    assert answer.status_code in (400, 422)
    assert says in answer.json()["error"]["message"]


def test_head_tells_what_get_would(address):
    for path in ("/", "/health", "/static/app.js"):
        answer = httpx.head(address + path)
        assert (answer.status_code, answer.content) == (httpx.get(address + path).status_code, b"")


def test_search_returns_passages_languages_and_guesses(address):
    results = httpx.get(f"{address}/search", params={"q": "киіз үй шаңырақ"}).json()
    first = results["passages"][0]
    assert first["title"] == "Киіз үй"
    assert {"id", "url", "source", "license", "time", "language", "text", "hits", "snippet", "score"} <= set(first)
    assert results["prefer"] == "kk"
    assert results["counts"]["kk"] >= len([hit for hit in results["passages"] if hit["language"] == "kk"])
    same = httpx.get(f"{address}/passages/{first['id']}").json()
    assert same["text"] == first["text"]
    assert httpx.get(f"{address}/passages/none").status_code == 404
    assert httpx.get(f"{address}/search", params={"q": "домбырра"}).json()["guessed"]


def test_search_filters_prefers_and_pages(address):
    def ids(**more) -> list[str]:
        results = httpx.get(f"{address}/search", params={"q": "қазақ тарихы", **more}).json()
        return [hit["id"] for hit in results["passages"]]

    assert ids(limit=10) == ids(limit=5) + ids(limit=5, offset=5)
    only = httpx.get(f"{address}/search", params={"q": "Алматы", "only": "ru"}).json()["passages"]
    assert {hit["language"] for hit in only} == {"ru"}
    for wrong in ({"limit": -5}, {"limit": 1000}, {"offset": 10**9}, {"q": "x" * 2000}):
        assert httpx.get(f"{address}/search", params={"q": "yurt", **wrong}).status_code == 422


def test_words_of_the_page(address):
    words = httpx.get(f"{address}/page/words").json()
    assert list(words["names"]) == ["kk", "ru", "en", "tr"]
    assert words["words"]["kk"] == load_pack("kk").prompts["page"]


def test_suggested_questions_are_answered_from_the_texts_that_they_are_about(address):
    for code in ("kk", "ru", "en", "tr"):
        suggested = httpx.get(f"{address}/page/questions", params={"language": code}).json()["questions"]
        assert len(suggested) == len(set(suggested)) == 4
        form = load_pack(code).prompts["page"]["suggestion"]
        for question in suggested:
            title = question.removeprefix(form.split("{")[0]).removesuffix(form.split("}")[1])
            body = {"messages": [{"role": "user", "content": question}]}
            answer = httpx.post(f"{address}/v1/chat/completions", json=body).json()
            assert answer["anatili"]["passages"][0]["title"].lower() == title.lower()
    assert httpx.get(f"{address}/page/questions", params={"language": "xx"}).status_code == 400


@pytest.mark.parametrize(
    ("title", "text", "written"),
    [
        ("Баурсаки", "Баурсаки — кусочки теста. Без баурсаков не обходится ни один праздник.", "баурсаки"),
        ("Шымкент", "Шымкент — город на юге. Шымкентский нефтезавод построен в 1985 году.", "Шымкент"),
    ],
)
def test_a_common_noun_stands_in_a_question_as_in_a_sentence(title, text, written):
    passage = Passage("d:0", "d", title, text, "", "sample", "", "", "ru", "Cyrl")
    assert in_a_sentence(passage) == written


def test_what_makes_the_page_an_application_is_served_where_browsers_look(address):
    manifest = httpx.get(f"{address}/manifest.webmanifest")
    assert manifest.headers["content-type"].startswith("application/manifest+json")
    for icon in manifest.json()["icons"]:
        assert httpx.get(address + icon["src"]).headers["content-type"] == icon["type"].replace(";", "")
    assert httpx.get(f"{address}/service-worker.js").headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_page_is_complete_and_local(address, path):
    page = httpx.get(address + path)
    assert page.status_code == 200
    assert not re.findall(r"(?:src|href)=\"https?:", page.text)
    for part in re.findall(r"(?:src|href)=\"(/static/[^\"]+)\"", page.text):
        file = httpx.get(address + part)
        assert file.status_code == 200
        assert "innerHTML" not in file.text
    words = load_pack("kk").prompts["page"]
    texts = [page.text, *(file.read_text("utf-8") for file in STATIC.glob("*.js"))]
    used = {
        name for text in texts for name in re.findall(r"data-(?:word|label|hint)=\"(\w+)\"|\bword\(\"(\w+)\"\)", text)
    }
    assert {first or second for first, second in used} <= words.keys()


def test_metrics_count_requests_and_contain_no_text(address):
    httpx.get(f"{address}/search", params={"q": "құпиясөз"})
    httpx.get(f"{address}/құпиясөз")
    metrics = httpx.get(f"{address}/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert re.search(r'anatili_requests_total\{route="/search",status="200"\} \d+', metrics.text)
    assert 'route="none",status="404"' in metrics.text
    assert "anatili_running 0.0" in metrics.text
    assert "құпиясөз" not in metrics.text


def test_a_taken_port_is_reported(address, tiny_run, anatili):
    answer = anatili("serve", tiny_run, "--port", address.rsplit(":", 1)[1])
    assert answer.returncode == 1
    assert "--port 0 takes a free port" in answer.stderr


def test_a_server_without_an_index_says_so(tiny_run):
    process, address = start(tiny_run / "tune" / "model")
    try:
        answer = httpx.get(f"{address}/search", params={"q": "x"})
        assert answer.status_code == 400
        assert "without a search index" in answer.json()["error"]["message"]
    finally:
        stop(process)
