"""The data sheet: every figure with a source or the reason why not, and no peak with sparsity."""

import pytest

from anatili.compute.chips import FIGURES, UNPUBLISHED, chips, find_chip, sources
from anatili.compute.mfu_prior import LEARNED
from anatili.compute.plan import sheet
from anatili.compute.published_runs import bundled_runs
from anatili.problem import Problem

SPARSE = {624, 1979, 3958, 733, 1466, 4500, 5000, 9000, 2615, 5230, 330, 419}
"""Peaks that web pages print for bfloat16, or for FP8, with sparsity (A100, H100, L40S, B200, MI300X, GeForce)."""


@pytest.mark.parametrize("chip", chips().values(), ids=lambda chip: chip.name)
def test_every_figure_has_a_source_or_says_why_not(chip):
    for figure in FIGURES:
        source = chip.source_of(figure)
        assert source == UNPUBLISHED or source.startswith("unsourced: ") or source in sources(), figure
    assert set(chip.unsourced) <= {*FIGURES, "availability"}
    assert set(chip.also) <= set(FIGURES)
    assert all(chip.unsourced.values())
    assert all(low <= getattr(chip, figure) <= high for figure, (low, high) in chip.ranges.items())


@pytest.mark.parametrize("chip", chips().values(), ids=lambda chip: chip.name)
def test_peaks_are_dense(chip):
    ratio = chip.fp8_tflops / chip.bf16_tflops
    assert min(abs(ratio - whole) for whole in (0, 1, 2)) < 0.11, "FP8 is absent, as fast, or twice as fast"
    assert round(chip.bf16_tflops) not in SPARSE
    assert not chip.matmul_reached or 0.4 < chip.matmul_reached < 0.95


@pytest.mark.parametrize(
    ("name", "tpp"), [("A100", 4992), ("H100", 15832), ("H20", 2368), ("B200", 36000), ("MI300X", 20920)]
)
def test_total_processing_performance_is_computed(name, tpp):
    assert find_chip(name).tpp == tpp


def test_names_are_found_however_they_are_written():
    assert find_chip("h200") is find_chip("H200")
    assert find_chip("ascend 910b").name == "Ascend910B"
    assert find_chip("a100").memory_gb == 80


def test_an_unknown_chip_is_refused_with_the_known_ones():
    with pytest.raises(Problem, match=r"no chip 'H900'; known: A100-80GB, .*H200"):
        find_chip("H900")


def test_what_nobody_publishes_is_said_and_not_guessed():
    facts = sheet(find_chip("Ascend910C"))
    assert facts["tdp_w"] == {"value": UNPUBLISHED, "source": UNPUBLISHED}
    assert facts["usd_per_hour"]["value"] == UNPUBLISHED
    assert facts["bf16_tflops"]["range"] == [752, 800]


def test_memory_is_in_powers_of_two():
    assert find_chip("A100").memory == 81920 * 2**20  # as the driver reports it


def test_chips_with_runs_are_those_that_the_prior_names():
    assert {run.chip.name for run in bundled_runs() if run.is_learned_from} == set(LEARNED)
