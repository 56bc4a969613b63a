"""Start the server on a free local port and say where it is."""

import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anatili.problem import Problem, install

if TYPE_CHECKING:
    from anatili.serve.connection import Patience

LOCAL = ("127.0.0.1", "localhost", "::1")
MIN_KEY = 16
SLOTS = 4
"""Answers worked on at a time by a model in this process."""
GRACE = 30
"""Seconds that answers may still take when the server is asked to end."""
IDLE = 15
"""Seconds that a connection is kept for another request. The clients of Python and OpenAI let go after 5: a server that
does so at the same moment resets a request that is on its way."""


@dataclass(frozen=True)
class Place:
    """Where and for whom a server is."""

    host: str = "127.0.0.1"
    port: int = 0
    key: str = ""
    keys: Path | None = None
    """File of hashed keys."""
    names: tuple[str, ...] = ()
    """Names that requests may give as their Host, beside the local ones."""
    per_minute: int = 0
    origins: tuple[str, ...] = ()
    slots: int = SLOTS
    browser: bool = False
    """Whether to open the page."""
    logs: bool = False
    """Whether to write a line of JSON for each request to standard error."""
    patience: "Patience | None" = None
    """For requests that are slow to come."""


def start(target: str, runs: Path, adapters: Sequence[Path], place: Place, announce: Callable[[str], None]) -> None:
    """Open the assistant of `target`, serve it until interrupted; `Problem` for an open address without a long key."""
    if place.host not in LOCAL and not place.keys and len(place.key) < MIN_KEY:
        raise Problem(
            f"{place.host} can be reached by others: set a key of {MIN_KEY} characters or more, for example\n"
            "  export ANATILI_KEY=\"$(python -c 'import secrets; print(secrets.token_urlsafe(32))')\"\n"
            "or one for each who may ask: anatili key NAME >> keys.txt, then --keys keys.txt"
        )
    try:
        import uvicorn

        from anatili.serve.api import create_app
        from anatili.serve.middleware import Rules, hash_key, read_keys
    except ImportError as error:
        raise Problem(f"serving needs more packages: {install('serve')}") from error
    from anatili.serve.assistant import open_assistant

    keys = read_keys(place.keys) if place.keys else {}
    if place.keys and not keys:
        raise Problem(f"no key in {place.keys}; make one: anatili key NAME >> {place.keys}")
    if place.key:
        keys[hash_key(place.key)] = "key"
    listener = listen(place.host, place.port)
    taken = listener.getsockname()[1]
    announce(f"opening {target or 'the model that comes with anatili'} …")
    hosts = (*LOCAL, *place.names) if place.host in LOCAL or place.names else ()
    rules = Rules(keys, hosts, place.per_minute, place.origins)
    app = create_app(open_assistant(target, runs, adapters, announce, place.slots), rules)
    shown = f"[{place.host}]" if ":" in place.host else place.host
    announce(f"page  http://{shown}:{taken}/")
    announce(f"API   http://{shown}:{taken}/v1  (Ctrl-C ends)")
    if place.logs:
        log_requests()
    if place.browser:
        open_browser(f"http://{shown}:{taken}/")
    uvicorn.Server(settings_of(app, place)).run(sockets=[listener])


def settings_of(app: Any, place: Place) -> Any:
    """How uvicorn is to serve the application."""
    import uvicorn

    from anatili.serve.connection import Connection, Patience, connections_for

    patience = place.patience or Patience()
    patience = replace(patience, connections=connections_for(patience.connections))
    made: Any = partial(Connection, patience=patience)
    return uvicorn.Config(
        app, http=made, ws="none", log_level="warning", log_config=None, server_header=False,
        timeout_keep_alive=IDLE, timeout_graceful_shutdown=GRACE,
    )  # fmt: skip


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address; `Problem` if the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, for asyncio sends at once (TCP_NODELAY) only where it sees this: else every answer waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise Problem(f"cannot listen on {host} port {port}: {error.strerror}; --port 0 takes a free one") from error
    return listener


def open_browser(address: str) -> None:
    """Open the page as soon as the server is up, where there is a desktop: a browser in the terminal would take it."""
    import webbrowser

    if sys.platform.startswith("linux") and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        return

    timer = threading.Timer(1.0, webbrowser.open, [address])
    timer.daemon = True
    timer.start()


class Lines(logging.Formatter):
    """A request as a line of JSON: who, which route, how it ended; no address as asked, no words."""

    def format(self, record: logging.LogRecord) -> str:
        said = {"time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"), "event": record.getMessage()}
        said |= getattr(record, "said", {})
        if record.exc_info:
            said["trace"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)


def log_requests() -> None:
    """Write requests, and what the server itself has to say, as lines of JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    for name, level in (("anatili.serve", logging.INFO), ("uvicorn.error", logging.WARNING)):
        log = logging.getLogger(name)
        log.addHandler(handler)
        log.setLevel(level)
        log.propagate = False
