"""Tuning within a run on a base: the instruct delta of a sibling, and preferences after SFT."""

import json
import shutil
from collections import Counter

import pytest
import small_models

torch = pytest.importorskip("torch")
from safetensors.torch import load_file, save_file  # noqa: E402

from anatili.pool import LocalPool  # noqa: E402
from anatili.problem import Problem  # noqa: E402
from anatili.recipe import Tune, load_recipe  # noqa: E402
from anatili.stage import carry_out, prepare  # noqa: E402
from anatili.train.tune import drawn, interleave  # noqa: E402

RECIPE = """
name = "on-base"
language = "kk"
[[collect.sources]]
name = "sample"
path = "sample:"
[tokenizer]
base = "base"
trim_first = 600
[pretrain]
method = "{method}"
rank = 4
context = 64
tokens = 1_000
batch = 4
learning_rate = 1e-9
precision = "float32"
[tune]
kinds = ["refusal"]
epochs = 1
learning_rate = 1e-9
{tune}
"""
PREFERENCE = {
    "messages": [{"role": "user", "content": "Абай кім?"}],
    "chosen": "Абай – ақын.",
    "rejected": "Абай – поэт.",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A base, a sibling of it, and preferences, of which one is in a language that is not the recipe's."""
    place = tmp_path_factory.mktemp("place")
    made = small_models.make_folder(place / "made", "gemma3", head=256)
    shutil.copytree(made, place / "base")
    shutil.copytree(made, place / "sibling")
    torch.manual_seed(5)
    tensors = load_file(made / "model.safetensors")
    changed = {name: value + 0.05 * torch.randn_like(value) for name, value in tensors.items()}
    save_file(changed, place / "sibling" / "model.safetensors", metadata={"format": "pt"})
    rows = [PREFERENCE | {"language": code} for code in ("kk", "kk", "ru")]
    (place / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (place / "ru.jsonl").write_text(json.dumps(rows[2]), "utf-8")
    carried_out(place, "early", RECIPE.format(method="full", tune=""), until="tokenizer")
    return place


def begin(place, run) -> None:
    """Put the stages before `pretrain`, which are the same for every recipe here, into a new run."""
    if not run.exists():
        shutil.copytree(place / "runs" / "early", run)


def tuned(place, method: str, tune: str, text: str = RECIPE):
    """Carry a recipe out up to `tune`, the stages before it once; its record's summary and its weights."""
    file = place / f"{method}.toml"
    file.write_text(text.format(method=method, tune=tune), "utf-8")
    recipe = load_recipe(file)
    begin(place, place / method / recipe.name)
    with prepare(recipe, file, place / method) as run:
        for outcome in carry_out(
            recipe, run, LocalPool(1), base=place, redo=frozenset({"pretrain", "tune"} if text != RECIPE else {"tune"})
        ):
            if outcome.stage == "tune":
                break
    return run.record("tune").summary, load_file(run.folder("tune") / "model" / "model.safetensors")


@pytest.mark.parametrize("method", ["full", "lora"])
def test_what_the_sibling_learned_is_in_the_tuned_model(place, method):
    _, plain = tuned(place, method, "")
    _, whole = tuned(place, method, 'instruct = "sibling"')
    _, half = tuned(place, method, 'instruct = "sibling"\ninstruct_share = 0.5')
    base, sibling = (load_file(place / name / "model.safetensors") for name in ("base", "sibling"))
    for name, value in plain.items():
        if "embed_tokens" in name:  # trimmed: its rows are others
            assert not torch.equal(value, whole[name])
            continue
        near = {"rtol": 0.01, "atol": 0.01}  # kept in half precision where there is an adapter
        change = sibling[name] - base[name]
        assert torch.allclose(whole[name].float(), value.float() + change, **near), name
        assert torch.allclose(half[name].float(), value.float() + change / 2, **near), name


@pytest.mark.parametrize("method", ["full", "lora"])
def test_preferences_are_learned_after_sft(place, method):
    _, plain = tuned(place, method, "")
    summary, liking = tuned(place, method, 'preferences = "p.jsonl"\npreference_rate = 1e-2')
    assert summary["preferences"] == 2  # not the one in Russian
    assert summary["conversations"] > 0
    changed = {name for name, value in plain.items() if not torch.allclose(value.float(), liking[name].float())}
    assert changed
    assert ("model.embed_tokens.weight" in changed) == (method == "full")


def test_preferences_of_other_languages_alone_are_refused(place):
    with pytest.raises(Problem, match="no preference is in a language of the recipe"):
        tuned(place, "full", 'preferences = "ru.jsonl"')
    with pytest.raises(Problem, match="no file"):
        tuned(place, "full", 'preferences = "nowhere.jsonl"')


def test_plain_text_is_learned_beside_the_examples(place):
    without, _ = tuned(place, "lora", "")
    said, _ = tuned(place, "lora", "replay = 0.75")
    rows = without["steps"] * 4
    assert without["rows_of_plain_text"] == 0
    assert said["rows_of_plain_text"] == pytest.approx(3 * rows, abs=3 * 4 + 1)
    assert said["steps"] > without["steps"]
    left = sorted(path.name for path in (place / "lora" / "on-base" / "tune").iterdir())
    assert "tokens" not in left
    assert "checkpoint.safetensors" not in left


def test_with_plain_text_the_loss_is_over_the_part_of_the_vocabulary_that_the_recipe_asks_for(place):
    whole, _ = tuned(place, "lora", "replay = 0.5")
    recipe = RECIPE.replace("precision =", "sampled_vocabulary = 20\nprecision =")
    part, _ = tuned(place, "lora", "replay = 0.5", recipe)
    assert part["steps"] == whole["steps"]
    assert part["first_loss"] != whole["first_loss"]
    assert part["first_loss"] == pytest.approx(whole["first_loss"], rel=0.2)


def test_rows_of_plain_text_stand_at_even_distances():
    examples, texts = [[([n], [n])] for n in range(9)], [[([-1], [-1])] for _ in range(3)]
    mixed = [row[0][0][0] for row in interleave(examples, texts)]
    assert [place for place, number in enumerate(mixed) if number == -1] == [2, 6, 10]
    assert [number for number in mixed if number >= 0] == list(range(9))
    assert interleave(examples, []) == examples


def test_examples_are_drawn_by_the_weights_of_their_kinds():
    groups = {
        kind: [([n] * size, [n] * size) for n in range(count)]
        for kind, size, count in (("question", 10, 30), ("grounded", 50, 8), ("refusal", 5, 4))
    }
    found = drawn(groups, Tune(tokens=4000, replay=0.5, mix={"question": 0.5, "grounded": 0.5}))
    tokens = Counter()
    for kind, place in found:
        tokens[kind] += len(groups[kind][place][0])
    assert tokens == {"question": 1000, "grounded": 1000}
    grounded = [place for kind, place in found if kind == "grounded"]
    assert sorted(grounded[:8]) == sorted(grounded[8:16]) == list(range(8))  # none twice before all have come
    assert grounded[:8] != grounded[8:16]
    assert found == drawn(groups, Tune(tokens=4000, replay=0.5, mix={"question": 0.5, "grounded": 0.5}))
    with pytest.raises(Problem, match="mix names songs, but the SFT examples are only grounded, question, refusal"):
        drawn(groups, Tune(tokens=10, mix={"songs": 1.0}))
    assert len(drawn(groups, Tune(epochs=2))) == 84


def carried_out(place, name: str, text: str, until: str = "tune"):
    """The run of a recipe up to a stage."""
    file = place / f"{name}.toml"
    file.write_text(text.replace('"on-base"', f'"{name}"'), "utf-8")
    recipe = load_recipe(file)
    with prepare(recipe, file, place / "runs") as run:
        for outcome in carry_out(recipe, run, LocalPool(1), base=place):
            if outcome.stage == until:
                return run
    raise AssertionError(f"{until} was not reached")


def test_without_tokens_the_adapter_stays_as_it_is(place):
    from anatili.gguf.adapter import export_adapter

    learning = RECIPE.format(method="lora", tune="").replace("1e-9", "1e-2").replace("rank = 4", "rank = 32")
    begin(place, place / "runs" / "learned")
    run = carried_out(place, "learned", learning)
    export_adapter(run.folder("tune") / "adapter", run.folder("tune") / "model", place / "a.gguf")
    begin(place, place / "runs" / "kept")
    still = learning.replace("epochs = 1", "epochs = 0").replace("tokens = 1_000", 'tokens = 0\nadapter = "a.gguf"')
    kept = carried_out(place, "kept", still)
    summary = kept.record("pretrain").summary
    assert (summary["trained_tokens"], summary["last_loss"]) == (0, None)
    learned, found = (load_file(one.folder("tune") / "model" / "model.safetensors") for one in (run, kept))
    base = load_file(place / "base" / "model.safetensors")
    moved = {
        name: (value.float() - base[name].float()).abs().mean()
        for name, value in learned.items()
        if "layers" in name and value.ndim == 2
    }
    assert min(moved.values()) > 0
    for name, size in moved.items():
        assert (found[name].float() - learned[name].float()).abs().mean() < 0.1 * size, name
