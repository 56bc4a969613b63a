import gzip
from datetime import UTC, datetime

import pytest
from servers import Server

from anatili.collect.fetch import Fetcher
from anatili.collect.network import Budget
from anatili.collect.robots import matches, read_rules, tdm_rules
from anatili.collect.sites import OPT_OUT_HEADER, crawl_site
from anatili.takedown_log import Takedown, Takedowns
from anatili.warc import Broken, Page


def today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


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


def test_sitemaps_of_sitemaps_are_followed_and_compressed_ones_decompressed(server):
    put_pages(server, "/a", "/b", "/c?x=1&y=2".partition("?")[0])
    server.files["/robots.txt"] = f"User-agent: *\nDisallow: /b\nSitemap: {server.url}/maps.xml\n".encode()
    server.files["/maps.xml"] = sitemap(f"{server.url}/one.xml.gz", f"{server.url}/maps.xml", kind="sitemapindex")
    server.files["/one.xml.gz"] = gzip.compress(
        sitemap(f"{server.url}/a", f"{server.url}/b", f"{server.url}/c?x=1&amp;y=2", "https://elsewhere.example/d"),
        mtime=0,
    )
    results = crawl(server)
    assert [p.url for p in results if isinstance(p, Page)] == [f"{server.url}/a", f"{server.url}/c?x=1&y=2"]
    assert [(p.url, p.reason) for p in results if isinstance(p, Broken)] == [
        (f"{server.url}/b", "robots.txt forbids it")
    ]
    assert server.times_asked("/b") == 0
    assert server.times_asked("/maps.xml") == 1


def test_a_feed_is_read_where_there_is_no_sitemap(server):
    put_pages(server, "/news/1", "/news/2")
    link = '<html><head><link rel="alternate" type="application/rss+xml" href="/rss"></head><body>news</body></html>'
    server.files["/"] = (200, {"Content-Type": "text/html"}, link.encode())
    items = "".join(f"<item><link>{server.url}/news/{n}</link></item>" for n in (1, 2))
    server.files["/rss"] = f"<rss><channel>{items}</channel></rss>".encode()
    assert [p.url for p in crawl(server)] == [f"{server.url}/news/1", f"{server.url}/news/2"]


def test_a_page_that_leads_to_another_site_or_a_closed_path_is_not_kept(server):
    other = Server()
    other.files["/x"] = b"elsewhere"
    put_pages(server, "/closed/1", "/1")
    server.files["/robots.txt"] = b"User-agent: *\nDisallow: /closed\n"
    server.files["/a"] = (302, {"Location": f"http://{other.host}/x"}, b"")
    server.files["/b"] = (302, {"Location": "/closed/1"}, b"")
    server.files["/sitemap.xml"] = sitemap(*(f"{server.url}/{x}" for x in "ab1"))
    fetch = Fetcher(frozenset({server.host, other.host}), tries=2, sleep=lambda seconds: None)
    results = list(crawl_site(server.url, fetch, 10))
    assert [p.url for p in results if isinstance(p, Page)] == [f"{server.url}/1"]
    assert [p.reason for p in results if isinstance(p, Broken)] == ["leads elsewhere", "leads elsewhere"]
    other.shutdown()


def test_a_closed_path_behind_a_redirect_is_not_even_asked_for(server):
    other = Server()
    other.files["/x"] = b"elsewhere"
    put_pages(server, "/closed/1", "/open/1")
    server.files["/robots.txt"] = b"User-agent: *\nDisallow: /closed\n"
    server.files["/a"] = (302, {"Location": "/closed/1"}, b"")
    server.files["/b"] = (302, {"Location": f"http://{other.host}/x"}, b"")
    server.files["/c"] = (302, {"Location": "/d"}, b"")
    server.files["/d"] = (301, {"Location": "/open/1"}, b"")
    server.files["/e"] = (302, {"Location": "https://[::1/x"}, b"")
    server.files["/sitemap.xml"] = sitemap(*(f"{server.url}/{x}" for x in "abce"), "https://[::1/x")
    fetch = Fetcher(frozenset({server.host, other.host}), tries=2, sleep=lambda seconds: None)
    results = list(crawl_site(server.url, fetch, 10))
    assert server.times_asked("/closed/1") == 0
    assert other.asked == []
    assert [p.url for p in results if isinstance(p, Page)] == [f"{server.url}/open/1"]
    reasons = [(p.url[-1], p.reason) for p in results if isinstance(p, Broken)]
    assert reasons == [("a", "leads elsewhere"), ("b", "leads elsewhere"), ("e", "not fetched")]
    other.shutdown()


