"""Which sentence of the found passages answers a question, and whether any does.

A small neural network scores each sentence by features that know no language: which of the question's words, weighted
by rarity, are in the sentence, around it and in the title, and whether the sentence has what the kind of question asks
for (a number, a year, a name). It is trained by `bench/train_decision.py` on questions of the sample and ships as
`decision.json`. The scores compete with each other and with "no sentence answers", so they are probabilities.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from anatili.search.searcher import Hit, Search
from anatili.serve.features import FEATURES, Candidate, Floats, features
from anatili.serve.question import Question

FILE = Path(__file__).with_name("decision.json")
CANDIDATES = 10
"""Passages whose sentences are compared."""
SHORT_QUOTE = 300
"""Two sentences are quoted together if they have at most this many characters."""
MOST_OF_TITLE = 0.6
"""Share of a question that a title in its language must have, to be preferred to a passage in another language."""
MOST = 50.0
"""Highest log-odds, so that their exponential is finite."""


@dataclass(frozen=True)
class Decision:
    """What a question is answered with."""

    probability: float
    """Of there being an answer in the passages."""
    hits: tuple[Hit, ...] = ()
    """The passages, the most probable first."""
    spans: tuple[tuple[int, int], ...] = ()
    """Start and end of the best sentence in each of `hits`, with a short neighbor that may belong to the answer."""
    shares: tuple[float, ...] = ()
    """The probability that the answer is in each of `hits`."""
    own_found: float = 0.0
    """Share of the question's own words, those of the title apart, that the first of `hits` has."""


@dataclass(frozen=True)
class Network:
    """The weights: one hidden layer."""

    hidden: Floats
    bias: Floats
    out: Floats
    offset: float
    threshold: float
    """Probability from which an answer is given."""

    def scores(self, rows: Floats) -> Floats:
        """The log-odds of each row of features against no answer."""
        scores: Floats = np.tanh(rows @ self.hidden + self.bias) @ self.out + self.offset
        return scores


@cache
def network() -> Network:
    """The trained weights."""
    return from_json(json.loads(FILE.read_text("utf-8")))


def from_json(stored: dict[str, Any]) -> Network:
    if tuple(stored["features"]) != FEATURES:
        raise ValueError(f"{FILE.name} is of other features: train it again with bench/train_decision.py")
    hidden, bias, out = (np.array(stored[key], float) for key in ("hidden", "bias", "out"))
    return Network(hidden, bias, out, float(stored["offset"]), float(stored["threshold"]))


def decide(question: Question, search: Search, hits: Sequence[Hit], weights: Network | None = None) -> Decision:
    """The passages of `hits` in the order in which they probably answer, each with its best sentence.

    A passage in another language has other words, so there it is enough that dense search finds it close.
    """
    hits, weights = hits[:CANDIDATES], weights or network()
    candidates, rows = features(question, search, hits) if hits else ([], np.zeros((0, len(FEATURES))))
    if not candidates:
        return Decision(0.0)
    odds = np.exp(np.minimum(weights.scores(rows), MOST))
    probabilities = odds / (1 + odds.sum())
    shares = [0.0] * len(hits)
    for candidate, probability in zip(candidates, probabilities.tolist(), strict=True):
        shares[candidate.hit] += probability
    for number, hit in enumerate(hits):
        if hit.is_close and hit.passage.language != question.language:
            shares[number] = max(shares[number], weights.threshold)
    first_rows = {candidate.hit: row for candidate, row in zip(reversed(candidates), rows[::-1], strict=True)}
    prefer_own_language(shares, hits, first_rows, question.language)
    order = sorted(range(len(hits)), key=lambda number: (-shares[number], number))
    return Decision(
        probability=min(1.0, max(float(probabilities.sum()), shares[order[0]])),
        hits=tuple(hits[number] for number in order),
        spans=tuple(best_span(number, candidates, probabilities) for number in order),
        shares=tuple(shares[number] for number in order),
        own_found=float(first_rows[order[0]][FEATURES.index("rest in passage")]) if order[0] in first_rows else 0.0,
    )


def prefer_own_language(
    shares: list[float], hits: Sequence[Hit], rows: Mapping[int, Floats], language: str
) -> None:  # fmt: skip
    """If the best passage is in another language, and one in the question's language has a title that fits as well,
    let them change places: names are spelled in different ways."""
    title = FEATURES.index("title, loosely")
    best = max(range(len(hits)), key=lambda number: (shares[number], -number))
    if hits[best].passage.language == language or best not in rows:
        return
    fits = max(float(rows[best][title]), MOST_OF_TITLE)
    own = [n for n in rows if hits[n].passage.language == language and rows[n][title] >= fits]
    if own:
        other = max(own, key=lambda number: (shares[number], -number))
        shares[best], shares[other] = shares[other], shares[best]


def best_span(hit: int, candidates: Sequence[Candidate], probabilities: Floats) -> tuple[int, int]:
    """The most probable sentence of a passage, with the more probable of its neighbors if both are short."""
    pairs = zip(candidates, probabilities.tolist(), strict=True)
    rows = [(candidate, probability) for candidate, probability in pairs if candidate.hit == hit]
    best = max(range(len(rows)), key=lambda number: (rows[number][1], -number), default=-1)
    if best < 0:
        return 0, 0
    chosen = rows[best][0]
    beside = [number for number in (best - 1, best + 1) if 0 <= number < len(rows)]
    for number in sorted(beside, key=lambda number: -rows[number][1]):
        other = rows[number][0]
        start, end = min(chosen.start, other.start), max(chosen.end, other.end)
        if end - start <= SHORT_QUOTE:
            return start, end
    return chosen.start, chosen.end
