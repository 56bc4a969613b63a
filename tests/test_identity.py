"""What a stage is built from: each setting and each pack file that it reads is in its identity, and no other."""

import ast
import functools
import gc
import importlib
import json
import pickle
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

from safetensors.torch import load_file

import anatili
from anatili.lang import LanguagePack, codes, load_pack
from anatili.pack_folders import FOLDER
from anatili.pool import LocalPool
from anatili.recipe import Recipe, Section, load_recipe, only
from anatili.run import Drift, Run, differences
from anatili.sample.topics import read_topics
from anatili.stage import Quiet, carry_out, identity, prepare
from anatili.stage_table import LANGUAGES, STAGES, stages_named

RECIPE = """
name = "small"
language = "kk"
beside = ["ru"]
[[collect.sources]]
name = "s"
path = "text"
kind = "text"
unit = "file"
[mark]
benchmarks = {benchmarks}
[cut]
min_words = 5
min_confidence = 0.5
held_out = 0.2
[tokenizer]
vocabulary = 600
[pretrain]
layers = 1
hidden_size = 32
heads = 2
intermediate_size = 32
context = {context}
tokens = 1_000
batch = 2
[tune]
kinds = ["refusal"]
epochs = 1
[evaluate]
max_bytes = 1000
tasks = ["bits-per-byte", "second-halves"]
memory_texts = 1
resamples = 100
"""


def write(folder, *, context=128, benchmarks=()):
    (folder / "text").mkdir(exist_ok=True)
    for topic in read_topics()[:30]:
        (folder / "text" / f"{topic.slug}.txt").write_text(topic.pages["kk"].text, "utf-8")
    path = folder / "small.toml"
    path.write_text(RECIPE.format(context=context, benchmarks=json.dumps(list(benchmarks))), "utf-8")
    return path


def go(file, runs, redo=(), watch=lambda stage: Quiet(), after=lambda: None):
    recipe = load_recipe(file)
    with prepare(recipe, file, runs) as run:
        done = carry_out(recipe, run, LocalPool(1), base=file.parent, redo=stages_named(redo), watch=watch)
        return {outcome.stage: (outcome.what, after())[0] for outcome in done}


class Recorder:
    """Which pack files are read while a stage works: by attributes of packs, and by opening them."""

    def __init__(self):
        self.stage, self.found = "", {}
        self.whole = {"config": "pack.toml", "prompts": "prompts.toml", "cases": "cases.toml"}

    def rest(self):
        self.stage = ""

    def note(self, file):
        if self.stage:
            self.found.setdefault(self.stage, set()).add(file)

    def watch(self, stage):
        for function in gc.get_objects():
            if type(function) is functools._lru_cache_wrapper and function.__module__.startswith("anatili."):
                function.cache_clear()
        for code in codes():
            load_pack(code)
        self.stage = stage.name
        return Quiet()

    def attribute(self, pack, name):
        value = object.__getattribute__(pack, name)
        if name in self.whole:
            self.note(self.whole[name])
        elif name == "extra" and value:
            self.note("normalize.py")
        elif name == "words":
            return Words(value, self.note)
        return value

    def opened(self, event, arguments):
        if event == "open" and self.stage and isinstance(arguments[0], str):
            path = Path(arguments[0])
            if FOLDER in path.parents and path.parent != FOLDER and path.suffix != ".pyc":
                self.note(path.name)


