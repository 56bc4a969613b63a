"""Chips for many at once: keys and values with grouped queries, and what runs out first."""

from dataclasses import replace

import pytest
from planning import LLAMA_8B

from anatili.compute.chips import find_chip
from anatili.compute.serving import cache_bytes, serving_plan, step_seconds
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
    def seconds(users: int) -> float:
        return step_seconds(LLAMA_8B, users, 64, weights=2, cache=2, bandwidth=1e12, peak=1e18)

    assert seconds(1) == pytest.approx(LLAMA_8B.total * 2 / 1e12, rel=0.01)
    assert seconds(8) < 1.01 * seconds(1)
    computing = step_seconds(LLAMA_8B, 8, 64, weights=2, cache=2, bandwidth=1e18, peak=1e12)
    assert computing == pytest.approx(8 * 2 * LLAMA_8B.matrices / 1e12, rel=0.01)


def test_what_cannot_be_served_is_said():
    with pytest.raises(Problem, match="no group of up to 16 RTX4090 gives even one user 100000 tokens"):
        serving_plan(LLAMA_8B, find_chip("RTX4090"), users=1, context=4096, speed=1e5)
    with pytest.raises(Problem, match="no quantization 'q3'; known: bf16"):
        serving_plan(LLAMA_8B, find_chip("H200"), **LOAD, quantization="q3")
    with pytest.raises(Problem, match="must be above 0"):
        serving_plan(LLAMA_8B, find_chip("H200"), users=0, context=1, speed=1)
