"""Counts and times for Prometheus; never a word of what was asked or said."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from anatili.serve.queue import Slots

SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)


class Metrics:
    """What one application counts."""

    def __init__(self, slots: Slots) -> None:
        self.registry = CollectorRegistry()
        kept: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("anatili_requests", "Requests by route and status.", ["route", "status"], **kept)
        self.seconds = Histogram(
            "anatili_request_seconds", "Until the first byte of the answer.", ["route"], buckets=SECONDS, **kept
        )
        self.first_token = Histogram(
            "anatili_first_token_seconds", "From a free slot to the first words.", buckets=SECONDS, **kept
        )
        self.tokens = Counter("anatili_tokens", "Tokens read and said.", ["kind"], **kept)
        running = Gauge("anatili_running", "Answers being worked on.", **kept)
        running.set_function(lambda: slots.running)
        waiting = Gauge("anatili_waiting", "Requests that wait for a slot.", **kept)
        waiting.set_function(lambda: slots.waiting)

    def text(self) -> bytes:
        """All of it, in Prometheus' text form."""
        return generate_latest(self.registry)
