"""The quick way through an archive: the same pages as the careful one, and it stops where something is uncommon."""

import gzip
import io
import sys

import pytest
from warc.records import COUNT, RECORDS, record

from anatili.warc import Page, Sifted, _read, _read_quickly, members, read_pages
from anatili.warc.members import Heads, Member, read_members
from anatili.warc.resync import open_archive

LIMIT = 100_000


def pack(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def page(headers: str, body: bytes, *, kind: str = "response", url: str = "https://a.example/x") -> bytes:
    http = f"HTTP/1.1 200 OK\r\n{headers}\r\n\r\n".encode() + body
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
    )
    return head.encode() + http + b"\r\n\r\n"


UNCOMMON = {
    "another address": page("Content-Type: text/html", b"<p>x", url="https://a.example/қаз"),
    "a packed body": page("Content-Encoding: gzip", gzip.compress(b"<p>x")),
    "a packed body that is not declared": page("Content-Type: text/html", gzip.compress(b"<p>x")),
    "a body in chunks": page("content-type: text/html\r\ntransfer-encoding: chunked", b"4\r\n<p>x\r\n0\r\n\r\n"),
    "a charset": page("Content-Type: text/html; charset=windows-1251", "<p>әлем".encode()),
    "bare ends of lines": page("Content-Type: text/html\nX-Y: z", b"<p>x"),
    "no headers of a response": page("", b""),
    "a text": page("Content-Type: text/plain", b"text", kind="conversion"),
    "a request": page("Content-Type: text/plain", b"text", kind="request"),
    "a type of no standard": page("Content-Type: text/plain", b"text", kind="screenshot"),
    "two records": record(1) + record(2),
    "a large body": page("Content-Type: text/html", b"x" * (LIMIT + 1)),
    "bytes that begin a member": page("Content-Type: text/html", b"\x1f\x8b\x08" * 9),
    "nothing": b"",
}


@pytest.mark.parametrize("with_hyperscan", [True, False])
@pytest.mark.parametrize("admits", [None, lambda body, charset: "r" if b"<p>" in body and charset() != "x" else ""])
@pytest.mark.parametrize("name", UNCOMMON)
def test_the_quick_way_gives_what_the_careful_one_gives(name, admits, with_hyperscan, monkeypatch):
    if not with_hyperscan:
        monkeypatch.setitem(sys.modules, "hyperscan", None)
    monkeypatch.setattr(members, "WINDOW", 1000)  # members lie across many of them
    parts = [*RECORDS[:3], UNCOMMON[name], *RECORDS[3:6]]
    file = io.BytesIO(b"".join(gzip.compress(part, 0 if "bytes" in name else 6, mtime=0) for part in parts))

    def items(way):
        archive = open_archive(file)
        arguments = () if way is _read_quickly else (archive.first,)
        try:
            return list(way(archive, *arguments, LIMIT, admits))
        except Exception as error:
            return repr(error)

    careful = items(_read)
    assert items(_read_quickly) == careful
    assert len(careful) >= 6 or "Several" in careful


@pytest.mark.parametrize("name", ["a charset", "another address", "bare ends of lines"])
def test_the_gate_is_told_the_charset_that_http_declares(name):
    file = io.BytesIO(
        b"".join(map(pack, [RECORDS[0], UNCOMMON[name], page("content-type: TEXT/HTML; Charset=KOI8-R", b"x")]))
    )
    told = []
    for way, arguments in ((_read_quickly, ()), (_read, (0,))):
        charsets = []
        list(way(open_archive(file), *arguments, LIMIT, lambda body, charset: charsets.append(charset()) or ""))  # noqa: B023
        told.append(charsets)
    assert told[0] == told[1]
    assert told[0][2].lower() == "koi8-r"
    assert (told[0][1] == "windows-1251") == (name == "a charset")


def test_what_is_rejected_is_not_parsed():
    archive = io.BytesIO(b"".join(map(pack, RECORDS)))
    (first, *others) = read_members(archive, 0, LIMIT)
    assert isinstance(first, Member)
    assert first.content == RECORDS[0]
    assert first.is_plain
    assert len(others) == COUNT - 1
    bodies = []
    sifted = list(read_pages(archive, LIMIT, lambda body, charset: bodies.append(type(body)) or ""))
    assert sifted == [Sifted(f"https://a.example/{n}") for n in range(COUNT)]
    assert set(bodies) == {bytearray}
    admitted = list(read_pages(archive, LIMIT, lambda body, charset: charset() or "rule"))
    assert [(item.url, item.rule) for item in admitted if isinstance(item, Page)] == [
        (f"https://a.example/{n}", "rule") for n in range(COUNT)
    ]


@pytest.mark.parametrize("between", [b"rubbish!", pack(RECORDS[5])[3:], b"\0" * 9])
def test_it_stops_before_what_it_cannot_tell(between):
    before = b"".join(map(pack, RECORDS[:4]))
    found = list(read_members(io.BytesIO(before + between + pack(RECORDS[6])), 0, LIMIT))
    assert [type(item) for item in found] == [Member] * 3 + [int]
    assert found[-1] == len(b"".join(map(pack, RECORDS[:3]))), "the member before it, whose end is not certain"


