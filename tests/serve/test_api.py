"""The server as people start it, asked by the official OpenAI client and by hand."""

import http.client
import json
import os
import re
import subprocess
import sys
import time

import httpx
import openai
import pytest

from anatili.lang import load_pack


def start(target, *arguments: str, **environment: str):
    """A server on a free port; returns its process and address."""
    command = [sys.executable, "-m", "anatili", "serve", str(target), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    for line in process.stdout:
        found = re.search(r"API +(http://\S+)/v1", line)
        if found:
            break
    else:
        raise AssertionError("the server did not start")
    end = time.monotonic() + 60
    while True:
        try:
            httpx.get(found[1] + "/health").raise_for_status()
            return process, found[1]
        except httpx.TransportError:
            assert time.monotonic() < end
            time.sleep(0.1)


@pytest.fixture(scope="module")
def address(tiny_run):
    process, address = start(tiny_run)
    yield address
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def client(address):
    return openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)


ASK = [{"role": "user", "content": "Алтын адам қайдан табылды?"}]


def test_the_model_is_listed(client):
    (model,) = client.models.list().data
    assert model.id == "tiny"
    assert client.models.retrieve("tiny").owned_by == "anatili"


def test_an_answer_carries_passages_notice_and_usage(client):
    answer = client.chat.completions.create(model="tiny", messages=ASK, max_tokens=20, seed=1)
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    extra = answer.anatili
    assert extra["passages"][0]["title"] == "Алтын адам"
    assert extra["language"] == "kk"
    assert "өте кішкентай" in extra["notice"]
    assert extra["generated_by_ai"] is True


def test_a_stream_gives_the_same_words_and_ends_with_usage(client):
    options = {"model": "tiny", "messages": ASK, "max_tokens": 20, "temperature": 0}
    whole = client.chat.completions.create(**options).choices[0].message.content
    chunks = list(client.chat.completions.create(**options, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].anatili["passages"]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole
    assert chunks[-2].choices[0].finish_reason in ("stop", "length")
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 0


def test_a_seed_gives_the_same_words_again(client):
    said = [client.chat.completions.create(model="tiny", messages=ASK, max_tokens=15, seed=7).choices[0].message.content
            for _ in range(2)]  # fmt: skip
    assert said[0] == said[1]


def test_a_stop_word_ends_the_answer(client):
    options = {"model": "tiny", "messages": ASK, "max_tokens": 30, "temperature": 0}
    whole = client.chat.completions.create(**options).choices[0].message.content
    stop = whole[len(whole) // 2 :][:2]
    assert client.chat.completions.create(**options, stop=stop).choices[0].message.content == whole[: whole.find(stop)]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"model": "other"}, 404),
        ({"messages": []}, 422),
        ({"messages": [{"role": "user", "content": " "}]}, 400),
        ({"messages": [{"role": "user", "content": "қазақ " * 3000}]}, 400),
        ({"n": 2}, 422),
        ({"temperature": 9}, 422),
        ({"max_tokens": 10**9}, 422),
    ],
)
def test_wrong_requests_get_an_error_in_openais_form(address, change, status):
    answer = httpx.post(f"{address}/v1/chat/completions", json={"model": "tiny", "messages": ASK, **change}, timeout=60)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_bodies_are_bounded(address):
    answer = httpx.post(f"{address}/v1/chat/completions", content=b"x" * (1 << 20 | 1))
    assert answer.status_code == 413
    assert httpx.post(f"{address}/v1/chat/completions", content=iter([b"{}"])).status_code == 413


def test_only_local_names_are_answered(address):
    assert httpx.get(f"{address}/health", headers={"Host": "evil.example"}).status_code == 403
    connection = http.client.HTTPConnection(address.removeprefix("http://"))
    connection.request("GET", "/static/../api.py")
    assert connection.getresponse().status in (404, 403)


def test_a_client_that_goes_away_does_not_block_the_next(address):
    with httpx.stream(
        "POST", f"{address}/v1/chat/completions", json={"messages": ASK, "stream": True}, timeout=60
    ) as s:
        next(s.iter_lines())
    answer = httpx.post(f"{address}/v1/chat/completions", json={"messages": ASK, "max_tokens": 3}, timeout=60)
    assert answer.status_code == 200


def test_search_and_words_of_the_page(address):
    found = httpx.get(f"{address}/search", params={"q": "киіз үй шаңырақ"}).json()["passages"]
    assert found[0]["title"] == "Киіз үй"
    assert httpx.get(f"{address}/search", params={"q": "yurt", "limit": -5}).status_code == 200
    words = httpx.get(f"{address}/languages").json()
    assert list(words["names"]) == ["kk", "ru", "en", "tr"]
    assert words["words"]["kk"] == load_pack("kk").prompts["page"]


def test_the_page_is_whole_local_and_guarded(address):
    page = httpx.get(address)
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert not re.findall(r"(?:src|href)=\"https?:", page.text)
    for part in re.findall(r"(?:src|href)=\"(/static/[^\"]+)\"", page.text):
        assert httpx.get(address + part).status_code == 200
    script = httpx.get(f"{address}/static/page.js").text
    assert "innerHTML" not in script
    words = load_pack("kk").prompts["page"]
    for word in set(re.findall(r"data-word=\"(\w+)\"", page.text)) | set(re.findall(r"\bwords\.(\w+)", script)):
        assert word in words


def test_an_open_address_needs_a_long_key(tiny_run, anatili):
    for key in ((), ("--key", "short")):
        answer = anatili("serve", tiny_run, "--host", "0.0.0.0", *key)
        assert answer.returncode == 1
        assert "set a key of 16 characters" in answer.stderr


def test_a_key_guards_all_but_page_and_health(tiny_run):
    key = "k" * 20
    process, address = start(tiny_run, ANATILI_KEY=key)
    try:
        for path in ("/v1/models", "/search?q=x", "/openapi.json"):
            assert httpx.get(address + path).status_code == 401
        assert httpx.get(f"{address}/v1/models", headers={"Authorization": f"Bearer {key}"}).status_code == 200
        assert httpx.get(address).status_code == 200
    finally:
        process.terminate()


def test_a_server_can_stand_behind_another(address, anatili):
    answer = anatili("chat", address, "--question", "Абай кім?", "--limit", 5, "--json")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["language"] == "kk"


def test_a_taken_port_is_told(address, tiny_run, anatili):
    answer = anatili("serve", tiny_run, "--port", address.rsplit(":", 1)[1])
    assert answer.returncode == 1
    assert "--port 0 takes a free one" in answer.stderr
