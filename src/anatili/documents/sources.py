"""What a person names as documents: folders, files and web addresses, as a list of files to read."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from anatili.collect.fetch import Fetcher, Response, is_web
from anatili.collect.files import root_of
from anatili.collect.robots import read_rules
from anatili.collect.sites import PAGE_SECONDS, Site
from anatili.documents.reader import Job
from anatili.files import MAX_BYTES
from anatili.files.formats import FORMATS
from anatili.problem import Problem
from anatili.text import short_hash, show_path
from anatili.urls import split_url

HIDDEN = (".", "~$")
"""Starts of the names of hidden files, and of what Word writes beside an open file."""
MAX_DEPTH = 40
"""Folders below one another; symbolic links to folders are not followed, so there are no circles."""
SUFFIXES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "application/epub+zip": ".epub",
}
"""Media type -> the ending that names the format."""


def check_sources(sources: Sequence[str]) -> None:
    """`Problem` if a source does not exist, or there is none."""
    if not sources:
        raise Problem("name a folder, a file or a web address with your documents")
    for source in sources:
        if not is_web(source) and not Path(source).exists():
            raise Problem(f"there is no file or folder {show_path(source)}")


def jobs_of(sources: Sequence[str]) -> Iterator[Job]:
    """The files of all folders and files that are named, sorted. A file is called by its path below its folder; of
    several folders, with the folder's name before it."""
    paths = [Path(source) for source in sources if not is_web(source)]
    names = Counter(path.resolve().name for path in paths)
    for path in paths:
        label = path.resolve().name if names[path.resolve().name] == 1 else str(path)
        if path.is_dir():
            prefix = f"{label}/" if len(paths) > 1 else ""
            yield from sorted(files_below(str(path), prefix), key=lambda job: job.name)
        else:
            with suppress(OSError):  # it has just been removed
                yield job_of(path, label, path.stat())


def files_below(folder: str, prefix: str, depth: int = 0) -> Iterator[Job]:
    """The regular files in a folder and the folders in it, but not hidden ones. `prefix` is put before their names."""
    try:
        with os.scandir(folder) as rows:
            entries = [entry for entry in rows if not entry.name.startswith(HIDDEN)]
    except OSError:  # a folder that may not be read, or that is gone meanwhile
        return
    for entry in entries:
        with suppress(OSError):  # a file that has just been removed, or a link in a circle
            if entry.is_dir(follow_symlinks=False):
                if depth < MAX_DEPTH:
                    yield from files_below(entry.path, f"{prefix}{entry.name}/", depth + 1)
            elif entry.is_file():
                yield job_of(Path(entry.path), prefix + entry.name, entry.stat())


def job_of(path: Path, name: str, status: os.stat_result) -> Job:
    stamp = f"{status.st_size} {status.st_mtime_ns}"
    return Job(path, name_of(name), stamp, status.st_size, status.st_mtime)


def name_of(name: str) -> str:
    """A file's name as it is shown. What is not UTF-8 in it is replaced, and a digest keeps it apart from others."""
    if name.isascii():
        return name
    shown = show_path(name)
    return shown if shown == name else f"{shown} ({short_hash(name)[:6]})"


def is_known(path: Path) -> bool:
    """Whether a file's ending is that of a format that can be read."""
    return path.suffix.lower() in FORMATS


@dataclass(frozen=True)
class Fetched:
    """A page from the web, to be read as a file. `problem` says why there is none."""

    job: Job | None = None
    problem: str = ""


def fetch(url: str, folder: Path, private_hosts: frozenset[str] = frozenset()) -> Fetched:
    """Fetch an address within the rules of its site, never from a private network, into `folder`."""
    fetcher = Fetcher(private_hosts, tries=3, max_bytes=MAX_BYTES // 4, page_seconds=PAGE_SECONDS)
    try:
        root = root_of(url)
        now = datetime.now(UTC)
        site = Site(root, read_rules(root, fetcher, f"{now:%Y-%m-%d}"), fetcher)
        response = site.get(url) if not site.rules.problem else None
    finally:
        fetcher.close()
    if response is None:
        broken = "; ".join(f"{row.reason}: {row.detail}" if row.detail else row.reason for row in site.problems)
        return Fetched(problem=f"{url}: {site.rules.problem or broken or 'there is no such page'}")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "page"
    file.write_bytes(response.body)
    size = len(response.body)
    return Fetched(Job(file, url, f"{now:%Y-%m-%dT%H}", size, now.timestamp(), suffix_of(response)))


def suffix_of(response: Response) -> str:
    """The ending that names the format of a response: by its media type, else by its address, else HTML."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    ending = Path(split_url(response.url).path).suffix.lower()
    return SUFFIXES.get(kind) or (ending if ending in FORMATS else ".html")
