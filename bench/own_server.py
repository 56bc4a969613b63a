"""Shared by the benchmarks: `anatili serve` in a process of its own."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx


@contextmanager
def own_server(model: str, *options: str) -> Iterator[str]:
    """The address of `anatili serve MODEL`, ready to answer."""
    with own_server_process(model, *options) as (address, _):
        yield address


@contextmanager
def own_server_process(model: str, *options: str) -> Iterator[tuple[str, int]]:
    """The same with the number of its process."""
    command = [sys.executable, "-m", "anatili", "serve", model, "--no-browser", *options]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    try:
        address = next(match[1] for line in server.stdout if (match := re.search(r"API +(http://\S+)/v1", line)))
        while True:
            try:
                httpx.get(f"{address}/health")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield address, server.pid
    finally:
        server.terminate()
        server.wait()
