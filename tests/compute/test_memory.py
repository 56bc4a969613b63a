"""Layouts that were run fit; twice their micro-batch often does not. The whole table: bench/layouts.py."""

from dataclasses import replace

import pytest
from planning import LLAMA_8B

from anatili.compute.chips import find_chip
from anatili.compute.memory import Layout, fits, layouts, limit, memory
from anatili.compute.shape import Shape


def mpt(layers: int, hidden_size: int, heads: int) -> Shape:
    return Shape(
        layers=layers,
        hidden_size=hidden_size,
        heads=heads,
        kv_heads=heads,
        head_size=hidden_size // heads,
        intermediate_size=4 * hidden_size,
        vocabulary=50368,
        tied=True,
        gated=False,
    )


# Largest micro-batches that MosaicML ran (github.com/mosaicml/llm-foundry, scripts/train/benchmarking, 8c8dd48):
# shape, context, chip, number, checkpointing, micro-batch.
PUBLISHED = [
    (mpt(80, 8192, 64), 2048, "H100", 64, True, 8),
    (mpt(48, 7168, 56), 2048, "H100", 8, True, 3),
    (mpt(40, 5120, 40), 2048, "A100-80GB", 8, False, 2),
    (mpt(40, 5120, 40), 32768, "A100-80GB", 8, True, 1),
    (mpt(32, 4096, 32), 65536, "A100-80GB", 8, True, 1),
    (mpt(32, 4096, 32), 2048, "A100-40GB", 128, True, 18),
    (mpt(24, 2048, 16), 2048, "H100", 64, False, 20),
    (mpt(24, 1024, 16), 2048, "A100-40GB", 128, False, 18),
    (mpt(12, 768, 12), 512, "A100-80GB", 8, False, 128),
]


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"{row[2]} {row[0].layers}x{row[0].hidden_size} {row[1]}")
def test_layouts_that_ran_fit(row):
    shape, context, chip, number, checkpointing, micro = row
    assert fits(shape, context, Layout(number, 1, 1, checkpointing, "adamw", micro), find_chip(chip))


def test_most_do_not_fit_at_twice_the_micro_batch_and_none_at_four_times():
    rejected = {2: 0, 4: 0}
    for shape, context, chip, number, checkpointing, micro in PUBLISHED:
        for times in rejected:
            layout = Layout(number, 1, 1, checkpointing, "adamw", times * micro)
            rejected[times] += not fits(shape, context, layout, find_chip(chip))
    assert rejected[2] >= 6
    assert rejected[4] == len(PUBLISHED)


def test_bloom_fits_as_it_was_trained():
    bloom = Shape(
        layers=70,
        hidden_size=14336,
        heads=112,
        kv_heads=112,
        head_size=128,
        intermediate_size=57344,
        vocabulary=250680,
        tied=True,
        gated=False,
    )
    layout = Layout(data=8, tensor=4, pipeline=12, checkpointing=True, optimizer="adamw", micro_batch=2)
    assert fits(bloom, 2048, layout, find_chip("A100"))  # arXiv 2211.05100
    assert not fits(bloom, 2048, replace(layout, tensor=1, pipeline=1, data=384), find_chip("A100-40GB"))


def test_each_saving_saves():
    plain = Layout(8, 1, 1, False, "adamw", 1)

    def total(layout: Layout) -> float:
        return sum(memory(LLAMA_8B, 8192, layout).values())

    for cheaper in ({"data": 64}, {"tensor": 2}, {"checkpointing": True}, {"optimizer": "adamw8bit"}):
        assert total(replace(plain, **cheaper)) < total(plain)
    assert total(replace(plain, micro_batch=2)) > total(plain)


def test_what_fits_is_listed_with_the_least_traffic_first():
    found = layouts(LLAMA_8B, 8192, 512, find_chip("H100"), 64)
    assert found[0].tensor == found[0].pipeline == 1
    assert all(fits(LLAMA_8B, 8192, layout, find_chip("H100")) for layout in found)
    assert all(layout.data * layout.tensor * layout.pipeline == 64 for layout in found)
    assert all(layout.data * layout.micro_batch <= 512 for layout in found)
    assert layouts(LLAMA_8B, 8192, 512, find_chip("RTX4090"), 1) == []
    narrow = layouts(LLAMA_8B, 8192, 512, find_chip("A100-40GB"), 2)
    assert all(layout.optimizer == "adamw8bit" for layout in narrow)  # full moments do not fit on two


def test_links_and_gaps_limit_the_utilization():
    sharded, card = Layout(64, 1, 1, True, "adamw", 2), find_chip("RTX4090")
    assert limit(sharded, 8192, 512, card, 64) == pytest.approx(16384 * 3e9 / 165.2e12)
    assert limit(sharded, 8192, 512, find_chip("Ascend910B"), 64) == 1  # its links are not published
    assert limit(Layout(8, 1, 8, False, "adamw", 1), 8192, 512, card, 64) == pytest.approx(64 / 71)
