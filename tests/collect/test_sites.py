import gzip
from datetime import UTC, datetime

import pytest
from servers import Server

from anatili.collect.fetch import Fetcher
from anatili.collect.robots import matches, read_rules, tdm_rules
from anatili.collect.sites import OPT_OUT_HEADER, crawl_site
from anatili.warc import Broken, Page

TODAY = f"{datetime.now(UTC):%Y-%m-%d}"


@pytest.fixture
def server():
    server = Server()
    yield server
    server.shutdown()


def crawl(server, limit=100):
    fetch = Fetcher(frozenset({server.host}), tries=2, sleep=lambda seconds: None)
    return list(crawl_site(server.url, fetch, limit))


def put_pages(server, *paths):
    for path in paths:
        server.files[path] = (200, {"Content-Type": "text/html; charset=utf-8"}, f"<p>{path}</p>".encode())


def sitemap(*urls, kind="urlset"):
    inner = "".join(f"<url><loc>{url}</loc></url>" for url in urls)
    return f'<?xml version="1.0"?><{kind}>{inner}</{kind}>'.encode()


def test_sitemaps_of_sitemaps_are_followed_and_packed_ones_unpacked(server):
    put_pages(server, "/a", "/b", "/c?x=1&y=2".partition("?")[0])
    server.files["/robots.txt"] = f"User-agent: *\nDisallow: /b\nSitemap: {server.url}/maps.xml\n".encode()
    server.files["/maps.xml"] = sitemap(f"{server.url}/one.xml.gz", f"{server.url}/maps.xml", kind="sitemapindex")
    server.files["/one.xml.gz"] = gzip.compress(
        sitemap(f"{server.url}/a", f"{server.url}/b", f"{server.url}/c?x=1&amp;y=2", "https://elsewhere.example/d")
    )
    found = crawl(server)
    assert [p.url for p in found if isinstance(p, Page)] == [f"{server.url}/a", f"{server.url}/c?x=1&y=2"]
    assert [(p.url, p.reason) for p in found if isinstance(p, Broken)] == [(f"{server.url}/b", "robots.txt forbids it")]
    assert server.times_asked("/b") == 0
    assert server.times_asked("/maps.xml") == 1


def test_a_feed_is_read_where_there_is_no_sitemap(server):
    put_pages(server, "/news/1", "/news/2")
    link = '<link rel="alternate" type="application/rss+xml" href="/rss">'
    server.files["/"] = (200, {"Content-Type": "text/html"}, link.encode())
    items = "".join(f"<item><link>{server.url}/news/{n}</link></item>" for n in (1, 2))
    server.files["/rss"] = f"<rss><channel>{items}</channel></rss>".encode()
    assert [p.url for p in crawl(server)] == [f"{server.url}/news/1", f"{server.url}/news/2"]


def test_a_page_that_leads_to_another_site_or_a_closed_place_is_not_kept(server):
    other = Server()
    other.files["/x"] = b"elsewhere"
    put_pages(server, "/closed/1", "/1")
    server.files["/robots.txt"] = b"User-agent: *\nDisallow: /closed\n"
    server.files["/a"] = (302, {"Location": f"http://{other.host}/x"}, b"")
    server.files["/b"] = (302, {"Location": "/closed/1"}, b"")
    server.files["/sitemap.xml"] = sitemap(*(f"{server.url}/{x}" for x in "ab1"))
    fetch = Fetcher(frozenset({server.host, other.host}), tries=2, sleep=lambda seconds: None)
    found = list(crawl_site(server.url, fetch, 10))
    assert [p.url for p in found if isinstance(p, Page)] == [f"{server.url}/1"]
    assert [p.reason for p in found if isinstance(p, Broken)] == ["leads elsewhere", "leads elsewhere"]
    other.shutdown()


def test_no_more_pages_than_asked_for(server):
    put_pages(server, "/1", "/2", "/3")
    server.files["/sitemap.xml"] = sitemap(*(f"{server.url}/{n}" for n in (1, 2, 3)))
    assert len(crawl(server, limit=2)) == 2


@pytest.mark.parametrize("fault", ["503", "hang up"])
def test_a_site_whose_rules_cannot_be_read_is_left_alone(server, fault):
    put_pages(server, "/1")
    server.files["/sitemap.xml"] = sitemap(f"{server.url}/1")
    server.faults["/robots.txt"] = [fault] * 9
    (only,) = crawl(server)
    assert isinstance(only, Broken)
    assert only.reason == "not fetched"
    assert server.times_asked("/sitemap.xml") == 0


def test_refusals_of_training_are_kept_with_the_date(server):
    put_pages(server, "/open/1", "/closed/1")
    server.files["/sitemap.xml"] = sitemap(f"{server.url}/open/1", f"{server.url}/closed/1")
    server.files["/robots.txt"] = b"User-agent: GPTBot\nDisallow: /closed\n"
    server.files["/.well-known/tdmrep.json"] = b'[{"location": "/closed/*", "tdm-reservation": 1}]'
    opened, closed = crawl(server)
    assert OPT_OUT_HEADER not in opened.headers
    assert closed.headers[OPT_OUT_HEADER] == f"robots.txt GPTBot @ {TODAY}; tdmrep.json @ {TODAY}"


def test_ai_txt_counts(server):
    server.files["/ai.txt"] = b"User-Agent: *\nDisallow: /\n"
    rules = read_rules(server.url, Fetcher(frozenset({server.host})), TODAY)
    assert rules.refusals(f"{server.url}/x") == f"ai.txt @ {TODAY}"


def test_an_html_page_in_place_of_the_rules_is_no_rule(server):
    server.files["/robots.txt"] = (200, {"Content-Type": "text/html"}, b"<html>User-agent: *\nDisallow: /</html>")
    assert read_rules(server.url, Fetcher(frozenset({server.host})), TODAY).allows(server.url + "/x")


def test_the_delay_a_site_asks_for_is_kept(server):
    put_pages(server, "/1", "/2")
    server.files["/robots.txt"] = b"User-agent: *\nCrawl-delay: 5\n"
    server.files["/sitemap.xml"] = sitemap(f"{server.url}/1", f"{server.url}/2")
    waited = []
    list(crawl_site(server.url, Fetcher(frozenset({server.host}), sleep=waited.append), 10))
    assert sum(waited) > 9


def test_a_sitemap_bomb_is_cut_off(server):
    put_pages(server, "/1")
    bomb = sitemap(f"{server.url}/1")[:-9] + b" " * 100_000_000
    server.files["/sitemap.xml"] = gzip.compress(bomb)
    assert [p.url for p in crawl(server)] == [f"{server.url}/1"]


def test_patterns_of_the_reservation_file():
    assert matches("/a/*.pdf$", "/a/b/c.pdf")
    assert not matches("/a/*.pdf$", "/a/b/c.pdf.html")
    assert tdm_rules("[]") == tdm_rules("<html>") == tdm_rules('{"a": 1}') == ()
