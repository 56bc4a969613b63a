"""Documents that visitors of a server add: an index for each session, which no other session sees.

A session is told by a random id, which only its visitor knows. Documents go when their session has not been used for
some hours, and when the server stops, unless their owner asked to keep them. Until then they survive a crash.
"""

import hashlib
import os
import queue
import re
import secrets
import shutil
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from anatili.documents.reader import Job, Readers
from anatili.documents.sources import is_known
from anatili.files import UnreadableError
from anatili.files.formats import FORMATS
from anatili.lang import LanguagePack
from anatili.problem import Problem
from anatili.search.live_index import LiveIndex, LiveSearch
from anatili.search.manifest import Entry
from anatili.text import INVISIBLE

SESSION = re.compile(r"[A-Za-z0-9_-]{22,64}")
"""The id of a session: at least 128 random bits."""
HEAP = 15_000_000
MAX_NAME = 200
OPEN_SESSIONS = 64
"""Indexes that are open at the same time; each takes some files."""
TOUCHED = 60.0
"""Seconds after which it is written down that a session was used again."""


@dataclass(frozen=True)
class Limits:
    """What one session may add, and how long reading a file may take."""

    file_bytes: int = 32 * 2**20
    documents: int = 50
    session_bytes: int = 200 * 2**20
    sessions: int = 1000
    """Sessions with documents at the same time."""
    idle_seconds: float = 12 * 3600.0
    read_seconds: float = 60.0
    patience: float = 30.0
    """Seconds to wait for a free reader."""


class FullError(Problem):
    """A session, or the server, has as many documents as it may."""


class BusyError(Problem):
    """All readers are busy."""


