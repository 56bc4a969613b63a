"""Which sentence of the found passages answers a question, and whether any does.

Two small neural networks see features that know no language: which of the question's words, weighted by rarity, are in
a sentence, around it and in the title, and whether the sentence has what the kind of question asks for (a number with
its unit, a year, a name). The first compares the sentences of all passages with each other; the second says whether the
best one answers. They are trained by `bench/train_decision.py`, once on questions of the sample (`decision.json`) and
once on questions about short documents, whose titles name no subject (`folders.json`).
With the extra `dense`, the best sentences are read together with the question (reader.py), which counts in both.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from anatili.documents.passages import SOURCE
from anatili.files import title_of
from anatili.lang import load_pack
from anatili.search.analysis import TERM
from anatili.search.index import Passage
from anatili.search.searcher import Hit, Search
from anatili.serve import reader
from anatili.serve.features import FEATURES, Candidate, Floats, features
from anatili.serve.passage_words import TELLING, read_passage
from anatili.serve.question import Question
from anatili.serve.units import counted, is_counted, lacks_count

FILE = Path(__file__).with_name("decision.json")
FOLDERS = Path(__file__).with_name("folders.json")
"""The weights for one's own documents."""
CANDIDATES = 10
"""Passages whose sentences are compared."""
SHORT_QUOTE = 300
"""Most characters of a quotation of more than one sentence."""
MOST_OF_TITLE = 0.6
"""Share of a question that a title in its language must have, to be preferred to a passage in another language."""
PARAGRAPH = "\n\n"
QUOTED = re.compile('[«“"]([^«»“”"]+)[»”"]')
UNDATED = 0.3
"""How much a sentence without a date counts beside one with a date, if the question asks when."""
UNNUMBERED = 0.05
"""How much a sentence that does not count what is asked for counts beside one that does ("64 doctors")."""
HEADING = 0.1
"""How much a heading counts: it says what follows and rarely answers."""
VERBATIM, NEARLY_ALL = 2, 0.999
"""Words from which a question is answered by a sentence that has all of them, and the share that counts as all."""
BESIDE = 0.5
"""Nearness of a name to the word that it belongs to: at most one word stands between them."""
UNDECIDED, TINY = 4.0, 1e-12
"""The entropy, in nats, that counts as 1, and what keeps the logarithm finite."""
MOST = 50.0
"""Highest log-odds, so that their exponential is finite."""
READ, RANKS = {"texts": 8, "documents": 16, "abroad": 8}, {"texts": 1.0, "documents": 3.0, "abroad": 3.0}
"""Sentences that `reader` reads, and how much its log-odds count beside those of the network in their ranking. Of 442
questions on held documents the sentence that answers comes first for 331 with 8 and 1.0, for 362 with 16 and 2.5; in
the texts of a run 16 and 3.0 did worse (docs/log.md)."""
WEIGHED = {"texts": (0.78, 0.5, -0.15), "documents": (0.42, 0.77, -0.6), "abroad": (0.36, 0.73, 0.6)}
"""How much the log-odds of the network and of `reader` count in whether there is an answer, and what is added: in the
texts of a run, in one's own documents, and there if the sentence is in another language than the question. Fitted to
questions on topics of the sample (n = 710) and on 92 short documents (n = 2,018 and 261) that nothing was trained on,
with a training of the reader on fewer documents; what is added was chosen by hand (docs/log.md)."""


UNCOUNTED = 1.0
"""What is taken from the log-odds if a number is asked for and the quotation has none of that kind. Of questions for a
number that may be seen and were answered, 23 of 30 without an answer are then declined, and 1 of 4 with one."""
ABROAD = 0.4
"""Probability from which a passage in another language than the question's answers: a word may have been translated
wrongly. On the half of bench/cross.toml that may be seen 17 of 21 questions are answered rightly and 3 of 13 that
nothing answers wrongly; from 0.3 on 19 and 4."""


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
class Layers:
    """The weights of a network with one hidden layer."""

    hidden: Floats
    bias: Floats
    out: Floats
    offset: float

    def scores(self, rows: Floats) -> Floats:
        """The log-odds of each row."""
        scores: Floats = np.tanh(rows @ self.hidden + self.bias) @ self.out + self.offset
        return scores


@dataclass(frozen=True)
class Network:
    """The weights of both networks."""

    ranking: Layers
    """Scores a row of `FEATURES`."""
    answering: Layers
    """Scores what `answering_row` says of the best sentence."""
    threshold: float
    """Probability from which an answer is given."""


