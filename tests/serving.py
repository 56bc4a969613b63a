"""Servers that are started with the command."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import forking
import httpx


def start(target, *arguments: str, **environment: str):
    """A server on a free port; returns its process and address. Of a folder, which may need torch, it is forked."""
    if isinstance(target, Path) and target.is_dir() and not environment:
        process = forking.Server(["serve", str(target), *arguments])
        return process, announced(process)
    command = [sys.executable, "-m", "anatili", "serve", str(target), *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    return process, announced(process)


def announced(process) -> str:
    """The address that a server announces, once it responds there."""
    for line in process.stdout:
        match = re.search(r"API +(http://\S+)/v1", line)
        if match:
            break
    else:
        raise AssertionError(f"the server did not start: {process.stderr.read()}")
    end = time.monotonic() + 60
    while True:
        try:
            httpx.get(match[1] + "/health").raise_for_status()
            return match[1]
        except httpx.TransportError:
            assert time.monotonic() < end
            time.sleep(0.1)


def stop(process) -> str:
    """Stop a server; returns what it wrote to standard error."""
    process.terminate()
    _, errors = process.communicate(timeout=300)
    return errors
