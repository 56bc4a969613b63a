"""Who may use the model now, who waits, and how an answer is carried from the engine's thread to its reader."""

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
"""Requests that may wait for the model; the next one is told to come back (503)."""
MAX_SECONDS = 300.0
"""Of work on one answer; then it ends as if its limit was reached."""


class Full(Exception):  # noqa: N818  (it is an answer, not an error)
    """More wait than may."""


class Slots:
    """Lets `count` answers be worked on at a time, in threads of their own, and `waiting` more wait."""

    def __init__(self, count: int, waiting: int = MAX_WAITING) -> None:
        self.count, self.most_waiting = count, waiting
        self.free = asyncio.Semaphore(count)
        self.threads = CapacityLimiter(count)
        self.running = self.waiting = 0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A slot, waited for if need be; `Full` if too many wait already."""
        await self.room()
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

    async def room(self) -> None:
        """`Full` if one who comes now could not even wait: to be told before an answer has begun."""
        if self.free.locked() and self.waiting >= self.most_waiting:
            raise Full(f"{self.waiting} requests wait already; try again in a few seconds")

    async def call(self, work: Callable[..., Value], *given: Any) -> Value:
        """`work` in a thread; one who holds a slot finds a thread free."""
        return await anyio.to_thread.run_sync(work, *given, limiter=self.threads)

    async def chunks(self, made: Iterator[Chunk]) -> AsyncIterator[Chunk]:
        """What an engine makes, as it comes. It is told to stop when the reader goes away or the time is up."""
        end = time.monotonic() + MAX_SECONDS
        try:
            while (chunk := await self.call(next, made, None)) is not None:
                yield chunk
                if time.monotonic() > end and not chunk.finish:
                    yield Chunk("", finish="length")
                    return
        finally:
            with anyio.CancelScope(shield=True):
                await self.call(stop, made)
