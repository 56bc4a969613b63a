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
NEAR = 60
"""Words around a short or incomplete question in which the answer must be."""
BATCH = 500
"""Documents that are looked at together."""
Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Sought:
    """The words of an item."""

    id: str
    question: tuple[str, ...]
    answer: tuple[str, ...]


class Finder:
    """Looks for many items in many documents at once."""

    def __init__(self, items: Sequence[Sought]) -> None:
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


def occurs(item: Sought, words: Sequence[str], start: int) -> bool:
    """Whether an item is in a document's words, its question about at `start`."""
    share, run = best_fit(item.question, words, start)
    is_whole = share >= SHARE
    if not is_whole and run < RUN_LETTERS:
        return False
    if is_whole and len(item.question) >= WINDOW:
        return holds(words, item.answer)
    first = max(0, start - NEAR)
    return holds(words[first : start + len(item.question) + NEAR], item.answer)


def best_fit(question: Sequence[str], words: Sequence[str], start: int) -> tuple[float, int]:
    """The share of the question's words at their places, and the letters of the longest row of them.

    A word too many or too few moves the rest by one: the better of three places counts for each half.
    """
    best, longest = 0, 0
    half = len(question) // 2
    counts = []
    for shift in (0, -1, 1):
        equal = [0 <= start + shift + n < len(words) and words[start + shift + n] == word
                 for n, word in enumerate(question)]  # fmt: skip
        counts.append((sum(equal[:half]), sum(equal[half:]), sum(equal)))
        row = 0
        for word, is_equal in zip(question, equal, strict=True):
            row = row + len(word) if is_equal else 0
            longest = max(longest, row)
    best = max(max(count[2] for count in counts), max(c[0] for c in counts) + max(c[1] for c in counts))
    return best / max(1, len(question)), longest


def holds(words: Sequence[str], answer: Sequence[str]) -> bool:
    """Whether an answer is in a row of words; of four words and more, one may differ."""
    size = len(answer)
    if not size:
        return True
    allowed = 1 if size >= WINDOW - 1 else 0
    for start in range(len(words) - size + 1):
        wrong = 0
        for place in range(size):
            wrong += words[start + place] != answer[place]
            if wrong > allowed:
                break
        else:
            return True
    return False


def find_seen(task: EvaluationTask, items: Sequence[Item], texts: Iterable[str]) -> set[str]:
    """Ids of the items whose question and right answer occur in one of the texts."""
    template = task.seen or "{question}"
    sought = [
        Sought(
            item.id,
            tuple(WORD.findall(fill(task, template, item.row).casefold())),
            tuple(WORD.findall(item.choices[item.answer].casefold())),
        )
        for item in items
    ]
    return Finder([item for item in sought if item.question]).find(texts)
