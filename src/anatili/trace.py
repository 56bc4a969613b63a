"""What happened to one page at each stage of a run, and why: read from the shards, nothing is recomputed."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from anatili.document import Document, Duplicate, Kept, Lost, Mark
from anatili.problem import Problem
from anatili.run import Run
from anatili.text import number_of

Step = dict[str, Any]


def trace(run: Run, name: str) -> list[Step]:
    """The steps of the page with the address or id `name`, in order; `Problem` if the run never saw it."""
    steps = [*lost(run.folder("collect"), "lost-*.parquet", "collect", name)]
    steps += sifted(run, name)
    steps += lost(run.folder("extract"), "lost/*.parquet", "extract", name)
    for shard, row in rows(run.folder("extract"), "part-*.parquet", Document, name):
        steps.append({"stage": "extract", "what": f"became document {row['id']}", "url": row["url"],
                      "title": row["title"], "characters": len(row["text"]), "source": row["source"],
                      "licence": row["licence"], "charset": row["charset"], "opt_out": row["opt_out"]})  # fmt: skip
        steps += of_document(run, shard.name, row["id"])
    if not steps:
        raise Problem(f"{name!r} is no address or document of {run.root}; addresses must be whole, as in documents/")
    return steps


def of_document(run: Run, shard: str, identity: str) -> Iterator[Step]:
    """What `mark`, `dedup` and `cut` found and decided."""
    for _, row in rows(run.folder("mark"), shard, Mark, identity):
        yield {"stage": "mark", "what": "marked", **{key: value for key, value in row.items() if key != "id"}}
    for _, row in rows(run.folder("dedup"), shard, Duplicate, identity):
        what = f"{row['kind']} duplicate of {row['of']}" if row["of"] else "no duplicate, or the copy that is kept"
        yield {"stage": "dedup", "what": what, "likeness": row["likeness"] or ""}
    for _, row in rows(run.folder("cut"), shard, Kept, identity):
        yield {"stage": "cut", "what": f"in the corpus ({row['language']})"}
    for _, row in rows(run.folder("cut"), f"held-out/{shard}", Kept, identity):
        yield {"stage": "cut", "what": f"held out for evaluation ({row['language']})"}
    for _, row in rows(run.folder("cut"), f"lost/{shard}", Lost, identity):
        yield {"stage": "cut", "what": f"lost: {row['reason']}", "detail": row["detail"]}


def sifted(run: Run, name: str) -> Iterator[Step]:
    """Whether the gate left the address out: such pages are kept as numbers only."""
    number = number_of(name)
    for shard in sorted(run.folder("collect").glob("sifted-*.parquet")):
        if pc.any(pc.equal(pq.read_table(shard, columns=["url"])["url"], number)).as_py():
            yield {"stage": "collect", "what": "lost: sifted out", "url": name,
                   "detail": "its bytes hold too few letters of the languages that the source sifts for"}  # fmt: skip


def lost(folder: Path, pattern: str, stage: str, name: str) -> Iterator[Step]:
    for _, row in rows(folder, pattern, Lost, name):
        yield {"stage": stage, "what": f"lost: {row['reason']}", "detail": row["detail"], "url": row["url"]}


def rows(folder: Path, pattern: str, kind: type[Any], name: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Rows of the shards whose id or address is `name`."""
    columns = list(kind.__slots__)
    for shard in sorted(folder.glob(pattern)):
        table = pq.read_table(shard, columns=columns)
        hit = pc.equal(table["id"], name)
        if "url" in columns:
            hit = pc.or_(hit, pc.equal(table["url"], name))
        for row in table.filter(hit).to_pylist():
            yield shard, asdict(kind(**row))
