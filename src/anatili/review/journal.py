"""The journal of a review: what people said, one line of JSON each, written to the disk before they hear that it is.

Lines are only ever added. A line that was cut short, by a full disk or a lost machine, was never acknowledged and is
taken away.
"""

import json
import os
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from anatili.problem import Problem
from anatili.text import show_path

JOURNAL = "review.jsonl"
VERSION = 1
Line = dict[str, Any]
HEAD: Line = {"kind": "review", "version": VERSION}


class Journal:
    """A journal that is open for writing, by this process alone."""

    def __init__(self, folder: Path) -> None:
        """Open the journal of `folder`, made if there is none; `Problem` if another page has it open."""
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / JOURNAL
        self.lock = FileLock(folder / f"{JOURNAL}.lock", timeout=0)
        try:
            self.lock.acquire()
        except Timeout as error:
            raise Problem(
                f"{show_path(self.path)} is in use by another page: close that one, or name another folder with --out"
            ) from error
        self.lines, whole = read_whole(self.path)
        self.file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        os.ftruncate(self.file, whole)
        if not self.lines:
            self.add(HEAD)
            sync_folder(folder)

    def add(self, line: Line) -> None:
        """Write a line to the disk; when this returns it is there. `Problem` if the disk refuses it."""
        content = (json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
        before = os.fstat(self.file).st_size
        try:
            written = 0
            while written < len(content):
                written += os.write(self.file, content[written:])
            os.fsync(self.file)
        except OSError as error:
            os.ftruncate(self.file, before)
            raise Problem(
                f"{show_path(self.path)} cannot be written, so this was not saved: {error.strerror}"
            ) from error
        self.lines.append(line)

    def close(self) -> None:
        os.close(self.file)
        self.lock.release()


def sync_folder(folder: Path) -> None:
    """Make the name of a new file in a folder survive a lost machine."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_journal(folder: Path) -> list[Line]:
    """The lines of a journal behind its head; `Problem` if there is none."""
    path = folder / JOURNAL
    if not path.is_file():
        raise Problem(f"nothing is reviewed in {show_path(folder)} yet: there is no {JOURNAL}")
    return read_whole(path)[0][1:]


def read_whole(path: Path) -> tuple[list[Line], int]:
    """The whole lines of a journal, its head first, and how many bytes they take; `Problem` names a damaged line."""
    content = path.read_bytes() if path.is_file() else b""
    whole = content.rfind(b"\n") + 1
    lines = []
    for number, row in enumerate(content[:whole].splitlines(), 1):
        try:
            line = json.loads(row)
        except ValueError as error:
            raise damaged(path, number) from error
        if not isinstance(line, dict) or "kind" not in line:
            raise damaged(path, number)
        lines.append(line)
    if lines and lines[0] != HEAD:
        raise Problem(f"{show_path(path)} is not the journal of a review: name another folder with --out")
    return lines, whole


def damaged(path: Path, number: int) -> Problem:
    return Problem(
        f"{show_path(path)}:{number}: this line is damaged. Take it out of the file, or put back a copy of the file; "
        "the other lines are kept"
    )
