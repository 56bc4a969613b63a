"""Weights and operations: as published, and the same in the plan, the dry run and the live meter."""

from dataclasses import replace
from pathlib import Path

import pytest
from planning import LLAMA_8B, RECIPES, about

from anatili.compute.plan import make_plan
from anatili.compute.shape import flops_per_token, from_config, from_gguf, has_shape, shape_of, training_flops
from anatili.gguf import read_facts
from anatili.problem import Problem
from anatili.recipe import Pretrain, Recipe, Tokenizer, load_recipe
from anatili.weights import PACKAGED, is_installed


def test_the_published_number_of_weights_follows_from_the_shape():
    assert LLAMA_8B.total == pytest.approx(8_030_261_248, rel=1e-4)  # the difference is the norms


def test_operations_by_hand():
    assert training_flops(matrices=100, layers=2, query_size=8, context=16) == 600 + 6 * 2 * 8 * 16
    assert training_flops(matrices=0, frozen=100, layers=0, query_size=0, context=0) == 400
    whole = training_flops(matrices=0, layers=2, query_size=8, context=16, causal=False)
    assert whole == 2 * training_flops(matrices=0, layers=2, query_size=8, context=16)


@pytest.mark.parametrize(("tied", "kind"), [(True, "qwen3"), (False, "llama")])
def test_the_meter_counts_what_the_dry_run_counts(tied, kind):
    pytest.importorskip("torch")
    from anatili.train import init, throughput
    from anatili.train.shape import outline

    settings = Pretrain(
        layers=3,
        hidden_size=64,
        heads=4,
        kv_heads=2,
        intermediate_size=96,
        context=128,
        batch=4,
        tokens=5120,
        tied=tied,
        shape=kind,
    )
    recipe = Recipe(name="x", language="kk", pretrain=settings, tokenizer=Tokenizer(vocabulary=700))
    model = init.from_scratch(settings, 700, 0, 1)
    facts = outline(recipe, Path(), 1, 0)
    live = throughput.flops_per_token(model, settings.context)
    assert live * facts["tokens"] == facts["flops"]
    assert live == flops_per_token(shape_of(recipe, Path()), settings.context)
    for parameter in model.get_decoder().parameters():
        parameter.requires_grad = False
    assert 0.6 < throughput.flops_per_token(model, settings.context) / live < 0.9  # no gradients of frozen weights


def test_the_meter_counts_adapters_as_the_dry_run_does():
    torch = pytest.importorskip("torch")
    from anatili.train import init, throughput
    from anatili.train.shape import outline

    sizes = {"layers": 3, "hidden_size": 64, "heads": 4, "kv_heads": 2, "intermediate_size": 96}
    settings = Pretrain(**sizes, context=128, batch=4, tokens=5120, method="lora", rank=8)
    recipe = Recipe(name="x", language="kk", pretrain=settings, tokenizer=Tokenizer(base="no", vocabulary=700))
    model = init.add_adapter(init.from_scratch(Pretrain(**sizes, context=128), 700, 0, 1), 8, torch.float32)
    shape = shape_of(recipe, Path())
    assert throughput.flops_per_token(model, 128) == flops_per_token(shape, 128)
    assert flops_per_token(shape, 128) < flops_per_token(replace(shape, rank=0), 128)
    facts = outline(recipe, Path(), 1, 0)
    assert facts["flops"] == facts["tokens"] * flops_per_token(shape, 128)
    plan = make_plan(about(shape=shape, tokens=facts["tokens"]))
    assert plan.question.own_training.rank == 8


@pytest.mark.skipif(not is_installed("gemma-3-270m"), reason="the package of the base is not installed")
def test_the_shape_of_a_packaged_base_is_read_from_its_package():
    trimmed = Tokenizer(base="gemma-3-270m", trim_first=1000, added=24)
    recipe = Recipe(name="x", language="kk", tokenizer=trimmed)
    shape = shape_of(recipe, Path())
    assert has_shape(recipe, Path())
    assert (shape.layers, shape.hidden_size, shape.head_size, shape.vocabulary) == (18, 640, 256, 1024)


def test_a_base_that_is_not_there_is_not_taken_for_the_default(tmp_path):
    recipe = Recipe(name="x", language="kk", tokenizer=Tokenizer(base="models/none"))
    with pytest.raises(Problem, match=r"models/none is not at .*, so nothing says the shape of the model"):
        shape_of(recipe, tmp_path)


def test_a_packaged_base_that_is_not_installed_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr("anatili.compute.shape.is_installed", lambda name: False)
    monkeypatch.setattr("anatili.weights.is_installed", lambda name: False)
    base = next(iter(PACKAGED))
    with pytest.raises(Problem, match=f"the base {base} is not installed: .*{PACKAGED[base].requirement}"):
        shape_of(Recipe(name="x", language="kk", tokenizer=Tokenizer(base=base)), Path())


def test_the_plan_counts_what_the_dry_run_counts():
    pytest.importorskip("torch")
    from anatili.train.shape import outline

    recipe = load_recipe(RECIPES / "sherkala-8b.toml")
    facts = outline(recipe, RECIPES, 64, 80)
    plan = make_plan(about(shape=shape_of(recipe, RECIPES), tokens=facts["tokens"]))
    assert plan.question.flops == facts["flops"]


def test_a_recipe_without_a_shape_is_told_apart():
    assert not has_shape(Recipe(name="x", language="kk"), Path())
    assert has_shape(Recipe(name="x", language="kk", pretrain=Pretrain(layers=2)), Path())


def test_a_config_that_is_no_decoder(tmp_path):
    (tmp_path / "config.json").write_text('{"hidden_size": 8}')
    with pytest.raises(Problem, match=r"config\.json does not say the shape"):
        from_config(tmp_path / "config.json")


def test_the_shape_in_a_gguf_file_is_that_of_its_model(tmp_path):
    file = next((RECIPES.parent / "src" / "anatili" / "models" / "kazakh-26m").glob("*.gguf"))
    shape = from_gguf(file)
    assert (shape.layers, shape.hidden_size, shape.kv_heads, shape.head_size) == (8, 320, 5, 64)
    assert (shape.vocabulary, shape.tied, shape.gated, shape.qk_norm) == (49152, True, True, True)
    assert shape.total == pytest.approx(read_facts(file)["parameters"], rel=1e-3)
    other = tmp_path / "no.gguf"
    other.write_bytes(b"GGUF" + (3).to_bytes(4, "little") + bytes(16))
    with pytest.raises(Problem, match="does not say the shape of a decoder"):
        from_gguf(other)
