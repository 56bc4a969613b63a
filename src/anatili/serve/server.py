"""Start the server and announce its address."""

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
    from anatili.serve.connection import ConnectionLimits

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
MIN_KEY_LENGTH = 16
SLOTS = 4
"""Answers that a model in this process generates at the same time."""
SHUTDOWN_SECONDS = 30
"""Time that answers in progress still get when the server is told to stop."""
KEEP_ALIVE_SECONDS = 15
"""How long an idle connection is kept open. The Python and OpenAI clients close it after 5 s. A server that does so at
the same moment resets a request that is on its way."""


@dataclass(frozen=True)
class ServerConfig:
    """Where a server listens and who may use it."""

    host: str = "127.0.0.1"
    port: int = 0
    key: str = ""
    keys_file: Path | None = None
    """File of hashed keys."""
    host_names: tuple[str, ...] = ()
    """Allowed Host headers, in addition to the local names."""
    per_minute: int = 0
    origins: tuple[str, ...] = ()
    slots: int = SLOTS
    browser: bool = False
    """Whether to open the page in a browser."""
    logs: bool = False
    """Whether to write a line of JSON for each request to standard error."""
    limits: "ConnectionLimits | None" = None


def start(
    target: str, runs: Path, adapters: Sequence[Path], config: ServerConfig, announce: Callable[[str], None]
) -> None:
    """Open the assistant of `target` and serve it until interrupted; `Problem` for a public address without a key."""
    if config.host not in LOCAL_HOSTS and not config.keys_file and len(config.key) < MIN_KEY_LENGTH:
        raise Problem(
            f"others can reach {config.host}: set a key of {MIN_KEY_LENGTH} characters or more, for example\n"
            "  export ANATILI_KEY=\"$(python -c 'import secrets; print(secrets.token_urlsafe(32))')\"\n"
            "or make one for each user: anatili key NAME >> keys.txt, then --keys keys.txt"
        )
    try:
        import uvicorn

        from anatili.serve.api import create_app
        from anatili.serve.middleware import AccessRules, hash_key, read_keys
    except ImportError as error:
        raise Problem(f"serving needs more packages: {install('serve')}") from error
    from anatili.serve.assistant import open_assistant

    keys = read_keys(config.keys_file) if config.keys_file else {}
    if config.keys_file and not keys:
        raise Problem(f"no key in {config.keys_file}; make one: anatili key NAME >> {config.keys_file}")
    if config.key:
        keys[hash_key(config.key)] = "key"
    listener = listen(config.host, config.port)
    port = listener.getsockname()[1]
    announce(f"opening {target or 'the bundled model'} …")
    hosts = (*LOCAL_HOSTS, *config.host_names) if config.host in LOCAL_HOSTS or config.host_names else ()
    rules = AccessRules(keys, hosts, config.per_minute, config.origins)
    app = create_app(open_assistant(target, runs, adapters, announce, config.slots), rules)
    address = f"http://[{config.host}]:{port}" if ":" in config.host else f"http://{config.host}:{port}"
    announce(f"page  {address}/")
    announce(f"API   {address}/v1  (press Ctrl-C to stop)")
    if config.logs:
        log_requests()
    if config.browser:
        open_browser(f"{address}/")
    uvicorn.Server(uvicorn_config(app, config)).run(sockets=[listener])


def uvicorn_config(app: Any, config: ServerConfig) -> Any:
    """uvicorn's settings for the application."""
    import uvicorn

    from anatili.serve.connection import Connection, ConnectionLimits, allowed_connections

    limits = config.limits or ConnectionLimits()
    limits = replace(limits, connections=allowed_connections(limits.connections))
    protocol: Any = partial(Connection, limits=limits)
    return uvicorn.Config(
        app, http=protocol, ws="none", log_level="warning", log_config=None, server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS, timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )  # fmt: skip


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address; `Problem` if the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # IPPROTO_TCP must be named: asyncio sets TCP_NODELAY only if it sees it, and without that responses wait 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise Problem(f"cannot listen on {host} port {port}: {error.strerror}; --port 0 takes a free port") from error
    return listener


def open_browser(address: str) -> None:
    """Open the page when the server is up, if there is a desktop: a text browser would take over the terminal."""
    import webbrowser

    if sys.platform.startswith("linux") and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        return

    timer = threading.Timer(1.0, webbrowser.open, [address])
    timer.daemon = True
    timer.start()


class JsonFormatter(logging.Formatter):
    """A request as a line of JSON: who, which route, which status. It has no requested path and no text."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {"time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"), "event": record.getMessage()}
        fields |= getattr(record, "fields", {})
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


def log_requests() -> None:
    """Log requests and the server's own messages to standard error, as lines of JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    for name, level in (("anatili.serve", logging.INFO), ("uvicorn.error", logging.WARNING)):
        log = logging.getLogger(name)
        log.addHandler(handler)
        log.setLevel(level)
        log.propagate = False
