import gzip
import json
from dataclasses import replace

import pytest

from anatili.collect.block_list import BlockList, as_compared, build, entries, names_of, read_block_list, unblocked
from anatili.document import Document, Lost, add_up, read_shard
from anatili.pool import LocalPool
from anatili.problem import Problem
from anatili.recipe import load_recipe
from anatili.run import Run
from anatili.stage import carry_out
from anatili.warc import Broken, Page, Sifted
from anatili.why import page_history

PLAIN = "# a list\nspam.example\n\nhttps://www.Mixed.example/Bad/Folder/\ncasino.қаз\nnews.example/ads\n"
HOSTS = "127.0.0.1 localhost\n::1 localhost\n0.0.0.0 ads.example tracker.example # two\n0.0.0.0 0.0.0.0\n"


@pytest.fixture
def blocks(tmp_path) -> BlockList:
    (tmp_path / "plain.txt").write_text(PLAIN, "utf-8")
    (tmp_path / "hosts.gz").write_bytes(gzip.compress(HOSTS.encode()))
    build(["plain.txt", "hosts.gz"], tmp_path, tmp_path)
    found = read_block_list(tmp_path)
    assert found
    return found


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        ("https://spam.example/a", "spam.example"),
        ("http://www.deep.SPAM.example:8080/a?b=c", "spam.example"),
        ("https://notspam.example/", ""),
        ("https://mixed.example/Bad/Folder/page.html?x", "mixed.example/Bad/Folder"),
        ("https://mixed.example/Bad/Folders", ""),
        ("https://mixed.example/", ""),
        ("https://www.casino.қаз/", as_compared("casino.қаз")),
        ("https://xn--casino.example", ""),
        ("https://tracker.example?x=1", "tracker.example"),
        ("https://news.example/ads", "news.example/ads"),
        ("https://news.example/adsense", ""),
        ("https://localhost/", ""),
        ("https://[::1/x", ""),
        ("", ""),
    ],
)
def test_hosts_subdomains_and_beginnings_of_addresses(blocks, url, entry):
    assert blocks.entry(url) == entry


def test_an_address_of_thousands_of_parts_costs_little(blocks):
    address = "a." * 3000 + "spam.example/" + "x/" * 5000
    assert len(list(names_of(address))) < 200
    assert blocks.entry(f"https://{address}") == "spam.example"


def test_pages_are_named_with_the_entry_and_others_go_on(blocks):
    page = Page("https://spam.example/a", "", b"x")
    other, sifted = replace(page, url="https://good.example/"), Sifted("https://spam.example/b")
    assert list(unblocked([page, other, sifted], blocks)) == [
        Broken(page.url, "blocked address", "spam.example"),
        other,
        sifted,
    ]
    assert list(unblocked([page], None)) == [page]


@pytest.mark.parametrize("content", [b"", b"||ads.example^$third-party\n/banner*\n", b"\x1f\x8bdamaged"])
def test_a_file_that_is_no_such_list_is_refused(tmp_path, content):
    (tmp_path / "list").write_bytes(content)
    with pytest.raises(Problem, match="block_lists"):
        list(entries(tmp_path / "list"))


def test_a_run_counts_what_was_blocked_and_says_why(tmp_path):
    texts = {"https://good.example/1": "Бұл жақсы бет. " * 20, "https://ads.example/1": "Бұл жарнама беті. " * 20}
    rows = [json.dumps({"url": url, "text": text}, ensure_ascii=False) for url, text in texts.items()]
    (tmp_path / "a.jsonl").write_text("\n".join(rows), "utf-8")
    (tmp_path / "hosts").write_text(HOSTS, "utf-8")
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "r"\nlanguage = "kk"\n[collect]\nblock_lists = ["hosts"]\n[[collect.sources]]\n'
        'name = "s"\nkind = "jsonl"\npath = "a.jsonl"\n',
        "utf-8",
    )
    run = Run(tmp_path / "run")
    for _ in carry_out(load_recipe(recipe), run, LocalPool(), base=tmp_path, until="collect"):
        pass
    shards = sorted(run.folder("collect").glob("part-*.parquet"))
    assert [row.url for shard in shards for row in read_shard(shard, Document)] == ["https://good.example/1"]
    lost = sorted(run.folder("collect").glob("lost-*.parquet"))
    assert add_up(lost) == {"kept": 1, "lost: blocked address": 1, "records": 2}
    assert [row.detail for row in read_shard(lost[0], Lost)] == ["ads.example"]
    assert page_history(run, "https://ads.example/1")[0]["what"] == "lost: blocked address"
    record = run.record("collect")
    assert record
    assert "hosts" in record.identity["files"]["[collect] block_lists"]
    (tmp_path / "hosts").unlink()
    with pytest.raises(Problem, match="no file"):
        list(carry_out(load_recipe(recipe), run, LocalPool(), base=tmp_path, until="collect"))
