"""Who uses a server and what fails, counted for its operator. It has no text of a user and no address."""

import hashlib
import secrets
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

MAX_FAILURES = 50
MAX_VISITORS = 100_000
"""Visitors that are told apart in a day."""


@dataclass
class Activity:
    """Who used the server since midnight (UTC), and what failed since it was started. Used in the event loop only."""

    started: float = field(default_factory=time.time)
    day: date = field(default_factory=lambda: datetime.now(UTC).date())
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    visitors: set[bytes] = field(default_factory=set)
    """Salted hashes of addresses; both are forgotten at midnight."""
    requests: Counter[str] = field(default_factory=Counter)
    """Holder of a key, "" for visitors -> requests today."""
    refused: Counter[str] = field(default_factory=Counter)
    """The same for requests over a limit."""
    statuses: Counter[int] = field(default_factory=Counter)
    failures: deque[dict[str, str]] = field(default_factory=lambda: deque(maxlen=MAX_FAILURES))

    def note(self, holder: str, address: str, status: int) -> None:
        """Count a request."""
        today = datetime.now(UTC).date()
        if today != self.day:
            self.day, self.salt = today, secrets.token_bytes(16)
            for counts in (self.visitors, self.requests, self.refused, self.statuses):
                counts.clear()
        self.requests[holder] += 1
        self.statuses[status] += 1
        if status == 429:
            self.refused[holder] += 1
        if not holder and len(self.visitors) < MAX_VISITORS:
            self.visitors.add(hashlib.blake2b(address.encode(), digest_size=8, key=self.salt).digest())

    def note_failure(self, fields: dict[str, str]) -> None:
        """Remember an error inside the server: its request's id and route, its kind, and where it was raised."""
        self.failures.append({"time": datetime.now(UTC).isoformat(timespec="seconds"), **fields})

    def summary(self) -> dict[str, Any]:
        return {
            "day": self.day.isoformat(),
            "uptime_seconds": int(time.time() - self.started),
            "visitors": len(self.visitors),
            "visitor_requests": self.requests[""],
            "visitor_requests_over_limit": self.refused[""],
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "failures": list(self.failures),
        }
