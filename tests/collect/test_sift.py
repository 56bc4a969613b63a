import gzip
import io
import json

import pytest
from click.testing import CliRunner

from anatili import sample
from anatili.cli import main
from anatili.warc import Page, WarcFile, read_pages


@pytest.fixture(scope="module")
def crawl(tmp_path_factory):
    return sample.build(tmp_path_factory.mktemp("crawl"))


def sift(*arguments):
    return CliRunner().invoke(main, ["sift", *map(str, arguments)])


def test_what_passes_is_written_and_passes_again(crawl, tmp_path):
    out = tmp_path / "out.warc.gz"
    counts = json.loads(sift(crawl, "--language", "kk", "-o", out, "--json").stdout)
    assert counts["records"] == counts["pages"] + sum(counts["lost"].values())
    assert counts["passed"] == sum(counts["rules"].values())
    assert {"Cyrl", "Arab"} <= counts["rules"].keys()
    assert counts["bytes"] == crawl.stat().st_size
    again = json.loads(sift(out, "--language", "kk", "--json").stdout)
    assert again["records"] == again["passed"] == counts["passed"]
    kept = {page.url: page for page in read_pages(out, 10**7)}
    for page in read_pages(crawl, 10**7):
        if isinstance(page, Page) and page.url in kept and page.time == kept[page.url].time:
            assert kept[page.url].payload == page.payload
            assert kept[page.url].headers == page.headers


@pytest.mark.parametrize("code", ["ky", "tt"])
def test_other_languages_by_their_packs(crawl, code):
    counts = json.loads(sift(crawl, "--language", code, "--json").stdout)
    assert 0 < counts["passed"] < counts["records"] / 2


def test_it_says_when_a_language_has_no_letters_of_its_own(crawl):
    answer = sift(crawl, "--language", "uz")
    assert "has no letters of its own: every page passes" in answer.stdout
    assert "required letters: Cyrl: 3 of" in sift(crawl, "--language", "kk").stdout


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no pages in"),
        (b"not a web archive", "no pages in"),
        (gzip.compress(b"neither", mtime=0), "no pages in"),
        (
            gzip.compress(
                b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 500\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", mtime=0
            ),
            "no pages in",
        ),
    ],
)
def test_bad_files_are_reported_with_an_error(tmp_path, data, message):
    (tmp_path / "a.warc.gz").write_bytes(data)
    answer = sift(tmp_path / "a.warc.gz", "--language", "kk", "-o", tmp_path / "out.warc.gz")
    assert answer.exit_code == 1
    assert message in answer.stderr
    assert not list(tmp_path.glob("*out*")), "half a file was left behind"


def test_what_passed_is_written_even_where_too_much_was_lost(crawl, tmp_path):
    cut = tmp_path / "cut.warc.gz"
    data = crawl.read_bytes()
    cut.write_bytes(data[:20_000] + data[-20_000:])
    answer = sift(cut, "--language", "kk", "-o", tmp_path / "out.warc.gz")
    assert answer.exit_code == 3
    assert "more than 1 in 100" in answer.stderr
    assert list(read_pages(tmp_path / "out.warc.gz", 10**7))


def test_an_archive_that_ends_too_early_ends_with_an_error(crawl, tmp_path):
    """All in one gzip stream, and cut near its end: one record in hundreds, but nobody knows what was behind it."""
    stream = io.BytesIO()
    warc = WarcFile(stream)
    for page in [page for page in read_pages(crawl, 10**7) if isinstance(page, Page)] * 3:
        warc.write(page)
    warc.close()
    data = gzip.compress(gzip.decompress(stream.getvalue()), mtime=0)
    (tmp_path / "cut.warc.gz").write_bytes(data[:-2000])
    answer = sift(tmp_path / "cut.warc.gz", "--language", "kk", "-o", tmp_path / "out.warc.gz")
    assert answer.exit_code == 3
    assert "1 of 1 files end too early" in answer.stderr
    assert list(read_pages(tmp_path / "out.warc.gz", 10**7))


def test_an_unknown_language_is_reported(crawl):
    assert "no language pack 'xx'" in sift(crawl, "--language", "xx").stderr
