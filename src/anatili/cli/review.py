"""The command by which people label answers, review audit items and correct data files, on a local page."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anatili.cli import localization
from anatili.cli.options import as_json, print_json, report_problems, say, say_aside
from anatili.problem import Problem

if TYPE_CHECKING:
    from anatili.review.session import Session

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("names", metavar="FILE...", nargs=-1)
@click.option("--items", multiple=True, type=PATH, metavar="FILE|FOLDER", help="Item files of the audits.")
@click.option("--language", "languages", multiple=True, metavar="CODE", help="Only these languages; repeatable.")
@click.option("--answers", type=click.IntRange(2, 10_000), help="Answers to label in a language.  [default: 200]")
@click.option("--seed", type=int, help="Seed by which the answers are drawn.  [default: 7]")
@click.option("-o", "--out", type=PATH, help="Folder of the review.  [default: reviews/NAME]")
@click.option("--export", is_flag=True, help="Write the labels beside the transcripts, and print the agreement.")
@click.option("--diff", is_flag=True, help="Print the corrections as a unified diff.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port; 0 is any free port.  [default: 0]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of the page; others need a key.")
@click.option("--key", envvar="ANATILI_KEY", default="", help="Key for the page; safer in the variable ANATILI_KEY.")
@click.option("--browser/--no-browser", default=None, help="Open the page in a browser.  [default: in a terminal]")
@as_json
@report_problems
def review(
    names: tuple[str, ...],
    items: tuple[Path, ...],
    languages: tuple[str, ...],
    answers: int | None,
    seed: int | None,
    out: Path | None,
    export: bool,
    diff: bool,
    port: int,
    host: str,
    key: str,
    browser: bool | None,
    wants_json: bool,
) -> None:
    """Label answers, review audit items, or correct data files, on a local page.

    FILE is the folder of an audit, an item file (or `items`, the bundled ones), a data file, or the code of a language
    pack. Two people judge answers and items blind to each other, and a third decides where they differ. What they say
    is kept in review.jsonl as soon as they say it; the same command goes on where they stopped. No file that is
    reviewed is changed: corrections come out as a diff.

    \b
    anatili review audits/kazakh-26m              label 200 answers in each language
    anatili review audits/kazakh-26m --export     labels.jsonl, and how far people and detector agree
    anatili review items --language kk            are the questions and facts right?
    anatili review kk                             prompts, words of the pages, word lists
    anatili review kk --diff > corrections.diff
    """
    from anatili.review.session import Options, Session, folder_for
    from anatili.review.sources import open_sources

    if export and diff:
        raise Problem("give --export or --diff, one at a time")
    if wants_json and not (export or diff):
        raise Problem("--json is for --export and --diff")
    sources = open_sources(names, items)
    folder = out or folder_for(names)
    session = Session(sources, folder, Options(languages, answers, seed), writes=not (export or diff))
    try:
        warn_of_stale(session)
        if export:
            result = session.export()
            print_json(result) if wants_json else show_figures(result)
        elif diff:
            text, problems = session.diff(), session.lint()
            print_json({"diff": text, "problems": problems}) if wants_json else click.echo(text, nl=False)
            if not text:
                say_aside("there are no corrections yet")
            for problem in problems:
                say_aside(f"after these corrections, the lint of items finds: {problem}")
        else:
            from anatili.review.server import PageAddress, start

            opens = sys.stdout.isatty() if browser is None else browser
            start(session, PageAddress(host, port, key, opens), say)
    finally:
        session.close()


def warn_of_stale(session: "Session") -> None:
    """Say which corrections no longer fit, because the text they corrected has changed."""
    for line in session.stale:
        say_aside(f"{line['file']}: {line['entry']}: this text has changed since it was corrected to {line['text']!r}")


def show_figures(result: dict[str, Any]) -> None:
    """The figures as a table for each language, and where the labels are."""
    for kind in ("answers", "items"):
        for language, figures in result[kind].items():
            show_language(f"{localization.current.text(kind)}, {language}", figures)
    for written in result["labels"]:
        say(f"{written['labels']} labels: {written['file']}")


def show_language(title: str, figures: dict[str, Any]) -> None:
    """How far a language is, and its figures once two people have seen something."""
    from anatili.cli.progress import show_table

    tell = localization.current.text
    say(
        f"{title}: {figures['tasks']} in all, {figures['labeled_twice']} seen by two, "
        f"{figures['undecided']} wait for a third, {figures['final']} settled"
    )
    if not figures["labeled_twice"]:
        return
    rows = [(tell(f"people: {name}"), values) for name, values in figures["people"].items()]
    if "detector" in figures:
        refusals, facts = figures["detector"]["refusals"], figures["detector"]["facts"]
        rows += [
            (tell("detector: refusals"), refusals),
            (f"  {tell('among all answers')}", refusals["of_all_answers"]),
            (tell("detector: facts"), facts),
        ]
    columns = ("n", "prevalence", "hit", "false", "precision", "kappa", "ac1")
    show_table(["", *columns], [[name, *(shown(values.get(column)) for column in columns)] for name, values in rows])
    if "detector" in figures:
        for name, values in figures["detector"].items():
            say(f"detector of {name}: {'validated' if values['validated'] else 'not validated'}")


def shown(value: Any) -> str:
    """A count, or a value with its interval."""
    if value is None or isinstance(value, int):
        return "" if value is None else str(value)
    if value["value"] is None:
        return "-"
    low, high = value["interval"]
    return f"{value['value']:.2f} [{low:.2f}, {high:.2f}]"


COMMANDS = (review,)
