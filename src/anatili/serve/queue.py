"""The queue for the model: who may use it now, who waits, and how chunks get from the engine's thread to the client."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import anyio
from anyio import CapacityLimiter

from anatili.engine import Chunk, stop

Value = TypeVar("Value")
MAX_WAITING = 64
"""Requests that may wait for the model. One more is refused with 503."""
MAX_SECONDS = 300.0
"""Time limit for one answer. It then ends as if it had reached its token limit."""


class QueueFull(Exception):  # noqa: N818  (it is a reply, not an error)
    """Too many requests are already waiting."""


class Slots:
    """Lets `count` answers run at the same time, each in its own thread, while up to `max_waiting` others wait."""

    def __init__(self, count: int, max_waiting: int = MAX_WAITING) -> None:
        self.count, self.max_waiting = count, max_waiting
        self.free = asyncio.Semaphore(count)
        self.threads = CapacityLimiter(count)
        self.running = self.waiting = 0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[None]:
        """Hold a slot, after waiting for one if needed; `QueueFull` if too many are waiting already."""
        await self.check_room()
        self.waiting += 1
        try:
            await self.free.acquire()
        finally:
            self.waiting -= 1
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            self.free.release()

    async def check_room(self) -> None:
        """`QueueFull` if a new request could not even wait. Streams check this before they send their status."""
        if self.free.locked() and self.waiting >= self.max_waiting:
            raise QueueFull(f"{self.waiting} requests are already waiting; try again in a few seconds")

    async def call(self, work: Callable[..., Value], *arguments: Any) -> Value:
        """Run `work` in a thread. Whoever holds a slot always finds a free thread."""
        return await anyio.to_thread.run_sync(work, *arguments, limiter=self.threads)

    async def chunks(self, chunks: Iterator[Chunk]) -> AsyncIterator[Chunk]:
        """An engine's chunks as they come. The engine is stopped when the client leaves or the time is up."""
        deadline = time.monotonic() + MAX_SECONDS
        try:
            while (chunk := await self.call(next, chunks, None)) is not None:
                yield chunk
                if time.monotonic() > deadline and not chunk.finish:
                    yield Chunk("", finish="length")
                    return
        finally:
            with anyio.CancelScope(shield=True):
                await self.call(stop, chunks)
