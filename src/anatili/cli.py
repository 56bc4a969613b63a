"""The command line: a command reads arguments, calls one function and prints what it says."""

import functools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from anatili import __version__
from anatili.problem import Problem

F = TypeVar("F", bound=Callable[..., Any])
RUNS = click.Path(path_type=Path, file_okay=False)
as_json = click.option("--json", "wants_json", is_flag=True, help="Print JSON for machines.")
runs_option = click.option(
    "--runs", type=RUNS, default=Path("runs"), show_default=True, help="Folder that holds the runs."
)


def report_problems(command: F) -> F:
    """Show a `Problem` as a sentence, not as a traceback."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except Problem as problem:
            raise click.ClickException(str(problem)) from problem
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(0)

    return wrapped  # type: ignore[return-value]


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))


class Group(click.Group):
    """Commands in the order of work, not of the alphabet."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="anatili")
def main() -> None:
    """From a raw web crawl to an assistant in your own language.

    \b
    anatili run recipes/tiny.toml      make corpus, search index, tokenizer and a small model
    anatili chat tiny                  ask it
    anatili serve tiny --port 8000     open it in a browser
    """


@main.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@runs_option
@click.option("--workers", type=click.IntRange(1, 1024), default=1, show_default=True, help="Processes here.")
@click.option("--ray", metavar="ADDRESS", help="Run on this Ray cluster; `local` starts one on this machine.")
@click.option("--redo", multiple=True, metavar="STAGE", help="Build this stage again; STAGE.. with all after it.")
@as_json
@report_problems
def run(recipe: Path, runs: Path, workers: int, ray: str | None, redo: tuple[str, ...], wants_json: bool) -> None:
    """Carry RECIPE through its stages, building what is not built yet.

    A run that was stopped, in whatever way, goes on where it was when the same command is given again.

    \b
    anatili run recipes/tiny.toml
    anatili run recipes/tiny.toml --workers 2
    anatili run recipes/tiny.toml --redo cut      after a threshold was changed: only the corpus
    anatili run recipes/tiny.toml --redo cut..    the corpus and all that is made from it
    """
    from anatili.progress import Bars
    from anatili.recipe import load_recipe
    from anatili.stage import carry_out, prepare, stages_to_redo

    again = stages_to_redo(redo)
    wanted = load_recipe(recipe)
    with prepare(wanted, recipe, runs) as work, Bars(quiet=wants_json) as bars:
        outcomes = carry_out(
            wanted, work, make_pool(workers, ray), base=recipe.resolve().parent, redo=again, watch=bars.watch
        )
        for outcome in outcomes:
            if wants_json:
                print_json({"stage": outcome.stage, "outcome": outcome.what, "seconds": outcome.seconds,
                            "content": outcome.content, "summary": outcome.summary})  # fmt: skip
            else:
                bars.tell(outcome)
        bars.close_with(recipe)


def make_pool(workers: int, ray: str | None) -> Any:
    from anatili.pool import LocalPool, RayPool

    return RayPool(ray) if ray else LocalPool(workers)


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@runs_option
@as_json
@report_problems
def status(run: Path, runs: Path, wants_json: bool) -> None:
    """Show the stages of RUN: what each made, from what, and its digests."""
    from anatili.progress import draw_status
    from anatili.run import find_run
    from anatili.stage import describe

    rows = describe(find_run(run, runs))
    if wants_json:
        print_json(rows)
    else:
        draw_status(rows)


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("document", metavar="URL|ID")
@runs_option
@as_json
@report_problems
def why(run: Path, document: str, runs: Path, wants_json: bool) -> None:
    """Tell what happened to a page (URL or document ID) at each stage of RUN, and why.

    \b
    anatili why tiny https://example.kz/page
    """
    from anatili.run import find_run
    from anatili.trace import trace

    steps = trace(find_run(run, runs), document)
    for step in steps:
        if wants_json:
            print_json(step)
        else:
            facts = {key: value for key, value in step.items() if key not in ("stage", "what") and value != ""}
            click.echo(f"{step['stage']:9} {step['what']}")
            for key, value in facts.items():
                click.echo(f"          {key}: {value}")


