"""What vectors add to search: questions of the sample for passages in their own language and in each other one.

    python bench/dense.py [--part odd|even]

MRR@10 and the share that finds the page among ten, with 95 % intervals (bootstrap over questions, 1,000 resamples), by
words alone, by vectors alone, by both in one order (reciprocal ranks), and as search has it: words and vectors in turn
where words cover the question, else vectors first. Then the same where the page in the language of the question is
taken out, so that one in another language must be found among all; what passages in other languages are taken for
answers; and the time it takes. The vectors are by the packaged model and kept with the index; making them takes
minutes. Two figures were chosen by these questions (`COVERS` in search/searcher.py, `close` in
engine/sentence_embeddings.py):
--part has every second one.
"""

import argparse
import time
from collections.abc import Sequence
from functools import cache

import numpy as np

from anatili.confidence_intervals import interval
from anatili.engine.sentence_embeddings import SentenceEngine
from anatili.opening.search import searched_run
from anatili.sample.crawl import topic_url
from anatili.sample.topics import Topic, read_topics
from anatili.search.dense import NEAREST, Dense, build
from anatili.search.searcher import Search, in_order

SMOOTH = 60
"""Of reciprocal ranks (Cormack et al., 2009)."""
WAYS = ("words", "vectors", "one order", "as search has it")
TIMED = 24


class Remembering(SentenceEngine):
    """The packaged model, which makes the vector of a question once."""

    def __init__(self) -> None:
        super().__init__()
        self.once = cache(lambda text: super(Remembering, self).embed([text])[0])

    def embed(self, texts: Sequence[str | Sequence[int]]) -> list[list[float]]:
        return [self.once(text) for text in texts]


def one_order(words: Sequence[str], vectors: Sequence[str]) -> list[str]:
    worth: dict[str, float] = {}
    for order in (words, vectors):
        for rank, one in enumerate(order, 1):
            worth[one] = worth.get(one, 0.0) + 1 / (SMOOTH + rank)
    return sorted(worth, key=lambda one: -worth[one])


class Meter:
    """The index of the sample, asked in each way."""

    def __init__(self) -> None:
        run, self.packs = searched_run("sample", tell=print)
        folder = run.folder("index")
        engine = Remembering()
        build(folder, SentenceEngine())
        self.words = Search(folder, self.packs)
        self.both = Search(folder, self.packs, dense=Dense(folder, engine))
        self.url = cache(lambda number: getattr(self.words.passage(number), "url", ""))

    def orders(self, question: str, prefer: str, only: str, without: str = "") -> list[list[str]]:
        """Addresses that each way finds, best first, in an index without the page `without`."""
        assert self.both.dense
        found = [hit for hit in self.words.find(question, NEAREST, prefer, only) if hit.passage.url != without]
        near = [one.id for one in self.both.dense.nearest(question, NEAREST, only) if self.url(one.id) != without]
        words = [hit.passage.id for hit in found]
        ways = (words, near, one_order(words, near), in_order(found, near))
        return [list(dict.fromkeys(map(self.url, order))) for order in ways]


def rank(found: Sequence[str], wanted: Sequence[str]) -> int:
    """Where the first of the wanted addresses stands among ten; 0: nowhere."""
    return next((place for place, one in enumerate(found[:10], 1) if one in wanted), 0)


def show(name: str, ranks: list[list[int]]) -> None:
    parts = []
    for row in zip(*ranks, strict=True):
        places = np.array(row)
        values = np.where(places > 0, 1 / np.maximum(places, 1), 0.0)
        low, high = interval(values, np.ones(len(values), np.int64), 1000, 1) or (0.0, 1.0)
        parts.append(f"{values.mean():.3f} [{low:.3f}, {high:.3f}] {np.mean(places > 0):.3f}")
    print(f"{name:16} n = {len(ranks)}  " + " | ".join(parts))


def closeness(meter: Meter, topics: Sequence[Topic], source: str, target: str) -> tuple[float, float, float]:
    """Shares of questions with a close passage in another language: any, the right one first, and none without it."""
    assert meter.both.dense
    answered = right = declined = 0
    for topic in topics:
        near = meter.both.dense.nearest(topic.pages[source].question, NEAREST, target)
        own = topic_url(topic, target)
        others = [one for one in near if meter.url(one.id) != own]
        answered += near[0].closeness >= meter.both.dense.close
        right += near[0].closeness >= meter.both.dense.close and meter.url(near[0].id) == own
        declined += others[0].closeness < meter.both.dense.close
    return answered / len(topics), right / len(topics), declined / len(topics)


def timing(meter: Meter, topics: Sequence[Topic]) -> None:
    engine = SentenceEngine()
    code = next(iter(meter.packs))
    texts = [f"passage: {topic.pages[code].title}. {topic.pages[code].text}" for topic in topics[:TIMED]]
    assert meter.both.dense
    for name, work in (
        ("a passage", lambda n: engine.embed([texts[n]])),
        ("a question, its vector", lambda n: engine.embed([f"query: {topics[n].pages[code].question}"])),
        ("a question, all passages compared", lambda n: meter.both.dense.nearest(topics[n].pages[code].question)),
        ("a question, words", lambda n: meter.words.find(topics[n].pages[code].question, 10, code)),
    ):
        began, used = time.perf_counter(), time.process_time()
        for number in range(TIMED):
            work(number)
        wall, cpu = time.perf_counter() - began, time.process_time() - used
        print(f"{name}: {1000 * wall / TIMED:.1f} ms, {1000 * cpu / TIMED:.1f} ms of a processor")


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--part", choices=("odd", "even"), help="every second topic")
    part = asked.parse_args().part
    topics = read_topics()[{"odd": 1, "even": 0}.get(part, 0) :: 2 if part else 1]
    meter = Meter()
    print(f"MRR@10 with interval, share among ten; {' | '.join(WAYS)}")
    for source in meter.packs:
        for target in sorted(meter.packs, key=lambda code: code != source):
            ranks = []
            for topic in topics:
                # In the own language as people search: all passages, those in it preferred; else in one language.
                own = source == target
                found = meter.orders(topic.pages[source].question, source if own else "", "" if own else target)
                ranks.append([rank(order, [topic_url(topic, target)]) for order in found])
            show(f"{source} -> {target}", ranks)
    print("all passages but the page in the language of the question; wanted: the page in any other")
    for source in meter.packs:
        ranks = []
        for topic in topics:
            own = topic_url(topic, source)
            wanted = [topic_url(topic, code) for code in meter.packs if code != source]
            found = meter.orders(topic.pages[source].question, source, "", own)
            ranks.append([rank(order, wanted) for order in found])
        show(f"{source} -> others", ranks)
    pairs = [(source, target) for source in meter.packs for target in meter.packs if source != target]
    rows = np.array([closeness(meter, topics, *pair) for pair in pairs])
    for name, column in zip(("answered", "by the right page", "declined without it"), rows.T, strict=True):
        print(f"passages in another language, {name}: {column.mean():.3f} ({column.min():.3f} to {column.max():.3f})")
    timing(meter, topics)


if __name__ == "__main__":
    main()