@pytest.mark.parametrize("fault", ["drip", "drip in headers"])
def test_a_page_that_drips_costs_its_time_once(server, fault):
    put_pages(server, "/1", "/2")
    server.files["/sitemap.xml"] = sitemap(f"{server.url}/1", f"{server.url}/2")
    server.faults["/1"] = [fault] * 9
    fetch = Fetcher(frozenset({server.host}), tries=3, page_seconds=0.5)
    slow, page = crawl_site(server.url, fetch, 10)
    assert (slow.url, slow.reason, slow.detail) == (
        f"{server.url}/1",
        "not fetched",
        "more than 0.5 seconds for one page",
    )
    assert server.times_asked("/1") == 1
    assert page.url == f"{server.url}/2"


def test_a_host_that_drips_or_floods_is_given_up(server):
    pages = [f"/{number}" for number in range(50)]
    put_pages(server, *pages)
    server.files["/sitemap.xml"] = sitemap(*(server.url + path for path in pages))
    for path in pages:
        server.faults[path] = ["drip"] * 9
    fetch = Fetcher(frozenset({server.host}), tries=3, page_seconds=0.2, host=Budget("host", 1.0))
    results = list(crawl_site(server.url, fetch, 50))
    assert 2 <= len(results) <= 7
    assert "the host is given up: more than 1 seconds" in results[-1].detail
    server.faults.clear()
    for path in pages:
        server.files[path] = (200, {"Content-Type": "text/html"}, b"x" * 100_000)
    fetch = Fetcher(frozenset({server.host}), host=Budget("host", 100.0, 1_000_000))
    results = list(crawl_site(server.url, fetch, 50))
    assert 8 <= sum(isinstance(page, Page) for page in results) <= 10
    assert "the host is given up" in results[-1].detail


FEEDS = {
    "atom": """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom">
      <link href="{0}/rss" type="application/atom+xml" rel="self"/><link rel="hub" href="{0}/hub"/>
      <link rel="alternate" href="{0}/"/>
      <entry><link rel="enclosure" type="audio/mpeg" href="{0}/z.mp3"/><link rel="edit" href="{0}/edit"/>
        <link href="{0}/z?utm_source=rss"/><content type="html">&lt;link href="{0}/no"/></content></entry>
      <entry><link rel="alternate" href="/b"/></entry></feed>""",
    "rss": """<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><link>{0}/</link>
      <atom:link href="{0}/rss" rel="self"/><image><link>{0}/image</link></image>
      <item><link><![CDATA[ {0}/z ]]></link><enclosure url="{0}/z.mp3" type="audio/mpeg"/></item>
      <item><atom:link rel="self" href="{0}/no"/><guid>{0}/b</guid></item>
      <item><guid isPermaLink="false">{0}/no</guid></item><item><link>{0}/y.mp3</link></item>
      <item><link>https://[::1/x</link></item></channel></rss>""",
    "rdf": """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">
      <channel><link>{0}/</link></channel><item><link>{0}/z</link></item><item><link>{0}/b</link></item></rdf:RDF>""",
    "json": """{{"version": "https://jsonfeed.org/version/1.1", "feed_url": "{0}/rss",
      "items": [{{"url": "{0}/z"}}, {{"id": "{0}/b"}}]}}""",
}


@pytest.mark.parametrize("kind", FEEDS)
def test_a_feed_names_its_pages_in_its_order_and_nothing_else(server, kind):
    put_pages(server, "/z", "/b", "/hub", "/edit", "/z.mp3", "/y.mp3", "/image", "/no")
    link = b'<html><head><link href="/rss" type="application/rss+xml" rel="alternate"></head><p>x</html>'
    server.files["/"] = (200, {"Content-Type": "text/html"}, link)
    server.files["/rss"] = FEEDS[kind].format(server.url).encode()
    assert [p.url for p in crawl(server)] == [f"{server.url}/z", f"{server.url}/b"]
    asked = {path for path, _, _ in server.asked}
    assert not asked & {"/hub", "/edit", "/z.mp3", "/y.mp3", "/image", "/no"}


def test_sitemaps_of_text_and_of_pictures(server):
    put_pages(server, "/1", "/2", "/i.jpg")
    server.files["/robots.txt"] = f"Sitemap: https://[::1/x\nSitemap: {server.url}/m.txt\n".encode()
    server.files["/m.txt"] = f"{server.url}/1\n{server.url}/i.jpg\n{server.url}/2\n".encode()
    results = crawl(server)
    assert [p.url for p in results if isinstance(p, Page)] == [f"{server.url}/1", f"{server.url}/2"]
    assert [p.reason for p in results if isinstance(p, Broken)] == ["not fetched"]
    assert server.times_asked("/i.jpg") == 0


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


