"""The quick way through a gzipped web archive: each member unpacked at once, its record parsed by a few searches.

Only what is beyond doubt is decided here: one whole record in a whole member, of the common form. For everything else
the caller parses the record, or reads on as one reads damaged archives (see `warc` and `resync`).
"""

import contextlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, BinaryIO

import deflate

from anatili.compression import GZIP, ZSTD

WINDOW = 1 << 20
"""Bytes of the file that are read at a time."""
MOST_TRIES = 8
"""Places that may be tried as the end of a member: its packed bytes can contain the bytes that begin another."""
SHORTEST = 18
"""Bytes of the shortest member: ten of its header, eight of its trailer."""
BEGINS = rb"\x1f\x8b\x08"
"""Where a member may begin."""
HEADER, TRAILER = 10, 8
"""Bytes before and after the packed ones of a member that names no file."""
CONTENT_NAME, CONTENT_TYPE = b"\ncontent-type", b"\ncontent-type:"
VERSIONS = frozenset((b"WARC/1.0", b"WARC/1.1"))
NAMES = re.compile(rb"(?:[A-Za-z][\w-]{0,99}: )+")
FIELDS = {b"warc-type": "kind", b"warc-target-uri": "url", b"content-type": "mime", b"content-length": "length"}
TYPED = 24
"""First bytes of a record that tell its type where that is named first, as in most archives."""
MOST_LEARNED = 16
"""Patterns that are made for the headers of one file: more than there are types of records and orders of names."""
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
    window, heads = _Window(file, start), Heads()
    while True:
        offset = window.offset
        content = window.next_content(limit)
        if content is None and window.is_done:
            return
        member = _record(content, offset, heads) if content is not None else None
        if member is None:
            yield offset
            return
        yield member


