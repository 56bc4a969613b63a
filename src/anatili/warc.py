"""Web archive files: reading that survives what the web and broken disks put into them, and writing.

A damaged gzip member, a record longer than allowed or one that inflates past its limit costs that record, never the
file: it is told to the caller as `Broken` and reading goes on at the next member.
"""

import base64
import contextlib
import hashlib
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

MEMBER = b"\x1f\x8b\x08"
UNDATED = "1970-01-01T00:00:00Z"
"""The date of records without one: the standard wants a date, and equal files want the same."""
COMPRESSION = 3
"""Of what we write: a quarter of the time of 9 for a tenth more bytes."""
HEAD_ROOM = 100_000
"""Bytes that HTTP headers may take beside the page."""
DECODED = {"content-encoding", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Page:
    """One captured answer. `payload` is unpacked; `headers` have lower-case names, repeated ones joined by ", "."""

    url: str
    time: str
    payload: bytes
    status: int = 200
    mime: str = "text/html"
    charset: str = ""
    """As declared by the HTTP header."""
    headers: dict[str, str] = field(default_factory=dict)
    record_id: str = ""
    is_text: bool = False
    """Whether it is extracted text already (a WET `conversion` record)."""
    rule: str = ""
    """By which rule the gate admitted it, "" if it was not asked."""


@dataclass(frozen=True)
class Broken:
    """A record that could not be used."""

    url: str
    reason: str
    detail: str = ""


@dataclass(slots=True)
class Sifted:
    """A page that the gate left out."""

    url: str


Admits = Callable[[bytes, Callable[[], str]], str]
"""A gate: given a payload and what gives its HTTP charset, the name of a rule, "" to leave the page out."""


def read_pages(path: Path | BinaryIO, max_bytes: int, admits: Admits | None = None) -> Iterator[Page | Broken | Sifted]:
    """Pages of a WARC or WET file or stream (plain, gzip, zstd, lz4), in order; what cannot be used comes as `Broken`,
    what `admits` leaves out as `Sifted`.

    `max_bytes` bounds a page after unpacking; longer ones are skipped without being held in memory.
    """
    with path.open("rb") if isinstance(path, Path) else contextlib.nullcontext(path) as file:
        start: int | None = 0
        while start is not None:
            file.seek(start)
            last = _Position(start)
            try:
                yield from _read_from(file, max_bytes, last, admits)
                return
            except (OSError, ValueError) as error:
                if not last.given:
                    yield Broken(last.url, "damaged record", f"byte {last.offset}: {error}")
                # Otherwise the damage lies behind a good record: it is met again, and told, at the next member.
                start = next_member(file, last.offset + 1)


@dataclass
class _Position:
    offset: int
    url: str = ""
    given: bool = False
    """Whether the record there was handed on whole."""


def _read_from(
    file: BinaryIO, max_bytes: int, last: _Position, admits: Admits | None
) -> Iterator[Page | Broken | Sifted]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    wanted = WarcRecordType.response | WarcRecordType.conversion | WarcRecordType.resource
    for record in ArchiveIterator(file, record_types=wanted, parse_http=False, fsspec_args=False):
        url = (record.headers.get("WARC-Target-URI") or "").strip("<>")
        last.offset, last.url, last.given = record.stream_pos, url, False
        said = record.content_length
        if not said and not (record.headers.get("Content-Length") or "").isdigit():
            last.given = True
            yield Broken(url, "truncated", "no Content-Length")
            continue
        if said > max_bytes + HEAD_ROOM:
            last.given = True
            yield Broken(url, "too large", f"{said} bytes")
            continue
        found = _page(record, url, max_bytes, admits)
        last.given = True
        yield found


def _page(record: Any, url: str, max_bytes: int, admits: Admits | None) -> Page | Broken | Sifted:
    packed = False
    try:
        if record.is_http:
            record.parse_http(auto_decode="all")
            packed = bool(record.http_headers.get("Content-Encoding") or record.http_headers.get("Transfer-Encoding"))
        # Only an encoded body can be longer than its record; a bounded read costs a buffer of the bound (109 us).
        size = record.content_length
        payload = record.reader.read(max_bytes + 1) if packed else record.reader.read()
    except ValueError as error:
        return Broken(url, "damaged page", str(error))
    except OSError as error:
        if not packed:
            raise  # the archive itself is damaged here
        return Broken(url, "damaged page", str(error))
    if not packed and len(payload) != size:
        return Broken(url, "truncated", f"{len(payload)} of {size} bytes")
    if len(payload) > max_bytes:
        return Broken(url, "too large", f"inflates past {max_bytes} bytes")
    rule = admits(payload, lambda: record.http_charset or "") if admits else ""
    if admits and not rule:
        return Sifted(url)
    facts: dict[str, Any] = {
        "url": url,
        "time": (record.headers.get("WARC-Date") or "").replace(UNDATED, ""),
        "record_id": record.headers.get("WARC-Record-ID", "").strip("<>"),
        "rule": rule,
    }
    if not record.is_http:
        is_text = str(record.record_type) == "conversion"
        mime = "text/plain" if is_text else record.headers.get("Content-Type", "").split(";")[0].strip().lower()
        return Page(payload=payload, mime=mime, is_text=is_text, **facts)
    headers: dict[str, str] = {}
    for name, value in record.http_headers.astuples():
        low = name.lower()
        if low in DECODED:
            continue  # the payload is unpacked already
        headers[low] = f"{headers[low]}, {value}" if low in headers else value
    return Page(
        payload=payload,
        status=record.http_headers.status_code or 0,
        mime=(record.http_content_type or "").lower(),
        charset=record.http_charset or "",
        headers=headers,
        **facts,
    )


def next_member(file: BinaryIO, start: int) -> int | None:
    """Offset of the next gzip member that begins a WARC record, at `start` or after; `None` if there is none."""
    size, overlap = 1 << 20, len(MEMBER) - 1
    while True:
        file.seek(start)
        block = file.read(size)
        at = block.find(MEMBER)
        while at >= 0:
            file.seek(start + at)
            if _begins_record(file.read(4096)):
                return start + at
            at = block.find(MEMBER, at + 1)
        if len(block) < size:
            return None
        start += size - overlap


def _begins_record(data: bytes) -> bool:
    try:
        return zlib.decompressobj(31).decompress(data, 5) == b"WARC/"
    except zlib.error:
        return False


class WarcFile:
    """Writes pages as gzip members of their own, byte for byte the same for the same pages."""

    def __init__(self, stream: BinaryIO, info: dict[str, str] | None = None) -> None:
        """`info` is kept in a leading `warcinfo` record."""
        from fastwarc.stream_io import GzipWriter

        self.gzip = GzipWriter(stream, compression_level=COMPRESSION)
        if info:
            body = "".join(f"{key}: {value}\r\n" for key, value in info.items()).encode()
            self._write("warcinfo", {"Content-Type": "application/warc-fields"}, body)

    def write(self, page: Page) -> None:
        headers = {"WARC-Target-URI": page.url, "WARC-Date": page.time}
        if page.record_id:
            headers["WARC-Record-ID"] = f"<{page.record_id}>"
        if page.is_text:
            self._write("conversion", headers | {"Content-Type": "text/plain"}, page.payload)
            return
        kept = dict(page.headers)
        kind = page.mime + (f"; charset={page.charset}" if page.charset else "")
        kept.setdefault("content-type", kind)
        lines = [f"HTTP/1.1 {page.status}", *(f"{name}: {value}" for name, value in kept.items())]
        head = "\r\n".join(lines).encode("utf-8", "replace")
        self._write(
            "response",
            headers | {"Content-Type": "application/http; msgtype=response"},
            head + b"\r\n\r\n" + page.payload,
            {"WARC-Payload-Digest": sha1(page.payload)},
        )

    def _write(self, kind: str, headers: dict[str, str], body: bytes, digests: dict[str, str] | None = None) -> None:
        from fastwarc.warc import WarcRecord, WarcRecordType

        record = WarcRecord()
        headers = {"WARC-Date": UNDATED} | {name: value for name, value in headers.items() if value}
        # An id made from the content: the same pages give the same file. Digests are no part of it.
        own_id = uuid.UUID(bytes=hashlib.sha256(repr(headers).encode() + body).digest()[:16])
        record.init_headers(record_type=getattr(WarcRecordType, kind), record_urn=f"uuid:{own_id}".encode())
        for name, value in (headers | (digests or {}) | {"WARC-Block-Digest": sha1(body)}).items():
            record.headers[name] = value
        record.set_bytes_content(body)
        record.write(self.gzip)
        self.gzip.finish()

    def close(self) -> None:
        self.gzip.close()


def sha1(data: bytes) -> str:
    """A digest as web archives write it; it tells damage, not forgery."""
    return "sha1:" + base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


def read_info(path: Path) -> dict[str, str]:
    """The fields of a file's leading `warcinfo` record."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    with path.open("rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.warcinfo, parse_http=False, fsspec_args=False):
            lines = record.reader.read(HEAD_ROOM).decode("utf-8", "replace").splitlines()
            return dict(line.split(": ", 1) for line in lines if ": " in line)
    return {}
