"""The takedowns of a run: which documents are left out of everything that is built from now on, and why.

The log is a file in the run's folder to which lines are only added. Each line holds the digest of the line before it,
so an entry that was changed or removed is noticed. It holds no text of a document: addresses, digests, MinHashes and
hashes of lines are enough to keep out the document itself and its near copies in later crawls.
"""

import base64
import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

from anatili.atomic_files import whole_file
from anatili.benchmarks import letters
from anatili.problem import Problem
from anatili.run import fingerprint
from anatili.text import digest, number_of, show_path
from anatili.urls import split_url

LOG = "takedowns.jsonl"
TAKEN_DOWN = "taken down"
"""The reason for which such a page or document is lost."""
Subject = Literal["corpus", "examples"]
"""What a stage leaves taken down documents out of."""
LEAST_LETTERS = 25
"""Letters of a line that is remembered; shorter ones are in many texts."""


@dataclass(frozen=True, slots=True)
class TakenDocument:
    """What is remembered of a document."""

    id: str
    url: str
    sha256: str
    """Digest of its text as extracted."""
    hashes: str
    """Its MinHashes as `dedup` makes them, in base64."""
    lines: tuple[int, ...]
    """Hashes of the letters of its longer lines."""


@dataclass(frozen=True)
class Takedown:
    """One entry of the log."""

    number: int
    """From 1."""
    time: str
    reason: str
    urls: tuple[str, ...]
    """Addresses that were named, whether the run has seen them or not."""
    hosts: tuple[str, ...]
    """Hosts that were named; their subdomains belong to them."""
    documents: tuple[TakenDocument, ...]
    """The documents that were named and that the run had."""
    copies: tuple[str, ...]
    """Ids of the near copies that the run had."""
    min_likeness: float
    """Likeness from which another document is a near copy; 0: copies stay."""
    previous: str = ""
    """Digest of the line before."""
    changes_examples: bool = True
    """Whether it took examples out of the tuning of the recipe as it was then."""

    @property
    def changes_corpus(self) -> bool:
        """Whether the run had what was named; else it is only kept out of later crawls."""
        return bool(self.documents or self.copies)


@dataclass(frozen=True)
class Takedowns:
    """All takedowns of a run, as rules for what is left out."""

    entries: tuple[Takedown, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.entries)

    @cached_property
    def ids(self) -> dict[str, str]:
        """Id of a document -> reason."""
        return self._first(
            (id_, entry)
            for entry in self.entries
            for id_ in (*(document.id for document in entry.documents), *entry.copies)
        )

    @cached_property
    def addresses(self) -> dict[str, str]:
        named = ((plain_address(url), entry) for entry in self.entries for url in entry.urls)
        return self._first(named)

    @cached_property
    def hosts(self) -> dict[str, str]:
        return self._first((host, entry) for entry in self.entries for host in entry.hosts)

    @cached_property
    def digests(self) -> dict[str, str]:
        """Digest of a text -> reason; only where near copies are left out too."""
        return self._first((document.sha256, entry) for entry, document in self.blocking())

    @cached_property
    def lines(self) -> frozenset[int]:
        return frozenset(line for _, document in self.blocking() for line in document.lines)

    def blocking(self) -> Iterator[tuple[Takedown, TakenDocument]]:
        """The documents whose copies are left out too, with their entries."""
        return ((entry, document) for entry in self.entries if entry.min_likeness for document in entry.documents)

    @staticmethod
    def _first(named: Iterable[tuple[str, Takedown]]) -> dict[str, str]:
        reasons: dict[str, str] = {}
        for name, entry in named:
            reasons.setdefault(name, entry.reason)
        return reasons

    def reason(self, *, identity: str = "", url: str = "", text: str = "") -> str:
        """Why a document with this id, address or text was taken down; "" if it was not."""
        if not self.entries:
            return ""
        # A page in two languages is two documents, `X` and `X-kk`: what names `X` means the page.
        for name in (identity, identity.partition("-")[0]):
            if name in self.ids:
                return self.ids[name]
        if url and (found := self.addresses.get(plain_address(url)) or self.of_host(url)):
            return found
        return self.digests.get(digest(text), "") if text and self.digests else ""

    def of_host(self, url: str) -> str:
        """Why the host of an address was taken down; "" if it was not."""
        if not self.hosts:
            return ""
        parts = plain_host(url).split(".")
        names = (".".join(parts[start:]) for start in range(len(parts)))
        return next((self.hosts[name] for name in names if name in self.hosts), "")

    def holds_line(self, text: str) -> bool:
        """Whether a text is a line of a document that was taken down."""
        return number_of(letters(text)) in self.lines

    def rules_digest(self, subject: Subject) -> str:
        """Digest of what is left out of the corpus or the examples, by which stages notice a takedown; "" if nothing
        is."""
        of_corpus = subject == "corpus"
        entries = [row for row in self.entries if (row.changes_corpus if of_corpus else row.changes_examples)]
        if not entries:
            return ""
        return fingerprint(
            [
                [
                    row.reason,
                    row.urls,
                    row.hosts,
                    [asdict(each) for each in row.documents],
                    row.copies,
                    row.min_likeness,
                ]
                for row in entries
            ]
        )


