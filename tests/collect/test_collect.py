"""Corpora in their usual formats, with everything that can be wrong with files."""

import gzip
import json
import os
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_files import pdf

from anatili.collect import corpora
from anatili.collect.collect import collect_file
from anatili.collect.files import find_files, inventory
from anatili.document import Document, Lost, read_counts, read_shard
from anatili.problem import Problem
from anatili.recipe import Collect, Recipe, Source
from anatili.warc import Page, WarcFile, read_info, read_pages


def collect(tmp_path: Path, file: Path, **source) -> tuple[list[Document], dict[str, int], list[Lost]]:
    settings = {"name": "s", "path": "x", "license": "CC0-1.0", **source}
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    target = out / "lost-00-00000.parquet"
    collect_file(file, target, Source(**settings), Collect(shard_records=2))
    shards = sorted(out.glob("part-*.parquet"))
    rows = [row for shard in shards for row in read_shard(shard, Document)]
    return rows, read_counts(target), list(read_shard(target, Lost))


def test_json_lines_with_their_own_fields(tmp_path):
    rows = [{"content": "бір", "id": 7, "link": "https://a.example", "license": "MIT"}, {"content": ""}, {"x": 1}]
    lines = [json.dumps(row) for row in rows]
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress("\n".join([*lines, "{broken", "[1]", ""]).encode(), mtime=0))
    documents, counts, lost = collect(
        tmp_path, file, kind="jsonl", text_field="content", id_field="id", url_field="link"
    )
    assert [(d.text, d.url, d.license, d.source) for d in documents] == [("бір", "https://a.example", "MIT", "s")]
    assert counts == {
        "records": 5,
        "kept": 1,
        "lost: empty": 1,
        "lost: no text field": 1,
        "lost: not JSON": 1,
        "lost: not a JSON object": 1,
    }
    assert lost[0].detail == "a.jsonl.gz:2"


def test_parquet_and_a_wrong_column(tmp_path):
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["бір", None, "үш"], "url": ["u1", "u2", None]}), file)
    documents, counts, _ = collect(tmp_path, file, kind="parquet")
    assert [d.text for d in documents] == ["бір", "үш"]
    assert counts["lost: no text field"] == 1
    with pytest.raises(Problem, match=r"no column 'body'; it has text, url"):
        collect(tmp_path, file, kind="parquet", text_field="body")


def test_parquet_as_others_write_it(tmp_path):
    day = datetime(2026, 1, 2, 3, 4)
    given = {
        "text": pa.array(["бір".encode(), b"\xff", "үш".encode(), "төрт".encode()], pa.binary()),
        "date": pa.array([day, None, day, None]),
        "metadata": [
            {"url": "https://a.kz/1", "date": "2026-02"},
            None,
            {"url": None, "date": None},
            {"url": "https://a.kz/4", "date": "2026-02"},
        ],
    }
    pq.write_table(pa.table(given), tmp_path / "a.parquet")
    documents, counts, _ = collect(tmp_path, tmp_path / "a.parquet", kind="parquet")
    assert [(d.text, d.url, d.time) for d in documents] == [
        ("бір", "https://a.kz/1", "2026-01-02T03:04:00"),
        ("үш", "a.parquet:3", "2026-01-02T03:04:00"),
        ("төрт", "https://a.kz/4", "2026-02"),
    ]
    assert counts == {"records": 4, "kept": 3, "lost: not UTF-8": 1}
    pq.write_table(pa.table({"text": [["бір", "екі"]]}), tmp_path / "b.parquet")
    (tmp_path / "second").mkdir()
    _, _, lost = collect(tmp_path / "second", tmp_path / "b.parquet", kind="parquet")
    assert lost[0].detail == "b.parquet:1 has no text under 'text' but a value of type list; it has text"


def test_times_that_cannot_be_compared_are_left_out(tmp_path):
    known = ["2026", "2026-01-02", "2026-01-02T03:04:05Z", "2026-01-02 03:04"]
    times = [*known, "yesterday", "02.01.2026", 1767323045, "20260102"]
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(json.dumps({"text": f"мәтін {n}", "date": time}) for n, time in enumerate(times)))
    documents, _, _ = collect(tmp_path, file, kind="jsonl")
    assert [d.time for d in documents] == [*known, "", "", "", ""]