class Words(dict):
    def __init__(self, words, note):
        super().__init__(words)
        self.note = note

    def get(self, key, default=None):
        self.note(key)
        return super().get(key, default)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A run of all stages, and the pack files that each has read."""
    folder = tmp_path_factory.mktemp("built")
    recorder = Recorder()
    sys.addaudithook(recorder.opened)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LanguagePack, "__getattribute__", lambda pack, name: recorder.attribute(pack, name))
        outcomes = go(write(folder), folder / "runs", watch=recorder.watch, after=recorder.rest)
    assert set(outcomes.values()) == {"built"}
    return folder, recorder.found


@pytest.fixture
def copy(built, tmp_path):
    shutil.copytree(built[0], tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_no_code_of_a_stage_reads_a_setting_that_it_does_not_name():
    """In a run such a reading raises; the code has ways that no run of a test takes."""
    names = {}
    for stage in STAGES:
        for function in filter(None, (stage.work, stage.watches)):
            names.setdefault(function.split(":")[0], set()).update(stage.settings)
    for module, allowed in names.items():
        for chain in chains(Path(importlib.import_module(module).__file__)):
            assert not {".".join(chain[:1]), ".".join(chain[:2])}.isdisjoint(allowed), f"{module} reads {chain}"


def chains(file):
    """Each setting `recipe.section.key` or `task.recipe.section.key` that a module reads."""
    tree = ast.parse(file.read_text("utf-8"))
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner:
            names = ast.unparse(node).split(".")
            rest = names[1:] if names[0] == "recipe" else names[2:] if names[:2] == ["task", "recipe"] else []
            if rest and rest[0] not in ("languages", "model_dump"):
                yield rest


@pytest.mark.filterwarnings("ignore:Pydantic serializer")
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_what_a_stage_names_bears_on_its_identity_and_nothing_else_does(built, stage):
    recipe, run = load_recipe(built[0] / "small.toml"), Run(built[0] / "runs" / "small")
    stage = replace(stage, watches="")
    before = identity(stage, recipe, run, built[0])
    for name, other in variants(recipe):
        changed = differences(before, identity(stage, other, run, built[0]))
        is_named = name in stage.settings or name.partition(".")[0] in stage.settings
        if name in LANGUAGES and stage.reads:  # the files of the new language's pack
            changed = [line for line in changed if not line.startswith("packs.")]
        assert bool(changed) == is_named, f"{stage.name}, {name}: {changed}"
        own = name.removeprefix(f"{stage.name}.")
        assert not changed or name in LANGUAGES or changed[0].startswith(f"settings.{own}"), changed


def variants(recipe):
    """The recipe with each of its settings changed, one at a time."""
    for section, value in recipe:
        for key, old in value if isinstance(value, Section) else [("", value)]:
            new = "ru" if section == "language" else ("tr",) if section == "beside" else another(old)
            changed = recipe.model_copy(
                update={section: value.model_copy(update={key: new}) if key else new},
            )
            yield f"{section}.{key}" if key else section, changed


def another(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, dict):
        return {"x": ()}
    return "another" if isinstance(value, str) else () if value else ("another",)


def test_a_stage_is_told_which_setting_it_must_name(built):
    recipe = only(load_recipe(built[0] / "small.toml"), ("tune", "pretrain.context"))
    recipe = pickle.loads(pickle.dumps(recipe))  # as a worker gets it
    assert (recipe.pretrain.context, recipe.tune.epochs) == (128, 1)
    for read in (lambda: recipe.pretrain.precision, lambda: recipe.mark, lambda: recipe.language):
        with pytest.raises(AttributeError, match="that it names in `settings`"):
            read()


def test_no_stage_reads_a_pack_file_that_it_does_not_name(built):
    read = built[1]
    assert read["mark"] >= {"stopwords.txt", "pack.toml", "quality.npz"}  # the recorder sees them
    assert read["index"] >= {"morphology.toml", "abbreviations.txt"}
    for stage in STAGES:
        assert read.get(stage.name, set()) <= set(stage.reads), stage.name


def lengths(run):
    model = run / "release" / "model"
    said = json.loads((model / "tokenizer_config.json").read_text()), json.loads((model / "config.json").read_text())
    return said[0]["model_max_length"], said[1]["max_position_embeddings"]


def test_another_context_reaches_the_tokenizer_of_the_released_model(copy):
    runs = copy / "runs"
    assert lengths(runs / "small") == (128, 128)
    changed = write(copy, context=64)
    with pytest.raises(Drift, match=r"tokenizer is out of date: settings.pretrain.context changed from 128 to 64"):
        go(changed, runs, ["pretrain.."])
    go(changed, runs, ["tokenizer.."])
    assert lengths(runs / "small") == (64, 64)


def test_benchmarks_are_part_of_what_pairs_and_tune_are_built_from(copy):
    (copy / "test.txt").write_text("бір нәрсе\n", "utf-8")
    changed = write(copy, benchmarks=["test.txt"])
    with pytest.raises(Drift, match=r"pairs is out of date: .*settings.mark.benchmarks changed from \[\] to "):
        go(changed, copy / "runs", ["mark"])
    assert go(changed, copy / "runs", ["mark", "pairs"])["tune"] == "outdated"
    go(changed, copy / "runs", ["mark", "pairs", "tune.."])
    (copy / "test.txt").write_text("бір зат\n", "utf-8")
    with pytest.raises(Drift, match=r"tune is out of date: files.benchmarks.test.txt changed from "):
        go(changed, copy / "runs", ["mark"])


def test_a_threshold_written_down_at_its_default_is_another_where_a_pack_sets_it(tmp_path, monkeypatch):
    shutil.copytree(FOLDER / "nog", tmp_path / "nog")
    with (tmp_path / "nog" / "pack.toml").open("a") as file:
        file.write("\n[cut]\nmin_words = 20\n")
    monkeypatch.setenv("ANATILI_PACKS", str(tmp_path))
    load_pack.cache_clear()
    try:
        stage = next(stage for stage in STAGES if stage.name == "cut")
        silent = Recipe.model_validate({"name": "t", "language": "nog"})
        written = Recipe.model_validate({"name": "t", "language": "nog", "cut": {"min_words": 30}})
        one, other = (identity(stage, recipe, Run(tmp_path / "none"), tmp_path) for recipe in (silent, written))
        assert differences(one, other) == ["files.[cut] of nog.min_words changed from 20 to nothing"]
    finally:
        load_pack.cache_clear()


def test_records_of_before_stay_good_where_a_stage_never_read_what_they_name(copy):
    """Languages and packs were part of each stage's record."""
    for name in ("collect", "pretrain"):
        file = copy / "runs" / "small" / name / "record.json"
        record = json.loads(file.read_text("utf-8"))
        record["identity"] |= {"languages": ["kk", "ru"], "packs": {"kk": {}, "ru": {}}}
        record["fingerprint"] = "of before"
        file.write_text(json.dumps(record), "utf-8")
    assert set(go(copy / "small.toml", copy / "runs").values()) == {"kept"}


def test_the_manifest_names_every_stage(built):
    manifest = json.loads((built[0] / "runs" / "small" / "release" / "manifest.json").read_text("utf-8"))
    assert set(manifest["stages"]) == {stage.name for stage in STAGES} - {"release"}
    for file in Path(anatili.__file__).parent.rglob("*.py"):
        if file.name != "stage_table.py":
            assert '"extract", "mark", "dedup"' not in file.read_text("utf-8"), f"{file.name} has a list of its own"


def test_without_epochs_tune_leaves_the_model_as_it_is(copy):
    """What the message advises if a language has no SFT examples."""
    file = copy / "small.toml"
    text = file.read_text("utf-8")
    file.write_text(text.replace("epochs = 1", 'epochs = 0\ninstructions = ""'), "utf-8")
    go(file, copy / "runs", ["tune.."])
    run = copy / "runs" / "small"
    summary = json.loads((run / "tune" / "record.json").read_text("utf-8"))["summary"]
    assert (summary["conversations"], summary["steps"], summary["first_loss"]) == (0, 0, None)
    before, after = (load_file(run / stage / "model" / "model.safetensors") for stage in ("pretrain", "tune"))
    assert all(before[name].equal(after[name]) for name in before)
