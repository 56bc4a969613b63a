"""The promise: the same bytes whatever happens. Killed anywhere, on one process or two, on Ray when a node dies."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import forking
import pytest
from conftest import contents

from anatili.stage_table import STAGES

MICRO = """\
name = "micro"
language = "kk"
beside = ["ru", "en", "tr"]
[[collect.sources]]
name = "sample"
path = "sample:"
license = "CC0-1.0"
[collect]
shard_records = 20
[cut]
min_words = 30
held_out = 0.1
[tokenizer]
vocabulary = 1024
[pretrain]
layers = 2
hidden_size = 64
heads = 2
intermediate_size = 128
context = 128
batch = 8
tokens = 20_000
precision = "float32"
[tune]
kinds = ["refusal"]
epochs = 1
[evaluate]
max_bytes = 3000
tasks = ["bits-per-byte", "second-halves"]
memory_texts = 2
resamples = 100
"""


DRIVER = """
    import json, os, sys, threading, time
    from pathlib import Path
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    from ray.cluster_utils import Cluster
    from anatili.stage import carry_out
    from anatili.pool import RayPool
    from anatili.recipe import load_recipe
    from anatili.run import Run

    recipe, folder = Path(sys.argv[1]), Path(sys.argv[2])
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    pool = RayPool(cluster.address)
    run = Run(folder)
    seen = {"nodes": sum(node["Alive"] for node in pool.ray.nodes()), "killed after": 0}

    def kill():
        extracted = folder / "extract"
        while len(list(extracted.glob("part-*.parquet"))) < 3:
            time.sleep(0.02)
        seen["killed after"] = len(list(extracted.glob("part-*.parquet")))
        cluster.remove_node(second, allow_graceful=False)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    list(carry_out(load_recipe(recipe), run, pool))
    thread.join(60)
    seen["shards"] = len(list((folder / "extract").glob("part-*.parquet")))
    end = time.monotonic() + 60
    while sum(node["Alive"] for node in pool.ray.nodes()) > 1 and time.monotonic() < end:
        time.sleep(0.2)
    seen["alive"] = sum(node["Alive"] for node in pool.ray.nodes())
    print(json.dumps(seen), flush=True)
    pool.ray.shutdown()
    cluster.shutdown()
"""


def arguments(recipe: Path, runs: Path) -> list[str]:
    return ["run", str(recipe), "--runs", str(runs), "--workers", "2"]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, anatili):
    """A small run without interruption: its recipe, its digests, its seconds."""
    folder = tmp_path_factory.mktemp("unbroken")
    recipe = folder / "micro.toml"
    recipe.write_text(MICRO, "utf-8")
    began = time.monotonic()
    answer = anatili("run", recipe, "--runs", folder, "--json")
    assert answer.returncode == 0, answer.stderr
    assert [json.loads(line)["outcome"] for line in answer.stdout.splitlines()] == ["built"] * len(STAGES)
    return recipe, contents(folder / "micro"), time.monotonic() - began


def test_two_processes_killed_at_five_random_moments_make_the_same_digests(tmp_path, unbroken):
    recipe, wanted, seconds = unbroken
    chooser = random.Random(os.environ.get("ANATILI_SEED", "5"))
    runs = tmp_path / "Әлия" / "модельдер"
    for _ in range(5):
        process = forking.start_group(arguments(recipe, runs), tmp_path / "errors")
        time.sleep(chooser.uniform(0.1, 0.6) * seconds)
        if process.is_alive():
            os.killpg(process.pid, signal.SIGKILL)
        process.join()
    command = [sys.executable, "-m", "anatili", *arguments(recipe, runs)]  # it hashes in another way than the others
    last = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert last.returncode == 0, last.stderr
    assert contents(runs / "micro") == wanted


def test_a_ray_node_killed_in_the_middle_changes_no_byte(tmp_path, unbroken):
    pytest.importorskip("ray", reason="Ray is not installed")
    recipe, wanted, _ = unbroken
    driver = tmp_path / "driver.py"
    driver.write_text(textwrap.dedent(DRIVER), "utf-8")
    answer = subprocess.run(
        [sys.executable, str(driver), str(recipe), str(tmp_path / "micro")],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    seen = json.loads(next(line for line in answer.stdout.splitlines() if line.startswith("{")))
    assert (seen["nodes"], seen["alive"]) == (2, 1)
    assert 3 <= seen["killed after"] < seen["shards"], "the node was not killed in the middle of the stage"
    assert contents(tmp_path / "micro") == wanted


def test_a_changed_threshold_is_named_and_recut_alone(anatili, tmp_path, unbroken):
    recipe, before, _ = unbroken
    runs = tmp_path / "Әлия" / "модельдер"
    shutil.copytree(recipe.parent / "micro", runs / "micro")
    changed = tmp_path / "micro.toml"
    changed.write_text(recipe.read_text("utf-8").replace("min_words = 30", "min_words = 100"), "utf-8")
    refused = anatili("run", changed, "--runs", runs)
    assert refused.returncode == 1
    assert "cut is out of date: settings.min_words changed from 30 to 100" in refused.stderr
    again = anatili("run", changed, "--runs", runs, "--redo", "cut")
    assert again.returncode == 0, again.stderr
    assert "Not rebuilt, now out of date: index, pairs, tokenizer" in again.stderr
    after = contents(runs / "micro")
    assert after.pop("cut") != before["cut"]
    assert after == {stage: digest for stage, digest in before.items() if stage != "cut"}
