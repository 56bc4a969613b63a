"""Shared by the benchmarks of answers: the same assistant with another threshold of the decision."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

from anatili.serve import assistant, decision

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


@contextmanager
def at_threshold(threshold: float) -> Iterator[None]:
    """Answers are given from this probability."""
    changed = replace(decision.network(), threshold=threshold)
    with patch.object(assistant, "network", lambda: changed), patch.object(decision, "network", lambda: changed):
        yield
