"""`release`: the folder to publish, with model, cards, manifest of every document and checksums."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template
from typing import Any

import anatili
from anatili.document import Document, Duplicate, Kept, Lost, Mark, read_shard, whole_file, write_json, write_shard
from anatili.lang import load_pack
from anatili.recipe import Recipe
from anatili.run import Record, Run, digest
from anatili.stage import Task
from anatili.text import digest as text_digest

TEMPLATES = Path(__file__).parent / "templates"


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
    """Write model/, README.md (model card), DATA.md (data card), documents/, manifest.json and SHA256SUMS."""
    task.progress.start(4, "parts")
    own_run = Run(task.out.parent)
    records = {name: record for name in task.inputs if (record := own_run.record(name))}
    shutil.copytree(task.inputs["tune"] / "model", task.out / "model", dirs_exist_ok=True)
    task.progress.advance()
    counts = write_documents(task)
    task.progress.advance()
    write_manifest(task, records)
    facts = card_facts(task, records, counts)
    for name, template in (("README.md", "model_card.md"), ("DATA.md", "data_card.md")):
        text = Template((TEMPLATES / template).read_text("utf-8")).substitute(facts)
        with whole_file(task.out / name) as temporary:
            temporary.write_text(text, "utf-8")
    task.progress.advance()
    write_checksums(task.out)
    task.progress.advance()
    return {"documents": dict(sorted(counts.items())), "parameters": records["pretrain"].summary["parameters"]}


def write_documents(task: Task) -> Counter[str]:
    """Write the list of all documents, in the shards of `extract`; returns the counts by use."""
    counts: Counter[str] = Counter()
    for shard in sorted(task.inputs["extract"].glob("part-*.parquet")):
        entries = list(entries_of(shard, task.inputs))
        counts.update(entry.use for entry in entries)
        write_shard(task.out / "documents" / shard.name, Entry, entries)
    return counts


def entries_of(shard: Path, inputs: dict[str, Path]) -> Iterator[Entry]:
    cut, name = inputs["cut"], shard.name
    kept = {row.id: row for row in read_shard(cut / name, Kept)}
    held_out = {row.id: row for row in read_shard(cut / "held-out" / name, Kept)}
    lost = {row.id: row for row in read_shard(cut / "lost" / name, Lost)}
    parts = (read_shard(shard, Document), read_shard(inputs["mark"] / name, Mark),
             read_shard(inputs["dedup"] / name, Duplicate))  # fmt: skip
    for document, mark, duplicate in zip(*parts, strict=True):
        in_corpus = kept.get(document.id) or held_out.get(document.id)
        loss = lost.get(document.id)
        yield Entry(
            **{name: getattr(document, name) for name in ("id", "url", "title", "source", "license", "time", "opt_out",
                                                           "charset")},
            use="training" if document.id in kept else "held-out" if in_corpus else "lost",
            reason=f"{loss.reason}: {loss.detail}" if loss else "",
            extracted_sha256=text_digest(document.text),
            corpus_sha256=text_digest(in_corpus.text) if in_corpus else "",
            duplicate_of=duplicate.of,
            marks=json.dumps(asdict(mark), ensure_ascii=False),
        )  # fmt: skip


def write_manifest(task: Task, records: dict[str, Record]) -> None:
    """Write `manifest.json` (recipe and records, the same for equal runs) and `provenance.json` (who, when, where)."""
    stages = {
        name: {key: value for key, value in asdict(record).items() if key != "provenance"}
        for name, record in records.items()
    }
    write_json(
        task.out / "manifest.json",
        {
            "name": task.recipe.name,
            "made_by": "anatili " + anatili.__version__,
            "recipe": task.recipe.model_dump(),
            "documents": "documents/*.parquet: every document with source, license, digests, marks and use",
            "stages": stages,
        },
    )
    write_json(task.out / "provenance.json", {name: record.provenance for name, record in records.items()})


def card_facts(task: Task, records: dict[str, Record], counts: Counter[str]) -> dict[str, Any]:
    """The values for the card templates; every number comes from a record."""
    recipe, trained = task.recipe, records["pretrain"].summary
    scores = json.loads((task.inputs["evaluate"] / "scores.json").read_text("utf-8"))
    licenses: Counter[str] = Counter()
    for shard in sorted(task.inputs["cut"].glob("part-*.parquet")):
        licenses.update(f"{row.source} | {row.license} | {row.language}" for row in read_shard(shard, Kept))
    return {
        "name": recipe.name,
        "license": recipe.release.license,
        "license_id": recipe.release.license.lower(),
        "contact": recipe.release.contact or "not given; set [release] contact in the recipe",
        "languages": ", ".join(f"{load_pack(code).name} ({code})" for code in recipe.languages),
        "language_list": "\n".join(f"- {code}" for code in recipe.languages),
        "parameters": f"{trained['parameters']:,}",
        "size_label": size_label(trained["parameters"]),
        "trained_tokens": f"{trained['trained_tokens']:,}",
        "context": recipe.pretrain.context,
        "precision": trained["precision"],
        "device": trained["device"],
        "conversations": records["tune"].summary["conversations"],
        "origin": origin(recipe),
        "scores": score_table(scores["scores"]),
        "measures": measure_table(scores["measures"]),
        "metric": scores["metric"],
        "licenses": "\n".join(f"| {key} | {value} |" for key, value in sorted(licenses.items())),
        "used": counts["training"],
        "held_out": counts["held-out"],
        "lost": counts["lost"],
        "cut": "\n".join(f"| {key} | {value} |" for key, value in records["cut"].summary["documents"].items()),
        "collect": "\n".join(f"| {key} | {value} |" for key, value in records["collect"].summary["records"].items()),
        "tokens_per_word": ", ".join(f"{k} {v}" for k, v in records["tokenizer"].summary["tokens_per_word"].items()),
        "version": anatili.__version__,
    }


def origin(recipe: Recipe) -> str:
    """What the training started from."""
    base = recipe.tokenizer.base
    if not base:
        return "trained from scratch"
    how = "adapters" if recipe.pretrain.method == "lora" else "all weights"
    vocabulary = "".join((
        ", its vocabulary trimmed to these languages" if recipe.tokenizer.trim_first else "",
        f", {recipe.tokenizer.added:,} tokens added" if recipe.tokenizer.added else "",
    ))  # fmt: skip
    return f"made from {base} ({how} trained{vocabulary})"


def size_label(parameters: int) -> str:
    """An honest description of a model of this size."""
    if parameters < 50_000_000:
        return (
            "a toy that shows the pipeline works: it forms words and phrases, but is not reliable and cannot converse"
        )
    if parameters < 1_000_000_000:
        return "a small model: it writes fluent text on a narrow range of topics and often gets facts wrong"
    return "a model whose abilities must be judged by its scores, not by its size"


def score_table(rows: list[dict[str, Any]]) -> str:
    lines = ["| language | texts | n | bytes | who | bits per byte | 95 % interval |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        ends = f"{row['interval'][0]:.3f} to {row['interval'][1]:.3f}" if row["interval"] else "-"
        lines.append(
            f"| {row['language']} | {row['texts']} | {row['count']} | {row['bytes']} | {row['who']} | "
            f"{row['bits_per_byte']:.3f} | {ends} |"
        )
    return "\n".join(lines)


def measure_table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| measure | language | texts | n | who | value | 95 % interval | chance |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: (row["measure"], row["language"], row.get("texts", ""), row["who"])):
        ends = f"{row['interval'][0]:.3f} to {row['interval'][1]:.3f}" if row.get("interval") else "-"
        lines.append(
            f"| {row['measure']} | {row['language']} | {row.get('texts', '')} | {row['count']} | {row['who']} | "
            f"{'-' if row['value'] is None else format(row['value'], '.3f')} | {ends} | {row.get('chance', '-')} |"
        )
    return "\n".join(lines)


def write_checksums(folder: Path) -> None:
    """Write `SHA256SUMS` over all files, in the format of `sha256sum -c`."""
    excluded = {"SHA256SUMS", "provenance.json", "record.json"}
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    lines = [f"{digest(folder / n)}  {n}\n" for n in names if n not in excluded and not n.startswith(".")]
    with whole_file(folder / "SHA256SUMS") as temporary:
        temporary.write_text("".join(lines), "utf-8")
