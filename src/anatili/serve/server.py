"""Start the server and announce its address."""

import ipaddress
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

from anatili.problem import Problem, not_installed

if TYPE_CHECKING:
    from anatili.commons.store import Commons
    from anatili.documents.collection import Collection
    from anatili.serve.assistant import Assistant
    from anatili.serve.connection import ConnectionLimits
    from anatili.serve.documents import OwnDocuments
    from anatili.serve.middleware import AccessRules
    from anatili.serve.search_pool import SearchPool

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
MIN_KEY_LENGTH = 16
VISITOR_PER_MINUTE, VISITOR_PER_DAY = 30, 1000
"""Limits for a visitor of a public server, if none are set."""
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
    per_day: int = 0
    origins: tuple[str, ...] = ()
    public: bool = False
    """Whether reading and asking need no key."""
    proxies: tuple[str, ...] = ()
    """Addresses or networks of reverse proxies, which name their client in X-Forwarded-For."""
    feedback: Path | None = None
    """File for the feedback of readers."""
    audio: str = ""
    """Address of a server for /v1/audio."""
    slots: int = SLOTS
    workers: int = 0
    """Processes that search; 0: this one."""
    browser: bool = False
    """Whether to open the page in a browser."""
    logs: bool = False
    """Whether to write a line of JSON for each request to standard error."""
    limits: "ConnectionLimits | None" = None
    documents: tuple[str, ...] = ()
    """Folders, files and addresses of documents to answer from."""
    uploads: bool = True
    """Whether visitors may add documents of their own."""
    contribute: str = ""
    """Database of contributions: a file for SQLite or an address of PostgreSQL; "" for none."""


def start(
    target: str, runs: Path, adapters: Sequence[Path], config: ServerConfig, announce: Callable[[str], None]
) -> None:
    """Open the assistant of `target` and serve it until interrupted; `Problem` for a public address without a key."""
    check_access(config)
    try:
        import uvicorn

        from anatili.serve.api import Extras, create_app
        from anatili.serve.feedback import FeedbackFile
    except ImportError as error:
        raise Problem(not_installed("serving needs more packages", "serve")) from error

    rules = access_rules(config)
    feedback = FeedbackFile(config.feedback) if config.feedback else None
    commons = commons_of(config.contribute)
    listener = listen(config.host, config.port)
    announce(f"opening {target or 'the bundled model'} …")
    assistant, own = open_parts(target, runs, adapters, config, announce)
    if own.shared:
        threading.Thread(target=tell_of_documents, args=(own.shared, announce), daemon=True).start()
    pool = search_pool(assistant, config.workers)
    app = create_app(assistant, rules, Extras(config.audio, feedback, pool, own, commons))
    address = accept(listener)
    announce(f"page  {address}/")
    announce(f"API   {address}/v1  (press Ctrl-C to stop)")
    if config.logs:
        log_requests()
    if config.browser:
        open_browser(f"{address}/")
    try:
        uvicorn.Server(uvicorn_config(app, config)).run(sockets=[listener])
    finally:
        if pool:
            pool.close()


def commons_of(address: str) -> "Commons | None":
    """The commons of contributors at an address; None for no address."""
    if not address:
        return None
    try:
        from anatili.commons.store import open_commons
    except ImportError as error:
        raise Problem(not_installed("contributions need more packages", "commons")) from error
    return open_commons(address)


def search_pool(assistant: "Assistant", count: int) -> "SearchPool | None":
    """Processes that search the assistant's index; None if there are to be none."""
    from anatili.search.searcher import Search
    from anatili.serve.search_pool import SearchPool

    if not count:
        return None
    if assistant.search is None:
        raise Problem("--workers are processes that search, and this model has no search index; serve a run instead")
    if type(assistant.search) is not Search:
        raise Problem("--workers search the index of a run: use it without --documents and without ANATILI_OPENSEARCH")
    return SearchPool(assistant.search, count)


