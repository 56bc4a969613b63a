"""Evaluate a model by its name, or compare several."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anatili.engine import is_address, open_engine
from anatili.opening import find_model
from anatili.problem import Problem
from anatili.stage import Progress, Quiet

if TYPE_CHECKING:
    from anatili.evaluate.compare import Result


@dataclass(frozen=True)
class Evaluation:
    """How good a model is at some tasks and texts."""

    model: str
    parameters: int
    """Number of parameters of the model, 0 if unknown."""
    scores: list[dict[str, Any]] = field(default_factory=list)
    """A row per measure and set, with its interval and what it is to be read against."""


def evaluate(
    model: str | Path,
    texts: Sequence[str | Path] = (),
    *,
    tasks: Sequence[str] = (),
    data: Sequence[str] = (),
    language: str = "",
    prompt: Mapping[str, Any] | None = None,
    vary: bool = False,
    limit: int = 0,
    corpus: str = "",
    out: str | Path = "",
    runs: str | Path = "runs",
    max_bytes: int = 1_000_000,
    say: Callable[[str], None] = lambda line: None,
    watch: Progress | None = None,
    tell: Callable[[dict[str, Any]], None] = lambda row: None,
) -> Evaluation:
    """Evaluate a model (a run, a folder, a GGUF file, a server's address) on text files, one text per line, and tasks.

    `tasks`: names of bundled tasks or task files; without any, bits per byte of the texts. `data`: a file or folder to
    read in place of the task's own, for several tasks as `TASK=FILE`. `language`: of texts and tasks; the language of
    texts is identified if not given. `prompt`: what differs from the task in how items are put to the model: `form`
    (cloze, letter), `shots`, `sampler` (first_n, default), `chat`, `wording` (from 0), `begin`. `vary` measures all
    wordings and orders of the choices. `limit`: items at most. `corpus`: a run or files in which the items are looked
    for. `out`: folder for the results of items, from which a stopped evaluation resumes. `max_bytes`: of each text
    file. `say` gets messages for a person who waits, `watch` the progress, `tell` each row as it comes. `Problem` if
    there is nothing to measure, or if a task, a file or the model cannot be read.
    """
    from anatili.evaluate import digests, runner
    from anatili.evaluate.measure import Setup, read_file

    if not texts and not tasks:
        raise Problem("nothing to evaluate: give --text FILE or --task NAME")
    sets = [read_file(Path(path), max_bytes, language) for path in texts]
    languages = [language] if language else list(dict.fromkeys(text_set.language for text_set in sets))
    setup = Setup(languages, sets, vary=vary, limit=limit)
    request = runner.request(tasks or ("bits-per-byte",), data, prompt or {}, setup, corpus, Path(runs))
    target = str(model) if is_address(model) else find_model(str(model), Path(runs), tell=say)
    folder = runner.writable(Path(out)) if out else None
    engine = open_engine(target)
    digest = digests.of_model(target) if folder else ""
    scores = runner.carry_out(engine, request, folder, digest, watch or Quiet(), tell)
    if folder:
        runner.write_rows(folder, engine.name, scores)
    return Evaluation(str(model), engine.parameters, scores)


def compare(
    models: Sequence[str | Path],
    out: str | Path,
    *,
    tasks: Sequence[str] = (),
    data: Sequence[str] = (),
    language: str = "",
    prompt: Mapping[str, Any] | None = None,
    vary: bool = False,
    limit: int = 0,
    corpus: str = "",
    runs: str | Path = "runs",
    say: Callable[[str], None] = lambda line: None,
    watch: Progress | None = None,
) -> list[dict[str, Any]]:
    """Measure models on the same tasks and compare them item by item; the rows of the report, one per task.

    `models` as for `evaluate`, or folders with results of `evaluate` or lm-eval (`--log_samples`). Into `out` go a page
    (`index.html`), a picture (`compare.png`), `leaderboard.jsonl` and a folder with the results of each model, from
    which a stopped comparison resumes. The other arguments are those of `evaluate`.
    """
    from anatili.evaluate import compare as comparing
    from anatili.evaluate import report

    folder, names = Path(out), names_of(models)
    results: list[comparing.Result] = []
    for model, name, read in zip(models, names, results_there(models, names, Path(runs), say), strict=True):
        if not read:
            say(f"{name}: measuring")
            own = folder / "results" / name
            evaluate(
                model,
                tasks=tasks,
                data=data,
                language=language,
                prompt=prompt,
                vary=vary,
                limit=limit,
                corpus=corpus,
                out=own,
                runs=runs,
                say=say,
                watch=watch,
            )
            read = comparing.read_folder(own, name)
        results += read
    comparing.check_results(results, folder)
    rows = comparing.compare(results)
    comparing.write_leaderboard(folder / "leaderboard.jsonl", rows)
    picture = folder / "compare.png"
    report.write_page(folder / "index.html", rows, picture if report.draw(picture, rows) else None)
    return rows


def results_there(
    models: Sequence[str | Path], names: Sequence[str], runs: Path, say: Callable[[str], None]
) -> "list[list[Result]]":
    """For each of `models`, the results in it, if it is a folder of results; else none. `Problem` if one that has to be
    measured cannot be found: measuring the first one may take hours."""
    from anatili.evaluate.compare import read_folder

    there = [
        read_folder(Path(model), name) if Path(model).is_dir() else []
        for model, name in zip(models, names, strict=True)
    ]
    for model, read in zip(models, there, strict=True):
        if not read and len(models) < 2:
            raise Problem("name two models to compare, or folders that `evaluate --out` wrote")
        if not read and not is_address(str(model)):
            find_model(str(model), runs, tell=say)
    return there


def names_of(models: Sequence[str | Path]) -> list[str]:
    """A short name of its own for each model, that can be the name of a folder."""
    names: list[str] = []
    for model in models:
        text = str(model).rstrip("/")
        short = text.partition("#")[2] or Path(text).name.removesuffix(".gguf")
        short = re.sub(r"[^\w.-]+", "-", Path(text).parent.parent.name if short == "model" else short) or "model"
        names.append(short if short not in names else f"{short}-{len(names) + 1}")
    return names
