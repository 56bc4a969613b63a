"""Pages of a language from Common Crawl, by its columnar index: never more is fetched than the pages themselves.

The index (Parquet, one row a page) names up to three languages of each page. `find` reads that one column of each part
and, where a language is met, the place of the page; `fetch_batch` gets the pages by byte ranges, neighbors in one
request. Arrow reads the columns over our own ranged reads: duckdb's way to the web is an extension that it downloads.
"""

import gzip
import io
from collections import Counter
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

PLACE = ("url", "warc_filename", "warc_record_offset", "warc_record_length")
LANGUAGES = "content_languages"
GAP = 100_000
"""Bytes between two pages of a file up to which they are fetched in one request: less than a round trip costs."""
SPAN = 8_000_000
"""Most bytes of one request."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page lies."""

    url: str
    file: str
    offset: int
    length: int


def base_of(source: Source) -> str:
    return source.path.rstrip("/") + "/"


def index_parts(source: Source, store: Store) -> list[str]:
    """Addresses of the index's Parquet files of all crawls of the source, in order: as the crawl's list of them names
    them, or, in a store without that list, as its folder holds them."""
    parts = []
    for crawl in source.crawls:
        address = f"{base_of(source)}crawl-data/{crawl}/cc-index-table.paths.gz"
        try:
            lines = gzip.decompress(store.read_all(address)).decode().split()
            found = [base_of(source) + line for line in lines if "/subset=warc/" in line]
        except (FetchError, OSError, EOFError) as error:
            folder = f"{base_of(source)}cc-index/table/cc-main/warc/crawl={crawl}/subset=warc"
            found = [] if is_web(address) else store.find(f"{folder}/*.parquet", (".parquet",))
            if not found:
                raise Problem(f"source {source.name!r}: no index of {crawl}: {error}") from error
        if not found:
            raise Problem(f"source {source.name!r}: {address} lists no part of the subset warc")
        parts += found
    if not source.crawls:
        raise Problem(f'source {source.name!r}: name the crawls, such as crawls = ["CC-MAIN-2026-04"]')
    return parts[: source.files or None]


def index_codes(source: Source) -> list[str]:
    """The ISO 639-3 codes that the index uses, of the languages the source sifts for."""
    codes = {code: load_pack(code).config.iso639_3 for code in source.sift}
    without = [code for code, said in codes.items() if not said]
    if without or not codes:
        what = f"the packs {', '.join(without)} lack iso639_3" if without else "name languages in `sift`"
        raise Problem(f"source {source.name!r}: Common Crawl's index needs ISO 639-3 codes: {what}")
    return list(codes.values())


def languages_column(table: pq.ParquetFile, address: str) -> None:
    missing = {LANGUAGES, *PLACE} - set(table.schema_arrow.names)
    if missing:
        raise Problem(f"{address} is no part of Common Crawl's index: it lacks {', '.join(sorted(missing))}")


def find(address: str, target: Path, codes: Sequence[str], store: Store) -> None:
    """Write the places of all pages whose languages contain one of `codes`, from one part of the index."""
    places: list[Place] = []
    with pq.ParquetFile(pa.PythonFile(RangedFile(store, address), mode="r")) as table:
        languages_column(table, address)
        has_status = "fetch_status" in table.schema_arrow.names
        for number in range(table.num_row_groups):
            hit = has_any(table.read_row_group(number, columns=[LANGUAGES])[LANGUAGES], codes)
            if not pc.any(hit).as_py():
                continue  # the other columns of this group are never fetched
            rows = table.read_row_group(number, columns=[*PLACE, *(["fetch_status"] if has_status else [])])
            if has_status:
                hit = pc.and_(hit, pc.equal(rows["fetch_status"], 200))
            places += [Place(*(row[name] for name in PLACE)) for row in rows.filter(hit).to_pylist()]
    write_shard(target, Place, places)


def has_any(languages: pa.ChunkedArray, codes: Sequence[str]) -> pa.ChunkedArray:
    """Whether the comma-separated list of a row holds one of the codes, at whatever place."""
    return pc.fill_null(pc.match_substring_regex(languages, rf"(^|,)({'|'.join(codes)})(,|$)"), False)


def batches(shards: Sequence[Path], size: int) -> Iterator[list[Place]]:
    """All places in order of file and offset, each page once, in lists of at most `size`."""
    places = sorted({place for shard in shards for place in read_shard(shard, Place)}, key=lambda p: (p.file, p.offset))
    for start in range(0, len(places), size):
        yield places[start : start + size]


def fetch_batch(places: Sequence[Place], base: str, store: Store, max_bytes: int) -> Iterator[Page | Broken]:
    """The pages at `places`, in order; one that cannot be had comes as `Broken`."""
    for group in groups(places):
        first = group[0].offset
        try:
            data = store.read(base + group[0].file, first, group[-1].offset + group[-1].length - first)
        except FetchError as error:
            yield from (Broken(place.url, "not fetched", str(error)) for place in group)
            continue
        for place in group:
            start = place.offset - first
            yield one_page(place, data[start : start + place.length], max_bytes)


def groups(places: Sequence[Place]) -> Iterator[list[Place]]:
    """Places of one file that lie close enough for one request."""
    group: list[Place] = []
    for place in places:
        if group:
            last = group[-1]
            gap = place.offset - last.offset - last.length
            if place.file != last.file or gap > GAP or place.offset + place.length - group[0].offset > SPAN:
                yield group
                group = []
        group.append(place)
    if group:
        yield group


def one_page(place: Place, data: bytes, max_bytes: int) -> Page | Broken:
    """The page in the bytes of one record; a record of another page is refused."""
    found = list(read_pages(io.BytesIO(data), max_bytes))
    if len(found) != 1:
        return Broken(place.url, "damaged record", f"{len(found)} records in {place.file} at {place.offset}")
    page = found[0]
    if isinstance(page, Broken):
        return Broken(place.url, page.reason, page.detail)
    assert isinstance(page, Page)
    if page.url != place.url:
        return Broken(place.url, "another page", f"the index names it, but {page.url} lies there")
    return page


def tally(places: Sequence[Path]) -> Counter[str]:
    """How many pages each part of the index named."""
    return Counter({path.stem: pq.read_metadata(path).num_rows for path in places})
