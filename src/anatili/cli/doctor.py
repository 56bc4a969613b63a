"""The command that tells what this machine can do and what is missing."""

from dataclasses import asdict

import click

from anatili.cli.options import as_json, print_json, report_problems
from anatili.problem import Problem


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
        memory = f"{report.memory / 2**30:.1f} GiB" if report.memory else "unknown"
        click.echo(f"processor  {report.processor}, {report.cores} core{'s' * (report.cores != 1)}")
        click.echo(f"memory     {memory}")
        click.echo(f"disk       {report.disk / 2**30:.1f} GiB free here")
        click.echo(f"GPU        {report.gpu or 'none found; everything up to small models works without'}")
        click.echo(f"Python     {report.python}, {report.system}")
        for ability in report.abilities:
            click.echo(f"{'ok' if not ability.missing else '-':2} {ability.name:9} {ability.purpose}")
            if ability.missing:
                click.echo(f"            missing: {', '.join(ability.missing)}. Install: {ability.command}")
        for model in report.models:
            click.echo(
                f"{'-' if model.command else 'ok':2} {model.name:16} {model.size / 1e6:,.0f} MB  {model.command}"
            )
        if report.is_ready:
            click.echo("ready: anatili learn 1")
    if report.advice:
        raise Problem("; ".join(report.advice))


COMMANDS: tuple[click.Command, ...] = (doctor,)
