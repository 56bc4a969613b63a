"""Pages of chosen sites, found by their sitemaps and feeds: politely, within their rules, and no further than asked.

Links are not followed: sitemaps and feeds name what a site wants to be read, newest first, and end.
"""

import gzip
import logging
import mimetypes
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from anatili.collect.fetch import Answer, Fetcher, LeadsAwayError
from anatili.collect.network import Budget, FetchError
from anatili.collect.robots import Rules, read_rules
from anatili.page import OPT_OUT_HEADER
from anatili.text import host_of, join_url, split_url
from anatili.warc import Broken, Page

USUAL = ("/sitemap.xml", "/sitemap_index.xml")
MAX_SITEMAPS = 200
MAX_UNPACKED = 60_000_000
"""Bytes of a sitemap: the protocol allows 50 MB."""
KEPT = ("content-language", "last-modified", "x-robots-tag", "tdm-reservation", "tdm-policy", "link")
"""Headers that are stored with a page."""
PAGE_SECONDS = 60.0
"""For one page, redirects and tries included: most come in one, a sitemap of 50 MB at 1 MB/s in 50."""
HOST_SECONDS, EACH_SECONDS = 300.0, 2.0
"""Of waiting for a host, and for each page asked for: a host that drips is given up after some pages, not after all."""
HOST_BYTES, EACH_BYTES = 200_000_000, 1_000_000
"""The same in bytes: sitemaps, and pages, of which the mean is a tenth of that."""
KINDS = mimetypes.MimeTypes()
"""Python's own table, the same on each machine."""
FEEDS = 10
"""Feeds of a first page that are read."""


for _library in ("trafilatura", "courlan"):  # what they do not like is no news for a terminal
    logging.getLogger(_library).addHandler(logging.NullHandler())


def host_budget(pages: int) -> Budget:
    """What may be spent on a host of which so many pages are asked for."""
    return Budget("host", HOST_SECONDS + pages * EACH_SECONDS, HOST_BYTES + pages * EACH_BYTES)


@dataclass
class Site:
    """One site: `root` is its scheme and host."""

    root: str
    rules: Rules
    fetcher: Fetcher
    problems: list[Broken] = field(default_factory=list)

    def get(self, url: str) -> Answer | None:
        """The answer at `url` if it may be fetched and is there."""
        if not host_of(url):
            self.problems.append(Broken(url, "not fetched", "no web address"))
            return None
        if not self.rules.allows(url):
            self.problems.append(Broken(url, "robots.txt forbids it", self.rules.problem))
            return None
        try:
            answer = self.fetcher.get(url, pause=self.rules.delay, follows=self.is_own)
        except LeadsAwayError as error:
            self.problems.append(Broken(url, "leads elsewhere", str(error)))
            return None
        except FetchError as error:
            self.problems.append(Broken(url, "not fetched", str(error)))
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
        if fetcher.host.is_spent:
            yield Broken(url, "not fetched", f"the host is given up: more than {fetcher.host.seconds:g} seconds or "
                                             f"{fetcher.host.size:g} bytes")  # fmt: skip
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
    from courlan import clean_url

    seen: set[str] = set()
    for found in (from_sitemaps(site), from_feeds(site), [site.root + "/"]):
        for url in found:
            cleaned = clean_url(url.split("#")[0]) or ""  # in one spelling, without what only counts visitors
            cleaned = site.root + "/" if cleaned == site.root else cleaned
            if cleaned not in seen and host_of(cleaned) == host_of(site.root) and may_be_page(cleaned):
                seen.add(cleaned)
                yield cleaned
        if seen:
            return


def may_be_page(url: str) -> bool:
    """Whether an address may be that of a page, as far as its ending tells: not sound, pictures, archives."""
    kind, packed = KINDS.guess_type(split_url(url).path)
    return not packed and (not kind or kind.startswith("text/") or "xml" in kind)


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
        named = locations(address, body)
        if b"<sitemapindex" in body[:2000]:
            waiting += named
        else:
            yield from named


def locations(address: str, body: bytes) -> list[str]:
    """The addresses in a sitemap, XML or plain text, in order, as they stand there."""
    from trafilatura.sitemaps import SitemapObject

    class Reader(SitemapObject):  # type: ignore[misc]  # trafilatura is not typed
        def handle_link(self, link: str) -> None:  # its own drops hosts with a port, and what it takes for a sitemap
            self.urls.append(link)

    reader = Reader(address, "", [])
    reader.current_url, reader.content = address, body.decode("utf-8", "replace").strip("\ufeff \n\r\t")
    reader.process()
    return list(usable(address, reader.urls))


def from_feeds(site: Site) -> Iterator[str]:
    """What the feeds of the first page name, in their order: newest first."""
    from trafilatura.feeds import FeedParameters, determine_feed

    answer = site.get(site.root + "/")
    if answer is None:
        return
    first = FeedParameters(answer.url, host_of(answer.url), answer.url)
    for address in determine_feed(answer.body, first)[:FEEDS]:
        feed = site.get(address)
        if feed is not None:
            yield from usable(feed.url, entries(unpacked(feed.body)))


def usable(base: str, urls: list[str]) -> Iterator[str]:
    """Whole addresses of `urls`, found on `base`; what is none is left out."""
    for url in urls:
        if whole := join_url(base, url.strip()):
            yield whole


def entries(body: bytes) -> list[str]:
    """The pages that a feed (RSS, Atom, RDF, JSON) tells of, in order. Not what it says of itself, nor sound and video.

    trafilatura's reader of feeds takes an Atom feed's hub, `edit` and `enclosure` for pages, and sorts by letters.
    """
    if body.lstrip()[:1] == b"{":
        from trafilatura.feeds import FeedParameters, find_links

        return list(find_links(body.decode("utf-8", "replace").strip(), FeedParameters("", "", "")))
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
    try:
        tree: Any = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        return []
    if tree is None:
        return []
    found = (link_of(entry) for entry in tree.iter("{*}item", "{*}entry"))
    return [url for url in found if url]


def link_of(entry: Any) -> str:
    """The page of an entry: its first link that is no other thing, else its identifier if that is an address."""
    for link in entry.iterchildren("{*}link"):
        if link.get("rel", "alternate") == "alternate" and (url := (link.get("href") or link.text or "").strip()):
            return str(url)
    for guid in entry.iterchildren("{*}guid"):
        text = str(guid.text or "").strip()
        if text.startswith(("http://", "https://")) and guid.get("isPermaLink") != "false":
            return text
    return ""


def unpacked(body: bytes) -> bytes:
    """`body`, unpacked if it is gzip; what is over `MAX_UNPACKED` is cut off."""
    if body[:2] != b"\x1f\x8b":
        return body
    try:
        return zlib.decompressobj(31).decompress(body, MAX_UNPACKED)
    except (zlib.error, gzip.BadGzipFile):
        return b""
