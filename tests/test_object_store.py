"""A run's stages in an object store: a real S3 server (moto), killed uploads, two machines, changed settings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import contents
from object_stores import keys
from small_runs import write_recipe

from anatili import object_store
from anatili.object_store import Mirror
from anatili.pipeline.run_recipe import run_recipe
from anatili.problem import Problem

KILLED_BEFORE_THE_END = """
import os, signal, sys
from pathlib import Path
import s3fs.core
from anatili.object_store import Mirror
s3fs.core.calculate_chunksize = lambda *_, **__: 5 << 20
call = s3fs.core.S3FileSystem._call_s3
async def stop(self, method, *arguments, **options):
    if method == "complete_multipart_upload":
        os.kill(os.getpid(), signal.SIGKILL)
    return await call(self, method, *arguments, **options)
s3fs.core.S3FileSystem._call_s3 = stop
Mirror("s3://runs", "t").save(Path(sys.argv[1]), is_finished=True)
"""


def outcomes(recipe: Path, runs: Path, **options) -> dict[str, str]:
    found: dict[str, str] = {}
    run_recipe(
        recipe, runs, until="cut", mirror="s3://runs/team", tell=lambda o: found.update({o.stage: o.what}), **options
    )
    return found


def test_another_machine_goes_on_from_what_is_in_the_store(bucket, tmp_path, monkeypatch):
    recipe = write_recipe(tmp_path)
    assert set(outcomes(recipe, tmp_path / "one").values()) == {"built"}
    digests = contents(tmp_path / "one" / "t")
    assert "team/t/cut/record.json" in keys(bucket)
    assert not [key for key in keys(bucket) if ".tmp" in key or ".lock" in key]

    bucket.delete_object(Bucket="runs", Key="team/t/cut/record.json")  # as if the first machine had died in `cut`
    shard = next(key for key in keys(bucket) if key.startswith("team/t/cut/part-"))
    bucket.delete_object(Bucket="runs", Key=shard)
    assert outcomes(recipe, tmp_path / "two") == dict.fromkeys(("collect", "extract", "mark", "dedup"), "kept") | {
        "cut": "built"
    }
    assert contents(tmp_path / "two" / "t") == digests

    changed = write_recipe(tmp_path, min_words=40)
    outcomes(changed, tmp_path / "two", redo=["cut"])
    assert set(outcomes(changed, tmp_path / "three").values()) == {"kept"}
    assert contents(tmp_path / "three" / "t") == contents(tmp_path / "two" / "t") != digests


def test_shards_are_there_before_their_stage_is_finished(bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(object_store, "EVERY", 0.0)
    seen: list[set[str]] = []
    save = Mirror.save

    def watch(self, folder, *, is_finished):
        count = save(self, folder, is_finished=is_finished)
        if folder.name == "extract" and not is_finished:
            seen.append({key.rpartition("/")[2] for key in keys(bucket) if key.startswith("team/t/extract/part-")})
        return count

    monkeypatch.setattr(Mirror, "save", watch)
    outcomes(write_recipe(tmp_path), tmp_path / "runs")
    assert 0 < len(seen[0]) < len(seen[-1])


def test_a_killed_upload_leaves_no_object_and_the_next_one_completes(bucket, tmp_path):
    folder = tmp_path / "t" / "cut"
    folder.mkdir(parents=True)
    (folder / ".identity").write_text("one")
    (folder / "part-00000.parquet").write_bytes(os.urandom(11 << 20))
    (folder / "record.json").write_text("{}")
    command = [sys.executable, "-c", KILLED_BEFORE_THE_END, str(folder)]
    assert subprocess.run(command, check=False).returncode == -9
    assert bucket.list_multipart_uploads(Bucket="runs")["Uploads"]
    assert keys(bucket) == ["t/cut/.identity"]

    mirror = Mirror("s3://runs", "t")
    assert mirror.save(folder, is_finished=True) == 2
    assert mirror.save(folder, is_finished=True) == 0
    other = tmp_path / "other" / "cut"
    assert mirror.restore(other, "two") == 0
    assert mirror.restore(other, "one") == 3
    assert {path.name: path.read_bytes() for path in other.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }


def test_what_another_machine_has_put_is_left_alone(bucket, tmp_path):
    file = tmp_path / "part-00000.parquet"
    file.write_bytes(b"first")
    mirror = Mirror("s3://runs", "t")
    assert mirror.put(file, f"{mirror.root}/cut/{file.name}", mode="create")
    file.write_bytes(b"other")
    assert not mirror.put(file, f"{mirror.root}/cut/{file.name}", mode="create")
    assert bucket.get_object(Bucket="runs", Key="t/cut/part-00000.parquet")["Body"].read() == b"first"


def test_a_store_that_cannot_be_used_is_named(s3, tmp_path):
    with pytest.raises(Problem, match=r"s3://no-such-bucket/t: .*the same command goes on"):
        run_recipe(write_recipe(tmp_path), tmp_path / "runs", until="collect", mirror="s3://no-such-bucket")
    with pytest.raises(Problem, match=r"nonsense://x"):
        Mirror("nonsense://x", "t")
