"""A context that several spans begin with is computed once, and nothing comes out otherwise."""

import pytest
import small_models

torch = pytest.importorskip("torch")

from anatili.engine import Span, open_engine, shared_context  # noqa: E402
from anatili.gguf.file import export_gguf  # noqa: E402


def spans_of(engine, context: int) -> list[Span]:
    """Four endings behind each of two contexts, and one span that shares nothing."""
    ids = [n % 400 + 300 for n in range(context + 40)]
    first = [Span([*ids[:context], *ids[5 * n : 5 * n + 3 + n]], context) for n in range(4)]
    second = [Span([ids[0], *ids[2 : context + 1], 310 + n, 320 + n], context) for n in range(4)]
    return [*first, Span(ids[7:20], 1), *second]


@pytest.mark.parametrize("shape", ["qwen3", "gemma3"])
@pytest.mark.parametrize("context", [10, 40, 150])
def test_transformers_gives_what_each_span_alone_gives(shape, context, tmp_path):
    engine = open_engine(small_models.make_folder(tmp_path, shape))
    spans = spans_of(engine, context)
    groups = shared_context.runs(spans)
    assert [count for _, count, _ in groups] == ([4, 1, 4] if context > shared_context.LEAST else [1] * 9)
    alone = [next(engine.logprobs([span])) for span in spans]
    for together, single in zip(engine.logprobs(spans), alone, strict=True):
        assert together == pytest.approx(single, abs=2e-5)


def test_llama_cpp_gives_the_same_to_the_last_bit(tmp_path):
    pytest.importorskip("xllamacpp")
    folder = small_models.make_folder(tmp_path, "qwen3")
    export_gguf(folder, tmp_path / "m.gguf", "q8_0")
    engine = open_engine(tmp_path / "m.gguf")
    assert engine.scorer
    assert engine.scorer.can_share, "this version of llama.cpp has other parameters: read its header"
    for context in (10, 150):
        spans = spans_of(engine, context)
        together = list(engine.logprobs(spans))
        for span, values in zip(spans, together, strict=True):
            engine.scorer.computed = []
            assert engine.scorer.logprobs(span.ids, span.start) == values
