"""Decompression of archives and response bodies. The bytes decide on the format, not names or headers."""

import contextlib
import io
import re
import zlib
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

GZIP, ZSTD, LZ4 = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"
DICTIONARY = b"\x5d\x2a\x4d\x18"
"""Start of the frame with the dictionary of a .warc.zst."""
BLOCK = 1 << 16
ENDINGS = {".gz": GZIP, ".zst": ZSTD}
PADDING = b"\0\r\n\t "
KEPT_BYTES = 16 << 20
"""Unpacked bytes that are kept for seeking backwards."""
DOUBTFUL = 1 << 16
"""Unpacked bytes before damage in which there can be wrong ones: a changed bit shows a little later."""
CHUNK = re.compile(rb"[0-9a-fA-F]{1,8}[ \t]*(?:;[^\r\n]{0,1000})?\r?\n")
CONTROLS = bytes([*range(9), *range(14, 27), *range(28, 32)])


class DamagedError(ValueError):
    """A member that cannot be unpacked to its end."""


class CutError(DamagedError):
    """The file ends inside a member."""


class FileSlice:
    """A stream of the bytes `before` and then the file from `start` to `end` (to its end if 0)."""

    def __init__(self, file: BinaryIO, start: int, end: int = 0, before: bytes = b"") -> None:
        self.file, self.start, self.end, self.before, self.position = file, start, end, before, 0

    def read(self, size: int = -1) -> bytes:
        position = self.position
        if position < len(self.before):
            data = self.before[position:] if size < 0 else self.before[position : position + size]
        else:
            offset = self.start + position - len(self.before)
            left = max(0, self.end - offset) if self.end else size
            self.file.seek(offset)
            data = self.file.read(min(size, left) if size >= 0 else left)
        self.position += len(data)
        return data

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = 0) -> int:
        self.position = offset if whence == 0 else self.position + offset
        return self.position


def reader_of(magic: bytes, stream: Any) -> Any:
    """The reader that unpacks a stream that begins with `magic`."""
    from fastwarc.stream_io import GzipReader, Lz4Reader, ZstdReader

    return {GZIP: GzipReader, ZSTD: ZstdReader, LZ4: Lz4Reader}[magic](stream)


def unpack(file: BinaryIO, start: int, magic: bytes, dictionary: bytes = b"") -> Generator[bytes, None, int]:
    """The content of the member at `start`, block by block. The generator returns the offset where the member ends."""
    if magic == GZIP:
        return (yield from _unpack_gzip(file, start))
    end, error = 0, DamagedError()
    if magic == ZSTD:
        try:
            end = frame_end(file, start)
        except DamagedError as damage:  # what is before the damage can still be read
            error = damage
    reader = reader_of(magic, FileSlice(file, start, end, dictionary))
    try:
        while data := bytes(reader.read(BLOCK)):
            yield data
    except OSError as damage:
        raise (error if isinstance(error, CutError) else DamagedError(str(damage))) from damage
    if magic == ZSTD and not end:
        raise error
    return end or size_of(file)


def _unpack_gzip(file: BinaryIO, start: int) -> Generator[bytes, None, int]:
    inflate, position = zlib.decompressobj(31), start
    while not inflate.eof:
        packed = inflate.unconsumed_tail
        if not packed:
            file.seek(position)
            packed = file.read(BLOCK)
            position += len(packed)
        before = inflate.copy()
        try:
            data = inflate.decompress(packed, 4 * BLOCK)
        except zlib.error as error:
            yield from _up_to_damage(before, packed)
            raise DamagedError(str(error)) from error
        if data:
            yield data
        elif not packed:
            raise CutError(f"the file ends at byte {position}, inside a gzip member")
    return position - len(inflate.unused_data)


def _up_to_damage(inflate: Any, packed: bytes) -> Generator[bytes, None, None]:
    """What can be unpacked before the damage: zlib returns nothing of a chunk that contains it."""
    with contextlib.suppress(zlib.error):
        for start in range(0, len(packed), 256):
            yield inflate.decompress(packed[start : start + 256])


def frame_end(file: BinaryIO, start: int) -> int:
    """The offset where a zstd frame ends, by the lengths of its blocks (RFC 8878)."""
    file.seek(start)
    head = file.read(5)
    if head[:4] != ZSTD or len(head) < 5:
        raise DamagedError("not a zstd frame")
    flags = head[4]
    is_single = flags >> 5 & 1
    offset = start + 5 + (1 - is_single) + (0, 1, 2, 4)[flags & 3] + (is_single, 2, 4, 8)[flags >> 6]
    while True:
        file.seek(offset)
        header = file.read(3)
        if len(header) < 3:
            raise CutError(f"the file ends at byte {size_of(file)}, inside a zstd frame")
        block = int.from_bytes(header, "little")
        if block >> 1 & 3 == 3:
            raise DamagedError("a zstd block of unknown type")
        offset += 3 + (1 if block >> 1 & 3 == 1 else block >> 3)
        if block & 1:
            break
    offset += 4 if flags & 4 else 0
    if offset > (size := size_of(file)):
        raise CutError(f"the file ends at byte {size}, inside a zstd frame")
    return offset


