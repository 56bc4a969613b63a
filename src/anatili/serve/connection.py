"""Connections with limits: a request must arrive within a set time, and only so many connections may be open.

uvicorn has no such limits of its own: a client that sends half a request would hold its connection forever.
"""

import asyncio
import json
import logging
import time
from dataclasses import dataclass
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger("anatili.serve")
BODY_TIMEOUT = "anatili.body_timeout"
"""Key in the scope of a request whose body did not arrive in time."""
REASONS = {408: "the request did not arrive in time", 503: "too many connections; try again later"}
UPLOAD_PATH = "/documents"
"""The route that takes files."""
RESERVED_FILES = 128
"""Files that the rest of the server may keep open: the index, the model, connections to its engine."""


@dataclass(frozen=True)
class ConnectionLimits:
    """How long a request may take to arrive, in seconds, and how many connections may be open."""

    header_seconds: float = 10.0
    """For all headers, from the connection or from the first byte after the previous response."""
    body_seconds: float = 30.0
    """For the whole body: enough for 1 MiB at 35 kB/s."""
    upload_seconds: float = 300.0
    """For the whole body of an upload: 32 MiB at 110 kB/s."""
    connections: int = 1000
    """Including streams and idle connections; fewer if the system allows fewer open files."""


def allowed_connections(connections: int) -> int:
    """`connections`, or fewer if there are fewer files: a connection without a file would get no response."""
    try:
        import resource
    except ImportError:  # not on Windows
        return connections
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return connections if files == resource.RLIM_INFINITY else max(1, min(connections, files - RESERVED_FILES))


class Connection(H11Protocol):
    """uvicorn's connection with a timer for the rest of a request."""

    def __init__(self, *arguments: Any, limits: ConnectionLimits, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.limits = limits
        self.timer: asyncio.TimerHandle | None = None
        self.timed_state: Any = None
        """The client's state that is timed: `h11.IDLE` before and during its headers, or `h11.SEND_BODY`."""
        self.timer_start = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self.refuse(503)
        else:
            self.update_timer(expects_request=True)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.update_timer(expects_request=True)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # If nothing of the next request has arrived, uvicorn's own timer for idle connections runs.
        self.update_timer(expects_request=bool(self.conn.trailing_data[0]))

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop_timer()
        super().connection_lost(exc)

    def update_timer(self, *, expects_request: bool) -> None:
        """Run the timer while part of a request is missing; start it again when the headers are complete."""
        state = self.conn.their_state
        if (
            self.transport.is_closing()
            or state not in (h11.IDLE, h11.SEND_BODY)
            or (state is h11.IDLE and not expects_request)
        ):
            self.stop_timer()
        elif self.timer is None or state is not self.timed_state:
            self.stop_timer()
            seconds = self.limits.header_seconds if state is h11.IDLE else self.body_seconds()
            self.timed_state, self.timer_start = state, time.monotonic()
            self.timer = self.loop.call_later(seconds, self.on_timeout)

    def body_seconds(self) -> float:
        is_upload = self.cycle is not None and self.cycle.scope["path"] == UPLOAD_PATH
        return self.limits.upload_seconds if is_upload else self.limits.body_seconds

    def stop_timer(self) -> None:
        if self.timer:
            self.timer.cancel()
        self.timer = None

    def on_timeout(self) -> None:
        self.timer = None
        if self.transport.is_closing():
            return
        if self.timed_state is h11.SEND_BODY and self.cycle:
            scope: Any = self.cycle.scope
            scope[BODY_TIMEOUT] = True  # the middleware, which is waiting for the body, logs it
            self.close(None if self.cycle.response_started else 408)
        else:
            self.refuse(408)

    def refuse(self, status: int) -> None:
        """Close and log a connection whose request never reaches the application."""
        seconds = round(time.monotonic() - self.timer_start, 4) if self.timer_start else 0.0
        address = self.client[0] if self.client else ""
        log.info(
            "request",
            extra={
                "fields": {
                    "id": "",
                    "who": "",
                    "method": "",
                    "route": "none",
                    "status": status,
                    "seconds": seconds,
                    "address": address,
                }
            },
        )
        self.close(status)

    def close(self, status: int | None) -> None:
        if status:
            body = json.dumps(
                {"error": {"message": REASONS[status], "type": "invalid_request_error", "param": None, "code": None}}
            ).encode()
            head = (
                f"HTTP/1.1 {status} \r\nConnection: close\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()
