"""The command line: a command reads its arguments, calls one function and prints the result."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from anatili import __version__
from anatili.cli import ask as cli_ask
from anatili.cli import audit as cli_audit
from anatili.cli import blend as cli_blend
from anatili.cli import cluster as cli_cluster
from anatili.cli import commons as cli_commons
from anatili.cli import crawl as cli_crawl
from anatili.cli import doctor as cli_doctor
from anatili.cli import evaluate as cli_evaluate
from anatili.cli import index as cli_index
from anatili.cli import lang as cli_lang
from anatili.cli import learn as cli_learn
from anatili.cli import localization
from anatili.cli import model as cli_model
from anatili.cli import models as cli_models
from anatili.cli import plan as cli_plan
from anatili.cli import refine as cli_refine
from anatili.cli import release as cli_release
from anatili.cli import review as cli_review
from anatili.cli import serve as cli_serve
from anatili.cli import stats as cli_stats
from anatili.cli import takedown as cli_takedown
from anatili.cli import trace as cli_trace
from anatili.cli import translate as cli_translate
from anatili.cli.cluster import cluster_options, show_submitted
from anatili.cli.options import (
    Group,
    Number,
    as_json,
    mirror_option,
    print_json,
    report_problems,
    runs_option,
    say_aside,
)

SECTIONS = {
    "Begin": ["learn", "doctor"],
    "Build": ["plan", "run", "work", "refine", "tokenizer", "blend", "lang", "embed", "opensearch"],
    "Look": [
        "status",
        "why",
        "stats",
        "trace",
        "sift",
        "census",
        "identify",
        "extract",
        "normalize",
        "evaluate",
        "compare",
        "tasks",
        "audit",
        "review",
        "directions",
        "pivot",
    ],
    "Ask": ["ask", "chat", "search", "translate", "models", "pull"],
    "Publish": [
        "serve",
        "commons",
        "mcp",
        "key",
        "export",
        "release",
        "licenses",
        "verify",
        "publish",
        "site",
        "reproduce",
        "takedown",
        "optouts",
    ],
}


class Main(Group):
    """All commands, grouped by purpose, in the language of the environment."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        localization.install(self, localization.load_catalog(localization.language()))
        return super().main(*arguments, **options)

    def sections(self) -> dict[str, list[str]]:
        return SECTIONS


@click.group(cls=Main, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="anatili")
def main() -> None:
    """From a raw web crawl to an assistant in your own language.

    \b
    anatili run recipes/tiny.toml      make a corpus, a search index, a tokenizer and a small model
    anatili chat tiny                  ask the model
    anatili serve tiny --port 8000     open it in a browser
    """


@main.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@runs_option
@click.option(
    "--workers", type=click.IntRange(1, 1024), default=1, show_default=True, help="Number of local worker processes."
)
@click.option("--ray", metavar="ADDRESS", help="Run on this Ray cluster; `local` starts one on this machine.")
@cluster_options
@click.option("--launch", default="", metavar="COMMAND", help="Train in the processes that COMMAND starts.")
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "ascend"]), default=None, help="What to train on.  [default: auto]"
)
@click.option("--redo", multiple=True, metavar="STAGE", help="Build this stage again; STAGE.. also all later stages.")
@click.option("--until", default="", metavar="STAGE", help="Stop after this stage.")
@mirror_option
@click.option("--dry-run", is_flag=True, help="Only show what training would need: shape, tokens, memory, operations.")
@click.option(
    "--devices", default=1, show_default=True, type=click.IntRange(1), help="Number of devices, for --dry-run."
)
@click.option("--device-memory", default=0.0, type=Number(0), help="Memory of each device in GiB, for --dry-run.")
@as_json
@report_problems
def run(
    recipe: Path,
    runs: Path,
    workers: int,
    ray: str | None,
    slurm: bool,
    sbatch: tuple[str, ...],
    queue: str,
    launch: str,
    device: str | None,
    redo: tuple[str, ...],
    until: str,
    mirror: str,
    dry_run: bool,
    devices: int,
    device_memory: float,
    wants_json: bool,
) -> None:
    """Run the stages of RECIPE, building those that are not built yet.

    RECIPE is a file, or the name of a bundled recipe. A run that was stopped, in any way, resumes when the same command
    is given again.

    \b
    anatili run tiny
    anatili run recipes/tiny.toml --workers 2
    anatili run recipes/tiny.toml --redo cut      after a threshold was changed: only the corpus
    anatili run recipes/tiny.toml --redo cut..    the corpus and everything that is made from it
    anatili run recipes/tiny.toml --until index   no model, only the corpus and its search index
    anatili run big.toml --slurm --workers 64 --sbatch --partition=cpu    an array job of 64 tasks
    anatili run big.toml --launch "torchrun --nproc_per_node 8"    train on eight devices (FSDP2)
    """
    from anatili.cli.progress import Bars, print_outcome
    from anatili.pipeline.run_recipe import run_recipe

    if device:
        os.environ["ANATILI_DEVICE"] = device  # launched processes read it too
    if dry_run:
        show_outline(recipe, devices, device_memory, wants_json)
        return
    if slurm:
        show_submitted(wants_json, recipe, runs, workers, sbatch, redo=redo, until=until, launch=launch, mirror=mirror)
        return
    with explaining_interrupts(), Bars(quiet=wants_json) as bars:
        try:
            run_recipe(
                recipe,
                runs,
                workers=workers,
                ray=ray,
                queue=queue,
                redo=redo,
                until=until,
                launch=launch,
                mirror=mirror,
                watch=bars.watch,
                tell=print_outcome if wants_json else bars.tell,
            )
        finally:
            bars.close_with(recipe)


