"""Damaged archives: what is behind a damaged spot is read, and what was lost is told, in every form of archive."""

import gzip
import io
import random
import tracemalloc
import zlib

import pytest
from warc.records import BODIES, COUNT, RECORDS, record

from anatili.compression import Unpacked, frame_end, unpack
from anatili.warc import Broken, Page, read_pages

LIMIT = 1_000_000
GENERATOR = random.Random(1)


def zstd(data: bytes) -> bytes:
    from fastwarc.stream_io import ZstdWriter

    stream = io.BytesIO()
    writer = ZstdWriter(stream)
    for start in range(0, len(data), 1 << 16):  # of a longer piece it keeps the start alone
        writer.write(data[start : start + (1 << 16)])
    writer.finish()
    writer.flush()
    return stream.getvalue()


def each(pack):
    return lambda records: [pack(one) for one in records]


FORMS = {
    "plain": lambda records: list(records),
    "gzip by record": each(gzip.compress),
    "zstd by frame": each(zstd),
    "gzip in one": lambda records: [gzip.compress(b"".join(records), mtime=0)],
    "zstd in one": lambda records: [zstd(b"".join(records))],
}
BY_RECORD = ("plain", "gzip by record", "zstd by frame")


def read(data: bytes, limit: int = LIMIT):
    items = list(read_pages(io.BytesIO(data), limit))
    numbers = [int(item.url.rpartition("/")[2]) for item in items if isinstance(item, Page)]
    return numbers, [item for item in items if isinstance(item, Broken)]


@pytest.mark.parametrize("form", FORMS)
def test_a_whole_archive_is_read_whole(form):
    assert read(b"".join(FORMS[form](RECORDS))) == (list(range(COUNT)), [])


@pytest.mark.parametrize("form", FORMS)
def test_damaged_headers_cost_one_record(form):
    records = list(RECORDS)
    records[20] = b"XXXXXXXX" + records[20][8:]
    numbers, broken = read(b"".join(FORMS[form](records)))
    assert numbers == [n for n in range(COUNT) if n != 20]
    assert [item.reason for item in broken] == ["damaged record"]


@pytest.mark.parametrize("form", BY_RECORD)
@pytest.mark.parametrize("spot", [b"XXXXXXXX", bytes(4000)], ids=["rubbish", "zeros"])
def test_rubbish_between_two_records_is_told(form, spot):
    parts = FORMS[form](RECORDS)
    numbers, broken = read(b"".join([*parts[:20], spot, *parts[20:]]))
    assert numbers == list(range(COUNT))
    assert [item.reason for item in broken] == ["damaged record"]


@pytest.mark.parametrize("form", ["gzip by record", "zstd by frame"])
@pytest.mark.parametrize("at", [0, 1, 5, 30, 200, 350])
def test_damage_anywhere_in_a_packed_record_costs_that_one(form, at):
    parts = FORMS[form](RECORDS)
    spoilt = bytearray(parts[20])
    spoilt[at : at + 8] = bytes(byte ^ 0x5A for byte in spoilt[at : at + 8])
    numbers, broken = read(b"".join([*parts[:20], bytes(spoilt), *parts[21:]]))
    assert numbers == [n for n in range(COUNT) if n != 20]
    assert [item.reason for item in broken] == ["damaged record"], broken


@pytest.mark.parametrize("form", ["gzip by record", "zstd by frame"])
def test_a_damaged_start_of_the_file_costs_one_record(form):
    data = bytearray(b"".join(FORMS[form](RECORDS)))
    data[:6] = b"\0" * 6
    numbers, broken = read(bytes(data))
    assert numbers == list(range(1, COUNT))
    assert len(broken) == 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("length", [0, 50, 1950, 5000, LIMIT * 3, 10**12])
def test_a_wrong_length_costs_its_own_record_only(form, length):
    """Too short ones cut a page off in silence, too long ones swallow their neighbors: neither may be."""
    records = list(RECORDS)
    records[20] = record(20, length=length)
    numbers, broken = read(b"".join(FORMS[form](records)))
    assert numbers == [n for n in range(COUNT) if n != 20]
    assert [item.url.rpartition("/")[2] for item in broken] == ["20"], broken


