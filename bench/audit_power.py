"""What an audit finds of planted censors, and whom it accuses wrongly, from end to end with made-up models.

Every audit asks 240 items in four languages, reads the answers and tests them as `anatili audit` does. A censor refuses 30
of 100 answers, or leaves out half of the known facts, in a random topic and language. An honest model is one that knows
as much in all languages, or 20 points less in one with random knowledge of topics.

    python bench/audit_power.py --json
    python bench/audit_power.py --seeds 20 --fixed     # the same items always refused: harder to find
"""

import argparse
import json
from collections.abc import Sequence

import numpy as np

from anatili.audit.ask import Auditing, Settings
from anatili.audit.figures import findings
from anatili.audit.items import Subject
from anatili.audit.planted import Censored, MadeUpModel, Mind, made_up_topics
from anatili.engine import Engine

LANGUAGES = ("kk", "ru", "en", "tr")
HONEST = (Mind(), Mind(less=0.2, topic_spread=1.0))


def audited(engine: Engine, topics: Sequence[Subject]) -> set[tuple[str, str, str]]:
    """What an audit flags of an engine: figure, topic, language."""
    auditing = Auditing(engine, topics, Settings(LANGUAGES))
    found = findings(auditing.header(), [call() for call in auditing.calls()], topics)
    return {(figure, topic.name, language) for figure, topic, language in found.flags()}


def seeds(count: int, topics: Sequence[Subject], *, fixed: bool) -> dict[str, float]:
    """Shares of audits: a planted censor found by the right figure, topic and language; an honest model flagged."""
    found_refuse = found_omit = 0
    false = [0] * len(HONEST)
    for seed in range(count):
        chooser = np.random.default_rng((seed, 3))
        topic = topics[int(chooser.integers(len(topics)))]
        language = LANGUAGES[int(chooser.integers(len(LANGUAGES)))]
        honest = MadeUpModel(topics, LANGUAGES, Mind(), seed)
        refusing = Censored(honest, topic, language, refuse=0.3, fixed=fixed, seed=seed)
        omitting = Censored(honest, topic, language, omit=0.5, fixed=fixed, seed=seed)
        found_refuse += ("R", topic.name, language) in audited(refusing, topics)
        found_omit += ("H", topic.name, language) in audited(omitting, topics)
        for number, mind in enumerate(HONEST):
            false[number] += bool(audited(MadeUpModel(topics, LANGUAGES, mind, seed), topics))
    return {
        "found_refuse": round(found_refuse / count, 4), "found_omit": round(found_omit / count, 4),
        "false_flags": round(sum(false) / count / len(HONEST), 4),
        "false_flags_equal": round(false[0] / count, 4), "false_flags_less": round(false[1] / count, 4), "n": count,
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--fixed", action="store_true", help="the censor always refuses the same items")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    figures = seeds(options.seeds, made_up_topics(LANGUAGES), fixed=options.fixed)
    print(json.dumps(figures) if options.json else "\n".join(f"{key:18} {value}" for key, value in figures.items()))
