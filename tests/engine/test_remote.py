"""A server with several models, as Ollama, OpenAI or OpenRouter: the one that is named is asked, another is refused."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import anatili.engine
import anatili.engine.retry
from anatili.engine import Sampling, Span, is_address, open_engine, say
from anatili.evaluate.likelihood import Likelihood
from anatili.evaluate.prompts import ChatTemplate
from anatili.problem import Problem


class Handler(BaseHTTPRequestHandler):
    """Answers every question with the name of the model that was asked, in OpenAI's form."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.server.key and self.headers["Authorization"] != f"Bearer {self.server.key}":
            return self.send("{}", "application/json", 401)
        if self.server.names is None or not self.path.endswith("/models"):
            return self.send("{}", "application/json", 404)
        names = self.server.names
        return self.send(json.dumps({"object": "list", "data": [{"id": name} for name in names]}), "application/json")

    def do_POST(self):
        if self.server.busy:
            self.server.busy -= 1
            self.rfile.read(int(self.headers["Content-Length"]))
            return self.send('{"error": {"message": "slow down"}}', "application/json", 429, "7")
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body.get("echo"):  # as Ollama: the text that comes next, and no word on the prompt
            return self.send(json.dumps({"choices": [{"index": 0, "text": "", "logprobs": None}]}), "application/json")
        said = {"choices": [{"delta": {"content": body["model"]}, "finish_reason": "stop"}]}
        if self.server.breaks_off:
            said["choices"][0].pop("finish_reason")
            return self.send(f"data: {json.dumps(said)}\n\n", "text/event-stream")
        return self.send(f"data: {json.dumps(said)}\n\ndata: [DONE]\n\n", "text/event-stream")

    def send(self, text, kind, status=200, wait=""):
        self.send_response(status)
        if wait:
            self.send_header("Retry-After", wait)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture
def ollama(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.names, server.key, server.breaks_off = ["first:latest", "gemma3:4b", "kazllm:latest"], "", False
    server.busy = 0
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    monkeypatch.setattr(anatili.engine, "OLLAMA_ADDRESS", f"http://127.0.0.1:{server.server_port}/v1")
    yield server
    server.shutdown()


@pytest.mark.parametrize(("name", "asked"), [("gemma3:4b", "gemma3:4b"), ("kazllm", "kazllm:latest")])
def test_a_model_of_ollama_is_asked_by_name(ollama, name, asked):
    engine = open_engine(f"ollama:{name}")
    assert engine.name == asked
    assert say(engine, [{"role": "user", "content": "?"}], Sampling()) == asked


def test_a_model_is_named_behind_the_address_or_by_argument(ollama):
    address = anatili.engine.OLLAMA_ADDRESS
    assert open_engine(f"{address}#gemma3:4b").name == "gemma3:4b"
    assert open_engine(address, model="kazllm").name == "kazllm:latest"


def test_without_a_name_the_only_model_is_asked_and_of_several_none_is_guessed(ollama):
    address = anatili.engine.OLLAMA_ADDRESS
    with pytest.raises(Problem, match=r"has 3 models: first:latest, gemma3:4b, kazllm:latest\. .*/v1#first:latest"):
        open_engine(address)
    ollama.names = ["only"]
    assert open_engine(address).name == "only"


def test_a_model_that_it_does_not_have_is_told_with_those_like_it_first(ollama):
    with pytest.raises(Problem, match=r"no model 'gemma'; it has gemma3:4b, first:latest, kazllm:latest"):
        open_engine("ollama:gemma")
    ollama.names = [f"model-{number}" for number in range(400)]
    with pytest.raises(Problem, match=r"it has model-399, model-0, .* and 380 more$"):
        open_engine("ollama:399")
    ollama.names = []
    with pytest.raises(Problem, match="its list of models is empty"):
        open_engine("ollama:gemma")


def test_a_server_that_lists_no_models_is_asked_by_name(ollama):
    ollama.names = None
    assert open_engine("ollama:some").name == "some"
    with pytest.raises(Problem, match="no OpenAI-compatible server answers"):
        open_engine(anatili.engine.OLLAMA_ADDRESS)


def test_a_key_is_taken_from_the_environment_or_the_argument(ollama, monkeypatch):
    ollama.key = "secret"
    with pytest.raises(Problem, match="rejects the API key: set ANATILI_ENGINE_KEY"):
        open_engine("ollama:kazllm")
    assert open_engine("ollama:kazllm", key="secret").name == "kazllm:latest"
    monkeypatch.setenv("ANATILI_ENGINE_KEY", "secret")
    assert open_engine("ollama:kazllm").name == "kazllm:latest"


def test_a_server_that_cannot_score_says_so(ollama):
    with pytest.raises(Problem, match=r"this server cannot score text: .*`echo` with `logprobs`"):
        list(open_engine("ollama:kazllm").logprobs([Span([1, 2, 3])]))
    with pytest.raises(Problem, match=r"kazllm:latest cannot score text: its tokens are not available"):
        Likelihood(open_engine("ollama:kazllm")).bits(["a"])


def test_half_an_answer_is_not_taken_for_a_whole_one(ollama):
    ollama.breaks_off = True
    with pytest.raises(Problem, match=r"broke its answer off: it gave neither a finish reason nor \[DONE\]"):
        say(open_engine("ollama:kazllm"), [{"role": "user", "content": "?"}], Sampling())


def test_what_an_address_is():
    assert is_address("ollama:x")
    assert is_address("https://x")
    assert not is_address("kazllm-8b")


def test_a_measurement_waits_for_a_busy_server_as_long_as_it_asks(ollama, monkeypatch):
    slept = []
    monkeypatch.setattr(anatili.engine.retry.time, "sleep", slept.append)
    engine = open_engine("ollama:kazllm")
    ollama.busy = 1
    with pytest.raises(Problem, match="answered 429: slow down"):  # where a person waits, it is said at once
        say(engine, [{"role": "user", "content": "?"}], Sampling())
    engine.patience = 60.0
    ollama.busy = 2
    assert say(engine, [{"role": "user", "content": "?"}], Sampling()) == "kazllm:latest"
    ollama.busy = 1
    assert engine.ask("/v1/completions", {"echo": True})["choices"]
    assert slept == [7.0, 7.0, 7.0]
    ollama.busy, engine.patience = 99, 10.0
    with pytest.raises(Problem, match="answered 429: slow down"):
        engine.ask("/v1/completions", {"echo": True})


def test_a_server_that_only_answers_is_told_what_can_be_measured(ollama):
    with pytest.raises(Problem, match=r"tasks of the kinds generate and translation"):
        _ = Likelihood(open_engine("ollama:kazllm")).begin
    with pytest.raises(Problem, match=r"does not tell its chat template .*tasks of the kinds generate and translation"):
        ChatTemplate(open_engine("ollama:kazllm"))
