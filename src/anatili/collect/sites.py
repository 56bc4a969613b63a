"""Crawl the pages of chosen sites, found by their sitemaps and feeds, politely and within the site's rules.

Sitemaps and feeds list what a site wants to be read, newest first, and they end. Links are followed only as deep as the
recipe says, after those, within the site and the same rules.
"""

import gzip
import logging
import mimetypes
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from anatili.collect.fetch import Fetcher, LeadsAwayError, Response
from anatili.collect.network import Budget, FetchError
from anatili.collect.robots import SiteRules, read_rules
from anatili.extraction.signals import OPT_OUT_HEADER
from anatili.takedown_log import NO_TAKEDOWNS, TAKEN_DOWN, Takedowns
from anatili.urls import host_of, join_url, split_url
from anatili.warc import Broken, Page

USUAL = ("/sitemap.xml", "/sitemap_index.xml")
MAX_SITEMAPS = 200
MAX_UNPACKED = 60_000_000
"""Maximum bytes of a sitemap, decompressed; the protocol allows 50 MB."""
KEPT = ("content-language", "last-modified", "x-robots-tag", "tdm-reservation", "tdm-policy", "link")
"""Headers that are stored with a page."""
PAGE_SECONDS = 60.0
"""For one page with its redirects and retries: most take one second, a sitemap of 50 MB at 1 MB/s takes 50."""
HOST_SECONDS, EACH_SECONDS = 300.0, 2.0
"""For a host, and additionally for each page: a slow host is given up after some pages, not after all."""
HOST_BYTES, EACH_BYTES = 200_000_000, 1_000_000
"""The same in bytes: for sitemaps, and for each page, ten times the size of an average page."""
KINDS = mimetypes.MimeTypes()
"""Python's own table, which is the same on every machine."""
MAX_LINKS = 1_000_000
"""Maximum number of addresses of a site that are remembered."""
FEEDS = 10
"""Maximum number of feeds of a home page that are read."""


for _library in ("trafilatura", "courlan"):  # their warnings do not belong in a terminal
    logging.getLogger(_library).addHandler(logging.NullHandler())


def host_budget(pages: int) -> Budget:
    """The budget of a host from which this many pages are fetched."""
    return Budget("host", HOST_SECONDS + pages * EACH_SECONDS, HOST_BYTES + pages * EACH_BYTES)


@dataclass
class Site:
    """One site: `root` is its scheme and host."""

    root: str
    rules: SiteRules
    fetcher: Fetcher
    problems: list[Broken] = field(default_factory=list)

    def get(self, url: str) -> Response | None:
        """The response of `url`, None if it may not be fetched or is not found."""
        if not host_of(url):
            self.problems.append(Broken(url, "not fetched", "not a web address"))
            return None
        if not self.rules.allows(url):
            self.problems.append(Broken(url, "robots.txt forbids it", self.rules.problem))
            return None
        try:
            response = self.fetcher.get(url, pause=self.rules.delay, follows=self.is_own)
        except LeadsAwayError as error:
            self.problems.append(Broken(url, "leads elsewhere", str(error)))
            return None
        except FetchError as error:
            self.problems.append(Broken(url, "not fetched", str(error)))
            return None
        return response if response.status == 200 else None

    def is_own(self, url: str) -> bool:
        """Whether an address is on this site, with or without www, and may be fetched."""
        host, own = (host_of(address).removeprefix("www.") for address in (url, self.root))
        return host == own and self.rules.allows(url)


def crawl_site(
    root: str, fetcher: Fetcher, limit: int, depth: int = 0, takedowns: Takedowns = NO_TAKEDOWNS
) -> Iterator[Page | Broken]:
    """At most `limit` pages of a site, as its sitemaps and feeds list them, then pages at most `depth` links away; none
    that was taken down is asked for, and nothing at all of a host that was."""
    if reason := takedowns.of_host(root):
        yield Broken(root, TAKEN_DOWN, reason)
        return
    now = datetime.now(UTC)
    rules = read_rules(root, fetcher, f"{now:%Y-%m-%d}")
    if rules.problem:
        yield Broken(root, "not fetched", rules.problem)
        return
    site = Site(root, rules, fetcher)
    count = 0
    linked = Links(site, depth)
    for url, distance in linked.and_then(addresses(site)):
        if count >= limit:
            break
        if fetcher.host.is_spent:
            yield Broken(
                url,
                "not fetched",
                f"the host is given up: more than {fetcher.host.seconds:g} seconds or {fetcher.host.size:g} bytes",
            )
            break
        if reason := takedowns.reason(url=url):
            yield Broken(url, TAKEN_DOWN, reason)
            continue
        response = site.get(url)
        yield from site.problems
        site.problems.clear()
        if response is not None:
            count += 1
            linked.note(response, distance)
            yield page_of(response, rules)
    yield from site.problems


def page_of(response: Response, rules: SiteRules) -> Page:
    """The response as a page, with the time of fetching, and the site's opt-out signals in a header."""
    kind, _, rest = response.headers.get("content-type", "text/html").partition(";")
    charset = rest.partition("charset=")[2].strip(" \"'")
    headers = {name: value for name, value in response.headers.items() if name in KEPT}
    refusals = rules.refusals(response.url)
    if refusals:
        headers[OPT_OUT_HEADER] = refusals
    time = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return Page(response.url, time, response.body, response.status, kind.strip().lower(), charset, headers)


