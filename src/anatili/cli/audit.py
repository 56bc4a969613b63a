"""The command that audits a model, a corpus or items."""

from pathlib import Path

import click

from anatili.cli.options import as_json, print_json, report_problems
from anatili.problem import Problem

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("model", metavar="RUN|MODEL|ADDRESS", required=False, default="")
@click.option("--items", multiple=True, type=PATH, metavar="FILE|FOLDER", help="Item files.  [default: bundled]")
@click.option("--lint", "lint_only", is_flag=True, help="Only check the item files.")
@as_json
@report_problems
def audit(model: str, items: tuple[Path, ...], lint_only: bool, wants_json: bool) -> None:
    """Tell what a model refuses, evades, omits or bends, in which language.

    \b
    anatili audit --lint --items my-topic.toml      check items that you wrote
    """
    from anatili.audit.items import item_files, read_topic
    from anatili.audit.lint import lint

    topics = [read_topic(path) for path in item_files(items)]
    problems = lint(topics)
    if wants_json:
        print_json({"items": sum(len(topic.file.items) for topic in topics), "problems": problems})
    else:
        for problem in problems:
            click.echo(problem)
        count = sum(len(topic.file.items) for topic in topics)
        click.echo(f"{count} items in {len(topics)} topics, {len(problems)} problems")
    if problems:
        raise Problem("correct the items: the problems are listed above")


COMMANDS = (audit,)
