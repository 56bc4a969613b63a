"""A base that is a GGUF file."""

import json

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("gguf")

from small_models import make_folder  # noqa: E402

from anatili import weights  # noqa: E402
from anatili.compute.shape import shape_of  # noqa: E402
from anatili.gguf.base_model import open_base  # noqa: E402
from anatili.gguf.file import export_gguf  # noqa: E402
from anatili.problem import Problem  # noqa: E402
from anatili.recipe import Recipe  # noqa: E402
from anatili.train.init import open_model  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small model and the same as `m.gguf`."""
    made = make_folder(tmp_path_factory.mktemp("base"), "qwen3")
    export_gguf(made, made / "m.gguf", "f32")
    return made


def test_a_gguf_file_is_a_base(folder, monkeypatch, tmp_path):
    from transformers import AutoTokenizer

    monkeypatch.setenv("ANATILI_CACHE", str(tmp_path))
    opened = open_base(f"{folder.name}/m.gguf", folder.parent)
    ours, theirs = open_model(opened), open_model(folder)
    assert torch.equal(ours.get_input_embeddings().weight, theirs.get_input_embeddings().weight.bfloat16().float())
    mine, first = AutoTokenizer.from_pretrained(opened), AutoTokenizer.from_pretrained(folder)
    assert len(mine) == ours.config.vocab_size, "each token has a row"
    assert mine("Абай Құнанбайұлы <|user|> 2024").input_ids == first("Абай Құнанбайұлы <|user|> 2024").input_ids
    before = (opened / "model.safetensors").stat().st_mtime_ns
    assert open_base(str(folder / "m.gguf"), tmp_path) == opened
    assert (opened / "model.safetensors").stat().st_mtime_ns == before, "unpacked once"
    assert weights.facts("m.gguf", folder) == {"m.gguf": weights.sampled_digest(folder / "m.gguf")}
    recipe = Recipe.model_validate({"name": "x", "language": "kk", "tokenizer": {"base": "m.gguf", "added": 7}})
    config = json.loads((folder / "config.json").read_text("utf-8"))
    assert shape_of(recipe, folder).vocabulary == config["vocab_size"] + 7


def test_another_file_of_the_same_name_is_unpacked_apart(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("ANATILI_CACHE", str(tmp_path / "cache"))
    export_gguf(folder, tmp_path / "m.gguf", "q8_0")
    assert open_base("m.gguf", tmp_path) != open_base("m.gguf", folder)


def test_a_base_that_is_no_gguf_file_is_told(tmp_path):
    with pytest.raises(Problem, match=r"no file .*m\.gguf"):
        open_base("m.gguf", tmp_path)
    (tmp_path / "m.gguf").write_text("<html>")
    with pytest.raises(Problem, match="not a GGUF file"):
        open_base("m.gguf", tmp_path)


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("gemma-3-270m", "gemma-3-270m"),
        ("", ""),
        ("../models/Qwen3-0.6B-Base", "Qwen3-0.6B-Base"),
        ("../models/kazakh-26m.gguf", "kazakh-26m"),
    ],
)
def test_a_card_names_the_base_without_its_path(base, name):
    assert weights.base_name(base) == name
