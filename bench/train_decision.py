"""Train the decision which sentence answers a question and whether it does, on half of the sample's topics.

    python bench/train_decision.py            # writes src/anatili/serve/decision.json
    python bench/train_decision.py --check    # trains again and says whether the file is the same byte for byte

Two networks. The ranking sees a question as a row of sentences, those of the passages that search finds; its loss is
the cross-entropy of the sentences that hold the answer. The answering network sees the best sentence and says whether
it answers. Besides questions whose page came first it gets questions that their page does not answer, questions whose
page is taken out (in all languages), and questions on nothing in the sample. Short documents as people have them
(bench/everyday.toml) are asked alone and among others, also for what they do not say. Half of the colloquial questions
(bench/colloquial.toml, by topic) are trained on; the other half, bench/natural.toml, bench/fresh.toml and
bench/own.toml never are. All is computed in double precision over all examples at once and rounded, so that the file
does not depend on the machine.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from asked import LANGUAGES, PACKS, WORDINGS, Asked, absent, asked, covered, halves
from everyday import indexed, read_everyday, sets_of
from questions import colloquial_halves, has

from anatili.opening.sample_index import sample_run
from anatili.sample.topics import Topic
from anatili.search.searcher import Hit, Search
from anatili.serve.decision import CANDIDATES, FILE, Layers, answering_row, best_passage, best_span, ranked
from anatili.serve.features import FEATURES, Candidate, Floats, features
from anatili.serve.question import Question, read_question

HIDDEN, STEPS, RATE, DECAY = 16, 250, 0.03, 1e-4
"""Of the ranking network: hidden units, steps, learning rate, weight decay."""
GATE_HIDDEN, GATE_STEPS, GATE_DECAY = 8, 400, 2e-3
"""Of the answering network."""
THRESHOLD = 0.3
FURTHER, ELSEWHERE, RANKED = 0.7, 0.3, {"colloquial": 2.0, "own": 0.5, "everyday": 0.5}
"""Weights in the ranking of further questions, of those whose page is there only in other languages, and of kinds of
examples that begin so; others weigh 1."""
WEIGHTS = {
    "answered": 1.0, "page taken out": 0.7, "missing": 2.0, "pattern": 1.0, "absent": 4.0, "elsewhere": 1.0,
    "wrong": 0.3, "colloquial answered": 3.0, "colloquial page taken out": 2.0, "colloquial missing": 4.0,
    "colloquial nothing": 4.0, "own answered": 0.5, "own missing": 1.5, "own taken out": 0.5,
    "everyday answered": 0.5, "everyday missing": 1.2, "everyday elsewhere": 0.5,
}  # fmt: skip
"""Weights in the answering network by kind of example; "wrong": an answered question whose page did not come first."""
RIVALS = 4
"""Passages that do not answer which a question's sentences are compared with in training."""
FOUND = 14
"""Passages searched for: those on the topic may be taken out."""
FOREIGN = 0.1
"""Share of questions whose page is there only in other languages."""
PATTERNS = 2
"""Questions on details that a page does not give, for each page."""
OWN, SHORT, FEW = 0.5, 0.6, 4
"""Share of answered questions that are also asked over documents without titles; of these, share that leave the subject
out; most pages there."""
NAMES = ("", "letter", "document 1", "Ереже", "Отчёт", "notes", "tutanak")
TAKEN_OUT = ("subject", "detail 1", "detail 2", "detail 3", "key words", "polite")
FEWER_DIGITS = 4
OTHERS = 6
"""Questions on other documents that each short document is asked."""


@dataclass
class Example:
    """A question with the features of its sentences."""

    kind: str
    """One of `WEIGHTS`."""
    language: str
    hits: list[Hit]
    candidates: list[Candidate]
    rows: Floats
    right: np.ndarray
    """Which sentences hold the answer."""
    url: str
    """Address of the page that answers, "" if none does."""
    weight: float = 1.0


def right_sentences(row: Asked, hits: list[Hit], candidates: list[Candidate], right: Sequence[str]) -> np.ndarray:
    """Which candidates hold most of the written answer, or the words that a right answer holds."""
    held = np.zeros(len(candidates))
    for number, candidate in enumerate(candidates):
        hit = hits[candidate.hit]
        if hit.passage.url == row.url:
            text = hit.passage.text[candidate.start : candidate.end]
            share = float(has(text, right)) if right else covered(text, row.answer, row.question, row.language)
            held[number] = 0.01 + share
    return held >= max(0.01, 0.75 * held.max()) if len(held) else held > 0


