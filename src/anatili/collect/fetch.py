"""Fetch over HTTP and from object stores with retries, pauses and limits, and never from a private network by accident.

Every response is checked. A server that ignores a range, sends another one, breaks off or trickles costs a retry and
finally a `FetchError` that says what was wrong; its response never becomes data.
"""

import email.utils
import io
import math
import random
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
from anatili.collect.pace import Pace
from anatili.object_store import object_store
from anatili.urls import join_url

HOME = "https://github.com/anatili/anatili"
TOKEN = "anatili"
"""Our name in robots.txt."""
RETRIED = (408, 425, 429, 500, 502, 503, 504)
REDIRECTED = (301, 302, 303, 307, 308)
MAX_REDIRECTS = 5
LEAST_RATE = 500
"""Fewest bytes per second of a body, over `PATIENCE` seconds."""
PATIENCE = 30.0
MAX_WAIT = 120.0
"""Longest wait that a server may ask for with Retry-After."""


@dataclass(frozen=True)
class Response:
    url: str
    """The address after redirects."""
    status: int
    headers: dict[str, str]
    """Lower-case names."""
    body: bytes


@dataclass
class Fetcher:
    """One connection pool. `pause` is the minimum time in seconds between two requests to a host, `rate` the most
    requests a second to it (0: no limit), `contact` an address by which its owner reaches who fetches.

    `page_seconds` limits one `get` with its redirects, retries and waits; `host` limits everything that is fetched.
    With these limits only one thread at a time may use it.
    """

    private_hosts: frozenset[str] = frozenset()
    pause: float = 0.0
    tries: int = 6
    max_bytes: int = 50_000_000
    sleep: Callable[[float], None] = time.sleep
    page_seconds: float = math.inf
    host: Budget = field(default_factory=lambda: Budget("host"))
    rate: float = 0.0
    contact: str = ""

    def __post_init__(self) -> None:
        self.pace = Pace(self.rate)
        self.budgets = [self.host]
        transport = httpx.HTTPTransport(retries=0)
        transport._pool = httpcore.ConnectionPool(  # httpx has no public way to choose how to connect
            ssl_context=httpx.create_ssl_context(),
            max_connections=8,
            network_backend=PublicNetwork(self.private_hosts, self.budgets),
        )
        headers = {"User-Agent": user_agent(self.contact)}
        self.client = httpx.Client(
            transport=transport, headers=headers, timeout=httpx.Timeout(30.0), follow_redirects=False, trust_env=False
        )

    def close(self) -> None:
        self.client.close()

    def get(
        self,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        pause: float = 0.0,
        follows: Callable[[str], bool] = lambda url: True,
    ) -> Response:
        """The response of `url` after redirects, whatever its status; at most `max_bytes` of body.

        `follows` decides about each redirect before it is fetched; if it returns False, `LeadsAwayError` is raised.
        """
        seen = [url]
        if self.page_seconds < math.inf:
            self.budgets[:] = [self.host, Budget("page", self.page_seconds)]
        while True:
            response = self._retry(url, headers or {}, pause)
            if response.status not in REDIRECTED or "location" not in response.headers:
                return response
            url = join_url(url, response.headers["location"])
            if url in seen:
                raise FetchError(f"{seen[0]}: redirects in a circle")
            if len(seen) > MAX_REDIRECTS:
                raise FetchError(f"{seen[0]}: more than {MAX_REDIRECTS} redirects")
            if not follows(url):
                raise LeadsAwayError(url)
            seen.append(url)

    def get_range(self, url: str, start: int, length: int) -> bytes:
        """Bytes `start` to `start + length` of `url`, exactly; a broken download is resumed, not started over."""
        data, hops = b"", 0
        for attempt in range(self.tries + MAX_REDIRECTS):
            first, last = start + len(data), start + length - 1
            try:
                data += self._part(url, first, last)
            except BrokenOffError as error:
                data += error.body
                problem: Exception = error
            except RedirectedError as error:
                url, hops = join_url(url, str(error)), hops + 1
                if hops > MAX_REDIRECTS:
                    raise FetchError(f"{url}: more than {MAX_REDIRECTS} redirects") from error
                continue
            except RetryError as error:
                problem = error
            if len(data) >= length:
                return data[:length]
            if attempt - hops + 1 >= self.tries:
                break
            self._wait(attempt - hops, problem)
        raise FetchError(f"{url}: {problem} (tried {self.tries} times)")

    def size(self, url: str) -> int:
        """Bytes of the file at `url`, from a request for its first byte."""
        response = self.get(url, headers={"Range": "bytes=0-0", "Accept-Encoding": "identity"})
        content_range = response.headers.get("content-range", "")
        if response.status == 206 and content_range.rpartition("/")[2].isdigit():
            return int(content_range.rpartition("/")[2])
        raise FetchError(
            f"{url}: HTTP {response.status}" if response.status != 200 else f"{url}: the server does not serve ranges"
        )

    def _retry(self, url: str, headers: dict[str, str], pause: float) -> Response:
        problem: Exception | None = None
        for attempt in range(self.tries):
            try:
                with self._open(url, headers, pause) as stream:
                    return Response(url, stream.status_code, dict(stream.headers), self._body(stream))
            except TrickleError as error:  # another attempt would be just as slow
                raise FetchError(f"{url}: {error}") from error
            except (RetryError, BrokenOffError) as error:
                problem = error
            self._wait(attempt, problem)
        raise FetchError(f"{url}: {problem} (tried {self.tries} times)")

    def _part(self, url: str, first: int, last: int) -> bytes:
        headers = {"Range": f"bytes={first}-{last}", "Accept-Encoding": "identity"}
        with self._open(url, headers, 0.0) as response:
            if response.status_code in REDIRECTED and "location" in response.headers:
                raise RedirectedError(response.headers["location"])
            if response.status_code != 206:
                what = "ignores ranges" if response.status_code == 200 else f"HTTP {response.status_code}"
                raise FetchError(f"{url}: {what}")
            content_range = response.headers.get("content-range", "")
            if not content_range.startswith(f"bytes {first}-"):
                raise RetryError(f"the server sent another range than requested ({content_range})")
            return self._body(response, last - first + 1)

    @contextmanager
    def _open(self, url: str, headers: dict[str, str], pause: float) -> Iterator[httpx.Response]:
        parts = split(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ForbiddenError(f"{url}: not a web address")
        own = parts.netloc in self.private_hosts  # the user's server needs no protection
        if (wait := self.pace.take(parts.netloc, max(pause, self.pause), has_rate=not own)) > 0:
            self.sleep(wait)
        try:
            with self.client.stream("GET", url, headers=headers) as response:
                if response.status_code in RETRIED:
                    requested = requested_wait(response.headers.get("retry-after", ""))
                    self.pace.hold(parts.netloc, requested or 0.0)
                    raise RetryError(f"HTTP {response.status_code}", requested)
                yield response
        except httpx.HTTPError as error:
            raise RetryError(f"{type(error).__name__}: {error}") from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ForbiddenError(f"{url}: {error}") from error

    def _body(self, response: httpx.Response, most: int = 0) -> bytes:
        """The whole body, at most `most` bytes (0: `max_bytes`); `BrokenOffError` with the bytes received if it breaks
        off or trickles."""
        most = most or self.max_bytes
        parts: list[bytes] = []
        total, began = 0, time.monotonic()
        try:
            for part in response.iter_bytes():
                parts.append(part)
                total += len(part)
                if total > most:
                    raise FetchError(f"{response.url}: more than {most} bytes")
                elapsed = time.monotonic() - began
                if elapsed > PATIENCE and total < LEAST_RATE * elapsed:
                    raise TrickleError(f"only {total} bytes in {elapsed:.0f} seconds", b"".join(parts))
        except httpx.DecodingError as error:
            raise FetchError(f"{response.url}: {error}") from error
        except (httpx.HTTPError, httpx.InvalidURL, httpcore.ProtocolError) as error:
            raise BrokenOffError(f"broke off after {total} bytes ({type(error).__name__})", b"".join(parts)) from error
        return b"".join(parts)

    def _wait(self, attempt: int, problem: Exception | None) -> None:
        if attempt + 1 < self.tries:
            requested = problem.wait if isinstance(problem, RetryError) else None
            backoff = min(MAX_WAIT, 0.5 * 2**attempt) * (0.5 + random.random() / 2)
            self.sleep(backoff if requested is None else requested)


def user_agent(contact: str) -> str:
    """How requests name themselves: the program, its home page, and whom to write to."""
    return f"anatili/{__version__} (+{HOME}{'; ' + contact if contact else ''})"


class RetryError(Exception):
    """A failure worth another attempt, after `wait` seconds if the server said so."""

    def __init__(self, text: str, wait: float | None = None) -> None:
        super().__init__(text)
        self.wait = wait


class RedirectedError(Exception):
    """A redirect; the text is its target."""


class BrokenOffError(Exception):
    """A body that broke off; `body` is the part received."""

    def __init__(self, text: str, body: bytes) -> None:
        super().__init__(text)
        self.body = body


class TrickleError(BrokenOffError):
    """A body that arrived too slowly."""


class LeadsAwayError(FetchError):
    """A redirect that may not be followed; the text is its target."""


def split(url: str) -> SplitResult:
    """The parts of an address; `ForbiddenError` if it is not valid."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (raises if it is not a number)
    except ValueError as error:
        raise ForbiddenError(f"{url}: {error}") from error
    return parts


def requested_wait(retry_after: str) -> float | None:
    """Seconds that a Retry-After header asks for (number or date), at most `MAX_WAIT`; `None` if it is not valid."""
    if retry_after.strip().isdigit():
        return min(MAX_WAIT, float(retry_after))
    try:
        when = email.utils.parsedate_to_datetime(retry_after)
    except (TypeError, ValueError):
        return None
    return min(MAX_WAIT, max(0.0, when.timestamp() - time.time()))


class Store:
    """Reads byte ranges and whole files by address: a local path, http(s)://, or what fsspec supports (s3://, gs://)."""

    def __init__(self, fetcher: Fetcher) -> None:
        self.fetcher = fetcher

    def read(self, address: str, start: int, length: int) -> bytes:
        """Exactly `length` bytes from `start`; `FetchError` if they cannot be read."""
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
            response = self.fetcher.get(address)
            if response.status != 200:
                raise FetchError(f"{address}: HTTP {response.status}")
            return response.body
        return self.read(address, 0, self.size(address))

    def find(self, pattern: str, endings: tuple[str, ...]) -> list[str]:
        """Addresses in an object store that match a pattern and an ending, sorted. Web servers have no such lists."""
        if is_web(pattern):
            raise FetchError(f"{pattern}: a web server does not list its files; name a list of paths")
        if "://" not in pattern:
            files = Path(pattern)
            return sorted(str(path) for path in files.parent.glob(files.name) if path.name.endswith(endings))
        system, path = object_store(pattern)
        scheme = pattern.partition("://")[0]
        return sorted(f"{scheme}://{match}" for match in system.glob(path) if match.endswith(endings))

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
        """Copy a file of any size to `target`, block by block; an interrupted copy is resumed."""
        size = self.size(address)
        part = target.with_name(target.name + ".part")
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as file:
            while (position := file.tell()) < size:
                file.write(self.read(address, position, min(block, size - position)))
        part.replace(target)


def is_web(address: str) -> bool:
    return address.startswith(("http://", "https://"))


class RangedFile(io.RawIOBase):
    """A file in a `Store`, read by ranges, as Arrow needs it to read some columns of a remote Parquet file."""

    def __init__(self, store: Store, address: str) -> None:
        self.store, self.address, self.length, self.position = store, address, store.size(address), 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.length}[whence]
        return self.position

    def read(self, size: int = -1) -> bytes:
        length = max(0, min(self.length - self.position, size if size >= 0 else self.length))
        data = self.store.read(self.address, self.position, length) if length else b""
        self.position += length
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
