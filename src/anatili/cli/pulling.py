"""Pull a model at the terminal: show its size and terms, ask, and show the progress."""

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from anatili import machine
from anatili.problem import Problem

if TYPE_CHECKING:
    from anatili.models.hub import PullPlan
    from anatili.models.registry import Pulled

F = TypeVar("F", bound=Callable[..., Any])


def offers_to_pull(command: F) -> F:
    """For a command that opens a model by name: offer to pull a model of the registry that is missing, then continue.

    Without a terminal the command fails with a message that names the command to pull the model.
    """

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except Problem as problem:
            from anatili.models.registry import NotPulled

            if not isinstance(problem, NotPulled) or not sys.stdin.isatty():
                raise
            pull(problem.row.name)
            return command(*arguments, **options)

    return wrapped  # type: ignore[return-value]


def pull(name: str, file: str = "", *, is_agreed: bool = False, quiet: bool = False) -> "Pulled":
    """Download a model after asking. Existing files are checked, and used as they are if the hub cannot be reached."""
    from anatili.cli.progress import Bars
    from anatili.models import hub, registry

    here = registry.pulled(f"{name}/{file}" if file else name)
    try:
        plan = hub.plan_pull(name, file)
    except Problem as problem:
        if here is None:
            raise
        click.echo(f"could not be compared with the hub: {problem}", err=True)
        return here
    if hub.room_needed(plan):
        for line in terms(plan):
            click.echo(line, err=True)
        agree(plan, is_agreed=is_agreed)
    with Bars(quiet=quiet) as bars:
        bar = bars.bar("pull")
        bar.start(max(1, plan.size // 1_000_000), "MB")
        received = 0

        def advance(count: int) -> None:
            nonlocal received
            before, received = received, received + count
            bar.advance(received // 1_000_000 - before // 1_000_000)

        return hub.fetch(plan, advance)


def terms(plan: "PullPlan") -> list[str]:
    """What one should know before agreeing, as lines."""
    from anatili.models import hub, registry
    from anatili.text import show_path

    row = registry.find(plan.name)
    needed = hub.room_needed(plan)
    rest = f", {needed / 1e9:.2f} GB of it still to download" if needed < plan.size else ""
    lines = [
        f"{plan.name}: {plan.repository}, commit {plan.commit[:8]}",
        f"  {len(plan.files)} file{'s' if len(plan.files) > 1 else ''}, {size(plan.size)}{rest}; "
        f"into {show_path(hub.cache())}, where {size(hub.free_space())} are free",
    ]
    terms = (row.license if row else "") or plan.license or "not stated; ask its maker before you use it"
    where = f", {row.terms}" if row and row.terms else ""
    lines.append(f"  license: {terms}{where}" + ("" if row is None or row.commercial else "; not for commercial use"))
    if row is None:
        lines.append("  not in the registry: we have not reviewed it")
    elif row.warning:
        lines.append(f"  note: {row.warning}")
    memory = machine.memory()
    if row and row.memory and memory:
        fits = "" if row.memory <= memory else ": it will not fit"
        lines.append(f"  needs about {size(row.memory)} of memory to run, this machine has {size(memory)}{fits}")
    return lines


def agree(plan: "PullPlan", *, is_agreed: bool) -> None:
    """Continue only if the person agrees; `Problem` otherwise."""
    if is_agreed:
        return
    if not sys.stdin.isatty():
        raise Problem("these terms must be accepted: add --yes to accept them without a terminal")
    if not click.confirm("Pull it on these terms?", err=True):
        raise Problem("nothing was pulled")


def size(count: int) -> str:
    """A number of bytes for people."""
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return f"{count / 1e3:.3g} kB"
