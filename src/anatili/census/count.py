"""Count the languages of a crawl from its pages, from Common Crawl's index, or from Common Crawl's statistics."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from anatili.extraction.page import decode, extract_page, quick
from anatili.extraction.time_limit import TookTooLong, within
from anatili.identify import identify
from anatili.identify.gate import any_gate, load_gate
from anatili.lang import codes, load_pack
from anatili.problem import Problem
from anatili.urls import host_of
from anatili.warc import Page, Sifted, read_pages

RESAMPLES = 1000
MAX_BYTES = 10_000_000
MIN_CHARACTERS = 80
"""Characters of text that a page must have for its language to be identified."""
NO_TEXT = "no text"
LANGUAGE_COLUMNS, SHARE_COLUMNS = ("lang", "primary_language", "language"), ("pct_of_crawl", "%pages/crawl")
"""Names of the columns in the statistics that Common Crawl publishes."""


@dataclass
class Census:
    """`pages[language]` of `total`, also by host, from which intervals are computed."""

    how: str
    total: int = 0
    pages: Counter[str] = field(default_factory=Counter)
    hosts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Host -> language -> pages; under "" all pages of the host."""
    lost: Counter[str] = field(default_factory=Counter)
    is_sample: bool = True
    """Whether the pages are a sample of a larger crawl; then shares have an interval."""

    def add(self, host: str, language: str) -> None:
        self.total += 1
        self.hosts[host][""] += 1
        if language:
            self.pages[language] += 1
            self.hosts[host][language] += 1

    def rows(self, languages: Sequence[str] = ()) -> list[dict[str, Any]]:
        """One row per language, most pages first: pages, share and its 95 % interval by resampling hosts, and hosts if
        they were counted."""
        chosen = languages or [language for language, _ in self.pages.most_common()]
        intervals = self._intervals(chosen) if self.is_sample else {}
        return [
            {
                "language": language,
                "pages": self.pages[language],
                "share": self.pages[language] / max(1, self.total),
                **({"low": intervals[language][0], "high": intervals[language][1]} if intervals else {}),
                **(
                    {"hosts": sum(1 for counts in self.hosts.values() if counts.get(language))}
                    if self.hosts or languages
                    else {}
                ),
            }
            for language in chosen
        ]

    def top_hosts(self, language: str, count: int) -> list[tuple[str, int]]:
        """The hosts with the most pages in a language."""
        pages = [(host, counts[language]) for host, counts in self.hosts.items() if counts.get(language)]
        return sorted(pages, key=lambda row: (-row[1], row[0]))[:count]

    def _intervals(self, languages: Sequence[str]) -> dict[str, tuple[float, float]]:
        """Intervals by resampling hosts: pages of one host share a language, so resampling pages would make the
        intervals too narrow."""
        totals = np.array([counts[""] for counts in self.hosts.values()], np.float64)
        if not len(totals):
            return dict.fromkeys(languages, (0.0, 1.0))
        rng = np.random.default_rng(1)
        intervals = {}
        weights = rng.poisson(1.0, (RESAMPLES, len(totals))) if len(totals) <= 20_000 else None
        for language in languages:
            pages = np.array([counts.get(language, 0) for counts in self.hosts.values()], np.float64)
            if weights is None:
                shares = [_weighted_share(rng.poisson(1.0, len(totals)), pages, totals) for _ in range(RESAMPLES)]
            else:
                drawn = weights[weights.any(1)]  # of few hosts, some resamples draw none
                shares = ((drawn @ pages) / (drawn @ totals)).tolist()
            low, high = np.percentile(shares, (2.5, 97.5)) if len(totals) > 1 else (0.0, 1.0)  # one tells of no other
            rest = 0.05 ** (1 / len(totals))  # no page at all, or no other: the rule of three, over hosts
            if not pages.any():
                high = 1 - rest
            elif (pages == totals).all():
                low = rest
            intervals[language] = (float(low), float(high))
        return intervals


def _weighted_share(weights: Any, pages: Any, totals: Any) -> float:
    return float(weights @ pages / max(1, weights @ totals))


def scan(files: Iterable[Path], languages: Sequence[str], advance: Callable[[], None]) -> Census:
    """Count the pages of WARC or WET files. With `languages` only these are counted, and only pages that their gates
    admit are parsed; without, every page is identified, which takes 12 times as long where 0.03 % are Kazakh."""
    census = Census("scan")
    gates = [load_gate(code) for code in languages]
    for file in files:
        for page in read_pages(file, MAX_BYTES, any_gate(gates) if gates else None):
            if isinstance(page, Sifted):
                census.add(site_of(page.url), "")
            elif isinstance(page, Page):
                language = language_of(page, careful=bool(gates))
                census.add(site_of(page.url), language if not languages or language in languages else "")
            else:
                census.lost[page.reason] += 1
        advance()
    if not census.total:
        raise Problem("there is no page in these files: are they WARC or WET files?")
    return census


