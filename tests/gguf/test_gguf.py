"""The exported file says what the model says, or there is no file."""

import json

import pytest
import small_models
from safetensors.torch import load_file, save_file

torch = pytest.importorskip("torch")
pytest.importorskip("xllamacpp")

from anatili.engine import Sampling, Span, open_engine, say  # noqa: E402
from anatili.evaluate.likelihood import Likelihood  # noqa: E402
from anatili.gguf.file import export_gguf  # noqa: E402
from anatili.problem import Problem  # noqa: E402
from anatili.train.parity import compare  # noqa: E402

ASK = [{"role": "user", "content": "Сәлем!"}]


@pytest.fixture(scope="module", params=["qwen3", "llama", "gemma3"])
def folder(request, tmp_path_factory):
    return small_models.make_folder(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def qwen(tmp_path_factory):
    return small_models.make_folder(tmp_path_factory.mktemp("own"), "qwen3")


def copy_of(folder, target):
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


@pytest.mark.parametrize(("quantization", "most"), [("f32", 0.01), ("q8_0", 0.15)])
def test_llama_cpp_and_transformers_agree(folder, tmp_path, quantization, most):
    file = tmp_path / "m.gguf"
    said = export_gguf(folder, file, quantization)
    assert said["bytes"] == file.stat().st_size
    found = compare(folder, file, quantization)
    assert found["positions"] > 20
    assert found["mean"] < most
    texts = ["Қазақ тілі – түркі тілдерінің бірі.", "Two words, 2024!", "ığüşöç"]
    ours, stored = Likelihood(open_engine(folder)), Likelihood(open_engine(file))
    assert [stored.ids(text) for text in texts] == [ours.ids(text) for text in texts]
    assert stored.bits(texts) == pytest.approx(ours.bits(texts), rel=0.01)


def test_the_chat_template_travels_with_the_file(folder, tmp_path):
    file = tmp_path / "m.gguf"
    export_gguf(folder, file, "f16")
    ours, theirs = open_engine(folder), open_engine(file)
    short = Sampling(max_tokens=1)
    assert [*theirs.generate(ASK, short)][-1].prompt_tokens == [*ours.generate(ASK, short)][-1].prompt_tokens > 0
    assert theirs.parameters == ours.parameters
    said = say(theirs, ASK, Sampling(max_tokens=12, temperature=0, repetition_penalty=1))
    assert said == say(ours, ASK, Sampling(max_tokens=12, temperature=0, repetition_penalty=1))


@pytest.mark.parametrize("change", ["dropped", "more", "another shape", "another number of rows"])
def test_a_model_that_is_not_whole_is_not_exported(qwen, tmp_path, change):
    broken = copy_of(qwen, tmp_path / "broken")
    tensors = load_file(broken / "model.safetensors")
    name = "model.layers.1.self_attn.q_norm.weight"
    if change == "dropped":  # as in a published Kazakh model
        del tensors[name]
    elif change == "more":
        tensors["model.layers.1.self_attn.z_norm.weight"] = tensors[name].clone()
    elif change == "another shape":
        tensors[name] = torch.ones(3)
    else:
        tensors["model.embed_tokens.weight"] = tensors["model.embed_tokens.weight"][:-1].clone()
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(Problem, match=r"lacks|no GGUF name|rows|shape"):
        export_gguf(broken, tmp_path / "m.gguf")
    assert not (tmp_path / "m.gguf").exists()
    with pytest.raises(Problem, match=r"lacks|unused|wrong shape"):
        open_engine(broken)


def test_a_file_that_says_something_else_is_found_out(qwen, tmp_path):
    other = copy_of(qwen, tmp_path / "other")
    tensors = load_file(other / "model.safetensors")
    tensors["model.layers.0.mlp.down_proj.weight"] *= 3
    save_file(tensors, other / "model.safetensors", metadata={"format": "pt"})
    export_gguf(other, tmp_path / "m.gguf", "f16")
    with pytest.raises(Problem, match="does not say what"):
        compare(qwen, tmp_path / "m.gguf", "f16")


def test_a_split_rule_that_llama_cpp_does_not_know_stops_the_export(qwen, tmp_path):
    other = copy_of(qwen, tmp_path / "other")
    raw = json.loads((other / "tokenizer.json").read_text("utf-8"))
    raw["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = r"\p{L}+|."
    (other / "tokenizer.json").write_text(json.dumps(raw), "utf-8")
    with pytest.raises(Problem, match="no name for this tokenizer's split rule"):
        export_gguf(other, tmp_path / "m.gguf")


def test_an_architecture_without_a_place_in_gguf_is_told(qwen, tmp_path):
    other = copy_of(qwen, tmp_path / "other")
    config = json.loads((other / "config.json").read_text("utf-8")) | {"architectures": ["MambaForCausalLM"]}
    (other / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(Problem, match="MambaForCausalLM; GGUF can be written for"):
        export_gguf(other, tmp_path / "m.gguf")


@pytest.mark.parametrize("shape", ["qwen3", "llama", "gemma3"])
def test_an_adapter_says_the_same_on_a_gguf_base_and_in_peft(tmp_path, shape):
    from anatili.engine.llama import LlamaEngine
    from anatili.gguf.adapter import export_adapter
    from anatili.train import init

    folder = small_models.make_folder(tmp_path, shape)
    torch.manual_seed(0)
    adapted = init.add_adapter(init.open_model(folder), 4, torch.float32)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(0, 0.1)
    adapted.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    export_gguf(folder, tmp_path / "m.gguf", "f32")
    said = export_adapter(tmp_path / "adapter", folder, tmp_path / "a.gguf")
    assert said["tensors"] > 20
    ours = open_engine(folder, [tmp_path / "adapter"])
    bare, theirs = LlamaEngine(tmp_path / "m.gguf"), LlamaEngine(tmp_path / "m.gguf", [tmp_path / "a.gguf"])
    ids = [ours.tokenizer.bos_token_id, *ours.tokenizer.encode("Қазақ тілі", add_special_tokens=False)]
    with torch.inference_mode():
        chances = torch.log_softmax(ours.model(input_ids=torch.tensor([ids])).logits[0, -1].float(), -1)
    with_it, without = (engine.next_logprobs(ids, 10) for engine in (theirs, bare))
    assert all(abs(chances[token].item() - chance) < 0.02 for token, chance in with_it.items())
    assert any(abs(chances[token].item() - chance) > 0.1 for token, chance in without.items())
    scored = [next(engine.logprobs([Span(ids)])) for engine in (ours, theirs, bare)]
    assert scored[1] == pytest.approx(scored[0], abs=0.02)
    assert scored[2] != pytest.approx(scored[0], abs=0.1)
    with pytest.raises(Problem, match="no adapter in"):
        open_engine(folder, [tmp_path])
