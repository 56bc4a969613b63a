"""Opt-outs that came after a run was made: its hosts are asked again, politely, and lists of others are read.

A host is asked for robots.txt, ai.txt and tdmrep.json, as when a site is crawled; pages are fetched again only on
demand, for the signals in their headers and meta tags. Signals that were stored with a document count too, whether the
recipe obeyed them or not. A host that cannot be reached has not opted out: it is listed, and asked again the next time.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq

from anatili.collect.fetch import Fetcher
from anatili.collect.robots import SiteRules, read_rules
from anatili.collect.sites import PAGE_SECONDS, Site, host_budget
from anatili.extraction.signals import signals as signals_of
from anatili.problem import Problem
from anatili.run import Run
from anatili.stage import Progress, Quiet, recipe_of
from anatili.takedown.affected import Request
from anatili.takedown.names import Names, names_of
from anatili.takedown_log import plain_host, read_takedowns
from anatili.text import digest, show_path
from anatili.urls import split_url

HOSTS_AT_ONCE = 8
RULES_FILES = 3
"""Requests to a host, when no page is asked for."""
PAGE_BYTES = 2_000_000
"""Pages that are longer are not read."""


@dataclass(frozen=True)
class Answers:
    """What the hosts answered."""

    requests: tuple[Request, ...]
    """What is to be taken down."""
    asked: int
    opted_out: dict[str, str]
    """Host -> signals."""
    silent: dict[str, str]
    """Host -> why it could not be asked."""
    pages: int = 0
    """Pages that were read again."""


@dataclass(frozen=True)
class CorpusDocument:
    """A document in the corpus."""

    id: str
    url: str
    opt_out: str
    """The signals that were stored with it."""


@dataclass(frozen=True)
class HostAnswer:
    """What a site said."""

    rules: SiteRules
    pages: dict[str, str]
    """Page that was read again -> its own signals, "" if it has none."""


def ask_again(
    run: Run,
    lists: Iterable[Path] = (),
    *,
    offline: bool = False,
    pages: int = 0,
    pause: float = 1.0,
    progress: Progress | None = None,
) -> Answers:
    """Ask every host of the corpus again, unless `offline`, and read the lists; nothing is taken down yet.

    `pages`: how many pages of a host are read again, each day others.
    """
    private_hosts = frozenset(recipe_of(run)[0].collect.private_hosts)
    documents = list(present(run))
    sites: dict[str, list[str]] = defaultdict(list)
    for document in documents:
        parts = split_url(document.url)
        if parts.scheme in ("http", "https"):
            sites[f"{parts.scheme}://{parts.netloc}"].append(document.url)
    answers = {} if offline else answers_of(sites, private_hosts, pages, pause, progress or Quiet())
    rules = {root: answer.rules for root, answer in answers.items()}
    refused = {
        root: {url: text for url in sites[root] if (text := answer.rules.refusals(url) or answer.pages.get(url, ""))}
        for root, answer in answers.items()
        if not answer.rules.problem
    }
    return Answers(
        requests=(*stored(documents), *listed(lists, documents), *found_later(rules, sites, refused)),
        asked=len(rules),
        opted_out={plain_host(root): summary(urls.values()) for root, urls in refused.items() if urls},
        silent={plain_host(root): own.problem for root, own in rules.items() if own.problem},
        pages=sum(len(answer.pages) for answer in answers.values()),
    )


def summary(signals: Iterable[str]) -> str:
    """All signals that occur, each once."""
    return "; ".join(sorted({signal for text in signals for signal in text.split("; ")}))


def found_later(
    rules: dict[str, SiteRules], sites: dict[str, list[str]], refused: dict[str, dict[str, str]]
) -> list[Request]:
    """What hosts refuse now, by signals. A host that refuses all of its pages and its home page is named as a host."""
    urls: dict[str, list[str]] = defaultdict(list)
    hosts: dict[str, list[str]] = defaultdict(list)
    for root, of_pages in refused.items():
        of_all = rules[root].refusals(f"{root}/")
        if of_all and len(of_pages) == len(set(sites[root])):
            hosts[of_all].append(plain_host(root))
        else:
            for url, signals in of_pages.items():
                urls[signals].append(url)
    return [
        Request(Names(tuple(urls[signals]), (), tuple(hosts[signals])), f"opt-out found later: {signals}", copies=False)
        for signals in sorted({*urls, *hosts})
    ]


def present(run: Run) -> Iterator[CorpusDocument]:
    """The documents of the corpus that were not taken down yet."""
    if not run.record("cut"):
        raise Problem(f"{show_path(run.root)} has no corpus yet; make it first: anatili run RECIPE --until cut")
    takedowns, cut = read_takedowns(run.root), run.folder("cut")
    for shard in sorted(run.folder("extract").glob("part-*.parquet")):
        kept = {
            row
            for part in (cut, cut / "held-out")
            for row in pq.read_table(part / shard.name, columns=["id"])["id"].to_pylist()
        }
        for row in pq.read_table(shard, columns=["id", "url", "opt_out"]).to_pylist():
            if row["id"] in kept and not takedowns.reason(identity=row["id"], url=row["url"]):
                yield CorpusDocument(**row)


def answers_of(
    sites: Mapping[str, Sequence[str]], private_hosts: frozenset[str], pages: int, pause: float, progress: Progress
) -> dict[str, HostAnswer]:
    """What sites answer, several sites at a time, each with a pause between requests."""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    progress.start(len(sites), "hosts")

    def ask(root: str) -> HostAnswer:
        fetcher = Fetcher(
            private_hosts,
            pause=pause,
            tries=2,
            max_bytes=PAGE_BYTES,
            page_seconds=PAGE_SECONDS,
            host=host_budget(RULES_FILES + pages),
        )
        try:
            rules = read_rules(root, fetcher, today)
            return HostAnswer(
                rules, {} if rules.problem else read_again(sites[root], Site(root, rules, fetcher), pages, today)
            )
        finally:
            fetcher.close()
            progress.advance()

    with ThreadPoolExecutor(HOSTS_AT_ONCE) as pool:
        return dict(zip(sorted(sites), pool.map(ask, sorted(sites)), strict=True))


def read_again(urls: Iterable[str], site: Site, most: int, today: str) -> dict[str, str]:
    """The signals of at most `most` pages of a site that its rules allow: of its headers and meta tags."""
    allowed = {url for url in urls if site.rules.allows(url) and not site.rules.refusals(url)}
    read: dict[str, str] = {}
    for url in sorted(allowed, key=lambda url: digest(f"{today} {url}"))[:most]:
        if site.fetcher.host.is_spent:
            break
        if response := site.get(url):
            found = signals_of(response.body.decode("latin-1"), response.headers)  # a signal is in ASCII
            read[url] = "; ".join(f"{signal} @ {today}" for signal in found.split("; ") if signal)
    return read


def stored(documents: Sequence[CorpusDocument]) -> list[Request]:
    """What opted out when it was collected, but is in the corpus: the recipe did not obey opt-outs."""
    by_signal: dict[str, list[str]] = defaultdict(list)
    for document in documents:
        if document.opt_out:
            by_signal[document.opt_out].append(document.id)
    return [
        Request(Names(ids=tuple(ids)), f"opted out when collected: {signals}", copies=False)
        for signals, ids in sorted(by_signal.items())
    ]


def listed(lists: Iterable[Path], documents: Sequence[CorpusDocument]) -> list[Request]:
    """What lists of opt-outs name. Hosts of which the corpus has nothing are left out: lists have millions of them."""
    own = {plain_host(document.url) for document in documents}
    with_parents = {host.split(".", start)[-1] for host in own for start in range(host.count(".") + 1)}
    urls = {document.url for document in documents}
    requests = []
    for file in lists:
        names = names_of(files=[file])
        relevant = Names(
            tuple(url for url in names.urls if url in urls),
            names.ids,
            tuple(host for host in names.hosts if host in with_parents),
        )
        if relevant:
            requests.append(Request(relevant, f"in the list of opt-outs {show_path(file.name)}", copies=False))
    return requests
