"""A second channel of search: vectors of passages by a model, compared by their angle, whatever the language.

All vectors are read for each question: right for some hundred thousand passages, too slow for tens of millions.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from anatili.document import whole_file
from anatili.problem import Problem
from anatili.text import show_path

FOLDER, FACTS = "dense", "vectors.json"
BATCH = 32
"""Passages sent at a time."""
PIECE = 256
"""Passages of a file of vectors: of no more is the work lost when it is broken off."""
SHORTEST = 64
"""Characters of a text below which its length cannot be why it was refused."""
NEAREST = 50
"""Passages that vectors find."""
FEW = 20
"""A language of so many passages is half its own, half the whole index as to where its vectors lie in the middle."""
REMAKE = "make them: anatili embed RUN"


class Embedder(Protocol):
    """What makes vectors: an engine. It may have a `passage_prefix` and a `query_prefix`, which its model wants before
    texts, and tell how `close` a passage in another language must be to be an answer."""

    name: str

    def embed(self, texts: Sequence[str | Sequence[int]]) -> list[list[float]]: ...


class Near(NamedTuple):
    """A passage that vectors find, and how close it is: its cosine, less what is usual for its language."""

    id: str
    closeness: float


def build(
    folder: Path, engine: Embedder, passage_prefix: str | None = None, query_prefix: str | None = None,
    tell: Callable[[int], None] = lambda count: None,
) -> int:  # fmt: skip
    """Make the vectors of all passages of the index in `folder`, going on where it was broken off. How many there are.

    The prefixes are what some models want before a passage and before a question; None: what the engine says.
    """
    import numpy as np
    import pyarrow.parquet as pq

    shards = sorted(folder.glob("part-*.parquet"))
    if not shards:
        raise Problem(f"no search index in {show_path(folder)}; finish the run: anatili run RECIPE")
    before = getattr(engine, "passage_prefix", "") if passage_prefix is None else passage_prefix
    asks = getattr(engine, "query_prefix", "") if query_prefix is None else query_prefix
    begin(folder, {"model": engine.name, "passage_prefix": before, "query_prefix": asks, "index": index_of(folder)})
    total = 0
    for shard in shards:
        rows = pq.read_table(shard, columns=["title", "text"]).to_pylist()
        total += len(rows)
        for target, start in pieces(folder / FOLDER, shard, len(rows)):
            part = rows[start : start + PIECE]
            if target.exists():
                tell(len(part))
                continue
            found: list[list[float]] = []
            for at in range(0, len(part), BATCH):
                texts = [f"{before}{row['title']}. {row['text']}" for row in part[at : at + BATCH]]
                found += embedded(engine, texts)
                tell(len(texts))
            with whole_file(target) as temporary, temporary.open("wb") as out:
                np.save(out, unit(np.array(found, dtype=np.float32)).astype(np.float16))
    return total


def begin(folder: Path, facts: dict[str, str]) -> None:
    """Say what the vectors of an index are made by; those of an index that is no more are taken away."""
    place = folder / FOLDER
    if (place / FACTS).is_file():
        there = read_facts(folder)
        if {**there, "index": ""} != {**facts, "index": ""}:
            raise Problem(
                f"{show_path(place)} holds vectors by another model or with other prefixes; remove that folder"
            )
        if there["index"] != facts["index"]:
            shutil.rmtree(place)
    place.mkdir(exist_ok=True)
    with whole_file(place / FACTS) as temporary:
        temporary.write_text(json.dumps(facts, ensure_ascii=False), "utf-8")


def index_of(folder: Path) -> str:
    """The digest of the index in `folder`, by which its vectors know it; "" if it was not made by a run."""
    record = folder / "record.json"
    return str(json.loads(record.read_text("utf-8")).get("content", "")) if record.is_file() else ""


def read_facts(folder: Path) -> dict[str, str]:
    """What the vectors of the index in `folder` are made by, {} where there are none."""
    file = folder / FOLDER / FACTS
    try:
        said: dict[str, str] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
        return {"index": "", **said} if said else {}
    except (ValueError, TypeError) as error:
        raise Problem(f"{show_path(file)} is damaged: {error}; remove that folder and make the vectors anew") from error


def pieces(place: Path, shard: Path, count: int) -> Iterator[tuple[Path, int]]:
    """The files of vectors of a shard of so many passages, and which passage each begins with."""
    for start in range(0, count, PIECE):
        yield place / f"{shard.stem}.{start // PIECE:04}.npy", start


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
        self.index, self.folder, self.engine = folder, folder / FOLDER, engine
        self.facts = read_facts(folder)
        if not self.facts:
            raise Problem(f"no vectors in {show_path(folder)}; {REMAKE}")
        if self.facts["model"] != engine.name:
            raise Problem(f"the vectors in {show_path(folder)} are by {self.facts['model']}, not by {engine.name}")
        if self.facts["index"] != index_of(folder):
            raise Problem(f"the vectors in {show_path(folder)} are of an earlier index; {REMAKE}")
        self.close = float(getattr(engine, "close", 2.0))
        """Closeness from which on a passage in another language is taken for an answer; 2: none is."""

    @cached_property
    def parts(self) -> list[tuple[list[str], Any, Any]]:
        """Ids, languages and vectors, some hundred at a time; the vectors stay in their files."""
        import numpy as np
        import pyarrow.parquet as pq

        found = []
        for shard in sorted(self.index.glob("part-*.parquet")):
            table = pq.read_table(shard, columns=["id", "language"])
            ids, languages = table["id"].to_pylist(), np.array(table["language"].to_pylist(), dtype=object)
            for file, start in pieces(self.folder, shard, len(ids)):
                if not file.is_file():
                    raise Problem(f"{show_path(file)} is missing; {REMAKE}")
                vectors = np.load(file, mmap_mode="r", allow_pickle=False)
                if len(vectors) != len(ids[start : start + PIECE]):
                    raise Problem(f"{show_path(file)} is of another index; remove that folder and make it anew")
                found.append((ids[start : start + PIECE], languages[start : start + PIECE], vectors))
        return found

    @cached_property
    def middles(self) -> dict[str, Any]:
        """Where the vectors of each language lie in the middle.

        A model of many languages puts those of one together, whatever they are about. Without taking that off, any
        passage in the language of a question is closer to it than the right one in another.
        """
        sums: dict[str, Any] = {}
        counts: dict[str, int] = {}
        for _, languages, vectors in self.parts:
            for code in dict.fromkeys(languages):
                mine = vectors[languages == code].astype("float32")
                sums[code] = sums.get(code, 0.0) + mine.sum(0)
                counts[code] = counts.get(code, 0) + len(mine)
        everything = sum(sums.values()) / max(1, sum(counts.values()))
        return {code: (sums[code] + FEW * everything) / (counts[code] + FEW) for code in sums}

    def nearest(self, question: str, limit: int = NEAREST, only: str = "") -> list[Near]:
        """The passages (of the language `only`, if one is given) closest to a question, closest first."""
        import numpy as np

        wanted = unit(np.array(self.engine.embed([self.facts["query_prefix"] + question])[0], dtype=np.float32))
        usual = {code: float(middle @ wanted) for code, middle in self.middles.items()}
        best: list[tuple[float, str]] = []
        for ids, languages, vectors in self.parts:
            scores = vectors.astype(np.float32) @ wanted - np.array([usual[code] for code in languages], np.float32)
            if only:
                scores[languages != only] = -np.inf
            top = np.argsort(-scores, kind="stable")[:limit]
            best = sorted([*best, *((-float(scores[n]), ids[n]) for n in top if np.isfinite(scores[n]))])[:limit]
        return [Near(number, -score) for score, number in best]
