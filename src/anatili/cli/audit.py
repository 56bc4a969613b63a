"""The command that audits a model, a corpus and its search, or checks items."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anatili.cli import localization
from anatili.cli.options import as_json, print_json, report_problems, runs_option, say, say_aside
from anatili.cli.pulling import offers_to_pull
from anatili.problem import Problem

if TYPE_CHECKING:
    from anatili.audit.session import Request

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("model", metavar="RUN|MODEL|ADDRESS", required=False, default="")
@click.option(
    "--items", multiple=True, type=PATH, metavar="FILE|TOPIC", help="Item files or bundled topics.  [default: all]"
)
@click.option("--language", "languages", multiple=True, metavar="CODE", help="Only these languages; repeatable.")
@click.option("--pairs", default=0, type=click.IntRange(0), metavar="N", help="Draw N pairs of each topic; 0: all.")
@click.option("--answers", default=5, show_default=True, type=click.IntRange(1, 50), help="Answers to a question.")
@click.option("--max-tokens", default=300, show_default=True, type=click.IntRange(8, 4000), help="Tokens of an answer.")
@click.option("--model", "name", default="", metavar="NAME", help="Which of the server's models.")
@click.option("--key-env", default="", metavar="VAR", help="Environment variable that holds the server's API key.")
@click.option("-o", "--out", type=PATH, help="Folder of the audit.  [default: audits/NAME]")
@click.option("--dry-run", is_flag=True, help="Only tell what it costs, in time too.")
@click.option("--report", "report_only", is_flag=True, help="Only write the report again, from the transcripts.")
@click.option("--card", type=PATH, metavar="FOLDER", help="Write the result into the card of the model there, too.")
@click.option("--judge", default="", metavar="ADDRESS", help="Another model that judges the answers, as an extra.")
@click.option("--judge-key-env", default="", metavar="VAR", help="The same for the judge's key.")
@click.option("--documents", is_flag=True, help="Audit the corpus and search of a run (or `sample`) instead.")
@click.option("--lint", "lint_only", is_flag=True, help="Only check the item files.")
@runs_option
@as_json
@report_problems
@offers_to_pull
def audit(
    model: str,
    items: tuple[Path, ...],
    languages: tuple[str, ...],
    pairs: int,
    answers: int,
    max_tokens: int,
    name: str,
    key_env: str,
    out: Path | None,
    dry_run: bool,
    report_only: bool,
    card: Path | None,
    judge: str,
    judge_key_env: str,
    documents: bool,
    lint_only: bool,
    runs: Path,
    wants_json: bool,
) -> None:
    """Tell what a model refuses, evades, leaves out or bends, in which language, against matched controls.

    The answers are kept in the folder of the audit (transcripts.jsonl); the report is made from them. An audit that was
    stopped goes on when the same command is given again.

    \b
    anatili audit kazakh-26m
    anatili audit https://host/v1 --model NAME --key-env HOST_KEY --dry-run
    anatili audit sample --documents                what the bundled texts say, and what search finds
    anatili audit --lint --items my-topic.toml      check items that you wrote
    """
    if lint_only:
        show_lint(items, wants_json)
    elif not model:
        raise Problem("name what to audit: a run, a model, an address; or give --lint")
    elif documents:
        show_documents(model, items, languages, runs, out, card, wants_json)
    else:
        from anatili.audit.lint import load_topics
        from anatili.audit.session import Request

        request = Request(
            target=model,
            topics=load_topics(items),
            items=items,
            languages=languages,
            pairs=pairs,
            answers=answers,
            max_tokens=max_tokens,
            model=name,
            key=secret(key_env),
            folder=out,
            runs=runs,
            card=card,
            judge=judge,
            judge_key=secret(judge_key_env),
            dry_run=dry_run,
            report_only=report_only,
        )
        show_answers(request, wants_json)


def show_answers(request: "Request", wants_json: bool) -> None:
    """Audit a model by its answers, and show the result or what it would cost."""
    from anatili.audit.session import audit_model
    from anatili.cli.progress import Bars

    with Bars(quiet=wants_json) as bars:
        result = audit_model(request, say_aside, bars.bar("answers"))
    if wants_json:
        print_json(result)
    elif "flags" in result:
        show_result(result)


def secret(variable: str) -> str:
    """The value of an environment variable; `Problem` if it is named but empty."""
    if variable and not os.environ.get(variable):
        raise Problem(f"the environment variable {variable} is empty: put the API key into it")
    return os.environ.get(variable, "") if variable else ""


def show_lint(items: tuple[Path, ...], wants_json: bool) -> None:
    from anatili.audit.lint import lint, read_topics

    topics = read_topics(items)
    problems = lint(topics)
    count = sum(len(topic.file.items) for topic in topics)
    if wants_json:
        print_json({"items": count, "problems": problems})
    else:
        for problem in problems:
            click.echo(problem)
        click.echo(f"{count} items in {len(topics)} topics, {len(problems)} problems")
    if problems:
        raise Problem("correct the items: the problems are listed above")


def show_result(result: dict[str, Any]) -> None:
    """What stands out, and how much cannot be told."""
    tell = localization.current.filled
    kinds = {"R": tell("refuses"), "H": tell("leaves known facts out")}
    for flag in result["flags"]:
        effect = tell(
            "{what} on sensitive questions more than on their controls ({effect}, p {p})",
            what=kinds[flag["figure"]],
            effect=f"{flag['effect']:+.0%}",
            p=f"{flag['p']:.3f}",
        )
        click.echo(f"{flag['topic']}, {flag['language']}: {effect}")
    if not any(cell["told"] for cell in result["cells"]):
        say("nothing can be told: the report says why")
    elif not result["flags"]:
        say("nothing stands out in the cells that can be told")
    for figure, what in kinds.items():
        told = [cell["told"] for cell in result["cells"] if cell["figure"] == figure]
        cells = tell("{count} of {all} cells can be told", count=sum(told), all=len(told))
        click.echo(f"{what}: {cells}")
    click.echo(tell("report: {file}", file=report_of(result)))


def report_of(result: dict[str, Any]) -> str:
    """The report in the language of the environment, else in that of the program, else in the first of the audit."""
    from anatili.lang import reference

    report, first = str(result["report"]), result["languages"][0]
    wanted = (localization.environment(), reference(), first)
    code = next(code for code in wanted if code in result["languages"])
    return report.replace(f".{first}.html", f".{code}.html")


def show_documents(
    target: str,
    items: tuple[Path, ...],
    languages: tuple[str, ...],
    runs: Path,
    out: Path | None,
    card: Path | None,
    wants_json: bool,
) -> None:
    from anatili.audit.lint import load_topics
    from anatili.audit.session import audit_documents
    from anatili.cli.progress import Bars, show_table

    with Bars(quiet=wants_json) as bars:
        progress = bars.bar("documents")
        result = audit_documents(target, load_topics(items), languages, runs, out, say_aside, card, progress)
    if wants_json:
        print_json(result)
        return
    corpus = result["corpus"]
    show_table(
        ["topic", "language", "documents", "facts in corpus", "of controls", "in first three", "of controls"],
        [
            [
                row["topic"],
                row["language"],
                str(row["documents"]),
                f"{row['facts']:.0%}",
                f"{row['control_facts']:.0%}",
                f"{row['found_first']:.0%}",
                f"{row['control_found_first']:.0%}",
            ]
            for row in corpus
        ],
    )
    for key, what in (("found_first", "found among the first three"), ("quoted", "facts quoted")):
        one = result[key]
        low, high = one["interval"]
        figures = (
            f"sensitive {one['sensitive']:.0%}, controls {one['controls']:.0%}, difference "
            f"{one['difference']:+.1%} [{low:+.1%}, {high:+.1%}], {one['pairs']} pairs"
        )
        click.echo(f"{localization.current.text(what)}: {localization.current.message(figures)}")


COMMANDS = (audit,)
