"""Files that are cut short, damaged, or not what their names say: what can be read is kept, the rest is told."""

import gzip
import io
import json
import random
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from collect.test_collect import collect

from anatili.collect.collect import collect_file, html_page
from anatili.collect.damaged import damaged_files
from anatili.document import read_counts
from anatili.recipe import Collect, Source
from anatili.warc import Broken, Page, WarcFile

TEXTS = [f"мәтін {number} " + random.Random(number).randbytes(60).hex() for number in range(60)]
LINES = [json.dumps({"text": text}, ensure_ascii=False).encode() + b"\n" for text in TEXTS]
RAW = b"".join(LINES)
MEMBERS = [gzip.compress(b"".join(LINES[start : start + 20]), mtime=0) for start in (0, 20, 40)]


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes(byte ^ 0xFF for byte in data[at : at + 8]) + data[at + 8 :]


FRAMES = [pa.compress(b"".join(LINES[start : start + 20]), "zstd", asbytes=True) for start in (0, 20, 40)]
SKIPPED = b"\x5e\x2a\x4d\x18\x04\x00\x00\x00seek"
LESS = None
"""Some of the rows, which are the first ones."""
JSONL = {
    "whole": ("a.jsonl.gz", b"".join(MEMBERS), TEXTS, ""),
    "cut": ("a.jsonl.gz", gzip.compress(RAW, mtime=0)[:-1500], LESS, r"byte 0: .*ends at byte \d+, inside a gzip"),
    "cut in its checksum": ("a.jsonl.gz", gzip.compress(RAW, mtime=0)[:-3], TEXTS, "inside a gzip member"),
    "a member cut in its middle": (
        "a.jsonl.gz",
        MEMBERS[0] + MEMBERS[1][:-600] + MEMBERS[2],
        LESS,
        f"byte {len(MEMBERS[0])}: ",
    ),
    "a member damaged": (
        "a.jsonl.gz",
        MEMBERS[0] + flipped(MEMBERS[1], 4) + MEMBERS[2],
        TEXTS[:20] + TEXTS[40:],
        f"byte {len(MEMBERS[0])}: ",
    ),
    "garbage after the end": ("a.jsonl.gz", MEMBERS[0] + b"garbage", TEXTS[:20], f"byte {len(MEMBERS[0])}: nothing"),
    "zeros after the end": ("a.jsonl.gz", MEMBERS[0] + bytes(512), TEXTS[:20], ""),
    "another file of gzip after the end": ("a.jsonl", MEMBERS[0] + MEMBERS[1], TEXTS[:40], ""),
    "its start overwritten": ("a.jsonl.gz", flipped(MEMBERS[0], 0) + MEMBERS[1], TEXTS[20:40], "byte 0: no .gz file"),
    "not packed": ("a.jsonl.gz", RAW, TEXTS, ""),
    "empty and packed": ("a.jsonl.gz", b"", [], "byte 0: the file is empty"),
    "empty": ("a.jsonl", b"", [], ""),
    "packed, nothing in it": ("a.jsonl.gz", gzip.compress(b""), [], ""),
    "cut in a row": ("a.jsonl", RAW[:-40], TEXTS[:-1], rf"byte {len(RAW) - 40}: the file ends inside a row"),
    "cut in an escape": ("a.jsonl", LINES[0] + b'{"text": "\\u04', TEXTS[:1], "ends inside a row"),
    "not JSON, but not cut": ("a.jsonl", LINES[0] + b"{broken", TEXTS[:1], ""),
    "cut in a letter": ("a.jsonl", RAW[: RAW.rindex("м".encode()) + 1], TEXTS[:-1], "ends inside a row"),
    "a picture": ("a.jsonl", b"\x89PNG\r\n\x1a\n" + bytes(900), [], "byte 0: this is no text"),
    "zstd": ("a.jsonl.zst", SKIPPED + b"".join(FRAMES) + SKIPPED, TEXTS, ""),
    "zstd, a frame damaged": (
        "a.jsonl.zst",
        FRAMES[0] + flipped(FRAMES[1], 5) + FRAMES[2],
        TEXTS[:20] + TEXTS[40:],
        f"byte {len(FRAMES[0])}: ",
    ),
    "zstd, cut": ("a.jsonl.zst", FRAMES[0] + FRAMES[1][:-200], TEXTS[:20], r"inside a zstd frame"),
    "zstd that is none": ("a.jsonl.zst", bytes(range(256)) * 9, [], "byte 0: no .zst file"),
}


@pytest.mark.parametrize("case", JSONL)
def test_of_a_damaged_file_the_whole_rows_are_kept_and_the_rest_is_told(tmp_path, case):
    name, content, texts, detail = JSONL[case]
    (tmp_path / name).write_bytes(content)
    documents, counts, lost = collect(tmp_path, tmp_path / name, kind="jsonl")
    found = [document.text for document in documents]
    if texts is LESS:
        assert 20 <= len(found) < 60
        assert set(found) < set(TEXTS)
        assert found == sorted(found, key=TEXTS.index)
    else:
        assert found == texts
    assert counts.get("lost: damaged file", 0) == bool(detail)
    assert [row.reason for row in lost if row.reason != "not JSON"] == ["damaged file"] * bool(detail)
    listed = damaged_files([(name, tmp_path / "out" / "lost-00-00000.parquet")], [])
    if detail:
        assert re.search(detail, lost[0].detail), lost[0].detail
        assert listed == {"damaged": {"files": 1, "of": 1, "first": {name: lost[0].detail}}}
        assert lost[0].url.startswith(f"{name}:")
    else:
        assert listed == {}


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("line", ["1", "2", "3", "5", "6"]),
        ("paragraph", ["1\n2", "3", "5", "6"]),
        ("file", ["1\n2\n\n3", "5\n\n6"]),
    ],
)
def test_no_document_reaches_across_damage(tmp_path, unit, expected):
    first, second = (gzip.compress(part, mtime=0) for part in (b"1\n2\n\n3\n4", b"5\n\n6\n"))
    file = tmp_path / "a.txt.gz"
    file.write_bytes(first + b"garbage" + second)
    documents, counts, lost = collect(tmp_path, file, kind="text", unit=unit)
    assert [document.text for document in documents] == expected
    assert (counts["lost: damaged file"], lost[0].detail.partition(":")[0]) == (1, f"byte {len(first)}")