def test_many_beginnings_of_members_are_not_all_tried(monkeypatch):
    tries, real = [], members.deflate.gzip_decompress
    monkeypatch.setattr(members.deflate, "gzip_decompress", lambda *data: tries.append(1) or real(*data))
    assert list(read_members(io.BytesIO(members.GZIP * 50_000), 0, 1 << 32)) == [0]
    assert len(tries) <= members.MOST_TRIES


COMMON = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Date: 2026\r\nX-Y: %s\r\nContent-Length: 5"


@pytest.mark.parametrize(
    "head",
    [
        COMMON % b"other: value",
        COMMON % b"\0",
        COMMON % b"a\rb",
        COMMON % b"a\nb",
        COMMON % b"a\r\n b",
        COMMON % b"a\r\nContent-Length: 6",
        COMMON.replace(b"1.0", b"1.1") % b"",
        COMMON.replace(b"1.0", b"1.2") % b"",
        COMMON.replace(b"X-Y", b"X Y") % b"",
        COMMON.replace(b"X-Y: ", b"X-Y:") % b"",
        COMMON.replace(b"Content-Length", b"content-length") % b"",
        COMMON.replace(b"X-Y", b"Content-Type") % b"text/plain",
        COMMON % b"a" + b"\r\n",
        COMMON % b"a" + b"\n",
        b"",
    ],
)
def test_headers_that_were_learned_are_read_as_others(head):
    heads = Heads()
    assert heads.fields(COMMON % b"first") == {"kind": b"response", "length": b"5"}
    assert heads.fields(head) == members._fields(head)
    assert heads.fields(head) == members._fields(head), "the second time"
    assert heads.fields(COMMON % b"again") == {"kind": b"response", "length": b"5"}


def test_headers_in_ever_new_orders_are_not_all_learned():
    heads = Heads()
    for number in range(100):
        head = b"WARC/1.0\r\nWARC-Type: %d\r\nX-%d: y" % (number, number)
        assert heads.fields(head) == {"kind": b"%d" % number}
    assert heads.learned == members.MOST_LEARNED


def unpacked_sizes(monkeypatch) -> list[int]:
    """Lengths of the members that are unpacked whole from now on."""
    sizes: list[int] = []
    unpacked = members._unpacked

    def noting(*arguments):
        content = unpacked(*arguments)
        sizes.extend([] if content is None else [len(content)])
        return content

    monkeypatch.setattr(members, "_unpacked", noting)
    return sizes


def asked(body: bytes) -> bytes:
    return page("Content-Type: text/plain", body, kind="request")


def urls(parts: list[bytes], level: int = 6) -> list[str]:
    file = io.BytesIO(b"".join(gzip.compress(part, level, mtime=0) for part in parts))
    return [getattr(item, "url", "") for item in _read_quickly(open_archive(file), LIMIT, None)]


def found(number: int) -> bytes:
    return page("Content-Type: text/html", b"<p>%d" % number * 99, url=f"https://a.example/{number}")


def test_records_that_are_no_pages_are_passed_over_once_one_was_read(monkeypatch):
    sizes = unpacked_sizes(monkeypatch)
    parts = [part for n in range(50) for part in (asked(b"x" * (40 - n % 7)), found(n))]
    assert urls(parts) == [f"https://a.example/{n}" for n in range(50)]
    assert len(sizes) == 1 + 50
    sizes.clear()
    longer = [part for n in range(9) for part in (asked(b"x" * n), found(n))]
    assert len(urls(longer)) == 9
    assert len(sizes) == 9 + 9  # each is longer than those before it, so that it may hold a page as well


def test_a_page_in_a_member_that_begins_with_a_request_is_found():
    parts = [found(0), asked(b"x"), asked(b"y"), asked(b"z") + found(1), found(2)]
    assert urls(parts) == [f"https://a.example/{n}" for n in range(3)]


@pytest.mark.parametrize("times", [1, 20])
def test_a_member_that_only_seems_to_end_is_read_again(times):
    false = b"\0\0\0\0" + b"\x1f\x8b\x08"  # the end of a trailer that says "0 bytes", and a beginning
    parts = [asked(b"x" * 300), found(0), asked(false * times), found(1), asked(b"x"), found(2)]
    assert urls(parts, level=0) == [f"https://a.example/{n}" for n in range(3)]


def test_damage_in_what_is_passed_over_costs_no_page():
    packed = [pack(part) for n in range(3) for part in (asked(b"x" * 50), found(n))]
    damaged = bytearray(packed[2])
    damaged[-12] ^= 255
    archive = open_archive(io.BytesIO(b"".join([*packed[:2], damaged, *packed[3:]])))
    items = list(_read_quickly(archive, LIMIT, None))
    assert [item.url for item in items if isinstance(item, Page)] == [f"https://a.example/{n}" for n in range(3)]


@pytest.mark.parametrize("cut", [9, 60])
def test_an_archive_cut_short_in_what_would_be_passed_over_reads_as_before(cut):
    packed = [pack(part) for n in range(3) for part in (asked(b"x" * 50), found(n))]
    archive = open_archive(io.BytesIO(b"".join([*packed, packed[0][:-cut]])))
    items = list(_read_quickly(archive, LIMIT, None))
    assert items == list(_read(archive, archive.first, LIMIT, None))
    assert [type(item).__name__ for item in items] == ["Page"] * 3 + ["Broken"] * (cut > 9)
