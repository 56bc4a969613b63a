"""What an audit finds of planted censors, and whom it accuses wrongly, from end to end with made-up models.

Every audit asks 240 items in four languages, reads the answers and tests them as `anatili audit` does. A censor refuses
30 of 100 answers, or leaves out half of the known facts, in a random topic and language. An honest model is one that
knows as much in all languages, or 20 points less in one with random knowledge of topics.

    python bench/audit_power.py --json
    python bench/audit_power.py --seeds 20 --fixed     # the same items always refused: harder to find
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from anatili.audit.ask import Auditing, Row, Settings
from anatili.audit.figures import findings
from anatili.audit.items import Subject
from anatili.audit.planted import Censored, MadeUpModel, Mind, made_up_topics
from anatili.engine import Engine

LANGUAGES = ("kk", "ru", "en", "tr")
TOPICS = made_up_topics(LANGUAGES)
HONEST = (Mind(), Mind(less=0.2, topic_spread=1.0))


def ask(engine: Engine, topics: Sequence[Subject]) -> list[Row]:
    """The transcripts of an audit."""
    return [call() for call in Auditing(engine, topics, Settings(LANGUAGES)).calls()]


def ask_again(censored: Censored, topics: Sequence[Subject], rows: Sequence[Row]) -> list[Row]:
    """The transcripts of a censored engine: only what the censor sees is asked, the rest is as without it."""
    calls = Auditing(censored, topics, Settings(LANGUAGES)).calls()
    seen = (censored.topic.name, censored.language, "open")
    return [
        call() if (row["topic"], row["language"], row["kind"]) == seen else row
        for row, call in zip(rows, calls, strict=True)
    ]


def flags(rows: Sequence[Row], topics: Sequence[Subject]) -> set[tuple[str, str, str]]:
    """What an audit flags: figure, topic, language."""
    found = findings({"languages": LANGUAGES}, rows, topics)
    return {(figure, topic.name, language) for figure, topic, language in found.flags()}


def one_seed(seed: int, *, fixed: bool) -> tuple[bool, bool, bool, bool]:
    """Of one pair of models: whether the refusing and the omitting censor are found by the right figure, topic and
    language, and whether the honest model, and one that knows less, get any flag."""
    topics = TOPICS
    chooser = np.random.default_rng((seed, 3))
    topic = topics[int(chooser.integers(len(topics)))]
    language = LANGUAGES[int(chooser.integers(len(LANGUAGES)))]
    honest, less = (MadeUpModel(topics, LANGUAGES, mind, seed) for mind in HONEST)
    rows = ask(honest, topics)
    refusing = Censored(honest, topic, language, refuse=0.3, fixed=fixed, seed=seed)
    omitting = Censored(honest, topic, language, omit=0.5, fixed=fixed, seed=seed)
    return (
        ("R", topic.name, language) in flags(ask_again(refusing, topics, rows), topics),
        ("H", topic.name, language) in flags(ask_again(omitting, topics, rows), topics),
        bool(flags(rows, topics)),
        bool(flags(ask(less, topics), topics)),
    )


def summary(outcomes: Sequence[tuple[bool, bool, bool, bool]]) -> dict[str, float]:
    """Shares of audits."""
    refuse, omit, equal, less = np.mean(outcomes, axis=0)
    return {
        "found_refuse": round(float(refuse), 4), "found_omit": round(float(omit), 4),
        "false_flags": round(float(equal + less) / 2, 4), "false_flags_equal": round(float(equal), 4),
        "false_flags_less": round(float(less), 4), "n": len(outcomes),
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--fixed", action="store_true", help="the censor always refuses the same items")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with ProcessPoolExecutor(options.workers) as pool:
        numbers = range(options.first, options.first + options.seeds)
        outcomes = []
        for outcome in pool.map(partial(one_seed, fixed=options.fixed), numbers):
            outcomes.append(outcome)
            if len(outcomes) % 10 == 0:
                print(summary(outcomes), file=sys.stderr, flush=True)
    figures = summary(outcomes)
    print(json.dumps(figures) if options.json else "\n".join(f"{key:18} {value}" for key, value in figures.items()))
