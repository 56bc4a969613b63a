"""The queue for the model: who may use it now, who waits, and how chunks get from the engine's thread to the client."""

import asyncio
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
from anyio import CapacityLimiter

from anatili.engine import Chunk, stop

Value = TypeVar("Value")
MAX_WAITING = 64
"""Requests that may wait for the model. One more is refused with 503."""
RESERVED_FOR_NEW_CLIENTS = 16
"""Requests beyond these that may wait, of clients who have none waiting: one client cannot shut out the others."""
MAX_BUFFERED_CHUNKS = 64
"""Chunks that an engine may be ahead of its client."""
MAX_SECONDS = 300.0
"""Time limit for one answer. It then ends as if it had reached its token limit."""
client: ContextVar[str] = ContextVar("client", default="")
"""Who sent the request that is being worked on: the holder of a key, or an address."""
reservation: ContextVar["Reservation | None"] = ContextVar("reservation", default=None)
"""The reservation of the request that is being worked on."""


class QueueFull(Exception):  # noqa: N818  (it is a reply, not an error)
    """Too many requests are already waiting."""


@dataclass
class Reservation:
    """A place in the queue for a stream, made before its status is sent: the stream is not refused any more."""

    client: str
    is_ended: bool = False
    """Whether the stream waits or runs by now, or has ended."""


class Slots:
    """Lets `count` answers run at the same time, each in its own thread, while up to `max_waiting` others wait.

    A free slot goes to the clients in turn, so that one who sends many requests does not delay the others' first.
    """

    def __init__(self, count: int, max_waiting: int = MAX_WAITING) -> None:
        self.count, self.max_waiting = count, max_waiting
        self.threads = CapacityLimiter(count)
        self.running = 0
        self.queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        """The waiting requests of each client, in the order of their turns."""
        self.reserved: Counter[str] = Counter()
        """Reservations of each client whose streams have not begun to wait."""

    @property
    def waiting(self) -> int:
        return sum(map(len, self.queues.values()))

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[None]:
        """Hold a slot, after waiting for one if needed; `QueueFull` if too many are waiting already. Who has a
        reservation is not refused."""
        if own := reservation.get():
            self.end_reservation(own)
        else:
            self.check_room()
        if self.running < self.count and not self.queues:
            self.running += 1
        else:
            await self.wait()
        try:
            yield
        finally:
            self.release()

    def check_room(self) -> None:
        """`QueueFull` if a new request could not even wait."""
        name, taken = client.get(), self.running + self.waiting + self.reserved.total()
        is_new = name not in self.queues and name not in self.reserved
        most = self.max_waiting + (min(RESERVED_FOR_NEW_CLIENTS, self.max_waiting) if is_new else 0)
        if taken >= self.count + most:
            raise QueueFull(f"{taken - self.count} requests are already waiting; try again in a few seconds")

    def reserve(self) -> Reservation:
        """Reserve a place for the stream that answers this request; `QueueFull` if there is none. Without it, streams
        that come together would all begin, and the last of them break off."""
        self.check_room()
        own = Reservation(client.get())
        self.reserved[own.client] += 1
        reservation.set(own)
        return own

    def end_reservation(self, own: Reservation) -> None:
        """Count a reservation no more: its stream waits or runs, or has ended without that."""
        if not own.is_ended:
            own.is_ended = True
            self.reserved[own.client] -= 1
            self.reserved += Counter()  # without those at zero

    async def wait(self) -> None:
        """Wait for this client's turn; the slot is then counted as running."""
        name, turn = client.get(), asyncio.get_running_loop().create_future()
        self.queues.setdefault(name, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the slot came just as the client left
                self.release()
            elif turn in self.queues.get(name, ()):
                self.queues[name].remove(turn)
                self.drop_if_empty(name)
            raise

    def drop_if_empty(self, name: str) -> None:
        if not self.queues[name]:
            del self.queues[name]

    def release(self) -> None:
        """Free a slot, or hand it on to the client whose turn it is."""
        while self.queues:
            name, turns = next(iter(self.queues.items()))
            turn = turns.popleft()
            self.queues.move_to_end(name)
            self.drop_if_empty(name)
            if not turn.done():  # its client may have left at this very moment
                turn.set_result(None)
                return
        self.running -= 1

    async def call(self, work: Callable[..., Value], *arguments: Any) -> Value:
        """Run `work` in a thread. Whoever holds a slot always finds a free thread."""
        return await anyio.to_thread.run_sync(work, *arguments, limiter=self.threads)

    async def call_in_turn(self, work: Callable[[], Value], /) -> Value:
        """Run `work` in a thread when a slot is free."""
        async with self.acquire():
            return await self.call(work)

    async def chunks(self, chunks: Iterator[Chunk]) -> AsyncIterator[Chunk]:
        """An engine's chunks as they come, from one thread that reads them all: a thread for each would take as long as
        a small model needs for a token. The engine is stopped when the client leaves or the time is up."""
        deadline, loop = time.monotonic() + MAX_SECONDS, asyncio.get_running_loop()
        ready: asyncio.Queue[Chunk | None] = asyncio.Queue()
        room, left = threading.Semaphore(MAX_BUFFERED_CHUNKS), threading.Event()

        def read() -> None:
            try:
                for chunk in chunks:
                    loop.call_soon_threadsafe(ready.put_nowait, chunk)
                    room.acquire()
                    if left.is_set():
                        return
            finally:
                stop(chunks)

        reading = asyncio.ensure_future(self.call(read))
        reading.add_done_callback(lambda _: ready.put_nowait(None))
        try:
            while (chunk := await ready.get()) is not None:
                room.release()
                yield chunk
                if time.monotonic() > deadline and not chunk.finish:
                    yield Chunk("", finish="length")
                    return
            await reading
        finally:
            left.set()
            room.release()
            with anyio.CancelScope(shield=True):
                await asyncio.wait([reading])
            if not reading.cancelled():
                reading.exception()  # raised above if the client is still there
