"""How often the questions of the sample find the page they were written from, and how fast.

    python bench/search.py [RUN]

First and first five of a run's index (without one: of the sample's own), with 95 % Wilson intervals; chance is one page
of all.
"""

import sys
import time
from math import sqrt
from pathlib import Path

from anatili.lang import load_pack
from anatili.opening.sample_index import sample_run
from anatili.opening.search import open_search
from anatili.sample.crawl import topic_url
from anatili.sample.topics import read_topics
from anatili.search.searcher import Search


def wilson(hits: int, count: int) -> str:
    """The 95 % interval of a share (Wilson, 1927)."""
    share, z = hits / count, 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return f"{hits / count:.3f} [{middle - half:.3f}, {middle + half:.3f}]"


def main() -> None:
    topics = read_topics()
    if len(sys.argv) > 1:
        search = open_search(sys.argv[1], Path("runs"))
    else:
        packs = {code: load_pack(code) for code in topics[0].pages}
        search = Search(sample_run(list(packs), print).folder("index"), packs)
    for code in topics[0].pages:
        first = five = 0
        began = time.perf_counter()
        for topic in topics:
            found = [hit.passage.url for hit in search.find(topic.pages[code].question, 5, code)]
            first += topic_url(topic, code) in found[:1]
            five += topic_url(topic, code) in found
        taken = (time.perf_counter() - began) / len(topics)
        print(
            f"{code}: first {wilson(first, len(topics))}, first five {wilson(five, len(topics))}, "
            f"n = {len(topics)}, chance {1 / (len(topics) * 4):.3f}, {1000 * taken:.1f} ms a question"
        )


if __name__ == "__main__":
    main()