def test_opt_outs_are_kept_with_the_date(server):
    put_pages(server, "/open/1", "/closed/1")
    server.files["/sitemap.xml"] = sitemap(f"{server.url}/open/1", f"{server.url}/closed/1")
    server.files["/robots.txt"] = b"User-agent: GPTBot\nDisallow: /closed\n"
    server.files["/.well-known/tdmrep.json"] = b'[{"location": "/closed/*", "tdm-reservation": 1}]'
    days = [today()]
    opened, closed = crawl(server)
    days.append(today())  # the test may run at midnight
    assert OPT_OUT_HEADER not in opened.headers
    assert closed.headers[OPT_OUT_HEADER] in [f"robots.txt GPTBot @ {day}; tdmrep.json @ {day}" for day in days]


def test_ai_txt_counts(server):
    server.files["/ai.txt"] = b"User-Agent: *\nDisallow: /\n"
    rules = read_rules(server.url, Fetcher(frozenset({server.host})), "2026-11-28")
    assert rules.refusals(f"{server.url}/x") == "ai.txt @ 2026-11-28"


def test_an_html_page_in_place_of_the_rules_is_not_a_rule(server):
    server.files["/robots.txt"] = (200, {"Content-Type": "text/html"}, b"<html>User-agent: *\nDisallow: /</html>")
    assert read_rules(server.url, Fetcher(frozenset({server.host})), "2026-11-28").allows(server.url + "/x")


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
    server.files["/sitemap.xml"] = gzip.compress(bomb, mtime=0)
    assert [p.url for p in crawl(server)] == [f"{server.url}/1"]


def test_patterns_of_the_reservation_file():
    assert matches("/a/*.pdf$", "/a/b/c.pdf")
    assert not matches("/a/*.pdf$", "/a/b/c.pdf.html")
    assert tdm_rules("[]") == tdm_rules("<html>") == tdm_rules('{"a": 1}') == ()


def test_what_was_taken_down_is_not_asked_for_again(server):
    put_pages(server, "/a", "/b")
    server.files["/sitemap.xml"] = sitemap(f"{server.url}/a", f"{server.url}/b")
    fetch = Fetcher(frozenset({server.host}), tries=1, sleep=lambda seconds: None)
    page = Takedowns((Takedown(1, "", "letter", (f"{server.url}/b",), (), (), (), 0.0),))
    results = list(crawl_site(server.url, fetch, 10, takedowns=page))
    assert [p.url for p in results if isinstance(p, Page)] == [f"{server.url}/a"]
    assert [(p.url, p.reason, p.detail) for p in results if isinstance(p, Broken)] == [
        (f"{server.url}/b", "taken down", "letter")
    ]
    assert server.times_asked("/b") == 0
    server.asked.clear()
    host = Takedowns((Takedown(1, "", "letter", (), (server.host,), (), (), 0.0),))
    assert [p.reason for p in crawl_site(server.url, fetch, 10, takedowns=host)] == ["taken down"]
    assert not server.asked


def put_links(server, path, *links, head=""):
    body = head + "".join(f'<a href="{link}">x</a>' for link in links)
    server.files[path] = (200, {"Content-Type": "text/html; charset=utf-8"}, f"<html>{body}</html>".encode())


def test_links_are_followed_within_the_site_and_only_as_deep_as_asked(server):
    server.files["/robots.txt"] = b"User-agent: *\nDisallow: /closed"
    put_links(server, "/", "/a", "/closed/x", "https://elsewhere.example/", "/photo.jpg", "a#top")
    put_links(server, "/a", "/b", "/", "/a?utm_source=x")
    put_links(server, "/b", "/c")
    put_links(server, "/c")
    fetch = Fetcher(frozenset({server.host}), tries=1, sleep=lambda seconds: None)
    found = {
        depth: [p.url for p in crawl_site(server.url, fetch, 100, depth) if isinstance(p, Page)] for depth in (0, 1, 2)
    }
    paths = ["/", "/a", "/b"]
    assert found == {depth: [server.url + path for path in paths[: depth + 1]] for depth in (0, 1, 2)}
    assert server.times_asked("/closed/x") == server.times_asked("/photo.jpg") == 0
    assert len([p for p in crawl_site(server.url, fetch, 2, 9) if isinstance(p, Page)]) == 2


def test_a_page_that_asks_not_to_be_followed_is_not(server):
    put_links(server, "/", "/a", head='<meta name="robots" content="index, nofollow">')
    put_links(server, "/a")
    fetch = Fetcher(frozenset({server.host}), tries=1, sleep=lambda seconds: None)
    assert [p.url for p in crawl_site(server.url, fetch, 9, 3) if isinstance(p, Page)] == [server.url + "/"]
