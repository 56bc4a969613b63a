"""Pages of chosen sites, found by their sitemaps and feeds: politely, within their rules, and no further than asked.

Links are not followed: sitemaps and feeds name what a site wants to be read, newest first, and end.
"""

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape

from anatili.collect.fetch import Answer, Fetcher, FetchError
from anatili.collect.robots import Rules, read_rules
from anatili.page import OPT_OUT_HEADER
from anatili.text import host_of, join_url
from anatili.warc import Broken, Page

LOCATION = re.compile(rb"<loc>\s*+(?:<!\[CDATA\[\s*+)?([^<\]\s]{1,2000})", re.I)
FEED_LINK = re.compile(
    rb"<link>\s*+(?:<!\[CDATA\[\s*+)?([^<\]\s]{1,2000})|<link\b[^>]{0,300}?href=[\"']([^\"']{1,2000})", re.I
)
ALTERNATE = re.compile(rb"<link\b[^>]{0,500}application/(?:rss|atom)\+xml[^>]{0,500}>", re.I)
HREF = re.compile(rb"href=[\"']([^\"']{1,2000})", re.I)
USUAL = ("/sitemap.xml", "/sitemap_index.xml")
MAX_SITEMAPS = 200
MAX_UNPACKED = 60_000_000
"""Bytes of a sitemap: the protocol allows 50 MB."""
KEPT = ("content-language", "last-modified", "x-robots-tag", "tdm-reservation", "tdm-policy", "link")
"""Headers that are stored with a page."""


@dataclass
class Site:
    """One site: `root` is its scheme and host."""

    root: str
    rules: Rules
    fetcher: Fetcher
    problems: list[Broken] = field(default_factory=list)

    def get(self, url: str) -> Answer | None:
        """The answer at `url` if it may be fetched and is there."""
        if not self.rules.allows(url):
            self.problems.append(Broken(url, "robots.txt forbids it", self.rules.problem))
            return None
        try:
            answer = self.fetcher.get(url, pause=self.rules.delay)
        except FetchError as error:
            self.problems.append(Broken(url, "not fetched", str(error)))
            return None
        if answer.status == 200 and answer.url != url and not self.is_own(answer.url):
            self.problems.append(Broken(url, "leads elsewhere", answer.url))
            return None
        return answer if answer.status == 200 else None

    def is_own(self, url: str) -> bool:
        """Whether an address lies on this site, with or without www, and may be fetched."""
        host, own = (host_of(one).removeprefix("www.") for one in (url, self.root))
        return host == own and self.rules.allows(url)


def crawl_site(root: str, fetcher: Fetcher, limit: int) -> Iterator[Page | Broken]:
    """At most `limit` pages of a site, in the order in which its sitemaps and feeds name them."""
    now = datetime.now(UTC)
    rules = read_rules(root, fetcher, f"{now:%Y-%m-%d}")
    if rules.problem:
        yield Broken(root, "not fetched", rules.problem)
        return
    site = Site(root, rules, fetcher)
    count = 0
    for url in addresses(site):
        if count >= limit:
            break
        answer = site.get(url)
        yield from site.problems
        site.problems.clear()
        if answer is not None:
            count += 1
            yield page_of(answer, rules)
    yield from site.problems


def page_of(answer: Answer, rules: Rules) -> Page:
    """The answer as it is kept: with the time of fetching, and the site's refusals among its headers."""
    kind, _, rest = answer.headers.get("content-type", "text/html").partition(";")
    charset = rest.partition("charset=")[2].strip(" \"'")
    headers = {name: value for name, value in answer.headers.items() if name in KEPT}
    refusals = rules.refusals(answer.url)
    if refusals:
        headers[OPT_OUT_HEADER] = refusals
    time = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return Page(answer.url, time, answer.body, answer.status, kind.strip().lower(), charset, headers)


def addresses(site: Site) -> Iterator[str]:
    """Addresses of the site's own pages, each once: from its sitemaps, else from its feeds, else its first page."""
    seen: set[str] = set()
    for found in (from_sitemaps(site), from_feeds(site), [site.root + "/"]):
        for url in found:
            url = url.split("#")[0]
            if url not in seen and host_of(url) == host_of(site.root):
                seen.add(url)
                yield url
        if seen:
            return


def from_sitemaps(site: Site) -> Iterator[str]:
    """What the sitemaps name, following sitemaps of sitemaps; bounded in number and size."""
    waiting = site.rules.sitemaps or [site.root + path for path in USUAL]
    asked: set[str] = set()
    while waiting and len(asked) < MAX_SITEMAPS:
        address = waiting.pop(0)
        if address in asked:
            continue
        asked.add(address)
        answer = site.get(address)
        if answer is None:
            continue
        body = unpacked(answer.body)
        named = [join_url(address, plain(url)) for url in LOCATION.findall(body)]
        if b"<sitemapindex" in body[:2000]:
            waiting += named
        else:
            yield from named


def from_feeds(site: Site) -> Iterator[str]:
    """What the RSS and Atom feeds of the first page name."""
    answer = site.get(site.root + "/")
    if answer is None:
        return
    for tag in ALTERNATE.findall(answer.body)[:10]:
        for href in HREF.findall(tag):
            feed = site.get(join_url(answer.url, plain(href)))
            if feed is not None:
                yield from (join_url(feed.url, plain(url)) for url in either(FEED_LINK.findall(unpacked(feed.body))))


def either(pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    return (first or second for first, second in pairs)


def plain(url: bytes) -> str:
    return unescape(url.decode("utf-8", "replace")).strip()


def unpacked(body: bytes) -> bytes:
    """`body`, unpacked if it is gzip; what is over `MAX_UNPACKED` is cut off."""
    if body[:2] != b"\x1f\x8b":
        return body
    try:
        return zlib.decompressobj(31).decompress(body, MAX_UNPACKED)
    except (zlib.error, gzip.BadGzipFile):
        return b""
