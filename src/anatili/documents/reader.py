"""Read files in processes of their own, with limits on time and memory: a hostile or broken file costs only itself."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anatili.files import UnreadableError
from anatili.search.live_index import Row, new_version
from anatili.search.manifest import Entry
from anatili.text import short_hash, show_path

MEMORY = 1 << 30
"""Bytes that reading may take, in addition to what the process has when it starts."""
SECONDS, SECONDS_PER_MEGABYTE = 60.0, 5.0
"""Time for a file: a PDF of a thousand pages takes about five seconds."""
MOST_KEPT = 600_000_000
"""Bytes of memory at which a process is replaced after a file, because a library may not have given them back."""
IDLE_SECONDS = 300.0
WAITING = 64
"""Lines that may wait to be taken: a process that is faster than its reader pauses."""


@dataclass(frozen=True)
class Job:
    """A file to read. `name` is what it is called in citations."""

    path: Path
    name: str
    stamp: str
    bytes: int
    modified: float
    """When it was last changed, in seconds since 1970."""
    suffix: str = ""
    """The ending that names its format, if its path has none."""
    seconds: float = 0.0
    """Time limit; 0: by its size."""

    @property
    def time(self) -> str:
        return f"{datetime.fromtimestamp(self.modified, UTC):%Y-%m-%dT%H:%M:%SZ}"

    @property
    def limit(self) -> float:
        return self.seconds or SECONDS + SECONDS_PER_MEGABYTE * self.bytes / 1e6


class Reader:
    """A process that reads files, one at a time; it starts with the first one, and again after a failure.

    `languages`: those of the questions, the main one first.
    """

    def __init__(self, languages: Sequence[str], memory: int = MEMORY) -> None:
        self.languages, self.memory = languages, memory
        self.process: subprocess.Popen[str] | None = None
        self.lines: queue.Queue[str] = queue.Queue(WAITING)
        self.used = 0.0

    def read(self, job: Job) -> tuple[Entry, list[Row]]:
        """The entry and passages of a file; the entry of a file that cannot be read, or not all of it, says why."""
        base = Entry(
            name=job.name,
            id=short_hash(job.name),
            version=new_version(),
            stamp=job.stamp,
            bytes=job.bytes,
            time=job.time,
        )
        try:
            done, rows = self._read(job, base)
        except UnreadableError as error:
            return replace(base, code=error.code, reason=f"{show_path(job.name)}: {error}"), []
        entry = replace(base, **done)
        return replace(entry, reason=f"{show_path(job.name)}: {entry.reason}" if entry.reason else ""), rows

    def _read(self, job: Job, entry: Entry) -> tuple[dict[str, Any], list[Row]]:
        end = time.monotonic() + job.limit
        process = self._start()
        request = {
            "path": str(job.path),
            "suffix": job.suffix,
            "name": job.name,
            "document": entry.id,
            "prefix": entry.passage_id(0).removesuffix(":0"),
            "time": job.time,
        }
        rows: list[Row] = []
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            while True:
                answer = json.loads(self.lines.get(timeout=max(0.01, end - time.monotonic())))
                if "rows" in answer:
                    rows += [(str(language), str(terms), str(stored)) for language, terms, stored in answer["rows"]]
                elif "refused" in answer:
                    code, message = map(str, answer["refused"])
                    if code == "too_much_memory":
                        self.close()
                    raise UnreadableError(code, message)
                else:
                    if answer["memory"] > MOST_KEPT:
                        self.close()
                    return answer["done"], rows
        except queue.Empty:
            self.close()
            raise UnreadableError("takes_too_long", f"it takes more than {job.limit:.0f} seconds to read") from None
        except (OSError, ValueError) as error:
            self.close()
            raise UnreadableError("damaged", "reading it ended the process that reads, so it may be damaged") from error

    def _start(self) -> "subprocess.Popen[str]":
        if self.process is None or self.process.poll() is not None:
            self.close()
            paths = os.pathsep.join(filter(None, sys.path))
            self.process = subprocess.Popen(
                [sys.executable, "-m", "anatili.documents.worker", str(self.memory), *self.languages],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"},
            )
            self.lines = queue.Queue(WAITING)
            threading.Thread(target=take_lines, args=(self.process.stdout, self.lines), daemon=True).start()
        return self.process

    def close(self) -> None:
        """End the process."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            while process.poll() is None:  # its lines are taken, or it would wait for that
                drain(self.lines)
                time.sleep(0.001)
            drain(self.lines)


def take_lines(stream: Any, lines: "queue.Queue[str]") -> None:
    """Put the lines of a process into a queue, and an empty one at their end."""
    for line in stream:
        lines.put(line)
    lines.put("")


def drain(lines: "queue.Queue[str]") -> None:
    try:
        while True:
            lines.get_nowait()
    except queue.Empty:
        return


class Readers:
    """A few readers for many threads: who finds none free waits, at most `patience` seconds."""

    def __init__(self, languages: Sequence[str], count: int, memory: int = MEMORY) -> None:
        self.free: queue.Queue[Reader] = queue.Queue()
        self.all = [Reader(languages, memory) for _ in range(count)]
        for reader in self.all:
            self.free.put(reader)

    @contextmanager
    def one(self, patience: float | None = None) -> Iterator[Reader]:
        """A reader of one's own; `queue.Empty` if none is free in time."""
        reader = self.free.get(timeout=patience)
        try:
            yield reader
        finally:
            reader.used = time.monotonic()
            self.free.put(reader)

    def rest(self, idle_seconds: float = IDLE_SECONDS) -> None:
        """End the processes of readers that nobody has needed for some time; the next file starts them again."""
        for _ in self.all:
            try:
                reader = self.free.get_nowait()
            except queue.Empty:
                return
            if time.monotonic() - reader.used > idle_seconds:
                reader.close()
            self.free.put(reader)

    def close(self) -> None:
        for reader in self.all:
            reader.close()
