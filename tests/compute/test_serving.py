"""Chips for many at once: keys and values with grouped queries, and what runs out first."""

from dataclasses import replace

import pytest
from planning import LLAMA_8B

from anatili.compute.chips import find_chip
from anatili.compute.serving import Load, Machine, cache_bytes, second_per_token, serving_plan, step_seconds
from anatili.problem import Problem

LOAD = {"users": 1000, "context": 4096, "speed": 20.0}


def test_only_key_heads_are_held():
    assert cache_bytes(LLAMA_8B, 8192) == 2**30  # 2 x 32 layers x 8 heads x 128 x 2 bytes x 8,192
    assert cache_bytes(replace(LLAMA_8B, kv_heads=32), 8192) == 4 * 2**30


@pytest.mark.parametrize(("chip", "chips"), [("H200", 5), ("H100", 8), ("A100", 12)])
def test_a_thousand_readers(chip, chips):
    assert serving_plan(LLAMA_8B, find_chip(chip), **LOAD).chips == pytest.approx(chips, abs=1)


def test_quantizing_saves_chips():
    full = serving_plan(LLAMA_8B, find_chip("A100"), **LOAD)
    assert serving_plan(LLAMA_8B, find_chip("A100"), **LOAD, quantization="q4", cache="q8").chips < full.chips


def test_a_step_reads_weights_once_for_all():
    def seconds(users: int, machine: Machine) -> float:
        return step_seconds(LLAMA_8B, users, 64, machine, weights=2, cache=2)

    reads = Machine(bandwidth=1e12, peak=1e18)
    assert seconds(1, reads) == pytest.approx(LLAMA_8B.matrices * 2 / 1e12, rel=0.01), "rows of text are only looked up"
    assert seconds(8, reads) < 1.01 * seconds(1, reads)
    computes = Machine(bandwidth=1e18, peak=1e12)
    assert seconds(8, computes) == pytest.approx(8 * 2 * LLAMA_8B.matrices / 1e12, rel=0.01)
    assert seconds(8, replace(computes, start=0.01)) - seconds(8, computes) == pytest.approx(0.01)


def test_prompts_take_time_from_answers():
    machine = Machine(bandwidth=1e12, peak=1e14)

    def seconds(load: Load) -> tuple[float, float]:
        return second_per_token(LLAMA_8B, 8, load, machine, weights=2, cache=2)

    alone, with_prompts = seconds(Load(4096)), seconds(Load(4096, prompt=512, answer=128))
    layers = LLAMA_8B.matrices - LLAMA_8B.embedding
    assert alone[1] == 0
    assert with_prompts[0] - alone[0] == pytest.approx(8 * 512 / 128 * 2 * layers / 1e14, rel=0.03)
    assert with_prompts[1] == pytest.approx(1 - alone[0] / with_prompts[0])
    plans = [serving_plan(LLAMA_8B, find_chip("H200"), **LOAD, prompt=tokens) for tokens in (0, 512, 4096)]
    assert plans[0].chips < plans[1].chips < plans[2].chips
    assert plans[0].prompts == 0 < plans[1].prompts < plans[2].prompts
    assert plans[2].bound == "arithmetic"


def test_what_cannot_be_served_is_said():
    with pytest.raises(Problem, match="no group of up to 16 RTX4090 gives even one user 100000 tokens"):
        serving_plan(LLAMA_8B, find_chip("RTX4090"), users=1, context=4096, speed=1e5)
    with pytest.raises(Problem, match="no quantization 'q3'; known: bf16"):
        serving_plan(LLAMA_8B, find_chip("H200"), **LOAD, quantization="q3")
    with pytest.raises(Problem, match="a prompt of 5000 tokens does not fit into a context of 4096"):
        serving_plan(LLAMA_8B, find_chip("H200"), **LOAD, prompt=5000)
    with pytest.raises(Problem, match="must be above 0"):
        serving_plan(LLAMA_8B, find_chip("H200"), users=0, context=1, speed=1)
