"""Commands for what people contribute to a server that was started with --contribute."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anatili.cli import localization
from anatili.cli.options import Group, as_json, print_json, report_problems, say, say_aside
from anatili.problem import Problem, not_installed

if TYPE_CHECKING:
    from anatili.commons.database import Database

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group(cls=Group)
def commons() -> None:
    """Back up, export and use what people contributed.

    DATABASE is what `anatili serve --contribute DATABASE` was started with: a file, or an address of PostgreSQL.

    \b
    anatili serve --public --keys keys.txt --contribute commons.sqlite
    anatili commons backup commons.sqlite backups/monday.sqlite
    anatili commons export commons.sqlite -o dataset
    """


@commons.command()
@click.argument("database")
@click.argument("file", type=FILE)
@as_json
@report_problems
def backup(database: str, file: Path, wants_json: bool) -> None:
    """Write all of DATABASE to FILE, while the server goes on.

    FILE is a complete SQLite database, also if DATABASE is in PostgreSQL. It can be served as it is.

    \b
    anatili commons backup postgresql://anatili@localhost/commons monday.sqlite
    anatili serve --contribute monday.sqlite
    """
    from anatili.commons.database import backup as write_backup

    with closing(open_database(database)) as opened:
        counts = write_backup(opened, file)
    print_json({"file": str(file), **counts}) if wants_json else click.echo(told(counts, file))


@commons.command()
@click.argument("file", type=FILE)
@click.argument("database")
@as_json
@report_problems
def restore(file: Path, database: str, wants_json: bool) -> None:
    """Copy the backup FILE into DATABASE, which must be empty or not exist.

    \b
    anatili commons restore monday.sqlite postgresql://anatili@localhost/commons
    """
    from anatili.commons.database import Database, copy

    with closing(open_database(str(file))) as source, closing(Database(database)) as target:
        counts = copy(source, target)
    print_json({"database": database, **counts}) if wants_json else click.echo(told(counts, database))


@commons.command()
@click.argument("database")
@click.option("-o", "--out", type=FOLDER, required=True, help="Folder of the dataset.")
@as_json
@report_problems
def export(database: str, out: Path, wants_json: bool) -> None:
    """Write the accepted lines of DATABASE as a dataset with its card.

    The folder has lines.parquet, lines.jsonl, a card with the agreement of voters and the number of contributors, and
    withdrawn.txt: addresses of lines that were accepted once and must be taken out of what was made with them.

    \b
    anatili commons export commons.sqlite -o dataset
    anatili commons export commons.sqlite -o dataset --json
    """
    from anatili.commons.export import export as write_export

    with closing(open_database(database)) as opened:
        facts = write_export(opened, out)
    if wants_json:
        print_json(facts)
        return
    say(f"{out}: {facts['lines']} lines; contributors: {facts['contributors']}")
    click.echo(", ".join(f"{kind} {count}" for kind, count in facts["kinds"].items()))
    if facts["withdrawn"]:
        say_aside(f"{facts['withdrawn']} lines were accepted before and are not any more: {out / 'withdrawn.txt'}")


@commons.command()
@click.argument("database")
@click.option("-o", "--out", type=FOLDER, required=True, help="Folder of the examples.")
@as_json
@report_problems
def examples(database: str, out: Path, wants_json: bool) -> None:
    """Write the accepted answers and translations of DATABASE as examples for tuning.

    train.jsonl is what [tune] instructions of a recipe reads. Every fifth correction is held out: corrections_CODE.toml
    is an evaluation task that asks whether a model prefers what people wrote to what the machine wrote.

    \b
    anatili commons examples commons.sqlite -o corrections
    anatili compare before after --task corrections/corrections_kk.toml -o comparison
    """
    from anatili.commons.examples import write_examples

    with closing(open_database(database)) as opened:
        counts = write_examples(opened, out)
    print_json({"file": str(out), **counts}) if wants_json else click.echo(told(counts, out))


def open_database(address: str) -> "Database":
    """An existing commons; `Problem` if there is none, or if packages are missing."""
    try:
        from anatili.commons.database import Database
    except ImportError as error:
        raise Problem(not_installed("contributions need more packages", "commons")) from error
    return Database(address, must_exist=True)


def told(counts: dict[str, int], where: Path | str) -> str:
    """How many rows of each kind there are, and where."""
    rows = ", ".join(f"{localization.current.text(name)} {count}" for name, count in counts.items())
    return f"{where}: {rows}"


COMMANDS = (commons,)
