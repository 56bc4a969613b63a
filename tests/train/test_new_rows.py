"""A vocabulary that was extended: its new rows learn beside adapters, through resume, tuning, merging and packaging."""

import json
from dataclasses import replace

import pytest
import small_models as small
import training

torch = pytest.importorskip("torch")
pytest.importorskip("xllamacpp")
from safetensors.torch import load_file  # noqa: E402

from anatili.document import Kept, write_shard  # noqa: E402
from anatili.engine import open_engine  # noqa: E402
from anatili.engine.llama import LlamaEngine  # noqa: E402
from anatili.evaluate.likelihood import Likelihood  # noqa: E402
from anatili.gguf.adapter import export_adapter  # noqa: E402
from anatili.gguf.file import export_gguf  # noqa: E402
from anatili.gguf.merge import merge  # noqa: E402
from anatili.lang import load_pack  # noqa: E402
from anatili.models.packaging import write_part  # noqa: E402
from anatili.problem import Problem  # noqa: E402
from anatili.recipe import Pretrain, Recipe, Tokenizer, Tune  # noqa: E402
from anatili.stage import Quiet, Task  # noqa: E402
from anatili.tokenizer.adapt import adapt  # noqa: E402
from anatili.train import init, loop, optimizer, pretrain, schedule, tune  # noqa: E402
from anatili.train.parity import compare  # noqa: E402

ADDED = 60
SETTINGS = Pretrain(
    method="lora",
    rank=4,
    context=64,
    tokens=6_000,
    batch=4,
    learning_rate=1e-2,
    rows_rate=1e-2,
    precision="float32",
    max_epochs=1000,
)


def fit(place, shape, added):
    """A base and its tokenizer, trimmed and extended; Gemma ties input and output rows, Llama here does not."""
    base = small.make_folder(place, shape, tied=shape == "gemma3")
    (place / "fitted").mkdir()
    settings = Tokenizer(base="model", added=added, trim_first=300, min_count=2)
    adapt(settings, base, {"kk": small.texts("kk"), "en": small.texts("en")}, load_pack("kk"), place / "fitted")
    (place / "fitted" / "base.json").write_text(json.dumps({"base": "model"}))


def task(place, name, settings, **inputs):
    recipe = Recipe(name="rows", language="kk", pretrain=SETTINGS, tune=settings if name == "tune" else Tune())
    (place / name).mkdir(exist_ok=True)
    inputs = {"tokenizer": place / "fitted", "cut": place / "cut", "pairs": place / "pairs", **inputs}
    return Task(recipe, settings, place, inputs, place / name, None, Quiet())


def rows(folder, known):
    """New and old rows of a saved model's embeddings."""
    tensors = load_file(folder / "model.safetensors")
    found = {name: tensors[name].float() for name in ("model.embed_tokens.weight", "lm_head.weight") if name in tensors}
    return {n: value[known:] for n, value in found.items()}, {n: value[:known] for n, value in found.items()}


@pytest.fixture(scope="module", params=["gemma3", "llama"])
def trained(request, tmp_path_factory):
    place = tmp_path_factory.mktemp(request.param)
    fit(place, request.param, ADDED)
    cut(place)
    pretrain.run(task(place, "pretrain", SETTINGS))
    settings = Tune(kinds=("refusal",), epochs=1, learning_rate=1e-2)
    tune.run(task(place, "tune", settings, pretrain=place / "pretrain"))
    return place


def cut(place):
    """A corpus of a few texts."""
    kept = [Kept(str(n), text, "", "", "s", "", "CC0-1.0", "kk", "Cyrl") for n, text in enumerate(small.texts("kk"))]
    (place / "cut" / "held-out").mkdir(parents=True)
    write_shard(place / "cut" / "part-0.parquet", Kept, kept[:-3])


def first(place):
    return init.from_base(place / "fitted", place, 2, 1)


def test_new_rows_learn_beside_the_adapter_and_old_rows_stay(trained):
    model, known = first(trained)
    assert len(model.get_input_embeddings().weight) - known == ADDED
    pretrained, old = rows(trained / "pretrain" / "model", known)
    tuned, still = rows(trained / "tune" / "model", known)
    begun = dict(model.named_parameters())
    for name, value in pretrained.items():
        assert (value - begun[name][known:]).abs().mean() > 0.003, name
        assert torch.equal(old[name], begun[name][:known].bfloat16().float())
        assert torch.equal(still[name], old[name])
        assert not torch.equal(tuned[name], value), "they go on learning in tune"
    unseen = small.texts("kk")[-3:]
    pretrain.save_model(model, trained / "fitted", trained / "begun")
    learned, untrained = (
        Likelihood(open_engine(trained / name)).bits(unseen)[0] for name in ("pretrain/model", "begun")
    )
    assert learned < 0.99 * untrained


