"""How close two texts are in meaning, by a multilingual embedding model if it is installed."""

from functools import lru_cache
from typing import Any

from anatili.engine import sentence_embeddings

PACKAGE = sentence_embeddings.PACKAGE
"""The package that makes the embeddings; "" disables the check."""
LEAST = 0.82
"""Least cosine of a translation: 3 of 280 human translations had less, and 19 in 20 unrelated sentences."""
LEAST_SHORT, SHORT = 0.8, 40
"""The least cosine for two texts with fewer than 2 x SHORT characters together: a few words tell the model little."""


def installed() -> bool:
    return bool(PACKAGE) and sentence_embeddings.installed()


def related(sentence: str, translation: str) -> bool:
    """Whether two sentences can have the same meaning; True if the package is not installed."""
    if not installed():
        return True
    least = LEAST_SHORT if len(sentence) + len(translation) < 2 * SHORT else LEAST
    return closeness(sentence, translation) >= least


@lru_cache(4096)
def closeness(sentence: str, translation: str) -> float:
    return float(embedding(sentence) @ embedding(translation))


@lru_cache(4096)
def embedding(text: str) -> Any:
    with sentence_embeddings.LOCK:
        return sentence_embeddings.package().query(text)
