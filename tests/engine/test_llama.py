"""llama.cpp as an engine: it streams, stops, tells what is too long, and refuses what is no model."""

import models
import pytest

pytest.importorskip("torch")
pytest.importorskip("xllamacpp")

from anatili.engine import Sampling, open_engine, say
from anatili.gguf.file import export_gguf
from anatili.problem import Problem

ASK = [{"role": "user", "content": "Сәлем!"}]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    place = tmp_path_factory.mktemp("llama")
    export_gguf(models.make_folder(place, "qwen3"), place / "m.gguf", "q8_0")
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
    assert (last.finish, last.tokens, last.prompt_tokens) == ("length", 20, engine.count(ASK))


def test_models_that_think_aloud_are_asked_not_to(tmp_path):
    folder = models.make_folder(tmp_path, "llama")
    asks = "{% if enable_thinking is defined and not enable_thinking %}plain{% else %}aloud{% endif %}"
    (folder / "chat_template.jinja").write_text(models.TEMPLATE + asks, "utf-8")
    export_gguf(folder, tmp_path / "m.gguf", "q8_0")
    engine = open_engine(tmp_path / "m.gguf")
    more = engine.more(Sampling())
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
    with pytest.raises(Problem, match=r"too long for this model: .* it holds 256"):
        list(engine.generate([{"role": "user", "content": "сөз " * 400}], Sampling()))


def test_only_this_process_may_ask_its_server(engine):
    import httpx

    answer = httpx.post(f"{engine.address}/v1/chat/completions", json={"messages": ASK})
    assert answer.status_code == 401
    assert engine.address.startswith("http://127.0.0.1:")


def test_what_is_no_gguf_file_is_refused(tmp_path, file):
    (tmp_path / "x.gguf").write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(Problem, match="not a GGUF file: it does not begin"):
        open_engine(tmp_path / "x.gguf")
    (tmp_path / "half.gguf").write_bytes(file.read_bytes()[:3000])
    with pytest.raises(Problem, match="damaged or not a GGUF"):
        open_engine(tmp_path / "half.gguf")
    with pytest.raises(Problem, match="no file"):
        open_engine(tmp_path / "nowhere.gguf")
