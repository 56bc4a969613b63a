"""`collect`: pages and documents from every source of the recipe, in shards that record their origin.

WARC becomes WARC shards of pages, corpora become Parquet shards of documents. Pages whose address or host was taken
down are not collected again. A job is one input file, one site or one
batch of page locations in Common Crawl; its list of lost records is written last, which marks the job as done.
"""

import gzip
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from anatili import sample, text
from anatili.atomic_files import whole_file
from anatili.collect import block_list, commoncrawl
from anatili.collect.block_list import BLOCKED, BlockList, read_block_list, unblocked
from anatili.collect.contributions import as_read, write_contributions
from anatili.collect.corpora import documents
from anatili.collect.damaged import damaged_files, name_of
from anatili.collect.fetch import Fetcher, Store
from anatili.collect.files import ENDINGS, LIST, far_name, find_files, is_remote, site_roots
from anatili.collect.network import FetchError
from anatili.collect.sites import MAX_UNPACKED, PAGE_SECONDS, crawl_site, host_budget
from anatili.compression import DamagedError, read_whole
from anatili.data_errors import CUT_SHORT
from anatili.document import Document, Lost, SiftedOut, add_up, read_counts, read_shard, write_shard
from anatili.identify.gate import any_gate, load_gate
from anatili.problem import Problem
from anatili.recipe import Collect, Source
from anatili.stage import Task
from anatili.takedown_log import NO_TAKEDOWNS, TAKEN_DOWN, Takedowns, read_takedowns
from anatili.text import show_path
from anatili.warc import Admits, Broken, Page, Sifted, WarcFile, read_pages