@pytest.mark.parametrize("method", ["full", "lora"])
def test_new_rows_alone_learn_in_two_processes_as_in_one(method, tmp_path):
    fit(tmp_path, "llama", ADDED)
    cut(tmp_path)
    training.learn_rows(tmp_path, "one", method)
    assert training.together(2, training.learn_rows, tmp_path, "two", method) == [0, 0]
    losses = [
        [json.loads(line)["loss"] for line in (tmp_path / name / "log.jsonl").read_text("utf-8").splitlines()]
        for name in ("one", "two")
    ]
    assert losses[1] == pytest.approx(losses[0], abs=2e-3)
    one, two = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert torch.allclose(value.float(), two[name].float(), atol=5e-3), name


def test_the_adapter_folder_alone_holds_the_new_rows(trained):
    pretrain.save_model(first(trained)[0], trained / "fitted", trained / "begun")
    ours = open_engine(trained / "begun", [trained / "tune" / "adapter"])
    whole = init.open_model(trained / "tune" / "model")
    ids = torch.tensor(
        [[1, *range(len(whole.get_input_embeddings().weight) - 20, len(whole.get_input_embeddings().weight))]]
    )
    with torch.inference_mode():
        assert torch.allclose(ours.model(input_ids=ids).logits.float(), whole(input_ids=ids).logits, atol=0.15)
    with pytest.raises(Problem, match="also holds new rows of the vocabulary"):
        export_adapter(trained / "tune" / "adapter", trained / "begun", trained / "a.gguf")


def test_a_part_with_new_rows_is_put_together_to_what_was_trained(trained, tmp_path):
    """Base, rows that stay, adapter and new rows together say what the trained model says, in llama.cpp."""
    export_gguf(trained / "model", trained / "base.gguf", "q8_0")
    part = tmp_path / "part"
    part.mkdir()
    files = write_part(trained / "tune", trained / "fitted", part)
    assert set(files) == {path.name for path in part.iterdir()}
    hidden_size = first(trained)[0].config.hidden_size
    matrices = len(rows(trained / "tune" / "model", 0)[0])
    assert (part / "new-rows.gguf").stat().st_size < matrices * ADDED * hidden_size * 34 / 32 + 4000
    merge(trained / "base.gguf", part, "part", tmp_path / "whole.gguf")
    found = compare(trained / "tune" / "model", tmp_path / "whole.gguf", "q8_0")
    assert found["mean"] < 0.05
    export_gguf(trained / "tune" / "model", tmp_path / "direct.gguf", "q8_0")
    direct, whole = LlamaEngine(tmp_path / "direct.gguf"), LlamaEngine(tmp_path / "whole.gguf")
    for text in small.texts("kk", "ru", "en"):
        assert whole.tokenize(text) == direct.tokenize(text)
    known = first(trained)[1]
    assert any(number >= known for text in small.texts("kk") for number in whole.tokenize(text))


def test_a_part_whose_new_rows_are_missing_or_do_not_fit_is_refused(trained, tmp_path):
    export_gguf(trained / "model", trained / "base.gguf", "q8_0")
    write_part(trained / "tune", trained / "fitted", tmp_path)
    other = small.make_folder(tmp_path / "other", "qwen3")
    export_gguf(other, tmp_path / "other.gguf", "q8_0")
    with pytest.raises(Problem, match="does not"):
        merge(tmp_path / "other.gguf", tmp_path, "part", tmp_path / "whole.gguf")
    (tmp_path / "new-rows.gguf").unlink()
    with pytest.raises(Problem, match="no rows for them"):
        merge(trained / "base.gguf", tmp_path, "part", tmp_path / "whole.gguf")
    assert not (tmp_path / "whole.gguf").exists()