@main.command()
@click.argument("run", metavar="RUN|MODEL")
@runs_option
@click.option("--question", help="Ask this and leave.")
@click.option("--limit", default=120, show_default=True, type=click.IntRange(1, 4096), help="Tokens of an answer.")
@click.option("--temperature", default=0.7, show_default=True, type=click.FloatRange(0, 2), help="0: always the same.")
@as_json
@report_problems
def chat(run: str, runs: Path, question: str | None, limit: int, temperature: float, wants_json: bool) -> None:
    """Ask RUN (or a model folder, or the address of an OpenAI-compatible server).

    The passages found come first, with their sources; then the model's own words, labelled.

    \b
    anatili chat tiny
    anatili chat tiny --question "Абай кім?"
    """
    from anatili.engine import Sampling
    from anatili.progress import show_reply
    from anatili.serve.assistant import open_assistant

    assistant = open_assistant(run, runs)
    for asked in [question] if question else questions():
        reply = assistant.reply([{"role": "user", "content": asked}], Sampling(limit=limit, temperature=temperature))
        if wants_json:
            passages = [
                {"title": f.passage.title, "url": f.passage.url, "text": f.passage.text} for f in reply.passages
            ]
            print_json({"question": asked, "language": reply.language, "passages": passages, "notice": reply.notice,
                        "model": "".join(reply.pieces)})  # fmt: skip
        else:
            show_reply(reply, assistant.packs[reply.language].prompts.get("page", {}))


def questions() -> Iterator[str]:
    """Lines from the terminal or a pipe, until the end."""
    asks = sys.stdin.isatty()
    if asks:
        click.echo("Ask in any of its languages; Ctrl-D ends.")
    while True:
        if asks:
            click.echo("> ", nl=False)
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.strip()


@main.command()
@click.argument("run")
@click.argument("query")
@runs_option
@click.option("--limit", default=5, show_default=True, type=click.IntRange(1, 100), help="Passages.")
@as_json
@report_problems
def search(run: str, query: str, runs: Path, limit: int, wants_json: bool) -> None:
    """Find passages of RUN's corpus, with their sources.

    \b
    anatili search tiny "ұлттық тағамдар"
    """
    from anatili.lang.identify import identify
    from anatili.progress import show_passages
    from anatili.serve.assistant import open_search

    found = open_search(run, runs).find(query, limit, identify(query).language)
    if wants_json:
        for item in found:
            passage = item.passage
            print_json({"score": item.score, "title": passage.title, "url": passage.url, "text": passage.text,
                        "licence": passage.licence, "time": passage.time, "language": passage.language})  # fmt: skip
    elif found:
        show_passages(found)
    else:
        click.echo("nothing found", err=True)


@main.command()
@click.argument("run", metavar="RUN|MODEL")
@runs_option
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="0 takes a free one.  [default: 0]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Another address needs a key.")
@click.option("--key", envvar="ANATILI_KEY", default="", help="Key that clients must send; better set ANATILI_KEY.")
@report_problems
def serve(run: str, runs: Path, port: int, host: str, key: str) -> None:
    """Serve RUN (or a model folder, or a server's address): a page and an OpenAI-compatible API.

    \b
    anatili serve tiny --port 8000     then open http://127.0.0.1:8000
    """
    from anatili.serve.server import start

    start(run, runs, host=host, port=port, key=key, announce=click.echo)


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--language", required=True, help="Code of a language pack.")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the pages that pass here.")
@click.option("--max-bytes", default=10_000_000, show_default=True, type=click.IntRange(1000), help="Longest page.")
@as_json
@report_problems
def sift(files: tuple[Path, ...], language: str, out: Path | None, max_bytes: int, wants_json: bool) -> None:
    """Find the pages of WARC or WET FILES whose raw bytes can hold a language; nothing is parsed.

    \b
    anatili sift crawl/*.warc.gz --language kk -o kazakh.warc.gz
    """
    from anatili.collect.sift import describe_gate
    from anatili.collect.sift import sift as sift_files
    from anatili.progress import Bars

    with Bars(quiet=wants_json) as bars:
        counts = sift_files(list(files), language, out=out, max_bytes=max_bytes, progress=bars.bar("sift"))
    if wants_json:
        print_json(counts.as_json())
        return
    said = counts.as_json()
    click.echo(f"{said['records']} records, {said['pages']} pages, {said['passed']} passed, "
               f"{said['bytes'] / 1e6:.1f} MB packed, {said['seconds']} CPU-seconds, "
               f"{said['pages_per_second']} pages a second")  # fmt: skip
    for reason, count in said["lost"].items():
        click.echo(f"lost: {reason} {count}")
    click.echo(f"asked for {describe_gate(language)}")