@contextmanager
def explaining_interrupts(done: str = "built") -> Iterator[None]:
    """After Ctrl-C, say that the command can be resumed."""
    try:
        yield
    except KeyboardInterrupt:
        say_aside(f"What is {done} is kept. Run the same command again to resume")
        raise


def show_outline(recipe: Path, devices: int, memory: float, wants_json: bool) -> None:
    from anatili.cli.summaries import show_facts
    from anatili.recipe import load_recipe, recipe_file
    from anatili.train.shape import outline

    file = recipe_file(recipe)
    facts = outline(load_recipe(file), file.resolve().parent, devices, memory)
    if wants_json:
        print_json(facts)
    else:
        show_facts(facts)


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@runs_option
@as_json
@report_problems
def status(run: Path, runs: Path, wants_json: bool) -> None:
    """Show the stages of RUN: what each one made, from what, and its digests."""
    from anatili.cli.summaries import draw_status
    from anatili.run import find_run
    from anatili.stage import describe

    rows = describe(find_run(run, runs))
    if wants_json:
        print_json(rows)
    else:
        draw_status(rows)


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("document", metavar="URL|ID")
@runs_option
@as_json
@report_problems
def why(run: Path, document: str, runs: Path, wants_json: bool) -> None:
    """Show what happened to a page at each stage of RUN, and why. A page is named by its URL or document ID.

    \b
    anatili why tiny https://example.kz/page
    """
    from anatili.cli.summaries import fact_name
    from anatili.run import find_run
    from anatili.why import page_history

    steps = page_history(find_run(run, runs), document)
    for step in steps:
        if wants_json:
            print_json(step)
        else:
            facts = {key: value for key, value in step.items() if key not in ("stage", "what") and value != ""}
            what = step["what"]
            told = fact_name(what) if what.startswith("lost: ") else localization.current.filled(what)
            click.echo(f"{step['stage']:9} {told}")
            for key, value in facts.items():
                shown = localization.current.text("not measured") if value is None else value
                click.echo(f"          {key}: {tally(shown) if isinstance(shown, list) else shown}")


def tally(values: list[Any]) -> str:
    """How often each value of a list occurs, the most frequent first: a book has thousands of lines."""
    return ", ".join(f"{value or '-'} {count:,}" for value, count in Counter(map(str, values)).most_common())


for command in (
    *cli_model.COMMANDS,
    *cli_evaluate.COMMANDS,
    *cli_models.COMMANDS,
    *cli_crawl.COMMANDS,
    *cli_lang.COMMANDS,
    *cli_ask.COMMANDS,
    *cli_serve.COMMANDS,
    *cli_index.COMMANDS,
    *cli_translate.COMMANDS,
    *cli_blend.COMMANDS,
    *cli_plan.COMMANDS,
    *cli_audit.COMMANDS,
    *cli_trace.COMMANDS,
    *cli_refine.COMMANDS,
    *cli_cluster.COMMANDS,
    *cli_stats.COMMANDS,
    *cli_release.COMMANDS,
    *cli_review.COMMANDS,
    *cli_commons.COMMANDS,
    *cli_learn.COMMANDS,
    *cli_doctor.COMMANDS,
    *cli_takedown.COMMANDS,
):
    main.add_command(command)
