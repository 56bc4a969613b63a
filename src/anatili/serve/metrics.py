"""Counts and times for Prometheus. They never contain words of a request or an answer."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from anatili.serve.queue import Slots

SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)


class Metrics:
    """The metrics of one application."""

    def __init__(self, slots: Slots) -> None:
        self.registry = CollectorRegistry()
        options: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("anatili_requests", "Requests by route and status.", ["route", "status"], **options)
        self.seconds = Histogram(
            "anatili_request_seconds", "Time to the first byte of the response.", ["route"], buckets=SECONDS, **options
        )
        self.first_token = Histogram(
            "anatili_first_token_seconds", "Time from getting a slot to the first text.", buckets=SECONDS, **options
        )
        self.tokens = Counter("anatili_tokens", "Tokens of prompts and answers.", ["kind"], **options)
        running = Gauge("anatili_running", "Answers in progress.", **options)
        running.set_function(lambda: slots.running)
        waiting = Gauge("anatili_waiting", "Requests waiting for a slot.", **options)
        waiting.set_function(lambda: slots.waiting)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
