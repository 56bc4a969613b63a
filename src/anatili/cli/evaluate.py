"""Commands that measure and compare models."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import click

from anatili.cli.options import as_json, print_json, report_problems, runs_option, say_aside
from anatili.cli.pulling import offers_to_pull

PATH = click.Path(path_type=Path)
FIGURES = ("acc", "acc_norm", "acc_bytes", "chance", "majority", "majority_letter", "interval")
"""What `--json` also says on the top level of a single result."""
SHOWN = ("kind", "language", "license", "citation", "source", "about")
F = TypeVar("F", bound=Callable[..., Any])


def prompt_options(command: F) -> F:
    """How items are put to a model, and how many."""
    for option in reversed(
        (
            click.option(
                "--data", multiple=True, metavar="[TASK=]FILE", help="Read this in place of the task's own data."
            ),
            click.option(
                "--form", type=click.Choice(["cloze", "letter"]), help="Score the choices' texts, or letters."
            ),
            click.option("--shots", type=click.IntRange(0, 100), help="Solved examples shown first."),
            click.option("--sampler", type=click.Choice(["first_n", "default"]), help="Which examples, as in lm-eval."),
            click.option("--chat", is_flag=True, help="Put the model's chat template around the question."),
            click.option("--wording", type=click.IntRange(1), help="Which of the task's wordings.  [default: 1]"),
            click.option("--no-begin-token", is_flag=True, help="Leave the begin token out, as lm-eval's clients do."),
            click.option("--limit", default=0, type=click.IntRange(0), help="Items at most; 0: all."),
            click.option("--corpus", default="", metavar="RUN|FILES", help="Say which items occur in this corpus."),
        )
    ):
        command = option(command)
    return command


def prompt_of(
    form: str | None, shots: int | None, sampler: str | None, wording: int | None, chat: bool, no_begin_token: bool
) -> dict[str, Any]:
    """What differs from the task."""
    values = {"form": form, "shots": shots, "sampler": sampler, "wording": wording - 1 if wording else None}
    chosen = {name: value for name, value in values.items() if value is not None}
    return chosen | ({"chat": True} if chat else {}) | ({"begin": False} if no_begin_token else {})


@click.command()
@click.argument("model", metavar="RUN|MODEL|ADDRESS")
@click.option("--task", "tasks", multiple=True, metavar="NAME|FILE", help="Task to carry out; repeatable.")
@prompt_options
@click.option("--vary", is_flag=True, help="Measure all wordings and orders of the choices: mean, lowest, highest.")
@click.option("-o", "--out", type=PATH, help="Folder for the results of items; a stopped evaluation resumes from it.")
@click.option("--text", "texts", multiple=True, type=PATH, metavar="FILE", help="Held-out text, a line a text.")
@click.option("--language", default="", metavar="CODE", help="Language of texts and tasks; of texts recognized.")
@click.option("--max-bytes", default=1_000_000, show_default=True, type=click.IntRange(1), help="Bytes read of a file.")
@runs_option
@as_json
@report_problems
@offers_to_pull
def evaluate(
    model: str,
    tasks: tuple[str, ...],
    data: tuple[str, ...],
    vary: bool,
    limit: int,
    corpus: str,
    out: Path | None,
    texts: tuple[Path, ...],
    language: str,
    max_bytes: int,
    runs: Path,
    wants_json: bool,
    **prompt: Any,
) -> None:
    """Measure a model: a run, a Hugging Face folder, a .gguf file, a server's address.

    A task is a TOML file of your own, or a bundled one; `anatili tasks` lists them. Sets that are not bundled are read
    from your own copy (--data). Without --task, bits per byte of each --text is measured. It compares models whatever
    their tokenizers; of two languages it cannot compare the figures.

    \b
    anatili evaluate kazakh-26m --task tumlu_kk --data tumlu.jsonl --json
    anatili evaluate model.gguf --task belebele_kk --data belebele.jsonl --shots 3 -o results
    anatili evaluate http://127.0.0.1:8000/v1#kazakh-26m --text held-out.txt --task second-halves
    """
    from anatili.cli import explaining_interrupts
    from anatili.cli.progress import Bars
    from anatili.opening import evaluation

    with explaining_interrupts("measured") if out else nullcontext(), Bars(quiet=wants_json) as bars:
        measured = evaluation.evaluate(
            model,
            texts,
            tasks=tasks,
            data=data,
            language=language,
            prompt=prompt_of(**prompt),
            vary=vary,
            limit=limit,
            corpus=corpus,
            out=out or "",
            runs=runs,
            max_bytes=max_bytes,
            say=say_aside,
            watch=bars.bar("scores"),
            tell=(lambda row: None) if wants_json else show_row,
        )
    if wants_json:
        head = {"model": measured.model, "parameters": measured.parameters}
        if len(measured.scores) == 1:
            (row,) = measured.scores
            head |= {"n": row["count"]} | {name: row[name] for name in FIGURES if name in row}
        print_json({**head, "scores": measured.scores})


def show_row(row: dict[str, Any]) -> None:
    """A score, and what it is to be read against."""
    from anatili.cli.progress import show_score

    show_score(row)
    if "acc_norm" in row and "form" in row:
        form = row["form"]
        chosen = " ".join(f"{letter} {count}" for letter, count in row["chosen"].items())
        click.echo("    " + ", ".join(f"{metric} {row[metric]:.4f}" for metric in ("acc", "acc_norm", "acc_bytes")))
        click.echo(f"    always {row['majority_letter']}: {row['majority']:.4f}; chosen: {chosen}")
        chat = "the model's chat template" if form["chat"] else "no chat template"
        begin = row["begin_token"] or "none"
        click.echo(f"    {form['form']} form, {form['shots']} shots, {chat}, begin token: {begin}")
    if "mean" in row:
        span = f"mean {row['mean']:.4f}, lowest {row['min']:.4f}, highest {row['max']:.4f}"
        click.echo(f"    over {len(row['variants'])} wordings and orders: {span}")
    for name in ("seen", "unseen"):
        if row.get(name, {}).get("count"):
            click.echo(f"    {name} in the corpus: {row[name]['value']:.4f}, n = {row[name]['count']}")
    for name in ("unanswered", "wrong_language"):
        if row.get(name):
            click.echo(f"    {name.replace('_', ' ')}: {row[name]}")
    for value, part in row.get("groups", {}).get("subject", {}).items():
        low, high = part["interval"]
        click.echo(f"    {value or '(none)'}: {part['value']:.3f} [{low:.3f}, {high:.3f}], n = {part['count']}")
    for note in row.get("notes", ()):
        click.echo(f"    {note}")


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL|RESULTS...")
@click.option("-o", "--out", type=PATH, required=True, help="Folder for the page, the picture and all results.")
@click.option("--task", "tasks", multiple=True, metavar="NAME|FILE", help="Task to carry out; repeatable.")
@prompt_options
@click.option("--vary", is_flag=True, help="Measure all wordings and orders of the choices: mean, lowest, highest.")
@click.option("--language", default="", metavar="CODE", help="Language of tasks that are for several.")
@runs_option
@as_json
@report_problems
@offers_to_pull
def compare(
    models: tuple[str, ...],
    out: Path,
    tasks: tuple[str, ...],
    data: tuple[str, ...],
    vary: bool,
    limit: int,
    corpus: str,
    language: str,
    runs: Path,
    wants_json: bool,
    **prompt: Any,
) -> None:
    """Compare models item by item: a page, a picture, a leaderboard.

    A model is a run, a folder, a .gguf file, an address or a bundled name; or a folder with results that `evaluate -o`
    or lm-eval (--log_samples) wrote. A comparison that was stopped resumes when the same command is given again.

    \b
    anatili compare kazakh-26m kazakh-270m --task tumlu_kk --data tumlu.jsonl -o comparison
    anatili compare results/a results/b lm-eval-output -o comparison
    """
    from anatili.cli import explaining_interrupts
    from anatili.cli.progress import Bars
    from anatili.evaluate.summary import summary
    from anatili.opening import evaluation

    with explaining_interrupts("measured"), Bars(quiet=wants_json) as bars:
        rows = evaluation.compare(
            models,
            out,
            tasks=tasks,
            data=data,
            language=language,
            prompt=prompt_of(**prompt),
            vary=vary,
            limit=limit,
            corpus=corpus,
            runs=runs,
            say=say_aside,
            watch=bars.bar("items"),
        )
    if wants_json:
        print_json({"out": str(out), "tasks": rows})
        return
    for sentence in summary(rows):
        click.echo(sentence)
    click.echo(f"{out / 'index.html'}, {out / 'leaderboard.jsonl'}")


@click.command("tasks")
@click.argument("names", nargs=-1, metavar="[TASK]...")
@click.option("--lm-eval", type=PATH, metavar="FOLDER", help="Write the tasks for lm-eval (--include_path FOLDER).")
@prompt_options
@as_json
@report_problems
def tasks_command(
    names: tuple[str, ...],
    lm_eval: Path | None,
    data: tuple[str, ...],
    limit: int,
    corpus: str,
    wants_json: bool,
    **prompt: Any,
) -> None:
    """List the evaluation tasks, or write some for lm-eval.

    \b
    anatili tasks
    anatili tasks tumlu_kk --data tumlu.jsonl --lm-eval lm-eval-tasks
    lm_eval --include_path lm-eval-tasks --tasks anatili_tumlu_kk_cloze ...
    """
    from anatili.cli.progress import show_table
    from anatili.evaluate import runner
    from anatili.evaluate.task_file import bundled, load_task

    if lm_eval:
        files = runner.write_lm_eval(lm_eval, names, data, prompt_of(**prompt), limit)
        print_json([str(file) for file in files]) if wants_json else click.echo("\n".join(map(str, files)))
        say_aside(
            "lm-eval's client for servers (local-completions) leaves the begin token out, whatever add_bos_token "
            "says: its figures compare with those of --no-begin-token"
        )
        return
    tasks = [load_task(name) for name in names or bundled()]
    facts = [task.model_dump(include=set(SHOWN)) | {"name": task.name, "measure": task.title} for task in tasks]
    if wants_json:
        print_json(facts)
    else:
        head = ["name", "kind", "language", "license", "data"]
        show_table(
            head,
            [
                [fact["name"], fact["kind"], fact["language"] or "-", fact["license"], fact["source"] or "bundled"]
                for fact in facts
            ],
        )


COMMANDS = (evaluate, compare, tasks_command)
