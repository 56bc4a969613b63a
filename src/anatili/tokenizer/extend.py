"""Learn further merges on top of a base vocabulary (continued BPE, Purason et al. 2025, arXiv 2512.03989).

The new merges are learned on text tokenized by the base, so every new token can be reached; tokens appended from
another vocabulary could not. New tokens are entirely in the given scripts, so text without letters of these scripts is
tokenized exactly as before. `add_tokens` does not work for this: added tokens are cut out of a text before any merging,
inside words of other languages too.
"""

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from anatili.problem import Problem
from anatili.text import SCRIPTS
from anatili.tokenizer.trim import as_tokenizer
from anatili.tokenizer.vocabulary import BpeVocabulary, Pair

MAX_LETTERS = 24
"""Letters of the longest new token."""


def extend(
    base: BpeVocabulary, texts: Iterable[str], added: int, scripts: set[str], min_count: int = 5
) -> BpeVocabulary:
    """`base` with `added` more tokens learned from `texts`; `Problem` if the texts do not yield so many.

    `min_count`: least occurrences of a pair. New tokens get the last ids.
    """
    learner = Learner(base, scripts)
    learner.read(texts)
    learned = learner.learn(added, min_count)
    if len(learned) < added:
        raise Problem(
            f"only {len(learned)} of {added} tokens could be learned: no other pair occurs {min_count} times; "
            "use more text"
        )
    new = [a + b for a, b in learned]
    tokens = [*base.tokens, *new]
    merges = [*base.merges, *(learned if base.byte_level else all_splits(base, new))]
    return BpeVocabulary(base.raw, tokens, merges, base.byte_level)


def all_splits(base: BpeVocabulary, new: list[str]) -> list[Pair]:
    """Every split of each new token into two tokens that exist by then.

    SentencePiece and llama.cpp join any two neighbors that form a token, not only the learned pair. With all splits as
    merges, Hugging Face tokenizers give the same result.
    """
    known, merges = set(base.tokens), list[Pair]()
    for token in new:
        splits = ((token[:at], token[at:]) for at in range(1, len(token)))
        merges += [(a, b) for a, b in splits if a in known and b in known]
        known.add(token)
    return merges


@dataclass
class Learner:
    """Counts of adjacent tokens in words, kept up to date as merges are made."""

    base: BpeVocabulary
    scripts: set[str]
    words: list[list[str]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    pairs: Counter[Pair] = field(default_factory=Counter)
    where: defaultdict[Pair, set[int]] = field(default_factory=lambda: defaultdict(set))

    def read(self, texts: Iterable[str]) -> None:
        """Count the words with a letter of the scripts, and tokenize each as the base does."""
        tokenizer = as_tokenizer(self.base)
        word_counts: Counter[str] = Counter()
        for text in texts:
            parts = text.split()
            # Only the first word of a text has no space before it.
            word_counts.update(" " + word for word in parts[1:])
            word_counts.update(parts[:1])
        for word, count in sorted(word_counts.items()):
            if not any(SCRIPTS[script].search(word) for script in self.scripts):
                continue
            ids = tokenizer.encode(word, add_special_tokens=False).ids
            if len(ids) > 1:
                self.words.append([self.base.tokens[number] for number in ids])
                self.counts.append(count)
        for number, tokens in enumerate(self.words):
            for pair in itertools.pairwise(tokens):
                self.pairs[pair] += self.counts[number]
                self.where[pair].add(number)

    def learn(self, total: int, min_count: int) -> list[Pair]:
        """The next `total` merges, most frequent first; ties in the order of the tokens."""
        queue = [(-count, pair) for pair, count in self.pairs.items()]
        heapq.heapify(queue)
        merges: list[Pair] = []
        known = set(self.base.tokens)
        while queue and len(merges) < total:
            count, pair = heapq.heappop(queue)
            now = self.pairs[pair]
            if -count != now:
                if now:
                    heapq.heappush(queue, (-now, pair))
                continue
            if now < min_count:
                break
            if not self.allowed(pair[0] + pair[1]):
                continue
            if pair[0] + pair[1] not in known:
                known.add(pair[0] + pair[1])
                merges.append(pair)
            for changed in self.join(pair):
                heapq.heappush(queue, (-self.pairs[changed], changed))
        return merges

    def allowed(self, token: str) -> bool:
        text = self.base.text(token)
        if text is None or len(text) > MAX_LETTERS:
            return False
        letters = text.removeprefix(" ")
        if letters.isascii():  # in Latin script a new token must have a letter outside ASCII
            return False
        return letters.isalpha() and all(any(SCRIPTS[s].match(letter) for s in self.scripts) for letter in letters)

    def join(self, pair: Pair) -> set[Pair]:
        """Merge the pair in all words; returns the pairs whose counts increased."""
        risen: set[Pair] = set()
        for number in sorted(self.where.pop(pair)):
            tokens, count = self.words[number], self.counts[number]
            for old in itertools.pairwise(tokens):
                self.pairs[old] -= count
            joined = _joined(tokens, pair)
            self.words[number] = joined
            for new in itertools.pairwise(joined):
                self.pairs[new] += count
                self.where[new].add(number)
                risen.add(new)
        self.pairs[pair] = 0
        return risen


def _joined(tokens: list[str], pair: Pair) -> list[str]:
    result: list[str] = []
    position = 0
    while position < len(tokens):
        if position + 1 < len(tokens) and (tokens[position], tokens[position + 1]) == pair:
            result.append(tokens[position] + tokens[position + 1])
            position += 2
        else:
            result.append(tokens[position])
            position += 1
    return result
