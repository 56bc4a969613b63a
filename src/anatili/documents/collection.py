"""A collection: the documents that a person named, indexed in the background and kept up to date while it is open."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from anatili.collect.fetch import is_web
from anatili.documents.reader import Job, Readers
from anatili.documents.sources import check_sources, fetch, is_known, jobs_of
from anatili.lang import LanguagePack
from anatili.problem import Problem
from anatili.search.live_index import LiveIndex, LiveSearch, Row
from anatili.search.manifest import Entry
from anatili.text import short_hash, show_path

log = logging.getLogger("anatili.documents")
VERSION = 2
"""Raised when an index made by an earlier version would answer otherwise."""
PASSAGES, SECONDS = 4_000, 2.0
"""What was read is written when there are so many passages, or so much time has passed."""
FIRST_SECONDS = 0.3
"""The same time for the first documents, which somebody may be waiting for."""
PAUSE, LISTING = 2.0, 20
"""Seconds between two looks at the files, or this many times the CPU time that a look takes."""
PASSING = ("missing", "takes_too_long", "too_much_memory")
"""Reasons for which a file could not be read that may have passed."""
SHOWN = 20
"""Files that could not be read whose reasons are shown."""


@dataclass(frozen=True)
class Status:
    """How far a collection is."""

    documents: int = 0
    passages: int = 0
    skipped: int = 0
    """Files that cannot be read."""
    done: int = 0
    total: int = 0
    """Files of the present round that are read, and all of them; 0 of 0 when nothing is to be done."""
    is_running: bool = False
    refused: tuple[Entry, ...] = ()
    """The first files that could not be read; each says why."""
    incomplete: tuple[str, ...] = ()
    """What was left out of the first files of which a part could not be read."""
    problem: str = ""
    """Why the index is not up to date."""


def folder_of(sources: Sequence[str], packs: dict[str, LanguagePack], cache: Path) -> Path:
    """The folder of the index of these sources: another one for other packs, whose stems may differ."""
    named = [source if is_web(source) else str(Path(source).resolve()) for source in sources]
    digests = [f"{name} {digest}" for pack in packs.values() for name, digest in sorted(pack.files.items())]
    return cache / "documents" / short_hash(str(VERSION), *packs, *named, *digests)


class Collection:
    """The documents of `sources` (folders, files, web addresses) and their index in `folder`.

    `start` looks for files in the background, and then again and again for changes. Searching works at once and sees
    what is indexed so far. If another process keeps the same index up to date, this one follows it.
    """

    def __init__(
        self,
        sources: Sequence[str],
        packs: dict[str, LanguagePack],
        folder: Path,
        readers: Readers,
        *,
        private_hosts: frozenset[str] = frozenset(),
    ) -> None:
        check_sources(sources)
        self.sources, self.folder, self.private_hosts = list(dict.fromkeys(sources)), folder, private_hosts
        self.folders = [source for source in self.sources if not is_web(source) and Path(source).is_dir()]
        self.index = LiveIndex(folder, packs)
        self.readers = readers
        self.status = Status()
        self.listing_seconds = 0.0
        self.first_round = threading.Event()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._watch, name="documents", daemon=True)
        self._describe()

    @property
    def search(self) -> LiveSearch:
        return self.index.search

    def start(self) -> None:
        self.thread.start()

    def wait(self, tell: Callable[[Status], None] = lambda status: None) -> Status:
        """Wait until everything is indexed; `tell` gets the progress meanwhile."""
        while not self.first_round.wait(0.1):
            tell(self.status)
        return self.status

    def close(self) -> None:
        self.stopping.set()
        if self.thread.is_alive():
            self.thread.join()
        self.index.close()

    def _watch(self) -> None:
        while not self.stopping.is_set():
            problem = ""
            try:
                self.index.refresh()
                if not self.index.is_read_only:
                    self.update(is_first=not self.first_round.is_set())
            except Problem as error:
                problem = str(error)
            except Exception as error:
                log.exception("the documents are not up to date")
                problem = f"{type(error).__name__}: {error}"
            self._describe(problem)
            self.first_round.set()
            self.readers.rest()
            self.stopping.wait(max(PAUSE, LISTING * self.listing_seconds))

    def update(self, *, is_first: bool = True) -> None:
        """Bring the index up to date with the files as they are now. The first time, pages are fetched, and files that
        could not be read for a reason that may have passed are read again."""
        if self.folders:
            check_sources(self.folders)  # a folder that is gone, such as a share, does not empty the index
        entries, began = self.index.entries, time.thread_time()
        jobs = {job.name: job for job in jobs_of(self.sources)}
        self.listing_seconds = time.thread_time() - began
        pages = [source for source in self.sources if is_web(source)]
        removed = [name for name in entries if name not in jobs and name not in pages]
        changed = [
            job
            for name, job in jobs.items()
            if name not in entries or entries[name].stamp != job.stamp or (is_first and entries[name].code in PASSING)
        ]
        unknown = [job for job in changed if not is_known(job.path)]
        changed = [job for job in changed if is_known(job.path)] + (self._fetch(pages) if is_first else [])
        if not changed and not removed and not unknown:
            return
        self.status = replace(self.status, done=0, total=len(changed), is_running=bool(changed))
        self.index.put([(unread(job), []) for job in unknown], removed, many=True)
        self._read(changed)
        self.index.finish()
        self.index.rest()

    def _fetch(self, pages: Iterable[str]) -> list[Job]:
        jobs = []
        hour = f"{datetime.now(UTC):%Y-%m-%dT%H}"
        for url in pages:
            if url in self.index.entries and self.index.entries[url].stamp == hour:
                continue
            fetched = fetch(url, self.folder / "pages" / short_hash(url), self.private_hosts)
            if fetched.job:
                jobs.append(fetched.job)
            elif url not in self.index.entries:  # what was read before stays if it cannot be fetched now
                job = Job(Path(), url, "", 0, time.time())
                self.index.put([(replace(unread(job), code="not_fetched", reason=fetched.problem), [])])
        return jobs

    def _read(self, jobs: list[Job]) -> None:
        """Read files in several processes, and write what was read from time to time."""
        left, batch, count = iter(jobs), list[tuple[Entry, list[Row]]](), 0
        due = time.monotonic() + FIRST_SECONDS
        workers = len(self.readers.all)
        with ThreadPoolExecutor(workers) as pool:
            running = {pool.submit(self._read_one, job) for job in islice(left, 2 * workers)}
            while running:
                finished, running = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                batch += [future.result() for future in finished]
                count += sum(entry.passages for entry, _ in map(Future.result, finished))
                is_stopping = self.stopping.is_set()
                if batch and (count >= PASSAGES or time.monotonic() >= due or not running or is_stopping):
                    self.index.put(batch, many=True)
                    self.status = replace(self.status, done=self.status.done + len(batch))
                    self._describe()
                    batch, count, due = [], 0, time.monotonic() + SECONDS
                if is_stopping:  # files that are being read are read again at the next start
                    self.readers.close()
                    return
                running |= {pool.submit(self._read_one, job) for job in islice(left, len(finished))}

    def _read_one(self, job: Job) -> tuple[Entry, list[Row]]:
        with self.readers.one() as reader:
            return reader.read(job)

    def _describe(self, problem: str = "") -> None:
        entries = self.index.entries.values()
        refused = [entry for entry in entries if entry.code]
        status = self.status
        is_running = status.done < status.total and not problem
        self.status = replace(
            status,
            documents=len(entries) - len(refused),
            passages=sum(entry.passages for entry in entries),
            skipped=len(refused),
            refused=tuple(refused[:SHOWN]),
            incomplete=tuple(entry.reason for entry in entries if entry.reason and not entry.code)[:SHOWN],
            is_running=is_running,
            done=status.done if is_running else 0,
            total=status.total if is_running else 0,
            problem=problem,
        )


def unread(job: Job) -> Entry:
    """The entry of a file of a type that is not read."""
    ending = job.path.suffix or "no ending"
    return Entry(
        name=job.name,
        id=short_hash(job.name),
        version="",
        stamp=job.stamp,
        bytes=job.bytes,
        time=job.time,
        code="type",
        reason=f"{show_path(job.name)}: files with {ending} are not read",
    )
