"""How many planted test items are found in a corpus: verbatim, with a word changed, and how many others by mistake.

    python bench/contamination.py --data tumlu_kk.jsonl --task tumlu_kk --json

Plants 50 items of a set in 100,000 made-up documents and looks for all items of the set, as `evaluate --corpus` does.
The documents are drawn from the words of the set itself, at random, and from stretches of the bundled sample.
Without --data the questions of the bundled sample are the set.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

from anatili.evaluate.contamination import find_seen
from anatili.evaluate.items import Item, item_set
from anatili.evaluate.task_data import read_rows
from anatili.evaluate.task_file import EvaluationTask, load_task
from anatili.sample.topics import read_topics

SENTENCES = 8
LANGUAGE = "kk"


def items_of(name: str, data: str) -> tuple[EvaluationTask, tuple[Item, ...]]:
    """The task and its items; those of the sample where no data is named."""
    task = load_task(name)
    if data:
        task = task.with_data(Path(data))
        return task, item_set(task, read_rows(task, task.language), task.language).items
    pages = [topic.pages[LANGUAGE] for topic in read_topics()]
    rows = [
        {"id": str(n), "question": page.question, "choices": [page.answer, pages[n - 1].answer], "answer": 0}
        for n, page in enumerate(pages)
    ]
    return task, item_set(task, rows, LANGUAGE).items


def words_of(items: tuple[Item, ...]) -> list[str]:
    """Words as often as they occur in the set and the sample."""
    texts = [" ".join([str(item.row["question"]), *item.choices]) for item in items]
    texts += [topic.pages[LANGUAGE].text for topic in read_topics()]
    return [word for text in texts for word in text.split()]


def document(rng: random.Random, words: list[str], stretches: list[list[str]]) -> list[str]:
    """Made-up sentences: words at random, with stretches of three words as they occur in the sample."""
    sentences = []
    for _ in range(SENTENCES):
        parts = [rng.choice(stretches) if rng.random() < 0.4 else [rng.choice(words)] for _ in range(8)]
        sentences.append(" ".join(word for part in parts for word in part) + ".")
    return sentences


def changed(rng: random.Random, text: str, words: list[str]) -> str:
    """A text with one of its words replaced."""
    parts = text.split()
    parts[rng.randrange(len(parts))] = rng.choice(words)
    return " ".join(parts)


def corpus(
    count: int, planted: dict[int, str], words: list[str], stretches: list[list[str]], seed: int
) -> Iterator[str]:
    rng = random.Random(seed)
    for number in range(count):
        sentences = document(rng, words, stretches)
        if number in planted:
            sentences.insert(rng.randrange(len(sentences)), planted[number])
        yield " ".join(sentences)


def measure(task: EvaluationTask, items: tuple[Item, ...], documents: int, plant: int, seed: int) -> dict[str, float]:
    """Shares found, and of the items that were not planted the share found by mistake."""
    rng, words = random.Random(seed), words_of(items)
    running = [word for topic in read_topics() for word in topic.pages[LANGUAGE].text.split()]
    stretches = [running[start : start + 3] for start in range(0, len(running) - 3, 3)]
    chosen = rng.sample(list(items), min(plant, len(items) // 3))
    places = rng.sample(range(documents), len(chosen))
    facts: dict[str, float] = {"documents": documents, "planted": len(chosen), "items": len(items)}
    started = time.perf_counter()
    for kind in ("verbatim", "changed"):
        texts = [f"{item.row['question']} {item.choices[item.answer]}" for item in chosen]
        if kind == "changed":
            texts = [changed(rng, text, words) for text in texts]
        seen = find_seen(task, items, corpus(documents, dict(zip(places, texts, strict=True)), words, stretches, seed))
        planted = {item.id for item in chosen}
        facts[f"found_{kind}"] = round(len(seen & planted) / len(chosen), 4)
        facts["false_rate"] = round(len(seen - planted) / (len(items) - len(chosen)), 4)
    facts["seconds"] = round(time.perf_counter() - started, 1)
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="", help="a set of one's own, in the form that --task reads")
    parser.add_argument("--task", default="tumlu_kk")
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--planted", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    task, items = items_of(options.task, options.data)
    facts = measure(task, items, options.documents, options.planted, options.seed)
    print(json.dumps(facts) if options.json else "\n".join(f"{name}: {value}" for name, value in facts.items()))


if __name__ == "__main__":
    main()