def example(
    kind: str, row: Asked, question: Question, search: Search, hits: list[Hit], weight: float = 1.0,
    right: Sequence[str] = (),
) -> Example:  # fmt: skip
    hits = hits[:CANDIDATES]
    candidates, rows = features(question, search, hits) if hits else ([], np.zeros((0, len(FEATURES))))
    answers = right_sentences(row, hits, candidates, right) if row.url else np.zeros(len(candidates), bool)
    return Example(kind, row.language, hits, candidates, rows, answers, row.url, weight)


def untitled(hits: Sequence[Hit], choose: random.Random) -> list[Hit]:
    """The same passages as if they came from files whose names say nothing."""
    name = choose.choice(NAMES)
    return [replace(hit, passage=replace(hit.passage, title=name)) for hit in hits]


def without_subject(question: Question, subject: str) -> Question:
    """The question without the words of its page's title, as one asks over a document that has one subject only."""
    stems = {word.lower()[:4] for word in read_question(subject, question.language, PACKS).words}
    rest = tuple(word for word in question.words if word.lower()[:4] not in stems)
    return replace(question, words=rest) if rest else question


def of_own(row: Asked, question: Question, search: Search, hits: list[Hit], choose: random.Random) -> Iterator[Example]:
    """The question as it is put to documents of one's own: no title names the subject, there are few documents, and the
    question may leave the subject out."""
    pages = list(dict.fromkeys(hit.passage.url for hit in hits if hit.passage.language == row.language))
    others = [url for url in pages if url not in row.related and url != row.url]
    few = {row.url, *choose.sample(others, min(len(others), choose.randrange(FEW)))} if row.url else set(pages[:FEW])
    short = without_subject(question, row.before[0]) if row.before else question
    asked_short = short if choose.random() < SHORT else question
    kind = "own answered" if row.url and row.answer else "own missing"
    chosen = [hit for hit in hits if hit.passage.url in few]
    if not chosen:
        return
    target = row if kind == "own answered" else replace(row, url="")
    yield example(kind, target, asked_short, search, untitled(chosen, choose))
    rest = [hit for hit in chosen if hit.passage.url != row.url]
    if kind == "own answered" and rest:
        yield example("own taken out", replace(row, url=""), asked_short, search, untitled(rest, choose))


def searched(question: Question, search: Search) -> list[Hit]:
    return search.find(question.query, FOUND, question.language)


def variants(row: Asked, question: Question) -> Iterator[tuple[Question, float]]:
    """The question, and as a further question of a conversation about the title."""
    yield question, 1.0
    if row.way.startswith("detail") and row.before:
        title = read_question(row.before[0], row.language, PACKS)
        stems = {word.lower()[:4] for word in title.words}
        rest = tuple(word for word in question.words if word.lower()[:4] not in stems)
        if rest and rest != question.words and title.words:
            yield replace(question, words=rest, earlier=title.words, points_back=True), FURTHER


def of_topics(search: Search, topics: list[Topic], choose: random.Random) -> Iterator[Example]:
    """Questions on topics, as they are, with their page taken out, and with their page only in other languages."""
    subjects = {(row.topic, row.language): row.question for row in asked(topics) if row.way == "subject"}
    for row in asked(topics):
        row = replace(row, before=(subjects[row.topic, row.language],))
        for question, weight in variants(row, read_question(row.question, row.language, PACKS)):
            hits, nowhere = searched(question, search), replace(row, url="")
            if question.earlier == () and (not row.answer or choose.random() < OWN):
                yield from of_own(row, question, search, hits, choose)
            if not row.answer:
                yield example("missing", nowhere, question, search, hits)
            elif choose.random() < FOREIGN:
                yield from elsewhere(row, question, search, [hit for hit in hits if hit.passage.url != row.url])
            else:
                yield example("answered", row, question, search, hits, weight)
                if row.way in TAKEN_OUT:
                    without = [hit for hit in hits if hit.passage.url not in row.related]
                    yield example("page taken out", nowhere, question, search, without, weight)


def elsewhere(row: Asked, question: Question, search: Search, hits: list[Hit]) -> Iterator[Example]:
    """The page in another language: any of its sentences counts as right."""
    pages = [hit.passage.url for hit in hits[:CANDIDATES] if hit.passage.url in row.related]
    if pages:
        one = example("elsewhere", replace(row, url=""), question, search, hits, ELSEWHERE)
        one.right = np.array([one.hits[candidate.hit].passage.url in pages for candidate in one.candidates])
        one.url = pages[0]
        yield one


