"""Servers that are started with the command, and servers in a thread of the tests."""

import os
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
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
    """The address that a server announces: it responds there from then on."""
    for line in process.stdout:
        match = re.search(r"API +(http://\S+)/v1", line)
        if match:
            break
    else:
        raise AssertionError(f"the server did not start: {process.stderr.read()}")
    httpx.get(match[1] + "/health", timeout=60).raise_for_status()
    return match[1]


def stop(process) -> str:
    """Stop a server; returns what it wrote to standard error."""
    process.terminate()
    _, errors = process.communicate(timeout=300)
    return errors


@contextmanager
def in_thread(app):
    """A server of an application in a thread, as the command runs it, once it accepts connections; its address."""
    import uvicorn

    from anatili.serve.server import ServerConfig, listen, uvicorn_config

    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn_config(app, ServerConfig()))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
