"""Run the commands of a lesson for its page: only those that stand in the lesson, one at a time, in its folder."""

import os
import queue
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from anatili.atomic_files import whole_file
from anatili.problem import Problem

LONGEST = 200_000
"""Characters of what a command prints that the page gets."""
PACKS = "packs"
"""Folder of the language packs that a lesson makes."""
End = dict[str, Any]


class Busy(Problem):
    """A command is still running."""


class Runner:
    """Runs one command at a time. It goes on when the page is closed, and ends with the server."""

    def __init__(self) -> None:
        self._running = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def run(self, line: str, folder: Path) -> Iterator[End]:
        """Run a command of a lesson, with its `> file`; yields what it prints as `text`, then its `exit` status.

        `Busy` if another one is running.
        """
        if not self._running.acquire(blocking=False):
            raise Busy("another command is running: wait until it is done")
        events: queue.Queue[End] = queue.Queue()
        threading.Thread(target=self._carry_out, args=(line, folder, events), daemon=True).start()
        return iter(events.get, {})

    def stop(self) -> None:
        """End the command that is running, if there is one."""
        process = self._process
        if process:
            with suppress(OSError):
                process.terminate()

    def _carry_out(self, line: str, folder: Path, events: "queue.Queue[End]") -> None:
        status = 1
        try:
            command, _, target = line.partition(" > ")
            if target:
                with whole_file(folder / target.strip()) as temporary:
                    with temporary.open("w", encoding="utf-8") as file:
                        status = self._follow(command, folder, events, file)
                    if status:
                        raise OSError(f"{target.strip()} was not written")
            else:
                status = self._follow(command, folder, events, None)
        except OSError as error:
            events.put({"text": f"{error}\n"})
        finally:
            self._process = None
            self._running.release()
            events.put({"exit": status or 0})
            events.put({})

    def _follow(self, command: str, folder: Path, events: "queue.Queue[End]", file: Any) -> int:
        """Start a command and pass on what it prints; with a file, standard output goes there."""
        program, *arguments = shlex.split(command)
        assert program == "anatili", command
        environment = {
            **os.environ,
            "ANATILI_PACKS": PACKS,
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "utf-8",
            "COLUMNS": "100",
        }
        # -P: a file in the learner's folder must not be taken for a module.
        self._process = process = subprocess.Popen(
            [sys.executable, "-P", "-m", "anatili", *arguments],
            cwd=folder,
            env=environment,
            text=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=file or subprocess.PIPE,
            stderr=subprocess.PIPE if file else subprocess.STDOUT,
        )
        printed = 0
        for text in (process.stderr if file else process.stdout) or ():
            printed += len(text)
            if printed <= LONGEST:
                events.put({"text": text})
        return process.wait()
