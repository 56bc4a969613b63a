import errno
import os
import subprocess
import sys
from collections import Counter

import pytest

from anatili.atomic_files import whole_file, write_json
from anatili.document import Document, Kept, add_up, read_shard, write_shard
from anatili.problem import Problem


def document(number: int) -> Document:
    return Document(str(number), "Мәтін " * number, "", "https://a.example", "s", "", "CC0-1.0", "", "utf-8")


def test_rows_come_back_in_order(tmp_path):
    rows = [document(number) for number in range(1200)]  # more than one batch
    write_shard(tmp_path / "a.parquet", Document, iter(rows))
    assert list(read_shard(tmp_path / "a.parquet", Document)) == rows
    assert add_up([tmp_path / "a.parquet"]) == {"rows": 1200}


def test_an_empty_shard_has_its_columns(tmp_path):
    write_shard(tmp_path / "a.parquet", Kept, [])
    assert list(read_shard(tmp_path / "a.parquet", Kept)) == []


def test_counts_filled_while_rows_are_drawn_travel_inside(tmp_path):
    counts = Counter()

    def rows():
        for number in range(3):
            counts["seen"] += 1
            yield document(number)

    write_shard(tmp_path / "a.parquet", Document, rows(), counts)
    write_shard(tmp_path / "b.parquet", Document, [], Counter(seen=2, lost=1))
    assert add_up([tmp_path / "a.parquet", tmp_path / "b.parquet"]) == {"seen": 5, "lost": 1}


def test_equal_rows_make_equal_bytes(tmp_path):
    for name in "ab":
        write_shard(tmp_path / name, Document, [document(3)])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    synced = []

    def sync(file: int) -> None:
        synced.append((os.pread(file, 100, 0), (tmp_path / "a").exists()))

    monkeypatch.setattr(os, "fsync", sync)
    with whole_file(tmp_path / "a") as temporary:
        temporary.write_text("whole")
    assert synced == [(b"whole", False)]
    assert (tmp_path / "a").read_text() == "whole"


def test_a_device_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Problem, match="pipe is not an ordinary file"), whole_file(tmp_path / "pipe") as temporary:
        temporary.write_text("x")
    assert (tmp_path / "pipe").is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_an_error_leaves_what_was_and_no_trace(tmp_path):
    target = tmp_path / "a.json"
    write_json(target, {"old": 1})

    def fail_halfway() -> None:
        with whole_file(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert target.read_text() == '{\n  "old": 1\n}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_full_disk_is_told_with_place_and_advice(tmp_path):
    """A real limit on file size stands in for a full disk: the same error path, with EFBIG for ENOSPC."""
    program = f"""
import resource, signal
from pathlib import Path
from anatili.document import Document, write_shard
from anatili.problem import Problem
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
rows = (Document(str(i), str(i * 7919 ** 20), "", "", "", "", "", "", "") for i in range(50_000))
try:
    write_shard(Path({str(tmp_path)!r}) / "a.parquet", Document, rows)
except Problem as problem:
    print(problem)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "no space left" in answer.stdout, answer.stderr
    assert "a.parquet" in answer.stdout
    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_the_disk_are_not_hidden(tmp_path):
    with pytest.raises(OSError, match="made up"), whole_file(tmp_path / "a"):
        raise OSError(errno.EIO, "made up")
    with pytest.raises(Problem), whole_file(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "full")
