"""Work that is cheaper done together: what several threads ask for at a time goes into one call."""

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

How = TypeVar("How", bound=Hashable)
Thing = TypeVar("Thing")
Made = TypeVar("Made")


class Together(Generic[How, Thing, Made]):
    """Calls `work(how, things)`, one call at a time, with up to `most` things that want the same `how`.

    Whoever comes first is served at once and alone; those who come meanwhile go together. So a single reader waits for
    nobody, and the more readers there are, the fuller the calls.
    """

    def __init__(self, work: Callable[[How, list[Thing]], list[Made]], most: int) -> None:
        self.work, self.most = work, most
        self.turn, self.door = Lock(), Lock()
        self.waiting: list[tuple[How, Thing, Future[Made]]] = []

    def do(self, how: How, thing: Thing) -> Made:
        """What `work` makes of a thing."""
        mine: Future[Made] = Future()
        with self.door:
            self.waiting.append((how, thing, mine))
        while not mine.done():
            with self.turn:
                if not mine.done():
                    self.call()
        return mine.result()

    def call(self) -> None:
        """One call, for the one who has waited longest and whoever wants it in the same way."""
        with self.door:
            how = self.waiting[0][0]
            taken = [one for one in self.waiting if one[0] == how][: self.most]
            self.waiting = [one for one in self.waiting if one not in taken]
        try:
            made = self.work(how, [thing for _, thing, _ in taken])
        except BaseException as error:  # also for those whose thread this is not
            for _, _, future in taken:
                future.set_exception(error)
            return
        for (_, _, future), one in zip(taken, made, strict=True):
            future.set_result(one)
