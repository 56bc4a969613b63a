"""The command `blend`."""

import math
from pathlib import Path

import click

from anatili.cli.options import as_json, print_json, report_problems
from anatili.problem import Problem


@click.command()
@click.argument("adapters", nargs=-1, required=True, metavar="ADAPTER=WEIGHT...")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="GGUF file to write.")
@as_json
@report_problems
def blend(adapters: tuple[str, ...], out: Path, wants_json: bool) -> None:
    """Write the weighted sum of LoRA adapters, which is often better than each of them.

    The adapters are GGUF files that were trained on the same base. The sum has the rank of the largest. Weights may sum
    to less than 1: what was learned is then added in part.

    \b
    anatili blend first.gguf=0.5 second.gguf=0.3 -o both.gguf
    """
    from anatili.gguf import blend as blending

    facts = blending.blend([blending.Part(*read_part(adapter)) for adapter in adapters], out)
    if wants_json:
        print_json(facts)
    else:
        click.echo(f"{facts['file']}: rank {facts['rank']}; {facts['lost']:.2%} of the sum did not fit into it")


def read_part(text: str) -> tuple[float, Path]:
    """Weight and file of `file.gguf=0.5`."""
    file, _, weight = text.rpartition("=")
    try:
        number = float(weight)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Problem(f"{text}: write the adapter and its weight as file.gguf=0.5")
    return number, Path(file)


COMMANDS = (blend,)