def without_answer(search: Search, topics: list[Topic], choose: random.Random) -> Iterator[Example]:
    """Details that pages do not give, from patterns, and questions on nothing in the sample."""
    texts = [
        (code, "pattern", pattern.format(title=topic.pages[code].title))
        for topic in topics for code in LANGUAGES for pattern in choose.sample(WORDINGS["missing"][code], PATTERNS)
    ] + [(code, "absent", text) for code in LANGUAGES for text in absent(code, train=True)]  # fmt: skip
    for code, kind, text in texts:
        question = read_question(text, code, PACKS)
        hits, row = searched(question, search), nothing(code, text)
        yield example(kind, row, question, search, hits)
        yield from of_own(row, question, search, hits, choose)


def nothing(code: str, text: str) -> Asked:
    return Asked("", "", code, text, "", "", frozenset())


def colloquial(search: Search) -> Iterator[Example]:
    for row, right in colloquial_halves()[0]:
        question = read_question(row.question, row.language, PACKS)
        hits = searched(question, search)
        if not right:
            yield example(f"colloquial {row.way}", row, question, search, hits)
            continue
        yield example("colloquial answered", row, question, search, hits, right=right)
        page = row.url.rpartition("/")[2]
        without = [hit for hit in hits if hit.passage.url.rpartition("/")[2] != page]
        yield example("colloquial page taken out", replace(row, url=""), question, search, without)


def everyday() -> Iterator[Example]:
    """Questions on short documents, those alone also with questions on another document in their language."""
    documents, choose = read_everyday(), random.Random(0)
    for together in sets_of(documents):
        with indexed(together) as search:
            for document in together:
                rows = [(document.name, *asked_of) for asked_of in document.asked]
                if len(together) == 1:
                    others = [other for other in documents if other.language == document.language and other != document]
                    rows += [("", choose.choice(choose.choice(others).asked)[0]) for _ in range(OTHERS)]
                for name, text, *right in rows:
                    url = name if right else ""
                    row = Asked("", document.name, document.language, text, "", url, frozenset())
                    question = read_question(text, document.language, PACKS)
                    kind = "everyday answered" if right else "everyday missing" if name else "everyday elsewhere"
                    yield example(kind, row, question, search, searched(question, search), right=right)


def examples(search: Search) -> Iterator[Example]:
    topics, choose = halves()[0], random.Random(0)
    yield from of_topics(search, topics, choose)
    yield from without_answer(search, topics, choose)
    yield from colloquial(search)
    yield from everyday()


Parameters = list[Floats]


def minimized(
    parameters: Parameters, gradient: Callable[[Parameters], tuple[float, Parameters]], steps: int
) -> Layers:  # fmt: skip
    """Adam over all examples at once, with a rate that falls to nothing as a cosine."""
    first = [np.zeros_like(values) for values in parameters]
    second = [np.zeros_like(values) for values in parameters]
    for step in range(1, steps + 1):
        loss, slopes = gradient(parameters)
        rate = RATE * 0.5 * (1 + np.cos(np.pi * (step - 1) / steps))
        for values, slope, mean, square in zip(parameters, slopes, first, second, strict=True):
            mean += 0.1 * (slope - mean)
            square += 0.001 * (slope * slope - square)
            values -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        if step % 50 == 0:
            print(f"step {step}: loss {loss:.4f}", flush=True)
    hidden, bias, out, offset = (np.round(values, FEWER_DIGITS) for values in parameters)
    return Layers(hidden, bias, out, float(offset[0]))


def started(inputs: int, hidden: int) -> Parameters:
    random_numbers = np.random.default_rng(0)
    first = random_numbers.normal(0, inputs**-0.5, (inputs, hidden))
    return [first, np.zeros(hidden), random_numbers.normal(0, 0.3, hidden), np.zeros(1)]


def compared(row: Example) -> np.ndarray:
    """Which sentences the ranking is trained to compare: those of the pages that answer and of the first others."""
    hits = np.array([candidate.hit for candidate in row.candidates])
    answers = set(hits[row.right].tolist())
    others = [number for number in range(len(row.hits)) if number not in answers][:RIVALS]
    return np.isin(hits, [*answers, *others])


