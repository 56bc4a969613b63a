"""What a takedown affects: documents, shards, passages, vocabulary, training sequences, SFT examples and models."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anatili.document import Kept, read_shard
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.recipe import Recipe
from anatili.refine.near_copies import NearCopies, NearCopy
from anatili.refine.pairs import files_of
from anatili.run import Run
from anatili.takedown.names import Names
from anatili.takedown_log import Takedown, Takedowns, TakenDocument, plain_host, read_takedowns, remembered
from anatili.text import show_path
from anatili.tokenizer.train import learned_from
from anatili.train import dpo, sft_examples
from anatili.urls import host_of


@dataclass(frozen=True)
class Request:
    """What is to be taken down, and why."""

    names: Names
    reason: str
    copies: bool = True
    """Whether near copies are taken down too."""


@dataclass(frozen=True)
class Affected:
    """Takedowns that have not been made yet, and what they would affect."""

    entries: tuple[Takedown, ...]
    training: tuple[Kept, ...]
    """The documents that the model was trained on."""
    facts: dict[str, Any]


def find_affected(run: Run, recipe: Recipe, base: Path, requests: Sequence[Request]) -> Affected:
    """Look up what the requests and near copies are in the run; nothing is changed. What was taken down before does
    not count."""
    if not run.record("cut"):
        raise Problem(f"{show_path(run.root)} has no corpus yet; make it first: anatili run RECIPE --until cut")
    examples = examples_without(run, recipe, base, read_takedowns(run.root))
    entries, remaining = new_entries(run, recipe, base, requests, examples)
    gone = {name for entry in entries for name in (*(one.id for one in entry.documents), *entry.copies)}
    training = tuple(rows_of(run.folder("cut"), "part-*.parquet", gone))
    facts = {
        **corpus_facts(run, entries, training, gone),
        "vocabulary": vocabulary(run, recipe, gone),
        "sft_examples": len(examples) - len(remaining),
        "to_be_built_again": any(
            entry.changes_corpus or (run.record("tune") and entry.changes_examples) for entry in entries
        ),
        "models": [name for name in ("pretrain", "tune") if training and run.record(name)],
        "packages": packages(run) if gone else [],
    }
    return Affected(entries, training, facts)


def new_entries(
    run: Run, recipe: Recipe, base: Path, requests: Sequence[Request], examples: list[dict[str, Any]]
) -> tuple[tuple[Takedown, ...], list[dict[str, Any]]]:
    """The entries that the log would get for requests, and which of the examples for tuning remain then."""
    before = after = read_takedowns(run.root)
    is_tuned = run.record("tune") is not None
    for request in requests:
        entry = entry_of(run, request, after, recipe.dedup.min_likeness if request.copies else 0.0)
        if not (entry.documents or entry.urls or entry.hosts):
            continue
        entry = replace(entry, copies=tuple(sorted(near_copies(run, entry, after))))
        remaining = examples_without(run, recipe, base, Takedowns((*after.entries, entry)))
        after = Takedowns((*after.entries, replace(entry, changes_examples=not is_tuned or remaining != examples)))
        examples = remaining
    return after.entries[len(before.entries) :], examples


def corpus_facts(run: Run, entries: Sequence[Takedown], training: Sequence[Kept], gone: set[str]) -> dict[str, Any]:
    """What takedowns take out of the corpus and its search index. `gone`: ids of all documents that go."""
    named = {document.id for entry in entries for document in entry.documents}
    held_out = list(rows_of(run.folder("cut"), "held-out/part-*.parquet", gone))
    hosts = Counter(plain_host(host_of(row.url)) for row in (*training, *held_out) if row.id not in named)
    return {
        "takedowns": [
            {
                "reason": entry.reason,
                "hosts": entry.hosts,
                "addresses": len(entry.urls),
                "documents": len(entry.documents),
                "near_copies": len(entry.copies),
            }
            for entry in entries
        ],
        "documents": {
            "named": len(named),
            "near_copies": len(gone) - len(named),
            "in_training": len(training),
            "held_out": len(held_out),
            "not_in_corpus": len(gone) - len(training) - len(held_out),
        },
        "near_copies_by_host": dict(hosts.most_common(10)),
        "shards": shards_with(run.folder("cut"), gone),
        "passages": passages_of(run, gone),
    }


def entry_of(run: Run, request: Request, before: Takedowns, min_likeness: float) -> Takedown:
    """The entry of the log for what is named, with the documents that the run has and that were not taken down yet."""
    names = request.names
    empty = Takedown(0, "", request.reason, names.urls, names.hosts, (), (), min_likeness)
    named, ids = Takedowns((empty,)), set(names.ids)
    documents: list[TakenDocument] = []
    for shard in sorted(run.folder("extract").glob("part-*.parquet")):
        table = pq.read_table(shard, columns=["id", "url"])
        rows = zip(table["id"].to_pylist(), table["url"].to_pylist(), strict=True)
        matching = [id_ for id_, url in rows if id_ in ids or named.reason(url=url)]
        ids.difference_update(matching)
        new = [id_ for id_ in matching if id_ not in before.ids]
        if new:
            documents += documents_of(run, shard, set(new))
    if ids:
        raise Problem(
            f"{min(ids)} is not the id of a document of {show_path(run.root)}; ids are in documents/ of release"
        )
    urls = [
        *names.urls,
        *(document.url for document in documents if host_of(document.url) and not named.of_host(document.url)),
    ]
    new_urls = tuple(url for url in dict.fromkeys(urls) if not before.reason(url=url))
    new_hosts = tuple(host for host in names.hosts if not before.of_host(f"https://{host}"))
    return replace(empty, urls=new_urls, hosts=new_hosts, documents=tuple(documents))


def documents_of(run: Run, shard: Path, ids: set[str]) -> list[TakenDocument]:
    """What is remembered of the documents with these ids in a shard of `extract`."""
    signed = pq.read_table(
        run.folder("dedup") / "signatures" / shard.name,
        columns=["id", "hashes"],
        filters=pc.is_in(pc.field("id"), pa.array(sorted(ids))),
    )
    hashes = dict(zip(signed["id"].to_pylist(), signed["hashes"].to_pylist(), strict=True))
    table = pq.read_table(shard, columns=["id", "url", "text"], filters=pc.is_in(pc.field("id"), pa.array(sorted(ids))))
    return [remembered(row["id"], row["url"], row["text"], hashes[row["id"]]) for row in table.to_pylist()]


def near_copies(run: Run, entry: Takedown, before: Takedowns) -> dict[str, NearCopy]:
    """The documents of the run that are near copies of those in the entry."""
    search = NearCopies(Takedowns((entry,)))
    named = {document.id for document in entry.documents}
    copies: dict[str, NearCopy] = {}
    for shard in sorted((run.folder("dedup") / "signatures").glob("part-*.parquet")):
        copies |= search.in_shard(shard)
    return {id_: copy for id_, copy in copies.items() if id_ not in named and id_ not in before.ids}


def rows_of(folder: Path, pattern: str, ids: set[str]) -> list[Kept]:
    """The documents with these ids in the shards of the corpus."""
    rows = []
    for shard in sorted(folder.glob(pattern)):
        present = ids.intersection(pq.read_table(shard, columns=["id"])["id"].to_pylist())
        if present:
            rows += [row for row in read_shard(shard, Kept) if row.id in present]
    return rows


def shards_with(folder: Path, ids: set[str]) -> int:
    """How many shards of the corpus hold one of the documents."""
    shards = (*folder.glob("part-*.parquet"), *folder.glob("held-out/part-*.parquet"))
    return sum(not ids.isdisjoint(pq.read_table(shard, columns=["id"])["id"].to_pylist()) for shard in shards)


def passages_of(run: Run, ids: set[str]) -> int:
    """How many passages of the search index are from the documents."""
    tables = (pq.read_table(shard, columns=["document"]) for shard in run.folder("index").glob("part-*.parquet"))
    wanted = pa.array(sorted(ids), pa.string())
    return sum(pc.sum(pc.is_in(table["document"], wanted)).as_py() or 0 for table in tables)


def vocabulary(run: Run, recipe: Recipe, ids: set[str]) -> dict[str, int] | None:
    """How many documents the vocabulary was learned from, and how many of them are taken down; None without one."""
    if not run.record("tokenizer"):
        return None
    shards = sorted(run.folder("cut").glob("part-*.parquet"))
    learned = [row.id for row in learned_from(shards, recipe.tokenizer, recipe.language)]
    return {"learned_from": len(learned), "taken_down": len(ids.intersection(learned))}


def examples_without(run: Run, recipe: Recipe, base: Path, takedowns: Takedowns) -> list[dict[str, Any]]:
    """The SFT examples and preferences that takedowns leave; none if the run is not tuned."""
    if not run.record("tune"):
        return []
    examples = list[dict[str, Any]]()
    if recipe.tune.epochs:
        packs = {code: load_pack(code) for code in recipe.languages}
        pairs = files_of(run.folder("pairs"), recipe.pairs)
        examples += [
            row
            for row in sft_examples.all_examples(recipe.tune, base, packs, pairs, takedowns)
            if not recipe.tune.kinds or row["kind"] in recipe.tune.kinds
        ]
    if recipe.tune.preferences:
        preferences = dpo.read_preferences(sft_examples.existing_file(recipe.tune.preferences, base))
        examples += [row for row in preferences if not dpo.is_taken_down(row, takedowns)]
    return examples


def packages(run: Run) -> list[str]:
    """What was made of the model for others: the released folder, and bundled models that were packed from it."""
    released = run.record("release")
    if not released:
        return []
    from anatili import models

    bundled = {name: models.find(name) for name in models.names()}
    descriptions = {name: models.describe(folder) for name, folder in bundled.items() if folder}
    packed = [name for name, row in descriptions.items() if row["made_from"]["release"] == released.content]
    return ["release", *packed]
