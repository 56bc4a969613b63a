"""Go on learning merges where a base vocabulary stopped (continued BPE, Purason et al. 2025, arXiv 2512.03989).

The new merges are learned on text already cut by the base, so every new piece can be reached; pieces of another
vocabulary put behind it could not. Only pieces wholly in the wanted scripts are made, so a text without a letter of
those is cut exactly as before. `add_tokens` is no way to do this: added tokens are cut out of a text before any
merging, within words of other languages too.
"""

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from anatili.problem import Problem
from anatili.text import SCRIPTS
from anatili.tokenizer.pieces import Pair, Vocabulary
from anatili.tokenizer.trim import opened

LONGEST = 24
"""Letters of the longest new piece."""


def extend(base: Vocabulary, texts: Iterable[str], added: int, scripts: set[str], least: int = 5) -> Vocabulary:
    """`base` with `added` more pieces learned from `texts`; `Problem` if the texts do not hold so many.

    `least`: times that a pair must come. New pieces have the last ids.
    """
    learner = Learner(base, scripts)
    learner.read(texts)
    found = learner.learn(added, least)
    if len(found) < added:
        raise Problem(
            f"only {len(found)} pieces of {added} could be learned: no further pair comes {least} times; use more text"
        )
    new = [a + b for a, b in found]
    pieces = [*base.pieces, *new]
    merges = [*base.merges, *(found if base.byte_level else all_splits(base, new))]
    return Vocabulary(base.raw, pieces, merges, base.byte_level)


def all_splits(base: Vocabulary, new: list[str]) -> list[Pair]:
    """Each way to put each new piece together from two pieces there are by then.

    SentencePiece and llama.cpp join any two neighbours that make a piece, not one learned pair: with all of them as
    merges both ways of counting give the same.
    """
    known, merges = set(base.pieces), list[Pair]()
    for piece in new:
        splits = ((piece[:at], piece[at:]) for at in range(1, len(piece)))
        merges += [(a, b) for a, b in splits if a in known and b in known]
        known.add(piece)
    return merges


@dataclass
class Learner:
    """Counts of neighbouring pieces in words, kept up to date while merges are made."""

    base: Vocabulary
    scripts: set[str]
    words: list[list[str]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    pairs: Counter[Pair] = field(default_factory=Counter)
    where: defaultdict[Pair, set[int]] = field(default_factory=lambda: defaultdict(set))

    def read(self, texts: Iterable[str]) -> None:
        """Count words with a letter of the scripts, and cut each as the base does."""
        tokenizer = opened(self.base)
        found: Counter[str] = Counter()
        for text in texts:
            parts = text.split()
            # The first word of a text has no space before it: as a word within, it would be counted twice over.
            found.update(" " + word for word in parts[1:])
            found.update(parts[:1])
        for word, count in sorted(found.items()):
            if not any(SCRIPTS[script].search(word) for script in self.scripts):
                continue
            ids = tokenizer.encode(word, add_special_tokens=False).ids
            if len(ids) > 1:
                self.words.append([self.base.pieces[number] for number in ids])
                self.counts.append(count)
        for number, pieces in enumerate(self.words):
            for pair in itertools.pairwise(pieces):
                self.pairs[pair] += self.counts[number]
                self.where[pair].add(number)

    def learn(self, wanted: int, least: int) -> list[Pair]:
        """The next `wanted` merges, most frequent first; ties by the pieces' own order."""
        queue = [(-count, pair) for pair, count in self.pairs.items()]
        heapq.heapify(queue)
        found: list[Pair] = []
        known = set(self.base.pieces)
        while queue and len(found) < wanted:
            count, pair = heapq.heappop(queue)
            now = self.pairs[pair]
            if -count != now:
                if now:
                    heapq.heappush(queue, (-now, pair))
                continue
            if now < least:
                break
            if not self.allowed(pair[0] + pair[1]):
                continue
            if pair[0] + pair[1] not in known:
                known.add(pair[0] + pair[1])
                found.append(pair)
            for changed in self.join(pair):
                heapq.heappush(queue, (-self.pairs[changed], changed))
        return found

    def allowed(self, piece: str) -> bool:
        text = self.base.text(piece)
        if text is None or len(text) > LONGEST:
            return False
        letters = text.removeprefix(" ")
        if letters.isascii():  # in Latin script a piece must have a letter that English has not
            return False
        return letters.isalpha() and all(any(SCRIPTS[s].match(letter) for s in self.scripts) for letter in letters)

    def join(self, pair: Pair) -> set[Pair]:
        """Put the pair together in all words; returns the pairs whose counts rose."""
        risen: set[Pair] = set()
        for number in sorted(self.where.pop(pair)):
            pieces, count = self.words[number], self.counts[number]
            for old in itertools.pairwise(pieces):
                self.pairs[old] -= count
            joined = _joined(pieces, pair)
            self.words[number] = joined
            for new in itertools.pairwise(joined):
                self.pairs[new] += count
                self.where[new].add(number)
                risen.add(new)
        self.pairs[pair] = 0
        return risen


def _joined(pieces: list[str], pair: Pair) -> list[str]:
    done: list[str] = []
    place = 0
    while place < len(pieces):
        if place + 1 < len(pieces) and (pieces[place], pieces[place + 1]) == pair:
            done.append(pieces[place] + pieces[place + 1])
            place += 2
        else:
            done.append(pieces[place])
            place += 1
    return done
