"""How often the method taught in lesson 7 finds the planted censor, and whether it accuses the honest model beside it.

For each seed the material of the lesson is drawn as for a learner. Found means: the report of the right model flags the
right topic and language by the right figure. `guessing` is the chance of a guess among models, topics, languages, ways.

    python bench/learn_censor.py --json
"""

import argparse
import json
from collections import Counter

from anatili.learn.draw import Draw
from anatili.learn.exercises.narrative import MODELS, WAYS, found, languages, planted, topics
from anatili.learn.lesson import Lesson, lesson


def one_seed(chosen: Lesson, seed: int) -> dict[str, object]:
    """What the reports of both models flag."""
    draw = Draw(f"bench {seed}")
    model, topic, language, way = planted(chosen, draw)
    flags = {
        name: [(figure, one.name, column) for figure, one, column in found(chosen, draw, name).flags()]
        for name in MODELS
    }
    others = {name: rows for name, rows in flags.items() if name != model}
    return {
        "found": (WAYS[way], topic.name, language) in flags[model],
        "alone": [row for row in flags[model] if row[2] != "all"] == [(WAYS[way], topic.name, language)],
        "accused": any(others.values()),
        "way": way,
    }


def summary(outcomes: list[dict[str, object]]) -> dict[str, float | int]:
    count = len(outcomes)
    figures: dict[str, float | int] = {
        "n": count,
        "found": round(sum(bool(row["found"]) for row in outcomes) / count, 3),
        "found_and_nothing_else": round(sum(bool(row["alone"]) for row in outcomes) / count, 3),
        "honest_accused": round(sum(bool(row["accused"]) for row in outcomes) / count, 3),
    }
    ways = Counter(str(row["way"]) for row in outcomes)
    for way in sorted(ways):
        figures[f"found_{way}"] = round(sum(bool(row["found"]) for row in outcomes if row["way"] == way) / ways[way], 3)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    chosen = lesson(7)
    figures = summary([one_seed(chosen, seed) for seed in range(options.first, options.first + options.seeds)])
    choices = len(MODELS) * len(topics()) * len(languages(chosen)) * len(WAYS)
    figures["guessing"] = round(1 / choices, 3)
    print(json.dumps(figures) if options.json else "\n".join(f"{key:24} {value}" for key, value in figures.items()))
