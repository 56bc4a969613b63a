"""A corpus from files of all forms without a recipe, with every loss by its reason."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from conftest import contents

from anatili.cli import main
from anatili.collect import collect
from anatili.document import Kept, read_shard
from anatili.pipeline.refine_files import refine_files
from anatili.problem import Problem
from anatili.run import Drift, Run, find_run
from anatili.sample import sentences
from anatili.warc import Page, WarcFile
from anatili.why import page_history

KAZAKH = [row["kk"] for row in sentences(held_out=False) if "kk" in row]
RUSSIAN = [row["ru"] for row in sentences(held_out=False) if "ru" in row]


def article(lines: list[str]) -> str:
    return f"<html><title>Бет</title><article>{''.join(f'<p>{line}</p>' for line in lines)}</article></html>"


def text(start: int) -> str:
    return " ".join(KAZAKH[start : start + 8])


@pytest.fixture
def files(tmp_path):
    """One file of each form, in two folders: seven Kazakh documents, one of them twice, and what must be lost."""
    folder = tmp_path / "files"
    (folder / "pages").mkdir(parents=True)
    (folder / "pages" / "a page.html").write_text(article(KAZAKH[:8]), "utf-8")
    (folder / "pages" / "packed.html.gz").write_bytes(gzip.compress(article(KAZAKH[10:18]).encode(), mtime=0))
    (folder / "pages" / "орысша.html").write_text(article(RUSSIAN[:8]), "utf-8")
    (folder / "readme.md").write_text("not a form that is read", "utf-8")
    (folder / "book.txt").write_text(f"{text(20)}\n\n{text(30)}", "utf-8")
    rows = [{"text": text(40), "url": "https://a.example/40"}, {"text": "қысқа"}]
    (folder / "rows.jsonl").write_text("\n".join([*map(json.dumps, rows), "{broken"]), "utf-8")
    pq.write_table(
        pa.table({"text": [text(50), text(40)], "url": ["https://a.example/50", "https://b.example/40"]}),
        folder / "table.parquet",
    )
    with (folder / "crawl.warc.gz").open("wb") as stream:
        warc = WarcFile(stream)
        warc.write(Page("https://c.example/kk", "2026-11-29T00:00:00Z", article(KAZAKH[60:68]).encode()))
        warc.write(Page("https://c.example/ru", "2026-11-29T00:00:00Z", article(RUSSIAN[20:28]).encode()))
        warc.close()
    return folder


def test_every_form_is_read_and_every_loss_has_a_reason(files, tmp_path):
    out = tmp_path / "out"
    result = CliRunner().invoke(main, ["refine", str(files), "--language", "kk", "-o", str(out), "--json"])
    assert result.exit_code == 0, result.output
    refined = json.loads(result.stdout)
    assert (refined["records"], refined["kept"]) == (12, 7)
    assert refined["lost"]["collect"] == {"not JSON": 1, "sifted out": 1}
    assert refined["unread"] == {".md": 1}
    assert {"duplicate": 1, "another language": 1}.items() <= refined["lost"]["cut"].items()
    assert sum(sum(counts.values()) for counts in refined["lost"].values()) == 5

    rows = [row for shard in sorted((out / "corpus").glob("*.parquet")) for row in read_shard(shard, Kept)]
    assert pq.read_table(out / "corpus").num_rows == len(rows) == 7
    pages = files / "pages"
    web = {"https://c.example/kk", "https://a.example/50"}
    assert {row.url for row in rows} - {"https://a.example/40", "https://b.example/40"} == web | {
        str(pages / "a page.html"),
        str(pages / "packed.html.gz"),
        "book.txt:1",
        "book.txt:2",
    }
    by_url = {row.url: row.text for row in rows}
    assert (by_url["book.txt:1"], by_url["https://a.example/50"]) == (text(20), text(50))
    assert KAZAKH[66] in by_url["https://c.example/kk"]
    assert KAZAKH[12] in by_url[str(pages / "packed.html.gz")]
    assert page_history(find_run(out), "rows.jsonl:3")[-1]["what"] == "lost: not JSON"
    assert page_history(find_run(out), "https://c.example/ru")[-1]["what"] == "lost: sifted out"
    assert page_history(find_run(out), str(pages / "орысша.html"))[-1]["what"] == "lost: another language"


def test_it_says_which_files_it_did_not_read(files, tmp_path):
    (files / ".hidden.csv").touch()
    (files / "table.CSV").touch()
    result = CliRunner().invoke(main, ["refine", str(files), "--language", "kk", "-o", str(tmp_path / "out")])
    assert "not read, because of the form of the file: .csv 1, .md 1\n" in result.stdout.replace(
        ".md 1, .csv 1", ".csv 1, .md 1"
    )
    assert "lost 0" in result.stderr + result.stdout


def test_if_nothing_is_collected_the_first_loss_is_named(tmp_path):
    (tmp_path / "бұзық.docx").write_bytes(b"PK")
    with pytest.raises(Problem, match=r"unreadable: damaged 1.*The first: бұзық.docx"):
        refine_files([tmp_path / "бұзық.docx"], "kk", tmp_path / "out")


def test_rows_with_their_text_under_another_name_are_told_and_read(tmp_path):
    rows = [json.dumps({"id": start, "content": text(start)}) for start in (0, 20, 40)]
    (tmp_path / "жол.jsonl").write_bytes("\n".join([*rows, '{"text": "']).encode() + b'\xff"}\n')
    call = ["refine", str(tmp_path / "жол.jsonl"), "--language", "kk", "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(main, call)
    assert done.exit_code == 1
    assert "lost: no text field 3, lost: not UTF-8 1" in done.output
    assert "The first: жол.jsonl:1 has no text under 'text'; it has id, content" in done.output
    done = CliRunner().invoke(main, [*call, "--text-field", "content"])
    assert "3 of 4 records kept" in done.output
    done = CliRunner().invoke(main, [*call, "--text-field", "id", "--redo", "collect.."])
    assert "The first: жол.jsonl:1 has no text under 'id' but a value of type int; it has id, content" in done.output


def test_text_in_another_encoding_is_told_with_what_to_do(tmp_path):
    (tmp_path / "a.txt").write_text(text(0), "utf-8")
    (tmp_path / "b.txt").write_bytes(text(20).encode("utf-16"))
    done = CliRunner().invoke(main, ["refine", str(tmp_path), "--language", "kk", "-o", str(tmp_path / "out")])
    assert "convert it, as with iconv" in done.output


def test_the_same_call_keeps_everything_and_other_files_are_noticed(files, tmp_path):
    outcomes = []
    first = refine_files([files], "kk", tmp_path / "out")
    assert refine_files([files], "kk", tmp_path / "out", tell=lambda o: outcomes.append(o.what)) == first
    assert outcomes == ["kept"] * 5
    with pytest.raises(Drift, match=r"collect is out of date"):
        refine_files([files / "book.txt"], "kk", tmp_path / "out")
    refined = refine_files([files / "book.txt"], "kk", tmp_path / "out", redo=["collect.."])
    assert (refined.records, refined.kept, refined.lost) == (2, 2, {})
    assert [row.url for path in (tmp_path / "out" / "corpus").iterdir() for row in read_shard(path, Kept)] == [
        "book.txt:1",
        "book.txt:2",
    ]


@pytest.mark.parametrize(
    ("names", "language", "message"),
    [
        (["readme.md"], "kk", "cannot tell its form"),
        (["none.txt"], "kk", "no file"),
        (["."], "xx", "xx"),
        ([], "kk", "no files to refine"),
    ],
)
def test_wrong_calls_write_nothing(files, tmp_path, names, language, message):
    with pytest.raises(Problem, match=message):
        refine_files([files / name for name in names], language, tmp_path / "out")
    assert not (tmp_path / "out" / "recipe.toml").exists()
    assert Run(tmp_path / "out").record("collect") is None


def damage(files) -> None:
    """Cut a file of each form short, and add one that is none."""
    rows = [json.dumps({"text": text(start), "url": f"https://d.example/{start}"}) for start in range(70, 90)]
    packed = gzip.compress("\n".join(rows).encode(), mtime=0)
    (files / "cut.jsonl.gz").write_bytes(packed[: len(packed) * 3 // 4])
    (files / "rows.jsonl").write_bytes((files / "rows.jsonl").read_bytes()[:-30])
    for name in ("table.parquet", "crawl.warc.gz"):
        (files / name).write_bytes((files / name).read_bytes()[:-40])
    (files / "pages" / "packed.html.gz").write_bytes(b"\x1f\x8b\x08" + bytes(50))
    (files / "busy.warc.gz").write_bytes(b"<html>busy</html>")
    (files / "book.txt.gz").write_bytes(b"")


def test_damaged_files_cost_what_cannot_be_read_and_are_named(files, tmp_path):
    damage(files)
    command = ["refine", str(files), "--language", "kk", "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(main, [*command, "--json"])
    assert result.exit_code == 3, result.output
    assert "the corpus is complete, but collect: 7 of 10 files, more than 1 in 100, are damaged" in result.stderr
    refined = json.loads(result.stdout)
    first = refined["damaged"]["first"]
    assert (refined["damaged"]["files"], refined["damaged"]["of"], len(first)) == (7, 10, 7)
    assert all("byte " in detail for detail in first.values()), first
    assert refined["lost"]["collect"] == {
        "damaged file": 4,
        "archive cut short": 1,
        "damaged page": 1,
        "damaged record": 1,
    }
    urls = {row.url for path in (tmp_path / "out" / "corpus").iterdir() for row in read_shard(path, Kept)}
    assert {"https://d.example/70", "https://c.example/kk", "https://a.example/40", "book.txt:1"} <= urls

    again = CliRunner().invoke(main, command)
    assert again.exit_code == 3
    assert f"damaged: {files / 'cut.jsonl.gz'}: byte 0: " in again.stdout
    assert "7 of 10 files are damaged" in again.stdout


def test_a_call_that_is_stopped_among_damaged_files_goes_on_to_the_same_bytes(files, tmp_path, monkeypatch):
    damage(files)
    refine_files([files], "kk", tmp_path / "whole")
    begun = []

    original = collect.collect_one

    def collect_some(job, source, settings):
        begun.append(job)
        original(job, source, settings)
        if len(begun) in (3, 6):
            job.target.unlink()  # as if it had been killed before it wrote this list
            raise KeyboardInterrupt

    monkeypatch.setattr(collect, "collect_one", collect_some)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            refine_files([files], "kk", tmp_path / "stopped")
    refine_files([files], "kk", tmp_path / "stopped")
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")


def test_one_damaged_file_in_a_hundred_is_named_and_no_failure(files, tmp_path):
    for number in range(100):
        (files / f"{number}.txt").write_text(text(number), "utf-8")
    (files / "cut.jsonl.gz").write_bytes(gzip.compress(b'{"text": "x"}\n', mtime=0)[:-4])
    result = CliRunner().invoke(main, ["refine", str(files), "--language", "kk", "-o", str(tmp_path / "out"), "--json"])
    assert result.exit_code == 0, result.output
    damaged = json.loads(result.stdout)["damaged"]
    assert (damaged["files"], damaged["of"], list(damaged["first"])) == (1, 108, [str(files / "cut.jsonl.gz")])
