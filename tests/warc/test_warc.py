import gzip
import os
import zlib
from io import BytesIO

import pytest

from anatili import warc
from anatili.warc import Broken, Page, Sifted, WarcFile, read_info, read_pages

LIMIT = 100_000


def member(page: Page) -> bytes:
    stream = BytesIO()
    file = WarcFile(stream)
    file.write(page)
    file.close()
    return stream.getvalue()


def page(number: int, payload: bytes = b"<p>hello</p>", **more) -> Page:
    return Page(f"https://a.example/{number}/қазақша", "2026-01-01T00:00:00Z", payload, charset="utf-8", **more)


def read(tmp_path, data: bytes):
    path = tmp_path / "a.warc.gz"
    path.write_bytes(data)
    return list(read_pages(path, LIMIT))


def read_pages_of(tmp_path, data: bytes):
    path = tmp_path / "b.warc.gz"
    path.write_bytes(data)
    return read_pages(path, LIMIT)


def test_a_date_that_is_none_is_left_out(tmp_path):
    dated = member(page(1))
    record = gzip.decompress(dated).replace(b"2026-01-01T00:00:00Z", b"yesterday".ljust(20))
    assert [p.time for p in read(tmp_path, dated + gzip.compress(record))] == ["2026-01-01T00:00:00Z", ""]


def test_a_page_comes_back_as_it_was(tmp_path):
    given = page(1, "Сәлем".encode(), headers={"x-robots-tag": "noai"})
    (got,) = read(tmp_path, member(given))
    assert (got.url, got.time, got.payload, got.charset) == (given.url, given.time, given.payload, "utf-8")
    assert got.headers["x-robots-tag"] == "noai"


def test_text_of_wet_files_is_text(tmp_path):
    (got,) = read(tmp_path, member(Page("https://a.example", "", b"plain", is_text=True)))
    assert got.is_text
    assert got.payload == b"plain"


def test_equal_pages_make_equal_bytes():
    assert member(page(1)) == member(page(1))
    assert member(page(1)) != member(page(2))


