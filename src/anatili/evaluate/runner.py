"""Tasks carried out on one model: what is asked for is checked first, then measured, task by task."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from anatili.atomic_files import whole_file
from anatili.document import Kept, read_shard
from anatili.engine import Engine
from anatili.engine.remote import RemoteEngine
from anatili.engine.retry import PATIENCE
from anatili.evaluate.items import ItemSet, item_set
from anatili.evaluate.journal import OtherEvaluation, read_journal
from anatili.evaluate.likelihood import Likelihood
from anatili.evaluate.lm_eval import write_results, write_task
from anatili.evaluate.measure import Setup, by_language, measure, variants
from anatili.evaluate.prompts import PromptForm
from anatili.evaluate.task_data import Row, file_rows, read_rows
from anatili.evaluate.task_file import EvaluationTask, Form, load_task
from anatili.problem import Problem
from anatili.run import find_run
from anatili.stage import Progress
from anatili.text import show_path
from anatili.text_files import read_lines, read_text

CORPUS_FILES = (".parquet", ".jsonl", ".txt")
FORMS: tuple[Form, ...] = ("cloze", "letter")


@dataclass(frozen=True)
class Request:
    """What is asked of each model."""

    tasks: Sequence[EvaluationTask]
    prompt: Mapping[str, Any]
    """Fields of `PromptForm` that differ from the task's."""
    setup: Setup


def request(
    tasks: Sequence[str],
    data: Sequence[str],
    prompt: Mapping[str, Any],
    setup: Setup,
    corpus: str = "",
    runs: Path = Path("runs"),
) -> Request:
    """The request in checked form; `Problem` names what is wrong before any model is opened."""
    unknown = sorted(set(prompt) - {field.name for field in fields(PromptForm)})
    if unknown:
        raise Problem(f"prompt: unknown key {unknown[0]!r}")
    loaded = with_data([load_task(name) for name in tasks], data)
    for task in loaded:
        prompt_form(task, prompt)
        for language, rows in by_language(task, setup) if task.kind == "choices" else ():
            item_set(task, rows, language)
    texts = corpus_texts(corpus, runs) if corpus else None
    return Request(loaded, prompt, replace(setup, corpus=texts))


def with_data(tasks: list[EvaluationTask], data: Sequence[str]) -> list[EvaluationTask]:
    """The tasks with their data: `FILE` for a single task, `TASK=FILE` for several."""
    for value in data:
        name, _, path = value.partition("=")
        named = [task for task in tasks if task.name == name] if path else []
        if not named and len(tasks) != 1:
            names = ", ".join(task.name for task in tasks) or "none is named"
            raise Problem(f"--data {value}: there are several tasks ({names}); write --data TASK=FILE")
        target = named[0] if named else tasks[0]
        tasks = [task.with_data(Path(path if named else value)) if task is target else task for task in tasks]
    return tasks


def prompt_form(task: EvaluationTask, prompt: Mapping[str, Any]) -> PromptForm:
    """How the items of a task are put to a model; by default as the task says, in the cloze form where it has one."""
    default = {"form": "cloze" if task.template else "letter", "shots": task.few_shot, "sampler": task.sampler}
    form = PromptForm(**{**default, **prompt})
    if task.kind == "choices":
        task.templates(form.form)
    return form


