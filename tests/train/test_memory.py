"""The memory that training is said to need is what it takes; bench/train_memory.py asks more shapes, and processes."""

import json

import pytest

pytest.importorskip("torch")

import training
from conftest import ROOT

from anatili.compute.shape import shape_of
from anatili.compute.training_memory import layout_that_fits, moved, needs, training_of, with_whole_gradients
from anatili.recipe import Recipe, Tokenizer, load_recipe

GIB = 2**30


def test_the_estimate_is_what_is_measured(tmp_path):
    assert training.together(1, training.measure_memory, tmp_path) == [0]
    rows = json.loads((tmp_path / "rows.json").read_text("utf-8"))
    ratios = {row["name"]: sum(row["estimate"].values()) / row["peak"] for row in rows}
    assert len(ratios) == 2
    assert all(0.95 < ratio < 1.35 for ratio in ratios.values()), ratios


def test_gradients_are_sharded_and_checkpointing_saves():
    recipe = load_recipe(ROOT / "recipes" / "sherkala-8b.toml")
    shape = shape_of(recipe, ROOT / "recipes")
    many = needs(training_of(recipe.pretrain, shape, 64))
    assert many["gradients"] < 4 * shape.total / 64 + 8 * shape.embedding + 1
    plain = recipe.pretrain.model_copy(update={"checkpointing": False})
    assert sum(needs(training_of(plain, shape, 64)).values()) > sum(many.values())


def test_what_fits_is_named():
    recipe = load_recipe(ROOT / "recipes" / "kazllm-70b.toml")
    shape = shape_of(recipe, ROOT / "recipes")
    assert layout_that_fits(recipe.pretrain, shape, 8, 80 * GIB) == "it fits on 32 devices as the recipe is"
    wide = recipe.pretrain.model_copy(update={"checkpointing": False, "micro_batch": 4})
    assert layout_that_fits(wide, shape, 64, 80 * GIB).endswith("checkpointing = true")
    assert layout_that_fits(recipe.pretrain, shape, 1, GIB) == ""
    small = Recipe(name="x", language="kk", tokenizer=Tokenizer(vocabulary=1000))
    assert layout_that_fits(small.pretrain, shape_of(small, ROOT), 1, GIB) == "it fits on 1 devices as the recipe is"


def test_gradients_are_exchanged_once_a_step_where_they_fit_whole():
    recipe = load_recipe(ROOT / "recipes" / "sherkala-8b.toml")
    shape = shape_of(recipe, ROOT / "recipes")
    training = training_of(recipe.pretrain, shape, 64)
    whole = with_whole_gradients(training, 141 * GIB)
    assert whole.whole
    assert needs(whole)["gradients"] >= 4 * shape.total > 2 * needs(training)["gradients"]
    assert (moved(training, 8), moved(whole, 8)) == (8, 4.5)
    assert with_whole_gradients(training, 40 * GIB) == training, "they do not fit"
    one_piece = training_of(recipe.pretrain.model_copy(update={"micro_batch": 0}), shape, 64)
    assert with_whole_gradients(one_piece, 1000 * GIB) == one_piece, "there is nothing to save"
    assert with_whole_gradients(training_of(recipe.pretrain, shape, 1), 1000 * GIB).processes == 1