def language_of(page: Page, *, careful: bool) -> str:
    """The language of a page's text; "no text" if there is too little."""
    try:
        with within(len(page.payload)):
            if careful:
                text = extract_page(page.payload, charset=page.charset, is_text=page.is_text).text
            else:
                decoded = decode(page.payload, page.charset)[0]
                text = decoded if page.is_text else quick(decoded)
            return identify(text).language if len(text) >= MIN_CHARACTERS else NO_TEXT
    except (Exception, TookTooLong):  # an error on a hostile page loses only that page
        return NO_TEXT


def site_of(url: str) -> str:
    return host_of(url).removeprefix("www.")


def from_index(tables: Iterable[Any], languages: Sequence[str]) -> Census:
    """Count rows of Common Crawl's columnar index (open Parquet files) by their first language, or, with `languages`,
    by any of theirs. The index is complete, so its shares have no interval."""
    import pyarrow.compute as pc

    census = Census("index", is_sample=False)
    requested = {load_pack(code).config.iso639_3: code for code in languages}
    known = {load_pack(code).config.iso639_3: code for code in codes()}
    for table in tables:
        names = table.schema_arrow.names
        if "content_languages" not in names:
            raise Problem("this is not a part of Common Crawl's index: it lacks the column content_languages")
        host = next((n for n in ("url_host_name", "url_host_registered_domain", "url") if n in names), None)
        for group in range(table.num_row_groups):
            rows = read_group(table, group, ["content_languages"])["content_languages"]
            census.total += len(rows)
            census.pages.update(_tally(rows, requested, known))
            if not requested or host is None:
                continue
            matches = pc.fill_null(pc.match_substring_regex(rows, rf"(^|,)({'|'.join(requested)})(,|$)"), False)
            if pc.any(matches).as_py():
                hosts = read_group(table, group, [host, "content_languages"]).filter(matches)
                _add_hosts(census, hosts[host].to_pylist(), hosts["content_languages"].to_pylist(), requested)
    return census


def read_group(table: Any, group: int, columns: list[str]) -> Any:
    """Columns of a row group, read by this thread: those of Arrow's pool may still let go of a Python file's bytes when
    Python ends, which aborts the process (2 of 15 runs)."""
    return table.read_row_group(group, columns=columns, use_threads=False)


def _tally(column: Any, requested: dict[str, str], known: dict[str, str]) -> Counter[str]:
    """Pages of each language: of the requested ones at any position, else of the first one."""
    counts: Counter[str] = Counter()
    for pair in column.value_counts().to_pylist():
        languages = (pair["values"] or "").split(",")
        for code in requested.keys() & set(languages) if requested else languages[:1]:
            counts[known.get(code, code) or "und"] += pair["counts"]
    return counts


def _add_hosts(census: Census, hosts: list[str], languages: list[str], requested: dict[str, str]) -> None:
    for host, row_languages in zip(hosts, languages, strict=True):
        name = site_of(host) if "://" in host else host.removeprefix("www.")
        for code in requested.keys() & set(row_languages.split(",")):
            census.hosts[name][requested[code]] += 1


@dataclass(frozen=True)
class Point:
    """What Common Crawl published about a language in one crawl; `share` is of all pages of the crawl."""

    crawl: str
    language: str
    pages: int
    share: float


def trend(text: str, languages: Sequence[str], name: str) -> list[Point]:
    """The points of `languages` in Common Crawl's published statistics (CSV), crawls ordered by name."""
    rows = csv.DictReader(io.StringIO(text))
    columns = rows.fieldnames or []
    language = next((c for c in LANGUAGE_COLUMNS if c in columns), None)
    share = next((c for c in SHARE_COLUMNS if c in columns), None)
    if language is None or share is None or "crawl" not in columns or "pages" not in columns:
        columns_needed = f"crawl, {' or '.join(LANGUAGE_COLUMNS)}, pages, {' or '.join(SHARE_COLUMNS)}"
        raise Problem(
            f"{name}: not Common Crawl's languages.csv; expected the columns {columns_needed}; "
            f"it has {', '.join(columns)[:200]}"
        )
    requested = {load_pack(code).config.iso639_3: code for code in languages}
    points = list(_points(rows, requested, language, share, name))
    if not points:
        raise Problem(f"{name} has no row for {', '.join(languages)}")
    return sorted(points, key=lambda p: (p.crawl, p.language))


def _points(rows: Any, requested: dict[str, str], language: str, share: str, name: str) -> Iterator[Point]:
    for number, row in enumerate(rows, 2):
        if row[language] in requested:
            try:
                yield Point(row["crawl"], requested[row[language]], int(row["pages"]), float(row[share]) / 100)
            except (ValueError, TypeError) as error:
                raise Problem(f"{name}, line {number}: {error}") from error
