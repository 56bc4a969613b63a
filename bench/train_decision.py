"""Train the decision whether a sentence answers a question, on half of the sample's topics; the other half measures it.

    python bench/train_decision.py

Writes src/anatili/serve/decision.json, the same each time on the same machine. A question is a row of sentences, those
of the passages that search finds, and "none of them"; the loss is the cross-entropy of the sentences that hold the
answer. Hard negatives: questions that their page does not answer, questions whose page is taken out (in all languages),
questions on nothing in the sample.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from asked import LANGUAGES, PACKS, Asked, absent, asked, covered, halves

from anatili.opening.sample_index import sample_run
from anatili.search.searcher import Hit, Search
from anatili.serve.decision import CANDIDATES, FILE
from anatili.serve.features import FEATURES, Candidate, features
from anatili.serve.question import Question, read_question

HIDDEN, STEPS, RATE, DECAY = 16, 400, 0.01, 1e-3
THRESHOLD = 0.45
UNANSWERED, REMOVED, ABSENT, ELSEWHERE = 0.4, 0.5, 5.0, 0.3
"""Weights of questions that their page does not answer, whose page is taken out, on nothing in the sample, and whose
page is there only in other languages; those with an answer weigh 1."""
FOUND = 14
"""Passages searched for: those on the topic may be taken out."""
FOREIGN = 0.15
"""Share of questions whose page is there only in other languages."""


@dataclass
class Example:
    """The features of a question's sentences, and the sentences that answer it."""

    rows: np.ndarray
    right: np.ndarray
    weight: float


def searched(question: Question, search: Search) -> list[Hit]:
    return search.find(question.query, FOUND, question.language)


def right_sentences(row: Asked, hits: list[Hit], candidates: list[Candidate], url: str) -> np.ndarray:
    """Which candidates hold most of the written answer."""
    held = np.zeros(len(candidates))
    for number, candidate in enumerate(candidates):
        hit = hits[candidate.hit]
        if hit.passage.url == url:
            text = hit.passage.text[candidate.start : candidate.end]
            held[number] = 0.01 + covered(text, row.answer, row.question, row.language)
    return held >= max(0.01, 0.75 * held.max()) if len(held) else held


def variants(row: Asked, question: Question, choose: random.Random) -> Iterator[tuple[Question, float]]:
    """The question, and as a further question of a conversation about the title."""
    yield question, 1.0
    if row.way.startswith("detail") and row.before:
        title = read_question(row.before[0], row.language, PACKS)
        stems = {word.lower()[:4] for word in title.words}
        rest = tuple(word for word in question.words if word.lower()[:4] not in stems)
        if rest and rest != question.words and title.words:
            yield replace(question, words=rest, earlier=title.words, points_back=True), 0.7


def examples(search: Search) -> Iterator[Example]:
    train, _ = halves()
    choose = random.Random(0)
    subjects = {(row.topic, row.language): row.question for row in asked(train) if row.way == "subject"}
    for row in asked(train):
        row = replace(row, before=(subjects[row.topic, row.language],))
        for question, weight in variants(row, read_question(row.question, row.language, PACKS), choose):
            hits = searched(question, search)
            if not row.answer:
                yield example(row, question, search, hits[:CANDIDATES], "", UNANSWERED)
                continue
            if choose.random() < FOREIGN:
                hits = [hit for hit in hits if hit.passage.url != row.url]
                yield from foreign(row, question, search, hits[:CANDIDATES])
                continue
            yield example(row, question, search, hits[:CANDIDATES], row.url, weight)
            without = [hit for hit in hits if hit.passage.url not in row.related][:CANDIDATES]
            yield example(row, question, search, without, "", REMOVED * weight)
    for language in LANGUAGES:
        for text in absent(language, train=True):
            question = read_question(text, language, PACKS)
            empty = Asked("absent", "", language, text, "", "", frozenset())
            yield example(empty, question, search, searched(question, search)[:CANDIDATES], "", ABSENT)


def example(row: Asked, question: Question, search: Search, hits: list[Hit], url: str, weight: float) -> Example:
    candidates, rows = features(question, search, hits)
    right = right_sentences(row, hits, candidates, url) if url else np.zeros(len(candidates))
    return Example(rows, right, weight)


def foreign(row: Asked, question: Question, search: Search, hits: list[Hit]) -> Iterator[Example]:
    """The page in another language: the sentence at the same place of it is taken for the right one."""
    candidates, rows = features(question, search, hits)
    page = {hit.passage.url for hit in hits} & row.related
    if not page:
        yield Example(rows, np.zeros(len(candidates)), ELSEWHERE)
        return
    right = np.array([hits[candidate.hit].passage.url in page for candidate in candidates], float)
    yield Example(rows, right, ELSEWHERE)


def train(rows: list[Example]) -> dict[str, object]:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    size = max(len(row.rows) for row in rows)
    x = torch.zeros(len(rows), size, len(FEATURES))
    there = torch.zeros(len(rows), size, dtype=torch.bool)
    right = torch.zeros(len(rows), size, dtype=torch.bool)
    for number, row in enumerate(rows):
        x[number, : len(row.rows)] = torch.tensor(row.rows, dtype=torch.float32)
        there[number, : len(row.rows)] = True
        right[number, : len(row.rows)] = torch.tensor(row.right.astype(bool))
    weight = torch.tensor([row.weight for row in rows])
    none = ~right.any(1)
    hidden = torch.nn.Linear(len(FEATURES), HIDDEN)
    out = torch.nn.Linear(HIDDEN, 1)
    optimizer = torch.optim.AdamW([*hidden.parameters(), *out.parameters()], RATE, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    order = torch.Generator().manual_seed(0)
    for step in range(STEPS):
        batch = torch.randperm(len(rows), generator=order)[:512]
        scores = out(torch.tanh(hidden(x[batch]))).squeeze(-1).masked_fill(~there[batch], -1e9)
        with_none = torch.cat([scores, torch.zeros(len(batch), 1)], 1)
        total = torch.logsumexp(with_none, 1)
        wanted = torch.cat([right[batch], none[batch, None]], 1)
        best = torch.logsumexp(with_none.masked_fill(~wanted, -1e9), 1)
        loss = ((total - best) * weight[batch]).sum() / weight[batch].sum()
        penalty = DECAY * (hidden.weight.square().sum() + out.weight.square().sum())
        optimizer.zero_grad()
        (loss + penalty).backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == STEPS - 1:
            print(f"step {step}: loss {loss.item():.4f}", flush=True)
    return {
        "features": FEATURES, "threshold": THRESHOLD, "offset": round(out.bias.item(), 4),
        "out": rounded(out.weight[0]), "bias": rounded(hidden.bias), "hidden": rounded(hidden.weight.T),
    }  # fmt: skip


def rounded(values: torch.Tensor) -> list[object]:
    return np.round(values.detach().numpy().astype(float), 4).tolist()


def main() -> None:
    search = Search(sample_run(LANGUAGES, print).folder("index"), PACKS)
    rows = [row for row in examples(search) if len(row.rows)]
    print(f"{len(rows)} examples, {sum(bool(row.right.any()) for row in rows)} with an answer", flush=True)
    lines = (f'"{key}": {json.dumps(value)}' for key, value in train(rows).items())
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
