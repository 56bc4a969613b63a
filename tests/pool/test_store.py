"""Nodes without a common folder: each has its own, and only an S3 server (moto) between them."""

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import contents
from object_stores import keys
from processes import wait_until
from small_runs import write_recipe

from anatili.atomic_files import whole_file
from anatili.pipeline.run_recipe import run_recipe
from anatili.pool import DONE, OPEN, TAKEN
from anatili.pool.store import Node, Objects, StorePool, take_part_in_store
from anatili.problem import Problem

QUEUE = "s3://runs/queue"
WORK = "from anatili.pool.store import take_part_in_store; take_part_in_store({queue!r}, lease={lease})"
KILLED_IN_MID_SHARD = """
import os, signal
from anatili.pool import store
send = store.Objects.send
def stop(self, path):
    if path.parent.name == {stage!r} and path.name.startswith("part-"):
        os.kill(os.getpid(), signal.SIGKILL)
    return send(self, path)
store.Objects.send = stop
"""


def divide(number: int) -> float:
    return 1 / number


def copy_upper(job: tuple[Path, Path, Path]) -> str:
    """Writes two files; the second from one that the job names and one of the same shard in a folder that it names."""
    source, folder, target = job
    for path in (target.parent / "beside" / target.name, target):
        with whole_file(path) as temporary:
            temporary.write_text(source.read_text().upper() + (folder / source.name).read_text())
    return os.fspath(target.name)


@pytest.fixture
def run(tmp_path):
    """A run with four shards in each of two stages."""
    for stage in ("one", "two"):
        (tmp_path / "run" / stage).mkdir(parents=True)
        for number in range(4):
            (tmp_path / "run" / stage / f"part-{number}.txt").write_text(f"{stage} {number} ")
    return tmp_path / "run"


def jobs_of(run: Path) -> list[tuple[Path, Path, Path]]:
    return [(run / "one" / f"part-{n}.txt", run / "two", run / "three" / f"part-{n}.txt") for n in range(4)]


def made(run: Path) -> dict[str, str]:
    return {path.relative_to(run).as_posix(): path.read_text() for path in (run / "three").rglob("*.txt")}


def test_a_node_gets_what_its_job_reads_and_gives_what_it_made(bucket, run, monkeypatch):
    counts: list[int] = []
    helper = threading.Thread(target=lambda: counts.append(take_part_in_store(QUEUE)))
    pool = StorePool(QUEUE, run)
    monkeypatch.setattr(pool, "is_mine", lambda name: False)  # so that the other node does all
    helper.start()
    assert sorted(pool.map(copy_upper, jobs_of(run))) == [f"part-{n}.txt" for n in range(4)]
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        list(pool.map(divide, [0]))
    pool.close()
    helper.join()
    assert counts == [5]
    assert made(run) == {
        f"three/{beside}part-{n}.txt": f"ONE {n} two {n} " for n in range(4) for beside in ("", "beside/")
    }
    assert sorted(key.rpartition("/")[2] for key in keys(bucket)) == ["current", "finished"]


def test_a_claim_is_given_back_only_if_it_is_not_renewed(bucket, run):
    pool = StorePool(QUEUE, run, lease=0.3)
    for name in ("dead", "alive"):
        assert pool.objects.create(f"{TAKEN}/{name}", b"node")
        assert not pool.objects.create(f"{TAKEN}/{name}", b"another node")
    beats = iter(range(100))

    def given_back() -> bool:
        pool.objects.write(f"{TAKEN}/alive", str(next(beats)).encode())
        pool.give_back_abandoned()
        return pool.objects.names(TAKEN) == ["alive"]

    wait_until(given_back)
    pool.close()


def test_the_result_that_came_first_stands(bucket, run, tmp_path):
    """A node that was only slow, and whose job was given to another, changes nothing."""
    pool = StorePool(QUEUE, run)
    pool.objects.write(f"{OPEN}/0", pickle.dumps(pool.pack(copy_upper, jobs_of(run)[0])))
    assert Node(tmp_path / "first", 100).do_one(pool.objects)
    result = pool.objects.read(f"{DONE}/0")
    pool.objects.remove(f"{TAKEN}/0")
    assert not Node(tmp_path / "second", 100).do_one(pool.objects)
    assert not pool.objects.create(f"{DONE}/0", b"what a slow node made")
    assert pool.objects.read(f"{DONE}/0") == result
    pool.close()


def test_nothing_heard_and_no_store_are_told(bucket, tmp_path):
    with pytest.raises(Problem, match="nothing was heard of the run that shares s3://runs/none"):
        take_part_in_store("s3://runs/none", patience=0.1)
    with pytest.raises(Problem, match="nonsense://x"):
        Objects("nonsense://x")
    with pytest.raises(Problem, match=r"s3://no-such-bucket/q/.*The same command goes on"):
        StorePool("s3://no-such-bucket/q", tmp_path)


def test_who_helps_goes_on_with_the_run_that_is_started_again(bucket, run, monkeypatch):
    StorePool(QUEUE, run).heart.stop()  # as a first node that is killed
    counts: list[int] = []
    helper = threading.Thread(target=lambda: counts.append(take_part_in_store(QUEUE)))
    helper.start()
    pool = StorePool(QUEUE, run)
    monkeypatch.setattr(pool, "is_mine", lambda name: False)
    assert len(list(pool.map(copy_upper, jobs_of(run)))) == 4
    pool.close()
    helper.join()
    assert counts == [4]
    assert sorted(key.rpartition("/")[2] for key in keys(bucket)) == ["current", "finished"]


def test_a_node_killed_in_mid_shard_changes_no_byte(bucket, tmp_path, monkeypatch):
    """One node carries out the run, two help; one of these is killed when it has made a shard and put only a part."""
    stage = "cut"  # its jobs read shards of three stages, and write three files each
    monkeypatch.setattr(
        "anatili.pipeline.run_recipe.StorePool", lambda address, root: StorePool(address, root, lease=2.0)
    )
    recipe = write_recipe(tmp_path)
    command = [sys.executable, "-c", KILLED_IN_MID_SHARD.format(stage=stage) + WORK.format(queue=QUEUE, lease=2.0)]
    killed = subprocess.Popen(command, cwd=tmp_path)
    original, helpers = StorePool.is_mine, list[subprocess.Popen]()

    def is_mine(self, name):
        """In that stage the node that will be killed gets the first job; a third one comes when it is dead."""
        is_stage = (self.root / stage).exists() and not (self.root / stage / "record.json").exists()
        if is_stage and killed.poll() is None:
            return False
        if is_stage and not helpers:
            helpers.append(subprocess.Popen([sys.executable, "-c", WORK.format(queue=QUEUE, lease=2.0)], cwd=tmp_path))
        return original(self, name)

    monkeypatch.setattr(StorePool, "is_mine", is_mine)
    try:
        run_recipe(recipe, tmp_path / "shared", until="cut", queue=QUEUE, mirror="s3://runs/team")
        assert [helper.wait(60) for helper in helpers] == [0]
    finally:
        for process in (killed, *helpers):
            process.kill()
            process.wait()
    assert killed.returncode == -9
    run_recipe(recipe, tmp_path / "alone", until="cut")
    assert contents(tmp_path / "shared" / "t") == contents(tmp_path / "alone" / "t")
    for path in (tmp_path / "alone" / "t").rglob("*.parquet"):
        name = path.relative_to(tmp_path / "alone").as_posix()
        if not any(part.startswith(".") for part in name.split("/")):
            stored = bucket.get_object(Bucket="runs", Key=f"team/{name}")["Body"].read()
            assert stored == path.read_bytes(), name