@cache
def network() -> Network:
    """The weights for the texts of a run."""
    return from_json(json.loads(FILE.read_text("utf-8")))


@cache
def network_for_documents() -> Network:
    """The weights for one's own documents; their threshold is that of `network`."""
    return from_json(json.loads(FOLDERS.read_text("utf-8")))


def is_own(hits: Sequence[Hit]) -> bool:
    """Whether passages are of one's own documents."""
    return bool(hits) and hits[0].passage.source == SOURCE


def from_json(stored: dict[str, Any]) -> Network:
    if tuple(stored["features"]) != FEATURES:
        raise ValueError(f"{FILE.name} is of other features: train it again with bench/train_decision.py")
    ranking, answering = (layers(stored[name]) for name in ("ranking", "answering"))
    return Network(ranking, answering, float(stored["threshold"]))


def layers(stored: dict[str, Any]) -> Layers:
    hidden, bias, out = (np.array(stored[key], float) for key in ("hidden", "bias", "out"))
    return Layers(hidden, bias, out, float(stored["offset"]))


def decide(question: Question, search: Search, hits: Sequence[Hit], weights: Network | None = None) -> Decision:
    """The passages of `hits` in the order in which they probably answer, each with its best sentence.

    A passage in another language has other words, so there it is enough that dense search finds it close.
    """
    hits, threshold = hits[:CANDIDATES], (weights or network()).threshold
    weights = weights or (network_for_documents() if is_own(hits) else network())
    candidates, rows = features(question, search, hits) if hits else ([], np.zeros((0, len(FEATURES))))
    if not candidates:
        return Decision(0.0)
    scores = weights.ranking.scores(rows)
    where = "texts" if not is_own(hits) else "abroad" if question.asked_in else "documents"
    read = read_together(question, hits, candidates, scores, READ[where])
    probabilities, shares = ranked(question.language, hits, candidates, rows, scores + RANKS[where] * read)
    row = answering_row(hits, candidates, rows, probabilities, shares)
    fitting = preferring_counts(question, hits, candidates, preferring_dates(question, rows, probabilities))
    first = best_passage(candidates, shares)
    quoted = best_span(first, candidates, fitting, hits[first].passage.text)
    odds = float(weights.answering.scores(row[None])[0])
    read_best = float(read[best_sentence(candidates, probabilities, shares)])
    if read.any() and not names_heading(question.text, hits[first].passage.text):
        odds = weighed(odds, read_best, where)
    odds -= UNCOUNTED if lacks_count(question, hits, first, quoted) else 0.0
    probability = probability_of(odds)
    if is_verbatim(question, row) and read_best >= 0:
        probability = max(probability, ABROAD if question.asked_in else threshold)
    if not row[FEATURES.index("passage, loosely")]:
        probability = 0.0  # it has no word of the question
    if question.unit and question.earlier and not is_counted(question, hits, first, quoted):
        probability = 0.0
    shares = [share * probability for share in shares]
    for number, hit in enumerate(hits):
        if hit.is_close and hit.passage.language != question.language:
            shares[number] = max(shares[number], threshold)
    order = sorted(range(len(hits)), key=lambda number: (-shares[number], number))
    first_rows = first_row_of_each(candidates, rows)
    return Decision(
        probability=max(probability, shares[order[0]]),
        hits=tuple(hits[number] for number in order),
        spans=tuple(quoted_span(question, hits[number], number, candidates, fitting) for number in order),
        shares=tuple(shares[number] for number in order),
        own_found=float(first_rows[order[0]][FEATURES.index("rest in passage")]) if order[0] in first_rows else 0.0,
    )


def probability_of(odds: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(odds, -MOST, MOST))))


def read_together(
    question: Question, hits: Sequence[Hit], candidates: Sequence[Candidate], scores: Floats, most: int
) -> Floats:
    """The log-odds of `reader` for each sentence: of the `most` best by `scores`, and for all others the least of
    those. All 0 if it is not installed."""
    read = np.zeros(len(candidates))
    if not uses_embeddings():
        return read
    best = np.argsort(-scores, kind="stable")[:most]
    asked = " ".join((*question.earlier, question.text))
    sentences = [placed(hits[candidates[number].hit], candidates[number]) for number in best]
    odds = reader.reader().log_odds(asked, sentences)
    read[:] = min(odds)
    read[best] = odds
    return read


