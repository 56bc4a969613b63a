"""Resynchronization: where reading a damaged web archive continues, in any format, and what was lost."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from anatili.compression import (
    DICTIONARY,
    GZIP,
    LZ4,
    PADDING,
    ZSTD,
    CutError,
    DamagedError,
    FileSlice,
    Unpacked,
    after_skippable,
    dictionary_of,
    next_member,
    size_of,
    unpack,
)

HEAD_ROOM = 100_000
"""Highest size in bytes of the headers of a record or of the response in it."""
HEADER = re.compile(rb"WARC/1\.\d{1,2}\r?\n[A-Za-z][\w-]{2,40}:")
FIELD = re.compile(rb"^(WARC-Target-URI|WARC-Type|Content-Length):[ \t]*([^\r\n]*)", re.I | re.M)
INNER = re.compile(rb"\r\n\r\nWARC/1\.\d{1,2}\r\n[A-Za-z][\w-]{2,40}:")
INNER_MOST = 64 << 20
"""Bytes of a damaged member that are searched for further records."""
TYPES = (b"response", b"conversion", b"resource")
"""Types of records that are pages."""
MOST_LOOKS = 100
"""Records that are checked after the last page of an undamaged file."""


@dataclass(frozen=True)
class RecordCheck:
    """What is at an offset: a complete record or an incomplete one, and where to look next."""

    state: Literal["whole", "wrong length", "cut", "damaged", "nothing", "several", "end"]
    """`nothing`: not even the start of a member. `several`: the member has more than one record, so records have no
    offsets of their own."""
    after: int
    """Where the next record should begin if this one is whole; where to start searching for one if not."""
    url: str = ""
    is_page: bool = False
    detail: str = ""


@dataclass(frozen=True)
class Head:
    """The headers of a record. `length` is -1 if Content-Length is not a number."""

    size: int
    url: str
    is_page: bool
    length: int


class Archive:
    """A file of records with access by offset: members of a packed file, or plain bytes."""

    def __init__(self, file: BinaryIO, *, as_one: bool = False) -> None:
        """`as_one`: read all members as one plain stream."""
        self.file, self.first, self.dictionary = file, 0, dictionary_of(file)
        self.magic = self._magic()
        self.stream: Any = file
        if as_one or self.magic == LZ4:
            self.stream = Unpacked(file, self.magic, self.dictionary)
            self.magic, self.first = b"", 0

    def _magic(self) -> bytes:
        """The magic bytes of its members; b"" if it is not packed."""
        self.file.seek(0)
        head = self.file.read(8)
        if head[:4] in (ZSTD, DICTIONARY):
            self.first = len(self.dictionary)
            return ZSTD
        known = next((magic for magic in (GZIP, LZ4) if head.startswith(magic)), b"")
        if known or head.startswith(b"WARC/"):
            return known
        # The start itself is damaged: use the first format that is found.
        offsets = {magic: next_member(self.file, 0, magic, self.dictionary, b"WARC/") for magic in (GZIP, ZSTD)}
        offsets[b""] = next_header(self.file, 0)
        present = {magic: offset for magic, offset in offsets.items() if offset is not None}
        return min(present, key=present.__getitem__) if present else b""

    @property
    def trouble(self) -> str:
        """Why the rest of the file could not be unpacked; "" if it could."""
        return self.stream.trouble if isinstance(self.stream, Unpacked) else ""

    @property
    def skipped(self) -> list[str]:
        """Earlier members that could not be unpacked to their ends; some of their records may be missing."""
        reasons = list(self.stream.skipped.values()) if isinstance(self.stream, Unpacked) else []
        return [reason for reason in reasons if reason != self.trouble]

    def open(self, start: int) -> tuple[Any, int]:
        """A stream of the records from `start` on, and the number to add to its offsets."""
        if self.dictionary and self.magic:
            return FileSlice(self.file, start, before=self.dictionary), start - len(self.dictionary)
        self.stream.seek(start)
        return self.stream, 0

    def search(self, start: int) -> int | None:
        """Offset of the next record, at `start` or after."""
        if self.magic:
            return next_member(self.file, start, self.magic, self.dictionary, b"WARC/")
        return next_header(self.stream, start)

    def look(self, at: int) -> RecordCheck:
        """What is at an offset, read to its end."""
        if not self.magic:
            return self._look_plain(at)
        look = self._look_packed(at)
        # If the first of several records is the damaged one, the headers of the others show it.
        is_odd = look.state in ("wrong length", "damaged", "cut") and self._holds_others(at)
        return RecordCheck("several", look.after) if is_odd else look

    def _holds_others(self, at: int) -> bool:
        data, length = b"", 0
        try:
            for block in unpack(self.file, at, self.magic, self.dictionary):
                if INNER.search(data + block):
                    return True
                data, length = block[-64:], length + len(block)
                if length > INNER_MOST:
                    break
        except DamagedError:
            pass
        return False

    def _look_plain(self, at: int) -> RecordCheck:
        self.stream.seek(at)
        data = read_exactly(self.stream, HEAD_ROOM)
        at += len(data) - len(data := data.lstrip(b"\r\n"))
        if HEADER.match(data) is None:
            if not data.strip(PADDING):
                return RecordCheck("end", at)
            if len(data) < 64 and is_header(data):
                return RecordCheck("cut", at + 1, detail=f"byte {at}: the file ends inside a record")
            return RecordCheck("damaged", at + 1, address_in(data[:4000]), detail=f"byte {at}: no record begins here")
        head = parse_head(data)
        if head is None:
            state: Literal["cut", "damaged"] = "cut" if len(data) < HEAD_ROOM // 2 else "damaged"
            return RecordCheck(state, at + 1, detail=f"byte {at}: the headers do not end")
        if head.length < 0:
            return RecordCheck("damaged", at + head.size, head.url, head.is_page, f"byte {at}: no Content-Length")
        end = at + head.size + head.length
        self.stream.seek(max(at, end - 1))
        tail = read_exactly(self.stream, 5)
        wrong = f"byte {at}: Content-Length is {head.length}, which is wrong"
        if not tail:
            is_cut = self.search(at + head.size) is None
            return RecordCheck("cut" if is_cut else "wrong length", at + head.size, head.url, head.is_page, wrong)
        if tail[1:].strip(b"\r\n") and not tail[1:].startswith((b"\r\n", b"\n")):
            return RecordCheck("wrong length", at + head.size, head.url, head.is_page, wrong)
        return RecordCheck("whole", end, head.url, head.is_page)

    def _look_packed(self, at: int) -> RecordCheck:
        at = self._after_padding(at)
        if at >= size_of(self.file):
            return RecordCheck("end", at)
        self.file.seek(at)
        if not self.file.read(4).startswith(self.magic):
            return RecordCheck("nothing", at + 1, detail=f"byte {at}: no record begins here")
        head, data, length, record_size = None, b"", 0, 0
        blocks = _Blocks(unpack(self.file, at, self.magic, self.dictionary))
        rest = b""
        try:
            for block in blocks:
                before, length = length, length + len(block)
                if head is None:
                    before, data = 0, data + block
                    block, head = data, parse_head(data)
                    record_size = head.size + max(0, head.length) if head else 0
                    if head is None and (length > HEAD_ROOM or not is_header(data)):
                        break
                if head and length > record_size and len(rest) < 16:
                    rest += block[max(0, record_size - before) :][:16]
        except DamagedError as error:
            if head is None or length < record_size:
                is_cut = isinstance(error, CutError) and self.search(at + 1) is None
                url, is_page = (head.url, head.is_page) if head else (address_in(data), False)
                return RecordCheck("cut" if is_cut else "damaged", at + 1, url, is_page, f"byte {at}: {error}")
            blocks.end = self.search(at + 1) or size_of(self.file)  # only the checksum is missing
        if head is None or not is_header(data):
            after, url = blocks.end or at + 1, address_in(data[:4000])
            return RecordCheck("damaged", after, url, detail=f"byte {at}: a member without a record")
        return self._judge(at, blocks.end, head, length, rest)

    def _judge(self, at: int, end: int, head: Head, length: int, rest: bytes) -> RecordCheck:
        """Whether the record in an unpacked member fills it."""
        if head.length < 0:
            return RecordCheck("damaged", end, head.url, head.is_page, f"byte {at}: no Content-Length")
        if rest.lstrip(b"\r\n").startswith(b"WARC/"):
            return RecordCheck("several", end)
        if length < head.size + head.length or rest.strip(PADDING):
            detail = f"byte {at}: Content-Length is {head.length}, which is wrong"
            return RecordCheck("wrong length", end, head.url, head.is_page, detail)
        return RecordCheck("whole", end, head.url, head.is_page)

    def _after_padding(self, at: int) -> int:
        """The first offset, at `at` or after, that is not padding: zeros to the end, or a skippable frame."""
        at = after_skippable(self.file, at) if self.magic == ZSTD else at
        self.file.seek(at)
        head = self.file.read(8)
        if head.strip(PADDING) or not head:
            return at
        start = at
        while block := self.file.read(1 << 20):
            if block.strip(PADDING):
                return start
        return size_of(self.file)


def open_archive(file: BinaryIO) -> Archive:
    """The file by records; as one stream if its first member has several."""
    archive = Archive(file)
    if archive.magic and archive.look(archive.first).state == "several":
        return Archive(file, as_one=True)
    return archive


class _Blocks:
    """The blocks of a member; `end` is where it ends, once all blocks were read."""

    def __init__(self, blocks: Any) -> None:
        self.blocks, self.end = blocks, 0

    def __iter__(self) -> Iterator[bytes]:
        self.end = yield from self.blocks


def is_header(data: bytes) -> bool:
    """Whether the bytes could be the beginning of a record's headers."""
    return bool(HEADER.match(data)) if len(data) >= 64 else data.startswith(b"WARC/"[: len(data)])


