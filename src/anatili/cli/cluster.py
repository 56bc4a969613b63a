"""Commands and options of runs on a cluster without Ray: `run --slurm`, and the command `work`."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from anatili.cli.options import print_json, report_problems

F = TypeVar("F", bound=Callable[..., Any])
OPTIONS = (
    click.option("--slurm", is_flag=True, help="Submit to Slurm: an array job of --workers tasks."),
    click.option("--sbatch", multiple=True, metavar="OPTION", help="Option for sbatch with --slurm; repeatable."),
    click.option(
        "--queue",
        type=click.Path(path_type=Path, file_okay=False),
        help="Share work through this folder: anatili work.",
    ),
)


def cluster_options(command: F) -> F:
    """Add the options of runs on a cluster to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def show_submitted(
    wants_json: bool, recipe: Path, runs: Path, workers: int, sbatch: tuple[str, ...], **how: Any
) -> None:
    """Submit a run to Slurm, and print the number of its job."""
    from anatili.slurm import submit

    submitted = submit(recipe, runs, workers, options=sbatch, **how)
    if wants_json:
        print_json(asdict(submitted))
        return
    click.echo(f"submitted job {submitted.job}: {submitted.tasks} tasks, {submitted.script}; logs in {submitted.logs}")
    click.echo("anatili status shows what is built; the same command submits it again, and the run resumes")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@report_problems
def work(folder: Path) -> None:
    """Do work of a run that was started with --queue FOLDER, on any machine that sees the folder, until the run ends.

    \b
    anatili run recipes/tiny.toml --queue /shared/queue      on one machine
    anatili work /shared/queue                               on others, as often as there are cores
    """
    from anatili.pool import take_part

    click.echo(f"{take_part(folder):,} jobs done")


COMMANDS = (work,)
