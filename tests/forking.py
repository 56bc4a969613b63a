"""Processes that start in a moment: forked from one that has loaded torch and transformers, which takes five seconds.

A forked process has its own memory, environment, folder, streams and status, and loads nearly all of anatili itself.
The interpreter is started instead where a test is about loading, ending, or processes that differ in how they hash.
"""

import atexit
import contextlib
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

LOADED = [
    "anatili.train.loop",
    "torch.distributed.checkpoint",
    "torch.distributed.fsdp",
    "safetensors.torch",
    "accelerate",
    "transformers.models.qwen3.modeling_qwen3",
    "transformers.models.llama.modeling_llama",
    "matplotlib.pyplot",
    "trafilatura",
    "tantivy",
    "pydantic",
    "rich.progress",
    "click",
    "httpx",
]
"""Libraries, and the one module of ours that says how threads wait before torch is loaded. None may start a thread."""
SET_BY_TESTS = ("ANATILI_", "COLUMNS", "PYTEST_")
"""Variables (by their first letters) that none of these reads when it is loaded."""


def context() -> ForkServerContext:
    """A process of tests has one server, from its first forked process on."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(LOADED)
    return found


def serves(environment: dict[str, str]) -> bool:
    """Whether what is loaded in this process's environment is what would be loaded in another."""

    def matters(variables: dict[str, str]) -> dict[str, str]:
        return {name: said for name, said in variables.items() if not name.startswith(SET_BY_TESTS)}

    return sys.platform == "linux" and matters(environment) == matters(dict(os.environ))


def run(
    arguments: list[str], environment: dict[str, str], folder: str, text: str, timeout: float
) -> subprocess.CompletedProcess[str]:
    """`python -m anatili` with `text` as its standard input, to its end."""
    with tempfile.TemporaryDirectory() as place:
        streams = [Path(place) / name for name in ("input", "output", "errors")]
        for file, content in zip(streams, (text, "", ""), strict=True):
            file.write_text(content, "utf-8")
        process = context().Process(target=command, args=(arguments, environment, folder, streams))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(arguments, timeout)
        output, errors = (file.read_text("utf-8") for file in streams[1:])
        return subprocess.CompletedProcess(arguments, process.exitcode, output, errors)


class Server:
    """`python -m anatili` that goes on: as a `subprocess.Popen` with pipes of text, as far as servers need it."""

    def __init__(self, arguments: list[str]) -> None:
        pipes = [context().Pipe(duplex=False) for _ in range(2)]
        streams = [Path(os.devnull), *(writer for _, writer in pipes)]
        self.process = context().Process(target=command, args=(arguments, dict(os.environ), str(Path.cwd()), streams))
        self.process.start()
        for _, writer in pipes:
            writer.close()
        self.stdout, self.stderr = (os.fdopen(os.dup(reader.fileno()), encoding="utf-8") for reader, _ in pipes)
        self.terminate = self.process.terminate

    def communicate(self, timeout: float) -> tuple[str, str]:
        """What it has written that was not read, after its end."""
        written = self.stdout.read(), self.stderr.read()
        self.process.join(timeout)
        for stream in (self.stdout, self.stderr):
            stream.close()
        return written


def start_group(arguments: list[str], errors: Path) -> Any:
    """`python -m anatili` as the first of a group of processes, which can be killed together; `errors` gets what it
    writes to standard error."""
    errors.touch()
    streams = [Path(os.devnull), Path(os.devnull), errors]
    process = context().Process(target=lead_group, args=(arguments, dict(os.environ), str(Path.cwd()), streams))
    process.start()
    with contextlib.suppress(ProcessLookupError):  # it has ended
        while os.getpgid(process.pid) != process.pid:
            time.sleep(0.001)
    return process


def lead_group(arguments: list[str], environment: dict[str, str], folder: str, streams: list[Path]) -> None:
    os.setsid()
    command(arguments, environment, folder, streams)


def do_not_wait_for_the_disk() -> None:
    """No test cuts the power, after which alone it matters what the disk has; a small run asks it 900 times, 10 ms
    each."""
    os.fsync = lambda file: None


def command(
    arguments: list[str], environment: dict[str, str], folder: str, streams: Sequence[Path | Connection]
) -> None:
    """Be the command; `streams` are its standard input, output and errors."""
    for number, stream in enumerate(streams):
        opened = stream.fileno() if isinstance(stream, Connection) else os.open(stream, os.O_RDWR)
        os.dup2(opened, number)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)  # multiprocessing has closed it
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    do_not_wait_for_the_disk()
    sys.argv[1:] = arguments
    sys.path.insert(0, folder)
    try:
        runpy.run_module("anatili", run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()
