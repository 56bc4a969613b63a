import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from anatili.pool import LocalPool
from anatili.problem import Problem


def double(number: int) -> int:
    return 2 * number


def fail(number: int) -> int:
    if number == 3:
        raise Problem("three")
    return number


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_is_done_once(workers):
    assert sorted(LocalPool(workers).map(double, range(50))) == [2 * n for n in range(50)]
    assert list(LocalPool(workers).map(double, [])) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_problem_of_a_worker_comes_through(workers):
    with pytest.raises(Problem, match="three"):
        list(LocalPool(workers).map(fail, range(6)))


def test_a_killed_worker_is_told_as_such():
    with pytest.raises(Problem, match="a worker process was killed"):
        list(LocalPool(2).map(die, range(4)))


def test_workers_die_with_a_killed_parent(tmp_path):
    (tmp_path / "work.py").write_text(
        "import os, sys, time\nfrom pathlib import Path\nfrom anatili.pool import LocalPool\n"
        "def wait(n):\n    Path(sys.argv[1], str(os.getpid())).touch()\n    time.sleep(60)\n"
        "if __name__ == '__main__':\n    list(LocalPool(2).map(wait, range(4)))\n"
    )
    seen = tmp_path / "seen"
    seen.mkdir()
    parent = subprocess.Popen([sys.executable, str(tmp_path / "work.py"), str(seen)])
    wait_until(lambda: len(list(seen.iterdir())) == 2)
    workers = [int(path.name) for path in seen.iterdir()]
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(is_alive(pid) for pid in workers))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(true, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