@dataclass
class Links:
    """Addresses of a site's pages, those that it lists before those that its pages link to, each once."""

    site: Site
    depth: int
    seen: set[str] = field(default_factory=set)
    queue: deque[tuple[str, int]] = field(default_factory=deque)

    def and_then(self, listed: Iterator[str]) -> Iterator[tuple[str, int]]:
        """Each address with its distance in links; `note` adds to them while they are read."""
        for url in listed:
            self.seen.add(url)
            yield url, 0
        while self.queue:
            yield self.queue.popleft()

    def note(self, response: Response, distance: int) -> None:
        """Queue what a page links to on its site, unless it asks not to be followed."""
        if distance >= self.depth or "html" not in response.headers.get("content-type", "text/html"):
            return
        self.seen.add(own_address(self.site, response.url))
        for link in links_of(response):
            url = own_address(self.site, link)
            if url and url not in self.seen and len(self.seen) < MAX_LINKS:
                self.seen.add(url)
                self.queue.append((url, distance + 1))


def links_of(response: Response) -> Iterator[str]:
    """The absolute addresses that a page links to, in order, without those marked `nofollow`."""
    from lxml import etree, html

    try:
        tree = html.fromstring(response.body)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return
    robots = " ".join(node.get("content", "") for node in tree.iter("meta") if node.get("name", "").lower() == "robots")
    if "nofollow" in f"{robots} {response.headers.get('x-robots-tag', '')}".lower():
        return
    hrefs = [str(node.get("href", "")) for node in tree.iter("a") if "nofollow" not in node.get("rel", "").lower()]
    yield from absolute(response.url, hrefs)


def own_address(site: Site, url: str) -> str:
    """The address in the form in which each is fetched once; "" if it is not one of a page of this site."""
    from courlan import clean_url

    cleaned = clean_url(url.split("#")[0]) or ""  # normalized, without tracking parameters
    cleaned = site.root + "/" if cleaned == site.root else cleaned
    return cleaned if host_of(cleaned) == host_of(site.root) and may_be_page(cleaned) else ""


def addresses(site: Site) -> Iterator[str]:
    """Addresses of the site's own pages, each once: from its sitemaps, else from its feeds, else its home page."""
    seen: set[str] = set()
    for urls in (from_sitemaps(site), from_feeds(site), [site.root + "/"]):
        for url in urls:
            cleaned = own_address(site, url)
            if cleaned and cleaned not in seen:
                seen.add(cleaned)
                yield cleaned
        if seen:
            return


def may_be_page(url: str) -> bool:
    """Whether an address may be a page, judging by its ending: not audio, images or archives."""
    kind, packed = KINDS.guess_type(split_url(url).path)
    return not packed and (not kind or kind.startswith("text/") or "xml" in kind)


def from_sitemaps(site: Site) -> Iterator[str]:
    """The addresses in the sitemaps, including sitemaps of sitemaps, within limits of number and size."""
    queue = site.rules.sitemaps or [site.root + path for path in USUAL]
    seen: set[str] = set()
    while queue and len(seen) < MAX_SITEMAPS:
        address = queue.pop(0)
        if address in seen:
            continue
        seen.add(address)
        response = site.get(address)
        if response is None:
            continue
        body = decompressed(response.body)
        urls = sitemap_urls(address, body)
        if b"<sitemapindex" in body[:2000]:
            queue += urls
        else:
            yield from urls


def sitemap_urls(address: str, body: bytes) -> list[str]:
    """The addresses in a sitemap, XML or plain text, in order and made absolute."""
    from trafilatura.sitemaps import SitemapObject

    class Reader(SitemapObject):  # type: ignore[misc]  # trafilatura is not typed
        def handle_link(self, link: str) -> None:  # trafilatura's drops hosts with a port, and assumed sitemaps
            self.urls.append(link)

    reader = Reader(address, "", [])
    reader.current_url, reader.content = address, body.decode("utf-8", "replace").strip("\ufeff \n\r\t")
    reader.process()
    return list(absolute(address, reader.urls))


def from_feeds(site: Site) -> Iterator[str]:
    """The addresses in the feeds of the home page, in their order: newest parameters."""
    from trafilatura.feeds import FeedParameters, determine_feed

    response = site.get(site.root + "/")
    if response is None:
        return
    parameters = FeedParameters(response.url, host_of(response.url), response.url)
    for address in determine_feed(response.body, parameters)[:FEEDS]:
        feed = site.get(address)
        if feed is not None:
            yield from absolute(feed.url, feed_urls(decompressed(feed.body)))


def absolute(base: str, urls: list[str]) -> Iterator[str]:
    """The `urls` of the document `base` as absolute addresses; invalid ones are left out."""
    for url in urls:
        if address := join_url(base, url.strip()):
            yield address


def feed_urls(body: bytes) -> list[str]:
    """The pages listed in a feed (RSS, Atom, RDF, JSON), in order, without links to itself, audio and video.

    trafilatura's feed reader takes an Atom feed's hub, `edit` and `enclosure` links for pages, and sorts by letters.
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
    return [url for entry in tree.iter("{*}item", "{*}entry") if (url := link_of(entry))]


def link_of(entry: Any) -> str:
    """The page of an entry: its first `alternate` link, else its identifier if that is an address, else ""."""
    for link in entry.iterchildren("{*}link"):
        if link.get("rel", "alternate") == "alternate" and (url := (link.get("href") or link.text or "").strip()):
            return str(url)
    for guid in entry.iterchildren("{*}guid"):
        text = str(guid.text or "").strip()
        if text.startswith(("http://", "https://")) and guid.get("isPermaLink") != "false":
            return text
    return ""


def decompressed(body: bytes) -> bytes:
    """`body`, decompressed if it is gzip, and cut off at `MAX_UNPACKED`."""
    if body[:2] != b"\x1f\x8b":
        return body
    try:
        return zlib.decompressobj(31).decompress(body, MAX_UNPACKED)
    except (zlib.error, gzip.BadGzipFile):
        return b""
