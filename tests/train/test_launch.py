"""Training in two processes comes to what one comes to, goes on after a kill, and says why it failed."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import run_anatili

from anatili.train.launch import last_words

pytest.importorskip("torch")

LAUNCH = f"{sys.executable} -m torch.distributed.run --nproc_per_node 2"
FORKING = f"{sys.executable} {Path(__file__).parents[1] / 'launcher.py'}"
"""Another launcher: torch is loaded once instead of three times."""
RECIPE = """
name = "two"
language = "kk"
[[collect.sources]]
name = "sample"
path = "sample:"
[collect]
shard_records = 100
[tokenizer]
vocabulary = 600
[pretrain]
layers = 2
hidden_size = 32
heads = 2
intermediate_size = 64
context = 64
tokens = 6_000
batch = 4
precision = "float32"
[tune]
kinds = ["refusal"]
epochs = 1
batch = 3
[evaluate]
max_bytes = 1000
tasks = ["bits-per-byte", "second-halves"]
memory_texts = 1
"""


def carry(folder: Path, until: str, *options: str) -> subprocess.CompletedProcess:
    (folder / "two.toml").write_text(RECIPE, "utf-8")
    return run_anatili("run", "two.toml", "--until", until, *options, cwd=folder)


def log(folder: Path, stage: str) -> list[float]:
    lines = (folder / "runs" / "two" / stage / "log.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["loss"] for line in lines]


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    done = carry(folder, "tune")
    assert done.returncode == 0, done.stderr
    return folder


def test_two_processes_have_the_losses_of_one(one, tmp_path):
    shutil.copytree(one / "runs", tmp_path / "runs")
    for stage, launch in (("pretrain", LAUNCH), ("tune", FORKING)):  # of tune's batches one does not divide evenly
        done = carry(tmp_path, stage, "--redo", stage, "--launch", launch)
        assert done.returncode == 0, done.stderr
        record = json.loads((tmp_path / "runs" / "two" / stage / "record.json").read_text("utf-8"))
        assert stage != "pretrain" or record["summary"]["devices"] == 2
        assert log(tmp_path, stage) == pytest.approx(log(one, stage), abs=0.002), stage
    assert len(log(one, "pretrain")) == 23


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_no_worker_outlives_a_killed_run(one, tmp_path):
    shutil.copytree(one / "runs", tmp_path / "runs")
    (tmp_path / "two.toml").write_text(RECIPE, "utf-8")
    command = [sys.executable, "-m", "anatili", "run", "two.toml", "--redo", "pretrain..", "--launch", LAUNCH]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        assert until(lambda: len(workers(tmp_path)) >= 3, 300), "the launcher and two workers"
        run.send_signal(signal.SIGKILL)
    assert until(lambda: not workers(tmp_path), 60), workers(tmp_path)


def workers(folder: Path) -> list[str]:
    """Command lines of processes that train in `folder`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            if "anatili.train.launch" in line and (process / "cwd").readlink() == folder:
                found.append(line)
        except OSError:  # it has just ended
            continue
    return found


def until(true: Callable[[], bool], seconds: float) -> bool:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if true():
            return True
        time.sleep(0.2)
    return False


def test_what_a_process_says_before_it_ends_is_told(one, tmp_path):
    wrong = RECIPE.replace("[tune]", "mix = { zz = 1.0 }\n[tune]")
    shutil.copytree(one / "runs", tmp_path / "runs")
    for launch, words in ((LAUNCH, "mix names zz"), ("no-such-launcher", "there is no command 'no-such-launcher'")):
        (tmp_path / "two.toml").write_text(wrong, "utf-8")
        done = run_anatili("run", "two.toml", "--redo", "pretrain", "--launch", launch, cwd=tmp_path)
        assert done.returncode == 1
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_last_words_leave_out_the_launchers_report():
    said = "Error in the worker\nW1123 8097 torch/distributed/elastic/api.py:1028] closing\nTraceback: run.py\n"
    assert last_words(said) == "Error in the worker"
    assert last_words("only this\n") == "only this"
