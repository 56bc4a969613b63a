"""`release`: the folder to publish, with model, cards, manifest of every document and checksums."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import anatili
from anatili.atomic_files import write_json
from anatili.document import Document, Duplicate, Kept, Lost, Mark, read_shard, write_shard
from anatili.problem import Problem
from anatili.recipe import Recipe, load_recipe
from anatili.release.contents import OF_A_STAGE, content_of, write_sums
from anatili.release.facts import Facts, facts_of, facts_of_corpus
from anatili.release.render import write_cards
from anatili.run import Record, Run, command_without_secrets, plain
from anatili.stage import Task
from anatili.stage_table import STAGES
from anatili.takedown_log import TAKEN_DOWN
from anatili.text import digest as text_digest
from anatili.text import show_path
from anatili.urls import without_keys_anywhere

NAMES = [stage.name for stage in STAGES]
OF_A_CORPUS = tuple(NAMES[: NAMES.index("cut") + 1])
"""The stages that make a corpus."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of `documents/*.parquet`: an extracted document, how it was used and why."""

    id: str
    url: str
    title: str
    source: str
    license: str
    time: str
    opt_out: str
    charset: str
    use: str
    """`training`, `held-out` or `lost`."""
    reason: str
    extracted_sha256: str
    """Digest of the text as extracted."""
    corpus_sha256: str
    """Digest of the text as in the corpus, with personal data masked; "" if lost."""
    duplicate_of: str
    marks: str
    """Every mark, as JSON."""


def run(task: Task) -> dict[str, Any]:
    """Write model/, documents/, manifest.json, every card and machine-readable description, and SHA256SUMS."""
    task.progress.start(5, "parts")
    own_run = Run(task.out.parent)
    records = {name: record for name in task.inputs if (record := own_run.record(name))}
    shutil.copytree(task.inputs["tune"] / "model", task.out / "model", dirs_exist_ok=True)
    task.progress.advance()
    counts = write_documents(task.inputs, task.out)
    task.progress.advance()
    write_manifest(task.out, task.recipe, records)
    task.progress.advance()
    model = content_of(task.out, "model/")
    write_cards(task.out, facts_of(task, records, counts), model)
    task.progress.advance()
    write_sums(task.out, model, leave_out=OF_A_STAGE)
    task.progress.advance()
    return {"documents": dict(sorted(counts.items())), "parameters": records["pretrain"].summary["parameters"]}


def write_documents(inputs: Mapping[str, Path], out: Path) -> Counter[str]:
    """Write the list of all documents, in the shards of `extract`; returns the counts by use. `inputs`: stage ->
    folder."""
    counts: Counter[str] = Counter()
    for shard in sorted(inputs["extract"].glob("part-*.parquet")):
        entries = list(entries_of(shard, inputs))
        counts.update(entry.use for entry in entries)
        write_shard(out / "documents" / shard.name, Entry, entries)
    return counts


def entries_of(shard: Path, inputs: Mapping[str, Path]) -> Iterator[Entry]:
    cut, name = inputs["cut"], shard.name
    kept = {row.id: row for row in read_shard(cut / name, Kept)}
    held_out = {row.id: row for row in read_shard(cut / "held-out" / name, Kept)}
    lost = {row.id: row for row in read_shard(cut / "lost" / name, Lost)}
    parts = (
        read_shard(shard, Document),
        read_shard(inputs["mark"] / name, Mark),
        read_shard(inputs["dedup"] / name, Duplicate),
    )
    for document, mark, duplicate in zip(*parts, strict=True):
        in_corpus = kept.get(document.id) or held_out.get(document.id)
        loss = lost.get(document.id)
        yield Entry(
            **{
                name: getattr(document, name)
                for name in ("id", "url", "source", "license", "time", "opt_out", "charset")
            },
            title="" if loss and loss.reason == TAKEN_DOWN else document.title,
            use="training" if document.id in kept else "held-out" if in_corpus else "lost",
            reason=published_reason(loss) if loss else "",
            extracted_sha256=text_digest(document.text),
            corpus_sha256=text_digest(in_corpus.text) if in_corpus else "",
            duplicate_of=duplicate.of,
            marks=json.dumps(asdict(mark), ensure_ascii=False),
        )


def published_reason(loss: Lost) -> str:
    """Why a document is not in the corpus; what the owner of one that was taken down wrote stays in the run."""
    return TAKEN_DOWN if loss.reason == TAKEN_DOWN else f"{loss.reason}: {loss.detail}"


def write_manifest(out: Path, recipe: Recipe, records: Mapping[str, Record]) -> None:
    """Write `manifest.json` (recipe and records, the same for equal runs) and `provenance.json` (who, when, where)."""
    stages = {
        name: {key: value for key, value in asdict(record).items() if key != "provenance"}
        for name, record in records.items()
    }
    stages = without_folder(plain(stages), folder_of_sources(records["collect"]))
    write_json(
        out / "manifest.json",
        {
            "name": recipe.name,
            "made_by": "anatili " + anatili.__version__,
            "recipe": without_keys_anywhere(recipe.model_dump()),
            "recipe_as_given": without_keys_anywhere(recipe.model_dump(exclude_unset=True)),
            "documents": "documents/*.parquet: every document with source, license, digests, marks and use",
            "stages": stages,
        },
    )
    # Once more here: earlier versions recorded commands as they were given.
    commands = {name: command_without_secrets(record.provenance.get("command", ())) for name, record in records.items()}
    told = {name: {**record.provenance, "command": commands[name]} for name, record in records.items()}
    write_json(out / "provenance.json", told)


def folder_of_sources(collected: Record) -> str:
    """The folder with all source files that the record names by absolute paths; "" if there is none."""
    named = [
        name for files in collected.identity.get("files", {}).values() for name in files if Path(name).is_absolute()
    ]
    return os.path.commonpath([Path(name).parent for name in named]) if named else ""


def without_folder(value: Any, folder: str) -> Any:
    """`value` with paths below `folder` relative to it: the folders of its makers are their own business."""
    if isinstance(value, dict):
        return {without_folder(key, folder): without_folder(row, folder) for key, row in value.items()}
    if isinstance(value, list):
        return [without_folder(row, folder) for row in value]
    return value.removeprefix(f"{folder.rstrip('/')}/") if folder and isinstance(value, str) else value


def describe_corpus(run: Run, out: Path) -> Facts:
    """Write the list of all documents and the manifest of a run that has a corpus, and return its facts.

    For a run that ends with `cut`: nothing is said about a model. `Problem` if there is no corpus yet, or if it was not
    made from what the stages before it hold now.
    """
    records = {name: record for name in OF_A_CORPUS if (record := run.record(name))}
    if len(records) < len(OF_A_CORPUS):
        raise Problem(f"{show_path(run.root)} has no corpus yet; finish it with: anatili run RECIPE --until cut")
    for record in records.values():
        for name, content in record.identity["inputs"].items():
            if name in records and records[name].content != content:
                raise Problem(
                    f"{record.stage} in {show_path(run.root)} was made from another {name}; build it again "
                    f"with: anatili run RECIPE --until cut --redo {record.stage}.."
                )
    recipe = load_recipe(run.root / "recipe.toml")
    counts = write_documents({name: run.folder(name) for name in OF_A_CORPUS}, out)
    write_manifest(out, recipe, records)
    return facts_of_corpus(recipe, records, counts, run.folder("cut"))
