"""The command `stats`: how the documents of a run lie about its thresholds."""

import re
from dataclasses import asdict
from pathlib import Path

import click

from anatili.cli.options import as_json, print_json, report_problems, runs_option
from anatili.problem import Problem

CHANGE = re.compile(r"(\w{1,40})=(-?\d{1,12}(?:\.\d{1,12})?)")


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with histograms here.")
@click.option(
    "--what-if", "changes", multiple=True, metavar="KEY=VALUE", help="Tell what this threshold would do; repeatable."
)
@runs_option
@as_json
@report_problems
def stats(run: Path, out: Path | None, changes: tuple[str, ...], runs: Path, wants_json: bool) -> None:
    """Show how the documents of RUN lie about the thresholds of [cut], before and after, and what others would do.

    Nothing is built: the answer is read from the marks.

    \b
    anatili stats tiny -o tiny.html
    anatili stats tiny --what-if min_words=50 --what-if max_symbols=0.05
    """
    from anatili.run import find_run
    from anatili.stats.page import sentence, write_page
    from anatili.stats.thresholds import read_marks, what_if

    opened = find_run(run, runs)
    marks = read_marks(opened)
    asked = [what_if(opened, marks, *parsed(change)) for change in changes]
    if out:
        write_page(out, opened, marks, asked)
    for change in asked:
        if wants_json:
            print_json(asdict(change))
            continue
        click.echo(sentence(change))
        for sign, rows in (("-", change.lost_examples), ("+", change.gained_examples)):
            for row in rows:
                click.echo(f"  {sign} {row.value:<8} {row.url}  {row.text[:80]}")
    if out and not wants_json:
        click.echo(f"wrote {out}")
    if not (out or asked):
        raise Problem("nothing to show: give -o PAGE.html, or --what-if KEY=VALUE, such as --what-if min_words=50")


def parsed(change: str) -> tuple[str, float]:
    """`KEY=VALUE` as key and number."""
    match = CHANGE.fullmatch(change)
    if match is None:
        raise Problem(f"--what-if {change}: write it as KEY=VALUE with plain digits, such as min_words=50")
    return match[1], float(match[2])


COMMANDS = (stats,)