NO_TAKEDOWNS = Takedowns()


def read_takedowns(root: Path) -> Takedowns:
    """The takedowns of the run in `root`. They are read again when the file has changed."""
    try:
        facts = (root / LOG).stat()
    except OSError:
        return NO_TAKEDOWNS
    return _read(root / LOG, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=16)
def _read(path: Path, changed: int, size: int) -> Takedowns:
    entries, previous = [], ""
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            entry = _entry(json.loads(line))
        except (ValueError, TypeError, KeyError) as error:
            raise Problem(f"{show_path(path)}:{number} is damaged ({error}); restore the file from a copy") from error
        if entry.number != number or entry.previous != previous:
            raise Problem(
                f"{show_path(path)}:{number}: an entry was changed or removed; restore the file from a copy, because "
                "what it lists must stay out"
            )
        entries.append(entry)
        previous = hashlib.sha256(line).hexdigest()
    return Takedowns(tuple(entries))


def _entry(row: dict[str, Any]) -> Takedown:
    documents = tuple(TakenDocument(**{**each, "lines": tuple(each["lines"])}) for each in row.pop("documents"))
    row |= {key: tuple(row[key]) for key in ("urls", "hosts", "copies")}
    return Takedown(documents=documents, **row)


def add_takedown(root: Path, entry: Takedown) -> Takedown:
    """Add an entry to the log of the run in `root`: on the disk when it returns. Its number and time are set here."""
    path = root / LOG
    before = path.read_bytes() if path.exists() else b""
    lines = before.splitlines()
    read_takedowns(root)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    previous = hashlib.sha256(lines[-1]).hexdigest() if lines else ""
    entry = replace(entry, number=len(lines) + 1, time=now, previous=previous)
    line = json.dumps(asdict(entry), ensure_ascii=False, sort_keys=True)
    with whole_file(path) as temporary:
        temporary.write_bytes(before + line.encode("utf-8", "replace") + b"\n")
    return entry


def remembered(identity: str, url: str, text: str, hashes: bytes) -> TakenDocument:
    """What is remembered of a document."""
    lines = (letters(line) for line in text.splitlines())
    kept = tuple(dict.fromkeys(number_of(line) for line in lines if len(line) >= LEAST_LETTERS))
    return TakenDocument(identity, url, digest(text), base64.b64encode(hashes).decode(), kept)


def plain_address(url: str) -> str:
    """An address as addresses are compared: without scheme, `www.`, fragment and final slash."""
    parts = split_url(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{plain_host(url)}{parts.path.rstrip('/')}{query}" if parts.netloc else url


def plain_host(url: str) -> str:
    """The host of an address, or a host as it is written, in lowercase and without `www.`; a port stays."""
    host = split_url(url).netloc or url.partition("/")[0]
    return host.rpartition("@")[2].lower().removeprefix("www.").rstrip(".")