def trained_ranking(rows: list[Example]) -> Layers:
    """Cross-entropy over the sentences of each question; its offset says nothing and stays 0."""
    kept = [compared(row) for row in rows]
    sizes = np.array([int(mask.sum()) for mask in kept])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    x = np.concatenate([row.rows[mask] for row, mask in zip(rows, kept, strict=True)])
    right = np.concatenate([row.right[mask] for row, mask in zip(rows, kept, strict=True)])
    weight = np.array([row.weight * next((w for kind, w in RANKED.items() if row.kind.startswith(kind)), 1.0)
                       for row in rows])  # fmt: skip
    weight /= weight.sum()

    def gradient(parameters: Parameters) -> tuple[float, Parameters]:
        hidden, bias, out, offset = parameters
        units = np.tanh(x @ hidden + bias)
        scores = units @ out
        odds = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), sizes))
        total, held = np.add.reduceat(odds, starts), np.add.reduceat(odds * right, starts)
        loss = float((weight * np.log(total / held)).sum()) + DECAY * float((hidden**2).sum() + (out**2).sum())
        slope = odds * np.repeat(weight / total, sizes) - odds * right * np.repeat(weight / held, sizes)
        units_slope = np.outer(slope, out) * (1 - units * units)
        return loss, [
            x.T @ units_slope + 2 * DECAY * hidden, units_slope.sum(0), units.T @ slope + 2 * DECAY * out,
            np.zeros_like(offset),
        ]  # fmt: skip

    return minimized(started(x.shape[1], HIDDEN), gradient, STEPS)


def trained_answering(rows: list[Example], ranking: Layers) -> Layers:
    """Logistic loss of whether the best sentence is on the page that answers."""
    seen: list[Floats] = []
    answers: list[bool] = []
    weights: list[float] = []
    for row in rows:
        probabilities, shares = ranked(row.language, row.hits, row.candidates, row.rows, ranking)
        seen.append(answering_row(row.hits, row.candidates, row.rows, probabilities, shares))
        answers.append(is_answered(row, probabilities, shares))
        kind = "wrong" if row.url and not answers[-1] else row.kind
        weights.append(WEIGHTS[kind] * row.weight)
    x, y, weight = np.array(seen), np.array(answers, float), np.array(weights) / sum(weights)

    def gradient(parameters: Parameters) -> tuple[float, Parameters]:
        hidden, bias, out, offset = parameters
        units = np.tanh(x @ hidden + bias)
        scores = units @ out + offset[0]
        loss = float((weight * (np.logaddexp(0, scores) - y * scores)).sum())
        loss += GATE_DECAY * float((hidden**2).sum() + (out**2).sum())
        slope = weight * (1 / (1 + np.exp(-scores)) - y)
        units_slope = np.outer(slope, out) * (1 - units * units)
        return loss, [
            x.T @ units_slope + 2 * GATE_DECAY * hidden, units_slope.sum(0), units.T @ slope + 2 * GATE_DECAY * out,
            np.array([slope.sum()]),
        ]  # fmt: skip

    return minimized(started(x.shape[1], GATE_HIDDEN), gradient, GATE_STEPS)


def is_answered(row: Example, probabilities: Floats, shares: Sequence[float]) -> bool:
    """Whether the best passage is on the page that answers; in a short document, whether what would be quoted of it
    holds the answer."""
    best = best_passage(row.candidates, shares)
    hit = row.hits[best]
    if not row.url or hit.passage.url != row.url:
        return False
    if not row.kind.startswith("everyday"):
        return True
    start, end = best_span(best, row.candidates, probabilities, hit.passage.text)
    pairs = zip(row.candidates, row.right, strict=True)
    return any(right for one, right in pairs if one.hit == best and start <= one.start and one.end <= end)


def stored(ranking: Layers, answering: Layers) -> str:
    """The file, one line for each key."""
    networks = {
        name: {"offset": layers.offset, "out": layers.out.tolist(), "bias": layers.bias.tolist(),
               "hidden": layers.hidden.tolist()}
        for name, layers in (("ranking", ranking), ("answering", answering))
    }  # fmt: skip
    table = {"features": FEATURES, "threshold": THRESHOLD, **networks}
    lines = (f'"{key}": {json.dumps(value)}' for key, value in table.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    search = Search(sample_run(LANGUAGES, print).folder("index"), PACKS)
    rows = [row for row in examples(search) if len(row.rows)]
    ranked_rows = [row for row in rows if row.right.any()]
    print(f"{len(rows)} examples, {len(ranked_rows)} with an answer", flush=True)
    ranking = trained_ranking(ranked_rows)
    text = stored(ranking, trained_answering(rows, ranking))
    if options.check:
        same = text == FILE.read_text("utf-8")
        print("the same" if same else f"{FILE.name} is not what this script writes")
        raise SystemExit(not same)
    FILE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
