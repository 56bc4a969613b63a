"""lm-eval's files: its task YAMLs made from task files, its results written and read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Formatter

from anatili.atomic_files import whole_file
from anatili.evaluate.items import Item, ItemSet
from anatili.evaluate.journal import Record, read_lines
from anatili.evaluate.prompts import BETWEEN, PromptForm, labels, options
from anatili.evaluate.task_data import Row, fields_of
from anatili.evaluate.task_file import EvaluationTask
from anatili.problem import Problem
from anatili.text import show_path

METRICS = ("acc", "acc_norm", "acc_bytes")
VERSION = "1.0"


def write_task(folder: Path, task: EvaluationTask, items: ItemSet, form: PromptForm) -> Path:
    """A YAML that lm-eval runs (`--include_path FOLDER --tasks NAME`), and beside it the items that it reads."""
    template = task.templates(form.form)[form.wording]
    name = f"anatili_{task.name}_{form.form}"
    names = [field for field in fields_of(template) if field != "options"]
    files = {"test": folder / f"{name}_test.jsonl"}
    write_lines(files["test"], (document(task, item, form, names) for item in items.items))
    if items.has_own_examples:
        files["dev"] = folder / f"{name}_dev.jsonl"
        write_lines(files["dev"], (document(task, item, form, names) for item in items.examples))
    config = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {part: str(file.resolve()) for part, file in files.items()}},
        "test_split": "test",
        "fewshot_split": "dev" if items.has_own_examples else "test",
        "fewshot_config": {"sampler": form.sampler},
        "num_fewshot": form.shots,
        "output_type": "multiple_choice",
        "doc_to_text": to_jinja(task, template),
        "doc_to_choice": "choice_texts",
        "doc_to_target": "gold",
        "target_delimiter": task.delimiter,
        "fewshot_delimiter": BETWEEN,
        "metric_list": [{"metric": m, "aggregation": "mean", "higher_is_better": True} for m in METRICS],
        "metadata": {"version": VERSION, "license": task.license, "citation": task.citation},
    }
    path = folder / f"{name}.yaml"
    lines = [f"# {task.title}: written by anatili from its task file."]
    lines += [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in config.items()]
    with whole_file(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def document(task: EvaluationTask, item: Item, form: PromptForm, names: Sequence[str]) -> Row:
    """An item as lm-eval reads it: the fields of the template, the choices as they are scored, the right one."""
    row = {"id": item.id} | {name: str(item.row[name]) for name in names}
    return row | {"options": options(task, item, form), "choice_texts": labels(task, item, form), "gold": item.answer}


def to_jinja(task: EvaluationTask, template: str) -> str:
    """A template with {fields} as Jinja writes them."""
    parts: list[str] = []
    literal = ""
    for text, name, spec, conversion in Formatter().parse(template):
        if name is not None and (spec or conversion or not name.isidentifier()):
            raise Problem(f"{show_path(task.file)}: lm-eval cannot fill {{{name}}} as written; use plain {{fields}}")
        literal += text + ("" if name is None else "\0")
        parts.append(text + ("" if name is None else "{{" + name + "}}"))
    if any(mark in literal for mark in ("{{", "{%", "{#", "{\0")):
        raise Problem(f"{show_path(task.file)}: {template!r} has text that lm-eval reads as its own syntax")
    return "".join(parts)


def write_lines(path: Path, rows: Iterator[Row]) -> None:
    with whole_file(path) as temporary:
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        temporary.write_text(text, "utf-8", "surrogatepass")


def write_results(folder: Path, model: str, rows: Sequence[Row], records: Mapping[str, Sequence[Record]]) -> Path:
    """The figures as lm-eval writes them: `results_anatili.json`, and the items in `samples_TASK.jsonl`."""
    chosen = [row for row in rows if "acc" in row]
    results, counts = {}, {}
    for row in chosen:
        figures = {f"{metric},none": row[metric] for metric in METRICS}
        errors = {f"{metric}_stderr,none": row["stderr"][metric] for metric in METRICS}
        results[row["task"]] = {"alias": row["task"], **figures, **errors}
        counts[row["task"]] = {"original": row["count"], "effective": row["count"]}
    for name, own in records.items():
        write_lines(folder / f"samples_{name}.jsonl", (sample(number, record) for number, record in enumerate(own)))
    value = {
        "results": results,
        "versions": dict.fromkeys(results, VERSION),
        "n-shot": {row["task"]: row["form"]["shots"] for row in chosen},
        "n-samples": counts,
        "config": {"model": "anatili", "model_args": model},
        "model_name": model,
    }
    path = folder / "results_anatili.json"
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", "utf-8")
    return path


def sample(number: int, record: Record) -> Row:
    pairs = [[str(value), "False"] for value in record["logprobs"]]
    rights = {metric: float(record["right"][metric]) for metric in METRICS}
    return {
        "doc_id": number,
        "doc": {key: record[key] for key in ("id", "subject", "language", "script", "cluster")},
        "target": record["answer"],
        "resps": [[pair] for pair in pairs],
        "filtered_resps": pairs,
        **rights,
    }


def read_results(path: Path) -> dict[str, list[Record]]:
    """Task -> the records of its items, from a folder or results file that lm-eval wrote with `--log_samples`."""
    folder = path if path.is_dir() else path.parent
    files = sorted(folder.rglob("samples_*.jsonl"))
    if not files:
        raise Problem(f"{show_path(path)}: lm-eval kept no items there; run it with --log_samples --output_path FOLDER")
    return {task_of(file): list(records_of(file)) for file in files}


def task_of(file: Path) -> str:
    """The task of a file of samples: its name without lm-eval's time stamp."""
    name = file.stem.removeprefix("samples_")
    head, _, tail = name.rpartition("_")
    return head if tail[:4].isdecimal() and "T" in tail else name


def records_of(file: Path) -> Iterator[Record]:
    for line in read_lines(file):
        document = line.get("doc", {})
        if "acc" not in line:
            continue
        values = [float(pair[0]) for pair in line["filtered_resps"]]
        rights = {metric: bool(line.get(metric, line["acc"])) for metric in METRICS}
        id_ = str(document.get("id", line["doc_id"]))
        yield {
            "id": id_,
            "answer": line["target"] if isinstance(line["target"], int) else int(line["target"]),
            "logprobs": values,
            "chosen": {"acc": max(range(len(values)), key=values.__getitem__)},
            "right": rights,
            "subject": str(document.get("subject", "")),
            "language": str(document.get("language", "")),
            "script": str(document.get("script", "")),
            "cluster": str(document.get("cluster", id_)),
        }
