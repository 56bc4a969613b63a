"""Fetch the pages of a language from Common Crawl by its columnar index, and no other pages.

The index (Parquet, one row per page) names up to three languages of each page. `find` reads this column of each part
and, where the language occurs, the location of the page; `fetch_batch` gets the pages by byte ranges, adjacent ones in
one request. Arrow reads the columns through our own ranged reads: duckdb would need an extension that it downloads.
"""

import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anatili.collect.fetch import RangedFile, Store, is_web
from anatili.collect.network import FetchError
from anatili.document import read_shard, write_shard
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.recipe import Source
from anatili.warc import Broken, Page, read_pages

LOCATION = ("url", "warc_filename", "warc_record_offset", "warc_record_length")
LANGUAGES = "content_languages"
GAP = 100_000
"""Pages of a file with at most this many bytes between them are fetched in one request: cheaper than a round trip."""
SPAN = 8_000_000
"""Maximum bytes of one request."""


@dataclass(frozen=True, slots=True)
class PageLocation:
    """Where a page is stored: its WARC file, and the bytes of its record."""

    url: str
    file: str
    offset: int
    length: int


def base_of(source: Source) -> str:
    return source.path.rstrip("/") + "/"


def index_parts(source: Source, store: Store) -> list[str]:
    """Addresses of the index's Parquet files for all crawls of the source, in order: from the crawl's list of paths or,
    in a store without that list, from the contents of its folder."""
    parts = []
    for crawl in source.crawls:
        address = f"{base_of(source)}crawl-data/{crawl}/cc-index-table.paths.gz"
        try:
            lines = gzip.decompress(store.read_all(address)).decode().split()
            addresses = [base_of(source) + line for line in lines if "/subset=warc/" in line]
        except (FetchError, OSError, EOFError) as error:
            folder = f"{base_of(source)}cc-index/table/cc-main/warc/crawl={crawl}/subset=warc"
            addresses = [] if is_web(address) else store.find(f"{folder}/*.parquet", (".parquet",))
            if not addresses:
                raise Problem(f"source {source.name!r}: cannot find the index of {crawl}: {error}") from error
        if not addresses:
            raise Problem(f"source {source.name!r}: {address} lists no parts of the subset warc")
        parts += addresses
    if not source.crawls:
        raise Problem(f'source {source.name!r}: name the crawls, such as crawls = ["CC-MAIN-2026-04"]')
    return parts[: source.files or None]


def index_codes(source: Source) -> list[str]:
    """The ISO 639-3 codes, as in the index, of the languages in the source's `sift`."""
    codes = {code: load_pack(code).config.iso639_3 for code in source.sift}
    without = [code for code, iso639_3 in codes.items() if not iso639_3]
    if without or not codes:
        advice = f"add iso639_3 to the packs {', '.join(without)}" if without else "name languages in `sift`"
        raise Problem(f"source {source.name!r}: Common Crawl's index needs ISO 639-3 codes: {advice}")
    return list(codes.values())


def check_columns(table: pq.ParquetFile, address: str) -> None:
    """`Problem` if a Parquet file is not a part of the index."""
    missing = {LANGUAGES, *LOCATION} - set(table.schema_arrow.names)
    if missing:
        raise Problem(f"{address} is not a part of Common Crawl's index: it lacks {', '.join(sorted(missing))}")


def find(address: str, target: Path, codes: Sequence[str], store: Store) -> None:
    """Write the locations of all pages whose languages include one of `codes`, from one part of the index."""
    locations: list[PageLocation] = []
    with pq.ParquetFile(pa.PythonFile(RangedFile(store, address), mode="r")) as table:
        check_columns(table, address)
        has_status = "fetch_status" in table.schema_arrow.names
        for number in range(table.num_row_groups):
            matching = has_any(table.read_row_group(number, columns=[LANGUAGES], use_threads=False)[LANGUAGES], codes)
            if not pc.any(matching).as_py():
                continue  # the other columns of this group are never fetched
            columns = [*LOCATION, *(["fetch_status"] if has_status else [])]
            rows = table.read_row_group(number, columns=columns, use_threads=False)  # as in census/count.py
            if has_status:
                matching = pc.and_(matching, pc.equal(rows["fetch_status"], 200))
            locations += [PageLocation(*(row[name] for name in LOCATION)) for row in rows.filter(matching).to_pylist()]
    write_shard(target, PageLocation, locations)


def has_any(languages: pa.ChunkedArray, codes: Sequence[str]) -> pa.ChunkedArray:
    """For each row, whether its comma-separated list contains one of the codes."""
    return pc.fill_null(pc.match_substring_regex(languages, rf"(^|,)({'|'.join(codes)})(,|$)"), False)


def batches(shards: Sequence[Path], size: int) -> Iterator[list[PageLocation]]:
    """All locations in order of file and offset, without repetitions, in lists of at most `size`."""
    unique = {location for shard in shards for location in read_shard(shard, PageLocation)}
    locations = sorted(unique, key=lambda location: (location.file, location.offset))
    for start in range(0, len(locations), size):
        yield locations[start : start + size]


def fetch_batch(locations: Sequence[PageLocation], base: str, store: Store, max_bytes: int) -> Iterator[Page | Broken]:
    """The pages at `locations`, in order; a page that cannot be fetched is returned as `Broken`."""
    for group in grouped(locations):
        first = group[0].offset
        try:
            data = store.read(base + group[0].file, first, group[-1].offset + group[-1].length - first)
        except FetchError as error:
            yield from (Broken(location.url, "not fetched", str(error)) for location in group)
            continue
        for location in group:
            start = location.offset - first
            yield page_at(location, data[start : start + location.length], max_bytes)


def grouped(locations: Sequence[PageLocation]) -> Iterator[list[PageLocation]]:
    """Locations in one file that are close enough for one request."""
    group: list[PageLocation] = []
    for location in locations:
        if group:
            last = group[-1]
            gap = location.offset - last.offset - last.length
            if location.file != last.file or gap > GAP or location.offset + location.length - group[0].offset > SPAN:
                yield group
                group = []
        group.append(location)
    if group:
        yield group


def page_at(location: PageLocation, data: bytes, max_bytes: int) -> Page | Broken:
    """The page in the bytes of one record; a record of another page is rejected."""
    pages = list(read_pages(io.BytesIO(data), max_bytes))
    if len(pages) != 1:
        return Broken(location.url, "damaged record", f"{len(pages)} records in {location.file} at {location.offset}")
    page = pages[0]
    if isinstance(page, Broken):
        return Broken(location.url, page.reason, page.detail)
    assert isinstance(page, Page)
    if page.url != location.url:
        return Broken(location.url, "another page", f"the index points to it, but the record is of {page.url}")
    return page
