"""Clients that send half a request, send too slowly, leave too early, open many connections, or guess keys."""

import json
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest
from fastapi import FastAPI
from serving import announced
from starlette.testclient import TestClient

from anatili.serve.activity import Activity
from anatili.serve.keys import Key, KeyRing, hash_key
from anatili.serve.metrics import Metrics
from anatili.serve.middleware import FAILED_KEYS, AccessMiddleware, AccessRules
from anatili.serve.queue import Slots

pytest.importorskip("xllamacpp")

SERVER = """
from pathlib import Path
from anatili.serve.connection import ConnectionLimits
from anatili.serve.server import ServerConfig, start
limits = ConnectionLimits(header_seconds=1.0, body_seconds=1.5, connections=400)
config = ServerConfig(logs=True, limits=limits)
start("kazakh-26m", Path("runs"), (), config, lambda line: print(line, flush=True))
"""
HEADER = b"POST /translate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"
KEY = "k" * 24


class ImpatientServer:
    """A server with short timeouts."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.port = int(announced(self.process).rpartition(":")[2])
        self.written: list[str] = []
        self.read = 0
        threading.Thread(target=lambda: self.written.extend(self.process.stderr), daemon=True).start()

    def lines(self, count: int) -> list[dict]:
        """The new lines of the log, which must be `count`; those of /health are left out."""
        end = time.monotonic() + 60
        while True:
            new = self.written[self.read :]
            assert not [line for line in new if not line.startswith("{")], new
            lines = [line for line in map(json.loads, new) if line["route"] != "/health"]
            if len(lines) >= count or time.monotonic() > end:
                break
            time.sleep(0.1)
        self.read += len(new)
        assert len(lines) == count
        return lines


@pytest.fixture(scope="module")
def served():
    server = ImpatientServer()
    yield server
    server.process.terminate()
    server.process.wait(40)


def send(port: int, count: int, data: bytes) -> list[socket.socket]:
    sockets = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(count)]
    for client in sockets:
        client.sendall(data)
    return sockets


def answers(sockets: list[socket.socket]) -> list[bytes]:
    """What each connection receives until the server closes it; times out on a connection that stays open."""
    received = []
    for client in sockets:
        data = b""
        while part := client.recv(65536):
            data += part
        received.append(data)
        client.close()
    return received


def healthy(port: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{port}/health", timeout=60).status_code == 200


def test_half_sent_requests_are_closed_and_others_are_answered_meanwhile(served):
    headers = send(served.port, 200, HEADER)
    bodies = send(served.port, 50, HEADER + b'\r\n{"q": ')
    assert healthy(served.port)
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers(headers + bodies))
    lines = served.lines(250)
    assert {(line["status"], line["address"]) for line in lines} == {(408, "127.0.0.1")}
    assert sum(line["route"] == "/translate" for line in lines) == 50


def test_a_request_that_drips_is_closed_and_so_is_half_a_second_one(served):
    (drip,) = send(served.port, 1, HEADER)
    end = time.monotonic() + 60
    closed = False
    while not closed:
        assert time.monotonic() < end
        try:
            drip.sendall(b"X-More: 1\r\n")
        except OSError:
            closed = True
        time.sleep(0.05)
    (second,) = send(served.port, 1, b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /hea")
    (whole,) = answers([second])
    assert whole.count(b"HTTP/1.1 200") == 1
    assert whole.count(b"HTTP/1.1 408") == 1
    (ignored,) = send(served.port, 1, HEADER.replace(b"POST /translate", b"GET /health") + b"\r\nhalf a body")
    (whole,) = answers([ignored])
    assert whole.startswith(b"HTTP/1.1 200")
    assert [line["status"] for line in served.lines(2)] == [408, 408]


def test_clients_that_leave_too_early_get_a_line_each_in_the_log(served):
    for path in (b"/translate", b"/v1/chat/completions", b"/tokenize"):
        for client in send(served.port, 10, HEADER.replace(b"/translate", path) + b'\r\n{"q": '):
            client.close()
    lines = served.lines(30)
    assert {line["status"] for line in lines} == {499}
    assert {line["route"] for line in lines} == {"/translate", "/v1/chat/completions", "/tokenize"}


def test_too_many_connections_are_refused(served):
    sockets = [socket.create_connection(("127.0.0.1", served.port), timeout=60) for _ in range(450)]
    statuses = [answer[9:12] for answer in answers(sockets)]
    assert set(statuses) == {b"408", b"503"}
    assert statuses.count(b"503") >= 50
    assert healthy(served.port)
    assert {line["status"] for line in served.lines(450)} == {408, 503}


def test_failed_keys_are_limited_and_logged_by_address(caplog):
    app = FastAPI()

    @app.get("/search/{query}")
    async def search(query: str) -> str:
        return query

    rules = AccessRules(KeyRing({hash_key(KEY): Key("ministry"), hash_key("s" * 24): Key("school")}), hosts=())
    guarded = AccessMiddleware(app, rules, Metrics(Slots(1)), Activity(), app.routes)

    def ask(key: str, address: str = "10.0.0.1") -> int:
        client = TestClient(guarded, client=(address, 1))
        return client.get("/search/secret", headers={"Authorization": f"Bearer {key}"}).status_code

    assert ask(KEY) == 200
    with caplog.at_level("INFO", "anatili.serve"):
        codes = [ask(f"wrong{number}") for number in range(100)]
    assert codes.count(401) >= FAILED_KEYS
    assert set(codes) == {401, 429}
    lines = [record.fields for record in caplog.records]
    assert {(line["address"], line["route"]) for line in lines} == {("10.0.0.1", "/search/{query}")}
    assert ask(KEY) == 200, "a client with a valid key is locked out by a stranger"
    assert ask("s" * 24) == 429, "the server reveals that a guess is right"
    assert ask("s" * 24, "10.0.0.2") == 200
