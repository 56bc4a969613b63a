"""The command `trace`: where the words of an answer come from."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anatili.cli.options import Group, as_json, print_json, report_problems, runs_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.decorators import FC

    from anatili.attribution.find import Traced
    from anatili.run import Run


def min_words_option(default: int) -> "Callable[[FC], FC]":
    return click.option(
        "--min-words",
        default=default,
        show_default=True,
        type=click.IntRange(1, 1000),
        help="Fewest words of a stretch.",
    )


class TraceGroup(Group):
    """`anatili trace RUN TEXT` is short for `anatili trace text RUN TEXT`."""

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = arguments and arguments[0] in self.commands
        return super().resolve_command(context, arguments if known else ["text", *arguments])


@click.group(cls=TraceGroup, context_settings={"ignore_unknown_options": True}, subcommand_metavar="RUN|MODEL [TEXT]")
def trace() -> None:
    """Show where the words of a text come from: stretches that occur word for word in the training corpus.

    The corpus is indexed once, in the folder of the run. What happened to one page in a run is shown by `anatili why`.

    \b
    anatili trace build tiny
    anatili trace tiny "Алтын адам – Есік қорғанынан табылған сақ жауынгерінің қабірі."
    anatili trace tiny < answer.txt
    anatili trace memory tiny        how much of its own texts the model knows by heart
    """


@trace.command("build")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--workers", type=click.IntRange(1, 1024), default=1, show_default=True, help="Number of local worker processes."
)
@click.option("--ray", metavar="ADDRESS", help="Run on this Ray cluster; `local` starts one on this machine.")
@runs_option
@as_json
@report_problems
def trace_build(run: Path, workers: int, ray: str | None, runs: Path, wants_json: bool) -> None:
    """Index the corpus of RUN, so that texts can be traced to it. A build that was stopped resumes."""
    from anatili.attribution.build import build_index
    from anatili.cli.progress import Bars
    from anatili.pool import open_pool
    from anatili.run import find_run

    with Bars(quiet=wants_json) as bars:
        record = build_index(find_run(run, runs), open_pool(workers, ray), bars.bar("attribution"))
    if wants_json:
        print_json(record.summary)
        return
    facts = record.summary
    click.echo(f"{facts['documents']:,} documents, {facts['words']:,} words, {facts['bytes'] / 1e6:,.1f} MB of index")


@trace.command("memory")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--texts", default=100, show_default=True, type=click.IntRange(2, 100_000), help="Number of texts.")
@click.option("--tokens", default=128, show_default=True, type=click.IntRange(1, 4096), help="Most tokens of a text.")
@min_words_option(8)
@runs_option
@as_json
@report_problems
def trace_memory(run: Path, texts: int, tokens: int, min_words: int, runs: Path, wants_json: bool) -> None:
    """Measure how much of what the model of RUN writes by itself stands word for word in its corpus.

    The model writes texts from an empty prompt. The measurement is kept in the folder of the run, and the card of the
    release says it when it is built again: `anatili run RECIPE --redo release`.
    """
    from anatili.attribution.find import open_attribution
    from anatili.attribution.memorized import keep, measure
    from anatili.cli.progress import Bars
    from anatili.engine import open_engine
    from anatili.opening import model_of
    from anatili.run import find_run

    opened = find_run(run, runs)
    index, engine = open_attribution(opened), open_engine(model_of(opened))
    with Bars(quiet=wants_json) as bars:
        measured = measure(index, engine, texts=texts, tokens=tokens, words=min_words, progress=bars.bar("texts"))
    keep(opened, measured)
    if wants_json:
        print_json(measured)
        return
    ends = " to ".join(f"{end:.2%}" for end in measured["interval"] or ())
    share = f"{measured['share']:.2%}, 95 % interval {ends}"
    click.echo(
        f"{measured['covered']:,} of {measured['words']:,} words ({share}) in stretches of at least "
        f"{min_words} words; the longest has {measured['longest']}"
    )


@trace.command("text")
@click.argument("target", metavar="RUN|MODEL")
@click.argument("text", required=False)
@min_words_option(5)
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1, 1000), help="Maximum stretches.")
@click.option(
    "--documents", default=3, show_default=True, type=click.IntRange(1, 50), help="Maximum documents of a stretch."
)
@runs_option
@as_json
@report_problems
def trace_text(
    target: str, text: str | None, min_words: int, limit: int, documents: int, runs: Path, wants_json: bool
) -> None:
    """List the stretches of TEXT (or of standard input) that occur in the corpus, the rarest first."""
    from anatili.attribution.find import open_attribution

    index = open_attribution(run_that_made(target, runs))
    text = sys.stdin.read() if text is None else text
    traced = index.find(text, min_words=min_words, limit=limit, documents=documents)
    if wants_json:
        print_json(asdict(traced))
    else:
        show(traced)


def run_that_made(target: str, runs: Path) -> "Run":
    """The run that made a model. What knows models is loaded only for one that is not named by its run."""
    from anatili.run import find_run

    if any((root / "recipe.toml").is_file() for root in (Path(target), runs / target)):
        return find_run(Path(target), runs)
    from anatili.opening.attribution import training_run

    return training_run(target, runs)


def show(traced: "Traced") -> None:
    """Print the stretches of a text, each with its documents."""
    for stretch in traced.stretches:
        times = "once" if stretch.count == 1 else f"{stretch.count:,} times"
        click.echo(f"{stretch.words} words, {times} in the corpus: {' '.join(stretch.text.split())}")
        for document in stretch.documents:
            facts = (document.title or document.source, document.url, document.license)
            click.echo("    " + "  ".join(filter(None, facts)))
    click.echo(f"{traced.covered} of {traced.words} words occur in the corpus in such stretches")


COMMANDS: tuple[Any, ...] = (trace,)
