"""How many requests a client may send in a minute and in a day."""

import hashlib
import ipaddress
import struct
import threading
import time
from dataclasses import dataclass, field

ROWS, WAYS = 16_384, 8
"""Clients whose requests are counted at the same time. Each has one of WAYS rows; the longest unseen one gives way."""
ROW = struct.Struct("=Qdd")
"""A client's hash, the requests that it has left, and when they were last refilled."""
DAY = 86_400.0
NETWORK = 64
"""Bits of an IPv6 address that name a visitor: whoever has one address usually has all of its /64."""


@dataclass
class RateLimit:
    """A number of requests for each client in a time, 0 for no limit. A client may send them all at once."""

    most: int
    seconds: float = 60.0
    rows: bytearray = field(default_factory=lambda: bytearray(ROWS * ROW.size), repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def allows(self, client: str, most: int | None = None) -> bool:
        """Whether a client may send a request now; counts it. `most`: the client's own limit."""
        most = self.most if most is None else most
        if not most:
            return True
        with self.lock:
            row, hashed, left, now = self.look_up(client, most)
            allowed = left >= 1
            ROW.pack_into(self.rows, row, hashed, left - allowed, now)
        return allowed

    def is_spent(self, client: str) -> bool:
        """Whether a client has no requests left; counts nothing."""
        with self.lock:
            return self.look_up(client, self.most)[2] < 1

    def look_up(self, client: str, most: int) -> tuple[int, int, float, float]:
        """A client's row (or the one that it would take), its hash, the requests it has left, and the time."""
        hashed = int.from_bytes(hashlib.blake2b(client.encode("utf-8", "replace"), digest_size=8).digest(), "little")
        start, now = hashed % (ROWS // WAYS) * WAYS * ROW.size, time.monotonic()
        oldest, oldest_time = start, now
        for row in range(start, start + WAYS * ROW.size, ROW.size):
            known, left, updated = ROW.unpack_from(self.rows, row)
            if known == hashed and updated:
                return row, hashed, min(most, left + (now - updated) * most / self.seconds), now
            if updated < oldest_time:
                oldest, oldest_time = row, updated
        return oldest, hashed, float(most), now


def visitor_of(address: str) -> str:
    """The name under which an address is counted: IPv6 by its network."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), NETWORK), strict=False))
