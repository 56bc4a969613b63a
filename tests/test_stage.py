"""The loop: what is built, kept, outdated or refused, on a real (small) run of the first stages."""

import json
import shutil
from pathlib import Path

import pytest
from small_runs import TEXT, write_recipe

from anatili import stage, stage_table
from anatili.data_errors import lost_to_errors
from anatili.pool import LocalPool
from anatili.problem import Problem
from anatili.recipe import load_recipe
from anatili.run import Drift, Run


@pytest.fixture
def first_stages(monkeypatch):
    """Only the stages up to `index`, which take a second."""
    names = [s.name for s in stage_table.STAGES]
    monkeypatch.setattr(stage_table, "STAGES", stage_table.STAGES[: names.index("index") + 1])


def go(tmp_path, recipe, **options):
    outcomes = stage.carry_out(load_recipe(recipe), Run(tmp_path / "run"), LocalPool(), base=tmp_path, **options)
    return {outcome.stage: outcome.what for outcome in outcomes}


def test_a_second_run_keeps_what_is_built(tmp_path, first_stages):
    recipe = write_recipe(tmp_path)
    assert set(go(tmp_path, recipe).values()) == {"built"}
    assert set(go(tmp_path, recipe).values()) == {"kept"}


def test_a_changed_setting_stops_the_run_and_is_named(tmp_path, first_stages):
    go(tmp_path, write_recipe(tmp_path))
    changed = write_recipe(tmp_path, min_words=30)
    with pytest.raises(Drift, match=r"cut is out of date: settings.min_words changed from 5 to 30.\n.*--redo cut"):
        go(tmp_path, changed)
    assert go(tmp_path, changed, redo=frozenset({"cut"}))["cut"] == "built"


def test_new_input_under_old_settings_is_noticed(tmp_path, first_stages):
    recipe = write_recipe(tmp_path)
    go(tmp_path, recipe)
    (tmp_path / "text.txt").write_text(
        TEXT + "\n\nТағы бір жаңа мәтін осында қосылды, оны да оқып шығу керек.", "utf-8"
    )
    with pytest.raises(Drift, match=r"collect is out of date: files.s.text.txt changed from \d+ to \d+"):
        go(tmp_path, recipe)
    outcomes = go(tmp_path, recipe, redo=frozenset({"collect"}))
    assert outcomes["collect"] == "built"
    assert {outcomes[name] for name in ("extract", "mark", "dedup", "cut", "index")} == {"outdated"}
    assert go(tmp_path, recipe, redo=stage_table.stages_named(["extract.."]))["index"] == "built"


def test_half_a_stage_is_taken_up_again(tmp_path, first_stages):
    recipe = write_recipe(tmp_path)
    go(tmp_path, recipe)
    folder = tmp_path / "run" / "mark"
    content = json.loads((folder / "record.json").read_text())["content"]
    shards = sorted(folder.glob("part-*"))
    (folder / "record.json").unlink()
    shards[1].unlink()
    (folder / ".stray.123.tmp").write_text("left by a killed process")
    untouched = shards[0].stat().st_mtime_ns
    assert go(tmp_path, recipe)["mark"] == "built"
    assert shards[0].stat().st_mtime_ns == untouched
    assert json.loads((folder / "record.json").read_text())["content"] == content
    assert not list(folder.glob("*.tmp"))


def test_half_a_stage_under_other_settings_is_begun_anew(tmp_path, first_stages):
    go(tmp_path, write_recipe(tmp_path))
    folder = tmp_path / "run" / "cut"
    (folder / "record.json").unlink()
    with pytest.raises(Problem, match="no document is left"):
        go(tmp_path, write_recipe(tmp_path, min_words=1000))


def test_a_removal_that_was_stopped_leaves_no_shard_to_take_over(tmp_path, first_stages, monkeypatch):
    changed = write_recipe(tmp_path, min_words=10)
    go(tmp_path, changed)
    content = json.loads((tmp_path / "run" / "cut" / "record.json").read_text())["content"]
    shutil.rmtree(tmp_path / "run")
    go(tmp_path, write_recipe(tmp_path))
    whole = shutil.rmtree

    def stop_in_the_middle(folder, **options):
        for name in (".identity", "record.json"):
            if (Path(folder) / name).exists():
                (Path(folder) / name).unlink()
                raise KeyboardInterrupt
        whole(folder, **options)

    changed = write_recipe(tmp_path, min_words=10)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", stop_in_the_middle)
        with pytest.raises(KeyboardInterrupt):
            go(tmp_path, changed, redo=frozenset({"cut"}))
    assert go(tmp_path, changed, redo=frozenset({"index"}))["cut"] == "built"
    assert json.loads((tmp_path / "run" / "cut" / "record.json").read_text())["content"] == content
    assert not list((tmp_path / "run").glob(".removed-*"))


