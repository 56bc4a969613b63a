"""What the server refuses, with a test for each security rule."""

import http.client
import json
import re

import httpx
import libretranslatepy
import pytest
from serving import start, stop

from anatili.problem import Problem
from anatili.serve.keys import Key, hash_key, read_keys
from anatili.serve.middleware import AccessRules

ASK = [{"role": "user", "content": "Алтын адам қайдан табылды?"}]
KEY = "k" * 24


@pytest.fixture(scope="module")
def guarded(tiny_run, tmp_path_factory, anatili):
    """A server with keys, a limit and a log; its address, and what it wrote."""
    file = tmp_path_factory.mktemp("keys") / "keys.txt"
    file.write_text(f"# who may ask\nministry {hash_key(KEY)}\nschool {hash_key('s' * 24)}\n", "utf-8")
    process, address = start(
        tiny_run, "--host", "0.0.0.0", "--keys", str(file), "--per-minute", "30", "--log", "--origin", "https://e.kz"
    )
    address, written = address.replace("0.0.0.0", "127.0.0.1"), list[str]()
    for key in (KEY, "s" * 24):  # known clients must be served even after strangers have used up the address's attempts
        assert httpx.get(f"{address}/v1/models", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    yield address, written
    written.append(stop(process))
    lines = [json.loads(line) for line in written[0].splitlines() if line.startswith("{")]
    assert {"ministry", ""} <= {line["who"] for line in lines}
    usual = {"time", "event", "id", "who", "method", "route", "status", "seconds"}
    assert all(set(line) == usual | ({"address"} & set(line)) for line in lines)
    assert all(line["address"] == "127.0.0.1" for line in lines if line["status"] in (401, 429))
    assert "Алтын" not in written[0]
    assert "q=" not in written[0]
    assert KEY not in written[0]


def test_every_route_but_page_and_health_requires_a_key(guarded):
    address, _ = guarded
    schema = httpx.get(f"{address}/openapi.json", headers={"Authorization": f"Bearer {KEY}"}).json()
    routes = [(path, method) for path, methods in schema["paths"].items() for method in methods]
    assert len(routes) > 10
    for path, method in [*routes, ("/openapi.json", "get"), ("/nowhere", "get"), ("/metrics", "get")]:
        expected = {200} if path == "/health" else {401, 429}  # 429 from the thirtieth on
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {KEY}x"}):
            answer = httpx.request(method, address + path.replace("{", "").replace("}", ""), headers=headers)
            assert answer.status_code in expected, path
    for path in (
        "/",
        "/health",
        "/page/words",
        "/static/page.js",
        "/docs",
        "/manifest.webmanifest",
        "/service-worker.js",
    ):
        assert httpx.get(address + path).status_code == 200
    answer = httpx.get(f"{address}/v1/models", headers={"Authorization": f"Bearer {KEY}"})
    assert answer.status_code == 200
    httpx.get(f"{address}/search", params={"q": "Алтын"}, headers={"Authorization": f"Bearer {KEY}"})


def test_clients_of_libretranslate_send_their_key_in_the_body(guarded):
    address, _ = guarded
    client = libretranslatepy.LibreTranslateAPI(address, api_key=KEY)
    assert client.detect("Қазақ тілі — мемлекеттік тіл.")[0]["language"] == "kk"
    assert client.languages() == []  # the tiny model was not taught to translate
    assert client.translate("Сәлем!", "kk", "kk") == "Сәлем!"
    body = {"q": "Сәлем!", "source": "kk", "target": "kk", "api_key": KEY}
    assert httpx.post(f"{address}/translate", json=body).status_code == 200
    for wrong in (
        {"json": {**body, "api_key": KEY + "x"}},
        {"json": {**body, "api_key": [KEY]}},
        {"json": [KEY]},
        {"content": b"[" * 100_000, "headers": {"Content-Type": "application/json"}},
        {"content": b"api_key=\xff"},
        {"data": {"api_key": ""}},
    ):
        assert httpx.post(f"{address}/translate", **wrong).status_code in (401, 429)
    assert httpx.post(f"{address}/tokenize", json={"prompt": "a", "api_key": KEY}).status_code in (401, 429)
    assert httpx.post(f"{address}/translate", content=iter([b'{"api_key":"' + KEY.encode() + b'"}'])).status_code in (
        401,
        429,
    )


def test_a_stranger_cannot_guess_keys_forever(guarded):
    address, _ = guarded
    for _ in range(300):  # an attempt is refilled every two seconds, so a slow machine needs more than 30
        code = httpx.get(f"{address}/v1/models").status_code
        if code == 429:
            break
        assert code == 401
    assert code == 429


def test_too_many_requests_are_refused_for_a_while(guarded):
    address, _ = guarded
    headers = {"Authorization": f"Bearer {'s' * 24}"}
    answers = [httpx.get(f"{address}/v1/models", headers=headers) for _ in range(40)]
    codes = [answer.status_code for answer in answers]
    assert set(codes) == {200, 429}
    assert codes.count(200) >= 30
    last = next(answer for answer in answers if answer.status_code == 429)
    assert last.headers["retry-after"]
    assert last.json()["error"]["type"] == "rate_limit_error"
    assert httpx.get(f"{address}/health", headers=headers).status_code == 200


def test_other_sites_need_to_be_allowed(guarded, address):
    def allowed(server: str, origin: str) -> str:
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        return httpx.options(f"{server}/v1/chat/completions", headers=headers).headers.get(
            "access-control-allow-origin", ""
        )

    assert allowed(guarded[0], "https://e.kz") == "https://e.kz"
    assert allowed(guarded[0], "https://evil.example") == ""
    assert allowed(address, "https://e.kz") == ""


def test_a_public_address_needs_a_long_key(tiny_run, anatili, tmp_path):
    (tmp_path / "none.txt").write_text("# nobody\n", "utf-8")
    for key in ((), ("--key", "short")):
        answer = anatili("serve", tiny_run, "--host", "0.0.0.0", *key)
        assert answer.returncode == 1
        assert "set a key of 16 characters" in answer.stderr
    answer = anatili("serve", tiny_run, "--host", "0.0.0.0", "--keys", tmp_path / "none.txt")
    assert answer.returncode == 1
    assert "no key in" in answer.stderr


def test_keys_are_made_hashed_and_read(anatili, tmp_path):
    made = anatili("key", "ministry")
    assert made.returncode == 0
    secret = made.stderr.rsplit(" ", 1)[1].strip()
    assert secret not in made.stdout
    (tmp_path / "keys.txt").write_text(made.stdout, "utf-8")
    assert read_keys(tmp_path / "keys.txt") == {hash_key(secret): Key("ministry")}
    assert anatili("key", "two words").returncode == 1
    (tmp_path / "keys.txt").write_text("name-without-hash\n", "utf-8")
    with pytest.raises(Problem, match=r"keys.txt line 1: expected a name and a hash"):
        read_keys(tmp_path / "keys.txt")
    with pytest.raises(Problem, match="cannot read the keys"):
        read_keys(tmp_path / "nowhere.txt")


def test_bodies_are_bounded(address):
    for path in ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/tokenize"):
        assert httpx.post(address + path, content=b"x" * (1 << 20 | 1)).status_code == 413
        assert httpx.post(address + path, content=iter([b"{}"])).status_code == 413


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"messages": 1}', b"null", b'"' * 1000])
def test_invalid_bodies_are_refused(address, body):
    answer = httpx.post(f"{address}/v1/chat/completions", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["message"]


def test_only_local_host_names_are_accepted(address):
    for host in ("evil.example", "127.0.0.1.evil.example", ""):
        answer = httpx.get(f"{address}/health", headers={"Host": host})
        assert answer.status_code in (400, 403)
    for host in ("localhost:1", "127.0.0.1"):
        assert httpx.get(f"{address}/health", headers={"Host": host}).status_code == 200


def test_no_file_outside_the_folder_is_served(address):
    for path in ("/static/../api.py", "/static/%2e%2e/api.py", "/static/..%2fapi.py", "/static//etc/passwd"):
        connection = http.client.HTTPConnection(address.removeprefix("http://"))
        connection.request("GET", path)
        assert connection.getresponse().status in (403, 404)


def test_every_response_has_the_security_headers(address):
    for path in ("/", "/health", "/nowhere", "/static/page.js", "/search?q=x"):
        headers = httpx.get(address + path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert re.fullmatch("[0-9a-f]{12}", headers["x-request-id"])
        assert "server" not in headers


def test_rules_are_local_by_default():
    assert AccessRules().hosts == ("127.0.0.1", "localhost", "::1")
