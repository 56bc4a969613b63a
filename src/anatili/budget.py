"""A bound on the time that one page may take, so that a page that nobody thought of does not stop a run.

What bounds the work on a page first is its form: its size, tags and nesting choose the extractor, and every pattern is
linear (tests/test_linear.py). These are the same everywhere, so equal pages give equal bytes on every machine. The
clock is only the net below: it counts CPU seconds of this process, so that a busy machine does not change it, and is
set so wide, and wider for longer pages, that only what is not linear can reach it. What it ends is lost with a reason.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

BASE = 60.0
"""CPU seconds that any page may take: some five thousand times the mean."""
PER_MILLION = 60.0
"""CPU seconds more for each million bytes or characters: some ten times what the slowest step takes."""
AGAIN = 1.0
"""Seconds to the next try, where a library caught the first."""


class TookTooLong(BaseException):
    """A page used up its time. No `Exception`: parsers catch these."""


@contextmanager
def within(size: int) -> Iterator[None]:
    """Raise `TookTooLong` in the block when it has used its CPU time. `size`: of the page, bytes or characters.

    By a signal, which only the main thread of a process can receive; elsewhere, or where there are no such signals,
    nothing is bounded. It waits for the end of a call into C; patterns are interrupted.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    seconds = BASE + PER_MILLION * size / 1_000_000
    is_over = False

    def stop(number: int, frame: object) -> None:
        if not is_over:
            raise TookTooLong(f"more than {seconds:.0f} CPU-seconds")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, AGAIN)
    try:
        yield
    finally:
        is_over = True
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
