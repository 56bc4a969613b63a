"""Who may ask, how much and how often. Plain ASGI: Starlette's base keeps a stream running when its reader has left."""

import hashlib
import hmac
import json
import logging
import secrets
import time
import uuid
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anatili.problem import Problem
from anatili.reading import read_text
from anatili.serve.connection import LATE
from anatili.serve.metrics import Metrics
from anatili.text import show_path

log = logging.getLogger("anatili.serve")
MAX_BODY = 1 << 20
OPEN_PATHS = ("/", "/health", "/page/words", "/docs")
OPEN_FOLDER = "/static/"
KEY_IN_BODY = ("/translate", "/languages", "/detect")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-AI-Generated": "text by a language model may be in this answer",
}
REMEMBERED = 10_000
"""Clients whose requests are counted at a time."""
FAILED_KEYS = 30
"""Requests without a key that counts, of one address a minute, before none of its unknown keys is looked at."""
WITH_BODY = ("POST", "PUT", "PATCH")
GONE = 499
"""Status in the log of a request whose sender left before it was whole; nginx's number."""
BLAMED = (401, 403, 408, 413, 429, GONE)
"""Statuses whose line in the log has the address that asked."""


def failure(status: int, message: str, kind: str = "invalid_request_error") -> JSONResponse:
    """An error in OpenAI's form."""
    headers = {"Retry-After": "5"} if status in (429, 503) else {}
    body = {"message": message, "type": kind, "param": None, "code": None}
    return JSONResponse({"error": body}, status, headers)


def hash_key(key: str) -> str:
    """What is kept of a key. Keys are random and long, so one round of SHA-256 is enough."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def make_key(name: str) -> tuple[str, str]:
    """A new key for `name`, and the line that a file of keys has for it."""
    if len(name.split()) != 1 or "#" in name:
        raise Problem(f"{name!r} is no name for a key: one word without #")
    key = secrets.token_urlsafe(32)
    return key, f"{name} {hash_key(key)}"


def read_keys(path: Path) -> dict[str, str]:
    """Hash of a key -> the name of who holds it, from a file of lines `name hash`."""
    keys: dict[str, str] = {}
    try:
        lines = read_text(path).splitlines()
    except Problem as problem:
        raise Problem(f"cannot read the keys: {problem}") from problem
    for number, line in enumerate(lines, 1):
        parts = line.split("#")[0].split()
        if not parts:
            continue
        if len(parts) != 2 or len(parts[1]) != 64:
            raise Problem(f"{show_path(path)} line {number}: expected a name and a hash; make one: anatili key NAME")
        keys[parts[1]] = parts[0]
    return keys


def has_small_body(request: Request) -> bool:
    length = request.headers.get("content-length", "")
    return length.isdigit() and int(length) <= MAX_BODY


def key_in(body: bytes, kind: str) -> str:
    """The `api_key` of a body in JSON or as a form, which is where LibreTranslate's clients put it; "" without one."""
    try:
        if kind.startswith("application/json"):
            said = json.loads(body)
            return str(said.get("api_key") or "") if isinstance(said, dict) else ""
        return dict(parse_qsl(body.decode())).get("api_key", "")
    except (ValueError, RecursionError):
        return ""  # what is wrong with the body is told by who reads it, if anybody may


