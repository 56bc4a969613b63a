"""Waiting for a server that says that it is busy, or that a limit of requests is reached."""

import time
from typing import Any

BUSY = (429, 503)
FIRST = 1.0
"""Seconds before the second request if the server names no time; each further wait is twice as long."""
PATIENCE = 120.0
"""Seconds that a measurement waits for one answer: limits are mostly given by the minute."""


class WaitBudget:
    """The seconds that are left to wait for one answer."""

    def __init__(self, seconds: float) -> None:
        self.left, self.next = seconds, FIRST

    def wait_to_retry(self, answer: Any) -> bool:
        """Whether the request is to be sent again, after the time that the server asked for has gone by.

        `answer`: an httpx response, of which the status and `Retry-After` are read.
        """
        if answer.status_code not in BUSY:
            return False
        pause = max(self.next, asked_for(answer.headers.get("retry-after", "")))
        if pause > self.left:
            return False
        self.left, self.next = self.left - pause, 2 * self.next
        time.sleep(pause)
        return True


def asked_for(header: str) -> float:
    """The seconds in a `Retry-After`; 0 if there is none, or a date."""
    return float(header) if header.isdecimal() else 0.0