MIMES = ("text/html", "application/xhtml+xml", "text/plain", "")
BINARY = (b"%PDF", b"PK\x03\x04", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x7fELF", b"\xd0\xcf\x11\xe0")
NOT_FETCHED = "lost: not fetched"
MAX_NOT_FETCHED = 0.1
"""If a larger share of a batch is not fetched, the network must be the reason: then nothing of the batch is written."""
EMPTY = Broken("", CUT_SHORT, "byte 0: the file is empty")
T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """One input: `what` is `file` (local), `remote` (a file to download), `site`, `batch` (of Common Crawl pages) or
    `pages` (all HTML files of a source)."""

    what: str
    address: str | Path
    """A path where it is a file."""
    target: Path
    """The file for its list of lost records; its shards are written beside it."""


def run(task: Task) -> dict[str, Any]:
    """Collect every source; the summary counts records by their outcome."""
    settings: Collect = task.settings
    jobs: list[tuple[Job, Source]] = []
    for number, configured in enumerate(settings.sources):
        source = resolved(configured, task.base)
        for index, (what, address) in enumerate(inputs(source, number, task)):
            jobs.append((Job(what, address, task.out / f"lost-{number:02d}-{index:05d}.parquet"), as_read(source)))
    todo = [job for job in jobs if not job[0].target.exists()]
    block_list.build(settings.block_lists, task.base, task.out)
    task.map(collect_one, todo, "inputs", settings=settings)
    records = add_up(job.target for job, _ in jobs)
    if not records.get("kept"):
        for job, _ in jobs:  # the same command tries again to fetch what could not be fetched
            if job.what in ("site", "batch") and read_counts(job.target).get(NOT_FETCHED):
                job.target.unlink()
        counts = ", ".join(f"{reason} {count}" for reason, count in records.items()) or "no input"
        first = next((row for job, _ in jobs if job.target.exists() for row in read_shard(job.target, Lost)), None)
        place = [first.url] if first and not first.detail.startswith(first.url) else []
        example = f" The first: {': '.join(filter(None, [*place, first.detail]))}" if first else ""
        raise Problem(f"nothing was collected: {counts}.{example}")
    files = [(name_of(job.address), job.target) for job, _ in jobs if job.what in ("file", "remote")]
    damaged = damaged_files(files, [job.target for job, _ in jobs if job.what == "pages"])
    return {"records": records, "sources": [s.name for s in settings.sources], **damaged}


def resolved(source: Source, base: Path) -> Source:
    """The source; for a crawl in local files and for HTML files, with its path relative to the recipe's folder
    resolved."""
    if source.kind not in ("commoncrawl", "html") or is_remote(source):
        return source
    mark = LIST if source.path.startswith(LIST) else ""
    return source.model_copy(update={"path": f"{mark}{base / Path(source.path.removeprefix(mark)).expanduser()}"})


def inputs(source: Source, number: int, task: Task) -> Iterator[tuple[str, str | Path]]:
    """The inputs of a source: (kind of job, address)."""
    settings: Collect = task.settings
    if source.path == sample.PLACE:
        yield "file", sample.build(task.out / ".sample")
    elif source.kind == "commons":
        yield "file", write_contributions(source, task.base, task.out / f".commons-{number:02d}.jsonl")
    elif source.kind == "commoncrawl":
        yield from (("batch", path) for path in find_locations(source, number, task))
    elif source.kind == "html":
        yield "pages", source.path
    elif source.kind == "site":
        yield from (("site", root) for root in site_roots(source, task.base))
    elif is_remote(source):
        yield from (("remote", address) for address in remote_files(source, store_of(settings)))
    else:
        yield from (("file", path) for path in find_files(source, task.base))


def store_of(settings: Collect) -> Store:
    return shared_store(settings.private_hosts, settings.rate, settings.contact)


@cache
def shared_store(private_hosts: tuple[str, ...], rate: float, contact: str) -> Store:
    """One store per process, so that connections are reused."""
    return Store(Fetcher(private_hosts=frozenset(private_hosts), rate=rate, contact=contact))


def remote_files(source: Source, store: Store) -> list[str]:
    """The addresses in a remote list of paths (Common Crawl's `warc.paths.gz`), those that match a pattern or are in a
    folder of an object store, or the one address itself."""
    name = source.path.rpartition("/")[2]
    try:
        if ".paths" in name:
            data = store.read_all(source.path)
            lines = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode().split()
            base = source.path.partition("/crawl-data/")[0] + "/"
            addresses = [line if "://" in line else base + line for line in lines]
        elif "*" in source.path or not name:
            addresses = store.find(source.path if name else source.path + "**", ENDINGS[source.kind])
        else:
            addresses = [source.path]
    except (FetchError, OSError, EOFError, UnicodeDecodeError) as error:
        raise Problem(f"source {source.name!r}: {error}") from error
    if not addresses:
        raise Problem(
            f"source {source.name!r}: no file at {source.path} ({source.kind} files end in "
            f"{', '.join(ENDINGS[source.kind])})"
        )
    return addresses[: source.files or None]


def find_locations(source: Source, number: int, task: Task) -> list[Path]:
    """Look up the locations of the pages in the index, and write them as batches in order of file: the same batches on
    every start. Returns their files."""
    settings: Collect = task.settings
    done = task.out / f"batches-{number:02d}.parquet"
    if not done.exists():
        parts = commoncrawl.index_parts(source, store_of(settings))
        jobs = [(part, task.out / f"places-{number:02d}-{n:05d}.parquet") for n, part in enumerate(parts)]
        todo = [job for job in jobs if not job[1].exists()]
        task.map(find_part, todo, "index parts", codes=commoncrawl.index_codes(source), settings=settings)
        batches = commoncrawl.batches([target for _, target in jobs], settings.shard_records)
        for index, batch in enumerate(batches):
            write_shard(task.out / f"batch-{number:02d}-{index:05d}.parquet", commoncrawl.PageLocation, batch)
        write_shard(done, Lost, [])
    return sorted(task.out.glob(f"batch-{number:02d}-*.parquet"))


def find_part(address: str, target: Path, codes: list[str], settings: Collect) -> None:
    try:
        commoncrawl.find(address, target, codes, store_of(settings))
    except FetchError as error:
        raise Problem(f"cannot read the index: {error}; run the same command again, and it resumes here") from error


def collect_one(job: Job, source: Source, settings: Collect) -> None:
    """Collect one input into shards beside `job.target`, then write `job.target`: the lost records, and all counts."""
    takedowns = read_takedowns(job.target.parent.parent)
    if job.what == "remote":
        address = str(job.address)
        local = job.target.parent / ".download" / job.target.stem / far_name(address)
        try:
            store_of(settings).download(address, local)
        except FetchError as error:
            raise Problem(f"{error}. Run the same command again, and it resumes the download") from error
        collect_file(local, job.target, source, settings, takedowns)
        local.unlink()
        local.parent.rmdir()
    elif job.what == "file":
        collect_file(Path(job.address), job.target, source, settings, takedowns)
    elif job.what == "pages":
        collect_pages(html_pages(source, settings.max_bytes), job.target, source, settings, takedowns)
    else:
        collect_stream(fetched(job, source, settings, takedowns), job.target, source, takedowns)


def fetched(job: Job, source: Source, settings: Collect, takedowns: Takedowns) -> Iterator[Page | Broken]:
    """The pages of a site, or of a batch of page locations in Common Crawl. What is blocked is not asked for."""
    blocks = read_block_list(job.target.parent)
    if job.what == "batch":
        locations = list(read_shard(Path(job.address), commoncrawl.PageLocation))
        base = commoncrawl.base_of(source)
        if blocks:
            entries = [blocks.entry(location.url) for location in locations]
            yield from (Broken(place.url, BLOCKED, why) for place, why in zip(locations, entries, strict=True) if why)
            locations = [place for place, why in zip(locations, entries, strict=True) if not why]
        yield from commoncrawl.fetch_batch(locations, base, store_of(settings), settings.max_bytes)
        return
    root = str(job.address)
    if blocks and (why := blocks.entry(root)):
        yield Broken(root, BLOCKED, why)
        return
    # Sitemaps may be longer than pages, so the limit for pages is checked afterwards.
    fetcher = Fetcher(
        frozenset(settings.private_hosts),
        pause=source.pause,
        tries=3,
        max_bytes=MAX_UNPACKED,
        page_seconds=PAGE_SECONDS,
        host=host_budget(source.pages),
        contact=settings.contact,
    )
    for page in crawl_site(root, fetcher, source.pages, source.depth, takedowns):
        if isinstance(page, Page) and len(page.payload) > settings.max_bytes:
            yield Broken(page.url, "too large", f"{len(page.payload)} bytes")
        else:
            yield page
    fetcher.close()


def collect_stream(
    pages: Iterable[Page | Broken], target: Path, source: Source, takedowns: Takedowns = NO_TAKEDOWNS
) -> None:
    """Write all pages as one shard or none: over a network the same pages may not come in the same way twice."""
    counts: Counter[str] = Counter()
    lost: list[Lost] = []
    shard = target.with_name(f"part-{target.stem.removeprefix('lost-')}-00000.warc.gz")
    sifted: list[SiftedOut] = []
    admitted = unblocked(sift(pages, gate_of(source)), read_block_list(target.parent))
    write_warc(shard, usable(admitted, counts, lost, sifted, takedowns), source)
    if source.kind == "commoncrawl" and counts[NOT_FETCHED] > MAX_NOT_FETCHED * counts["records"]:
        shard.unlink()
        raise Problem(
            f"{counts[NOT_FETCHED]} of {counts['records']} pages could not be fetched ({lost[-1].detail}). "
            "Run the same command again, and it resumes here"
        )
    if not counts["kept"]:
        shard.unlink()
    if sifted:
        write_shard(target.with_name(f"sifted-{target.stem.removeprefix('lost-')}.parquet"), SiftedOut, sifted)
    write_shard(target, Lost, lost, counts)


def sift(pages: Iterable[Page | Broken], admits: Admits | None) -> Iterator[Page | Broken | Sifted]:
    """Apply the gate to the pages of a site or of the index; pages of WARC files pass the gate as they are read."""
    for page in pages:
        if admits and isinstance(page, Page) and not admits(page.payload, partial(str, page.charset)):
            yield Sifted(page.url)
        else:
            yield page


def collect_file(
    file: Path, target: Path, source: Source, settings: Collect, takedowns: Takedowns = NO_TAKEDOWNS
) -> None:
    """Copy one local file into shards beside `target`, then write `target`."""
    if source.kind == "warc":
        is_empty = not file.stat().st_size
        pages = iter([EMPTY]) if is_empty else read_pages(file, settings.max_bytes, gate_of(source))
        collect_pages(pages, target, source, settings, takedowns)
        return
    counts: Counter[str] = Counter()
    lost: list[Lost] = []
    rows_of = documents(file, source, settings, counts, lost, gate_of(source))
    wanted = not_taken_down(rows_of, counts, lost, takedowns, read_block_list(target.parent))
    for number, rows in enumerate(batches(wanted, settings.shard_records)):
        shard = target.with_name(f"part-{stem_of(target)}-{number:05d}.parquet")
        if not shard.exists():
            write_shard(shard, Document, rows)
    write_shard(target, Lost, lost, counts)


def collect_pages(
    pages: Iterable[Page | Broken | Sifted], target: Path, source: Source, settings: Collect, takedowns: Takedowns
) -> None:
    """Write pages of local files to shards beside `target`, then write `target`."""
    counts: Counter[str] = Counter()
    lost: list[Lost] = []
    sifted: list[SiftedOut] = []
    pages = unblocked(pages, read_block_list(target.parent))
    for number, batch in enumerate(batches(usable(pages, counts, lost, sifted, takedowns), settings.shard_records)):
        shard = target.with_name(f"part-{stem_of(target)}-{number:05d}.warc.gz")
        if not shard.exists():
            write_warc(shard, batch, source)
    if sifted:
        write_shard(target.with_name(f"sifted-{stem_of(target)}.parquet"), SiftedOut, sifted)
    write_shard(target, Lost, lost, counts)


def stem_of(target: Path) -> str:
    """The numbers of source and input in the name of a list of lost records."""
    return target.name.removeprefix("lost-").removesuffix(".parquet")


def html_pages(source: Source, max_bytes: int) -> Iterator[Page | Broken | Sifted]:
    """The HTML files of a source as pages; the address of each is its path."""
    pages = (html_page(file, max_bytes) for file in find_files(source, Path()))
    return sift(pages, gate_of(source))


def html_page(file: Path, max_bytes: int) -> Page | Broken:
    name = " ".join(show_path(file).split())
    try:
        with file.open("rb") as stream:
            payload = read_whole(stream, max_bytes)
    except DamagedError as error:
        return Broken(name, "damaged page", str(error))
    if len(payload) > max_bytes:
        return Broken(name, "too large", f"more than {max_bytes} bytes")
    return Page(name, "", payload)


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size` items."""
    waiting = iter(items)
    while batch := list(islice(waiting, size)):
        yield batch


def gate_of(source: Source) -> Admits | None:
    """A function that admits a page if the gate of one of the source's `sift` languages does; `None` without `sift`."""
    if not source.sift:
        return None
    return any_gate(map(load_gate, source.sift))


def not_taken_down(
    documents: Iterable[Document],
    counts: Counter[str],
    lost: list[Lost],
    takedowns: Takedowns,
    blocks: BlockList | None = None,
) -> Iterator[Document]:
    """The documents of a corpus without those that were taken down, and without those whose address is blocked."""
    for document in documents:
        kind, reason = TAKEN_DOWN, takedowns.reason(identity=document.id, url=document.url)
        if not reason and blocks and document.url:
            kind, reason = BLOCKED, blocks.entry(document.url)
        if reason:
            counts["kept"] -= 1
            counts[f"lost: {kind}"] += 1
            lost.append(Lost("", document.url, kind, reason))
        else:
            yield document


def usable(
    pages: Iterable[Page | Broken | Sifted],
    counts: Counter[str],
    lost: list[Lost],
    sifted: list[SiftedOut],
    takedowns: Takedowns = NO_TAKEDOWNS,
) -> Iterator[Page]:
    """The pages that may contain text; the others are counted by reason and listed."""
    for page in pages:
        counts["records"] += 1
        if isinstance(page, Sifted):
            counts["lost: sifted out"] += 1
            sifted.append(SiftedOut(text.number_of(page.url)))
            continue
        problem = page if isinstance(page, Broken) else unusable(page, takedowns)
        if problem is None:
            assert isinstance(page, Page)
            counts["kept"] += 1
            yield page
        else:
            counts[f"lost: {problem.reason}"] += 1
            lost.append(Lost("", problem.url, problem.reason, problem.detail))


def unusable(page: Page, takedowns: Takedowns = NO_TAKEDOWNS) -> Broken | None:
    """Why a page cannot contain text or may not be used, `None` if it can."""
    if reason := takedowns.reason(url=page.url):
        return Broken(page.url, TAKEN_DOWN, reason)
    if page.status != 200:
        return Broken(page.url, "HTTP error", f"HTTP status {page.status}")
    if page.mime not in MIMES:
        return Broken(page.url, "not a text page", page.mime)
    head = page.payload.lstrip()[:1000]
    if not head:
        return Broken(page.url, "empty")
    is_utf16 = head[:2] in (b"\xff\xfe", b"\xfe\xff") or "utf-16" in page.charset.lower()
    if head.startswith(BINARY) or (not is_utf16 and head.count(b"\0") > len(head) // 100):
        return Broken(page.url, "binary")
    return None


def write_warc(shard: Path, pages: Iterable[Page], source: Source) -> None:
    info = {"software": "anatili", "source": source.name, "license": source.license, "language": source.language}
    with whole_file(shard) as temporary, temporary.open("wb") as stream:
        warc = WarcFile(stream, info)
        for page in pages:
            warc.write(page)
        warc.close()
