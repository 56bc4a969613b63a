"""How likely an engine's model finds texts: bits of a text, of its second half, of a continuation."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from math import log

import numpy as np
import numpy.typing as npt

from anatili.engine import Engine, Span
from anatili.engine.shared_context import common_start
from anatili.problem import Problem

Bits = npt.NDArray[np.float64]
Advance = Callable[[int], None]
"""Gets the number of units that are done."""
WINDOW = 1024
"""Tokens of a window at most: longer texts are scored in several, each opened by the begin token."""
UNKNOWN_CONTEXT = 2048
"""Tokens of an item at most where the engine does not give its context."""
TOGETHER = 64
"""Windows that an engine is given at a time."""

WITHOUT_SCORES = (
    "Bits per byte and choices need a server that gives the log probabilities of a prompt, as vLLM and `anatili serve` "
    "do. Of any other, written answers can be measured: tasks of the kinds generate and translation (`anatili tasks`)"
)
"""What to do with a server that only answers."""


def silent(_: int) -> None:
    """Nobody waits."""


class Likelihood:
    """An engine asked for log probabilities only."""

    def __init__(self, engine: Engine, spare: int = 0) -> None:
        """`spare`: tokens of the context that are kept free; lm-eval's client for servers keeps one."""
        self.engine, self.spare = engine, spare

    @cached_property
    def own_begin(self) -> list[int]:
        """What the model's own rule puts before a text: a begin token, or nothing."""
        try:
            opened, bare = self.engine.tokenize("a", begin=True), self.engine.tokenize("a")
        except Problem as problem:
            raise self.cannot_score(problem) from problem
        return opened[: len(opened) - len(bare)]

    @cached_property
    def begin(self) -> int:
        """The token that opens a text."""
        if self.own_begin:
            return self.own_begin[0]
        try:
            end = self.engine.vocabulary()["eos_token"]  # Qwen has none; its end token opens texts in training
            return self.engine.tokenize(end)[0]
        except (Problem, LookupError) as error:
            raise self.cannot_score(error) from error

    @property
    def begin_text(self) -> str:
        """The begin token as text, "" if the model has none."""
        return self.engine.detokenize(self.own_begin) if self.own_begin else ""

    def cannot_score(self, error: Exception) -> Problem:
        return Problem(
            f"{self.engine.name} cannot score text: its tokens are not available ({error}). {WITHOUT_SCORES}"
        )

    @property
    def size(self) -> int:
        """Tokens of a window behind its begin token."""
        return min(WINDOW, self.engine.context or WINDOW) - 1

    def ids(self, text: str) -> list[int]:
        return self.engine.tokenize(text)

    def bits(self, texts: Sequence[str], advance: Advance = silent) -> Bits:
        """Bits of each text, shape (texts,): every token scored once. `advance` gets the number of windows done."""
        begin = self.begin
        windows: list[tuple[int, Span]] = []
        for number, text in enumerate(texts):
            ids = self.ids(text)
            windows += [
                (number, Span([begin, *ids[start : start + self.size]])) for start in range(0, len(ids), self.size)
            ]
        return self.sums(windows, len(texts), advance)

    def continuations(self, pairs: Sequence[tuple[str, str]], advance: Advance = silent) -> Bits:
        """Bits of the second text of each pair given the first, shape (pairs,).

        A token that crosses the border belongs to the second. If a pair is too long for a window, the end of the first
        text is given; a second text that does not fit is scored in several windows.
        """
        windows = [
            (number, span)
            for number, (context, text) in enumerate(pairs)
            for ending in self.ending_spans(context, [text])
            for span in ending
        ]
        return self.sums(windows, len(pairs), advance)

    def ending_spans(self, context: str, endings: Sequence[str]) -> list[list[Span]]:
        """The spans of each ending behind a context; a token that crosses the border belongs to the ending."""
        before = self.ids(context) if context else []
        spans = []
        for ending in endings:
            ids = self.ids(context + ending)
            start = common_start(ids, before, len(before))
            spans.append(cut(ids, start, [self.begin], self.size))
        return spans

    def item_spans(self, context: str, endings: Sequence[str], *, begin: bool = True) -> tuple[list[list[Span]], bool]:
        """The spans of each ending behind a context by lm-eval's rules, and whether the context had to be cut.

        Trailing whitespace of the context moves to the ending; the ending's tokens are those of both texts together
        behind as many as the context alone has. An empty context is replaced by the token that opens a text.
        """
        bare = context.rstrip()
        moved = context[len(bare) :]
        opening = self.own_begin if begin else []
        opening = opening or ([] if bare else [self.begin])
        room = (self.engine.context or UNKNOWN_CONTEXT) - self.spare - len(opening)
        count = len(self.ids(bare)) if bare else 0
        spans, longest = [], 0
        for ending in endings:
            ids = self.ids(bare + moved + ending)
            if ids[: len(opening)] == opening and opening:
                spans.append(cut(ids[len(opening) :], max(0, count - len(opening)), opening, room))
            else:
                spans.append(cut(ids, min(count, len(ids) - 1), opening, room))
            longest = max(longest, len(ids))
        return spans, longest > room

    def second_halves(self, sentences: Sequence[str], advance: Advance = silent) -> tuple[Bits, npt.NDArray[np.int64]]:
        """Bits of the second half of each sentence given the first, and its bytes, both of shape (sentences,).

        The sentence is split at the space nearest the middle, as in Goldfish (Chang et al. 2024, arXiv 2408.10441),
        which splits by characters.
        """
        ends = [middle(sentence) for sentence in sentences]
        halves = [(sentence[:end], sentence[end:]) for sentence, end in zip(sentences, ends, strict=True)]
        return self.continuations(halves, advance), np.array([len(second.encode()) for _, second in halves])

    def sums(self, windows: list[tuple[int, Span]], count: int, advance: Advance) -> Bits:
        """Bits added up by number. Windows of similar length go together: padding the shorter ones costs time."""
        windows = sorted(windows, key=lambda window: (-len(window[1].ids), window[0]))
        total = np.zeros(count)
        for first in range(0, len(windows), TOGETHER):
            batch = windows[first : first + TOGETHER]
            rows = self.engine.logprobs([span for _, span in batch])
            for (number, _), values in zip(batch, rows, strict=True):
                total[number] -= sum(values) / log(2)
            advance(len(batch))
        return total

    def item_sums(self, items: Sequence[Sequence[Sequence[Span]]]) -> Iterator[tuple[int, list[float]]]:
        """(number of the item, sums of natural logarithms of its endings), the longest items first.

        The endings of an item follow one another, so that the engine can compute their context once; tokens with which
        an ending begins as the one before it are not scored again.
        """
        order = sorted(range(len(items)), key=lambda number: -max(len(span.ids) for span in items[number][0]))
        while order:
            batch, spans, known = list[int](), list[Span](), list[int]()
            while order and (not batch or len(spans) < TOGETHER):
                batch.append(order.pop(0))
                for span, count in with_known(items[batch[-1]]):
                    spans.append(Span(span.ids, span.start + count))
                    known.append(count)
            rows = zip(known, self.engine.logprobs(spans), strict=True)
            for number in batch:
                yield number, sums_of_endings(items[number], rows)


