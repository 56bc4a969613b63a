"""Dense search, a second channel: a model's embeddings of the passages, compared by cosine, across languages.

Every question reads all embeddings. That is fine for some hundred thousand passages, and too slow for tens of millions.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from anatili.atomic_files import whole_file
from anatili.problem import Problem
from anatili.text import show_path

FOLDER, FACTS = "dense", "vectors.json"
BATCH = 32
"""Passages sent in one request."""
PER_FILE = 256
"""Passages in one file of embeddings. An interrupted build loses at most this many."""
SHORTEST = 64
"""Characters. A text shorter than this was not refused because of its length."""
NEAREST = 50
"""Passages that dense search returns."""
FEW = 20
"""Smoothing of a language's mean embedding: with this many passages, half of it is the mean of the whole index."""
REMAKE = "make them with: anatili embed RUN"


class Embedder(Protocol):
    """An engine that makes embeddings. It may have a `passage_prefix` and a `query_prefix`, which its model expects
    before texts, and a `close`: how close a passage in another language must be to count as an answer."""

    name: str

    def embed(self, texts: Sequence[str | Sequence[int]]) -> list[list[float]]: ...


class DenseHit(NamedTuple):
    """A passage found by its embedding, and its closeness: the cosine minus the usual cosine of its language."""

    id: str
    closeness: float


def build(
    folder: Path,
    engine: Embedder,
    passage_prefix: str | None = None,
    query_prefix: str | None = None,
    tell: Callable[[int], None] = lambda count: None,
) -> int:
    """Embed all passages of the index in `folder`, resuming where it stopped, and return their number.

    Some models expect prefixes before a passage and before a question; None takes those of the engine.
    """
    import numpy as np
    import pyarrow.parquet as pq

    shards = sorted(folder.glob("part-*.parquet"))
    if not shards:
        raise Problem(f"no search index in {show_path(folder)}; finish the run: anatili run RECIPE")
    if passage_prefix is None:
        passage_prefix = getattr(engine, "passage_prefix", "")
    if query_prefix is None:
        query_prefix = getattr(engine, "query_prefix", "")
    begin(
        folder,
        {
            "model": engine.name,
            "passage_prefix": passage_prefix,
            "query_prefix": query_prefix,
            "index": index_of(folder),
        },
    )
    total = 0
    for shard in shards:
        rows = pq.read_table(shard, columns=["title", "text"]).to_pylist()
        total += len(rows)
        for target, start in files_of(folder / FOLDER, shard, len(rows)):
            passages = rows[start : start + PER_FILE]
            if target.exists():
                tell(len(passages))
                continue
            embeddings: list[list[float]] = []
            for at in range(0, len(passages), BATCH):
                texts = [f"{passage_prefix}{row['title']}. {row['text']}" for row in passages[at : at + BATCH]]
                embeddings += embed_texts(engine, texts)
                tell(len(texts))
            with whole_file(target) as temporary, temporary.open("wb") as out:
                np.save(out, unit(np.array(embeddings, dtype=np.float32)).astype(np.float16))
    return total


def begin(folder: Path, facts: dict[str, str]) -> None:
    """Write down what makes the embeddings of an index; remove those of an earlier index."""
    target = folder / FOLDER
    if (target / FACTS).is_file():
        existing = read_facts(folder)
        if {**existing, "index": ""} != {**facts, "index": ""}:
            raise Problem(
                f"{show_path(target)} holds embeddings from another model or with other prefixes; remove that folder"
            )
        if existing["index"] != facts["index"]:
            shutil.rmtree(target)
    target.mkdir(exist_ok=True)
    with whole_file(target / FACTS) as temporary:
        temporary.write_text(json.dumps(facts, ensure_ascii=False), "utf-8")


def index_of(folder: Path) -> str:
    """The digest of the index in `folder`, which ties its embeddings to it; "" if no run made it."""
    record = folder / "record.json"
    return str(json.loads(record.read_text("utf-8")).get("content", "")) if record.is_file() else ""


def read_facts(folder: Path) -> dict[str, str]:
    """What made the embeddings of the index in `folder`; {} if there are none."""
    file = folder / FOLDER / FACTS
    try:
        facts: dict[str, str] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
        return {"index": "", **facts} if facts else {}
    except (ValueError, TypeError) as error:
        raise Problem(
            f"{show_path(file)} is damaged: {error}; remove that folder and make the embeddings again"
        ) from error


