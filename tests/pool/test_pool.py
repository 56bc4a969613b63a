import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from processes import is_alive, wait_until

from anatili.pool import DONE, OPEN, TAKEN, FolderPool, LocalPool, take_part
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


def slowly(number: int) -> tuple[int, str]:
    time.sleep(0.01)
    return number, threading.current_thread().name


def test_processes_that_share_a_folder_do_every_job_once(tmp_path):
    counts: list[int] = []
    helper = threading.Thread(target=lambda: counts.append(take_part(tmp_path / "queue")), name="helper")
    helper.start()  # it waits for the pool
    pool = FolderPool(tmp_path / "queue")
    results = list(pool.map(slowly, range(40)))
    assert sorted(number for number, _ in results) == list(range(40))
    assert list(pool.map(double, [])) == []
    assert list(pool.map(double, [4])) == [8]
    pool.close()
    helper.join()
    assert counts[0] >= sum(name == "helper" for _, name in results) > 0
    assert not any(path.is_file() for name in (OPEN, TAKEN, DONE) for path in (pool.folder / name).iterdir())


def test_a_job_whose_process_died_is_done_by_another(tmp_path):
    pool = FolderPool(tmp_path / "queue", lease=0.5)
    results = pool.map(double, range(3))
    first = next(results)
    left = max((pool.folder / OPEN).iterdir())
    left.rename(pool.folder / TAKEN / left.name)  # as a process does that is killed at once
    assert sorted([first, *results]) == [0, 2, 4]


def test_what_fails_in_a_shared_folder_comes_through(tmp_path):
    with pytest.raises(Problem, match="three"):
        list(FolderPool(tmp_path / "queue").map(fail, range(6)))
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        list(FolderPool(tmp_path / "queue").map(divide, [0]))


def divide(number: int) -> float:
    return 1 / number


def test_a_process_that_helps_ends_when_nothing_is_heard_of_the_run(tmp_path):
    with pytest.raises(Problem, match="nothing was heard of the run"):
        take_part(tmp_path / "queue", patience=0.3)
    FolderPool(tmp_path / "queue", lease=100).heart.stop()
    with pytest.raises(Problem, match="nothing was heard of the run"):
        take_part(tmp_path / "queue", patience=0.3)