@main.command()
@click.argument("file", type=click.File("rb"), default="-")
@as_json
@report_problems
def identify(file: Any, wants_json: bool) -> None:
    """Tell language, script and confidence of each line of FILE (standard input if it is not given or is -).

    \b
    echo "Қазақ тілі" | anatili identify --json
    """
    from anatili.lang.identify import identify as identify_text

    for line in file:
        found = identify_text(line.decode("utf-8", "replace"))
        if wants_json:
            print_json({"language": found.language, "script": found.script, "confidence": found.confidence})
        else:
            click.echo(f"{found.language:4} {found.script:5} {found.confidence:.2f}")


@main.command()
@click.argument("page", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--mode", type=click.Choice(["careful", "quick"]), default="careful", show_default=True)
@click.option("--charset", default="", help="Charset that HTTP would declare.")
@as_json
@report_problems
def extract(page: Path, mode: Any, charset: str, wants_json: bool) -> None:
    """Print the main text of PAGE (an HTML file, also gzipped)."""
    import gzip

    from anatili.page import extract_page

    payload = page.read_bytes()
    if payload[:2] == b"\x1f\x8b":
        payload = gzip.decompress(payload)
    found = extract_page(payload, charset=charset, mode=mode)
    if wants_json:
        print_json({"title": found.title, "text": found.text, "charset": found.charset, "opt_out": found.opt_out})
    else:
        click.echo(found.text)
    if not found.text:
        raise Problem(f"{page}: no main text found")


@main.group(cls=Group)
def lang() -> None:
    """Language packs: list, make, check."""


@lang.command("list")
@as_json
@report_problems
def list_packs(wants_json: bool) -> None:
    """List the packs that are there."""
    from anatili.lang import codes, load_pack

    for pack in map(load_pack, codes()):
        row = {"code": pack.code, "name": pack.name, "own_name": pack.own_name, "scripts": list(pack.said.letters),
               "stopwords": len(pack.stopwords), "page": "page" in pack.prompts}  # fmt: skip
        if wants_json:
            print_json(row)
        else:
            click.echo(f"{pack.code:5} {pack.name:14} {pack.own_name:20} {' '.join(pack.said.letters)}")


@lang.command("new")
@click.argument("code")
@click.option("--into", type=RUNS, help="Folder for the pack; name it in ANATILI_PACKS.  [default: with the others]")
@report_problems
def new(code: str, into: Path | None) -> None:
    """Make the folder of a pack for the language CODE (ISO 639)."""
    from anatili.lang.check import new_pack

    folder = new_pack(code, into)
    click.echo(f"{folder}: fill in pack.toml and stopwords.txt, then: anatili lang check {code}")
    if into:
        click.echo(f"let anatili find it: export ANATILI_PACKS={into}")


@lang.command("check")
@click.argument("code")
@as_json
@report_problems
def check(code: str, wants_json: bool) -> None:
    """Check the pack CODE: the rules every pack keeps and the cases in its cases.toml."""
    from anatili.lang.check import check_pack

    checks = check_pack(code)
    for one in checks:
        if wants_json:
            print_json({"check": one.name, "holds": not one.problem, "problem": one.problem})
        else:
            click.echo(f"{'no ' if one.problem else 'yes'}  {one.name}{': ' + one.problem if one.problem else ''}")
    failed = sum(bool(one.problem) for one in checks)
    if failed:
        raise Problem(f"{failed} of {len(checks)} checks do not hold for {code}")