def files_of(folder: Path, shard: Path, count: int) -> Iterator[tuple[Path, int]]:
    """The embedding files of a shard with `count` passages, and the index of the first passage in each."""
    for start in range(0, count, PER_FILE):
        yield folder / f"{shard.stem}.{start // PER_FILE:04}.npy", start


def embed_texts(engine: Embedder, texts: Sequence[str]) -> list[list[float]]:
    """Embeddings of texts. A text that is too long for the model is halved until the model takes it."""
    try:
        return engine.embed(texts)
    except Problem:
        if len(texts) == 1 and len(texts[0]) < SHORTEST:
            raise
    if len(texts) == 1:
        return embed_texts(engine, [texts[0][: len(texts[0]) // 2]])
    return [embedding for text in texts for embedding in embed_texts(engine, [text])]


def unit(vectors: Any) -> Any:
    """Vectors scaled to length one."""
    import numpy as np

    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


class Dense:
    """The embeddings of an index, and the model that embeds questions."""

    def __init__(self, folder: Path, engine: Embedder) -> None:
        self.index, self.folder, self.engine = folder, folder / FOLDER, engine
        self.facts = read_facts(folder)
        if not self.facts:
            raise Problem(f"no embeddings in {show_path(folder)}; {REMAKE}")
        if self.facts["model"] != engine.name:
            raise Problem(f"the embeddings in {show_path(folder)} are by {self.facts['model']}, not by {engine.name}")
        if self.facts["index"] != index_of(folder):
            raise Problem(f"the embeddings in {show_path(folder)} are of an earlier index; {REMAKE}")
        self.close = float(getattr(engine, "close", 2.0))
        """Lowest closeness at which a passage in another language counts as an answer; 2: none does."""

    @cached_property
    def parts(self) -> list[tuple[list[str], Any, Any]]:
        """Ids, languages and embeddings, file by file; the embeddings are memory-mapped."""
        import numpy as np
        import pyarrow.parquet as pq

        parts = []
        for shard in sorted(self.index.glob("part-*.parquet")):
            table = pq.read_table(shard, columns=["id", "language"])
            ids, languages = table["id"].to_pylist(), np.array(table["language"].to_pylist(), dtype=object)
            for file, start in files_of(self.folder, shard, len(ids)):
                if not file.is_file():
                    raise Problem(f"{show_path(file)} is missing; {REMAKE}")
                embeddings = np.load(file, mmap_mode="r", allow_pickle=False)
                if len(embeddings) != len(ids[start : start + PER_FILE]):
                    raise Problem(f"{show_path(file)} is of another index; remove that folder and make it again")
                parts.append((ids[start : start + PER_FILE], languages[start : start + PER_FILE], embeddings))
        return parts

    @cached_property
    def means(self) -> dict[str, Any]:
        """The mean embedding of each language.

        A multilingual model puts texts of one language close together, whatever they are about. Without subtracting
        that, any passage in the question's language is closer to it than the right passage in another language.
        """
        sums: dict[str, Any] = {}
        counts: dict[str, int] = {}
        for _, languages, embeddings in self.parts:
            for code in dict.fromkeys(languages):
                own = embeddings[languages == code].astype("float32")
                sums[code] = sums.get(code, 0.0) + own.sum(0)
                counts[code] = counts.get(code, 0) + len(own)
        total = sum(sums.values()) / max(1, sum(counts.values()))
        return {code: (sums[code] + FEW * total) / (counts[code] + FEW) for code in sums}

    def nearest(self, question: str, limit: int = NEAREST, only: str = "") -> list[DenseHit]:
        """The passages closest to a question, closest first; `only` restricts them to one language."""
        import numpy as np

        query = unit(np.array(self.engine.embed([self.facts["query_prefix"] + question])[0], dtype=np.float32))
        usual = {code: float(mean @ query) for code, mean in self.means.items()}
        best: list[tuple[float, str]] = []
        for ids, languages, embeddings in self.parts:
            scores = embeddings.astype(np.float32) @ query - np.array([usual[code] for code in languages], np.float32)
            if only:
                scores[languages != only] = -np.inf
            top = np.argsort(-scores, kind="stable")[:limit]
            best = sorted([*best, *((-float(scores[n]), ids[n]) for n in top if np.isfinite(scores[n]))])[:limit]
        return [DenseHit(number, -score) for score, number in best]