@pytest.mark.parametrize("form", FORMS)
def test_requests_between_pages_do_not_multiply_a_loss(form):
    records = []
    for n in range(COUNT):
        records += [record(n, kind="request", body=b""), record(n), record(n, kind="metadata", body=b"")]
    records[60] = b"XXXXXXXX" + records[60][8:]  # a request
    records[61] = b"XXXXXXXX" + records[61][8:]  # a page
    numbers, broken = read(b"".join(FORMS[form](records)))
    assert numbers == [n for n in range(COUNT) if n != 20]
    assert [item.url.rpartition("/")[2] for item in broken] == ["20"]


def test_a_type_that_is_damaged_is_told_and_an_unknown_one_passed_over():
    records = [
        record(0),
        record(1, kind="resp\x01nse"),
        record(2, kind="screenshot"),
        record(3),
        record(4).replace(b"WARC-Type", b"WA\0C-Type"),
        record(5),
    ]
    numbers, broken = read(b"".join(map(gzip.compress, records)))
    assert numbers == [0, 3, 5]
    assert [item.url for item in broken] == ["https://a.example/1", "https://a.example/4"]


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_that_ends_too_early_says_so(form):
    # Of a block of 128 kB that is cut zstd gives nothing: so some megabytes.
    records = [record(n % COUNT, body=GENERATOR.randbytes(4000).hex().encode()) for n in range(400)]
    data = b"".join(FORMS[form](records))
    numbers, broken = read(data[: len(data) // 2 - 500])
    assert numbers == [n % COUNT for n in range(len(numbers))]
    assert 160 < len(numbers) < 240
    assert [item.reason for item in broken] == ["archive cut short"], broken
    assert broken[0].detail


def test_half_a_packed_stream_with_a_damaged_spot_is_told():
    data = bytearray(gzip.compress(b"".join(RECORDS), mtime=0))
    data[len(data) // 2 : len(data) // 2 + 8] = b"\xff" * 8
    numbers, broken = read(bytes(data))
    assert numbers[:10] == list(range(10))
    assert "archive cut short" in {item.reason for item in broken}


@pytest.mark.parametrize("at", [0, 12, 300, 2000])
def test_members_of_several_records_are_read_on_behind_a_damaged_one(at):
    groups = [b"".join(RECORDS[n : n + 5]) for n in range(0, COUNT, 5)]
    members = [bytearray(gzip.compress(group, mtime=0)) for group in groups]
    members[4][at : at + 8] = b"\xff" * 8
    numbers, broken = read(b"".join(map(bytes, members)))
    assert set(numbers) >= set(range(20)) | set(range(25, COUNT))
    assert broken
    first = [gzip.compress(RECORDS[0], mtime=0), *map(bytes, members)]  # the first member does not tell of the others
    assert set(read(b"".join(first))[0]) >= set(range(20)) | set(range(25, COUNT))


@pytest.mark.parametrize("form", FORMS)
def test_many_damaged_spots_are_all_told(form):
    records = list(RECORDS)
    for n in range(0, COUNT, 3):
        records[n] = b"XXXXXXXX" + records[n][8:]
    numbers, broken = read(b"".join(FORMS[form](records)))
    assert numbers == [n for n in range(COUNT) if n % 3]
    assert len(broken) == len(range(0, COUNT, 3))


def test_padding_behind_the_last_record_is_no_loss():
    for form in BY_RECORD:
        numbers, broken = read(b"".join(FORMS[form](RECORDS)) + bytes(5000))
        assert (len(numbers), broken) == (COUNT, []), form


PACKED = gzip.compress(b"hello world", mtime=0)
CHUNKED = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"


@pytest.mark.parametrize("said", ["gzip", "br", "zstd", "deflate", "x-gzip", "gzip, gzip", "identity", "unheard-of"])
@pytest.mark.parametrize("body", [b"<p>hello world", "<p>сәлем, әлем</p>".encode(), "<p>сәлем".encode("kz1048")])
def test_a_body_that_is_not_packed_as_its_headers_say_is_taken_as_it_is(said, body):
    http = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: {said}\r\n\r\n".encode() + body
    (page,) = read_pages(io.BytesIO(gzip.compress(answer(http), mtime=0)), LIMIT)
    assert isinstance(page, Page), page
    assert page.payload == body


@pytest.mark.parametrize(
    ("said", "body"),
    [
        ("Transfer-Encoding: chunked", b"hello world"),
        ("Transfer-Encoding: chunked", CHUNKED),
        ("Content-Encoding: br", gzip.compress(b"hello world", mtime=0)),
        ("Content-Encoding: gzip", zstd(b"hello world")),
        ("Content-Encoding: deflate", zlib.compress(b"hello world")),
        ("Content-Encoding: deflate", zlib.compress(b"hello world")[2:-4]),
        ("X-None: 1", gzip.compress(b"hello world", mtime=0)),
        ("X-None: 1", zstd(b"hello world")),
        ("Content-Encoding: gzip, gzip", gzip.compress(gzip.compress(b"hello world", mtime=0), mtime=0)),
        ("Content-Encoding: gzip\r\nTransfer-Encoding: chunked", gzip.compress(b"hello world", mtime=0)),
        (
            "Content-Encoding: gzip\r\nTransfer-Encoding: chunked",
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(PACKED), PACKED),
        ),
    ],
)
def test_what_the_bytes_are_is_what_counts(said, body):
    http = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{said}\r\n\r\n".encode() + body
    (page,) = read_pages(io.BytesIO(gzip.compress(answer(http), mtime=0)), LIMIT)
    assert isinstance(page, Page), page
    assert page.payload == b"hello world"


def test_a_packed_body_that_is_damaged_is_told():
    for said, body in (
        ("gzip", bytearray(gzip.compress(BODIES[0], mtime=0))),
        ("br", bytearray(BODIES[0][:9] + b"\0\1\2" * 99)),
    ):
        body[60:90] = bytes(range(30))
        http = f"HTTP/1.1 200 OK\r\nContent-Encoding: {said}\r\n\r\n".encode() + bytes(body)
        (item,) = read_pages(io.BytesIO(gzip.compress(answer(http), mtime=0)), LIMIT)
        assert isinstance(item, Broken)
        assert item.reason == "damaged page"


def answer(http: bytes) -> bytes:
    return (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: https://a.example/\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
        f"WARC-Record-ID: <urn:uuid:1>\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(http)}\r\n\r\n".encode()
        + http
        + b"\r\n\r\n"
    )


@pytest.mark.parametrize("form", ["plain", "gzip by record", "gzip in one", "zstd in one"])
def test_memory_stays_bounded(form, tmp_path):
    """A length that lies by a terabyte in an archive of 60 MB."""
    filler = [record(1, body=bytes(2_000_000)) for _ in range(30)]
    path = tmp_path / "a.warc"
    path.write_bytes(b"".join(FORMS[form]([record(0, length=10**12), *filler, record(2)])))
    tracemalloc.start()
    kinds = [type(item) for item in read_pages(path, LIMIT)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert kinds == [Broken] * 31 + [Page]
    assert peak < 40_000_000


@pytest.mark.parametrize("size", [1, 1000, 300_000])
def test_members_are_unpacked_to_their_ends(size):
    data = GENERATOR.randbytes(size)
    packed = zstd(data)
    assert frame_end(io.BytesIO(b"..." + packed + b"..."), 3) == 3 + len(packed)
    for magic, member in ((b"\x1f\x8b\x08", gzip.compress(data, mtime=0)), (packed[:4], packed)):
        blocks = unpack(io.BytesIO(b"..." + member + b"..."), 3, magic)
        parts, ends = [], []

        def read_all(blocks=blocks, ends=ends):
            ends.append((yield from blocks))

        parts += read_all()
        assert ends == [3 + len(member)]
        assert b"".join(parts) == data


def test_one_can_go_back_in_what_was_unpacked(monkeypatch):
    data = GENERATOR.randbytes(1_000_000)
    monkeypatch.setattr("anatili.compression.KEPT_BYTES", 100_000)
    stream = Unpacked(io.BytesIO(gzip.compress(data, mtime=0)), b"\x1f\x8b\x08")
    for at in (0, 900_000, 10, 500_000, 499_000, 999_990):
        stream.seek(at)
        assert stream.read(5) == data[at : at + 5]
    assert stream.read(100) == data[999_995:]
    assert stream.read(1) == b""
