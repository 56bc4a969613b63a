"""The quick way through a gzipped web archive: each member unpacked at once, its record told apart by a few searches.

Only what is beyond doubt is decided here: one whole record in a whole member, of the common form. For everything else
the caller parses the record, or reads on as one reads damaged archives (see `warc` and `resync`).
"""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import BinaryIO

import deflate

from anatili.packed import GZIP, ZSTD

WINDOW = 1 << 20
"""Bytes of the file that are read at a time."""
MOST_TRIES = 8
"""Places that may be tried as the end of a member: its packed bytes can contain the bytes that begin another."""
SHORTEST = 18
"""Bytes of the shortest member: ten of its header, eight of its trailer."""
BEGINS = re.compile(re.escape(GZIP))
"""Where a member may begin: this search takes two thirds of the time of `bytes.find`."""
HEADER, TRAILER = 10, 8
"""Bytes before and after the packed ones of a member that names no file."""
VERSIONS = frozenset((b"WARC/1.0", b"WARC/1.1"))
NAMES = re.compile(rb"(?:[A-Za-z][\w-]{0,99}: )+")
FIELDS = frozenset((b"warc-type", b"warc-target-uri", b"content-type", b"content-length"))
TYPES = frozenset((b"response", b"conversion", b"resource"))
SKIPPED = frozenset((b"request", b"metadata", b"warcinfo", b"revisit", b"continuation"))


@dataclass(slots=True)
class Member:
    """A member that holds one whole record."""

    offset: int
    is_page: bool
    """Whether it can be a page; other records are of no use to anybody who wants pages."""
    url: str = ""
    is_plain: bool = False
    """Whether it is a response of the common form, whose body is not packed again; others must be parsed."""
    head: bytes = b""
    """The headers of the record, and if it is plain those of the response too."""
    body: bytearray = field(default_factory=bytearray)
    """What follows the headers."""

    @property
    def content(self) -> bytes:
        """The record as it is when unpacked."""
        return b"".join((self.head, self.body, b"\r\n\r\n"))


def read_members(file: BinaryIO, start: int, limit: int) -> Iterator[Member | int]:
    """The members from `start` on as long as each holds one whole record and at most `limit` bytes. If one does not,
    its offset comes last: from there on the file must be read in another way."""
    window, base, at, is_last = b"", start, 0, False
    file.seek(start)
    while True:
        content, end = _first_member(window, at, limit, is_last)
        if content is None and end < 0 and not is_last and len(window) - at <= limit + WINDOW:
            file.seek(base + len(window))
            block = file.read(WINDOW)
            window, base, at, is_last = window[at:] + block, base + at, 0, len(block) < WINDOW
            continue
        if is_last and at == len(window):
            return
        member = _record(content, base + at) if content is not None else None
        if member is None:
            yield base + at
            return
        yield member
        at = end


def _first_member(window: bytes, at: int, limit: int, is_last: bool) -> tuple[bytearray | None, int]:
    """The unpacked member at `at` and where it ends. None with -1 if more of the file is needed, with 0 if it cannot be
    unpacked here."""
    if not window.startswith(GZIP, at):
        return None, -1 if at + len(GZIP) > len(window) else 0
    for end in islice(_ends(window, at, is_last), MOST_TRIES):
        if end < 0:
            return None, -1
        if (content := _unpacked(window, at, end, limit)) is not None:
            return content, end
    return None, 0


def _ends(window: bytes, at: int, is_last: bool) -> Iterator[int]:
    """Where the member at `at` may end, -1 if more of the file is needed."""
    # Most begin with the same bytes as the one before: a search for ten takes half the time of one for three.
    if (likely := window.find(window[at : at + HEADER], at + SHORTEST)) > 0:
        yield likely
    for match in BEGINS.finditer(window, at + SHORTEST):
        yield match.start()
    yield len(window) if is_last else -1


def _unpacked(window: bytes, at: int, end: int, limit: int) -> bytearray | None:
    """The unpacked member from `at` to `end`; None if it does not end there or is longer than `limit`."""
    size = int.from_bytes(window[end - 4 : end], "little")
    if size > limit or end - at < SHORTEST:
        return None
    view = memoryview(window)
    with contextlib.suppress(deflate.DeflateError):
        if window[at + 3]:  # a name or more in its header
            content = deflate.gzip_decompress(view[at:end], size)
        else:
            content = deflate.deflate_decompress(view[at + HEADER : end - TRAILER], size)
        # libdeflate ignores what follows a member, so its checksum must stand where it is taken to end.
        if deflate.crc32(content).to_bytes(4, "little") == window[end - TRAILER : end - 4] and len(content) == size:
            return content
    return None


def _record(content: bytearray, offset: int) -> Member | None:
    """The record that is the whole content of a member; None if it is anything else."""
    ends = content.find(b"\r\n\r\n") + 4
    facts = _fields(bytes(content[: max(0, ends - 4)]))
    length, kind = facts.get(b"content-length", b""), facts.get(b"warc-type", b"")
    if not length.isdigit() or len(length) > 12:
        return None
    if ends + int(length) + 4 != len(content) or not content.endswith(b"\r\n\r\n"):
        return None
    if kind in SKIPPED:
        return Member(offset, is_page=False)
    if kind not in TYPES:
        return None
    raw_url = facts.get(b"warc-target-uri", b"")
    url = raw_url.decode("ascii", "replace").strip("<>")
    is_http = kind == b"response" and facts.get(b"content-type", b"").startswith(b"application/http")
    begins = content.find(b"\r\n\r\n", ends, len(content) - 4) + 4
    is_plain = is_http and raw_url.isascii() and begins > ends and is_common(content[ends:begins])
    if not is_plain:
        begins = ends
    headers = bytes(content[:begins])
    del content[:begins], content[-4:]  # shifts the ends instead of copying what is between
    is_plain = is_plain and not content.startswith((GZIP, ZSTD))
    return Member(offset, True, url, is_plain, headers, content)


def _fields(head: bytes) -> dict[bytes, bytes]:
    """The FIELDS of a record with their values; none if its headers are not of the common form, or one comes twice."""
    # Without patterns but for the names: they take 15 nanoseconds a character.
    version, *lines = head.split(b"\r\n")
    parts = [line.partition(b": ") for line in lines]
    if version not in VERSIONS or not head.count(b"\n") == head.count(b"\r") == len(lines) or b"\0" in head:
        return {}
    return {name: parts[line][2] for name, line in _places(b"\n".join([name + sign for name, sign, _ in parts]))}


@lru_cache(1000)
def _places(names: bytes) -> tuple[tuple[bytes, int], ...]:
    """The FIELDS among the names of headers, one a line, each with the number of its line; none if a name is not of the
    common form, or one of FIELDS comes twice. The records of a crawl have the same names in a few orders."""
    lines = names.split(b"\n")
    if not NAMES.fullmatch(b"".join(lines)):
        return ()
    fields = [(name, number) for number, line in enumerate(lines)
              if (name := line.removesuffix(b": ").lower()) in FIELDS]  # fmt: skip
    return tuple(fields) if len(dict(fields)) == len(fields) else ()


def is_common(headers: bytes | bytearray) -> bool:
    """Whether the headers of a response have the usual ends of lines and name no coding of the body."""
    low = headers.lower()
    is_coded = b"\ncontent-encoding" in low or b"\ntransfer-encoding" in low
    return not is_coded and low.count(b"\n") == low.count(b"\r\n")
