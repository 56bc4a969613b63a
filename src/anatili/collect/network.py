"""How connections are made: only to public addresses, and only while there is time and room left for an answer."""

import ipaddress
import math
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpcore


class FetchError(Exception):
    """An address could not be fetched; the text says why."""


class ForbiddenError(FetchError):
    """The address lies in a private network, or is no web address."""


class SpentError(FetchError):
    """What may be spent on a page, or on its host, is spent."""


@dataclass
class Budget:
    """What may be spent: seconds of waiting for the network (pauses out of politeness cost nothing), and bytes."""

    what: str
    """On what: `page` or `host`."""
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
    """A connection of which each wait and each byte counts: one that drips, be it in its headers, ends as well."""

    def __init__(self, inner: httpcore.NetworkStream, budgets: Sequence[Budget]) -> None:
        self.inner, self.budgets = inner, budgets

    def spend(self, work: Any, timeout: float | None) -> Any:
        """What `work`, given its timeout, returns; its time is taken off."""
        for budget in self.budgets:
            budget.check()
        left = min((budget.left for budget in self.budgets), default=math.inf)
        wait = min(math.inf if timeout is None else timeout, left)
        began = time.monotonic()
        try:
            return work(None if wait == math.inf else wait)
        except httpcore.TimeoutException:
            if wait == left:  # it was not the server's own timeout
                took(self.budgets, began - 1e-3)
                for budget in self.budgets:
                    budget.check()
            raise
        finally:
            took(self.budgets, began)

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
        made = self.spend(lambda wait: self.inner.start_tls(ssl_context, server_hostname, wait), timeout)
        return Stream(made, self.budgets)

    def close(self) -> None:
        self.inner.close()

    def get_extra_info(self, info: str) -> Any:
        return self.inner.get_extra_info(info)


def took(budgets: Sequence[Budget], began: float) -> None:
    """Take the time since `began` off all budgets."""
    passed = max(0.0, time.monotonic() - began)
    for budget in budgets:
        budget.left -= passed


class PublicNetwork(httpcore.NetworkBackend):
    """Connects only to public addresses: the name is looked up once, checked, and that very address connected to."""

    def __init__(self, private_hosts: frozenset[str], budgets: Sequence[Budget] = ()) -> None:
        self.private_hosts, self.budgets = private_hosts, budgets
        self.plain = httpcore.SyncBackend()

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
                    socket_options: Any = None) -> httpcore.NetworkStream:  # fmt: skip
        try:
            found = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"no address of {host}: {error}") from error
        if f"{host}:{port}" not in self.private_hosts:
            private = [address for address in found if not ipaddress.ip_address(address).is_global]
            if private:
                raise ForbiddenError(f"{host} is in a private network ({private[0]}); such addresses are never fetched "
                                "unless private_hosts names them")  # fmt: skip
        problem: Exception | None = None
        for address in sorted(map(str, found), key=lambda a: (":" in a, a)):  # IPv4 first: it works in more places
            for budget in self.budgets:
                budget.check()
            began = time.monotonic()
            try:
                made = self.plain.connect_tcp(address, port, timeout, local_address, socket_options)
                return Stream(made, self.budgets)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
            finally:
                took(self.budgets, began)
        raise problem or httpcore.ConnectError(f"no address of {host}")

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        raise ForbiddenError("no local sockets")

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
