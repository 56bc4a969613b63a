"""Fetching over HTTP and from object stores: retried, paced, bounded, and never from a private network by accident.

Every answer is checked: a server that ignores a range, sends another one, breaks off, or trickles costs a retry and in
the end a `FetchError` that says what was wrong; it never becomes data.
"""

import email.utils
import io
import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpcore
import httpx

from anatili import __version__
from anatili.collect.network import Budget, FetchError, ForbiddenError, PublicNetwork
from anatili.problem import install
from anatili.text import join_url

AGENT = f"anatili/{__version__} (+https://github.com/anatili/anatili)"
TOKEN = "anatili"
"""What robots.txt may call us."""
AGAIN = (408, 425, 429, 500, 502, 503, 504)
MOVED = (301, 302, 303, 307, 308)
REDIRECTS = 5
LEAST_RATE = 500
"""Bytes a second that a body must bring over `PATIENCE` seconds."""
PATIENCE = 30.0
MAX_WAIT = 120.0
"""Longest wait that a server may ask for with Retry-After."""


@dataclass(frozen=True)
class Answer:
    url: str
    """The address after redirects."""
    status: int
    headers: dict[str, str]
    """Lower-case names."""
    body: bytes


@dataclass
class Fetcher:
    """One connection pool. `pause` is the least time in seconds between two requests to a host.

    `page_seconds` is for all of one `get`: redirects, tries, and waiting for each byte; `host` for all that is fetched.
    Where they are bounded, one thread at a time may use it.
    """

    private_hosts: frozenset[str] = frozenset()
    pause: float = 0.0
    tries: int = 6
    max_bytes: int = 50_000_000
    sleep: Callable[[float], None] = time.sleep
    page_seconds: float = math.inf
    host: Budget = field(default_factory=lambda: Budget("host"))
    _last: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.budgets = [self.host]
        transport = httpx.HTTPTransport(retries=0)
        transport._pool = httpcore.ConnectionPool(  # httpx has no public way to choose how to connect
            ssl_context=httpx.create_ssl_context(),
            max_connections=8,
            network_backend=PublicNetwork(self.private_hosts, self.budgets),
        )
        self.client = httpx.Client(transport=transport, headers={"User-Agent": AGENT}, timeout=httpx.Timeout(30.0),
                                   follow_redirects=False, trust_env=False)  # fmt: skip

    def close(self) -> None:
        self.client.close()

    def get(self, url: str, *, headers: dict[str, str] | None = None, pause: float = 0.0,
            follows: Callable[[str], bool] = lambda url: True) -> Answer:  # fmt: skip
        """The answer at `url` after redirects, whatever its status; at most `max_bytes` of body.

        `follows` is asked of each address that the answer leads to before it is fetched: `LeadsAwayError` where not.
        """
        seen = [url]
        if self.page_seconds < math.inf:
            self.budgets[:] = [self.host, Budget("page", self.page_seconds)]
        while True:
            answer = self._retry(url, headers or {}, pause)
            if answer.status not in MOVED or "location" not in answer.headers:
                return answer
            url = join_url(url, answer.headers["location"])
            if url in seen:
                raise FetchError(f"{seen[0]}: redirects in a circle")
            if len(seen) > REDIRECTS:
                raise FetchError(f"{seen[0]}: more than {REDIRECTS} redirects")
            if not follows(url):
                raise LeadsAwayError(url)
            seen.append(url)

    def get_range(self, url: str, start: int, length: int) -> bytes:
        """Bytes `start` to `start + length` of `url`, exactly; what broke off is gone on with, not begun again."""
        got, hops = b"", 0
        for turn in range(self.tries + REDIRECTS):
            first, last = start + len(got), start + length - 1
            try:
                got += self._part(url, first, last)
            except BrokenOffError as error:
                got += error.body
                problem: Exception = error
            except RedirectedError as error:
                url, hops = join_url(url, str(error)), hops + 1
                if hops > REDIRECTS:
                    raise FetchError(f"{url}: more than {REDIRECTS} redirects") from error
                continue
            except RetryError as error:
                problem = error
            if len(got) >= length:
                return got[:length]
            if turn - hops + 1 >= self.tries:
                break
            self._wait(turn - hops, problem)
        raise FetchError(f"{url}: {problem} (tried {self.tries} times)")

    def size(self, url: str) -> int:
        """Length of what is at `url`, from a request for its first byte."""
        answer = self.get(url, headers={"Range": "bytes=0-0", "Accept-Encoding": "identity"})
        said = answer.headers.get("content-range", "")
        if answer.status == 206 and said.rpartition("/")[2].isdigit():
            return int(said.rpartition("/")[2])
        raise FetchError(
            f"{url}: HTTP {answer.status}" if answer.status != 200 else f"{url}: no ranges are served there"
        )

    def _retry(self, url: str, headers: dict[str, str], pause: float) -> Answer:
        problem: Exception | None = None
        for turn in range(self.tries):
            try:
                with self._open(url, headers, pause) as response:
                    return Answer(url, response.status_code, dict(response.headers), self._body(response))
            except TrickleError as error:  # another try would only be as slow
                raise FetchError(f"{url}: {error}") from error
            except (RetryError, BrokenOffError) as error:
                problem = error
            self._wait(turn, problem)
        raise FetchError(f"{url}: {problem} (tried {self.tries} times)")

    def _part(self, url: str, first: int, last: int) -> bytes:
        wanted = {"Range": f"bytes={first}-{last}", "Accept-Encoding": "identity"}
        with self._open(url, wanted, 0.0) as response:
            if response.status_code in MOVED and "location" in response.headers:
                raise RedirectedError(response.headers["location"])
            if response.status_code != 206:
                what = "ignores ranges" if response.status_code == 200 else f"HTTP {response.status_code}"
                raise FetchError(f"{url}: {what}")
            said = response.headers.get("content-range", "")
            if not said.startswith(f"bytes {first}-"):
                raise RetryError(f"another range came than was asked for ({said})")
            return self._body(response, last - first + 1)

    @contextmanager
    def _open(self, url: str, headers: dict[str, str], pause: float) -> Iterator[httpx.Response]:
        parts = split(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ForbiddenError(f"{url}: not a web address")
        self._pace(parts.netloc, max(pause, self.pause))
        try:
            with self.client.stream("GET", url, headers=headers) as response:
                if response.status_code in AGAIN:
                    raise RetryError(
                        f"HTTP {response.status_code}", asked_wait(response.headers.get("retry-after", ""))
                    )
                yield response
        except httpx.HTTPError as error:
            raise RetryError(f"{type(error).__name__}: {error}") from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ForbiddenError(f"{url}: {error}") from error

    def _body(self, response: httpx.Response, most: int = 0) -> bytes:
        """The whole body, at most `most` bytes (0: `max_bytes`); `BrokenOffError` with what came if it breaks off or
        trickles."""
        most = most or self.max_bytes
        parts: list[bytes] = []
        total, began = 0, time.monotonic()
        try:
            for part in response.iter_bytes():
                parts.append(part)
                total += len(part)
                if total > most:
                    raise FetchError(f"{response.url}: more than {most} bytes")
                passed = time.monotonic() - began
                if passed > PATIENCE and total < LEAST_RATE * passed:
                    raise TrickleError(f"only {total} bytes in {passed:.0f} seconds", b"".join(parts))
        except httpx.DecodingError as error:
            raise FetchError(f"{response.url}: {error}") from error
        except (httpx.HTTPError, httpx.InvalidURL, httpcore.ProtocolError) as error:
            raise BrokenOffError(f"broke off after {total} bytes ({type(error).__name__})", b"".join(parts)) from error
        return b"".join(parts)

    def _pace(self, host: str, pause: float) -> None:
        with self._lock:
            wait = self._last.get(host, 0.0) + pause - time.monotonic()
            self._last[host] = time.monotonic() + max(0.0, wait)
        if wait > 0:
            self.sleep(wait)

    def _wait(self, turn: int, problem: Exception | None) -> None:
        if turn + 1 < self.tries:
            asked = problem.wait if isinstance(problem, RetryError) else None
            self.sleep(asked if asked is not None else min(MAX_WAIT, 0.5 * 2**turn) * (0.5 + random.random() / 2))


class RetryError(Exception):
    """Worth another try, after `wait` seconds if the server said so."""

    def __init__(self, text: str, wait: float | None = None) -> None:
        super().__init__(text)
        self.wait = wait


class RedirectedError(Exception):
    """The text is where to."""


class BrokenOffError(Exception):
    """A body that broke off; `body` is what came."""

    def __init__(self, text: str, body: bytes) -> None:
        super().__init__(text)
        self.body = body


class TrickleError(BrokenOffError):
    """A body that came too slowly."""


class LeadsAwayError(FetchError):
    """A redirect that may not be followed; the text is where to."""


def split(url: str) -> SplitResult:
    """The parts of an address; `ForbiddenError` if it is none."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (raises for what is no number)
    except ValueError as error:
        raise ForbiddenError(f"{url}: {error}") from error
    return parts


def asked_wait(said: str) -> float | None:
    """Seconds that a Retry-After header asks for (number or date), at most `MAX_WAIT`; `None` if it says nothing."""
    if said.strip().isdigit():
        return min(MAX_WAIT, float(said))
    try:
        when = email.utils.parsedate_to_datetime(said)
    except (TypeError, ValueError):
        return None
    return min(MAX_WAIT, max(0.0, when.timestamp() - time.time()))


class Store:
    """Reads byte ranges and whole files by address: a local path, http(s)://, or whatever fsspec knows (s3://, gs://)."""

    def __init__(self, fetcher: Fetcher) -> None:
        self.fetcher = fetcher

    def read(self, address: str, start: int, length: int) -> bytes:
        """Exactly `length` bytes from `start`; `FetchError` if they are not to be had."""
        if is_web(address):
            return self.fetcher.get_range(address, start, length)
        if "://" in address:
            system, path = object_store(address)
            try:
                data = bytes(system.cat_file(path, start=start, end=start + length))
            except OSError as error:
                raise FetchError(f"{address}: {error}") from error
        else:
            with Path(address).open("rb") as file:
                file.seek(start)
                data = file.read(length)
        if len(data) != length:
            raise FetchError(f"{address}: {len(data)} of {length} bytes at {start}")
        return data

    def read_all(self, address: str) -> bytes:
        """The whole of a small file."""
        if is_web(address):
            answer = self.fetcher.get(address)
            if answer.status != 200:
                raise FetchError(f"{address}: HTTP {answer.status}")
            return answer.body
        return self.read(address, 0, self.size(address))

    def find(self, pattern: str, endings: tuple[str, ...]) -> list[str]:
        """Addresses in an object store that fit a pattern and end so, in order; web servers have no such lists."""
        if is_web(pattern):
            raise FetchError(f"{pattern}: a web server does not list its files; name a list of paths")
        if "://" not in pattern:
            where = Path(pattern)
            return sorted(str(path) for path in where.parent.glob(where.name) if path.name.endswith(endings))
        system, path = object_store(pattern)
        scheme = pattern.partition("://")[0]
        return sorted(f"{scheme}://{found}" for found in system.glob(path) if found.endswith(endings))

    def size(self, address: str) -> int:
        try:
            if is_web(address):
                return self.fetcher.size(address)
            if "://" in address:
                system, path = object_store(address)
                return int(system.size(path))
            return Path(address).stat().st_size
        except OSError as error:
            raise FetchError(f"{address}: {error.strerror or error}") from error

    def download(self, address: str, target: Path, block: int = 16_000_000) -> None:
        """Copy a file of any size to `target`, block by block; a copy that was begun is gone on with."""
        size = self.size(address)
        part = target.with_name(target.name + ".part")
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as file:
            while (at := file.tell()) < size:
                file.write(self.read(address, at, min(block, size - at)))
        part.replace(target)


def is_web(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def object_store(address: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path in it. Endpoint and keys come from the environment
    (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID ...); without a key S3 is read anonymously."""
    import os

    try:
        import fsspec

        options = {"anon": not os.environ.get("AWS_ACCESS_KEY_ID")} if address.startswith("s3://") else {}
        system, path = fsspec.core.url_to_fs(address, **options)
    except ImportError as error:
        raise FetchError(f"{address}: {error}; {install('crawl')}") from error
    return system, path


class RangedFile(io.RawIOBase):
    """A file behind a `Store`, read by ranges: what Arrow needs to take some columns of a far Parquet file."""

    def __init__(self, store: Store, address: str) -> None:
        self.store, self.address, self.length, self.at = store, address, store.size(address), 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.length}[whence]
        return self.at

    def read(self, size: int = -1) -> bytes:
        length = max(0, min(self.length - self.at, size if size >= 0 else self.length))
        data = self.store.read(self.address, self.at, length) if length else b""
        self.at += length
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