def test_a_part_without_new_rows_is_put_together_as_before(tmp_path):
    """Byte-level merges that led to pieces now gone must go too, or llama.cpp would cut text otherwise."""
    fit(tmp_path, "llama", 0)
    model, known = first(tmp_path)
    adapted = init.add_adapter(model, 4, torch.float32, known)
    assert not init.new_rows(adapted)
    (tmp_path / "tune").mkdir()
    pretrain.finish(model, adapted, task(tmp_path, "tune", Tune()))
    export_gguf(tmp_path / "model", tmp_path / "base.gguf", "q8_0")
    (tmp_path / "part").mkdir()
    assert "new-rows.gguf" not in write_part(tmp_path / "tune", tmp_path / "fitted", tmp_path / "part")
    merge(tmp_path / "base.gguf", tmp_path / "part", "part", tmp_path / "whole.gguf")
    assert compare(tmp_path / "tune" / "model", tmp_path / "whole.gguf", "q8_0")["mean"] < 0.05


def test_what_the_instruct_sibling_learned_reaches_the_new_rows(trained, tmp_path):
    sibling = init.open_model(trained / "model")
    sibling.get_input_embeddings().weight.data += 0.5
    pretrain.save_model(sibling, trained / "fitted", trained / "sibling")
    settings = Tune(instruct="sibling")
    order = task(trained, "tune", settings, pretrain=trained / "pretrain")
    order = replace(order, recipe=order.recipe.model_copy(update={"tokenizer": Tokenizer(base="model")}))
    _, adapted, _ = tune.starting_model(order)
    before = load_file(trained / "pretrain" / "adapter" / "adapter_model.safetensors")
    (was,) = [value for name, value in before.items() if optimizer.is_rows(name) and "embed_tokens" in name]
    assert torch.allclose(init.new_rows(adapted)[0], was + 0.5, atol=1e-5)


def plan(model, rate, steps=8):
    """Training on new pieces and a few old ones."""
    size = model.config.vocab_size

    def batch(step):
        tokens = torch.randint(size - ADDED - 9, size, (2, 17), generator=torch.Generator().manual_seed(step))
        return tokens[:, :-1], tokens[:, 1:], torch.arange(16).expand(2, 16)

    return schedule.TrainingPlan(
        steps, batch, learning_rate=1e-2, warmup=0.1, decay=0.3, weight_decay=0.1, precision="float32", rows_rate=rate
    )


def adapted(place, precision):
    torch.manual_seed(0)
    model, known = first(place)
    return init.add_adapter(model, 4, precision, known)


def test_a_killed_training_goes_on_to_the_same_bytes(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    ends = {}
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
        for stops in (5, None) if name == "broken" else (None,):
            learner = adapted(trained, torch.float32)
            work = plan(learner, 1e-3)

            def some(step, stops=stops, work=work):
                if step == stops:
                    raise KeyboardInterrupt
                return work.batch(step)

            try:
                loop.train(learner.get_base_model(), replace(work, batch=some), tmp_path / name, Quiet())
            except KeyboardInterrupt:
                continue
        assert any(optimizer.is_rows(key) for key in load_file(tmp_path / name / "checkpoint.safetensors"))
        learner.save_pretrained(tmp_path / name, save_embedding_layers=False)
        ends[name] = (tmp_path / name / "adapter_model.safetensors").read_bytes()
    assert ends["whole"] == ends["broken"]


def test_rows_have_a_rate_of_their_own_and_do_not_decay(trained, tmp_path):
    moved, losses = {}, {}
    for rate in (1e-4, 1e-2):
        learner = adapted(trained, torch.float32)
        work = plan(learner, rate)
        before = [p.detach().clone() for p in init.new_rows(learner)]
        (tmp_path / str(rate)).mkdir()
        losses[rate] = loop.train(learner.get_base_model(), work, tmp_path / str(rate), Quiet())[-1]["loss"]
        moved[rate] = [float((p - b).abs().max()) for p, b in zip(init.new_rows(learner), before, strict=True)]
    for slow, fast in zip(moved[1e-4], moved[1e-2], strict=True):
        assert 0 < slow < 9e-4
        assert 5 * slow < fast < 9e-2
    assert losses[1e-2] < losses[1e-4], "the rows learn what the adapter alone cannot"
    groups = optimizer.make_optimizers(adapted(trained, torch.bfloat16), "adamw", 1e-2, 0.1, 1e-3)[0].param_groups
    assert groups[-1]["weight_decay"] == 0
    assert groups[-1]["share"] == pytest.approx(0.1)
    assert {p.dtype for p in groups[-1]["params"]} == {torch.float32}, "bfloat16 would swallow small steps"
