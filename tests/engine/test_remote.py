"""A server with several models, as Ollama is: the one that is named is asked, another is refused by name."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import anatili.engine
from anatili.engine import Sampling, is_address, open_engine, say
from anatili.problem import Problem


class Handler(BaseHTTPRequestHandler):
    """Answers every question with the name of the model that was asked, in OpenAI's form."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        names = self.server.names
        self.send(json.dumps({"object": "list", "data": [{"id": name} for name in names]}), "application/json")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = {"choices": [{"delta": {"content": body["model"]}, "finish_reason": "stop"}]}
        self.send(f"data: {json.dumps(said)}\n\ndata: [DONE]\n\n", "text/event-stream")

    def send(self, text, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture
def ollama(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.names = ["first:latest", "gemma3:4b", "kazllm:latest"]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    monkeypatch.setattr(anatili.engine, "OLLAMA_ADDRESS", f"http://127.0.0.1:{server.server_port}/v1")
    yield server
    server.shutdown()


@pytest.mark.parametrize(("name", "asked"), [("gemma3:4b", "gemma3:4b"), ("kazllm", "kazllm:latest")])
def test_a_model_of_ollama_is_asked_by_name(ollama, name, asked):
    engine = open_engine(f"ollama:{name}")
    assert engine.name == asked
    assert say(engine, [{"role": "user", "content": "?"}], Sampling()) == asked


def test_without_a_name_the_first_is_asked(ollama):
    assert open_engine(anatili.engine.OLLAMA_ADDRESS).name == "first:latest"


def test_a_model_that_it_does_not_have_is_told(ollama):
    with pytest.raises(Problem, match=r"no model 'gemma'; it has first:latest, gemma3:4b, kazllm:latest"):
        open_engine("ollama:gemma")
    ollama.names = []
    with pytest.raises(Problem, match="it names no model"):
        open_engine("ollama:gemma")


def test_what_an_address_is():
    assert is_address("ollama:x")
    assert is_address("https://x")
    assert not is_address("kazllm-8b")