def check_access(config: ServerConfig) -> None:
    """`Problem` if strangers could use a server that is not meant for them, or if a proxy's address is none."""
    if (
        config.host not in LOCAL_HOSTS
        and not config.public
        and not config.keys_file
        and len(config.key) < MIN_KEY_LENGTH
    ):
        raise Problem(
            f"others can reach {config.host}: set a key of {MIN_KEY_LENGTH} characters or more, for example\n"
            "  export ANATILI_KEY=\"$(python -c 'import secrets; print(secrets.token_urlsafe(32))')\"\n"
            "or make one for each user: anatili key NAME >> keys.txt, then --keys keys.txt\n"
            "or, if everyone may read and ask without a key: --public"
        )
    for proxy in config.proxies:
        try:
            ipaddress.ip_network(proxy)
        except ValueError as error:
            raise Problem(
                f"--proxy {proxy}: give the address of the proxy, or its network such as 10.0.0.0/8"
            ) from error
    if config.audio and not config.audio.startswith(("http://", "https://")):
        raise Problem(f"--audio {config.audio}: give an address that starts with http:// or https://")


def access_rules(config: ServerConfig) -> "AccessRules":
    """Who may use the server. A public server has limits for visitors even if none are set."""
    from anatili.serve.keys import Key, KeyRing, hash_key
    from anatili.serve.middleware import AccessRules

    fixed = {hash_key(config.key): Key("key")} if config.key else {}
    keys = KeyRing(fixed, config.keys_file)
    if config.keys_file and not keys.keys:
        raise Problem(f"no key in {config.keys_file}; make one: anatili key NAME >> {config.keys_file}")
    hosts = (*LOCAL_HOSTS, *config.host_names) if config.host in LOCAL_HOSTS or config.host_names else ()
    per_minute = config.per_minute or (VISITOR_PER_MINUTE if config.public else 0)
    per_day = config.per_day or (VISITOR_PER_DAY if config.public else 0)
    return AccessRules(keys, hosts, per_minute, per_day, config.origins, config.public)


def open_parts(
    target: str, runs: Path, adapters: Sequence[Path], config: ServerConfig, announce: Callable[[str], None]
) -> "tuple[Assistant, OwnDocuments]":
    """The assistant of `target`, and the documents of the server and of its visitors."""
    from anatili.opening.documents import open_readers, open_sessions
    from anatili.serve.assistant import open_assistant
    from anatili.serve.documents import OwnDocuments
    from anatili.serve.over_documents import open_over_documents

    shared = None
    if config.documents:
        assistant, shared = open_over_documents(config.documents, target, runs, adapters, announce, config.slots)
        announce(f"documents  {', '.join(config.documents)} (read in the background)")
    else:
        assistant = open_assistant(target, runs, adapters, announce, config.slots)
    readers = shared.readers if shared else open_readers(assistant.packs)
    return assistant, OwnDocuments(shared, open_sessions(assistant.packs, readers) if config.uploads else None)


def tell_of_documents(collection: "Collection", announce: Callable[[str], None]) -> None:
    """Announce how many documents were read, and how many files were not, once all have been looked at."""
    status = collection.wait()
    read = f"documents  {status.documents:,} read, {status.passages:,} passages"
    announce(f"{read}; {status.skipped:,} files skipped, the page says why" if status.skipped else read)


def uvicorn_config(app: Any, config: ServerConfig) -> Any:
    """uvicorn's settings for the application."""
    import uvicorn

    from anatili.serve.connection import Connection, ConnectionLimits, allowed_connections

    limits = config.limits or ConnectionLimits()
    limits = replace(limits, connections=allowed_connections(limits.connections))
    protocol: Any = partial(Connection, limits=limits)
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        log_level="warning",
        log_config=None,
        server_header=False,
        # uvicorn by itself would believe any process of this machine, and the variable FORWARDED_ALLOW_IPS.
        proxy_headers=bool(config.proxies),
        forwarded_allow_ips=list(config.proxies),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


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


def accept(listener: socket.socket) -> str:
    """From now on connections wait for the server instead of being refused; the address to announce."""
    listener.listen()
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def open_browser(address: str) -> None:
    """Open the page, if there is a desktop: a text browser would take over the terminal."""
    import webbrowser

    if sys.platform.startswith("linux") and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        return

    threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()


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