def table(tmp_path, **options) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({"text": TEXTS, "url": [f"u{n}" for n in range(60)]}), stream, row_group_size=20, **options)
    return stream.getvalue()


def test_a_damaged_row_group_costs_its_rows(tmp_path):
    content = table(tmp_path, use_dictionary=False)
    group = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(1).column(0)
    (tmp_path / "a.parquet").write_bytes(flipped(content, group.data_page_offset))
    documents, counts, lost = collect(tmp_path, tmp_path / "a.parquet", kind="parquet")
    assert [document.text for document in documents] == TEXTS[:20] + TEXTS[40:]
    assert (counts["records"], counts["lost: damaged file"]) == (41, 1)
    assert re.match(r"byte \d+: rows 1 to 20 of row group 1 cannot be read", lost[0].detail), lost[0].detail


@pytest.mark.parametrize("content", [b"", b"PAR1", b"<html>no such file</html>" * 9, "cut"])
def test_a_parquet_file_without_its_end_is_told(tmp_path, content):
    content = table(tmp_path)[:-100] if content == "cut" else content
    (tmp_path / "a.parquet").write_bytes(content)
    documents, counts, lost = collect(tmp_path, tmp_path / "a.parquet", kind="parquet")
    assert (documents, counts) == ([], {"records": 1, "lost: damaged file": 1})
    assert lost[0].detail.startswith(f"byte {len(content)}: ")


def test_a_row_of_parquet_that_is_not_utf8_is_lost_alone(tmp_path):
    column = pa.array([b"\xff\xfe", "жақсы".encode()]).view(pa.binary()).cast(pa.string(), safe=False)
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    documents, counts, _ = collect(tmp_path, tmp_path / "a.parquet", kind="parquet")
    assert [document.text for document in documents] == ["жақсы"]
    assert counts["lost: not UTF-8"] == 1


@pytest.mark.parametrize("codec", ["utf-16", "cp1251"])
def test_a_text_file_in_another_encoding_is_named(tmp_path, codec):
    (tmp_path / "a.txt").write_bytes("Бірінші мәтін.\n\nЕкінші мәтін.\n".replace("ә", "а").encode(codec, "ignore"))
    documents, counts, _ = collect(tmp_path, tmp_path / "a.txt", kind="text", unit="paragraph")
    assert documents == []
    assert counts["records"] > 0
    listed = damaged_files([("a.txt", tmp_path / "out" / "lost-00-00000.parquet")], [])
    assert listed["damaged"]["first"] == {"a.txt": "byte 0: this is no text in UTF-8"}


def archive() -> bytes:
    stream = io.BytesIO()
    warc = WarcFile(stream)
    for number in range(6):
        warc.write(Page(f"https://a.example/{number}", "2026-01-01T00:00:00Z", f"<p>{TEXTS[number]}".encode()))
    warc.close()
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "kept", "detail"),
    [
        (archive(), 6, ""),
        (archive()[:-100], 5, "inside a gzip member"),
        (b"", 0, "byte 0: the file is empty"),
        (b"<html>busy</html>" * 9, 0, "byte 0: no record begins here"),
        (gzip.compress(b""), 0, "byte 0: "),
        (gzip.compress(gzip.decompress(archive()))[:-200], None, "byte "),
        (flipped(archive(), 400), None, ""),
    ],
)
def test_web_archives_are_damaged_if_they_end_early_or_are_none(tmp_path, content, kept, detail):
    (tmp_path / "a.warc.gz").write_bytes(content)
    target = tmp_path / "out" / "lost-00-00000.parquet"
    (tmp_path / "out").mkdir()
    collect_file(tmp_path / "a.warc.gz", target, Source(name="s", path="x"), Collect())
    listed = damaged_files([("a.warc.gz", target)], [])
    assert bool(listed) == bool(detail)
    assert not listed or detail in listed["damaged"]["first"]["a.warc.gz"]
    counts = read_counts(target)
    assert (kept is None and counts["kept"] > 1) or counts.get("kept", 0) == kept


@pytest.mark.parametrize(
    ("content", "payload"),
    [
        (b"<p>1", b"<p>1"),
        (gzip.compress(b"<p>1"), b"<p>1"),
        (gzip.compress(b"<p>1") + b"garbage", b"<p>1"),
        (b"", b""),
        (gzip.compress(b"<p>1" * 99)[:-4], "byte 0: the data here cannot be unpacked"),
    ],
)
def test_a_page_is_read_whole_or_not_at_all(tmp_path, content, payload):
    (tmp_path / "a.html.gz").write_bytes(content)
    page = html_page(tmp_path / "a.html.gz", 10_000)
    assert payload in page.detail if isinstance(page, Broken) else page.payload == payload


def test_what_this_machine_cannot_read_is_no_damage(tmp_path):
    """It stops with the name of the file: the same command goes on once it can be read, and makes the same bytes."""
    for kind in ("jsonl", "parquet", "warc", "text"):
        with pytest.raises(FileNotFoundError, match=f"none.{kind}"):
            collect(tmp_path, tmp_path / f"none.{kind}", kind=kind)
