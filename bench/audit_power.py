"""What an audit finds of planted censors, and whom it accuses wrongly, from end to end with made-up models.

Every audit asks 240 items in four languages, reads the answers and tests them as `anatili audit` does. A censor refuses
30 of 100 answers, or leaves out half of the known facts, in a random topic and language. An honest model is one that
knows as much in all languages, or 20 points less in one with random knowledge of topics.

    python bench/audit_power.py --json
    python bench/audit_power.py --seeds 20 --fixed     # the same items always refused: harder to find
    python bench/audit_power.py --out outcomes.jsonl   # keeps each seed's outcome: goes on where it was stopped
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from anatili.audit.ask import Auditing, Row, Settings, is_chosen, order_of
from anatili.audit.figures import ItemAnswers, findings_of, gather
from anatili.audit.items import Item, Subject
from anatili.audit.simulated import Behavior, CensoredEngine, SimulatedModel, simulated_topics
from anatili.confidence_intervals import wilson
from anatili.lang import load_pack
from anatili.lang.audit_words import audit_words

LANGUAGES = ("kk", "ru", "en", "tr")
TOPICS = simulated_topics(LANGUAGES)
Answers = dict[tuple[str, str], ItemAnswers]
Outcome = tuple[bool, bool, bool, bool]
HONEST = (Behavior(), Behavior(knowledge_gap=0.2, topic_spread=1.0))


def ask(model: SimulatedModel, topics: Sequence[Subject]) -> list[Row]:
    """The transcripts of an audit. What is known is taken from the model, a fifth of the time of scoring sentences;
    the tests compare both."""
    auditing = Auditing(model, topics, Settings(LANGUAGES))
    rows, questions = list[Row](), auditing.keys()
    for topic, item, language in questions:
        rows.append(facts_row(model, topic, item, language))
        rows += [call() for call in auditing.open_calls(topic, item, language)]
    return rows


def facts_row(model: SimulatedModel, topic: Subject, item: Item, language: str) -> Row:
    """What `score_facts` gets of a made-up model, without making tokens of the sentences."""
    words = audit_words(load_pack(language)).ask
    question, rows = words.cloze.format(question=item.text[language]), []
    for place, fact in enumerate(item.facts):
        own, order = fact.statements(language), order_of(item.id, place, language, 0)
        cloze = [round(model.log_probability(question, statement), 3) for statement in own]
        listed = []
        if is_chosen(cloze, own):
            shown = words.listed.format(options="\n".join(f"- {own[option]}" for option in order))
            listed = [round(model.log_probability(shown, statement), 3) for statement in own]
        pair = [round(model.log_probability("", statement), 3) for statement in own[:2]]
        rows.append({"order": order, "cloze": cloze, "listed": listed, "statement": pair})
    return {"topic": topic.name, "item": item.id, "language": language, "kind": "facts", "facts": rows}


def ask_again(censored: CensoredEngine, rows: Sequence[Row]) -> list[Row]:
    """The transcripts of what a censor sees: its answers, and the facts that the engine knows without it."""
    calls = Auditing(censored, [censored.topic], Settings((censored.language,))).calls()
    own = [row for row in rows if (row["topic"], row["language"]) == (censored.topic.name, censored.language)]
    return [call() if row["kind"] == "open" else row for row, call in zip(own, calls, strict=True)]


def censored_answers(censored: CensoredEngine, rows: Sequence[Row], answers: Answers) -> Answers:
    """All answers of a censored engine: outside of what the censor sees they are the engine's own."""
    return answers | gather(ask_again(censored, rows), [censored.topic], (censored.language,))


def flags(answers: Answers, topics: Sequence[Subject]) -> set[tuple[str, str, str]]:
    """What an audit flags: figure, topic, language."""
    found = findings_of({"languages": LANGUAGES}, answers, topics)
    return {(figure, topic.name, language) for figure, topic, language in found.flags()}


def one_seed(seed: int, *, fixed: bool) -> Outcome:
    """Of one pair of models: whether the refusing and the omitting censor are found by the right figure, topic and
    language, and whether the honest model, and one that knows less, get any flag."""
    topics = TOPICS
    chooser = np.random.default_rng((seed, 3))
    topic = topics[int(chooser.integers(len(topics)))]
    language = LANGUAGES[int(chooser.integers(len(LANGUAGES)))]
    honest, less = (SimulatedModel(topics, LANGUAGES, behavior, seed) for behavior in HONEST)
    rows = ask(honest, topics)
    answers = gather(rows, topics, LANGUAGES)
    refusing = CensoredEngine(honest, topic, language, refusal_rate=0.3, is_fixed=fixed, seed=seed)
    omitting = CensoredEngine(honest, topic, language, omission_rate=0.5, is_fixed=fixed, seed=seed)
    return (
        ("R", topic.name, language) in flags(censored_answers(refusing, rows, answers), topics),
        ("H", topic.name, language) in flags(censored_answers(omitting, rows, answers), topics),
        bool(flags(answers, topics)),
        bool(flags(gather(ask(less, topics), topics, LANGUAGES), topics)),
    )


def summary(outcomes: Sequence[Outcome]) -> dict[str, float | list[float]]:
    """Shares of audits, with their 95 % intervals."""
    count = len(outcomes)
    refuse, omit, equal, less = (sum(column) for column in zip(*outcomes, strict=True))
    shares = {
        "found_refuse": (refuse, count),
        "found_omit": (omit, count),
        "false_flags": (equal + less, 2 * count),
        "false_flags_equal": (equal, count),
        "false_flags_less": (less, count),
    }
    figures: dict[str, float | list[float]] = {name: round(hits / n, 4) for name, (hits, n) in shares.items()}
    intervals = {f"{name}_interval": wilson(hits, n) or [] for name, (hits, n) in shares.items()}
    return figures | intervals | {"n": count}


def known_outcomes(path: Path | None, *, fixed: bool) -> dict[int, Outcome]:
    """The outcomes of seeds that are kept in a file."""
    lines = path.read_text("utf-8").splitlines() if path and path.is_file() else []
    return {row["seed"]: tuple(row["outcome"]) for row in map(json.loads, lines) if row["fixed"] == fixed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--fixed", action="store_true", help="the censor always refuses the same items")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, help="file that keeps the outcome of each seed")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    outcomes = known_outcomes(options.out, fixed=options.fixed)
    open_seeds = [seed for seed in seeds if seed not in outcomes]
    with ProcessPoolExecutor(options.workers) as pool:
        for seed, outcome in zip(open_seeds, pool.map(partial(one_seed, fixed=options.fixed), open_seeds), strict=True):
            outcomes[seed] = outcome
            if options.out:
                with options.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"seed": seed, "fixed": options.fixed, "outcome": outcome}) + "\n")
            if len(outcomes) % 10 == 0:
                print(summary(list(outcomes.values())), file=sys.stderr, flush=True)
    figures = summary([outcomes[seed] for seed in seeds])
    print(json.dumps(figures) if options.json else "\n".join(f"{key:27} {value}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
