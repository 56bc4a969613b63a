"""Building a release again: what is equal is called equal, and what is not is named."""

import json
import shutil

import pytest
from click.testing import CliRunner

from anatili.cli import main
from anatili.problem import Problem
from anatili.release.reproduce import as_toml, other_versions, reproduce
from anatili.text_files import read_toml


@pytest.fixture
def release(tiny_run, tmp_path):
    """The part of a release from which it is built again."""
    for name in ("manifest.json", "provenance.json"):
        shutil.copyfile(tiny_run / "release" / name, tmp_path / name)
    return tmp_path


def change(release, do) -> None:
    manifest = json.loads((release / "manifest.json").read_text("utf-8"))
    do(manifest)
    (release / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def test_documents_are_built_again_to_the_byte(release):
    rows = list(reproduce(release, release, release / "runs", until="extract"))
    assert [row.stage for row in rows] == ["collect", "extract"]
    assert all(row.is_equal and row.equal and not row.reasons for row in rows)
    assert other_versions(release) == ()


def test_what_differs_is_named(release):
    def do(manifest):
        stages = manifest["stages"]
        stages["collect"]["outputs"] |= {"gone.parquet": "0" * 64}
        stages["collect"]["identity"]["settings"]["shard_records"] = 61

    change(release, do)
    arguments = ["reproduce", str(release), "--until", "collect", "--runs", str(release / "runs")]
    answer = CliRunner().invoke(main, arguments)
    assert answer.exit_code == 1
    assert "collect    differs: gone.parquet" in answer.output
    assert "settings.shard_records changed from 61 to 60" in answer.output


def test_a_recipe_that_is_read_in_another_way_is_refused(release):
    change(release, lambda manifest: manifest["recipe"]["cut"].update(min_words=31))
    with pytest.raises(Problem, match=r"another way \(cut.min_words changed from 31 to 30\); use anatili"):
        list(reproduce(release, release, release / "runs"))
    with pytest.raises(Problem, match="no stage 'x'"):
        list(reproduce(release, release, release / "runs", until="x"))
    with pytest.raises(Problem, match=r"no manifest.json"):
        list(reproduce(release / "runs", release, release / "runs"))


def test_a_recipe_is_written_as_toml(tmp_path):
    recipe = {
        "name": "x",
        "beside": ["ru", "қаз"],
        "collect": {"sources": [{"name": "s", "path": 'a"\\b'}], "n": 1.5},
        "tune": {"weights": {"a b": True}},
    }
    (tmp_path / "x.toml").write_text(as_toml(recipe), "utf-8")
    assert read_toml(tmp_path / "x.toml") == recipe
