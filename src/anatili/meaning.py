"""Whether a translation is about what was said: by vectors of a multilingual model, where its package is installed."""

from functools import lru_cache
from typing import Any

from anatili.engine import sentences

PACKAGE = sentences.PACKAGE
"""The package that makes the vectors; "" does without."""
LEAST = 0.82
"""Cosine from which on they can be: of 280 translations by people three had less, of other sentences 19 in 20."""
LEAST_SHORT, SHORT = 0.8, 40
"""The same where the two together have fewer characters than twice so many: a few words tell the model little."""


def installed() -> bool:
    return bool(PACKAGE) and sentences.installed()


def related(one: str, other: str) -> bool:
    """Whether two sentences can be about the same; True where that cannot be told."""
    if not installed():
        return True
    least = LEAST_SHORT if len(one) + len(other) < 2 * SHORT else LEAST
    return closeness(one, other) >= least


@lru_cache(4096)
def closeness(one: str, other: str) -> float:
    return float(vector(one) @ vector(other))


@lru_cache(4096)
def vector(text: str) -> Any:
    with sentences.LOCK:
        return sentences.package().query(text)
