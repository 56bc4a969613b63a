"""The commands that take documents out of a run: takedown, optouts."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anatili.cli import localization
from anatili.cli.options import Number, as_json, print_json, report_problems, runs_option, say
from anatili.problem import Problem
from anatili.text import show_path

if TYPE_CHECKING:
    from anatili.takedown.optouts import Answers
    from anatili.takedown.rebuild import Plan

VOCABULARY = "learned from {learned_from} documents, {taken_down} of them taken down"
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
yes_option = click.option("--yes", is_flag=True, help="Do it without asking.")
later_option = click.option(
    "--later", is_flag=True, help="Only write the log, which search obeys at once; rebuild with the next `anatili run`."
)
copies_option = click.option(
    "--copies/--no-copies", default=True, show_default=True, help="Also take down near copies, at other addresses too."
)
workers_option = click.option(
    "--workers", type=click.IntRange(1, 1024), default=1, show_default=True, help="Number of local worker processes."
)
launch_option = click.option(
    "--launch", default="", metavar="COMMAND", help="Train in the processes that COMMAND starts."
)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--url", "urls", multiple=True, help="Address of a page; repeatable.")
@click.option("--id", "ids", multiple=True, help="Id of a document; repeatable.")
@click.option("--host", "hosts", multiple=True, help="Host with its subdomains; repeatable.")
@click.option("--file", "files", multiple=True, type=FILE, help="List of addresses, ids and hosts, one a line.")
@click.option("--reason", default="", help="Why, for the log.")
@copies_option
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for a plot of what takedowns cost, .png or .svg.",
)
@yes_option
@later_option
@workers_option
@launch_option
@runs_option
@as_json
@report_problems
def takedown(
    run: Path,
    urls: tuple[str, ...],
    ids: tuple[str, ...],
    hosts: tuple[str, ...],
    files: tuple[Path, ...],
    reason: str,
    copies: bool,
    plot: Path | None,
    yes: bool,
    later: bool,
    workers: int,
    launch: str,
    runs: Path,
    wants_json: bool,
) -> None:
    """Take documents out of RUN: out of its corpus, its search index and its model.

    First it says what is affected and how much of the training is done again, and asks. The log only grows; search
    obeys it at once, in running servers too, and later crawls do not bring the documents or their near copies back.

    \b
    anatili takedown tiny --url https://example.kz/page --reason "letter of the owner, 2026-11-20"
    anatili takedown tiny --host example.kz --reason "opted out" --yes
    anatili takedown tiny --plot cost.png        what takedowns cost, by number of kept checkpoints
    """
    from anatili.run import find_run
    from anatili.stage import recipe_of
    from anatili.takedown.affected import Request
    from anatili.takedown.cost import draw_cost
    from anatili.takedown.names import names_of
    from anatili.takedown.rebuild import plan_takedown

    opened = find_run(run, runs)
    names = names_of(urls, ids, hosts, files)
    if plot:
        draw_cost(plot, opened, recipe_of(opened)[0])
        if not names:
            return
    if files and not names:
        raise Problem(f"{', '.join(map(show_path, files))}: nothing is named there, so there is nothing to take down")
    plan = plan_takedown(opened, [Request(names, reason, copies)])
    proceed(plan, yes=yes, later=later, workers=workers, launch=launch, wants_json=wants_json)


def proceed(plan: "Plan", *, yes: bool, later: bool, workers: int, launch: str, wants_json: bool) -> None:
    """Show what a takedown affects, ask, and carry it out."""
    from anatili.cli.progress import Bars, print_outcome
    from anatili.takedown.rebuild import rebuild, record_takedowns

    facts = plan.facts
    print_json({"affected": facts}) if wants_json else show(facts)
    if not (yes or agrees(wants_json)):
        return
    for entry in record_takedowns(plan):
        if wants_json:
            print_json({"takedown": entry.number, "time": entry.time, "reason": entry.reason})
        else:
            say(f"takedown {entry.number} is in the log")
            if entry.changes_corpus:
                say("search no longer shows its passages")
    if later:
        return
    with Bars(quiet=wants_json) as bars:
        for outcome in rebuild(plan, workers=workers, launch=launch, watch=bars.watch):
            print_outcome(outcome) if wants_json else bars.tell(outcome)


def agrees(wants_json: bool) -> bool:
    """Whether the person at the terminal agrees; without a terminal, `Problem` says how to agree."""
    if wants_json or not sys.stdin.isatty():
        raise Problem("nothing was changed; to carry this out, add --yes")
    return click.confirm(localization.current.text("Take this down?"), default=False)


def show(facts: dict[str, Any]) -> None:
    """Print what a takedown affects, a line for each kind of thing."""
    documents, training, vocabulary = facts["documents"], facts["training"], facts["vocabulary"]
    if not documents["named"]:
        say("no document of this run is named that was not taken down before")
        say("the log keeps what is named out of later crawls")
        if facts["to_be_built_again"]:
            say("examples for tuning name it: tuning and what follows are done again, unless --later is given")
        else:
            say("nothing that this run has made changes, so nothing is built again; is the name spelled correctly?")
        return
    tell = localization.current.text
    rows = [
        (
            "documents",
            filled(
                "{named} named, {near_copies} near copies; {in_training} in the training text, {held_out} held out, "
                "{not_in_corpus} not in the corpus",
                **documents,
            ),
        ),
        ("near copies", ", ".join(f"{host} {counted(count)}" for host, count in facts["near_copies_by_host"].items())),
        ("shards", f"{counted(facts['shards'])} {tell('of the corpus')}"),
        ("passages", f"{counted(facts['passages'])} {tell('of the search index')}"),
        ("vocabulary", filled(VOCABULARY, **vocabulary) if vocabulary else ""),
        ("sequences", words_of_sequences(training["sequences"]) if training else ""),
        ("examples", f"{counted(facts['sft_examples'])} {tell('for tuning')}"),
        ("models", ", ".join(facts["models"])),
        ("packages", ", ".join(facts["packages"])),
        ("to be done again", words_of(training, vocabulary) if training else ""),
    ]
    names = {name: tell(name) for name, _ in rows}
    width = max(map(len, names.values()))
    for name, text in rows:
        if text:
            click.echo(f"{names[name]:{width}}  {text}")


def counted(count: int) -> str:
    """A number with its thousands apart, as the reader writes them."""
    return localization.current.figures(f"{count:,}")


def filled(text: str, **counts: int) -> str:
    """A text in the language of the environment, with counts filled in."""
    return localization.current.filled(text, **{name: counted(count) for name, count in counts.items()})


def words_of_sequences(count: int | None) -> str:
    if count is None:
        return localization.current.text("unknown: the model was trained before their order was kept")
    return f"{counted(count)} {localization.current.text('of the training')}"


def words_of(training: dict[str, Any], vocabulary: dict[str, Any] | None) -> str:
    """How much of the training is done again, in words."""
    tell = localization.current.filled
    first = training["first_seen"]
    seen = filled("first seen in step {step}", step=first) if first is not None else tell("not seen in training")
    if training["sequences"] is None:
        seen = tell("nothing is known about its order")
    text = tell(
        "{share} of the training, about {seconds} s, from step {step} of {steps} ({seen})",
        share=f"{training['share_again']:.0%}",
        seconds=counted(training["seconds_again"]),
        step=counted(training["goes_on_from"]),
        steps=counted(training["steps"]),
        seen=seen,
    )
    if not training["mix_stays"]:
        text += "; " + tell("the sizes of the sources change so much that their mix changes")
    if vocabulary and vocabulary["taken_down"]:
        text += "; " + tell("all of it if the vocabulary comes out different")
    return text


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--list", "lists", multiple=True, type=FILE, help="List of hosts that opted out, one a line.")
@click.option("--offline", is_flag=True, help="Ask no host; only lists and the signals that were stored.")
@click.option(
    "--pages",
    default=0,
    show_default=True,
    type=click.IntRange(0, 10**6),
    help="Pages of each host to read again, for signals in their headers and meta tags.",
)
@click.option("--pause", default=1.0, show_default=True, type=Number(0), help="Seconds between two requests.")
@yes_option
@later_option
@workers_option
@launch_option
@runs_option
@as_json
@report_problems
def optouts(
    run: Path,
    lists: tuple[Path, ...],
    offline: bool,
    pages: int,
    pause: float,
    yes: bool,
    later: bool,
    workers: int,
    launch: str,
    runs: Path,
    wants_json: bool,
) -> None:
    """Ask the hosts of RUN again whether they allow training, and take down what they do not.

    Of each host robots.txt, ai.txt and tdmrep.json are read, and with --pages so many of its pages, each day others. A
    host that does not answer is listed, and its documents stay.

    \b
    anatili optouts tiny
    anatili optouts tiny --list opted-out-domains.txt --yes
    anatili optouts tiny --pages 50
    """
    from anatili.cli.progress import Bars
    from anatili.run import find_run
    from anatili.takedown.optouts import ask_again
    from anatili.takedown.rebuild import plan_takedown

    opened = find_run(run, runs)
    with Bars(quiet=wants_json) as bars:
        answers = ask_again(opened, lists, offline=offline, pages=pages, pause=pause, progress=bars.bar("hosts"))
    show_answers(answers, wants_json)
    if answers.requests:
        plan = plan_takedown(opened, answers.requests)
        proceed(plan, yes=yes, later=later, workers=workers, launch=launch, wants_json=wants_json)
    elif not wants_json:
        say("nothing is to be taken down")


def show_answers(answers: "Answers", wants_json: bool) -> None:
    """Print which hosts opted out, and which did not answer."""
    if wants_json:
        print_json(
            {
                "hosts": answers.asked,
                "pages": answers.pages,
                "opted_out": answers.opted_out,
                "not_answered": answers.silent,
            }
        )
        return
    click.echo(
        filled(
            "{hosts} hosts asked, {pages} pages read; {opted_out} opted out, {silent} did not answer",
            hosts=answers.asked,
            pages=answers.pages,
            opted_out=len(answers.opted_out),
            silent=len(answers.silent),
        )
    )
    for host, signals in answers.opted_out.items():
        click.echo(f"{host:30} {signals}")
    for host, problem in answers.silent.items():
        click.echo(f"{host:30} {localization.current.text('no answer')}: {problem}")


COMMANDS = (takedown, optouts)
