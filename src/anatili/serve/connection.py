"""Connections that do not wait for ever: a request must have come in a set time, and only so many are open at once.

uvicorn has no such limits of its own: whoever sends half a request holds a connection until he goes away.
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
LATE = "anatili.late"
"""Key in the scope of a request whose body did not come in time."""
REASONS = {408: "the request did not come in time", 503: "too many connections; try again"}
RESERVED = 128
"""Files that the rest of the server may hold open: the index, the model, connections to its engine."""


@dataclass(frozen=True)
class Patience:
    """How long a request may take to come, in seconds, and how many connections there may be."""

    header: float = 10.0
    """For all headers, from the connection or from the first byte after the answer before."""
    body: float = 30.0
    """For the whole body: 1 MiB comes at 35 kB/s, and all but documents are a few hundred bytes."""
    connections: int = 1000
    """Open at a time, streams and idle ones included; fewer where the system gives fewer files."""


def connections_for(wanted: int) -> int:
    """As many connections as are wanted, or as there are files for: one that finds none would not be answered."""
    try:
        import resource
    except ImportError:  # not on Windows
        return wanted
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if files == resource.RLIM_INFINITY else max(1, min(wanted, files - RESERVED))


class Connection(H11Protocol):
    """uvicorn's connection with a clock for what is still to come."""

    def __init__(self, *given: Any, patience: Patience, **more: Any) -> None:
        super().__init__(*given, **more)
        self.patience = patience
        self.clock: asyncio.TimerHandle | None = None
        self.awaited: Any = None
        """State of the client for which the clock runs: `h11.IDLE` before and in its headers, or `h11.SEND_BODY`."""
        self.began = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.patience.connections:
            self.refuse(503)
        else:
            self.watch(waits=True)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.watch(waits=True)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # Nothing of the next request may have come: then uvicorn's own clock for idle connections runs.
        self.watch(waits=bool(self.conn.trailing_data[0]))

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop()
        super().connection_lost(exc)

    def watch(self, *, waits: bool) -> None:
        """Let the clock run while something of a request is to come, anew when its headers are there."""
        state = self.conn.their_state
        if self.transport.is_closing() or state not in (h11.IDLE, h11.SEND_BODY) or (state is h11.IDLE and not waits):
            self.stop()
        elif self.clock is None or state is not self.awaited:
            self.stop()
            seconds = self.patience.header if state is h11.IDLE else self.patience.body
            self.awaited, self.began = state, time.monotonic()
            self.clock = self.loop.call_later(seconds, self.too_late)

    def stop(self) -> None:
        if self.clock:
            self.clock.cancel()
        self.clock = None

    def too_late(self) -> None:
        self.clock = None
        if self.transport.is_closing():
            return
        if self.awaited is h11.SEND_BODY and self.cycle:
            scope: Any = self.cycle.scope
            scope[LATE] = True  # who waits for the body tells it
            self.close(None if self.cycle.response_started else 408)
        else:
            self.refuse(408)

    def refuse(self, status: int) -> None:
        """End a connection whose request never reaches the application, and tell that."""
        seconds = round(time.monotonic() - self.began, 4) if self.began else 0.0
        address = self.client[0] if self.client else ""
        log.info("request", extra={"said": {"id": "", "who": "", "method": "", "route": "none", "status": status,
                                            "seconds": seconds, "address": address}})  # fmt: skip
        self.close(status)

    def close(self, status: int | None) -> None:
        if status:
            body = json.dumps({"error": {"message": REASONS[status], "type": "invalid_request_error", "param": None,
                                         "code": None}}).encode()  # fmt: skip
            head = (f"HTTP/1.1 {status} \r\nConnection: close\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n")  # fmt: skip
            self.transport.write(head.encode() + body)
        self.transport.close()
