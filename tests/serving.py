"""Servers started as people start them."""

import os
import re
import subprocess
import sys
import time

import httpx


def start(target, *arguments: str, **environment: str):
    """A server on a free port; returns its process and address."""
    command = [sys.executable, "-m", "anatili", "serve", str(target), *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    return process, announced(process)


def announced(process) -> str:
    """The address that a server says it has, once it answers there."""
    for line in process.stdout:
        found = re.search(r"API +(http://\S+)/v1", line)
        if found:
            break
    else:
        raise AssertionError(f"the server did not start: {process.stderr.read()}")
    end = time.monotonic() + 60
    while True:
        try:
            httpx.get(found[1] + "/health").raise_for_status()
            return found[1]
        except httpx.TransportError:
            assert time.monotonic() < end
            time.sleep(0.1)


def stop(process) -> str:
    """End a server; what it wrote to standard error."""
    process.terminate()
    _, said = process.communicate(timeout=300)
    return said
