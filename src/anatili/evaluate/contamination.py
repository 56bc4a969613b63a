"""Which items of a test occur in a corpus: the question and its right answer in one document, also with a word changed.

Eight words in a row cannot find exam questions: 46 % of a Kazakh set have fewer (measured on TUMLU).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from anatili.evaluate.items import Item
from anatili.evaluate.task_data import fill
from anatili.evaluate.task_file import EvaluationTask

WORD = re.compile(r"\w+")
WINDOW = 5
"""Words in a row that lead to a closer look, of which one may differ."""
SHARE = 0.75
"""Of a question's words that must follow one another in the document."""
RUN_LETTERS = 40
"""Letters in a row that are enough of a long question."""
NEAR = 25
"""Words around a short or incomplete question in which the answer must be."""
SHIFT = 2
"""Places by which words too many or too few may move the rest."""
BATCH = 500
"""Documents that are looked at together."""
Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class ItemWords:
    """The words of an item."""

    id: str
    question: tuple[str, ...]
    answer: tuple[str, ...]
    tail: int = 0
    """Words at the end of `question` that are the answer: of a short question that its answer follows at once."""


class ItemFinder:
    """Looks for many items in many documents at once."""

    def __init__(self, items: Sequence[ItemWords]) -> None:
        self.items = items
        vocabulary = sorted({word for item in items for word in item.question})
        self.numbers = {word: number for number, word in enumerate(vocabulary, 1)}
        draw = np.random.default_rng(0)
        self.random = draw.integers(2**63, size=(WINDOW, len(vocabulary) + 1)).astype(np.uint64)
        self.salt = draw.integers(2**63, size=(WINDOW + 1, WINDOW + 1)).astype(np.uint64)
        self.tables = {size: self.table(size) for size in range(1, WINDOW + 1)}

    def table(self, size: int) -> tuple[Keys, dict[int, list[tuple[int, int]]]]:
        """Keys of all windows of questions that are looked for by `size` words -> (number of the item, offset)."""
        places: dict[int, list[tuple[int, int]]] = {}
        for number, item in enumerate(self.items):
            if min(len(item.question), WINDOW) != size:
                continue
            ids = np.array([self.numbers[word] for word in item.question])
            for keys in self.keys(ids, size):
                for offset, key in enumerate(keys.tolist()):
                    places.setdefault(key, []).append((number, offset))
        return np.array(sorted(places), np.uint64), places

    def keys(self, ids: npt.NDArray[np.int64], size: int) -> Iterator[Keys]:
        """Keys of the windows of `size` words: whole, and from four words on with each word left out."""
        count = len(ids) - size + 1
        if count < 1:
            return
        parts = [self.random[place][ids[place : place + count]] for place in range(size)]
        total = np.sum(parts, axis=0, dtype=np.uint64)
        yield total + self.salt[size, size]
        if size >= WINDOW - 1:
            for place, part in enumerate(parts):
                yield total - part + self.salt[size, place]

    def find(self, texts: Iterable[str]) -> set[str]:
        """Ids of the items that occur in the texts."""
        seen: set[int] = set()
        documents = iter(texts)
        while batch := list(islice(documents, BATCH)):
            self.look(batch, seen)
        return {self.items[number].id for number in seen}

    def look(self, texts: Sequence[str], seen: set[int]) -> None:
        """Add the numbers of the items that occur in a batch of texts."""
        get = self.numbers.get
        split = [WORD.findall(text.casefold()) for text in texts]
        gap = [0] * WINDOW
        starts, ids = list[int](), list[int]()
        for words in split:
            starts.append(len(ids))
            ids += [get(word, 0) for word in words]
            ids += gap
        numbers = np.array(ids)
        known = np.concatenate([[0], np.cumsum(numbers > 0)])
        for size, (sorted_keys, places) in self.tables.items():
            if not len(sorted_keys):
                continue
            enough = known[size:] - known[:-size] >= (size - 1 if size >= WINDOW - 1 else size)
            for keys in self.keys(numbers, size):
                where = np.flatnonzero(enough)
                at = np.searchsorted(sorted_keys, keys[where])
                hits = where[sorted_keys[np.minimum(at, len(sorted_keys) - 1)] == keys[where]]
                for position in hits.tolist():
                    document = int(np.searchsorted(starts, position, "right")) - 1
                    for number, offset in places[int(keys[position])]:
                        if number not in seen and occurs(
                            self.items[number], split[document], position - starts[document] - offset
                        ):
                            seen.add(number)


def occurs(item: ItemWords, words: Sequence[str], start: int) -> bool:
    """Whether an item is in a document's words, its question about at `start`."""
    share, run = best_fit(item.question, words, start)
    end = start + len(item.question)
    if item.tail:
        return share >= SHARE and holds(words[max(0, end - item.tail - 1) : end + 1], item.question[-item.tail :])
    if share < SHARE and run < RUN_LETTERS:
        return False
    if share < SHARE or len(item.question) < WINDOW:
        return holds(words[max(0, start - NEAR) : end + NEAR], item.answer)
    if share == 1 and holds(
        words[end : end + len(item.answer) + 1], item.answer, wrong=1 if len(item.answer) > 1 else 0
    ):
        return True
    return holds(words, item.answer)


def best_fit(question: Sequence[str], words: Sequence[str], start: int) -> tuple[float, int]:
    """The share of the question's words at their places, and the letters of the longest row of them.

    A word too many or too few moves the rest: from any point on, places up to `SHIFT` away count.
    """
    fits = {
        shift: [
            0 <= start + shift + n < len(words) and words[start + shift + n] == word for n, word in enumerate(question)
        ]
        for shift in range(-SHIFT, SHIFT + 1)
    }
    best, longest = 0, 0
    for first, second in ((0, shift) for shift in fits):
        before, after = 0, sum(fits[second])
        best = max(best, after)
        for one, other in zip(fits[first], fits[second], strict=True):
            before, after = before + one, after - other
            best = max(best, before + after)
    for equal in fits.values():
        row = 0
        for word, is_equal in zip(question, equal, strict=True):
            row = row + len(word) if is_equal else 0
            longest = max(longest, row)
    return min(1.0, best / max(1, len(question))), longest


def holds(words: Sequence[str], answer: Sequence[str], wrong: int = 0) -> bool:
    """Whether an answer is in a row of words; `wrong` of its words may differ, of four words and more always one."""
    size = len(answer)
    allowed = max(wrong, 1 if size >= WINDOW - 1 else 0)
    return not size or any(
        sum(word != other for word, other in zip(answer, words[start : start + size], strict=True)) <= allowed
        for start in range(len(words) - size + 1)
    )


def find_seen(task: EvaluationTask, items: Sequence[Item], texts: Iterable[str]) -> set[str]:
    """Ids of the items whose question and right answer occur in one of the texts."""
    template = task.seen or "{question}"
    sought = []
    for item in items:
        question = tuple(WORD.findall(fill(task, template, item.row).casefold()))
        answer = tuple(WORD.findall(item.choices[item.answer].casefold()))
        if question:
            sought.append(ItemWords(item.id, question, answer))
        if len(question) < WINDOW and answer and len(question) + len(answer) >= WINDOW - 1:
            sought.append(ItemWords(item.id, question + answer, (), len(answer)))
    return ItemFinder(sought).find(texts)
