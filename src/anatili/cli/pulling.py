"""Pulling a model at the terminal: what it is, how large, on what terms; the question; the bar."""

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from anatili.problem import Problem

if TYPE_CHECKING:
    from anatili.models.hub import PullPlan
    from anatili.models.registry import Pulled

F = TypeVar("F", bound=Callable[..., Any])


def offers_to_pull(command: F) -> F:
    """A command that opens a model by name: one of the registry that is not here is offered, then it goes on.

    Where nobody can be asked, it ends with the command that pulls.
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
    """Fetch a model after asking; what is here already is checked, and used where the hub cannot be reached."""
    from anatili.cli.progress import Bars
    from anatili.models import hub, registry

    here = registry.pulled(f"{name}/{file}" if file else name)
    try:
        plan = hub.plan_pull(name, file)
    except Problem as problem:
        if here is None:
            raise
        click.echo(f"not compared with the hub: {problem}", err=True)
        return here
    if hub.room_needed(plan):
        for line in terms(plan):
            click.echo(line, err=True)
        agree(plan, is_agreed=is_agreed)
    with Bars(quiet=quiet) as bars:
        bar = bars.bar("pull")
        bar.start(max(1, plan.size // 1_000_000), "MB")
        came = 0

        def advance(count: int) -> None:
            nonlocal came
            before, came = came, came + count
            bar.advance(came // 1_000_000 - before // 1_000_000)

        return hub.fetch(plan, advance)


def terms(plan: "PullPlan") -> list[str]:
    """What one should know before agreeing, a line each."""
    from anatili.models import hub, registry
    from anatili.text import show_path

    row = registry.find(plan.name)
    needed = hub.room_needed(plan)
    rest = f", {needed / 1e9:.2f} GB of it still to come" if needed < plan.size else ""
    lines = [
        f"{plan.name}: {plan.repository}, as of {plan.commit[:8]}",
        f"  {len(plan.files)} file{'s' if len(plan.files) > 1 else ''}, {size(plan.size)}{rest}; "
        f"goes to {show_path(hub.cache())}, where {size(hub.free_space())} are free",
    ]
    terms = (row.license if row else "") or plan.license or "not stated: ask its maker before you use it"
    where = f", {row.terms}" if row and row.terms else ""
    lines.append(f"  license: {terms}{where}" + ("" if row is None or row.commercial else "; not for commercial use"))
    if row is None:
        lines.append("  not in the registry: nobody here has looked at it")
    elif row.warning:
        lines.append(f"  mind: {row.warning}")
    memory = registry.machine_memory()
    if row and row.memory and memory:
        fits = "" if row.memory <= memory else ": it will not fit"
        lines.append(f"  takes about {size(row.memory)} of memory to run, this machine has {size(memory)}{fits}")
    return lines


def agree(plan: "PullPlan", *, is_agreed: bool) -> None:
    """Go on only with a yes."""
    if is_agreed:
        return
    if not sys.stdin.isatty():
        raise Problem("nobody is there to agree: give --yes if these terms are known")
    if not click.confirm("Pull it on these terms?", err=True):
        raise Problem("nothing was pulled")


def size(count: int) -> str:
    """Bytes as a person reads them."""
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return f"{count / 1e3:.3g} kB"
