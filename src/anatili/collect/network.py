"""Network connections that go only to public addresses and stay within a budget of time and bytes."""

import ipaddress
import math
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpcore

from anatili.urls import without_keys


class FetchError(Exception):
    """An address could not be fetched; the text says why."""

    def __str__(self) -> str:
        return without_keys(super().__str__())


class ForbiddenError(FetchError):
    """The address is in a private network, or is not a web address."""


class SpentError(FetchError):
    """The budget of a page or of its host is used up."""


@dataclass
class Budget:
    """A limit on bytes and on seconds of waiting for the network; pauses between requests do not count."""

    what: str
    """What it is for: `page` or `host`."""
    seconds: float = math.inf
    size: float = math.inf

    def __post_init__(self) -> None:
        self.left, self.room = self.seconds, self.size

    def check(self) -> None:
        if self.left <= 0:
            raise SpentError(f"more than {self.seconds:g} seconds for one {self.what}")
        if self.room <= 0:
            raise SpentError(f"more than {self.size:g} bytes for one {self.what}")

    @property
    def is_spent(self) -> bool:
        return self.left <= 0 or self.room <= 0


class Stream(httpcore.NetworkStream):
    """A connection whose waits and bytes are charged to budgets: one that drips, even in its headers, also ends."""

    def __init__(self, inner: httpcore.NetworkStream, budgets: Sequence[Budget]) -> None:
        self.inner, self.budgets = inner, budgets

    def spend(self, work: Any, timeout: float | None) -> Any:
        """The result of `work`, called with its timeout; its time is charged to the budgets."""
        for budget in self.budgets:
            budget.check()
        left = min((budget.left for budget in self.budgets), default=math.inf)
        wait = min(math.inf if timeout is None else timeout, left)
        began = time.monotonic()
        try:
            return work(None if wait == math.inf else wait)
        except httpcore.TimeoutException:
            if wait == left:  # it was not the server's own timeout
                charge(self.budgets, began - 1e-3)
                for budget in self.budgets:
                    budget.check()
            raise
        finally:
            charge(self.budgets, began)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data: bytes = self.spend(lambda wait: self.inner.read(max_bytes, wait), timeout)
        for budget in self.budgets:
            budget.room -= len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.spend(lambda wait: self.inner.write(buffer, wait), timeout)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self.spend(lambda wait: self.inner.start_tls(ssl_context, server_hostname, wait), timeout)
        return Stream(stream, self.budgets)

    def close(self) -> None:
        self.inner.close()

    def get_extra_info(self, info: str) -> Any:
        return self.inner.get_extra_info(info)


def charge(budgets: Sequence[Budget], began: float) -> None:
    """Charge the time since `began` to all budgets."""
    elapsed = max(0.0, time.monotonic() - began)
    for budget in budgets:
        budget.left -= elapsed


class PublicNetwork(httpcore.NetworkBackend):
    """Connects only to public addresses: looks the name up once, checks the address, and connects to that address."""

    def __init__(self, private_hosts: frozenset[str], budgets: Sequence[Budget] = ()) -> None:
        self.private_hosts, self.budgets = private_hosts, budgets
        self.plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"no address of {host}: {error}") from error
        if f"{host}:{port}" not in self.private_hosts:
            private = [address for address in addresses if not ipaddress.ip_address(address).is_global]
            if private:
                raise ForbiddenError(
                    f"{host} is in a private network ({private[0]}); such addresses are fetched "
                    "only if private_hosts names them"
                )
        problem: Exception | None = None
        for address in sorted(map(str, addresses), key=lambda a: (":" in a, a)):  # IPv4 first: it works in more places
            for budget in self.budgets:
                budget.check()
            began = time.monotonic()
            try:
                stream = self.plain.connect_tcp(address, port, timeout, local_address, socket_options)
                return Stream(stream, self.budgets)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
            finally:
                charge(self.budgets, began)
        raise problem or httpcore.ConnectError(f"no address of {host}")

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        raise ForbiddenError("local sockets are not allowed")

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
