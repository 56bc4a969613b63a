"""The recipes of published models: their sizes, and what a plan and a dry run make of them."""

import json

import pytest
from planning import RECIPES, command

from anatili.compute.chips import find_chip
from anatili.compute.memory import layouts
from anatili.compute.shape import shape_of
from anatili.recipe import load_recipe


@pytest.mark.parametrize(
    ("name", "weights", "tokens"),
    [
        ("kazllm-8b", 8.03e9, 150e9),
        ("kazllm-70b", 70.55e9, 150e9),
        ("nanda-like", 10e9, 130e9),
        ("sherkala-8b", 8.29e9, 45.3e9),
    ],
)
def test_the_dry_run_of_a_published_recipe_adds_up(name, weights, tokens):
    answer = command("run", RECIPES / f"{name}.toml", "--dry-run", "--devices", 64, "--json")
    assert answer.exit_code == 0, answer.output
    facts = json.loads(answer.stdout)
    assert facts["parameters"]["total"] == pytest.approx(weights, rel=0.01)
    assert facts["tokens"] == pytest.approx(tokens, rel=0.001)


def test_70_g_weights_need_many_chips():
    recipe = load_recipe(RECIPES / "kazllm-70b.toml")
    shape = shape_of(recipe, RECIPES)
    assert layouts(shape, 8192, 512, find_chip("A100-40GB"), 8) == []
    assert layouts(shape, 8192, 512, find_chip("H200"), 64)[0].optimizer == "adamw"


def test_another_language_takes_two_lines(tmp_path):
    text = (RECIPES / "nanda-like.toml").read_text("utf-8")
    lines = text.splitlines()
    marked = [number for number, line in enumerate(lines) if line.endswith(("# (1)", "# (2)"))]
    for number in marked:
        lines[number] = lines[number].replace("hi", "ky")
    other = tmp_path / "nanda-like.toml"
    other.write_text("\n".join(lines), "utf-8")
    recipe = load_recipe(other)
    assert len(marked) == 2
    assert recipe.languages == ("ky", "en")
    assert recipe.pretrain.mix == {"ky": 1, "en": 1}
    assert shape_of(recipe, RECIPES) == shape_of(load_recipe(RECIPES / "nanda-like.toml"), RECIPES)
