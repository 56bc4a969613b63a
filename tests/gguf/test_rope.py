"""Positions mean the same in the exported file as in the model, to the end of the context; or there is no file."""

import json

import pytest
import small_models

torch = pytest.importorskip("torch")
pytest.importorskip("xllamacpp")
from gguf import GGUFReader, GGUFValueType, GGUFWriter  # noqa: E402

from anatili.engine.llama import LlamaEngine  # noqa: E402
from anatili.gguf.base_model import unpack  # noqa: E402
from anatili.gguf.config import read_config  # noqa: E402
from anatili.gguf.file import export_gguf  # noqa: E402
from anatili.problem import Problem  # noqa: E402
from anatili.train import init  # noqa: E402
from anatili.train.parity import compare  # noqa: E402
from anatili.train.pretrain import save_model  # noqa: E402

CONTEXT, ORIGINAL = 1536, 256
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 5e5,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": ORIGINAL,
}
YARN = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 6.0, "original_max_position_embeddings": ORIGINAL}
LINEAR = {"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0}
PLAIN = {"rope_type": "default", "rope_theta": 1e4}
LOCAL = {"rope_type": "default", "rope_theta": 1e4}
GEMMA = {
    "full_attention": {**LINEAR, "rope_theta": 1e6, "factor": 8.0},
    "sliding_attention": {**LOCAL, "rope_theta": 2e4},
}
CASES = {
    "llama-plain": ("llama", PLAIN),
    "llama-llama3": ("llama", LLAMA3),
    "llama-linear": ("llama", LINEAR),
    "llama-yarn": ("llama", YARN),
    "qwen3-yarn": ("qwen3", {**YARN, "attention_factor": 1.3}),
    "qwen3-linear": ("qwen3", LINEAR),
    "gemma3-linear": ("gemma3", GEMMA),
}


def make(folder, shape, rope, **more):
    """A small random model whose answers depend on far positions."""
    from transformers import AutoConfig, AutoModelForCausalLM

    base = small_models.make_folder(folder, shape, head=64)
    config = AutoConfig.from_pretrained(base)
    said = config.to_dict() | {
        "rope_parameters": rope,
        "max_position_embeddings": CONTEXT,
        "head_dim": 64,
        "num_hidden_layers": 6,
        "layer_types": None,
        **more,
    }
    said["layer_types"] = said["layer_types"] or None
    for name in ("rope_scaling", "rope_theta"):
        said.pop(name, None)
    torch.manual_seed(5)
    model = AutoModelForCausalLM.from_config(type(config).from_dict(said))
    for parameter in model.parameters():
        if parameter.ndim == 2:
            parameter.data.normal_(0, 0.15)
    save_model(model, folder / "tokenizer", folder / "scaled")
    return folder / "scaled"


@pytest.fixture(scope="module", params=list(CASES))
def made(request, tmp_path_factory):
    shape, rope = CASES[request.param]
    folder = make(tmp_path_factory.mktemp(request.param), shape, rope)
    export_gguf(folder, folder / "m.gguf", "f32")
    return folder


def test_llama_cpp_says_the_same_at_each_depth(made):
    from transformers import AutoModelForCausalLM

    model = init.open_model(made).eval()
    size = model.config.vocab_size
    ids = [1, *torch.randint(10, size, (1499,), generator=torch.Generator().manual_seed(3)).tolist()]
    ends = (50, 250, 750, 1450)
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([ids]), logits_to_keep=torch.tensor([end - 1 for end in ends])).logits[0]
        back = AutoModelForCausalLM.from_pretrained(
            made, gguf_file="m.gguf", config=read_config(made / "m.gguf"), dtype=torch.float32, local_files_only=True
        ).eval()
        stored = back(input_ids=torch.tensor([ids]), logits_to_keep=torch.tensor([end - 1 for end in ends])).logits[0]
    engine = LlamaEngine(made / "m.gguf")
    chances = torch.log_softmax(logits.float(), -1)
    for place, end in enumerate(ends):
        found = engine.next_logprobs(ids[:end], 10)
        assert sum(abs(float(chances[place, k]) - x) for k, x in found.items()) / 10 < 0.03, end
    assert torch.allclose(torch.log_softmax(stored, -1), chances, atol=0.02), "the file read back by transformers"