class Sessions:
    """The sessions whose indexes are in `folder`. Methods may be called from several threads."""

    def __init__(
        self, folder: Path, packs: dict[str, LanguagePack], readers: Readers, limits: Limits | None = None
    ) -> None:
        self.folder, self.packs, self.readers, self.limits = folder, packs, readers, limits or Limits()
        self.lock = threading.RLock()
        self.opened: OrderedDict[Path, LiveIndex] = OrderedDict()
        self.busy: Counter[Path] = Counter()
        """Requests that are using an index, which is not closed meanwhile."""
        self.used: dict[Path, float] = {}
        self.swept = 0.0

    def entries(self, session: str) -> list[Entry]:
        """The documents of a session, in the order in which they came."""
        self.readers.rest()
        with self._index(session) as index:
            return list(index.entries.values()) if index else []

    def search(self, session: str) -> LiveSearch | None:
        """The search of a session's documents; None if it has none."""
        with self._index(session) as index:
            return index.search if index and index.entries else None

    def add(self, session: str, name: str, data: bytes, *, keep: bool = False) -> Entry:
        """Read and index a file; when this returns it can be found and is on the disk. A file of the same name is
        replaced. `UnreadableError` if it cannot be read: then nothing has changed."""
        name = plain_name(name)
        if not is_known(Path(name)):
            ending = Path(name).suffix or "no ending"
            raise UnreadableError("type", f"{name}: files with {ending} are not read; known are {', '.join(FORMATS)}")
        self._sweep()
        self._check_room(session, name, len(data))
        folder = self._folder_of(session)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = folder / f"upload-{secrets.token_hex(8)}"
        try:
            file.write_bytes(data)
            now = time.time()
            job = Job(file, name, f"{now}", len(data), now, Path(name).suffix, self.limits.read_seconds)
            try:
                with self.readers.one(self.limits.patience) as reader:
                    entry, rows = reader.read(job)
            except queue.Empty as error:
                raise BusyError("other documents are being read; try again in a minute") from error
        finally:
            file.unlink(missing_ok=True)
        if entry.code:
            self._drop_if_empty(session)
            raise UnreadableError(entry.code, entry.reason)
        entry = replace(entry, kept=keep)
        with self._index(session, make=True) as index:
            assert index is not None
            is_new = name not in index.entries
            index.put([(entry, rows)])
            if not is_new:
                index.compact()
            index.rest()
        return entry

    def remove(self, session: str, id_: str = "") -> int:
        """Remove one document, or all, without a trace; the number of removed documents."""
        with self._index(session) as index:
            if index is None:
                return 0
            names = [entry.name for entry in index.entries.values() if id_ in ("", entry.id)]
            if names:
                index.put([], names)
                index.compact()
                index.rest()
        self._drop_if_empty(session)
        return len(names)

    def close(self) -> None:
        """Remove the documents that nobody asked to keep."""
        with self.lock:
            for folder in self._folders():
                self._forget(folder)
            while self.opened:
                self.opened.popitem()[1].close()

    @contextmanager
    def _index(self, session: str, *, make: bool = False) -> Iterator[LiveIndex | None]:
        """The index of a session; None if there is none and it should not be made."""
        folder = self._folder_of(session)
        with self.lock:
            index = self._open(folder) if make or (folder / "tantivy").is_dir() else None
            if index is not None and time.monotonic() - self.used.get(folder, -TOUCHED) >= TOUCHED:
                self.used[folder] = time.monotonic()
                os.utime(folder)
            self.busy[folder] += 1
        try:
            yield index
        finally:
            with self.lock:
                self.busy[folder] -= 1

    def _open(self, folder: Path) -> LiveIndex:
        if folder not in self.opened:
            self.opened[folder] = LiveIndex(folder, self.packs, HEAP)
            folder.chmod(0o700)
        self.opened.move_to_end(folder)
        for other in [other for other in self.opened if not self.busy[other]][: len(self.opened) - OPEN_SESSIONS]:
            self.opened.pop(other).close()
        return self.opened[folder]

    def _check_room(self, session: str, name: str, size: int) -> None:
        limits, others = self.limits, [entry for entry in self.entries(session) if entry.name != name]
        if size > limits.file_bytes:
            raise UnreadableError("too_large", f"{name} has {size:,} bytes; at most {limits.file_bytes:,} are read")
        if len(others) >= limits.documents:
            raise FullError(f"there are {len(others)} documents already, which is the most: delete some first")
        if sum(entry.bytes for entry in others) + size > limits.session_bytes:
            raise FullError(f"your documents would have more than {limits.session_bytes:,} bytes: delete some first")
        if not others and len(self._folders()) >= limits.sessions:
            raise FullError("the server has documents of as many visitors as it may; try again later")

    def _drop_if_empty(self, session: str) -> None:
        """Remove the folder of a session that has no documents."""
        folder = self._folder_of(session)
        with self.lock, self._index(session) as index:
            if index is None or not index.entries:
                if index is not None:
                    self.opened.pop(folder).close()
                self.used.pop(folder, None)
                shutil.rmtree(folder, ignore_errors=True)

    def _forget(self, folder: Path) -> None:
        """Remove the documents of a session that are not kept, unless somebody uses it, here or in another server."""
        if self.busy[folder]:
            return
        index = self._open(folder)
        names = [entry.name for entry in index.entries.values() if not entry.kept]
        is_all = len(names) == len(index.entries)
        if names and not is_all and not index.is_read_only:
            index.put([], names)
            index.compact()
        self.opened.pop(folder).close()
        if is_all and not index.is_read_only:
            self.used.pop(folder, None)
            shutil.rmtree(folder, ignore_errors=True)

    def _sweep(self) -> None:
        """Once in a while, forget sessions that were not used for long."""
        with self.lock:
            self.readers.rest()
            if time.monotonic() - self.swept < min(600.0, self.limits.idle_seconds):
                return
            self.swept = time.monotonic()
            for folder in self._folders():
                if time.time() - folder.stat().st_mtime > self.limits.idle_seconds:
                    self._forget(folder)

    def _folders(self) -> list[Path]:
        return [path for path in self.folder.glob("*") if path.is_dir()]

    def _folder_of(self, session: str) -> Path:
        return self.folder / hashlib.sha256(session.encode()).hexdigest()[:32]


def plain_name(name: str) -> str:
    """The name of an uploaded file without folders and control characters, as it is shown and cited."""
    base = PureWindowsPath(PurePosixPath(name).name).name
    base = " ".join(INVISIBLE.sub("", base.encode("utf-8", "replace").decode()).split())
    stem, suffix = Path(base).stem[: MAX_NAME - 20], Path(base).suffix[:20]
    return stem + suffix if stem else "document" + suffix
