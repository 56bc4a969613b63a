"""Bits per byte against numbers worked out by hand, intervals, and the baselines."""

from math import log2

import numpy as np
import pytest

from anatili.evaluate.baselines import ByteNgrams, xz_bits
from anatili.evaluate.score import have_equal_weights, interval, score_row
from anatili.evaluate.text_sets import TextSet, first_bytes, inventory
from anatili.problem import Problem
from anatili.recipe import Evaluate, Recipe
from anatili.sample.topics import read_topics

TEXTS = [topic.pages["kk"].text for topic in read_topics()]


def test_bits_per_byte_is_total_bits_by_total_bytes():
    row = score_row("x", TextSet("kk", "t", ("аб", "abcd")), np.array([16.0, 8.0]), Evaluate())
    assert row["bits_per_byte"] == 3.0  # (16 + 8) / (4 + 4)
    assert (row["count"], row["bytes"]) == (2, 8)


def test_the_interval_holds_the_mean_and_narrows_with_more_texts():
    chooser = np.random.default_rng(0)

    def width(count: int) -> float:
        low, high = interval(chooser.normal(200, 40, count), np.full(count, 100), 1000, 1)
        assert low < 2.0 < high or count > 500
        return high - low

    assert width(1000) < width(50) / 3
    assert interval(np.array([1.0]), np.array([1]), 100, 1) is None


def test_a_byte_model_without_training_guesses():
    assert ByteNgrams([]).bits("абв") == pytest.approx(8 * 6)


def test_a_byte_model_learns_and_its_probabilities_add_up():
    model = ByteNgrams(TEXTS[:40])
    assert model.bits(TEXTS[50]) / len(TEXTS[50].encode()) < 2.2
    data = "қа".encode()
    probabilities = [model.probabilities(data + bytes([byte]))[-1] for byte in range(256)]
    assert sum(probabilities) == pytest.approx(1)
    assert -log2(max(probabilities)) < 8


def test_xz_gains_from_training_text():
    held = tuple(TEXTS[50:55])
    assert xz_bits("\n".join(TEXTS[:40]).encode(), held) < xz_bits(b"", held)


def test_texts_are_cut_to_size_and_missing_ones_named(tmp_path):
    assert first_bytes(["аа", "бб", "вв"], 8) == ("аа", "бб")
    assert first_bytes(["аааа", "б"], 5) == ("аа",)  # a file of one long line is not read whole
    assert first_bytes(["аааа"], 1) == ("а",)
    assert first_bytes([], 1) == ()
    with pytest.raises(Problem, match=r"no file .*gone.txt"):
        inventory(Recipe(name="t", language="kk", evaluate=Evaluate(texts={"kk": ("gone.txt",)})), tmp_path)


def test_a_task_and_its_data_are_watched(tmp_path):
    (tmp_path / "kk.txt").write_text("Бір.\nЕкі.\n", "utf-8")
    (tmp_path / "own.toml").write_text(
        'kind = "bits_per_byte"\ndata = "{language}.txt"\nlicense = "CC0-1.0"\n', "utf-8"
    )
    recipe = Recipe(name="t", language="kk", evaluate=Evaluate(tasks=("own.toml", "answer-language")))
    before = inventory(recipe, tmp_path)
    assert {"own", "own: kk.txt", "answer-language", "sample"} <= before.keys()
    (tmp_path / "kk.txt").write_text("Бір.\nҮш.\n", "utf-8")
    assert {name for name, value in inventory(recipe, tmp_path).items() if value != before[name]} == {"own: kk.txt"}
    with pytest.raises(Problem, match=r"no task 'gone.toml': name a file, or one of answer-language, .*bits-per-byte"):
        inventory(Recipe(name="t", language="kk", evaluate=Evaluate(tasks=("gone.toml",))), tmp_path)


def test_a_model_that_tuning_left_as_it_was_is_not_scored_twice(tmp_path):
    before, after = tmp_path / "pretrain", tmp_path / "tune"
    for folder in (before, after):
        folder.mkdir()
        assert not have_equal_weights(before, after)
        (folder / "model.safetensors").write_bytes(b"weights")
    assert have_equal_weights(before, after)
    (after / "model.safetensors").write_bytes(b"wEights")
    assert not have_equal_weights(before, after)
