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
        default="",
        metavar="FOLDER|ADDRESS",
        help="Share work through this folder or object store: anatili work.",
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
@click.argument("queue", metavar="FOLDER|ADDRESS")
@report_problems
def work(queue: str) -> None:
    """Do work of a run that was started with the same --queue, on any machine that sees it, until the run ends.

    \b
    anatili run recipes/tiny.toml --queue /shared/queue      on one machine
    anatili work /shared/queue                               on others, as often as there are cores
    anatili work s3://bucket/queue                           the same without a shared folder
    """
    from anatili.pool import take_part
    from anatili.pool.store import take_part_in_store

    done = take_part_in_store(queue) if "://" in queue else take_part(Path(queue))
    click.echo(f"{done:,} jobs done")


COMMANDS = (work,)