def placed(hit: Hit, candidate: Candidate) -> reader.Placed:
    """A sentence with the title of its passage and its neighbors."""
    sentences, text = read_passage(hit.passage).sentences, hit.passage.text
    before, after = (
        text[sentences[number].start : sentences[number].end] if 0 <= number < len(sentences) else ""
        for number in (candidate.sentence - 1, candidate.sentence + 1)
    )
    return reader.Placed(hit.passage.title, before, text[candidate.start : candidate.end], after)


def weighed(odds: float, read: float, where: str) -> float:
    """The log-odds of there being an answer, from those of the network and those of `reader` for the best sentence."""
    of_network, of_reader, offset = WEIGHED[where]
    return of_network * odds + of_reader * read + offset


def names_heading(asked: str, text: str) -> bool:
    """Whether a question quotes a line of a text, as those on a section do; the reader did not learn these."""
    lines = {line.strip(" \t#*") for line in text.split("\n")}
    return any(quoted in lines for quoted in QUOTED.findall(asked))


def uses_embeddings() -> bool:
    return reader.installed() and os.environ.get("ANATILI_EMBEDDINGS", "") != "none"


def is_verbatim(question: Question, row: Floats) -> bool:
    """Whether the sentence of a row of features has all words of the question and what its kind asks for: two words, or
    one beside a name if it asks who that is ("Who is the librarian?"). Then it is quoted whatever the network says,
    which was trained on pages with titles and on many passages."""
    none = f"{question.kind}: none"
    if (none in FEATURES and row[FEATURES.index(none)]) or row[FEATURES.index("sentence")] <= NEARLY_ALL:
        return False
    is_named = question.kind == "person" and row[FEATURES.index("value beside focus")] >= BESIDE
    return len(question.words) >= VERBATIM or (len(question.words) == 1 and is_named)


def ranked(
    language: str, hits: Sequence[Hit], candidates: Sequence[Candidate], rows: Floats, scores: Floats
) -> tuple[Floats, list[float]]:
    """How probable each sentence and each passage is as the answer, if one answers; each sums to 1. `scores`: log-odds
    of each sentence."""
    odds = np.exp(scores - scores.max()) * np.where(rows[:, FEATURES.index("heading")] > 0, HEADING, 1.0)
    probabilities = odds / odds.sum()
    shares = [0.0] * len(hits)
    for candidate, probability in zip(candidates, probabilities.tolist(), strict=True):
        shares[candidate.hit] += probability
    prefer_own_language(shares, hits, first_row_of_each(candidates, rows), language)
    return probabilities, shares


def first_row_of_each(candidates: Sequence[Candidate], rows: Floats) -> dict[int, Floats]:
    """Number of a passage -> the row of its first sentence."""
    return {candidate.hit: row for candidate, row in zip(reversed(candidates), rows[::-1], strict=True)}


def answering_row(
    hits: Sequence[Hit], candidates: Sequence[Candidate], rows: Floats, probabilities: Floats, shares: Sequence[float]
) -> Floats:
    """What decides whether the best sentence of the best passage answers: its row, the passage's share, the sentence's
    share of that, how undecided the ranking is, and how much of the question all that would be quoted has."""
    sentence = best_sentence(candidates, probabilities, shares)
    best = candidates[sentence].hit
    here = [number for number, candidate in enumerate(candidates) if candidate.hit == best]
    of_passage = probabilities[sentence] / probabilities[here].sum()
    undecided = -float((probabilities * np.log(probabilities + TINY)).sum()) / UNDECIDED
    start, end = best_span(best, candidates, probabilities, hits[best].passage.text)
    quoted = rows[[number for number in here if start <= candidates[number].start and candidates[number].end <= end]]
    of_quotation = (quoted[:, FEATURES.index(name)].max() for name in ("rest, loosely", "sentence"))
    row: Floats = np.append(rows[sentence], (shares[best], of_passage, undecided, *of_quotation))
    return row


def best_passage(candidates: Sequence[Candidate], shares: Sequence[float]) -> int:
    """The number of the passage that most probably answers."""
    return max({candidate.hit for candidate in candidates}, key=lambda number: (shares[number], -number))


def best_sentence(candidates: Sequence[Candidate], probabilities: Floats, shares: Sequence[float]) -> int:
    """The number of the most probable sentence of the passage that most probably answers."""
    best = best_passage(candidates, shares)
    here = (number for number, candidate in enumerate(candidates) if candidate.hit == best)
    return max(here, key=lambda number: (probabilities[number], -number))


