"""Word alignment: likely translations of words, learned from sentence pairs by IBM model 1 (Brown et al. 1993) in both
directions, over stems."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from anatili.lang import LanguagePack
from anatili.lang.stemming import stem
from anatili.lang.translation_words import WORD, Entries

ROUNDS = 6
LONGEST = 40
"""Words of a sentence; longer ones say little about which word goes with which."""
MOST_ENTRIES = 8_000_000
"""Pairs of words that are counted, which take some 600 MB; later sentences are left out."""
LEAST_SEEN, LEAST_SCORE = 2, 0.1
"""Sentences with a stem, and score, of what is kept."""
STEMS, FORMS = 2, 2
"""Words kept for a stem, and forms of each, the most frequent first."""

Ids = NDArray[np.int64]


def learn(pairs: Iterable[tuple[str, str]], first: LanguagePack, second: LanguagePack) -> tuple[Entries, Entries]:
    """The dictionaries of both directions from pairs of sentences in two languages."""
    numbers, seen = (_Numbers(first), _Numbers(second)), 0
    left: list[Ids] = []
    right: list[Ids] = []
    for one, other in pairs:
        own, its = numbers[0].of(one), numbers[1].of(other)
        if not (0 < len(own) <= LONGEST and 0 < len(its) <= LONGEST):
            continue
        seen += len(own) * len(its)
        if seen > MOST_ENTRIES:
            break
        left.append(own)
        right.append(its)
    if not left:
        return {}, {}
    there, back = probabilities(left, right), probabilities(right, left)
    forward, backward = defaultdict[int, list[tuple[float, int]]](list), defaultdict[int, list[tuple[float, int]]](list)
    for (x, y), p in there.items():
        q = back.get((y, x), 0.0)
        score = (p * q) ** 0.5
        if score >= LEAST_SCORE and numbers[0].seen[x] >= LEAST_SEEN <= numbers[1].seen[y]:
            forward[x].append((score, y))
            backward[y].append((score, x))
    return _entries(forward, *numbers), _entries(backward, numbers[1], numbers[0])


class _Numbers:
    """Numbers of the stems of a language, how often each was seen and in which forms."""

    def __init__(self, pack: LanguagePack) -> None:
        self.pack = pack
        self.numbers: dict[str, int] = {}
        self.seen: Counter[int] = Counter()
        self.forms: dict[int, Counter[str]] = defaultdict(Counter)
        self.alphabet = frozenset(pack.config.letters[pack.main_script])
        self.stem = lru_cache(100_000)(lambda word: stem(word, pack))

    def of(self, sentence: str) -> Ids:
        """The stems of a sentence, each once, in order; words in letters of another language are left out."""
        found: dict[int, None] = {}
        for word in WORD.findall(self.pack.lower(sentence)):
            if not self.alphabet.issuperset(word):
                continue
            number = self.numbers.setdefault(self.stem(word), len(self.numbers))
            found[number] = None
            self.forms[number][word] += 1
        self.seen.update(found.keys())
        return np.fromiter(found, np.int64, len(found))


def _entries(found: dict[int, list[tuple[float, int]]], own: _Numbers, other: _Numbers) -> Entries:
    names, others = list(own.numbers), list(other.numbers)
    return {
        names[number]: tuple(
            (round(score, 2), tuple(form for form, _ in ranked(other.forms[word])[:FORMS]))
            for score, word in sorted(words, key=lambda row: (-row[0], row[1]))[:STEMS]
        )
        for number, words in found.items()
        if names[number] not in {others[word] for _, word in words}  # a name, or a word left as it was
    }


def ranked(forms: Counter[str]) -> Sequence[tuple[str, int]]:
    """The most frequent first, equal ones by alphabet."""
    return sorted(forms.items(), key=lambda row: (-row[1], row[0]))


def probabilities(left: Sequence[Ids], right: Sequence[Ids]) -> dict[tuple[int, int], float]:
    """The probability of each word of `right` as the translation of a word of `left`. Each list has the words of a
    sentence; -1 stands for the empty word of the model and is left out of the result."""
    x, y, slot = (np.concatenate(rows) for rows in zip(*_products(left, right), strict=True))
    width = int(y.max()) + 1
    keys, entry = np.unique((x + 1) * width + y, return_inverse=True)
    of_key = keys // width
    chance = model_one(entry, of_key, slot, ROUNDS)
    kept = np.flatnonzero((of_key > 0) & (chance > LEAST_SCORE**2))
    rows = zip((of_key[kept] - 1).tolist(), (keys[kept] % width).tolist(), chance[kept].tolist(), strict=True)
    return {(one, other): value for one, other, value in rows}


def model_one(link: Ids, source: Ids, target: Ids, rounds: int) -> NDArray[np.float64]:
    """The probability of each word pair's other word as the translation of its `source`, by IBM model 1.

    `link`: the word pair of each link between two words of a sentence pair; `target`: the number of the word in all
    sentences that each link explains; `rounds` of expectation and maximization.
    """
    probability = np.full(len(source), 1.0)
    for _ in range(rounds):
        share = probability[link]
        share /= np.bincount(target, share)[target]
        counts = np.bincount(link, share, len(source))
        probability = counts / np.bincount(source, counts)[source]
    return probability


def _products(left: Sequence[Ids], right: Sequence[Ids]) -> Iterator[tuple[Ids, Ids, Ids]]:
    """For each pair, all pairs of its words; the third number is that of the word of `right` among all of them."""
    start = 0
    for own, its in zip(left, right, strict=True):
        words = np.concatenate([np.array([-1], np.int64), own])
        yield (
            np.repeat(words, len(its)),
            np.tile(its, len(words)),
            np.tile(np.arange(start, start + len(its)), len(words)),
        )
        start += len(its)
