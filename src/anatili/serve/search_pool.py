"""Processes that search, so that searches use several processors while the model's queue stays one.

Each process has the index open and is reached through a socket pair: a request is a line of JSON, a response has its
length in front. The server's process only passes them on.
"""

import asyncio
import json
import logging
import multiprocessing
import os
import signal
import socket
import struct
from collections import deque
from functools import partial
from pathlib import Path
from typing import Any

from anatili.problem import Problem
from anatili.search.searcher import Search

log = logging.getLogger("anatili.serve")
HEAD = struct.Struct("=BI")
"""Whether the response is a body (0) or the text of a `Problem` (1), and its length."""
RESTART_SECONDS = 5.0
"""Pause before a process that died is started again."""


class Channel(asyncio.Protocol):
    """The connection to one process. Its responses come in the order of the requests."""

    def __init__(self, pool: "SearchPool") -> None:
        self.pool = pool
        self.waiting: deque[asyncio.Future[bytes]] = deque()
        self.buffer = bytearray()
        self.transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while len(self.buffer) >= HEAD.size:
            failed, length = HEAD.unpack_from(self.buffer)
            end = HEAD.size + length
            if len(self.buffer) < end:
                return
            body = bytes(self.buffer[HEAD.size : end])
            del self.buffer[:end]
            future = self.waiting.popleft()
            if future.done():  # its client has left
                continue
            if failed:
                future.set_exception(Problem(body.decode()))
            else:
                future.set_result(body)

    def connection_lost(self, exc: Exception | None) -> None:
        for future in self.waiting:
            if not future.done():
                future.set_exception(ConnectionError("a search process ended"))
        self.pool.lose(self)

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        assert self.transport
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        self.transport.write(request)
        return future


class SearchPool:
    """`count` processes with the same index. One that dies is replaced; its searches are given to another."""

    def __init__(self, search: Search, count: int) -> None:
        self.folder, self.codes, self.count = search.folder, tuple(search.packs), count
        self.dense = search.dense is not None
        self.channels: list[Channel] = []
        self.processes: list[Any] = []
        self.sockets = [self.start_process() for _ in range(count)]
        """Of processes whose channel is not open yet: channels need the event loop."""
        self.opening = asyncio.Lock()
        self.closed = False

    def start_process(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        process = multiprocessing.get_context("spawn").Process(
            target=work,
            args=(theirs, self.folder, self.codes),
            kwargs={"dense": self.dense},
            daemon=True,
            name="search",
        )
        process.start()
        self.processes = [*(each for each in self.processes if each.is_alive()), process]
        theirs.close()
        return ours

    async def open(self) -> None:
        """Connect the processes that are not connected yet."""
        loop = asyncio.get_running_loop()
        async with self.opening:
            while self.sockets:
                ours = self.sockets.pop()
                ours.setblocking(False)
                _, channel = await loop.create_connection(partial(Channel, self), sock=ours)
                self.channels.append(channel)

    async def ask(self, *arguments: Any) -> bytes:
        """The body of the response to a search, from the process with the fewest requests; see `search_body`."""
        if self.sockets or not self.channels:
            await self.open()
        request = json.dumps(arguments).encode() + b"\n"
        for _ in range(2):
            if not self.channels:
                break
            channel = min(self.channels, key=lambda channel: len(channel.waiting))
            try:
                return await channel.ask(request)
            except ConnectionError:
                continue
        raise ConnectionError("no search process is running")

    def lose(self, channel: Channel) -> None:
        """Replace a process that ended."""
        if channel in self.channels:
            self.channels.remove(channel)
        if not self.closed:
            log.warning("a search process ended and is started again")
            asyncio.get_running_loop().call_later(RESTART_SECONDS, self.restart)

    def restart(self) -> None:
        if not self.closed:
            self.sockets.append(self.start_process())

    def close(self) -> None:
        """End the processes. The event loop may have ended before."""
        self.closed = True
        for process in self.processes:
            process.terminate()
            process.join()


def work(connection: socket.socket, folder: Path, codes: tuple[str, ...], *, dense: bool) -> None:
    """Answer the searches that come through a socket, until its other end is closed."""
    from anatili.lang import load_pack
    from anatili.opening.search import embeddings_of
    from anatili.serve.passages import search_body

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the server ends this one
    embeddings = embeddings_of(folder, os.environ.get("ANATILI_EMBEDDINGS", ""), lambda line: None) if dense else None
    index = Search(folder, {code: load_pack(code) for code in codes}, dense=embeddings)
    with connection, connection.makefile("rb") as requests:
        for line in requests:
            try:
                failed, body = 0, search_body(index, *json.loads(line))
            except Problem as problem:
                failed, body = 1, str(problem).encode()
            connection.sendall(HEAD.pack(failed, len(body)) + body)
