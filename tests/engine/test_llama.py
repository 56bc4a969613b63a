"""llama.cpp as an engine: it streams, stops, tells what is too long, and refuses what is no model."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import small_models

pytest.importorskip("torch")
pytest.importorskip("xllamacpp")

from anatili.engine import Sampling, in_process, open_engine, say
from anatili.gguf.file import export_gguf
from anatili.problem import Problem

ASK = [{"role": "user", "content": "Сәлем!"}]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    place = tmp_path_factory.mktemp("llama")
    export_gguf(small_models.make_folder(place, "qwen3"), place / "m.gguf", "q8_0")
    return place / "m.gguf"


@pytest.fixture(scope="module")
def engine(file):
    return open_engine(file)


def test_it_streams_the_same_at_temperature_zero(engine):
    chunks = list(engine.generate(ASK, Sampling(max_tokens=20, temperature=0)))
    assert len([chunk for chunk in chunks if chunk.text]) > 5
    said = "".join(chunk.text for chunk in chunks)
    assert said == say(engine, ASK, Sampling(max_tokens=20, temperature=0))
    assert say(engine, ASK, Sampling(max_tokens=20, temperature=1.5, seed=5)) != said
    last = chunks[-1]
    prompt = engine.ask("/apply-template", {"messages": ASK})["prompt"]
    length = len(engine.tokenize(prompt, begin=True))  # the template's begin token is left out of the prompt
    assert (last.finish, last.tokens, last.prompt_tokens) == ("length", 20, length)


def test_models_that_think_aloud_are_asked_not_to(tmp_path):
    folder = small_models.make_folder(tmp_path, "llama")
    asks = "{% if enable_thinking is defined and not enable_thinking %}plain{% else %}aloud{% endif %}"
    (folder / "chat_template.jinja").write_text(small_models.TEMPLATE + asks, "utf-8")
    export_gguf(folder, tmp_path / "m.gguf", "q8_0")
    engine = open_engine(tmp_path / "m.gguf")
    more = engine.extra_options(Sampling())
    assert engine.ask("/apply-template", {"messages": ASK, **more})["prompt"].endswith("plain")
    more["chat_template_kwargs"]["enable_thinking"] = True
    assert engine.ask("/apply-template", {"messages": ASK, **more})["prompt"].endswith("aloud"), "it is asked otherwise"


def test_it_stops_at_the_limit_and_at_a_stop_word(engine):
    said = say(engine, ASK, Sampling(max_tokens=20, temperature=0))
    stop = said[len(said) // 2 :][:2]
    cut = say(engine, ASK, Sampling(max_tokens=20, temperature=0, stop=(stop,)))
    assert stop not in cut
    assert said.startswith(cut)


def test_a_question_that_is_too_long_is_told(engine):
    assert engine.context == 256
    with pytest.raises(Problem, match=r"too long for this model: .* its context is 256"):
        list(engine.generate([{"role": "user", "content": "сөз " * 400}], Sampling()))


def test_text_and_chat_keep_to_a_schema_and_a_wrong_one_is_refused(engine):
    schema = {"type": "object", "properties": {"a": {"enum": [1]}}, "required": ["a"], "additionalProperties": False}
    for prompt in (ASK, "Сәлем"):
        assert json.loads(say(engine, prompt, Sampling(max_tokens=60, schema=schema))) == {"a": 1}
    wrong = Sampling(schema={"type": "nonsense"})
    with pytest.raises(Problem, match=r"llama\.cpp answered 400: .*nonsense"):
        list(engine.generate(ASK, wrong))
    with pytest.raises(Problem, match="this JSON Schema cannot be used: Invalid type: nonsense"):
        list(engine.generate("Сәлем", wrong))


def test_many_threads_at_once_get_what_one_gets_alone(engine):
    def ask(number: int) -> tuple[str, list[float], list[int]]:
        prompt = [{"role": "user", "content": f"Сәлем, {number}!"}]
        text = say(engine, prompt, Sampling(max_tokens=10, temperature=0))
        (embedding,) = engine.embed([f"Сәлем, {number}!"])
        return text, embedding, engine.tokenize(text)

    alone = [ask(number) for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(16))) == alone
    assert len({text for text, _, _ in alone}) > 1


def test_closing_an_answer_stops_llama_cpp(engine):
    def decoded_after_close() -> int:
        chunks = engine.generate(ASK, Sampling(max_tokens=200, temperature=0))
        next(chunks)
        (stream,) = in_process.running
        chunks.close()
        stream.ended.wait()
        # The slot is free once llama.cpp has handled the cancellation, which comes after the stream has ended.
        while (slot := engine.ask("/slots")[0])["is_processing"]:
            assert slot["next_token"][0]["n_decoded"] < 200
        return slot["next_token"][0]["n_decoded"]

    whole = list(engine.generate(ASK, Sampling(max_tokens=200, temperature=0)))
    assert whole[-1].tokens == 200
    # All of it may be there before the thread that closes it runs; not always.
    assert any(decoded_after_close() < 200 for _ in range(10))
    assert not in_process.running


PROGRAM = """
import sys, threading
from anatili.engine import Sampling, open_engine, say
engine, prompt = open_engine(sys.argv[1], slots=2), [{"role": "user", "content": "Hello"}]
abandoned = engine.generate(prompt, Sampling(max_tokens=200))
next(abandoned)
def whole():
    print(list(engine.generate(prompt, Sampling(max_tokens=150, temperature=0)))[-1].tokens)
threading.Thread(target=whole).start()
"""


def test_a_process_ends_in_order_whatever_was_not_closed(file):
    """A thread that outlives the main one gets its whole answer; an answer that nobody reads is stopped."""
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(file)], capture_output=True, text=True, check=False, timeout=120
    )
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout == "150\n"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no abstract sockets")
def test_no_port_is_opened_and_only_this_process_may_ask_its_server(engine):
    import httpx

    assert engine.server.listening_address == "unix://"
    assert engine.socket.startswith("\0")
    with httpx.Client(transport=httpx.HTTPTransport(uds=engine.socket)) as client:
        assert client.post("http://localhost/v1/chat/completions", json={"messages": ASK}).status_code == 401


def test_what_is_no_gguf_file_is_refused(tmp_path, file):
    (tmp_path / "x.gguf").write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(Problem, match="not a GGUF file: it does not begin"):
        open_engine(tmp_path / "x.gguf")
    (tmp_path / "half.gguf").write_bytes(file.read_bytes()[:3000])
    with pytest.raises(Problem, match="damaged or not a GGUF"):
        open_engine(tmp_path / "half.gguf")
    with pytest.raises(Problem, match="no file"):
        open_engine(tmp_path / "nowhere.gguf")


INTERRUPTED = """
import os, signal, sys, xllamacpp
from pathlib import Path
from anatili.engine import open_engine
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is started with Ctrl-C ignored
build = xllamacpp.Server
def interrupted(params):
    server = build(params)
    os.kill(os.getpid(), signal.SIGINT)
    return server
xllamacpp.Server = interrupted
try:
    open_engine(Path(sys.argv[1]))
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_ctrl_c_while_a_model_opens_ends_the_program(file):
    """llama.cpp's server never ended if it was destroyed before its loop ran."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, str(file)], capture_output=True, text=True, timeout=60)
    assert done.stdout == "stopped\n", done.stderr
