"""Requests of several threads that are cheaper in one call: those that wait at the same time are batched."""

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Key, Item, Result]):
    """Calls `work(key, items)`, one call at a time, with up to `size` waiting items that have the same key.

    The first item is worked on at once and alone; those that arrive meanwhile share the next calls. So a single client
    never waits, and the more clients there are, the fuller the calls.
    """

    def __init__(self, work: Callable[[Key, list[Item]], list[Result]], size: int) -> None:
        self.work, self.size = work, size
        self.working, self.changing = Lock(), Lock()
        self.waiting: list[tuple[Key, Item, Future[Result]]] = []

    def submit(self, key: Key, item: Item) -> Result:
        """The result of `work` for an item, when it is there."""
        future: Future[Result] = Future()
        with self.changing:
            self.waiting.append((key, item, future))
        while not future.done():
            with self.working:
                if not future.done():
                    self.run_batch()
        return future.result()

    def run_batch(self) -> None:
        """One call, for the item that has waited longest and others with its key."""
        with self.changing:
            key = self.waiting[0][0]
            batch = [entry for entry in self.waiting if entry[0] == key][: self.size]
            self.waiting = [entry for entry in self.waiting if entry not in batch]
        try:
            results = self.work(key, [item for _, item, _ in batch])
        except BaseException as error:  # also for items of other threads
            for _, _, future in batch:
                future.set_exception(error)
            return
        for (_, _, future), result in zip(batch, results, strict=True):
            future.set_result(result)
