"""Count the languages of a crawl: by reading its pages, from Common Crawl's index, or from its published statistics."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from anatili.budget import TookTooLong, within
from anatili.identify import identify
from anatili.identify.gate import Gate, load_gate
from anatili.lang import codes, load_pack
from anatili.page import decode, extract_page, quick
from anatili.problem import Problem
from anatili.text import host_of
from anatili.warc import Page, Sifted, read_pages

RESAMPLES = 1000
MAX_BYTES = 10_000_000
FEW_LETTERS = 80
"""Characters of text that a page must have for its language to be asked."""
NO_TEXT = "no text"


@dataclass
class Census:
    """`pages[language]` of `total`; by host, so that an interval can be told."""

    how: str
    total: int = 0
    pages: Counter[str] = field(default_factory=Counter)
    hosts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Host -> language -> pages, with all its pages under ""."""
    lost: Counter[str] = field(default_factory=Counter)
    is_sample: bool = True
    """Whether the pages stand for a larger crawl; then shares have an interval."""

    def add(self, host: str, language: str) -> None:
        self.total += 1
        self.hosts[host][""] += 1
        if language:
            self.pages[language] += 1
            self.hosts[host][language] += 1

    def rows(self, languages: Sequence[str] = ()) -> list[dict[str, Any]]:
        """One row a language, most pages first: pages, share and its 95 % interval by resampling hosts."""
        chosen = languages or [language for language, _ in self.pages.most_common()]
        intervals = self._intervals(chosen) if self.is_sample else {}
        return [{"language": language, "pages": self.pages[language],
                 "share": self.pages[language] / max(1, self.total),
                 **({"low": intervals[language][0], "high": intervals[language][1]} if intervals else {}),
                 "hosts": sum(1 for counts in self.hosts.values() if counts.get(language))}
                for language in chosen]  # fmt: skip

    def top_hosts(self, language: str, count: int) -> list[tuple[str, int]]:
        """The hosts with most pages in a language."""
        found = ((counts[language], host) for host, counts in self.hosts.items() if counts.get(language))
        return [(host, pages) for pages, host in sorted(found, key=lambda f: (-f[0], f[1]))[:count]]

    def _intervals(self, languages: Sequence[str]) -> dict[str, tuple[float, float]]:
        """Hosts are resampled, not pages: the pages of a host are of one language, so pages would look surer than they
        are."""
        totals = np.array([counts[""] for counts in self.hosts.values()], np.float64)
        if not len(totals):
            return dict.fromkeys(languages, (0.0, 1.0))
        chooser = np.random.default_rng(1)
        found = {}
        weights = chooser.poisson(1.0, (RESAMPLES, len(totals))) if len(totals) <= 20_000 else None
        for language in languages:
            mine = np.array([counts.get(language, 0) for counts in self.hosts.values()], np.float64)
            if weights is None:
                shares = [_one_share(chooser.poisson(1.0, len(totals)), mine, totals) for _ in range(RESAMPLES)]
            else:
                shares = ((weights @ mine) / np.maximum(1, weights @ totals)).tolist()
            low, high = np.percentile(shares, (2.5, 97.5))
            if not mine.any():  # nothing seen: the rule of three, over hosts
                high = 1 - 0.05 ** (1 / len(totals))
            found[language] = (float(low), float(high))
        return found


def _one_share(weights: Any, mine: Any, totals: Any) -> float:
    return float(weights @ mine / max(1, weights @ totals))


def scan(files: Iterable[Path], languages: Sequence[str], advance: Callable[[], None]) -> Census:
    """Read every page of WARC or WET files. With `languages` only these are counted, and only pages that their gates
    admit are parsed; without, the language of every page is asked, 300 times slower."""
    census = Census("scan")
    gates = [load_gate(code) for code in languages]
    for file in files:
        for page in read_pages(file, MAX_BYTES, _admits(gates) if gates else None):
            if isinstance(page, Sifted):
                census.add(site_of(page.url), "")
            elif isinstance(page, Page):
                found = language_of(page, careful=bool(gates))
                census.add(site_of(page.url), found if not languages or found in languages else "")
            else:
                census.lost[page.reason] += 1
        advance()
    if not census.total:
        raise Problem("no page in these files: are they WARC or WET files?")
    return census


def _admits(gates: Sequence[Gate]) -> Callable[[bytes, Callable[[], str]], str]:
    return lambda payload, charset: next((rule for gate in gates if (rule := gate.admits(payload, charset))), "")