def prefer_own_language(shares: list[float], hits: Sequence[Hit], rows: Mapping[int, Floats], language: str) -> None:
    """If the best passage is in another language or script, and one in the question's language has a title that fits as
    well, let them change places: names are spelled in different ways."""
    title = FEATURES.index("title, loosely")
    best = max(range(len(hits)), key=lambda number: (shares[number], -number))
    if is_readable(hits[best].passage, language) or best not in rows:
        return
    fits = max(float(rows[best][title]), MOST_OF_TITLE)
    own = [n for n in rows if is_readable(hits[n].passage, language) and rows[n][title] >= fits]
    if own:
        other = max(own, key=lambda number: (shares[number], -number))
        shares[best], shares[other] = shares[other], shares[best]


def is_readable(passage: Passage, language: str) -> bool:
    """Whether a passage is in the language, in its main script: copies in others are for other readers."""
    return passage.language == language and passage.script == load_pack(language).main_script


def preferring_dates(question: Question, rows: Floats, probabilities: Floats) -> Floats:
    """The probabilities, those of sentences without a year or month `UNDATED` times as much if the question asks when:
    a number alone is rarely a date."""
    if question.kind != "date":
        return probabilities
    has_date = rows[:, FEATURES.index("date: year")] + rows[:, FEATURES.index("date: month")] > 0
    return np.where(has_date, probabilities, UNDATED * probabilities)


def preferring_counts(
    question: Question, hits: Sequence[Hit], candidates: Sequence[Candidate], probabilities: Floats
) -> Floats:
    """The probabilities; if a sentence counts what is asked for, those of all others `UNNUMBERED` times as much."""
    has_count = np.array(counted(question, hits, [(candidate.hit, candidate.sentence) for candidate in candidates]))
    return np.where(has_count, probabilities, UNNUMBERED * probabilities) if has_count.any() else probabilities


def best_span(hit: int, candidates: Sequence[Candidate], probabilities: Floats, text: str) -> tuple[int, int]:
    """The most probable sentence of a passage, with more probable neighbors first as long as all together are short and
    in one paragraph: what stands beyond a blank line is about something else."""
    pairs = zip(candidates, probabilities.tolist(), strict=True)
    rows = [(candidate, probability) for candidate, probability in pairs if candidate.hit == hit]
    first = last = max(range(len(rows)), key=lambda number: (rows[number][1], -number), default=-1)
    if first < 0:
        return 0, 0
    while beside := [number for number in (first - 1, last + 1) if 0 <= number < len(rows)]:
        fitting = [n for n in beside if fits_together(rows[min(first, n)][0], rows[max(last, n)][0], text)]
        if not fitting:
            break
        best = max(fitting, key=lambda number: (rows[number][1], number))
        first, last = min(first, best), max(last, best)
    return rows[first][0].start, rows[last][0].end


def quoted_span(
    question: Question, hit: Hit, number: int, candidates: Sequence[Candidate], probabilities: Floats
) -> tuple[int, int]:
    """The best span of passage `number` between two headings; if the best sentence is a heading, of what follows it."""
    text = hit.passage.text
    here = [n for n, one in enumerate(candidates) if one.hit == number]
    heads = {n for n in here if only_heads(question, text, candidates[n])}
    best = max(here, key=lambda n: (probabilities[n], -n), default=-1)
    inside = next((n for n in here if n >= best and n not in heads), -1)
    if not heads or inside < 0:
        return best_span(number, candidates, probabilities, text)
    first = 1 + max((n for n in heads if n < inside), default=here[0] - 1)
    end = min((n for n in heads if n > inside), default=here[-1] + 1)
    return best_span(number, candidates[first:end], probabilities[first:end], text)


def only_heads(question: Question, text: str, sentence: Candidate) -> bool:
    """Whether a sentence is a heading that tells nothing, or nothing that the question does not say."""
    line = text[sentence.start : sentence.end].strip()
    if not line or title_of(text[sentence.start :].split("\n")) != " ".join(line.split()):
        return False
    asked = {word.lower() for word in TERM.findall(question.text)}
    return not TELLING.search(line) or all(word.lower() in asked for word in TERM.findall(line))


def fits_together(first: Candidate, last: Candidate, text: str) -> bool:
    """Whether what stands from a sentence to the end of a later one can be quoted as one."""
    return last.end - first.start <= SHORT_QUOTE and PARAGRAPH not in text[first.start : last.end]
