"""An array job of Slurm, with a stand-in for `sbatch` that starts the tasks as processes of this machine."""

import os
import signal
import stat
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import contents
from filelock import FileLock, Timeout
from processes import is_alive, wait_until
from small_runs import TEXT

from anatili.cli import main
from anatili.pipeline.run_recipe import run_recipe
from anatili.problem import Problem
from anatili.slurm import submit

SBATCH = """#!{python}
import os, re, subprocess, sys
from pathlib import Path
script = Path(sys.argv[-1])
options = dict(re.findall(r"^#SBATCH --([\\w-]+)=?(.*)$", script.read_text(), re.MULTILINE))
assert sys.argv[1] == "--parsable" and "requeue" in options and options["partition"] == "cpu", options
first, last = map(int, options["array"].split("-"))
with Path({pids!r}).open("a") as pids:
    for task in range(first, last + 1):
        log = open(options["output"].replace("%A", "7").replace("%a", str(task)), "a")
        environment = {{**os.environ, "SLURM_ARRAY_TASK_ID": str(task)}}
        child = subprocess.Popen(["bash", script], stdout=log, stderr=log, env=environment, start_new_session=True)
        print(child.pid, file=pids)
print("7;cluster")
"""


def is_free(lock: Path) -> bool:
    """Whether no process holds a lock. A killed one keeps it until its last thread has ended."""
    try:
        with FileLock(lock, timeout=0):
            return True
    except Timeout:
        return False


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT, "utf-8")
    file = tmp_path / "recipe.toml"
    file.write_text(
        'name = "s"\nlanguage = "kk"\nuntil = "cut"\n[collect]\nshard_records = 1\n[cut]\nmin_words = 5\n'
        'min_confidence = 0.5\n[[collect.sources]]\nname = "t"\nkind = "text"\npath = "text.txt"\n',
        "utf-8",
    )
    return file


@pytest.fixture
def pids(tmp_path, monkeypatch):
    """The file into which the stand-in writes the processes that it starts; all are ended after the test."""
    (tmp_path / "bin").mkdir()
    pids, sbatch = tmp_path / "pids", tmp_path / "bin" / "sbatch"
    sbatch.write_text(SBATCH.format(python=sys.executable, pids=str(pids)), "utf-8")
    sbatch.chmod(sbatch.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{sbatch.parent}:{os.environ['PATH']}")
    yield pids
    for pid in map(int, pids.read_text().split()):
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_killed_job_resumes_and_makes_the_same_corpus(recipe, pids, tmp_path):
    runs = tmp_path / "slurm runs"
    command = ["run", str(recipe), "--runs", str(runs), "--slurm", "--workers", "2", "--sbatch", "--partition=cpu"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("submitted job 7: 2 tasks")
    wait_until(lambda: len(list((runs / "s" / "extract").glob("part-*.parquet"))) > 2)
    first, helper = map(int, pids.read_text().split())
    os.killpg(first, signal.SIGKILL)  # all of the task, as a node that fails
    wait_until(lambda: not is_alive(first) and is_free(runs / "s" / ".lock"))

    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    wait_until(lambda: (runs / "s" / "cut" / "record.json").exists())
    wait_until(lambda: not any(map(is_alive, map(int, pids.read_text().split()))))
    assert is_alive(helper) is False
    assert contents(runs / "s") == contents(run_recipe(recipe, tmp_path / "local").root)
    assert "jobs done" in (runs / "s" / "slurm" / "7-1.log").read_text("utf-8")


def test_a_wrong_call_is_told_before_anything_is_submitted(recipe, tmp_path, monkeypatch):
    with pytest.raises(Problem, match="no stage 'cutt'"):
        submit(recipe, tmp_path / "runs", 2, redo=["cutt"])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Problem, match=r"sbatch is not on this machine.*job.sh"):
        submit(recipe, tmp_path / "runs", 2, redo=["cut.."])
    script = Path(tmp_path / "runs" / "s" / "slurm" / "job.sh").read_text("utf-8")
    assert "REDO=(--redo cut..)" in script
    assert "#SBATCH --array=0-1" in script
