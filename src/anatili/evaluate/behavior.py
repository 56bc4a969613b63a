"""What a model knows by heart of the corpus it was trained on, and what of a test stands in that corpus."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from anatili.document import Kept, read_shard
from anatili.evaluate.likelihood import Likelihood
from anatili.evaluate.texts import TextSet
from anatili.interval import wilson
from anatili.text import words

PREFIX, CONTINUATION = 32, 32
"""Tokens that are given, and that must follow exactly, for a text to count as known by heart."""
OVERLAP = 8
"""Words in a row that make a test's text count as seen."""


def memorization_row(model: Likelihood, texts: Sequence[str], language: str) -> dict[str, Any]:
    """Share of training texts whose next tokens are the likeliest, each given all before it.

    That is when a model that is given the first ones says the next ones exactly, at temperature 0.
    """
    asked = known = 0
    for text in texts:
        ids = model.ids(text)[: PREFIX + CONTINUATION]
        if len(ids) < PREFIX + CONTINUATION:
            continue
        asked += 1
        fits = [model.begin, *ids][-(model.engine.context or len(ids) + 1) :]
        scores = model.engine.score(fits, 1)[-CONTINUATION:]
        known += all(token.logprob >= token.top_logprobs[0][1] for token in scores)
    return {
        "measure": f"training texts continued by heart ({PREFIX} tokens given, {CONTINUATION} exact)",
        "language": language,
        "value": round(known / asked, 4) if asked else None,
        "interval": wilson(known, asked),
        "count": asked,
    }


def training_texts(folder: Path, language: str, count: int) -> list[str]:
    """Documents of the corpus, spread evenly over its shards."""
    shards = sorted(folder.glob("part-*.parquet"))
    each = -(-count // max(1, len(shards)))
    found = []
    for shard in shards:
        mine = (d for d in read_shard(shard, Kept) if d.language == language)
        found += [document.text for document, _ in zip(mine, range(each), strict=False)]
    return found[:count]


def contamination_rows(sets: Sequence[TextSet], folder: Path) -> list[dict[str, Any]]:
    """For each set the share of its texts that share `OVERLAP` words in a row with the training corpus."""
    wanted: dict[tuple[str, ...], set[tuple[int, int]]] = {}
    for number, text_set in enumerate(sets):
        for place, text in enumerate(text_set.texts):
            for gram in grams(text):
                wanted.setdefault(gram, set()).add((number, place))
    seen: set[tuple[int, int]] = set()
    for shard in sorted(folder.glob("part-*.parquet")):
        for document in read_shard(shard, Kept):
            for gram in grams(document.text):
                if gram in wanted:
                    seen |= wanted[gram]
    rows = []
    for number, text_set in enumerate(sets):
        hit, count = sum(place[0] == number for place in seen), len(text_set.texts)
        rows.append(
            {
                "measure": f"texts that share {OVERLAP} words in a row with the training corpus",
                "texts": text_set.name,
                "language": text_set.language,
                "value": round(hit / count, 4),
                "interval": wilson(hit, count),
                "count": count,
            }
        )
    return rows


def grams(text: str) -> Iterable[tuple[str, ...]]:
    said = [word.lower() for word in words(text)]
    return (tuple(said[start : start + OVERLAP]) for start in range(len(said) - OVERLAP + 1))