def test_a_flipped_byte_costs_one_record(tmp_path):
    parts = [member(page(n, os.urandom(500).hex().encode())) for n in range(3)]
    damaged = bytearray(parts[1])
    damaged[len(damaged) // 2] ^= 0xFF
    first, broken, last = read(tmp_path, parts[0] + bytes(damaged) + parts[2])
    assert first.url.endswith("0/қазақша")
    assert last.url.endswith("2/қазақша")
    assert isinstance(broken, Broken)
    assert broken.reason in ("damaged record", "truncated")
    assert broken.detail


@pytest.mark.parametrize("cut", [1, 10, 100, 300])
def test_a_file_that_ends_too_early_keeps_what_is_before(tmp_path, cut):
    parts = [member(page(n, os.urandom(1000).hex().encode())) for n in range(2)]
    first, *rest = read(tmp_path, (parts[0] + parts[1])[:-cut])
    assert isinstance(first, Page)
    whole = list(read_pages_of(tmp_path, parts[1]))
    # Where only the checksum is cut off, the page itself is whole.
    assert rest == whole or all(isinstance(item, Broken) for item in rest)
    assert cut < 100 or rest != whole


def test_half_a_member_in_the_middle_costs_one_record(tmp_path):
    parts = [member(page(n, os.urandom(1000).hex().encode())) for n in range(3)]
    found = read(tmp_path, parts[0] + parts[1][: len(parts[1]) // 2] + parts[2])
    assert [item.url.split("/")[3] for item in found if isinstance(item, Page)] == ["0", "2"]
    assert sum(isinstance(item, Broken) for item in found) == 1


def test_what_inflates_past_the_limit_is_skipped(tmp_path):
    bomb = page(1, gzip.compress(b"a" * 50_000_000, mtime=0), headers={"content-encoding": "gzip"})
    broken, good = read(tmp_path, member(bomb) + member(page(2)))
    assert (broken.reason, isinstance(good, Page)) == ("too large", True)


def test_a_huge_page_is_skipped(tmp_path):
    broken, good = read(tmp_path, member(page(1, b"x" * 50_000_000)) + member(page(2)))
    assert (broken.reason, broken.detail, isinstance(good, Page)) == ("too large", "50000056 bytes", True)


def test_packed_answers_are_unpacked(tmp_path):
    (got,) = read(tmp_path, member(page(1, gzip.compress(b"hello", mtime=0), headers={"content-encoding": "gzip"})))
    assert got.payload == b"hello"
    assert "content-encoding" not in got.headers


@pytest.mark.parametrize(
    "data", [b"", b"garbage" * 1000, b"\x1f\x8b\x08garbage" * 50, gzip.compress(b"no warc", mtime=0)]
)
def test_what_is_no_warc_gives_no_page_and_no_crash(tmp_path, data):
    assert not [item for item in read(tmp_path, data) if isinstance(item, Page)]


def test_the_origin_stands_in_the_file(tmp_path):
    path = tmp_path / "a.warc.gz"
    with path.open("wb") as file:
        warc = WarcFile(file, {"source": "s", "license": "CC0-1.0"})
        warc.write(page(1))
        warc.close()
    assert read_info(path) == {"source": "s", "license": "CC0-1.0"}


@pytest.mark.parametrize("size", [0, 1, 999, 200_000])
def test_long_records_are_packed_in_pieces_to_the_same_record(size, tmp_path, monkeypatch):
    given = page(1, os.urandom(size))
    at_once = member(given)
    monkeypatch.setattr(warc, "WHOLE", 1000)
    in_pieces = member(given)
    assert gzip.decompress(in_pieces) == gzip.decompress(at_once)
    assert in_pieces == member(given), "nothing of the time in it"
    (tmp_path / "a.warc.gz").write_bytes(in_pieces + at_once)
    assert [item.payload for item in read_pages(tmp_path / "a.warc.gz", 10**6)] == [given.payload] * 2


def test_a_record_is_a_member_that_programs_for_gzip_read():
    given = page(1, "Сәлем".encode())
    unpack = zlib.decompressobj(31)
    record = unpack.decompress(member(given) + member(page(2)))
    assert record.startswith(b"WARC/1.1\r\n")
    assert record.endswith(given.payload + b"\r\n\r\n")
    assert unpack.unused_data == member(page(2))


def raw(head: str, body: bytes, kind: str = "response") -> bytes:
    """A WARC record as other crawlers write it, with HTTP headers of our choice."""
    http = b"HTTP/1.1 200 OK\r\n" + head.encode() + b"\r\n" + body
    return gzip.compress(
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: https://a.example/\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
        f"WARC-Record-ID: <urn:uuid:1>\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(http)}\r\n\r\n".encode()
        + http
        + b"\r\n\r\n",
        mtime=0,
    )


CHUNKED = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"


def test_bodies_in_chunks_and_packed_ones_are_unpacked(tmp_path):
    brotli = bytes.fromhex("0b058068656c6c6f20776f726c6403")
    packed = gzip.compress(b"hello world", mtime=0)
    rows = [
        ("Transfer-Encoding: chunked\r\n", CHUNKED),
        ("Content-Encoding: gzip\r\n", packed),
        ("Content-Encoding: br\r\n", brotli),
    ]
    for head, body in rows:
        (got,) = read(tmp_path, raw(head, body))
        assert isinstance(got, Page), (head, got)
        assert got.payload == b"hello world", head


def test_a_bomb_in_a_body_is_cut_off(tmp_path):
    bomb = gzip.compress(b"\0" * 50_000_000, mtime=0)
    (got,) = read(tmp_path, raw("Content-Encoding: gzip\r\n", bomb))
    assert got == Broken("https://a.example/", "too large", f"inflates past {LIMIT} bytes")


def test_revisits_are_no_pages_and_records_without_body_are_empty(tmp_path):
    assert read(tmp_path, raw("", b"", kind="revisit")) == []
    (got,) = read(tmp_path, raw("Content-Type: text/html\r\n", b""))
    assert got.payload == b""


def test_a_record_cut_in_its_head_is_told(tmp_path):
    cut = gzip.compress(b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: https://a.example/\r\n\r\n", mtime=0)
    assert [p.reason for p in read(tmp_path, cut)] == ["truncated"]


def test_what_the_gate_leaves_out_is_no_page(tmp_path):
    path = tmp_path / "a.warc.gz"
    path.write_bytes(member(page(1)) + member(page(2, "қазақ".encode())))
    out, kept = read_pages(path, LIMIT, lambda payload, charset: "rule" if "қ".encode() in payload else "")
    assert out == Sifted("https://a.example/1/қазақша")
    assert kept.rule == "rule"


def test_records_carry_digests_that_other_tools_can_check(tmp_path):
    from fastwarc.warc import ArchiveIterator

    (tmp_path / "a.warc.gz").write_bytes(member(page(1, "Сәлем".encode())))
    with (tmp_path / "a.warc.gz").open("rb") as file:
        for record in ArchiveIterator(file, parse_http=False, fsspec_args=False):
            assert record.verify_block_digest()
            record.parse_http()
            assert record.verify_payload_digest()
