import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from servers import CRAWL, Server, mini_crawl

from anatili import sample, stage_table
from anatili.census.charts import draw_shares, draw_trend
from anatili.census.count import Census, from_index, scan, trend
from anatili.cli import main
from anatili.problem import Problem

HEAD = "crawl,lang,pages,urls,pct_of_crawl\n"
CSV = HEAD + "CC-MAIN-2024-42,kaz,703746,700000,0.0282\nCC-MAIN-2018-34,kaz,361123,1,0.0134\n"


@pytest.fixture(scope="module")
def crawl(tmp_path_factory):
    return sample.build(tmp_path_factory.mktemp("sample"))


def test_a_scan_for_one_language_agrees_with_a_scan_for_all(crawl):
    every = scan([crawl], (), lambda: None)
    one = scan([crawl], ("kk",), lambda: None)
    assert one.total == every.total
    assert abs(one.pages["kk"] - every.pages["kk"]) <= 0.05 * every.pages["kk"]
    assert set(one.pages) == {"kk"}
    assert sum(every.lost.values()) == sum(one.lost.values()) > 0


def test_intervals_hold_the_share_and_hosts_carry_the_pages(crawl):
    found = scan([crawl], ("kk", "ky"), lambda: None)
    for row in found.rows(("kk", "ky")):
        assert row["low"] <= row["share"] <= row["high"]
    named = found.top_hosts("kk", 1000)
    assert sum(pages for _, pages in named) == found.pages["kk"]
    assert named == sorted(named, key=lambda n: (-n[1], n[0]))


def test_an_interval_is_told_for_what_was_never_seen():
    census = Census("scan")
    for number in range(100):
        census.add(f"host{number}", "")
    (row,) = census.rows(("kk",))
    assert row["share"] == row["low"] == 0
    assert 0.02 < row["high"] < 0.04


def test_an_interval_is_told_where_nothing_else_was_seen():
    census = Census("scan")
    for number in range(5):
        census.add(f"host{number}", "kk")
    (row,) = census.rows(("kk",))
    assert row["share"] == row["high"] == 1
    assert row["low"] == pytest.approx(0.05 ** (1 / 5))  # resampled: 1, with however few hosts


def test_few_hosts_do_not_lower_an_interval_by_resamples_without_a_page():
    census = Census("scan")
    for number in range(4):
        census.add(f"host{number % 2}", "kk" if number < 3 else "")
    (row,) = census.rows(("kk",))
    assert (row["low"], row["high"]) == (0.5, 1.0)  # by host 2 of 2 and 1 of 2; one resample in seven draws neither
    alone = Census("scan")
    for language in ("kk", ""):
        alone.add("a.kz", language)
    (row,) = alone.rows(("kk",))
    assert (row["low"], row["high"]) == (0.0, 1.0)


def test_the_pages_of_one_host_do_not_make_a_share_surer():
    clumped, spread = Census("scan"), Census("scan")
    for number in range(1000):
        clumped.add(f"host{number // 100}", "kk" if number < 100 else "")
        spread.add(f"host{number}", "kk" if number < 100 else "")
    wide, narrow = clumped.rows(("kk",))[0], spread.rows(("kk",))[0]
    assert wide["high"] - wide["low"] > 3 * (narrow["high"] - narrow["low"])


def test_the_index_is_counted_at_any_place(tmp_path):
    table = pa.table(
        {
            "url_host_name": ["www.a.kz", "b.kz", "c.com", "d.com"],
            "content_languages": ["kaz,rus", "rus,kaz,eng", "eng", None],
        }
    )
    pq.write_table(table, tmp_path / "part.parquet")
    found = from_index([pq.ParquetFile(tmp_path / "part.parquet")], ("kk",))
    assert (found.total, found.pages["kk"]) == (4, 2)
    assert found.top_hosts("kk", 5) == [("a.kz", 1), ("b.kz", 1)]
    every = from_index([pq.ParquetFile(tmp_path / "part.parquet")], ())
    assert every.pages == {"kk": 1, "ru": 1, "en": 1, "und": 1}
    assert "hosts" in found.rows(("kk",))[0]
    assert "hosts" not in every.rows()[0]  # of all languages they are not counted


