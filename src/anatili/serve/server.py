"""Start the server on a free local port and say where it is."""

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from anatili.problem import Problem

LOCAL = ("127.0.0.1", "localhost", "::1")
MIN_KEY = 16


def start(
    target: str,
    runs: Path,
    adapters: Sequence[Path] = (),
    *,
    host: str,
    port: int,
    key: str,
    announce: Callable[[str], None],
) -> None:
    """Open the assistant of `target`, serve it until interrupted; `Problem` for an open address without a long key."""
    if host not in LOCAL and len(key) < MIN_KEY:
        raise Problem(
            f"{host} can be reached by others: set a key of {MIN_KEY} characters or more, for example\n"
            "  export ANATILI_KEY=\"$(python -c 'import secrets; print(secrets.token_urlsafe(32))')\""
        )
    try:
        import uvicorn

        from anatili.serve.api import create_app
    except ImportError as error:
        raise Problem("serving needs more packages: pip install 'anatili[serve]'") from error
    from anatili.serve.assistant import open_assistant

    listener = listen(host, port)
    taken = listener.getsockname()[1]
    announce(f"opening {target or 'the model that comes with anatili'} …")
    app = create_app(open_assistant(target, runs, adapters, announce), key=key, hosts=LOCAL if host in LOCAL else ())
    shown = f"[{host}]" if ":" in host else host
    announce(f"page  http://{shown}:{taken}/")
    announce(f"API   http://{shown}:{taken}/v1  (Ctrl-C ends)")
    uvicorn.Server(uvicorn.Config(app, log_level="warning", server_header=False)).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address; `Problem` if the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise Problem(f"cannot listen on {host} port {port}: {error.strerror}; --port 0 takes a free one") from error
    return listener