def writable(folder: Path) -> Path:
    """The folder, made if it is not there; `Problem` if nothing can be written into it, before hours of measuring."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise Problem(
            f"cannot write into {show_path(folder)}: {error.strerror}; name another folder with --out"
        ) from error


def carry_out(
    engine: Engine, request: Request, folder: Path | None, model: str, watch: Progress, tell: Callable[[Row], None]
) -> list[Row]:
    """The rows of all tasks; what each took is in `seconds`."""
    likelihood, rows = Likelihood(engine), list[Row]()
    if isinstance(engine, RemoteEngine):
        engine.patience = PATIENCE
    for task in request.tasks:
        form = prompt_form(task, request.prompt)
        setup = replace(request.setup, form=form, folder=folder, model=model)
        total, unit = units(task, setup)
        watch.start(total, unit)
        started = time.monotonic()
        try:
            for row in measure(task, likelihood, setup, watch.advance):
                row["seconds"] = round(time.monotonic() - started, 1)
                started = time.monotonic()
                rows.append(row)
                tell(row)
        except Problem as problem:
            if folder is None or isinstance(problem, OtherEvaluation) or not list(folder.glob(f"{task.name}-*.jsonl")):
                raise
            raise Problem(
                f"{problem}. What is measured is kept in {show_path(folder)}: the same command resumes there"
            ) from problem
    return rows


def units(task: EvaluationTask, setup: Setup) -> tuple[int, str]:
    """How much there is to do, and its unit, for a bar with the time left."""
    if task.kind == "choices":
        total = 0
        for language, rows in by_language(task, setup):
            items = item_set(task, rows, language)
            count = min(setup.limit or len(items.items), len(items.items))
            total += count * (len(variants(task, items, setup.form or PromptForm())) if setup.vary else 1)
        return total, "items"
    if task.kind == "generate":
        return sum(min(setup.limit or len(rows), len(rows)) for _, rows in by_language(task, setup)), "answers"
    if task.kind == "translation":
        return len(read_rows(task, "")[: setup.limit or None]) * max(1, len(task.directions)), "sentences"
    return sum(len(text_set.texts) for text_set in setup.sets), "windows"


def corpus_texts(name: str, runs: Path) -> Callable[[], Iterator[str]]:
    """The texts of a run's corpus, or of a file or folder of documents (Parquet, JSON lines, text)."""
    path = Path(name)
    is_run = any((root / "recipe.toml").is_file() for root in (path, runs / path))
    if not is_run and path.exists():
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.suffix in CORPUS_FILES)
        if not files:
            raise Problem(f"{show_path(path)} has no documents ({', '.join(CORPUS_FILES)})")
        return lambda: (text for file in files for text in file_texts(file))
    run = find_run(path, runs)
    if not run.record("cut"):
        raise Problem(f"{show_path(run.root)} has no corpus yet; finish it with: anatili run RECIPE")
    shards = sorted(run.folder("cut").glob("part-*.parquet"))
    return lambda: (document.text for shard in shards for document in read_shard(shard, Kept))


def file_texts(file: Path) -> Iterator[str]:
    """The texts of a file; of a text file, each paragraph."""
    if file.suffix == ".txt":
        yield from (part for part in re.split(r"\n\s*\n", read_text(file)) if part.strip())
        return
    for row in file_rows(file):
        text = row.get("text")
        if not isinstance(text, str):
            raise Problem(f"{show_path(file)}: a document has its text in the field `text`; there are {', '.join(row)}")
        yield text


def write_lm_eval(
    folder: Path, names: Sequence[str], data: Sequence[str], prompt: Mapping[str, Any], limit: int
) -> list[Path]:
    """The YAMLs of tasks for lm-eval, of both forms where none is named; `Problem` for tasks that are not choices."""
    files = []
    for task in with_data([load_task(name) for name in names], data):
        if task.kind != "choices":
            raise Problem(f"{task.name} is of kind {task.kind}; only tasks of kind choices are written for lm-eval")
        items = item_set(task, read_rows(task, task.language), task.language)
        if limit:
            few = items.items[:limit]
            items = ItemSet(few, items.examples if items.has_own_examples else few)
        forms = [prompt["form"]] if "form" in prompt else [f for f in FORMS if f == "letter" or task.template]
        for form in forms:
            if form == "cloze" or task.letter:
                files.append(write_task(folder, task, items, prompt_form(task, {**prompt, "form": form})))
    return files


def write_rows(folder: Path, model: str, rows: Sequence[Row]) -> None:
    """The figures beside the results of the items, for other programs also in lm-eval's form."""
    path = folder / "scores.jsonl"
    old = [json.loads(line) for line in read_lines(path)] if path.is_file() else []
    new = {row.get("journal") for row in rows}
    kept = [row for row in old if row.get("journal") not in new and "journal" in row]
    with whole_file(path) as temporary:
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in [*kept, *rows])
        temporary.write_text(text, "utf-8")
    chosen = {row["task"]: read_journal(folder / f"{row['journal']}.jsonl")[1] for row in rows if "form" in row}
    if chosen:
        write_results(folder / "lm-eval", model, [row for row in rows if "form" in row], chosen)
