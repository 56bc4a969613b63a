"""Lists of hosts and address prefixes whose pages are left out, such as UT1's and those for `/etc/hosts`.

A line is a host (its subdomains belong to it), an address or its beginning up to a `/`, or an IP address followed by
hosts; `#` begins a comment. A list of millions of lines is read line by line into one sorted file of 64-bit digests,
which every process maps: eight bytes of disk a line, and no memory of its own.
"""

import gzip
import ipaddress
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from anatili.atomic_files import whole_file
from anatili.problem import Problem
from anatili.takedown_log import plain_address
from anatili.text import number_of, show_path
from anatili.warc import Broken, Page, Sifted

FILE = ".blocked.npy"
BLOCKED = "blocked address"
"""The reason for which such a page is lost."""
NOT_PLAIN = frozenset("*$^|<>{}\\")
"""Signs of lines in other formats: patterns of ad blockers, HTML."""
MOST_ODD = 0.1
"""A file with a larger share of lines in another format is refused."""

MOST_PARTS = 50
"""Parts of a host and of a path that are compared; the whole address always is. Hostile addresses have thousands."""


def build(lists: Sequence[str], base: Path, folder: Path) -> None:
    """Write the digests of all entries of the lists into `folder`; nothing if there are no lists."""
    if not lists:
        return
    numbers = [np.fromiter(map(number_of, entries(base / name)), np.int64) for name in lists]
    with whole_file(folder / FILE) as temporary, temporary.open("wb") as file:
        np.save(file, np.unique(np.concatenate(numbers)))


def entries(path: Path) -> Iterator[str]:
    """The entries of a list as they are compared; `Problem` if the file has another format."""
    lines = odd = 0
    try:
        with path.open("rb") as file:
            is_gzip = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            stream: Iterable[bytes] = gzip.GzipFile(fileobj=file) if is_gzip else file
            for raw in stream:
                words = raw.decode("utf-8", "replace").split("#")[0].split()
                if not words:
                    continue
                lines += 1
                if NOT_PLAIN & set(words[0]):
                    odd += 1
                    continue
                named = words[1:] if len(words) > 1 and is_ip(words[0]) else words[:1]
                yield from (plain for word in named if "." in (plain := as_compared(word)))
    except (OSError, EOFError, zlib.error) as error:
        raise Problem(f"[collect] block_lists: cannot read {show_path(path)}: {error}") from error
    if odd > MOST_ODD * lines or not lines:
        raise Problem(
            f"[collect] block_lists: {show_path(path)} is not a list of hosts and addresses, one on each line"
        )


def is_ip(word: str) -> bool:
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True


def as_compared(address: str) -> str:
    """An address or host without scheme, `www.` and final slash, its host in lowercase and in ASCII."""
    plain = plain_address(address if "://" in address else f"http://{address}")
    host, slash, rest = plain.partition("/")
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return plain
    return host + slash + rest


class BlockList:
    """Tells which addresses are on the lists."""

    def __init__(self, path: Path) -> None:
        self.numbers = np.load(path, mmap_mode="r")

    def entry(self, url: str) -> str:
        """The entry by which an address is blocked; "" if it is not."""
        names = list(names_of(as_compared(url)))
        if not names or not len(self.numbers):
            return ""
        own = np.array([number_of(name) for name in names], np.int64)
        places = np.minimum(np.searchsorted(self.numbers, own), len(self.numbers) - 1)
        return next((name for name, is_on in zip(names, self.numbers[places] == own, strict=True) if is_on), "")


def names_of(plain: str) -> Iterator[str]:
    """What an entry may be called that blocks an address: its host, the domains above it, and its beginnings."""
    host, _, rest = plain.partition("/")
    host = host.partition("?")[0]
    parts = host.split(":")[0].split(".")[-MOST_PARTS:]
    yield host
    yield from (".".join(parts[start:]) for start in range(len(parts) - 1))
    if rest:
        folders = rest.partition("?")[0].split("/", MOST_PARTS)[:MOST_PARTS]
        yield from (f"{host}/{'/'.join(folders[:count])}" for count in range(1, len(folders) + 1))
        yield plain


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> BlockList:
    return BlockList(path)


def read_block_list(folder: Path) -> BlockList | None:
    """The block list of the stage in `folder`; None if it has none."""
    path = folder / FILE
    return _read(path, path.stat().st_mtime_ns) if path.exists() else None


def unblocked(pages: Iterable[Page | Broken | Sifted], blocks: BlockList | None) -> Iterator[Page | Broken | Sifted]:
    """The pages, with a `Broken` for each whose address is blocked."""
    for page in pages:
        if blocks and isinstance(page, Page) and (entry := blocks.entry(page.url)):
            yield Broken(page.url, BLOCKED, entry)
        else:
            yield page
