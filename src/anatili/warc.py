"""Web archive files: reading that survives what the web and broken disks put into them, and writing.

A damaged spot, a record longer than allowed, one whose length is wrong or that inflates past its limit costs that
record, never the file: it is told to the caller as `Broken` and reading goes on at the next record (see `resync`).
"""

import base64
import contextlib
import hashlib
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from anatili.packed import GZIP, ZSTD, DamagedError, unpack_body
from anatili.resync import HEAD_ROOM, MOST_LOOKS, Archive, Look, open_archive

UNDATED = "1970-01-01T00:00:00Z"
"""The date of records without one: the standard wants a date, and equal files want the same."""
COMPRESSION = 3
"""Of what we write: a quarter of the time of 9 for a tenth more bytes."""
CUT_SHORT = "archive cut short"
"""The reason where a file ends inside a record, or cannot be unpacked to its end: records may be lost behind it."""
TYPE = re.compile(r"[a-z][a-z-]{2,30}")
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
        done, told = 0, set[Broken]()
        try:
            for item in _read(open_archive(file), max_bytes, admits):
                if isinstance(item, Broken):
                    told.add(item)
                else:
                    done += 1
                yield item
        except SeveralError:
            for item in _read(Archive(file, as_one=True), max_bytes, admits):
                if isinstance(item, Broken):
                    if item not in told:
                        yield item
                elif done:
                    done -= 1
                else:
                    yield item


class SeveralError(Exception):
    """A member in the middle of the file holds more than one record: it must be read as one stream."""


@dataclass
class _Position:
    """The page record that was read last, at first where reading begins."""

    offset: int
    url: str = ""
    is_record: bool = False
    """Whether a record was met at all."""
    held: Page | Broken | Sifted | None = None
    """What it gave. It is handed on when the next record is found to begin where this one ends."""


def _read(archive: Archive, max_bytes: int, admits: Admits | None) -> Iterator[Page | Broken | Sifted]:
    start: int | None = archive.first
    is_cut = False
    while start is not None:
        last, trouble = _Position(start), ""
        try:
            yield from _read_from(archive, start, max_bytes, last, admits)
        except (OSError, ValueError) as error:
            trouble = str(error) or type(error).__name__
        told, start = _settle(archive, last, trouble)
        is_cut = is_cut or any(isinstance(item, Broken) and item.reason == CUT_SHORT for item in told)
        yield from told
    yield from (Broken("", "damaged record", detail) for detail in archive.skipped)
    if archive.trouble and not is_cut:
        yield Broken("", CUT_SHORT, archive.trouble)


def _read_from(
    archive: Archive, start: int, max_bytes: int, last: _Position, admits: Admits | None
) -> Iterator[Page | Broken | Sifted]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    kinds = WarcRecordType
    passed = set(map(int, (kinds.request, kinds.metadata, kinds.warcinfo, kinds.revisit, kinds.continuation)))
    strange = (int(kinds.unknown), int(kinds.no_type))  # fastwarc itself would leave out the second without a word
    stream, shift = archive.open(start)
    for record in ArchiveIterator(stream, parse_http=False, fsspec_args=False):
        if (kind := int(record.record_type)) in passed:
            continue
        if last.held is not None:
            yield last.held
        url = (record.headers.get("WARC-Target-URI") or "").strip("<>")
        last.offset, last.url, last.is_record, last.held = record.stream_pos + shift, url, True, None
        said = record.content_length
        if not said and not (record.headers.get("Content-Length") or "").isdigit():
            last.held = Broken(url, "truncated", "no Content-Length")
        elif said > max_bytes + HEAD_ROOM:
            last.held = Broken(url, "too large", f"{said} bytes")
            return  # its end is looked for by its member: a false length could make us read on to the end of the file
        elif kind in strange:
            name = record.headers.get("WARC-Type") or ""
            if TYPE.fullmatch(name):
                last.held, last.is_record = None, False
            else:  # types that we do not know are passed over; these are none
                last.held = Broken(url, "damaged record", f"WARC-Type is {name[:40]!r}")
        else:
            last.held = _page(record, url, max_bytes, admits)


def _settle(archive: Archive, last: _Position, trouble: str) -> tuple[list[Page | Broken | Sifted], int | None]:
    """What the last record is after all, what is lost behind it, and where reading goes on; `None` at the end."""
    look = archive.look(last.offset)
    is_odd = look.state in ("nothing", "end") or look.url not in ("", last.url)
    if look.state == "several" or (archive.magic and last.is_record and is_odd):
        raise SeveralError
    told: list[Page | Broken | Sifted] = []
    if last.held is not None:
        is_right = look.state == "whole" or (isinstance(last.held, Broken) and look.state != "cut")
        told.append(last.held if is_right else _broken(look, last.url))
    elif last.is_record or (look.state == "whole" and look.is_page and trouble):
        reason = CUT_SHORT if look.state == "cut" else "damaged record"
        told.append(Broken(last.url or look.url, reason, f"byte {last.offset}: {trouble}"))
    elif look.state not in ("whole", "end"):
        told.append(_broken(look, look.url))
    at = look.after if look.state in ("whole", "end") else archive.search(look.after)
    looks = 0
    while at is not None:
        look, looks = archive.look(at), looks + 1
        if look.state == "several":
            raise SeveralError
        if look.state == "end" or (not trouble and looks > MOST_LOOKS):
            return told, None
        if look.state == "whole" and look.is_page:
            return told, at
        if look.state != "whole":
            told.append(_broken(look, look.url))
        at = look.after if look.state == "whole" else archive.search(look.after)
    return told, None


def _broken(look: Look, url: str) -> Broken:
    return Broken(url, CUT_SHORT if look.state == "cut" else "damaged record", look.detail)


def _page(record: Any, url: str, max_bytes: int, admits: Admits | None) -> Page | Broken | Sifted:
    codings: list[str] = []
    if record.is_http:
        record.parse_http(auto_decode="none")
        codings = _codings(record.http_headers)
    size = record.content_length
    payload = record.reader.read()
    if len(payload) != size:
        return Broken(url, "truncated", f"{len(payload)} of {size} bytes")
    if codings or payload[:3] == GZIP or payload[:4] == ZSTD:
        try:
            payload = unpack_body(payload, codings, max_bytes)
        except DamagedError as error:
            return Broken(url, "damaged page", str(error))
        if len(payload) > max_bytes:
            return Broken(url, "too large", f"inflates past {max_bytes} bytes")
    elif len(payload) > max_bytes:
        return Broken(url, "too large", f"{len(payload)} bytes")
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


def _codings(headers: Any) -> list[str]:
    """By what the HTTP headers say that the body is packed, in the order in which that must be undone."""
    said = [headers.get(name) for name in ("Transfer-Encoding", "Content-Encoding")]
    if not any(said):
        return []
    lists = [[coding.strip() for coding in (value or "").lower().split(",")] for value in said]
    return [coding for codings in lists for coding in reversed(codings)]


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
