"""What all commands share: common options, error messages, JSON output and the list of commands."""

import errno
import functools
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from anatili.cli import localization
from anatili.cli.localization import SENTENCE
from anatili.problem import Problem
from anatili.text import show_path

INTERRUPTED = 130
"""Exit status of a command that Ctrl-C ended, as in shells."""
REFUSED = (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR)
"""What a folder says that nothing can be written into."""
FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
"""Disk errors in the middle of a file, which have no file name; any other error without a file name is a bug."""
WIDEST = 10
"""Characters of the longest command name."""
F = TypeVar("F", bound=Callable[..., Any])
RUNS = click.Path(path_type=Path, file_okay=False)
as_json = click.option("--json", "wants_json", is_flag=True, help="Print JSON.")
runs_option = click.option("--runs", type=RUNS, default=Path("runs"), show_default=True, help="Folder of the runs.")
mirror_option = click.option(
    "--mirror", default="", metavar="ADDRESS", help="Copy stages to this object store, and go on from there."
)
adapter_option = click.option(
    "--adapter",
    "adapters",
    multiple=True,
    type=click.Path(path_type=Path),
    help="LoRA adapter to apply to the model; repeatable.",
)


class Number(click.FloatRange):
    """A number in a range. Click lets `nan` into every range, and infinity into one without an end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


def advice(error: BaseException | None) -> str:
    """What to do about a fault of the disk, where that is known."""
    from anatili.weights import in_cache

    if not isinstance(error, OSError):
        return ""
    if (
        error.errno in (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR)
        and error.filename
        and in_cache(str(error.filename))
    ):
        return localization.current.message("; ANATILI_CACHE=FOLDER names another folder for such files")
    return ""


def report_problems(command: F) -> F:
    """Show a `Problem` as a message, not as a traceback."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except Problem as problem:
            shown = click.ClickException(localization.current.message(str(problem)) + advice(problem.__cause__))
            shown.exit_code = problem.status  # type: ignore[misc]  # click reads it from the instance
            raise shown from problem
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(0)
        except KeyboardInterrupt:
            click.echo(localization.current.text("stopped"), err=True)
            sys.exit(INTERRUPTED)
        except OSError as error:
            if error.filename is None and error.errno not in FAULTS:
                raise
            where = show_path(str(error.filename)) if error.filename is not None else "reading or writing failed"
            raise click.ClickException(
                localization.current.message(f"{where}: {error.strerror}") + advice(error)
            ) from error

    return wrapped  # type: ignore[return-value]


def say_aside(line: str) -> None:
    """Print a message for a person who waits, on standard error, in the language of the environment."""
    click.echo(localization.current.message(line), err=True)


def say(line: str) -> None:
    """The same on standard output."""
    click.echo(localization.current.message(line))


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))


class Group(click.Group):
    """Lists commands in the order of work rather than alphabetically, each with its whole first sentence."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.commands)

    def sections(self) -> dict[str, list[str]]:
        """Heading -> names of commands."""
        return {"Commands": list(self.commands)}

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, names in self.sections().items():
            with formatter.section(localization.current.text(heading)):
                rows = [(name, self.commands[name].get_short_help_str(SENTENCE)) for name in names]
                formatter.write_dl([(name.ljust(WIDEST), sentence) for name, sentence in rows])
