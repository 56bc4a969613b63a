"""How fast a server is asked: a pause between two requests, a rate with short bursts, and the waits it asks for."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

BURST = 5.0
"""Requests that may follow each other at once after a time without any."""


@dataclass
class Bucket:
    """The requests that a host may be sent at once (`tokens`), at the time `filled`; none before `free`."""

    tokens: float
    filled: float
    free: float = 0.0


@dataclass
class Pace:
    """A token bucket for each host; threads share it. `rate`: requests a second, 0 for no limit."""

    rate: float = 0.0
    clock: Callable[[], float] = time.monotonic
    _buckets: dict[str, Bucket] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, host: str, pause: float, *, has_rate: bool = True) -> float:
        """Reserve a request to `host`, at least `pause` seconds after the one before; the seconds to wait for it.

        Without `has_rate` only the pause and what the host asked for hold."""
        with self._lock:
            now = self.clock()
            bucket = self._buckets.setdefault(host, Bucket(BURST, now))
            start = max(now, bucket.free)
            if self.rate and has_rate:
                bucket.tokens = min(BURST, bucket.tokens + (start - bucket.filled) * self.rate)
                if bucket.tokens < 1:
                    start += (1 - bucket.tokens) / self.rate
                    bucket.tokens = 1.0
                bucket.tokens, bucket.filled = bucket.tokens - 1, start
            bucket.free = start + pause
            return start - now

    def hold(self, host: str, seconds: float) -> None:
        """No request to `host` for some seconds: it asked for that, and this holds for all threads."""
        with self._lock:
            now = self.clock()
            bucket = self._buckets.setdefault(host, Bucket(BURST, now))
            bucket.free = max(bucket.free, now + seconds)
