"""Train the decision which sentence answers a question and whether it does, on half of the sample's topics.

    python bench/train_decision.py                # writes src/anatili/serve/decision.json and folders.json
    python bench/train_decision.py --check        # trains again and says whether the files are the same byte for byte
    python bench/train_decision.py --documents    # only folders.json: the decision on one's own documents

Two networks, once for the texts of a run (bench/decision_examples.py) and once for one's own documents
(bench/folder_examples.py). The ranking sees a question as a row of sentences, those of the passages that search finds;
its loss is the cross-entropy of the sentences that hold the answer; of a missing detail, those of the page on the
subject. The answering network sees the best sentence and says whether it answers. All is computed in double precision
over all examples at once and rounded, so that the files do not depend on the machine.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from asked import LANGUAGES, PACKS
from decision_examples import RANKED, RIVALS, UNRANKED, WEIGHTS, Example, examples
from folder_examples import FOLDER_WEIGHTS, folder_examples

from anatili.opening.sample_index import sample_run
from anatili.search.searcher import Search
from anatili.serve.decision import FILE, FOLDERS, Layers, answering_row, best_passage, best_span, ranked
from anatili.serve.features import FEATURES, Floats

HIDDEN, STEPS, RATE, DECAY = 16, 250, 0.03, 1e-4
"""Of the ranking network: hidden units, steps, learning rate, weight decay."""
GATE_HIDDEN, GATE_STEPS, GATE_DECAY = 8, 400, 2e-3
"""Of the answering network."""
SEEDS = 5
"""Networks trained from different starts, whose mean is used: with one alone, a question in twenty hangs on chance."""
THRESHOLD = 0.15
DIGITS = 4
"""Digits after the point of each weight."""

Parameters = list[Floats]


def minimized(parameters: Parameters, gradient: Callable[[Parameters], tuple[float, Parameters]], steps: int) -> Layers:
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
    hidden, bias, out, offset = (np.round(values, DIGITS) for values in parameters)
    return Layers(hidden, bias, out, float(offset[0]))


def started(inputs: int, hidden: int, seed: int) -> Parameters:
    random_numbers = np.random.default_rng(seed)
    first = random_numbers.normal(0, inputs**-0.5, (inputs, hidden))
    return [first, np.zeros(hidden), random_numbers.normal(0, 0.3, hidden), np.zeros(1)]


def mean_of(networks: Sequence[Layers]) -> Layers:
    """One network whose output is the mean of theirs: their hidden units side by side."""
    return Layers(
        np.concatenate([one.hidden for one in networks], axis=1),
        np.concatenate([one.bias for one in networks]),
        np.round(np.concatenate([one.out for one in networks]) / len(networks), DIGITS),
        round(float(np.mean([one.offset for one in networks])), DIGITS),
    )


def compared(row: Example) -> np.ndarray:
    """Which sentences the ranking is trained to compare: those of the pages that answer and of the first others."""
    hits = np.array([candidate.hit for candidate in row.candidates])
    answers = set(hits[row.right].tolist())
    others = [number for number in range(len(row.hits)) if number not in answers][:RIVALS]
    return np.isin(hits, [*answers, *others])


def trained_ranking(rows: list[Example], ranked_kinds: Mapping[str, float]) -> Layers:
    """Cross-entropy over the sentences of each question; its offset says nothing and stays 0. `ranked_kinds`: the
    weights of kinds of examples that begin so; others weigh 1."""
    kept = [compared(row) for row in rows]
    sizes = np.array([int(mask.sum()) for mask in kept])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    x = np.concatenate([row.rows[mask] for row, mask in zip(rows, kept, strict=True)])
    right = np.concatenate([row.right[mask] for row, mask in zip(rows, kept, strict=True)])
    weight = np.array(
        [row.weight * next((w for kind, w in ranked_kinds.items() if row.kind.startswith(kind)), 1.0) for row in rows]
    )
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
            x.T @ units_slope + 2 * DECAY * hidden,
            units_slope.sum(0),
            units.T @ slope + 2 * DECAY * out,
            np.zeros_like(offset),
        ]

    return mean_of([minimized(started(x.shape[1], HIDDEN, seed), gradient, STEPS) for seed in range(SEEDS)])


def trained_answering(rows: list[Example], ranking: Layers, by_kind: Mapping[str, float], short: str) -> Layers:
    """Logistic loss of whether the best sentence is on the page that answers. `by_kind`: weights; `short`: what kinds
    of examples on short documents begin with."""
    seen: list[Floats] = []
    answers: list[bool] = []
    weights: list[float] = []
    for row in rows:
        probabilities, shares = ranked(row.language, row.hits, row.candidates, row.rows, ranking.scores(row.rows))
        seen.append(answering_row(row.hits, row.candidates, row.rows, probabilities, shares))
        answers.append(is_answered(row, probabilities, shares, short))
        kind = "wrong" if row.has_answer and not answers[-1] else row.kind
        weights.append(by_kind[kind] * row.weight)
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
            x.T @ units_slope + 2 * GATE_DECAY * hidden,
            units_slope.sum(0),
            units.T @ slope + 2 * GATE_DECAY * out,
            np.array([slope.sum()]),
        ]

    return mean_of([minimized(started(x.shape[1], GATE_HIDDEN, seed), gradient, GATE_STEPS) for seed in range(SEEDS)])


def is_answered(row: Example, probabilities: Floats, shares: Sequence[float], short: str) -> bool:
    """Whether the best passage is on the page that answers; in a short document, whether what would be quoted of it
    holds the answer."""
    best = best_passage(row.candidates, shares)
    hit = row.hits[best]
    if not row.has_answer or hit.passage.url != row.url:
        return False
    if not row.kind.startswith(short):
        return True
    start, end = best_span(best, row.candidates, probabilities, hit.passage.text)
    pairs = zip(row.candidates, row.right, strict=True)
    return any(right for one, right in pairs if one.hit == best and start <= one.start and one.end <= end)


def stored(ranking: Layers, answering: Layers) -> str:
    """The file, one line for each key."""
    networks = {
        name: {
            "offset": layers.offset,
            "out": layers.out.tolist(),
            "bias": layers.bias.tolist(),
            "hidden": layers.hidden.tolist(),
        }
        for name, layers in (("ranking", ranking), ("answering", answering))
    }
    table = {"features": FEATURES, "threshold": THRESHOLD, **networks}
    lines = (f'"{key}": {json.dumps(value)}' for key, value in table.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def of_a_run() -> str:
    """The file of the decision on the texts of a run."""
    search = Search(sample_run(LANGUAGES, print).folder("index"), PACKS)
    rows = [row for row in examples(search) if len(row.rows)]
    ranked_rows = [row for row in rows if row.right.any() and not row.kind.startswith(UNRANKED)]
    print(f"{len(rows)} examples, {len(ranked_rows)} with an answer", flush=True)
    ranking = trained_ranking(ranked_rows, RANKED)
    return stored(ranking, trained_answering(rows, ranking, WEIGHTS, "everyday"))


def of_folders() -> str:
    """The file of the decision on one's own documents."""
    rows = [row for row in folder_examples() if len(row.rows)]
    ranked_rows = [row for row in rows if row.has_answer and row.right.any()]
    print(f"{len(rows)} examples on documents, {len(ranked_rows)} with an answer", flush=True)
    ranking = trained_ranking(ranked_rows, {})
    return stored(ranking, trained_answering(rows, ranking, FOLDER_WEIGHTS, ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--documents", action="store_true", help="only the decision on one's own documents")
    options = parser.parse_args()
    texts = {FOLDERS: of_folders()} if options.documents else {FILE: of_a_run(), FOLDERS: of_folders()}
    if options.check:
        changed = [file.name for file, text in texts.items() if text != file.read_text("utf-8")]
        print("the same" if not changed else f"not what this script writes: {', '.join(changed)}")
        raise SystemExit(bool(changed))
    for file, text in texts.items():
        file.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
