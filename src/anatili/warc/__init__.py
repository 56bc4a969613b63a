"""Read and write web archives (WARC). Reading survives whatever the web and broken disks put into them.

Damage, a record that is too long, has a wrong length or inflates past the limit costs that record, never the file: the
caller gets it as `Broken`, and reading continues at the next record (see `resync`).
"""

import base64
import contextlib
import hashlib
import io
import re
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import deflate

from anatili.compression import BLOCK, GZIP, ZSTD, DamagedError, unpack_body
from anatili.data_errors import CUT_SHORT
from anatili.text import day_of
from anatili.warc.members import Member, charset_of, first_record, read_members
from anatili.warc.resync import HEAD_ROOM, MOST_LOOKS, Archive, RecordCheck, open_archive

UNDATED = "1970-01-01T00:00:00Z"
"""The date of records without one: the standard requires a date, and equal files need the same one."""
COMPRESSION = 1
"""Compression level for writing: libdeflate's first takes half the time of zlib-ng's third, for 3 to 4 % more bytes."""
WHOLE = 16 << 20
"""Bytes of the longest record that is packed at once; longer ones are packed block by block, without a copy of them."""
TYPE = re.compile(r"[a-z][a-z-]{2,30}")
DECODED = {"content-encoding", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Page:
    """A captured response. `payload` is unpacked; header names are lowercase, repeated headers are joined by ", "."""

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
    """Whether it is already extracted text (a WET `conversion` record)."""
    rule: str = ""
    """The rule by which the gate admitted it; "" if there was no gate."""


@dataclass(frozen=True)
class Broken:
    """A record that could not be used."""

    url: str
    reason: str
    detail: str = ""


@dataclass(slots=True)
class Sifted:
    """A page that the gate rejected."""

    url: str


Admits = Callable[[bytes | bytearray, Callable[[], str]], str]
"""A gate: takes a payload and a function for its HTTP charset; returns the name of a rule, or "" to reject."""


def read_pages(path: Path | BinaryIO, max_bytes: int, admits: Admits | None = None) -> Iterator[Page | Broken | Sifted]:
    """Pages of a WARC or WET file or stream (plain, gzip, zstd, lz4), in order. Unusable records are yielded as
    `Broken`, pages that `admits` rejects as `Sifted`.

    `max_bytes` limits the size of an unpacked page; longer ones are skipped without being read into memory.
    """
    with path.open("rb") if isinstance(path, Path) else contextlib.nullcontext(path) as file:
        yielded, reported = 0, set[Broken]()
        try:
            for item in _read_quickly(open_archive(file), max_bytes, admits):
                if isinstance(item, Broken):
                    reported.add(item)
                else:
                    yielded += 1
                yield item
        except SeveralError:
            archive = Archive(file, as_one=True)
            for item in _read(archive, archive.first, max_bytes, admits):
                if isinstance(item, Broken):
                    if item not in reported:
                        yield item
                elif yielded:
                    yielded -= 1
                else:
                    yield item


def _read_quickly(archive: Archive, max_bytes: int, admits: Admits | None) -> Iterator[Page | Broken | Sifted]:
    """What `_read` yields; members that hold one whole record are not parsed to be rejected."""
    start = archive.first
    if archive.magic == GZIP:
        for member in read_members(archive.file, start, max_bytes + HEAD_ROOM):
            if isinstance(member, int):
                start = member
                break
            if member.is_page:
                yield _page_of(member, max_bytes, admits)
        else:
            return
    yield from _read(archive, start, max_bytes, admits)


def _page_of(member: Member, max_bytes: int, admits: Admits | None) -> Page | Broken | Sifted:
    if not member.is_plain or len(member.body) > max_bytes:
        record = first_record(member.content)
        record.freeze()
        return _page(record, _address(record), max_bytes, admits)
    rule = admits(member.body, lambda: charset_of(member)) if admits else ""
    if admits and not rule:
        return Sifted(member.url)
    record = first_record(member.head)  # all of it but the body, which needs no parsing
    record.parse_http(auto_decode="none")
    return _made(record, _address(record), bytes(member.body), rule)


def _address(record: Any) -> str:
    return (record.headers.get("WARC-Target-URI") or "").strip("<>")


class SeveralError(Exception):
    """A member in the middle of the file has more than one record: the file must be read as one stream."""


@dataclass
class _Position:
    """The last page record that was read; at first, where reading begins."""

    offset: int
    url: str = ""
    is_record: bool = False
    """Whether there is a record at all."""
    held: Page | Broken | Sifted | None = None
    """What was read. It is yielded once the next record is found to begin where this one ends."""


def _read(archive: Archive, first: int, max_bytes: int, admits: Admits | None) -> Iterator[Page | Broken | Sifted]:
    """The items from the byte `first` on."""
    start: int | None = first
    is_cut = False
    while start is not None:
        last, trouble = _Position(start), ""
        try:
            yield from _read_from(archive, start, max_bytes, last, admits)
        except (OSError, ValueError) as error:
            trouble = str(error) or type(error).__name__
        items, start = _settle(archive, last, trouble)
        is_cut = is_cut or any(isinstance(item, Broken) and item.reason == CUT_SHORT for item in items)
        yield from items
    yield from (Broken("", "damaged record", detail) for detail in archive.skipped)
    if archive.trouble and not is_cut:
        yield Broken("", CUT_SHORT, archive.trouble)


def _read_from(
    archive: Archive, start: int, max_bytes: int, last: _Position, admits: Admits | None
) -> Iterator[Page | Broken | Sifted]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    types = WarcRecordType
    skipped = set(map(int, (types.request, types.metadata, types.warcinfo, types.revisit, types.continuation)))
    suspicious = (int(types.unknown), int(types.no_type))  # fastwarc itself would silently skip the second
    stream, shift = archive.open(start)
    for record in ArchiveIterator(stream, parse_http=False, fsspec_args=False):
        if (record_type := int(record.record_type)) in skipped:
            continue
        if last.held is not None:
            yield last.held
        url = _address(record)
        last.offset, last.url, last.is_record, last.held = record.stream_pos + shift, url, True, None
        length = record.content_length
        if not length and not (record.headers.get("Content-Length") or "").isdigit():
            last.held = Broken(url, "truncated", "no Content-Length")
        elif length > max_bytes + HEAD_ROOM:
            last.held = Broken(url, "too large", f"{length} bytes")
            return  # search for its end by its member: with a false length we could read to the end of the file
        elif record_type in suspicious:
            name = record.headers.get("WARC-Type") or ""
            if TYPE.fullmatch(name):
                last.held, last.is_record = None, False
            else:  # unknown types are skipped; this is not a type
                last.held = Broken(url, "damaged record", f"WARC-Type is {name[:40]!r}")
        else:
            last.held = _page(record, url, max_bytes, admits)


def _settle(archive: Archive, last: _Position, trouble: str) -> tuple[list[Page | Broken | Sifted], int | None]:
    """What the last record really is, what is lost after it, and where reading continues; None at the end."""
    look = archive.look(last.offset)
    is_odd = look.state in ("nothing", "end") or look.url not in ("", last.url)
    if look.state == "several" or (archive.magic and last.is_record and is_odd):
        raise SeveralError
    items: list[Page | Broken | Sifted] = []
    if last.held is not None:
        is_right = look.state == "whole" or (isinstance(last.held, Broken) and look.state != "cut")
        items.append(last.held if is_right else _broken(look, last.url))
    elif last.is_record or (look.state == "whole" and look.is_page and trouble):
        reason = CUT_SHORT if look.state == "cut" else "damaged record"
        items.append(Broken(last.url or look.url, reason, f"byte {last.offset}: {trouble}"))
    elif look.state not in ("whole", "end"):
        items.append(_broken(look, look.url))
    offset = look.after if look.state in ("whole", "end") else archive.search(look.after)
    looks = 0
    while offset is not None:
        look, looks = archive.look(offset), looks + 1
        if look.state == "several":
            raise SeveralError
        if look.state == "end" or (not trouble and looks > MOST_LOOKS):
            return items, None
        if look.state == "whole" and look.is_page:
            return items, offset
        if look.state != "whole":
            items.append(_broken(look, look.url))
        offset = look.after if look.state == "whole" else archive.search(look.after)
    return items, None


def _broken(look: RecordCheck, url: str) -> Broken:
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
    return _made(record, url, payload, rule)


def _made(record: Any, url: str, payload: bytes, rule: str) -> Page:
    """The page of a record whose headers are parsed."""
    facts: dict[str, Any] = {
        "url": url,
        "time": day_of((record.headers.get("WARC-Date") or "").replace(UNDATED, "")),
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
    """The codings of the body according to the HTTP headers, in the order in which they must be undone."""
    values = [headers.get(name) for name in ("Transfer-Encoding", "Content-Encoding")]
    if not any(values):
        return []
    lists = [[coding.strip() for coding in (value or "").lower().split(",")] for value in values]
    return [coding for codings in lists for coding in reversed(codings)]


class WarcFile:
    """Writes each page as a gzip member. The same pages always give the same bytes."""

    def __init__(self, stream: BinaryIO, info: dict[str, str] | None = None) -> None:
        """`info` is written to a leading `warcinfo` record."""
        self.stream = stream
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
        page_headers = dict(page.headers)
        content_type = page.mime + (f"; charset={page.charset}" if page.charset else "")
        page_headers.setdefault("content-type", content_type)
        lines = [f"HTTP/1.1 {page.status}", *(f"{name}: {value}" for name, value in page_headers.items())]
        head = "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n"
        self._write(
            "response",
            headers | {"Content-Type": "application/http; msgtype=response"},
            head,
            page.payload,
            digests={"WARC-Payload-Digest": sha1(page.payload)},
        )

    def _write(
        self, record_type: str, headers: dict[str, str], *block: bytes, digests: dict[str, str] | None = None
    ) -> None:
        from fastwarc.warc import WarcRecord, WarcRecordType

        record = WarcRecord()
        headers = {"WARC-Date": UNDATED} | {name: value for name, value in headers.items() if value}
        # The id is a hash of the content, so the same pages give the same file. Digests are not part of it.
        own_id = uuid.UUID(bytes=_digest("sha256", repr(headers).encode(), *block)[:16])
        record.init_headers(record_type=getattr(WarcRecordType, record_type), record_urn=f"uuid:{own_id}".encode())
        length = {"Content-Length": str(sum(map(len, block)))}
        for name, value in (headers | (digests or {}) | {"WARC-Block-Digest": sha1(*block)} | length).items():
            record.headers[name] = value
        head = io.BytesIO()
        record.headers.write(head)
        _pack(self.stream, head.getvalue(), *block, b"\r\n\r\n")

    def close(self) -> None:
        self.stream.flush()


def _pack(stream: BinaryIO, *parts: bytes) -> None:
    """Write the parts as one gzip member, without time or name."""
    if sum(map(len, parts)) <= WHOLE:
        stream.write(deflate.gzip_compress(b"".join(parts), COMPRESSION))
        return
    packer = zlib.compressobj(COMPRESSION, zlib.DEFLATED, 31)
    for part in parts:
        view = memoryview(part)
        for start in range(0, len(view), BLOCK):
            stream.write(packer.compress(view[start : start + BLOCK]))
    stream.write(packer.flush())


def _digest(algorithm: str, *parts: bytes) -> bytes:
    digest = hashlib.new(algorithm, usedforsecurity=False)
    for part in parts:
        digest.update(part)
    return digest.digest()


def sha1(*parts: bytes) -> str:
    """A digest in the format of web archives; it detects damage, not forgery."""
    return "sha1:" + base64.b32encode(_digest("sha1", *parts)).decode()


def read_info(path: Path) -> dict[str, str]:
    """The fields of a file's leading `warcinfo` record."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    with path.open("rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.warcinfo, parse_http=False, fsspec_args=False):
            lines = record.reader.read(HEAD_ROOM).decode("utf-8", "replace").splitlines()
            return dict(line.split(": ", 1) for line in lines if ": " in line)
    return {}