def test_files_of_people_and_a_long_one_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(corpora, "FILE_WORDS", 5)
    file = pdf(tmp_path / "кітап.pdf", ["Бірінші бет туралы", "Екінші бет", "", "Соңғы бет туралы мәтін"])
    documents, counts, _ = collect(tmp_path, file, kind="files")
    assert [(d.url, d.text) for d in documents] == [
        ("кітап.pdf#page:1", "Бірінші бет туралы\n\nЕкінші бет"),
        ("кітап.pdf#page:4", "Соңғы бет туралы мәтін"),
    ]
    assert counts == {"records": 2, "kept": 2}
    (tmp_path / "second").mkdir()
    (tmp_path / "d.docx").write_bytes(b"PK nothing")
    _, counts, lost = collect(tmp_path / "second", tmp_path / "d.docx", kind="files")
    assert counts == {"records": 1, "lost: unreadable: damaged": 1}
    assert lost[0].url == "d.docx:1"
    assert "damaged" in lost[0].detail


@pytest.mark.parametrize(("unit", "count"), [("line", 3), ("paragraph", 2), ("file", 1)])
def test_text_by_line_paragraph_and_file(tmp_path, unit, count):
    file = tmp_path / "a.txt"
    file.write_text("\ufeffбір\nекі\n\nүш\n", "utf-8")
    documents, _, _ = collect(tmp_path, file, kind="text", unit=unit)
    assert len(documents) == count
    assert documents[0].text.startswith("бір")


def test_consecutive_lines_make_a_document_in_their_order(tmp_path):
    lines = [" ".join(f"s{number}" for _ in range(50)) for number in range(7)]
    file = tmp_path / "a.txt"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    documents, _, _ = collect(tmp_path, file, kind="text", unit="lines")
    assert [d.text for d in documents] == ["\n".join(lines[:3]), "\n".join(lines[3:6]), lines[6]]
    table = tmp_path / "a.tsv"
    table.write_text("".join(f"x\t{line}\n" for line in lines), "utf-8")
    documents, _, _ = collect(tmp_path, table, kind="text", unit="lines", column=2)
    assert [d.text for d in documents] == ["\n".join(lines[:3]), "\n".join(lines[3:6]), lines[6]]


