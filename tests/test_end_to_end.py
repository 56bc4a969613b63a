"""The promise: the same bytes whatever happens. Killed anywhere, on one process, on two, on Ray."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from conftest import contents

from anatili.stage import STAGES

FLOORS = tomllib.loads((Path(__file__).parent / "floors.toml").read_text("utf-8"))["tiny"]


def start(recipe: Path, runs: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "anatili", "run", str(recipe), "--runs", str(runs)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, anatili):
    """A small run without interruption: its recipe, its digests, its seconds."""
    from conftest import MICRO

    folder = tmp_path_factory.mktemp("unbroken")
    recipe = folder / "micro.toml"
    recipe.write_text(MICRO.format(name="micro", min_words=30, tokens=20_000), "utf-8")
    began = time.monotonic()
    answer = anatili("run", recipe, "--runs", folder, "--json")
    assert answer.returncode == 0, answer.stderr
    assert [json.loads(line)["outcome"] for line in answer.stdout.splitlines()] == ["built"] * len(STAGES)
    return recipe, contents(folder / "micro"), time.monotonic() - began


def test_killed_at_five_random_moments_it_ends_with_the_same_digests(tmp_path, unbroken):
    recipe, wanted, seconds = unbroken
    chooser = random.Random(os.environ.get("ANATILI_SEED", "5"))
    for _ in range(5):
        process = start(recipe, tmp_path)
        time.sleep(chooser.uniform(0.1, 0.6) * seconds)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert start(recipe, tmp_path).wait(600) == 0
    assert contents(tmp_path / "micro") == wanted


def test_two_processes_make_the_same_digests(tmp_path, anatili, unbroken):
    recipe, wanted, _ = unbroken
    answer = anatili("run", recipe, "--runs", tmp_path, "--workers", 2)
    assert answer.returncode == 0, answer.stderr
    assert contents(tmp_path / "micro") == wanted


def test_a_ray_cluster_makes_the_same_digests(tmp_path, anatili, unbroken):
    pytest.importorskip("ray", reason="Ray is not installed")
    recipe, wanted, _ = unbroken
    answer = anatili("run", recipe, "--runs", tmp_path, "--ray", "local")
    assert answer.returncode == 0, answer.stderr
    assert contents(tmp_path / "micro") == wanted


def test_a_changed_threshold_is_named_and_recut_alone(anatili, micro, tmp_path):
    runs = tmp_path / "Әлия" / "модельдер"
    assert anatili("run", micro(), "--runs", runs).returncode == 0
    before = contents(runs / "micro")
    changed = micro(min_words=100)
    refused = anatili("run", changed, "--runs", runs)
    assert refused.returncode == 1
    assert "cut is out of date: settings.min_words changed from 30 to 100" in refused.stderr
    again = anatili("run", changed, "--runs", runs, "--redo", "cut")
    assert again.returncode == 0, again.stderr
    assert "Not rebuilt, now out of date: index, pairs, tokenizer" in again.stderr
    after = contents(runs / "micro")
    assert after.pop("cut") != before.pop("cut")
    assert after == before


def test_the_tiny_recipe_keeps_its_floor(tiny_run):
    scores = json.loads((tiny_run / "evaluate" / "scores.json").read_text())["scores"]
    (row,) = [
        row for row in scores if (row["who"], row["language"], row["texts"]) == ("pretrain", "kk", "held-out Cyrl")
    ]
    print(f"kk {row['bits_per_byte']} bits per byte {row['interval']}, n = {row['count']}")
    assert row["bits_per_byte"] <= FLOORS["kk_bits_per_byte"]
    assert {row["who"] for row in scores} == {"pretrain", "tune", "xz", "byte 6-grams"}
    assert (tiny_run / "evaluate" / "scores.png").stat().st_size > 10_000
    assert (tiny_run / "pretrain" / "loss.png").stat().st_size > 10_000
