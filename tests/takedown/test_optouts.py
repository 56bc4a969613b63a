"""Hosts that are asked again, and what they refuse now."""

import json
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner
from servers import Server

from anatili.cli import main
from anatili.document import Kept, Lost, read_shard
from anatili.pipeline.run_recipe import run_recipe
from anatili.run import Run
from anatili.sample.topics import read_topics
from anatili.takedown.optouts import ask_again
from anatili.takedown_log import read_takedowns

RECIPE = """
name = "sites"
language = "kk"
[[collect.sources]]
name = "s"
path = "pages.jsonl"
kind = "jsonl"
[collect]
private_hosts = {hosts}
[cut]
min_words = 5
min_confidence = 0.5
held_out = 0.0
"""


@pytest.fixture
def servers():
    opened = [Server() for _ in range(4)]
    yield opened
    for server in opened:
        threading.Thread(target=server.shutdown, daemon=True).start()


@pytest.fixture
def run(servers, tmp_path) -> Run:
    """A corpus of three pages of each of four hosts."""
    texts = (topic.pages["kk"].text for topic in read_topics())
    pages = [{"text": next(texts), "url": f"{server.url}/{n}"} for server in servers for n in (1, 2, 3)]
    (tmp_path / "pages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in pages), "utf-8")
    file = tmp_path / "sites.toml"
    file.write_text(RECIPE.format(hosts=json.dumps([server.host for server in servers])), "utf-8")
    return run_recipe(file, tmp_path / "runs", until="cut")


def urls(run: Run, pattern: str, kind: type) -> set[str]:
    return {row.url for shard in run.folder("cut").glob(pattern) for row in read_shard(shard, kind)}


def test_what_hosts_refuse_later_leaves_and_what_cannot_be_asked_stays(run, servers, tmp_path):
    closed, partly, broken, open_host = servers
    closed.files["/robots.txt"] = b"User-agent: GPTBot\nDisallow: /\n"
    partly.files["/.well-known/tdmrep.json"] = b'[{"location": "/2", "tdm-reservation": 1}]'
    broken.files["/robots.txt"] = (500, {}, b"")
    listed = tmp_path / "opted-out.txt"
    listed.write_text(f"# a list\nelsewhere.example\n{open_host.url}/3\n", "utf-8")
    arguments = ["optouts", str(run.root), "--list", str(listed), "--pause", "0", "--yes", "--json", "--later"]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    answers, told, *entries = [json.loads(line) for line in result.output.splitlines()]
    assert answers["hosts"] == 4
    assert {host: text.split(" @ ")[0] for host, text in answers["opted_out"].items()} == {
        closed.host: "robots.txt GPTBot",
        partly.host: "tdmrep.json",
    }
    assert list(answers["not_answered"]) == [broken.host]
    assert "HTTP 500" in answers["not_answered"][broken.host]
    assert told["affected"]["documents"]["in_training"] == 5
    assert len(entries) == 3
    for server in servers:  # nothing but its rules is asked of a host
        asked = {path for path, *_ in server.asked}
        assert asked <= {"/robots.txt", "/ai.txt", "/.well-known/tdmrep.json"}
    takedowns = read_takedowns(run.root)
    assert takedowns.reason(url=f"{closed.url}/new").startswith("opt-out found later: robots.txt GPTBot @ 20")
    assert not takedowns.reason(url=f"{partly.url}/1")
    run_recipe(tmp_path / "sites.toml", tmp_path / "runs", redo=["cut"], until="cut")
    gone = {*(f"{closed.url}/{n}" for n in (1, 2, 3)), f"{partly.url}/2", f"{open_host.url}/3"}
    assert urls(run, "lost/part-*.parquet", Lost) == gone
    assert len(urls(run, "part-*.parquet", Kept)) == 12 - len(gone)
    again = ask_again(run, [listed], pause=0)  # what is gone is not found again
    assert again.requests == ()
    assert again.asked == 3


def page(head: str = "") -> bytes:
    return f"<html><head>{head}<title>Мақала</title></head><body>Мәтін</body></html>".encode()


def test_pages_are_read_again_for_signals_of_their_own(run, servers):
    """Headers and meta tags count; what robots.txt forbids is not asked for, nor is more than so many pages a host."""
    tagged, barred, silent, moved = servers
    html = {"Content-Type": "text/html"}
    tagged.files |= {
        "/1": (200, html, page('<meta name="robots" content="noai, noimageai">')),
        "/2": (200, html | {"X-Robots-Tag": "noai"}, page()),
        "/3": (200, html | {"tdm-reservation": "1"}, page()),
    }
    barred.files |= {"/robots.txt": b"User-agent: *\nDisallow: /1\n", "/1": page(), "/2": page(), "/3": page()}
    silent.files |= {"/1": (500, {}, b"")}
    moved.files |= {f"/{n}": (301, {"Location": f"{silent.url}/away"}, b"") for n in (1, 2, 3)}
    answers = ask_again(run, pages=3, pause=0)
    named = {url: request.reason for request in answers.requests for url in request.names.urls}
    reasons = {url: reason for url, reason in named.items() if not url.startswith(barred.url)}
    assert reasons.keys() == {f"{tagged.url}/{n}" for n in (1, 2, 3)}
    assert "meta robots: noai @ 20" in reasons[f"{tagged.url}/1"]
    assert "X-Robots-Tag: noai @ 20" in reasons[f"{tagged.url}/2"]
    assert "tdm-reservation: 1 @ 20" in reasons[f"{tagged.url}/3"]
    assert answers.pages == 5
    assert "/1" not in {path for path, *_ in barred.asked}
    assert "/away" not in {path for path, *_ in silent.asked}
    before = len(tagged.asked)
    assert ask_again(run, pages=1, pause=0).pages <= len(servers)
    assert sum(path in ("/1", "/2", "/3") for path, *_ in tagged.asked[before:]) == 1


def test_signals_that_a_recipe_did_not_obey_are_obeyed_later(tmp_path):
    from anatili.warc import Page, WarcFile

    with (tmp_path / "a.warc.gz").open("wb") as stream:
        warc = WarcFile(stream, {"software": "test"})
        for number, topic in enumerate(read_topics()[:4]):
            body = "".join(f"<p>{line}</p>" for line in topic.pages["kk"].text.split("\n"))
            head = '<meta name="robots" content="noai">' if number == 1 else ""
            page = f"<html><head>{head}<title>{topic.slug}</title></head><body><article>{body}</article></body></html>"
            warc.write(Page(f"https://a.example/{number}", "2026-01-01T00:00:00Z", page.encode()))
        warc.close()
    file = tmp_path / "sites.toml"
    recipe = RECIPE.format(hosts="[]").replace("pages.jsonl", "a.warc.gz").replace('kind = "jsonl"', "")
    file.write_text(recipe.replace("[cut]", "[cut]\nobey_opt_outs = false"), "utf-8")
    run = run_recipe(file, tmp_path / "runs", until="cut")
    assert "https://a.example/1" in urls(run, "part-*.parquet", Kept)
    (request,) = ask_again(run, offline=True).requests
    assert request.reason.startswith("opted out when collected: meta robots: noai @ 2026-01-01")
    assert len(request.names.ids) == 1


def test_a_list_with_something_else_in_it_is_refused(tmp_path):
    from anatili.problem import Problem
    from anatili.takedown.names import Names, names_of

    file = tmp_path / "list.txt"
    file.write_text("WWW.Example.kz # a host\nhttps://b.example/x\n" + "a" * 24 + "\n\n", "utf-8")
    assert names_of(files=[Path(file)]) == Names(("https://b.example/x",), ("a" * 24,), ("example.kz",))
    file.write_text("what is this\n", "utf-8")
    with pytest.raises(Problem, match=r"list.txt:1: 'what is this' is neither"):
        names_of(files=[file])
