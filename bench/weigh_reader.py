"""Weigh the reader against the decision's network: what WEIGHED in src/anatili/serve/decision.py has.

    python bench/weigh_reader.py               # documents: questions on bench/held.toml
    python bench/weigh_reader.py --texts       # a seventh of the questions on the topics that nothing was trained on

Prints the area under the curve of each log-odds alone, the weights of a logistic regression on both, and what comes of
the questions at some thresholds: right, another sentence quoted, and declined of those without an answer.
"""

import argparse
import random
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
from asked import LANGUAGES, PACKS, absent, asked, halves
from decision_examples import searched
from everyday import indexed
from folder_examples import read_file, sets_once
from questions import has
from sklearn.linear_model import LogisticRegression
from train_reader import area

from anatili.opening.sample_index import sample_run
from anatili.search.searcher import Hit, Search
from anatili.serve import decision
from anatili.serve.decision import CANDIDATES, decide
from anatili.serve.question import Question, read_question
from anatili.serve.translated import translated, widened

HELD = Path(__file__).with_name("held.toml")
SHARE, NOTHING = 0.14, 12
"""Share of the questions on topics, and questions on nothing in the sample in each language."""
SHARES = (0.5, 0.6, 0.7, 0.8, 0.9)
Row = tuple[float, float, bool, bool]
"""Log-odds of network and reader, whether what is quoted is right, whether there is an answer."""


def rows_of(
    question: Question, search: Search, hits: list[Hit], url: str, right: tuple[str, ...] = ()
) -> Iterator[Row]:
    """What is known of a question; `url`: of what answers it, "" for nothing."""
    seen: list[tuple[float, float]] = []

    def weighed(odds: float, read: float, where: str) -> float:
        seen.append((odds, read))
        return odds

    with patch.object(decision, "weighed", weighed):
        decided = decide(question, search, hits)
    if seen and decided.hits:
        quoted = decided.hits[0].passage.text[slice(*decided.spans[0])]
        is_right = bool(url) and decided.hits[0].passage.url == url and (not right or has(quoted, right))
        yield (*seen[-1], is_right, bool(url))


def of_documents(*, abroad: bool) -> Iterator[Row]:
    documents, others = read_file(HELD)
    for together in sets_once(documents):
        with indexed(together) as search:
            for document in together:
                url, pack = document.name, PACKS[document.language]
                for text, *right in () if abroad else document.asked:
                    question = widened(read_question(text, document.language, PACKS), PACKS, search)
                    hits = search.find(question.wide_query, CANDIDATES, question.language)
                    yield from rows_of(question, search, hits, url if right else "", tuple(right))
                for code, text, *right in others[url].abroad if abroad else ():
                    question = translated(read_question(text, code, PACKS), pack, search)
                    hits = search.find(question.wide_query, CANDIDATES, only=document.language)
                    yield from rows_of(question, search, hits, url if right else "", tuple(right))


def of_texts() -> Iterator[Row]:
    search, choose = Search(sample_run(LANGUAGES, print).folder("index"), PACKS), random.Random(4)
    for row in asked(halves()[1]):
        if choose.random() < SHARE:
            question = read_question(row.question, row.language, PACKS)
            hits = searched(question, search)
            yield from rows_of(question, search, hits[:CANDIDATES], row.url)
            if row.url:
                without = [hit for hit in hits if hit.passage.url not in row.related]
                yield from rows_of(question, search, without[:CANDIDATES], "")
    for code in LANGUAGES:
        for text in list(absent(code, train=False))[:NOTHING]:
            question = read_question(text, code, PACKS)
            yield from rows_of(question, search, searched(question, search)[:CANDIDATES], "")


def show(name: str, rows: list[Row]) -> None:
    odds, right, has_answer = (np.array([row[part] for row in rows]) for part in (slice(0, 2), 2, 3))
    fitted = LogisticRegression(C=10).fit(odds, right)
    both = odds @ fitted.coef_[0]
    areas = [round(area(right.tolist(), values.tolist()), 3) for values in (odds[:, 0], odds[:, 1], both)]
    print(f"{name}: n = {len(rows)}, {has_answer.sum()} with an answer; area of network, reader, both: {areas}")
    print(f"  weights {np.round(fitted.coef_[0], 2).tolist()}, offset {fitted.intercept_[0]:.2f}")
    for share in SHARES:
        for label, values in (("network", odds[:, 0]), ("both", both)):
            limit = np.quantile(values[~has_answer], share)
            answered = has_answer & (values > limit)
            counts = [(answered & right).sum() / has_answer.sum(), (answered & ~right).sum() / has_answer.sum()]
            print(f"  declined {share:.0%}, {label}: right {counts[0]:.3f}, wrong {counts[1]:.3f}, limit {limit:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", action="store_true", help="questions on topics instead of documents")
    if parser.parse_args().texts:
        show("texts", list(of_texts()))
        return
    show("documents", list(of_documents(abroad=False)))
    show("abroad", list(of_documents(abroad=True)))


if __name__ == "__main__":
    main()
