"""Commands that measure and compare models."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from anatili.cli.options import as_json, print_json, report_problems, runs_option, say_aside
from anatili.cli.pulling import offers_to_pull

PATH = click.Path(path_type=Path)
FIGURES = ("acc", "acc_norm", "acc_bytes", "chance", "majority", "majority_letter", "interval")
"""What `--json` also says on the top level of a single result."""
F = TypeVar("F", bound=Callable[..., Any])


def prompt_options(command: F) -> F:
    """How items are put to a model, and how many."""
    for option in reversed((
        click.option("--data", multiple=True, metavar="[TASK=]FILE", help="Read this in place of the task's own data."),
        click.option("--form", type=click.Choice(["cloze", "letter"]), help="Score the choices' texts, or letters."),
        click.option("--shots", type=click.IntRange(0, 100), help="Solved examples shown first."),
        click.option("--sampler", type=click.Choice(["first_n", "default"]), help="Which examples, as in lm-eval."),
        click.option("--chat", is_flag=True, help="Put the model's chat template around the question."),
        click.option("--wording", type=click.IntRange(1), help="Which of the task's wordings.  [default: 1]"),
        click.option("--no-begin-token", is_flag=True, help="Leave the begin token out, as lm-eval's clients do."),
        click.option("--limit", default=0, type=click.IntRange(0), help="Items at most."),
        click.option("--corpus", default="", metavar="RUN|FILES", help="Say which items occur in this corpus."),
    )):  # fmt: skip
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
    model: str, tasks: tuple[str, ...], data: tuple[str, ...], vary: bool, limit: int, corpus: str, out: Path | None,
    texts: tuple[Path, ...], language: str, max_bytes: int, runs: Path, wants_json: bool, **prompt: Any,
) -> None:  # fmt: skip
    """Measure a model: a run, a Hugging Face folder, a .gguf file, a server's address.

    A task is a TOML file of your own, or a bundled one; `anatili tasks` lists them. Sets that are not bundled are read
    from your own copy (--data). Without --task, bits per byte of each --text is measured. It compares models whatever
    their tokenizers; of two languages it cannot compare the figures.

    \b
    anatili evaluate kazakh-26m --task tumlu_kk --data tumlu.jsonl --json
    anatili evaluate model.gguf --task belebele_kk --data belebele.jsonl --shots 3 -o results
    anatili evaluate http://127.0.0.1:8000/v1#kazakh-26m --text held-out.txt --task second-halves
    """
    from anatili import library
    from anatili.cli.progress import Bars, show_score

    with Bars(quiet=wants_json) as bars:
        evaluation = library.evaluate(
            model, texts, tasks=tasks, data=data, language=language, prompt=prompt_of(**prompt), vary=vary,
            limit=limit, corpus=corpus, out=out or "", runs=runs, max_bytes=max_bytes,
            say=say_aside, watch=bars.bar("scores"), tell=(lambda row: None) if wants_json else show_score,
        )  # fmt: skip
    if wants_json:
        head = {"model": evaluation.model, "parameters": evaluation.parameters}
        if len(evaluation.scores) == 1:
            (row,) = evaluation.scores
            head |= {"n": row["count"]} | {name: row[name] for name in FIGURES if name in row}
        print_json({**head, "scores": evaluation.scores})


COMMANDS = (evaluate,)