def test_the_check_passes_and_reaches_the_end_of_the_context(made):
    found = compare(made, made / "m.gguf", "f32")
    assert found["reach"] > CONTEXT - 20


def test_a_file_unpacked_again_has_the_same_positions(made, tmp_path):
    unpack(made / "m.gguf", tmp_path / "back")
    ours, theirs = init.open_model(made).config, init.open_model(tmp_path / "back").config
    from anatili.gguf.rope import scaled, unscaled

    if "full_attention" in ours.rope_parameters:
        assert theirs.rope_parameters == ours.rope_parameters
    elif ours.rope_parameters["rope_type"] == "default":
        assert unscaled(theirs) == pytest.approx(unscaled(ours))
    else:
        assert scaled(theirs)[0] == pytest.approx(scaled(ours)[0], rel=1e-4)
        assert scaled(theirs)[1] == pytest.approx(scaled(ours)[1])


def without(file, target, names):
    """A copy of a GGUF file without some tensors and facts."""
    reader = GGUFReader(file)
    writer = GGUFWriter(target, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture" or any(part in name for part in names):
            continue
        kind = field.types[0]
        writer.add_key_value(name, field.contents(), kind, field.types[-1] if kind == GGUFValueType.ARRAY else None)
    for tensor in reader.tensors:
        if tensor.name not in names:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


@pytest.mark.parametrize(("case", "names"), [("llama-llama3", ["rope_freqs.weight"]), ("qwen3-yarn", ["rope.scaling"])])
@pytest.mark.parametrize("quantization", ["f32", "q8_0"])
def test_the_check_fails_where_the_scaling_was_left_out(tmp_path, case, names, quantization):
    """What was written until now: right for the first words, wrong further on."""
    folder = make(tmp_path, *CASES[case])
    export_gguf(folder, tmp_path / "m.gguf", quantization)
    compare(folder, tmp_path / "m.gguf", quantization)
    with pytest.raises(Problem, match="does not say what"):
        compare(folder, without(tmp_path / "m.gguf", tmp_path / "wrong.gguf", names), quantization)


@pytest.mark.parametrize(
    ("shape", "change", "words"),
    [
        ("qwen3", {"rope_parameters": {**LLAMA3}}, "llama3"),
        ("llama", {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}}, "dynamic"),
        ("llama", {"rope_parameters": {**YARN, "truncate": False}}, "truncate"),
        ("llama", {"rope_parameters": {**YARN, "beta_fast": 24.0}}, "beta_fast = 24"),
        ("llama", {"hidden_act": "gelu"}, "hidden_act"),
        ("qwen3", {"layer_types": ["full_attention", "sliding_attention"]}, "layer_types"),
        ("gemma3", {"query_pre_attn_scalar": 99}, "query_pre_attn_scalar"),
        ("gemma3", {"final_logit_softcapping": 30.0}, "final_logit_softcapping"),
        ("gemma3", {"layer_types": ["full_attention"] * 3}, "layer_types"),
    ],
)
def test_what_llama_cpp_does_not_compute_is_refused(tmp_path, shape, change, words):
    folder = small_models.make_folder(tmp_path, shape)
    config = json.loads((folder / "config.json").read_text("utf-8")) | change
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(Problem, match=words):
        export_gguf(folder, tmp_path / "m.gguf")
    assert not (tmp_path / "m.gguf").exists()


@pytest.mark.parametrize("kind", ["longrope", "none of these"])
def test_a_file_whose_positions_cannot_be_read_is_refused(tmp_path, kind):
    folder = small_models.make_folder(tmp_path, "llama")
    export_gguf(folder, tmp_path / "m.gguf", "f32")
    reader = GGUFReader(tmp_path / "m.gguf")
    without(tmp_path / "m.gguf", tmp_path / "odd.gguf", [])
    assert reader.tensors
    writer = GGUFWriter(tmp_path / "kind.gguf", "llama")
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            many = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), field.types[0], many)
    writer.add_string("llama.rope.scaling.type", kind)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(Problem, match=kind):
        unpack(tmp_path / "kind.gguf", tmp_path / "back")
