"""Many clients of one server at once, and processes that start at once: each gets what it would get alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_many_clients_at_once_get_what_one_gets_alone(six_directions):
    pytest.importorskip("xllamacpp")
    asked = ["--clients", "16", "--searches", "12"]  # by hand the bench asks for more
    command = [sys.executable, str(ROOT / "bench" / "threads.py"), str(six_directions), *asked]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.count("wrong 0/") == 2, answer.stdout


def test_processes_that_start_at_once_build_the_shared_index_once(tmp_path):
    program = (
        "from anatili.opening.search import open_search\n"
        "index = open_search('sample', tell=print)\n"
        "print('found', *(hit.passage.id for hit in index.find('ұлттық тағамдар')))"
    )
    for round_ in range(2):  # first without the index, then with it
        started = [
            subprocess.Popen(
                [sys.executable, "-c", program],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "ANATILI_CACHE": str(tmp_path)},
            )
            for _ in range(3)
        ]
        outputs = [process.communicate(timeout=1800) for process in started]
        assert [process.returncode for process in started] == [0, 0, 0], outputs
        assert sum("making the search index" in out for out, _ in outputs) == (round_ == 0)
        assert len({out.splitlines()[-1] for out, _ in outputs}) == 1
