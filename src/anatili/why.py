"""What happened to a page at each stage of a run, and why. It is read from the shards; nothing is recomputed."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from anatili.document import Document, Duplicate, Kept, Lost, Mark, Shared, page_id, part_id
from anatili.problem import Problem
from anatili.run import Run
from anatili.takedown_log import TAKEN_DOWN, read_takedowns
from anatili.text import number_of

Step = dict[str, Any]


def page_history(run: Run, name: str) -> list[Step]:
    """The steps of the page with the address or id `name`, in order; `Problem` if the run never saw it."""
    steps = [*lost(run.folder("collect"), "lost-*.parquet", "collect", name)]
    steps += sifted(run, name)
    steps += lost(run.folder("extract"), "lost/*.parquet", "extract", name)
    for shard, row in rows(run.folder("extract"), "part-*.parquet", Document, name, with_parts=True):
        page, language = page_id(row["id"]), row["id"].partition("-")[2]
        part = f"what is in {language} on page {page}" if language else ""
        steps.append(
            {
                "stage": "extract",
                "what": f"became document {row['id']}",
                "part": part,
                "url": row["url"],
                "title": row["title"],
                "characters": len(row["text"]),
                "source": row["source"],
                "license": row["license"],
                "charset": row["charset"],
                "opt_out": row["opt_out"],
            }
        )
        steps += document_steps(run, shard.name, row["id"])
    url = next((step["url"] for step in steps if step.get("url")), name)
    if reason := read_takedowns(run.root).reason(identity=name, url=url):
        steps.append({"stage": "takedown", "what": f"{TAKEN_DOWN}: {reason}"})
    if not steps:
        raise Problem(
            f"{name!r} is not an address or document of {run.root}; write the address in full, for a row or paragraph "
            "without one FILE:NUMBER, such as book.txt:1"
        )
    return steps


def document_steps(run: Run, shard: str, identity: str) -> Iterator[Step]:
    """What `mark`, `dedup` and `cut` found and decided."""
    for _, row in rows(run.folder("mark"), shard, Mark, identity):
        yield {"stage": "mark", "what": "marked", **{key: value for key, value in row.items() if key != "id"}}
    for _, row in rows(run.folder("dedup"), shard, Duplicate, identity):
        what = f"{row['kind']} duplicate of {row['of']}" if row["of"] else "not a duplicate, or the copy that is kept"
        common = sum(len(found["spans"]) for _, found in rows(run.folder("dedup"), f"shared/{shard}", Shared, identity))
        repeats = {"lines of its host": len(row["boilerplate"]), "sentences of many documents": common // 2}
        yield {
            "stage": "dedup",
            "what": what,
            "likeness": row["likeness"] or "",
            "cut out": ", ".join(f"{count} {kind}" for kind, count in repeats.items() if count),
        }
    for _, row in rows(run.folder("cut"), shard, Kept, identity):
        yield {"stage": "cut", "what": f"in the corpus ({row['language']})"}
    for _, row in rows(run.folder("cut"), f"held-out/{shard}", Kept, identity):
        yield {"stage": "cut", "what": f"held out for evaluation ({row['language']})"}
    for _, row in rows(run.folder("cut"), f"lost/{shard}", Lost, identity):
        what = f"{TAKEN_DOWN}: {row['detail']}" if row["reason"] == TAKEN_DOWN else f"lost: {row['reason']}"
        yield {"stage": "cut", "what": what, "detail": "" if row["reason"] == TAKEN_DOWN else row["detail"]}


def sifted(run: Run, name: str) -> Iterator[Step]:
    """The step of an address that the gate rejected; such pages are stored only as hashes."""
    number = number_of(name)
    for shard in sorted(run.folder("collect").glob("sifted-*.parquet")):
        if pc.any(pc.equal(pq.read_table(shard, columns=["url"])["url"], number)).as_py():
            yield {
                "stage": "collect",
                "what": "lost: sifted out",
                "url": name,
                "detail": "its bytes have too few letters of the languages that the source sifts for",
            }


def lost(folder: Path, pattern: str, stage: str, name: str) -> Iterator[Step]:
    for _, row in rows(folder, pattern, Lost, name):
        yield {"stage": stage, "what": f"lost: {row['reason']}", "detail": row["detail"], "url": row["url"]}


def rows(
    folder: Path, pattern: str, row_class: type[Any], name: str, *, with_parts: bool = False
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Rows of the shards with the id or address `name`; `with_parts` also those split off the page with this id."""
    columns = list(row_class.__slots__)
    for shard in sorted(folder.glob(pattern)):
        table = pq.read_table(shard, columns=columns)
        matches = pc.equal(table["id"], name)
        if with_parts:
            matches = pc.or_(matches, pc.starts_with(table["id"], part_id(name, "")))
        if "url" in columns:
            matches = pc.or_(matches, pc.equal(table["url"], name))
        for row in table.filter(matches).to_pylist():
            yield shard, asdict(row_class(**row))