def test_only_lines_that_are_not_utf8_are_lost(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes("жақсы\n".encode() + b"\xff\xfe\n" + "тағы\n".encode())
    documents, counts, _ = collect(tmp_path, file, kind="text", unit="line")
    assert [d.text for d in documents] == ["жақсы", "тағы"]
    assert counts["lost: not UTF-8"] == 1


def test_halves_of_characters_become_the_replacement_character(tmp_path):
    file = tmp_path / "a.jsonl"
    rows = [
        {"text": "қазақ \ud800", "title": "\udc00", "url": "https://a.example/\udfff"},
        {"text": "\U0001f600 жақсы"},
    ]
    file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    documents, _, _ = collect(tmp_path, file, kind="jsonl")
    assert [(d.text, d.title, d.url) for d in documents] == [
        ("қазақ \ufffd", "\ufffd", "https://a.example/\ufffd"),
        ("\U0001f600 жақсы", "", "a.jsonl:2"),
    ]


def test_a_row_that_is_nested_too_deeply_is_lost_alone(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text("[" * 100_000 + '\n{"text": "жақсы"}\n', "utf-8")
    documents, counts, _ = collect(tmp_path, file, kind="jsonl")
    assert [d.text for d in documents] == ["жақсы"]
    assert counts["lost: not JSON"] == 1


def test_what_is_larger_than_a_line_may_be_is_passed_over_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(corpora, "MAX_LINE", 100)
    file = tmp_path / "a.jsonl"
    file.write_text(f'{{"text": "{"x" * 288}"}}\n{{"text": "жақсы"}}\n{"y" * 200}', "utf-8")
    documents, counts, _ = collect(tmp_path, file, kind="jsonl")
    assert [d.text for d in documents] == ["жақсы"]
    assert (counts["records"], counts["lost: too large"]) == (3, 2)
    book = tmp_path / "a.txt"
    book.write_text("бір\n\n" + "екі үш\n" * 40 + "\nтөрт\n\n" + "z" * 500 + "\nбес\n", "utf-8")
    for unit, texts in (("paragraph", ["бір", "төрт", "бес"]), ("line", ["бір", *["екі үш"] * 40, "төрт", "бес"])):
        (tmp_path / unit).mkdir()
        documents, counts, _ = collect(tmp_path / unit, book, kind="text", unit=unit)
        found = [d.text for d in documents if unit == "line" or "екі" not in d.text]
        assert found == texts
        assert counts["lost: too large"] >= 1
    (tmp_path / "file").mkdir()
    assert collect(tmp_path / "file", book, kind="text", unit="file")[0] == []


def test_web_archives_become_shards_with_their_origin(tmp_path):
    file = tmp_path / "a.warc.gz"
    responses = [
        (200, "text/html", b"<p>1"),
        (404, "text/html", b"<p>2"),
        (200, "image/png", b"\x89PNG"),
        (200, "text/html", b""),
        (200, "text/html", b"%PDF-1"),
        (200, "text/html", b"a\0\0\0\0b" * 30),
        (200, "text/html", b"<p>7"),
        (200, "text/html", "<p>8".encode("utf-16")),
    ]
    with file.open("wb") as stream:
        warc = WarcFile(stream)
        for number, (status, mime, payload) in enumerate(responses):
            warc.write(Page(f"https://a.example/{number}", "2026-01-01T00:00:00Z", payload, status, mime))
        warc.close()
    _, counts, lost = collect(tmp_path, file, kind="warc")
    assert counts == {
        "records": 8,
        "kept": 3,
        "lost: HTTP error": 1,
        "lost: not a text page": 1,
        "lost: empty": 1,
        "lost: binary": 2,
    }
    assert len(lost) == 5
    shards = sorted((tmp_path / "out").glob("part-*.warc.gz"))
    assert [read_info(shard)["source"] for shard in shards] == ["s", "s"]
    pages = [page for shard in shards for page in read_pages(shard, 10**6)]
    assert [page.url[-1] for page in pages] == ["0", "6", "7"]


def collecting(*sources: Source) -> Recipe:
    return Recipe(name="t", language="kk", collect=Collect(sources=sources))


def test_files_are_found_by_name_folder_and_pattern(tmp_path):
    folder = tmp_path / "Әлия" / "мәтіндер"
    folder.mkdir(parents=True)
    for name in ("b.txt", "a.txt", "c.jsonl", "d.warc.gz"):
        (folder / name).write_text("x")
    source = Source(name="s", path="Әлия/мәтіндер", kind="text")
    assert [p.name for p in find_files(source, tmp_path)] == ["a.txt", "b.txt"]
    assert [p.name for p in find_files(source.model_copy(update={"path": "Әлия/мәтіндер/a*"}), tmp_path)] == ["a.txt"]
    assert inventory(collecting(source), tmp_path) == {"s": {"a.txt": 1, "b.txt": 1}}
    (folder / "ә").mkdir()
    (folder / "ә" / "a.txt").write_text("xy")
    (folder / "C.TXT").write_text("x")
    assert inventory(collecting(source), tmp_path) == {"s": {"a.txt": 1, "b.txt": 1, "C.TXT": 1, "ә/a.txt": 2}}


def test_a_name_that_is_not_utf8_is_read_and_shown(tmp_path):
    raw = os.fsencode(tmp_path) + b"/bad\xff.txt"
    Path(os.fsdecode(raw)).write_text("мәтін", "utf-8")
    source = Source(name="s", path=".", kind="text")
    (file,) = find_files(source, tmp_path)
    documents, _, _ = collect(tmp_path, file, kind="text")
    assert documents[0].text == "мәтін"
    json.dumps(inventory(collecting(source), tmp_path)).encode()


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ((), "names no sources"),
        ((Source(name="s", path="nowhere"),), "no file at .*nowhere"),
        ((Source(name="s", path="sample:"), Source(name="s", path="sample:")), "two sources are named 's'"),
    ],
)
def test_wrong_sources_are_reported(tmp_path, sources, message):
    with pytest.raises(Problem, match=message):
        inventory(collecting(*sources), tmp_path)