def parse_head(data: bytes) -> Head | None:
    """The headers of the record that begins here; None if they do not end."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    fields = {name.lower(): value for name, value in reversed(FIELD.findall(data[:end]))}
    length = fields.get(b"content-length", b"").strip()
    url = fields.get(b"warc-target-uri", b"").strip(b"<> ").decode("utf-8", "replace")
    is_page = fields.get(b"warc-type", b"").strip().lower() in TYPES
    return Head(end + 4, url, is_page, int(length) if length.isdigit() and len(length) < 19 else -1)


def address_in(data: bytes) -> str:
    """The address in damaged headers, if it can be read."""
    addresses = (value for name, value in FIELD.findall(data) if name.lower() == b"warc-target-uri")
    return next(addresses, b"").strip(b"<> ").decode("utf-8", "replace")


def next_header(stream: Any, start: int) -> int | None:
    """Offset of the next record headers in plain bytes, at `start` or after."""
    size, overlap = 1 << 16, 64
    while True:
        stream.seek(start)
        block = read_exactly(stream, size)
        match = HEADER.search(block)
        if match and (match.end() < len(block) or len(block) < size):
            return start + match.start()
        if len(block) < size:
            return None
        start, size = start + size - overlap, 1 << 20


def read_exactly(stream: Any, size: int) -> bytes:
    """`size` bytes, fewer only at the end."""
    parts = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
