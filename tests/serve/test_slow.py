"""Clients that send half a request, send too slowly, leave in the middle, come in crowds, or guess keys."""

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

from anatili.serve.metrics import Metrics
from anatili.serve.middleware import FAILED_KEYS, Guard, Rules, hash_key
from anatili.serve.queue import Slots

pytest.importorskip("xllamacpp")

SERVER = """
from pathlib import Path
from anatili.serve.connection import Patience
from anatili.serve.server import Place, start
place = Place(logs=True, patience=Patience(header=1.0, body=1.5, connections=400))
start("kazakh-26m", Path("runs"), (), place, lambda line: print(line, flush=True))
"""
HEADER = b"POST /translate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"
KEY = "k" * 24


class Served:
    """A server with little patience."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.port = int(announced(self.process).rpartition(":")[2])
        self.written: list[str] = []
        self.read = 0
        threading.Thread(target=lambda: self.written.extend(self.process.stderr), daemon=True).start()

    def lines(self, count: int) -> list[dict]:
        """So many lines of the log that were not asked for yet, which must be all; those of /health are left out."""
        end = time.monotonic() + 60
        while True:
            new = self.written[self.read :]
            assert not [line for line in new if not line.startswith("{")], new
            said = [one for one in map(json.loads, new) if one["route"] != "/health"]
            if len(said) >= count or time.monotonic() > end:
                break
            time.sleep(0.1)
        self.read += len(new)
        assert len(said) == count
        return said


@pytest.fixture(scope="module")
def served():
    server = Served()
    yield server
    server.process.terminate()
    server.process.wait(40)


def sent(port: int, count: int, data: bytes) -> list[socket.socket]:
    opened = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(count)]
    for one in opened:
        one.sendall(data)
    return opened


def answers(opened: list[socket.socket]) -> list[bytes]:
    """What each connection brings until the server closes it; a connection that stays open is a timeout."""
    found = []
    for one in opened:
        data = b""
        while part := one.recv(65536):
            data += part
        found.append(data)
        one.close()
    return found


def healthy(port: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{port}/health", timeout=60).status_code == 200


def test_half_sent_requests_are_closed_and_others_are_answered_meanwhile(served):
    headers = sent(served.port, 200, HEADER)
    bodies = sent(served.port, 50, HEADER + b'\r\n{"q": ')
    assert healthy(served.port)
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers(headers + bodies))
    said = served.lines(250)
    assert {(one["status"], one["address"]) for one in said} == {(408, "127.0.0.1")}
    assert sum(one["route"] == "/translate" for one in said) == 50


def test_a_request_that_drips_is_closed_and_so_is_half_a_second_one(served):
    (drip,) = sent(served.port, 1, HEADER)
    end = time.monotonic() + 60
    closed = False
    while not closed:
        assert time.monotonic() < end
        try:
            drip.sendall(b"X-More: 1\r\n")
        except OSError:
            closed = True
        time.sleep(0.05)
    (second,) = sent(served.port, 1, b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /hea")
    (whole,) = answers([second])
    assert whole.count(b"HTTP/1.1 200") == 1
    assert whole.count(b"HTTP/1.1 408") == 1
    (ignored,) = sent(served.port, 1, HEADER.replace(b"POST /translate", b"GET /health") + b"\r\nhalf a body")
    (whole,) = answers([ignored])
    assert whole.startswith(b"HTTP/1.1 200")
    assert [one["status"] for one in served.lines(2)] == [408, 408]


def test_clients_that_leave_in_the_middle_are_a_line_each(served):
    for path in (b"/translate", b"/v1/chat/completions", b"/tokenize"):
        for one in sent(served.port, 10, HEADER.replace(b"/translate", path) + b'\r\n{"q": '):
            one.close()
    said = served.lines(30)
    assert {one["status"] for one in said} == {499}
    assert {one["route"] for one in said} == {"/translate", "/v1/chat/completions", "/tokenize"}


def test_more_connections_than_may_be_are_told_so(served):
    opened = [socket.create_connection(("127.0.0.1", served.port), timeout=60) for _ in range(450)]
    found = [answer[9:12] for answer in answers(opened)]
    assert set(found) == {b"408", b"503"}
    assert found.count(b"503") >= 50
    assert healthy(served.port)
    assert {one["status"] for one in served.lines(450)} == {408, 503}


def test_failed_keys_are_limited_by_address_and_tell_it(caplog):
    app = FastAPI()

    @app.get("/search/{what}")
    async def search(what: str) -> str:
        return what

    rules = Rules({hash_key(KEY): "ministry", hash_key("s" * 24): "school"}, hosts=())
    guarded = Guard(app, rules, Metrics(Slots(1)), app.routes)

    def ask(key: str, address: str = "10.0.0.1") -> int:
        client = TestClient(guarded, client=(address, 1))
        return client.get("/search/secret", headers={"Authorization": f"Bearer {key}"}).status_code

    assert ask(KEY) == 200
    with caplog.at_level("INFO", "anatili.serve"):
        codes = [ask(f"wrong{number}") for number in range(100)]
    assert codes.count(401) >= FAILED_KEYS
    assert set(codes) == {401, 429}
    said = [record.said for record in caplog.records]
    assert {(one["address"], one["route"]) for one in said} == {("10.0.0.1", "/search/{what}")}
    assert ask(KEY) == 200, "who was known there before is locked out by a stranger"
    assert ask("s" * 24) == 429, "a guess that is right is told"
    assert ask("s" * 24, "10.0.0.2") == 200