async def whole_body(receive: Receive) -> bytes | None:
    """The body of a request; `None` if its sender left before it was whole, or took too long."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body that was read already once more."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


@dataclass
class Bucket:
    """Requests left to a client."""

    left: float
    seen: float


@dataclass
class Limit:
    """So many requests a minute for each client, any number at 0; one who was silent may send them all at once."""

    per_minute: int
    buckets: OrderedDict[str, Bucket] = field(default_factory=OrderedDict)

    def allows(self, client: str) -> bool:
        """Whether a client may ask now; takes one off what is left to it."""
        if not self.per_minute:
            return True
        bucket = self.filled(client)
        self.buckets[client] = bucket
        while len(self.buckets) > REMEMBERED:
            self.buckets.popitem(last=False)
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True

    def is_spent(self, client: str) -> bool:
        """Whether nothing is left to a client; takes nothing off."""
        if client not in self.buckets:
            return False
        bucket = self.buckets[client] = self.filled(client)
        return bucket.left < 1

    def filled(self, client: str) -> Bucket:
        """What is left to a client by now, taken out of `buckets`."""
        now = time.monotonic()
        bucket = self.buckets.pop(client, None) or Bucket(self.per_minute, now)
        bucket.left = min(self.per_minute, bucket.left + (now - bucket.seen) * self.per_minute / 60)
        bucket.seen = now
        return bucket


@dataclass(frozen=True)
class Rules:
    """What a server keeps to."""

    keys: Mapping[str, str] = field(default_factory=dict)
    """Hash -> name; without any, no key is asked for."""
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "::1")
    """Names that a request may give as its Host, against DNS rebinding; empty: any."""
    per_minute: int = 0
    """Requests of one client a minute, 0 for any number."""
    origins: tuple[str, ...] = ()
    """Other sites whose pages may ask."""


class Guard:
    """Refuses what may not pass, counts and logs what does (never its words), and adds the security headers.

    Bodies are read here, whole: the application never waits for one, nor meets one that breaks off.
    """

    def __init__(self, app: ASGIApp, rules: Rules, metrics: Metrics, routes: Sequence[BaseRoute] = ()) -> None:
        self.app, self.rules, self.metrics, self.routes = app, rules, metrics, routes
        self.limit, self.failed = Limit(rules.per_minute), Limit(FAILED_KEYS)
        self.holders: OrderedDict[tuple[str, str], None] = OrderedDict()
        """(address, name) of those whose key counted: a stranger behind the same address must not lock them out."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, name = time.perf_counter(), uuid.uuid4().hex[:12]
        request = Request(scope)
        key = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        body: bytes | None = b""
        searches = self.rules.keys and not key and request.url.path in KEY_IN_BODY and has_small_body(request)
        if searches:
            body = await whole_body(receive)
            key = key_in(body or b"", request.headers.get("content-type", ""))
        who, refusal = self.judge(request, key)
        if not refusal and not searches and request.method in WITH_BODY:
            body = await whole_body(receive)
        if body is None:
            self.tell(scope, name, who, 408 if scope.get(LATE) else GONE, time.perf_counter() - began)
            return
        if searches or request.method in WITH_BODY:
            receive = replayed(body, receive)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update({**HEADERS, "X-Request-ID": name})
                self.tell(scope, name, who, message["status"], time.perf_counter() - began)
            await send(message)

        await (refusal or self.app)(scope, receive, send_guarded)

    def tell(self, scope: Scope, name: str, who: str, status: int, seconds: float) -> None:
        route = self.route_of(scope)
        self.metrics.requests.labels(route, str(status)).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        said = {"id": name, "who": who, "method": scope["method"], "route": route, "status": status,
                "seconds": round(seconds, 4)}  # fmt: skip
        if status in BLAMED:
            said["address"] = (scope.get("client") or ("",))[0]
        log.info("request", extra={"said": said})

    def route_of(self, scope: Scope) -> str:
        """The route, not the path as asked: what people put into addresses is theirs."""
        found = scope.get("route")  # not there where the request was refused
        if found is None:
            found = next((route for route in self.routes if route.matches(scope)[0] is not Match.NONE), None)
        return str(getattr(found, "path", "none"))

    def judge(self, request: Request, key: str) -> tuple[str, Response | None]:
        """Who asks, and what is answered in place of the application, if anything."""
        rules, path = self.rules, request.url.path
        host = request.headers.get("host", "").rsplit(":", 1)[0].strip("[]")
        if rules.hosts and host not in rules.hosts:
            return "", failure(403, f"this server does not answer for host {host!r}")
        is_open = path in OPEN_PATHS or path.startswith(OPEN_FOLDER)
        address = request.client.host if request.client else ""
        who = self.holder(key)
        if rules.keys and not is_open and (address, who) not in self.holders:
            if self.failed.is_spent(address):
                return "", failure(
                    429, "too many requests without a key that counts; wait a minute", "rate_limit_error"
                )
            if not who:
                self.failed.allows(address)
                refusal = failure(401, "a key is needed: Authorization: Bearer KEY", "authentication_error")
                refusal.headers["WWW-Authenticate"] = "Bearer"
                return "", refusal
            self.remember(address, who)
        client = who or address
        if not is_open and not self.limit.allows(client):
            return who, failure(429, f"more than {rules.per_minute} requests a minute", "rate_limit_error")
        if request.method in WITH_BODY and not has_small_body(request):
            return who, failure(413, f"a body of up to {MAX_BODY} bytes with Content-Length is needed")
        return who, None

    def remember(self, address: str, who: str) -> None:
        self.holders[address, who] = None
        while len(self.holders) > REMEMBERED:
            self.holders.popitem(last=False)

    def holder(self, key: str) -> str:
        """The name of who holds a key, "" for nobody. All are compared, each in the same time whatever it is."""
        hashed, found = hash_key(key), ""
        for known, name in self.rules.keys.items():
            if hmac.compare_digest(hashed, known):
                found = name
        return found
