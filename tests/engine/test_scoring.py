"""Every engine finds a text as likely as transformers does: in this process, behind our server, behind llama.cpp's."""

import numpy as np
import pytest
import small_models

torch = pytest.importorskip("torch")
xllamacpp = pytest.importorskip("xllamacpp")

from anatili.engine import Span, open_engine  # noqa: E402
from anatili.engine.llama import LlamaEngine, server_params  # noqa: E402
from anatili.engine.llama_scorer import BATCH, LlamaScorer, largest, log_total  # noqa: E402
from anatili.engine.llama_server import LlamaServerEngine  # noqa: E402
from anatili.gguf.file import export_gguf  # noqa: E402
from anatili.problem import Problem  # noqa: E402

TEXTS = ["Қазақ тілі – түркі тілдерінің бірі.", "Иә", "Two words, 2024!", *small_models.texts("kk")[:2]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("scoring")
    made = small_models.make_folder(place, "qwen3")
    export_gguf(made, place / "m.gguf", "f32")
    return made


@pytest.fixture(scope="module")
def ours(folder):
    return open_engine(folder)


@pytest.fixture(scope="module")
def llama(folder):
    return open_engine(folder.parent / "m.gguf")


def spans(engine):
    return [Span(engine.tokenize(text, begin=True)[:200], start) for text in TEXTS for start in (1, 3)]


def by_hand(engine, span):
    with torch.inference_mode():
        logits = engine.model(input_ids=torch.tensor([span.ids])).logits[0].log_softmax(-1)
    return [logits[place - 1, span.ids[place]].item() for place in range(span.start, len(span.ids))]


def test_logprobs_are_those_of_the_logits_whatever_is_scored_beside(ours):
    asked = spans(ours)
    for span, found in zip(asked, ours.logprobs(asked), strict=True):
        assert found == pytest.approx(by_hand(ours, span), abs=1e-4)
    assert list(ours.logprobs([])) == list(ours.logprobs([Span([5])]))[1:] == []


def test_llama_cpp_scores_in_one_pass_what_transformers_does(ours, llama):
    assert llama.scorer is not None
    asked = spans(ours)
    for ids, found in zip(ours.logprobs(asked), llama.logprobs(asked), strict=True):
        assert found == pytest.approx(ids, abs=0.01)
    with pytest.raises(Problem, match="too long for this model: 300 tokens, its context is 256"):
        list(llama.logprobs([Span([5] * 300)]))


def test_the_largest_logits_come_first_and_of_equal_ones_the_lower_token():
    logits = np.array([0.5, 2.0, -1.0, 2.0, 1.0], np.float32)
    for count, tokens in enumerate(([], [1], [1, 3], [1, 3, 4], [1, 3, 4, 0], [1, 3, 4, 0, 2], [1, 3, 4, 0, 2])):
        assert largest(logits, count) == tokens
    assert logits[1] - log_total(logits) == pytest.approx(torch.from_numpy(logits).log_softmax(0)[1].item())


def test_a_text_longer_than_a_batch_is_scored_in_parts(llama, monkeypatch):
    assert llama.scorer.batch_size == min(256, BATCH)
    span = Span(llama.tokenize(TEXTS[-1], begin=True)[:100], 40)
    whole = llama.scorer.logprobs(*span)
    small = LlamaScorer(llama.scorer.library, llama.file, (), 256)
    small.batch_size = 7
    assert small.logprobs(*span) == pytest.approx(whole, abs=0.005)
    assert len(whole) == 60


def test_position_by_position_gives_the_same(llama):
    """What is done behind another's llama.cpp server, and here where its C functions cannot be reached."""
    params = server_params(llama.file, (), 256, 1)
    params.api_keys = ["key"]
    server = xllamacpp.Server(params)
    remote = open_engine(server.listening_address, key="key")
    assert type(remote) is LlamaServerEngine
    assert (remote.context, remote.parameters, remote.vocabulary_size) == (256, llama.parameters, llama.vocabulary_size)
    asked = [Span(ids, start) for ids, start in spans(llama)[:4]]
    for ids, found in zip(llama.logprobs(asked), remote.logprobs(asked), strict=True):
        assert found == pytest.approx(ids, abs=0.005)
    first, second = (engine.score(asked[0].ids, 3) for engine in (llama, remote))
    assert [chance.token for chance in first] == [chance.token for chance in second]
    assert [chance.top_logprobs[0][1] for chance in first] == pytest.approx(
        [chance.top_logprobs[0][1] for chance in second], abs=0.005
    )


def test_without_the_c_functions_the_server_is_asked(folder, ours, monkeypatch):
    monkeypatch.setattr("anatili.engine.llama.open_library", lambda: None)
    engine = LlamaEngine(folder.parent / "m.gguf")
    asked = spans(ours)[:2]
    for ids, found in zip(ours.logprobs(asked), engine.logprobs(asked), strict=True):
        assert found == pytest.approx(ids, abs=0.01)