def test_a_stage_built_again_with_the_same_bytes_disturbs_nothing(tmp_path, first_stages):
    recipe = write_recipe(tmp_path)
    go(tmp_path, recipe)
    outcomes = go(tmp_path, recipe, redo=frozenset({"collect"}))
    assert outcomes.pop("collect") == "built"
    assert set(outcomes.values()) == {"kept"}


def test_redo_names_one_stage_or_all_after_it():
    assert stage_table.stages_named(["cut"]) == {"cut"}
    assert stage_table.stages_named(["evaluate.."]) == {"evaluate", "release"}
    with pytest.raises(Problem, match="no stage 'cat'; there are collect"):
        stage_table.stages_named(["cat"])


def test_status_tells_what_stands_on_something_older(tmp_path, first_stages):
    recipe = write_recipe(tmp_path)
    run = Run(tmp_path / "run")
    go(tmp_path, recipe)
    (run.root / "recipe.toml").write_bytes(recipe.read_bytes())
    assert {row["state"] for row in stage.describe(run)["stages"]} == {"built"}
    (tmp_path / "text.txt").write_text(TEXT[: len(TEXT) // 2], "utf-8")
    go(tmp_path, recipe, redo=frozenset({"collect"}))
    states = {row["stage"]: row["state"] for row in stage.describe(run)["stages"]}
    assert (states["collect"], states["extract"]) == ("built", "outdated")


@pytest.mark.parametrize(
    ("summary", "says"),
    [
        ({"records": {"records": 1000, "kept": 990, "lost: damaged record": 10}}, ""),
        ({"records": {"records": 1000, "kept": 989, "lost: truncated": 11}}, "11 of 1000"),
        ({"records": {"records": 1000, "kept": 1, "lost: sifted out": 999}}, ""),
        ({"documents": 98, "lost": {"parser failed": 2}}, "2 of 100"),
        ({"documents": 98, "lost": {"took too long": 2}}, "2 of 100"),
        (
            {
                "records": {"records": 1000, "kept": 999, "lost: archive cut short": 1},
                "damaged": {"files": 3, "of": 90_000, "first": {"a.warc.gz": "byte 7: cut"}},
            },
            "",
        ),
        (
            {
                "records": {"records": 1000, "kept": 999, "lost: archive cut short": 1},
                "damaged": {"files": 3, "of": 299, "first": {"a.warc.gz": "byte 7: cut"}},
            },
            "3 of 299 files",
        ),
        ({"documents": {"unique": 5}}, ""),
        ({}, ""),
    ],
)
def test_losses_to_errors_are_told(summary, says):
    told = lost_to_errors("collect", summary)
    assert says in told
    assert bool(told) == bool(says)


def test_a_recipe_says_which_stage_is_the_last(tmp_path):
    recipe = write_recipe(tmp_path)
    recipe.write_text('until = "cut"\n' + recipe.read_text("utf-8"), "utf-8")
    assert [*go(tmp_path, recipe)] == ["collect", "extract", "mark", "dedup", "cut"]
    run = Run(tmp_path / "run")
    (run.root / "recipe.toml").write_bytes(recipe.read_bytes())
    assert {row["state"] for row in stage.describe(run)["stages"]} == {"built"}
    assert [*go(tmp_path, recipe, until="extract")] == ["collect", "extract"]
    with pytest.raises(Problem, match=r"nothing to do again: the run ends with cut \(`until`\), before tune"):
        [*go(tmp_path, recipe, redo=frozenset({"tune"}))]

    recipe.write_text(recipe.read_text("utf-8").replace('"cut"', '"cutt"'), "utf-8")
    with pytest.raises(Problem, match="until = 'cutt': no such stage; there are collect"):
        stage.accept(load_recipe(recipe), tmp_path)
