"""Packaged models: made of a run, put together on another machine, refused when damaged; chat without a name."""

import json
import shutil
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import small_models as small
from conftest import run_anatili

pytest.importorskip("torch")
pytest.importorskip("xllamacpp")

from anatili import models, weights
from anatili.engine import Sampling
from anatili.gguf.file import export_gguf
from anatili.gguf.merge import merge
from anatili.models.packaging import pack
from anatili.opening import find_model, sample_index
from anatili.pool import LocalPool
from anatili.problem import Problem
from anatili.recipe import load_recipe
from anatili.run import Run
from anatili.serve.assistant import open_assistant
from anatili.serve.citations import Report
from anatili.stage import carry_out, prepare
from anatili.text import file_digest

FLOORS = tomllib.loads((Path(__file__).parents[1] / "floors.toml").read_text("utf-8"))
RECIPE = """
name = "part"
language = "kk"
[[collect.sources]]
name = "sample"
path = "sample:"
[tokenizer]
base = "small-base"
trim_first = 600
added = 80
[pretrain]
method = "lora"
rank = 4
context = 64
tokens = 2_000
batch = 4
learning_rate = 1e-2
precision = "float32"
[tune]
kinds = ["refusal"]
epochs = 1
[evaluate]
max_bytes = 1000
tasks = ["bits-per-byte", "second-halves"]
memory_texts = 1
"""
CARRIER = """
import shutil
from pathlib import Path

def assemble(target):
    shutil.copyfile(Path(__file__).parent / "base.gguf", target)
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A package that carries a small base as GGUF, as the real ones do, and a cache of our own."""
    place = tmp_path_factory.mktemp("shop")
    carrier = place / "small_base_gguf"
    carrier.mkdir()
    (carrier / "__init__.py").write_text(CARRIER)
    (carrier / "TERMS.html").write_text("terms")
    # GGUF does not say by what attention is scaled; transformers then takes what fits heads of 256.
    export_gguf(small.make_folder(place / "made", "gemma3", head=256), carrier / "base.gguf", "q8_0")
    base = weights.Packaged(
        module="small_base_gguf",
        requirement="small-base==1",
        sha256=file_digest(carrier / "base.gguf"),
        license="Small Terms",
        notice="TERMS.html",
        statement="Small is small.",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(weights.PACKAGED, "small-base", base)
        patch.setenv("ANATILI_CACHE", str(place / "cache"))
        patch.setattr(sys, "path", [str(place), *sys.path])
        yield place


@pytest.fixture(scope="module")
def run(shop) -> Run:
    recipe = shop / "part.toml"
    recipe.write_text(RECIPE)
    with prepare(load_recipe(recipe), recipe, shop / "runs") as work:
        for _ in carry_out(load_recipe(recipe), work, LocalPool(1), base=shop):
            pass
    return work


@pytest.fixture
def package(run, tmp_path) -> Path:
    pack(run, tmp_path / "part", "q8_0")
    return tmp_path / "part"


def test_a_part_is_put_together_to_what_was_trained(run, package):
    said = models.describe(package)
    assert said["base"] == "small-base"
    assert said["parity"]["mean"] < 0.1  # pack itself stops at more than is allowed
    files = {
        "adapter.gguf",
        "rows.npz",
        "new-rows.gguf",
        "chat_template.jinja",
        "README.md",
        "DATA.md",
        "NOTICE",
        "facts.json",
    }
    assert set(said["files"]) == files == {path.name for path in package.iterdir()} - {"model.json"}
    assert (package / "NOTICE").read_text() == "Small is small.\n"
    assert said["scores"][0]["bits_per_byte"] > 0
    scores = json.loads((run.folder("evaluate") / "scores.json").read_text("utf-8"))["scores"]
    assert {"base", "pretrain", "tune"} <= {row["who"] for row in scores}
    card = (package / "README.md").read_text("utf-8")
    assert "made from small-base (adapters trained, its vocabulary trimmed to these languages, 80 tokens added)" in card
    told: list[str] = []
    with ThreadPoolExecutor(4) as pool:
        (file,) = set(pool.map(lambda _: models.open_packaged(package, told.append), range(4)))
    assert len(told) == 2, "what four begin at once is put together once"
    assert "Small Terms" in told[0]
    assert "TERMS.html" in told[1]
    assert models.open_packaged(package, told.append) == file
    assert len(told) == 2, "the second time nothing is put together"
    assert file.stat().st_size < weights.packaged_gguf("small-base").stat().st_size


def test_a_package_answers_with_passages_of_the_sample(package):
    assistant = open_assistant(str(package))
    assert assistant.name == "part"
    prepared = assistant.prepare([{"role": "user", "content": "Домбыра неше ішекті?"}])
    assert prepared.passages
    assert "".join(chunk.text for chunk in assistant.answer(prepared, Sampling(max_tokens=3, temperature=0), Report()))
    request = [{"role": "user", "content": "Ағылшын тіліне аудар: Мен мектепке барамын."}]
    prepared = assistant.prepare(request)
    assert (prepared.searched, prepared.passages) == (False, [])
    assert assistant.prompt(request, [], "kk") == request, "a request to translate is put as it was taught"


def test_the_index_of_the_sample_is_made_once_and_again_for_another_version(shop, monkeypatch):
    told: list[str] = []
    first = sample_index.sample_run(["kk"], told.append)
    built = first.record("index")
    assert len(told) <= 1
    again = sample_index.sample_run(["kk"], told.append)
    assert again.record("index") == built
    record = json.loads((first.folder("mark") / "record.json").read_text("utf-8"))
    record["fingerprint"] = "another version's"
    (first.folder("mark") / "record.json").write_text(json.dumps(record))
    assert sample_index.sample_run(["kk"], told.append).record("index").content == built.content


def test_a_damaged_package_is_refused(package):
    rows = package / "rows.npz"
    rows.write_bytes(rows.read_bytes()[:-1] + b"x")
    with pytest.raises(Problem, match=r"rows\.npz is missing or damaged"):
        models.open_packaged(package, print)
    (package / "model.json").write_text("{}")
    with pytest.raises(Problem, match="it lacks base"):
        models.open_packaged(package, print)


def test_an_adapter_for_another_base_is_refused(package, shop, tmp_path):
    other = shop / "other.gguf"
    if not other.exists():
        export_gguf(small.make_folder(shop / "llama", "llama"), other, "q8_0")
    with pytest.raises(Problem, match=r"does not fit|does not have"):
        merge(other, package, "part", tmp_path / "whole.gguf")
    assert not (tmp_path / "whole.gguf").exists()


def test_a_whole_model_is_packaged_as_gguf(tiny_run, tmp_path):
    said = pack(Run(tiny_run), tmp_path / "whole", "q8_0")
    assert said["base"] == ""
    assert find_model(str(tmp_path / "whole")) == tmp_path / "whole" / said["weights"]
    done = run_anatili("chat", tmp_path / "whole", "--question", "Абай кім?", "--json", "--limit", 4)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["passages"]


def test_without_a_name_the_largest_that_can_run_is_taken(package, monkeypatch, tmp_path):
    monkeypatch.setattr(models, "HERE", tmp_path / "shelf")
    with pytest.raises(Problem, match="name a run or a model"):
        models.default()
    for name, base, size in (("one", "", 5), ("two", "small-base", 9), ("three", "gemma-3-270m", 20)):
        shutil.copytree(package, tmp_path / "shelf" / name)
        said = models.describe(package) | {"name": name, "base": base, "parameters": size}
        (tmp_path / "shelf" / name / "model.json").write_text(json.dumps(said))
    monkeypatch.setattr(weights, "is_installed", lambda base: base == "small-base")
    assert models.names() == ["one", "two", "three"]
    assert models.default() == "two"
    assert models.find("three") == tmp_path / "shelf" / "three"


@pytest.mark.parametrize("name", models.names())
def test_what_comes_with_anatili_is_whole_and_says_what_it_is(name):
    place = models.HERE / name
    said = models.describe(place)
    assert said["languages"][0] == "kk"
    for file, digest in said["files"].items():
        assert file_digest(place / file) == digest
    assert sum(path.stat().st_size for path in place.iterdir()) < 40_000_000
    assert "| kk |" in (place / "README.md").read_text("utf-8")
    assert "license" in (place / "DATA.md").read_text("utf-8").lower()
    assert not said["base"] or weights.PACKAGED[said["base"]].statement in (place / "NOTICE").read_text("utf-8")


@pytest.mark.parametrize("name", models.names())
def test_what_comes_with_anatili_keeps_its_floors(name, data):
    """Real held-out text. The figures are of 20 kB: the whole set is in docs/results.md, with the command."""
    base = models.describe(models.HERE / name)["base"]
    if base and not weights.is_installed(base):
        pytest.skip(f"{name} stands on {base}: make assistant")
    floors, text = FLOORS[name], data / "bench" / "flores_dev" / "kk.txt"
    done = run_anatili("evaluate", name, "--text", text, "--max-bytes", 20_000, "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["scores"]
    print(f"{name}: {row['value']} bits per byte {row['interval']}, n = {row['count']}")
    assert row["value"] <= floors["kk_bits_per_byte"]
    done = run_anatili("tokenizer", "report", name, "--text", text, "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert row["tokens_per_word"] <= floors["tokens_per_word"]
    assert row["exact"] == 1