class _Window:
    """A part of a file, from the member on that comes next."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self.file, self.base, self.content, self.at, self.is_last = file, start, b"", 0, False
        self.find: Callable[[bytes], list[int]] | None = None
        self.ends: list[int] = []
        """Where members begin, perhaps, and so where those before them end; the nearest one last."""

    @property
    def offset(self) -> int:
        """Where in the file the next member begins."""
        return self.base + self.at

    @property
    def is_done(self) -> bool:
        """Whether nothing comes any more."""
        return self.is_last and self.at == len(self.content)

    def next_content(self, limit: int) -> bytearray | None:
        """The unpacked content of the next member; None if there is none, or none that can be unpacked here."""
        tries = 0
        while True:
            if self.ends and tries < MOST_TRIES:
                end = self.ends.pop()
                if end < self.at + SHORTEST:
                    continue
                tries += 1
                if (content := _unpacked(self.content, self.at, end, limit)) is not None:
                    self.at = end
                    return content
            elif tries == MOST_TRIES or self.is_last or len(self.content) - self.at > limit + WINDOW:
                return None
            else:
                self._read_on()
                tries = 0
                if not self.content.startswith(GZIP):
                    return None

    def _read_on(self) -> None:
        """Let go of what was read, and read more."""
        rest = self.content[self.at :]
        self.file.seek(self.base + len(self.content))
        block = self.file.read(WINDOW)
        self.base, self.at, self.is_last = self.base + self.at, 0, len(block) < WINDOW
        self.content = rest + block
        # A short file, such as one page from an index, is not worth getting ready for.
        self.find = self.find or (_beginnings if self.is_last else _quick_beginnings())
        self.ends = [*([len(self.content)] if self.is_last else []), *reversed(self.find(self.content))]


def _beginnings(content: bytes) -> list[int]:
    """Where members may begin, in order. This search takes two thirds of the time of `bytes.find`."""
    return [match.start() for match in re.finditer(BEGINS, content)]


def _quick_beginnings() -> Callable[[bytes], list[int]]:
    """A function that does the same with hyperscan, where it is installed, in a fifth of the time."""
    try:
        import hyperscan
    except ImportError:
        return _beginnings
    database = hyperscan.Database()  # one for each file: it may not be used by two threads at once
    database.compile(expressions=[BEGINS], ids=[0], elements=1, flags=[0])

    def find(content: bytes) -> list[int]:
        ends: list[int] = []
        database.scan(content, match_event_handler=lambda number, start, end, *_: ends.append(end - len(GZIP)))
        return ends

    return find


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


def _record(content: bytearray, offset: int, heads: "Heads") -> Member | None:
    """The record that is the whole content of a member; None if it is anything else."""
    ends = content.find(b"\r\n\r\n") + 4
    facts = heads.fields(bytes(content[: max(0, ends - 4)]))
    length, kind = facts.get("length", b""), facts.get("kind", b"")
    if not length.isdigit() or len(length) > 12:
        return None
    if ends + int(length) + 4 != len(content) or not content.endswith(b"\r\n\r\n"):
        return None
    if kind in SKIPPED:
        return Member(offset, is_page=False)
    if kind not in TYPES:
        return None
    raw_url = facts.get("url", b"")
    url = raw_url.decode("ascii", "replace").strip("<>")
    is_http = kind == b"response" and facts.get("mime", b"").startswith(b"application/http")
    begins = content.find(b"\r\n\r\n", ends, len(content) - 4) + 4
    is_plain = is_http and raw_url.isascii() and begins > ends and is_common(content[ends:begins])
    if not is_plain:
        begins = ends
    headers = bytes(content[:begins])
    del content[:begins], content[-4:]  # shifts the ends instead of copying what is between
    is_plain = is_plain and not content.startswith((GZIP, ZSTD))
    return Member(offset, True, url, is_plain, headers, content)


class Heads:
    """Reads the headers of a file's records: with one match if their names are those of earlier ones of their type, in
    the same order."""

    def __init__(self) -> None:
        self.patterns: dict[bytes, re.Pattern[bytes]] = {}
        """First bytes of headers -> a pattern for headers that begin so."""
        self.learned = 0

    def fields(self, head: bytes) -> dict[str, bytes]:
        """What `_fields` says of the headers of a record."""
        pattern = self.patterns.get(head[:TYPED])
        if pattern and (match := pattern.fullmatch(head)) and head.count(b"\r") == head.count(b"\n"):
            return match.groupdict() if b"\0" not in head else {}
        facts = _fields(head)
        if facts and self.learned < MOST_LEARNED:
            self.patterns[head[:TYPED]] = _pattern(head)
            self.learned += 1
        return facts


def _pattern(head: bytes) -> re.Pattern[bytes]:
    """The headers that have the names of these, in their order; their FIELDS are its groups."""
    names = [line.partition(b": ")[0] for line in head.split(b"\r\n")[1:]]
    groups = [FIELDS.get(name.lower(), "") for name in names]
    values = [b"(?P<%s>.*)" % group.encode() if group else b".*" for group in groups]
    return re.compile(rb"WARC/1\.[01]" + b"".join(rb"\r\n%s: %s" % pair for pair in zip(names, values, strict=True)))


def _fields(head: bytes) -> dict[str, bytes]:
    """The FIELDS of a record with their values; none if its headers are not of the common form, or one comes twice."""
    # Without patterns but for the names: they take 15 nanoseconds a character.
    version, *lines = head.split(b"\r\n")
    parts = [line.partition(b": ") for line in lines]
    if version not in VERSIONS or not head.count(b"\n") == head.count(b"\r") == len(lines) or b"\0" in head:
        return {}
    return {name: parts[line][2] for name, line in _places(b"\n".join([name + sign for name, sign, _ in parts]))}


@lru_cache(1000)
def _places(names: bytes) -> tuple[tuple[str, int], ...]:
    """The FIELDS among the names of headers, one a line, each with the number of its line; none if a name is not of the
    common form, or one of FIELDS comes twice. The records of a crawl have the same names in a few orders."""
    lines = names.split(b"\n")
    if not NAMES.fullmatch(b"".join(lines)):
        return ()
    fields = [
        (FIELDS[name], number)
        for number, line in enumerate(lines)
        if (name := line.removesuffix(b": ").lower()) in FIELDS
    ]
    return tuple(fields) if len(dict(fields)) == len(fields) else ()


def is_common(headers: bytes | bytearray) -> bool:
    """Whether the headers of a response have the usual ends of lines and name no coding of the body."""
    low = headers.lower()
    is_coded = b"\ncontent-encoding" in low or b"\ntransfer-encoding" in low
    return not is_coded and low.count(b"\n") == low.count(b"\r\n")


def charset_of(member: Member) -> str:
    """The charset that the headers of a response declare. Its body is not needed for that, nor copied."""
    low = member.head.lower()
    if b"charset" not in low:
        return ""
    # Two headers have that name: the first is the record's own. No pattern: it would take ten times as long.
    own = low.find(CONTENT_TYPE)
    answer = low.find(CONTENT_TYPE, own + 1)
    if own < 0 or answer < 0 or low.count(CONTENT_NAME) != 2:
        return _declared_charset(member.head)
    # The same few lines come again and again.
    return _charset_in(member.head[answer + 1 : low.find(b"\r", answer)])


@lru_cache(1000)
def _charset_in(line: bytes) -> str:
    """The charset in a line with a content type."""
    http = b"HTTP/1.1 200 OK\r\n" + line + b"\r\n\r\n"
    head = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\nContent-Length: %d\r\n\r\n"
    return _declared_charset(head % len(http) + http)


def _declared_charset(head: bytes) -> str:
    record = first_record(head)
    record.parse_http(auto_decode="none")
    return record.http_charset or ""


def first_record(content: bytes) -> Any:
    from fastwarc.warc import ArchiveIterator

    return next(iter(ArchiveIterator(io.BytesIO(content), parse_http=False, fsspec_args=False)))
