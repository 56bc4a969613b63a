"""How likely an engine's model finds texts: bits of a text, of its second half, of a continuation."""

from collections.abc import Callable, Sequence
from functools import cached_property
from math import log

import numpy as np
import numpy.typing as npt

from anatili.engine import Engine, Span
from anatili.problem import Problem

Bits = npt.NDArray[np.float64]
Tell = Callable[[int], None]
WINDOW = 1024
"""Tokens of a window at most: longer texts are scored in several, each opened by the begin token."""
TOGETHER = 64
"""Windows that an engine is given at a time."""


def silent(_: int) -> None:
    """Nobody waits."""


class Likelihood:
    """An engine asked for log probabilities only."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @cached_property
    def begin(self) -> int:
        """The token that opens a text."""
        try:
            opened, bare = self.engine.tokenize("a", begin=True), self.engine.tokenize("a")
            if len(opened) > len(bare):
                return opened[0]
            end = self.engine.vocabulary()["eos_token"]  # Qwen has none; its end token opens texts in training
            return self.engine.tokenize(end)[0]
        except (Problem, LookupError) as error:
            raise Problem(f"{self.engine.name} cannot score text: its tokens are not to be had ({error})") from error

    @property
    def size(self) -> int:
        """Tokens of a window behind its begin token."""
        return min(WINDOW, self.engine.context or WINDOW) - 1

    def ids(self, text: str) -> list[int]:
        return self.engine.tokenize(text)

    def bits(self, texts: Sequence[str], tell: Tell = silent) -> Bits:
        """Bits of each text, shape (texts,): every token scored once. `tell` hears how many windows are done."""
        begin = self.begin
        windows: list[tuple[int, Span]] = []
        for number, text in enumerate(texts):
            ids = self.ids(text)
            windows += [
                (number, Span([begin, *ids[start : start + self.size]])) for start in range(0, len(ids), self.size)
            ]
        return self.sums(windows, len(texts), tell)

    def continuations(self, pairs: Sequence[tuple[str, str]], tell: Tell = silent) -> Bits:
        """Bits of the second text of each pair given the first, shape (pairs,).

        A token that stands over the border belongs to the second. Of a pair that is too long for a window, the end of
        the first text is given; a second one that does not fit is scored in several windows.
        """
        begin = self.begin
        windows: list[tuple[int, Span]] = []
        for number, (given, text) in enumerate(pairs):
            ids, before = self.ids(given + text), self.ids(given) if given else []
            start = next((n for n, (one, other) in enumerate(zip(ids, before, strict=False)) if one != other), None)
            start = min(len(ids), len(before)) if start is None else start
            fits = len(ids) - start <= self.size
            first = max(0, len(ids) - self.size if fits else start - self.size // 2)
            windows += [
                (number, Span([begin, *ids[left : left + self.size]], max(1, start - left + 1)))
                for left in range(first, len(ids), self.size)
            ]
        return self.sums(windows, len(pairs), tell)

    def second_halves(self, sentences: Sequence[str], tell: Tell = silent) -> tuple[Bits, npt.NDArray[np.int64]]:
        """Bits of the second half of each sentence given the first, and its bytes, both of shape (sentences,).

        The halves part at the space nearest the middle, as in Goldfish (Chang et al. 2024, arXiv 2408.10441), which
        parts them by characters.
        """
        ends = [middle(sentence) for sentence in sentences]
        halves = [(sentence[:end], sentence[end:]) for sentence, end in zip(sentences, ends, strict=True)]
        return self.continuations(halves, tell), np.array([len(second.encode()) for _, second in halves])

    def sums(self, windows: list[tuple[int, Span]], count: int, tell: Tell) -> Bits:
        """Bits added up by number. Windows of like length go together: what fills up the shorter ones costs time."""
        windows = sorted(windows, key=lambda window: (-len(window[1].ids), window[0]))
        total = np.zeros(count)
        for first in range(0, len(windows), TOGETHER):
            some = windows[first : first + TOGETHER]
            rows = self.engine.logprobs([span for _, span in some])
            for (number, _), values in zip(some, rows, strict=True):
                total[number] -= sum(values) / log(2)
            tell(len(some))
        return total


def middle(sentence: str) -> int:
    """Index of the space nearest the middle of a sentence; the middle itself if it has none."""
    half = len(sentence) / 2
    return min(
        (i for i, letter in enumerate(sentence) if letter == " "), key=lambda i: abs(i - half), default=int(half)
    )
