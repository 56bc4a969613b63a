"""A limit on the time for one page, so that an unforeseen page does not stop a run.

The first limits are those of form: size, tags and nesting of a page decide its extractor, and every pattern is linear
(tests/test_linear.py). They are the same everywhere, so equal pages give equal bytes on every machine. The clock is
only a safety net. It counts CPU seconds of this process, so that a busy machine makes no difference. It allows so much
time, more for longer pages, that only nonlinear work can reach the limit. A page that does is lost with a reason.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

BASE_SECONDS = 60.0
"""CPU seconds for any page, about five thousand times the mean."""
SECONDS_PER_MILLION = 60.0
"""Further CPU seconds per million bytes or characters, about ten times those of the slowest step."""
RETRY_SECONDS = 1.0
"""CPU seconds until the exception is raised again, in case a library caught the first one."""


class TookTooLong(BaseException):
    """A page used up its time. Not an `Exception`, because parsers catch those."""


@contextmanager
def within(size: int) -> Iterator[None]:
    """Raise `TookTooLong` in the block when it has used up its CPU time. `size`: of the page, in bytes or characters.

    It uses a signal, which only the main thread of a process receives: in other threads, and on systems without this
    signal, there is no limit. A call into C runs to its end first; regular expressions are interrupted.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    seconds = BASE_SECONDS + SECONDS_PER_MILLION * size / 1_000_000
    too_long = TookTooLong(f"more than {seconds:.0f} CPU-seconds")
    is_used_up = is_over = False

    def stop(number: int, frame: object) -> None:
        nonlocal is_used_up
        if not is_over:
            is_used_up = True
            raise too_long

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, RETRY_SECONDS)
    try:
        yield
    finally:
        is_over = True
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    if is_used_up:  # Python drops an exception that is raised in a finalizer or a callback of weakref
        raise too_long