def test_the_trend_is_read_in_both_forms_of_the_file():
    points = trend(CSV, ("kk",), "x.csv")
    assert [p.crawl for p in points] == ["CC-MAIN-2018-34", "CC-MAIN-2024-42"]
    assert points[1].share == pytest.approx(0.000282)
    as_published = CSV.replace("lang", "primary_language").replace("pct_of_crawl", "%pages/crawl")
    assert trend(as_published, ("kk",), "x.csv") == points


@pytest.mark.parametrize(
    ("text", "says"),
    [("a,b\n1,2\n", "expected the columns"), (CSV, "no row for ky"), (CSV.replace("703746", "many"), "line 2")],
)
def test_a_file_that_is_no_statistics_is_told(text, says):
    with pytest.raises(Problem, match=says):
        trend(text, ("ky",) if "no row" in says else ("kk",), "x.csv")


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_plots_are_drawn(tmp_path, ending):
    rows = [
        {"language": "kk", "pages": 5, "share": 0.05, "low": 0.01, "high": 0.1},
        {"language": "ba", "pages": 0, "share": 0.0, "low": 0.0, "high": 0.1},
    ]
    draw_shares(rows, tmp_path / f"a.{ending}", "Languages")
    draw_trend(trend(CSV, ("kk",), "x"), tmp_path / f"b.{ending}")
    start = b"\x89PNG" if ending == "png" else b"<?xml"
    assert all(p.read_bytes().startswith(start) for p in tmp_path.glob(f"*.{ending}"))


def test_the_commands(tmp_path, crawl, capsys):
    (tmp_path / "l.csv").write_text(CSV)
    main(["census", "trend", str(tmp_path / "l.csv"), "--language", "kk", "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out.splitlines()[0])["pages"] == 361123
    main(["census", "scan", str(crawl), "--language", "ky", "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["languages"][0]["language"] == "ky"
    with pytest.raises(Exception, match=r"ends in \.png or \.svg"):
        main(["census", "trend", str(tmp_path / "l.csv"), "--language", "kk", "--plot", "a.gif"], standalone_mode=False)
    server = Server()
    served, languages = mini_crawl(Path(tmp_path))
    server.files.update(served)
    parts = [server.url + path for path in served if "subset=warc" in path]
    main(
        ["census", "index", *parts, "--language", "kk", "--json", "--private-host", server.host], standalone_mode=False
    )
    found = json.loads(capsys.readouterr().out)
    assert found["languages"][0]["pages"] == sum("kaz" in (v or "").split(",") for v in languages.values())
    server.shutdown()


def test_an_index_and_a_scan_audit_each_other(tmp_path, monkeypatch):
    """The whole way over HTTP: a recipe with both, the run, and what each found that the other missed."""
    server = Server()
    served, _ = mini_crawl(tmp_path)
    server.files.update(served)
    recipe = tmp_path / "both.toml"
    recipe.write_text(f"""
name = "both"
language = "kk"
[[collect.sources]]
name = "index"
kind = "commoncrawl"
path = "{server.url}"
crawls = ["{CRAWL}"]
sift = ["kk"]
[[collect.sources]]
name = "scan"
path = "{server.url}/crawl-data/{CRAWL}/warc.paths.gz"
sift = ["kk"]
[collect]
private_hosts = ["{server.host}"]
""")
    monkeypatch.setattr(stage_table, "STAGES", stage_table.STAGES[:5])
    runs = ["--runs", str(tmp_path / "runs")]
    answer = CliRunner().invoke(main, ["run", str(recipe), *runs, "--json"])
    assert answer.exit_code == 0, answer.output
    said = json.loads(CliRunner().invoke(main, ["census", "overlap", "both", "index", "scan", *runs, "--json"]).stdout)
    assert said["recall"]["scan"] >= 0.98
    assert said["recall"]["index"] < said["recall"]["scan"]
    assert said["pages"]["only scan"] > 0
    missed = CliRunner().invoke(main, ["census", "overlap", "both", "index", "none", *runs])
    assert "is not a source of" in missed.stderr
    server.shutdown()
