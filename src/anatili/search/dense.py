"""A second channel of search: vectors of passages by a model behind any `/v1/embeddings`, compared by their angle.

All vectors are read for each question: right for some hundred thousand passages, too slow for tens of millions.
"""

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from anatili.document import whole_file
from anatili.problem import Problem
from anatili.text import show_path

FOLDER, FACTS = "dense", "vectors.json"
BATCH = 32
"""Passages sent at a time."""
SHORTEST = 64
"""Characters of a text below which its length cannot be why it was refused."""
BLOCK = 16_384
"""Vectors compared at a time."""
NEAREST, SMOOTH = 50, 60
"""Passages of either channel that are put in one order, by the sum of 1 / (SMOOTH + rank) (Cormack et al., 2009)."""


class Embedder(Protocol):
    """What makes vectors: an engine."""

    name: str

    def embed(self, texts: Sequence[str | Sequence[int]]) -> list[list[float]]: ...


def build(
    folder: Path, engine: Embedder, passage_prefix: str = "", query_prefix: str = "",
    tell: Callable[[int], None] = lambda count: None,
) -> int:  # fmt: skip
    """Make the vectors of all passages of the index in `folder`; shards that have theirs are kept. How many there are.

    The prefixes are what some models want before a passage and before a question, such as "passage: " and "query: ".
    """
    import numpy as np
    import pyarrow.parquet as pq

    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    facts = {"model": engine.name, "passage_prefix": passage_prefix, "query_prefix": query_prefix}
    if (place / FACTS).is_file() and json.loads((place / FACTS).read_text("utf-8")) != facts:
        raise Problem(f"{show_path(place)} holds vectors by another model or with other prefixes; remove that folder")
    shards = sorted(folder.glob("part-*.parquet"))
    if not shards:
        raise Problem(f"no search index in {show_path(folder)}; finish the run: anatili run RECIPE")
    with whole_file(place / FACTS) as temporary:
        temporary.write_text(json.dumps(facts, ensure_ascii=False), "utf-8")
    total = 0
    for shard in shards:
        rows = pq.read_table(shard, columns=["title", "text"]).to_pylist()
        total += len(rows)
        target = place / f"{shard.stem}.npy"
        if target.exists():
            tell(len(rows))
            continue
        found: list[list[float]] = []
        for at in range(0, len(rows), BATCH):
            texts = [f"{passage_prefix}{row['title']}. {row['text']}" for row in rows[at : at + BATCH]]
            found += embedded(engine, texts)
            tell(len(texts))
        with whole_file(target) as temporary, temporary.open("wb") as out:
            np.save(out, unit(np.array(found, dtype=np.float32).reshape(len(rows), -1)).astype(np.float16))
    return total


def embedded(engine: Embedder, texts: Sequence[str]) -> list[list[float]]:
    """Vectors of texts; one that the model refuses, because it is too long for it, is halved until it is taken."""
    try:
        return engine.embed(texts)
    except Problem:
        if len(texts) == 1 and len(texts[0]) < SHORTEST:
            raise
    if len(texts) == 1:
        return embedded(engine, [texts[0][: len(texts[0]) // 2]])
    return [vector for text in texts for vector in embedded(engine, [text])]


def unit(vectors: Any) -> Any:
    """Vectors made one long."""
    import numpy as np

    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


class Dense:
    """The vectors of an index, and the model that makes those of questions."""

    def __init__(self, folder: Path, engine: Embedder) -> None:
        self.folder, self.engine = folder / FOLDER, engine
        if not (self.folder / FACTS).is_file():
            raise Problem(f"no vectors in {show_path(folder)}; make them: anatili embed RUN ADDRESS")
        self.facts = json.loads((self.folder / FACTS).read_text("utf-8"))
        if self.facts["model"] != engine.name:
            raise Problem(
                f"the vectors in {show_path(folder)} are by {self.facts['model']}, the server has {engine.name}"
            )

    @cached_property
    def parts(self) -> list[tuple[list[str], Any]]:
        """Ids and vectors of each shard; the vectors stay in their files."""
        import numpy as np
        import pyarrow.parquet as pq

        found = []
        for shard in sorted(self.folder.parent.glob("part-*.parquet")):
            ids = pq.read_table(shard, columns=["id"])["id"].to_pylist()
            file = self.folder / f"{shard.stem}.npy"
            if not file.is_file():
                raise Problem(f"{show_path(file)} is missing; make it: anatili embed RUN ADDRESS")
            vectors = np.load(file, mmap_mode="r", allow_pickle=False) if ids else np.zeros((0, 1))
            if len(vectors) != len(ids):
                raise Problem(f"{show_path(file)} is of another index; remove that folder and make it anew")
            found.append((ids, vectors))
        return found

    def nearest(self, question: str, limit: int = NEAREST) -> list[str]:
        """Ids of the passages whose vectors point most nearly where the question's does, nearest first."""
        import numpy as np

        wanted = unit(np.array(self.engine.embed([self.facts["query_prefix"] + question])[0], dtype=np.float32))
        best: list[tuple[float, str]] = []
        for ids, vectors in self.parts:
            for at in range(0, len(ids), BLOCK):
                scores = vectors[at : at + BLOCK].astype(np.float32) @ wanted
                top = np.argsort(-scores, kind="stable")[:limit]
                best = sorted([*best, *((-float(scores[n]), ids[at + n]) for n in top)])[:limit]
        return [number for _, number in best]


def fused(orders: Sequence[Sequence[Any]]) -> dict[Any, float]:
    """Things of several orders in one, best first, with what they are worth."""
    worth: dict[Any, float] = {}
    for order in orders:
        for rank, one in enumerate(order, 1):
            worth[one] = worth.get(one, 0.0) + 1 / (SMOOTH + rank)
    return dict(sorted(worth.items(), key=lambda one: -one[1]))