def language_of(page: Page, *, careful: bool) -> str:
    """The language of a page's text, "no text" where there is too little."""
    try:
        with within(len(page.payload)):
            if careful:
                said = extract_page(page.payload, charset=page.charset, is_text=page.is_text).text
            else:
                decoded = decode(page.payload, page.charset)[0]
                said = decoded if page.is_text else quick(decoded)
            return identify(said).language if len(said) >= FEW_LETTERS else NO_TEXT
    except (Exception, TookTooLong):  # whatever a parser does with a hostile page, it costs that page only
        return NO_TEXT


def site_of(url: str) -> str:
    return host_of(url).removeprefix("www.")


def from_index(tables: Iterable[Any], languages: Sequence[str]) -> Census:
    """Count rows of Common Crawl's columnar index (open Parquet files), by their first language; `languages` are asked
    for at any place. The index is whole, so its shares have no interval."""
    import pyarrow.compute as pc

    census = Census("index", is_sample=False)
    wanted = {load_pack(code).said.iso639_3: code for code in languages}
    known = {load_pack(code).said.iso639_3: code for code in codes()}
    for table in tables:
        names = table.schema_arrow.names
        if "content_languages" not in names:
            raise Problem("this is no part of Common Crawl's index: it lacks the column content_languages")
        host = next((n for n in ("url_host_name", "url_host_registered_domain", "url") if n in names), None)
        for group in range(table.num_row_groups):
            rows = table.read_row_group(group, columns=["content_languages"])["content_languages"]
            census.total += len(rows)
            census.pages.update(_tally(rows, wanted, known))
            if not wanted or host is None:
                continue
            hit = pc.fill_null(pc.match_substring_regex(rows, rf"(^|,)({'|'.join(wanted)})(,|$)"), False)
            if pc.any(hit).as_py():
                hosts = table.read_row_group(group, columns=[host, "content_languages"]).filter(hit)
                _add_hosts(census, hosts[host].to_pylist(), hosts["content_languages"].to_pylist(), wanted)
    return census


def _tally(column: Any, wanted: dict[str, str], known: dict[str, str]) -> Counter[str]:
    """Pages of each language: at any place for those asked for, else by the first."""
    counts: Counter[str] = Counter()
    for pair in column.value_counts().to_pylist():
        said = (pair["values"] or "").split(",")
        for code in wanted.keys() & set(said) if wanted else said[:1]:
            counts[known.get(code, code) or "und"] += pair["counts"]
    return counts


def _add_hosts(census: Census, hosts: list[str], languages: list[str], wanted: dict[str, str]) -> None:
    for host, said in zip(hosts, languages, strict=True):
        name = site_of(host) if "://" in host else host.removeprefix("www.")
        for code in wanted.keys() & set(said.split(",")):
            census.hosts[name][wanted[code]] += 1


@dataclass(frozen=True)
class Point:
    """What Common Crawl published of a language in one crawl. `share` is of all its pages."""

    crawl: str
    language: str
    pages: int
    share: float


LANGUAGE_COLUMNS, SHARE_COLUMNS = ("lang", "primary_language", "language"), ("pct_of_crawl", "%pages/crawl")


def trend(text: str, languages: Sequence[str], name: str) -> list[Point]:
    """The points of `languages` in Common Crawl's published statistics (CSV), crawls in order of name."""
    rows = csv.DictReader(io.StringIO(text))
    columns = rows.fieldnames or []
    language = next((c for c in LANGUAGE_COLUMNS if c in columns), None)
    share = next((c for c in SHARE_COLUMNS if c in columns), None)
    if language is None or share is None or "crawl" not in columns or "pages" not in columns:
        wanted_columns = f"crawl, {' or '.join(LANGUAGE_COLUMNS)}, pages, {' or '.join(SHARE_COLUMNS)}"
        raise Problem(f"{name}: not Common Crawl's languages.csv; wanted are the columns {wanted_columns}; "
                      f"it has {', '.join(columns)}")  # fmt: skip
    wanted = {load_pack(code).said.iso639_3: code for code in languages}
    points = list(_points(rows, wanted, language, share, name))
    if not points:
        raise Problem(f"{name} has no row of {', '.join(languages)}")
    return sorted(points, key=lambda p: (p.crawl, p.language))


def _points(rows: Any, wanted: dict[str, str], language: str, share: str, name: str) -> Iterator[Point]:
    for number, row in enumerate(rows, 2):
        if row[language] in wanted:
            try:
                yield Point(row["crawl"], wanted[row[language]], int(row["pages"]), float(row[share]) / 100)
            except (ValueError, TypeError) as error:
                raise Problem(f"{name}, line {number}: {error}") from error