def size_of(file: BinaryIO) -> int:
    return file.seek(0, io.SEEK_END)


def next_member(file: BinaryIO, start: int, magic: bytes, dictionary: bytes = b"", begins: bytes = b"") -> int | None:
    """Offset of the next member, at `start` or after, whose content begins with `begins`; None if there is none."""
    size, overlap = 1 << 16, len(magic) - 1
    while True:
        file.seek(start)
        block = file.read(size)
        index = block.find(magic)
        while index >= 0:
            if _begins_with(file, start + index, magic, dictionary, begins):
                return start + index
            index = block.find(magic, index + 1)
        if len(block) < size:
            return None
        start, size = start + size - overlap, 1 << 20


def _begins_with(file: BinaryIO, start: int, magic: bytes, dictionary: bytes, begins: bytes) -> bool:
    try:
        return next(unpack(file, start, magic, dictionary), b"").startswith(begins or b"")
    except DamagedError:
        return False


def dictionary_of(file: BinaryIO) -> bytes:
    """The complete frame with the dictionary at the start of a .warc.zst; empty if there is none."""
    file.seek(0)
    head = file.read(8)
    if head[:4] != DICTIONARY or len(head) < 8:
        return b""
    return head + file.read(min(int.from_bytes(head[4:], "little"), 64 << 20))


@dataclass(frozen=True)
class Damage:
    """A place from which on a file cannot be read, or not until its next member."""

    at: int
    detail: str
    """What is wrong there; it begins with the byte."""
    is_garbage: bool = False
    """Whether it stands behind a whole member and is none itself."""


def unpack_members(
    file: BinaryIO, magic: bytes, start: int | None, dictionary: bytes = b"", *, is_strict: bool = False
) -> Iterator[bytes | Damage]:
    """The content of all members from the byte `start` on, block by block. Where one is damaged, a `Damage` comes, and
    reading continues at the next. `is_strict`: leave out what can be wrong already before damage shows."""
    while start is not None:
        here, damage = start, None
        try:
            blocks = unpack(file, here, magic, dictionary)
            after = yield from _undoubted(blocks) if is_strict else blocks
        except DamagedError as error:
            after, damage = here + 1, Damage(here, f"byte {here}: the data here cannot be unpacked to its end: {error}")
            yield damage
        after = after_skippable(file, after) if magic == ZSTD else after
        file.seek(after)
        if not damage and file.read(len(magic)) == magic:
            start = after
            continue
        start = next_member(file, after, magic, dictionary)
        if not damage and _has_garbage(file, after, start):
            yield Damage(after, f"byte {after}: nothing that can be unpacked", is_garbage=True)


def _undoubted(blocks: Generator[bytes, None, int]) -> Generator[bytes, None, int]:
    """The blocks of a member. If it is damaged rather than cut short, without the last `DOUBTFUL` bytes."""
    held, size = deque[bytes](), 0
    try:
        while True:
            try:
                held.append(next(blocks))
            except StopIteration as end:
                yield from held
                return int(end.value)
            size += len(held[-1])
            while size - len(held[0]) >= DOUBTFUL:
                size -= len(held[0])
                yield held.popleft()
    except CutError:
        yield from held
        raise


def after_skippable(file: BinaryIO, start: int) -> int:
    """The first offset, at `start` or after, where no frame begins that readers of zstd skip."""
    while True:
        file.seek(start)
        head = file.read(8)
        if head[1:4] != DICTIONARY[1:] or head[0] & 0xF0 != DICTIONARY[0] & 0xF0:
            return start
        start += 8 + int.from_bytes(head[4:], "little")


def _has_garbage(file: BinaryIO, start: int, end: int | None) -> bool:
    """Whether there is anything but padding between two offsets."""
    size = min((end or size_of(file)) - start, 1 << 20)
    file.seek(start)
    return bool(file.read(size).strip(PADDING))


def magic_of(file: BinaryIO) -> tuple[bytes, int]:
    """The magic bytes of a packed file's members and where the first one begins; b"" and 0 if it is not packed."""
    if first := after_skippable(file, 0):
        return ZSTD, first
    file.seek(0)
    head = file.read(4)
    return next((magic for magic in (GZIP, ZSTD, LZ4) if head.startswith(magic)), b""), 0


def read_whole(file: BinaryIO, limit: int) -> bytes:
    """A file, unpacked if its bytes say that it is packed; more than `limit` bytes are not read to their end. What is
    behind the end of a packed file is ignored; `DamagedError` if it is damaged itself."""
    magic, first = magic_of(file)
    if not magic:
        file.seek(0)
        return file.read(limit + 1)
    content = bytearray()
    for block in unpack_members(file, magic, first):
        if isinstance(block, Damage) and not block.is_garbage:
            raise DamagedError(block.detail)
        if isinstance(block, Damage) or len(content) > limit:
            break
        content += block
    return bytes(content)