def with_known(endings: Sequence[Sequence[Span]]) -> Iterator[tuple[Span, int]]:
    """Each span with the number of its first tokens that are scored by the span before it."""
    before = Span([])
    for span in (span for ending in endings for span in ending):
        common = common_start(before.ids, span.ids, len(span.ids) - 1) if before.start == span.start else 0
        yield span, max(0, common - span.start)
        before = span


def sums_of_endings(endings: Sequence[Sequence[Span]], rows: Iterator[tuple[int, list[float]]]) -> list[float]:
    """The sum of log probabilities of each ending, from the rows of its spans: (tokens that are known, the others)."""
    values, sums = list[float](), []
    for ending in endings:
        total = 0.0
        for _ in ending:
            known, others = next(rows)
            values = values[:known] + others
            total += sum(values)
        sums.append(total)
    return sums


def cut(ids: Sequence[int], start: int, opening: Sequence[int], room: int) -> list[Span]:
    """Windows in which the tokens from `start` on are scored, each once: one window where they fit."""
    fits = len(ids) - start < room or (len(ids) - start <= room and bool(opening))
    first = max(0, len(ids) - room) if fits else max(0, start - room // 2)
    return [
        Span([*opening, *ids[left : left + room]], max(1, len(opening) + max(0, start - left)))
        for left in range(first, len(ids), room)
    ]


def middle(sentence: str) -> int:
    """Index of the space nearest the middle of a sentence; the middle itself if it has none."""
    half = len(sentence) / 2
    return min(
        (i for i, letter in enumerate(sentence) if letter == " "), key=lambda i: abs(i - half), default=int(half)
    )
