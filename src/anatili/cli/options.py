"""What all commands share: how they tell problems, print JSON and stand in the list."""

import errno
import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from anatili.problem import Problem
from anatili.text import show_path

INTERRUPTED = 130
"""Status of a command that Ctrl-C ended, as shells have it."""
FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
"""What a disk may answer in the middle of a file, where no name is told; any other error without one is ours."""
SENTENCE = 1000
"""Characters of a sentence that is not cut short."""
WIDEST = 10
"""Characters of the longest name of a command."""
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
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
            sys.exit(INTERRUPTED)
        except OSError as error:
            if error.filename is None and error.errno not in FAULTS:
                raise
            where = show_path(str(error.filename)) if error.filename is not None else "reading or writing failed"
            raise click.ClickException(f"{where}: {error.strerror}") from error

    return wrapped  # type: ignore[return-value]


def say_aside(line: str) -> None:
    """Tell a person who waits, where it does not mix with the output."""
    click.echo(line, err=True)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))


class Group(click.Group):
    """Commands in the order of work, not of the alphabet, each with its whole first sentence."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.commands)

    def sections(self) -> dict[str, list[str]]:
        """Heading -> names of commands."""
        return {"Commands": list(self.commands)}

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, names in self.sections().items():
            with formatter.section(heading):
                rows = [(name, self.commands[name].get_short_help_str(SENTENCE)) for name in names]
                formatter.write_dl([(name.ljust(WIDEST), sentence) for name, sentence in rows])