def blocks_of(file: BinaryIO, suffix: str) -> Iterator[bytes | Damage]:
    """The content of a file of text, block by block, unpacked if its bytes, or its ending, say that it is packed."""
    file.seek(0)
    head = file.read(2000)
    magic, begin = magic_of(file)
    first: int | None = begin
    named = ENDINGS.get(suffix.lower(), b"")
    if not magic and named and not (head and is_plain(head)):
        yield Damage(0, "byte 0: the file is empty" if not head else f"byte 0: no {suffix} file begins here")
        magic, first = named, next_member(file, 0, named)
    elif not magic and not is_plain(head):
        yield Damage(0, "byte 0: this is no text in UTF-8")
        return
    if magic:
        yield from unpack_members(file, magic, first, is_strict=True)
        return
    file.seek(0)
    yield from iter(lambda: file.read(4 * BLOCK), b"")


class Unpacked:
    """The members of a packed file as one stream. Damaged members are skipped and reading continues at the next.

    Seeking back further than `KEPT_BYTES` unpacks again from the start.
    """

    def __init__(self, file: BinaryIO, magic: bytes, dictionary: bytes = b"") -> None:
        self.file, self.magic, self.dictionary = file, magic, dictionary
        self.position = 0
        self.trouble = ""
        """Why nothing could be unpacked after some byte; "" if everything was."""
        self.skipped: dict[int, str] = {}
        """Offset of each member that could not be unpacked to its end -> reason."""
        self._restart()

    def _restart(self) -> None:
        self.produced, self.held = 0, 0
        self.kept: deque[tuple[int, bytes]] = deque()
        self.blocks = self._blocks()

    def _blocks(self) -> Generator[bytes, None, None]:
        for block in unpack_members(self.file, self.magic, len(self.dictionary), self.dictionary):
            if isinstance(block, Damage):
                self.trouble = self.skipped[block.at] = block.detail
            else:
                self.trouble = ""
                yield block

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            return b"".join(iter(lambda: self.read(BLOCK), b""))
        while self.position >= self.produced:
            block = next(self.blocks, b"")
            if not block:
                return b""
            self.kept.append((self.produced, block))
            self.produced += len(block)
            self.held += len(block)
            while self.held - len(self.kept[0][1]) > KEPT_BYTES:
                self.held -= len(self.kept.popleft()[1])
        start, block = next(pair for pair in reversed(self.kept) if pair[0] <= self.position)
        data = block[self.position - start :][:size]
        self.position += len(data)
        return data

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = 0) -> int:
        self.position = offset if whence == 0 else self.position + offset
        if self.kept and self.position < self.kept[0][0]:
            self._restart()
        return self.position


def unpack_body(body: bytes, codings: list[str], limit: int) -> bytes:
    """A response body without its content codings, at most `limit` + 1 bytes; `DamagedError` if it is damaged.

    Many crawlers store unpacked bodies with the headers of packed ones, or the other way around. So the bytes decide,
    and a coding that the body does not have is ignored.
    """
    for coding in codings:
        if coding == "chunked":
            body = _unpack(body, coding, limit) if CHUNK.match(body) else body
        elif not body.startswith((GZIP, ZSTD)) and coding in ("br", "deflate"):
            try:
                body = _unpack(body, coding, limit)
            except DamagedError:
                if not is_plain(body):
                    raise
        elif coding not in ("identity", ""):
            body = unpack_undeclared(body, limit)
    return unpack_undeclared(body, limit)


def unpack_undeclared(body: bytes, limit: int) -> bytes:
    """`body`, unpacked if its first bytes show that it is packed."""
    if body.startswith(GZIP):
        return _unpack(body, "gzip", limit)
    return _unpack(body, "zstd", limit) if body.startswith(ZSTD) else body


def is_plain(body: bytes) -> bool:
    """Whether the bytes look like text in some charset: packed data is full of control characters."""
    head = body[:2000]
    return len(head) - len(head.translate(None, CONTROLS)) <= len(head) // 100


def _unpack(body: bytes, coding: str, limit: int) -> bytes:
    from fastwarc.stream_io import BrotliReader, ChunkedReader, GzipReader, ZstdReader

    readers: dict[str, Any] = {"br": BrotliReader, "chunked": ChunkedReader, "gzip": GzipReader, "zstd": ZstdReader}
    try:
        if coding in readers:
            return bytes(readers[coding](io.BytesIO(body)).read(limit + 1))
        window = 15 if body[:1] and body[0] & 15 == 8 and int.from_bytes(body[:2], "big") % 31 == 0 else -15
        return zlib.decompressobj(window).decompress(body, limit + 1)
    except (OSError, ValueError, zlib.error) as error:
        raise DamagedError(f"{coding}: {error}") from error
