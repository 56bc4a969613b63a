"""What a model knows by heart of the corpus it was trained on, and what part of a test occurs in that corpus."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from anatili.confidence_intervals import wilson
from anatili.document import Kept, read_shard
from anatili.evaluate.likelihood import Likelihood
from anatili.evaluate.text_sets import TextSet
from anatili.text import words

PREFIX, CONTINUATION = 32, 32
"""Tokens that are given, and that must follow exactly, for a text to count as known by heart."""
OVERLAP = 8
"""Words in a row that make a test's text count as seen."""


def memorization_row(model: Likelihood, texts: Sequence[str], language: str) -> dict[str, Any]:
    """Share of training texts whose next tokens are the most likely ones, each given all before it.

    Exactly then a model that is given the first tokens continues with the next ones at temperature 0.
    """
    count = known = 0
    for text in texts:
        ids = model.ids(text)[: PREFIX + CONTINUATION]
        if len(ids) < PREFIX + CONTINUATION:
            continue
        count += 1
        window = [model.begin, *ids][-(model.engine.context or len(ids) + 1) :]
        scores = model.engine.score(window, 1)[-CONTINUATION:]
        known += all(token.logprob >= token.top_logprobs[0][1] for token in scores)
    return {
        "measure": f"training texts continued by heart ({PREFIX} tokens given, {CONTINUATION} exact)",
        "language": language,
        "value": round(known / count, 4) if count else None,
        "interval": wilson(known, count),
        "count": count,
    }


def training_texts(folder: Path, language: str, count: int) -> list[str]:
    """Documents of the corpus, spread evenly over its shards."""
    shards = sorted(folder.glob("part-*.parquet"))
    each = -(-count // max(1, len(shards)))
    texts = []
    for shard in shards:
        own = (d for d in read_shard(shard, Kept) if d.language == language)
        texts += [document.text for document, _ in zip(own, range(each), strict=False)]
    return texts[:count]


def contamination_rows(sets: Sequence[TextSet], folder: Path) -> list[dict[str, Any]]:
    """For each set the share of its texts that share `OVERLAP` words in a row with the training corpus."""
    places: dict[tuple[str, ...], set[tuple[int, int]]] = {}
    for number, text_set in enumerate(sets):
        for position, text in enumerate(text_set.texts):
            for gram in grams(text):
                places.setdefault(gram, set()).add((number, position))
    seen: set[tuple[int, int]] = set()
    for shard in sorted(folder.glob("part-*.parquet")):
        for document in read_shard(shard, Kept):
            for gram in grams(document.text):
                if gram in places:
                    seen |= places[gram]
    rows = []
    for number, text_set in enumerate(sets):
        shared, count = sum(pair[0] == number for pair in seen), len(text_set.texts)
        rows.append(
            {
                "measure": f"texts that share {OVERLAP} words in a row with the training corpus",
                "texts": text_set.name,
                "language": text_set.language,
                "value": round(shared / count, 4),
                "interval": wilson(shared, count),
                "count": count,
            }
        )
    return rows


def grams(text: str) -> Iterable[tuple[str, ...]]:
    lowered = [word.lower() for word in words(text)]
    return (tuple(lowered[start : start + OVERLAP]) for start in range(len(lowered) - OVERLAP + 1))
