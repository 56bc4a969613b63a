"""How much of what a model writes without a prompt occurs word for word in its training text, measured with the index.

The model is given nothing: it writes texts from the token that opens a document, drawn at temperature 1 without any
penalty, so that they are samples of what it has learned. A word counts if it is in a stretch of the corpus of at least
`WORDS` words; shorter stretches are mostly common phrases. The card of a release says it (`release/facts.py`).
"""

from typing import Any

import numpy as np

from anatili.atomic_files import write_json
from anatili.attribution.find import Attribution
from anatili.confidence_intervals import interval, wilson
from anatili.engine import Engine, Sampling, say
from anatili.problem import Problem
from anatili.run import MEMORIZED, Run
from anatili.stage import Progress, Quiet

TEXTS, TOKENS, WORDS = 100, 128, 8
RESAMPLES, SEED = 1000, 1


def measure(
    index: Attribution,
    engine: Engine,
    *,
    texts: int = TEXTS,
    tokens: int = TOKENS,
    words: int = WORDS,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Have the model write `texts` texts of at most `tokens` tokens; the share of their words that the corpus has in
    stretches of at least `words` words, with its 95 % interval by resampling texts.

    Where nothing was copied resampling says nothing: then the interval ends at that of the share of texts that have a
    stretch (Wilson), which the share of words cannot exceed.
    """
    progress = progress or Quiet()
    progress.start(texts, "texts")
    covered, sizes, longest, copied = [], [], 0, 0
    for number in range(texts):
        sampling = Sampling(max_tokens=tokens, temperature=1.0, top_p=1.0, repetition_penalty=1.0, seed=number)
        traced = index.find(say(engine, "", sampling), min_words=words, limit=10**6, documents=0)
        covered.append(traced.covered)
        sizes.append(traced.words)
        copied += bool(traced.stretches)
        longest = max([longest, *(stretch.words for stretch in traced.stretches)])
        progress.advance()
    if not sum(sizes):
        raise Problem("the model wrote no words, so there is nothing to look up in its training text")
    kept = np.array(sizes, np.int64) > 0
    ends = interval(np.array(covered, float)[kept], np.array(sizes, np.int64)[kept], RESAMPLES, SEED)
    ends = ends if sum(covered) else wilson(0, int(kept.sum()))
    return {
        "texts": texts,
        "tokens": tokens,
        "least_words": words,
        "words": sum(sizes),
        "covered": sum(covered),
        "share": round(sum(covered) / sum(sizes), 4),
        "interval": ends,
        "texts_with_one": copied,
        "longest": longest,
    }


def keep(run: Run, measured: dict[str, Any]) -> None:
    """Keep a measurement beside the index, with the corpus and the model that it is about."""
    about = {name: record.content for name in ("cut", "tune") if (record := run.record(name))}
    write_json(run.root / MEMORIZED, measured | {"about": about})
