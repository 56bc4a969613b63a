"""What all commands share: how they tell problems, print JSON and stand in the list."""

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from anatili.problem import Problem

F = TypeVar("F", bound=Callable[..., Any])
RUNS = click.Path(path_type=Path, file_okay=False)
as_json = click.option("--json", "wants_json", is_flag=True, help="Print JSON for machines.")
runs_option = click.option(
    "--runs", type=RUNS, default=Path("runs"), show_default=True, help="Folder that holds the runs."
)
adapter_option = click.option(
    "--adapter", "adapters", multiple=True, type=click.Path(path_type=Path), help="LoRA adapter to put on; repeatable."
)


def report_problems(command: F) -> F:
    """Show a `Problem` as a sentence, not as a traceback."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except Problem as problem:
            raise click.ClickException(str(problem)) from problem
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(0)

    return wrapped  # type: ignore[return-value]


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))


class Group(click.Group):
    """Commands in the order of work, not of the alphabet."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.commands)
