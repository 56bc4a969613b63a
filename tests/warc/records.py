"""Records of a web archive, with bodies that look random."""

import random

COUNT = 40
GENERATOR = random.Random(1)
BODIES = [GENERATOR.randbytes(400).hex().encode() for _ in range(COUNT)]


def record(number: int, *, length: int | None = None, kind: str = "response", body: bytes | None = None) -> bytes:
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + (BODIES[number] if body is None else body)
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: https://a.example/{number}\r\n"
        f"WARC-Date: 2026-01-01T00:00:00Z\r\nWARC-Record-ID: <urn:uuid:{number}>\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http) if length is None else length}"
    )
    return head.encode() + b"\r\n\r\n" + http + b"\r\n\r\n"


RECORDS = [record(n) for n in range(COUNT)]
