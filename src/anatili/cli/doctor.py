"""The command that tells what this machine can do and what is missing."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from anatili.cli import localization
from anatili.cli.options import as_json, print_json, report_problems
from anatili.problem import Problem

if TYPE_CHECKING:
    from anatili.doctor import Report


@click.command()
@as_json
@report_problems
def doctor(wants_json: bool) -> None:
    """Tell what this machine can do with anatili, what is missing, and the command that brings it."""
    from anatili.doctor import examine

    report = examine()
    if wants_json:
        print_json(asdict(report) | {"ready": report.is_ready})
    else:
        show(report)
    if report.advice:
        raise Problem("; ".join(map(localization.current.filled, report.advice)))


def show(report: "Report") -> None:
    """Print the machine, what it can do with each command for what is missing, and its models."""
    tell = localization.current.filled
    cores = f"{report.cores} {tell('core' if report.cores == 1 else 'cores')}"
    size = f"{report.memory / 2**30:.1f} {tell('GiB')}" if report.memory else tell("unknown")
    for label, fact in (
        ("processor", f"{report.processor}, {cores}"),
        ("memory", size),
        ("disk", tell("{size} GiB free here", size=f"{report.disk / 2**30:.1f}")),
        ("GPU", tell(report.gpu or "none found; everything up to small models works without")),
        ("Python", f"{report.python}, {report.system}"),
    ):
        click.echo(f"{tell(label):10} {fact}")
    for ability in report.abilities:
        click.echo(f"{'ok' if not ability.missing else '-':2} {ability.name:9} {tell(ability.purpose)}")
        if ability.missing:
            names = ", ".join(ability.missing)
            click.echo(" " * 12 + tell("missing: {names}. Install: {command}", names=names, command=ability.command))
    for model in report.models:
        line = f"{'-' if model.command else 'ok':2} {model.name:16} {model.size / 1e6:,.0f} MB  {tell(model.command)}"
        click.echo(line.rstrip())
    if report.is_ready:
        click.echo(tell("ready: anatili learn 1"))


COMMANDS: tuple[click.Command, ...] = (doctor,)
