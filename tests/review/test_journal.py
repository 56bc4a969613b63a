"""The journal: what it has acknowledged is there, and a line that was cut short is not."""

import errno
import os

import pytest

from anatili.problem import Problem
from anatili.review.journal import HEAD, JOURNAL, Journal, read_journal

LINE = {"kind": "label", "task": "x", "name": "Ай"}


def test_lines_are_on_the_disk_when_add_returns(tmp_path, monkeypatch):
    journal = Journal(tmp_path)
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append((tmp_path / JOURNAL).read_bytes()))
    journal.add(LINE)
    assert len(synced) == 1
    assert synced[0].endswith(b"\n")
    assert "Ай".encode() in synced[0]
    journal.close()
    assert read_journal(tmp_path) == [LINE]


def test_it_goes_on_behind_the_last_whole_line(tmp_path):
    journal = Journal(tmp_path)
    journal.add(LINE)
    journal.close()
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"kind":"label","na')
    assert read_journal(tmp_path) == [LINE]
    journal = Journal(tmp_path)
    journal.add(LINE)
    journal.close()
    assert read_journal(tmp_path) == [LINE, LINE]


def test_a_full_disk_is_told_and_leaves_whole_lines(tmp_path, monkeypatch):
    journal = Journal(tmp_path)
    write = os.write

    def full(file, content):
        write(file, content[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Problem, match="this was not saved: No space left on device"):
        journal.add(LINE)
    monkeypatch.undo()
    assert journal.lines == [HEAD]
    journal.add(LINE)
    journal.close()
    assert read_journal(tmp_path) == [LINE]


def test_one_page_at_a_time(tmp_path):
    journal = Journal(tmp_path)
    with pytest.raises(Problem, match="in use by another page"):
        Journal(tmp_path)
    journal.close()
    Journal(tmp_path).close()


@pytest.mark.parametrize("line", [b"{]\n", b"5\n", b'{"task": "x"}\n'])
def test_a_damaged_line_is_named(tmp_path, line):
    journal = Journal(tmp_path)
    journal.add(LINE)
    journal.close()
    content = (tmp_path / JOURNAL).read_bytes()
    (tmp_path / JOURNAL).write_bytes(content + line + b'{"kind":"label"}\n')
    with pytest.raises(Problem, match=r"review.jsonl:3: this line is damaged"):
        Journal(tmp_path)
    assert (tmp_path / JOURNAL).read_bytes().startswith(content + line)


def test_another_file_of_that_name_is_no_journal(tmp_path):
    (tmp_path / JOURNAL).write_text('{"kind":"else"}\n')
    with pytest.raises(Problem, match="not the journal of a review"):
        Journal(tmp_path)
    with pytest.raises(Problem, match="nothing is reviewed"):
        read_journal(tmp_path / "none")
