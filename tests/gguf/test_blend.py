"""Weighted sums of adapters: exact where the rank allows it, refused where the bases differ."""

from pathlib import Path

import gguf
import numpy as np
import pytest

from anatili.cli.blend import read_part
from anatili.gguf.blend import LORA_A, LORA_B, Part, blend, read_adapter
from anatili.problem import Problem

NAME = "blk.0.attn_q.weight"


def write(file: Path, a: np.ndarray, b: np.ndarray, alpha: float, name: str = NAME) -> Path:
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_float32("adapter.lora.alpha", alpha)
    for side, array in ((LORA_A, a), (LORA_B, b)):
        writer.add_tensor(name + side, array.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def change(file: Path) -> np.ndarray:
    """What an adapter adds to its matrix."""
    _, alpha, tensors = read_adapter(file)
    a, b = tensors[NAME + LORA_A], tensors[NAME + LORA_B]
    return b @ a * (alpha / len(a))


def matrices(seed: int, rank: int, inputs: int = 96, outputs: int = 64) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(size=(rank, inputs)), random.normal(size=(outputs, rank))


def test_the_sum_is_exact_where_the_adapters_share_their_directions(tmp_path):
    a, b = matrices(1, 32)
    one = write(tmp_path / "1.gguf", a, b, 64)
    other = write(tmp_path / "2.gguf", a, matrices(2, 32)[1], 16)
    facts = blend([Part(0.5, one), Part(0.3, other)], tmp_path / "sum.gguf")
    expected = 0.5 * change(one) + 0.3 * change(other)
    assert (facts["rank"], facts["lost"]) == (32, 0)
    assert np.abs(change(tmp_path / "sum.gguf") - expected).max() < 0.02 * np.abs(expected).max()


def test_of_other_directions_the_largest_are_kept_and_the_loss_is_told(tmp_path):
    large, small = matrices(1, 32), matrices(2, 32)
    parts = [
        Part(1.0, write(tmp_path / "1.gguf", *large, 32)),
        Part(0.1, write(tmp_path / "2.gguf", *small, 32)),
    ]
    facts = blend(parts, tmp_path / "sum.gguf")
    expected = change(parts[0].file) + 0.1 * change(parts[1].file)
    lost = ((change(tmp_path / "sum.gguf") - expected) ** 2).sum() / (expected**2).sum()
    assert 0 < facts["lost"] < 0.02
    assert lost == pytest.approx(facts["lost"], rel=0.2)


@pytest.mark.parametrize("rank", [64, 32])
def test_the_higher_rank_is_the_sum_s(tmp_path, rank):
    parts = [
        Part(0.5, write(tmp_path / "1.gguf", *matrices(1, 32), 32)),
        Part(0.5, write(tmp_path / "2.gguf", *matrices(2, rank), 32)),
    ]
    assert blend(parts, tmp_path / "sum.gguf")["rank"] == rank


def test_adapters_of_two_bases_and_other_files_are_refused(tmp_path):
    one = write(tmp_path / "1.gguf", *matrices(1, 32), 32)
    with pytest.raises(Problem, match="adapt different matrices"):
        blend([Part(1, one), Part(1, write(tmp_path / "2.gguf", *matrices(2, 32), 32, "blk.1.attn_q.weight"))], one)
    wider = write(tmp_path / "3.gguf", *matrices(2, 32, inputs=128), 32)
    with pytest.raises(Problem, match="different shapes"):
        blend([Part(1, one), Part(1, wider)], tmp_path / "sum.gguf")
    with pytest.raises(Problem, match="two adapters or more"):
        blend([Part(1, one)], tmp_path / "sum.gguf")
    (tmp_path / "text.gguf").write_text("no adapter", "utf-8")
    with pytest.raises(Problem, match="is not a GGUF file"):
        blend([Part(1, one), Part(1, tmp_path / "text.gguf")], tmp_path / "sum.gguf")
    assert not (tmp_path / "sum.gguf").exists()


@pytest.mark.parametrize("text", ["a.gguf", "a.gguf=", "a.gguf=much", "a.gguf=nan", "a.gguf=inf"])
def test_a_weight_is_a_finite_number(text):
    assert read_part("a=b.gguf=-0.5") == (-0.5, Path("a=b.gguf"))
    with pytest.raises(Problem, match=r"write the adapter and its weight as file\.gguf=0\.5"):
        read_part(text)
