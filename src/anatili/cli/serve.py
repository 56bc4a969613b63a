"""Commands that answer from a model: chat, serve and mcp, and key for those who may ask a server."""

import sys
from dataclasses import asdict
from pathlib import Path

import click

from anatili.cli import localization
from anatili.cli.options import Number, adapter_option, as_json, print_json, report_problems, runs_option, say_aside
from anatili.cli.pulling import offers_to_pull
from anatili.prompt import Message


@click.command()
@click.argument("run", metavar="[RUN|MODEL]", default="")
@runs_option
@adapter_option
@click.option("--question", help="Ask this question and exit.")
@click.option(
    "--limit", default=120, show_default=True, type=click.IntRange(1, 4096), help="Maximum tokens of an answer."
)
@click.option(
    "--temperature",
    default=0.7,
    show_default=True,
    type=Number(0, 2),
    help="Sampling temperature; 0: greedy.",
)
@click.option("--search/--no-search", default=True, help="Answer from passages, or from the model alone.")
@as_json
@report_problems
@offers_to_pull
def chat(
    run: str,
    runs: Path,
    adapters: tuple[Path, ...],
    question: str | None,
    limit: int,
    temperature: float,
    search: bool,
    wants_json: bool,
) -> None:
    """Ask RUN, a model, or an OpenAI-compatible server at an address; by default, the bundled model.

    The matching passages are shown first, with their sources, then the answer. Its quotations are word for word from
    these passages. If no passage matches, a small model does not answer.

    \b
    anatili chat
    anatili chat tiny
    anatili chat tiny --question "Абай кім?"
    """
    from anatili.cli.ask import questions
    from anatili.cli.progress import show_answer
    from anatili.engine import Sampling
    from anatili.problem import Problem
    from anatili.serve.assistant import open_assistant, told
    from anatili.serve.citations import Report

    if question is not None and not question.strip():
        raise Problem("the question is empty; without --question, questions are read from the terminal or a pipe")
    assistant = open_assistant(run, runs, adapters, say_aside)
    sampling, likely = Sampling(max_tokens=limit, temperature=temperature), localization.environment()
    messages: list[Message] = []
    for text in [question] if question else questions():
        if wants_json:
            answer = assistant.ask(text, search=search, sampling=sampling, before=messages, likely=likely)
            messages += exchange(text, answer.text)
            passages = [item.passage for item in answer.passages]
            print_json(
                {
                    "question": text,
                    "language": answer.language,
                    "passages": [{"title": item.title, "url": item.url, "text": item.text} for item in passages],
                    "notice": answer.notice,
                    "answer": answer.text,
                    "citations": [asdict(citation) for citation in answer.citations],
                }
            )
            continue
        prepared = assistant.prepare([*messages, {"role": "user", "content": text}], search=search, likely=likely)
        report = Report()
        prepared, chunks = told(prepared, assistant.answer(prepared, sampling, report), report)
        reply = show_answer(prepared, chunks, assistant.packs[prepared.language].prompts.get("page", {}))
        messages += exchange(text, reply)


def exchange(question: str, answer: str) -> list[Message]:
    """A question and its answer as messages of a conversation."""
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


@click.command()
@click.argument("run", metavar="[RUN|MODEL]", default="")
@runs_option
@adapter_option
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port; 0 is any free port.  [default: 0]")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; any other than this needs a key."
)
@click.option(
    "--key", envvar="ANATILI_KEY", default="", help="Key that clients must send; safer in the variable ANATILI_KEY."
)
@click.option(
    "--keys", type=click.Path(path_type=Path, dir_okay=False), help="File of hashed keys, made with `anatili key NAME`."
)
@click.option("--name", "names", multiple=True, metavar="HOST", help="Allowed Host header; repeatable.")
@click.option(
    "--per-minute",
    default=0,
    type=click.IntRange(0),
    help="Maximum requests per minute of a client.  [default: no limit; with --public 30]",
)
@click.option(
    "--per-day",
    default=0,
    type=click.IntRange(0),
    help="Maximum requests per day of a client without a key.  [default: no limit; with --public 1000]",
)
@click.option("--public", is_flag=True, help="Let everyone read and ask without a key; keys are for more.")
@click.option(
    "--proxy",
    "proxies",
    multiple=True,
    metavar="ADDRESS",
    help="Address or network of a reverse proxy, whose X-Forwarded-For is believed; repeatable.",
)
@click.option(
    "--feedback",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep readers' feedback in this file, without any text.",
)
@click.option("--audio", default="", metavar="ADDRESS", help="Pass /v1/audio on to this server.")
@click.option("--origin", "origins", multiple=True, help="Other site whose pages may send requests; repeatable.")
@click.option(
    "--parallel", default=4, show_default=True, type=click.IntRange(1, 256), help="Maximum concurrent generations."
)
@click.option(
    "--workers",
    default=0,
    show_default=True,
    type=click.IntRange(0, 256),
    help="Processes that search; 0: the server's.",
)
@click.option("--browser/--no-browser", default=None, help="Open the page in a browser.  [default: in a terminal]")
@click.option(
    "--documents",
    multiple=True,
    metavar="FOLDER|FILE|URL",
    help="Answer from these documents; repeatable. Changes in them are seen.",
)
@click.option("--uploads/--no-uploads", default=True, help="Let visitors add documents, which only they can see.")
@click.option(
    "--contribute",
    is_flag=False,
    flag_value="commons.sqlite",
    default="",
    metavar="[DATABASE]",
    help="Let people give corrections, translations and texts.  [default: commons.sqlite]",
)
@click.option(
    "--log/--no-log", default=False, help="Log each request, without its text, as a line of JSON on standard error."
)
@report_problems
@offers_to_pull
def serve(
    run: str,
    runs: Path,
    adapters: tuple[Path, ...],
    port: int,
    host: str,
    key: str,
    keys: Path | None,
    names: tuple[str, ...],
    per_minute: int,
    per_day: int,
    public: bool,
    proxies: tuple[str, ...],
    feedback: Path | None,
    audio: str,
    origins: tuple[str, ...],
    parallel: int,
    workers: int,
    browser: bool | None,
    documents: tuple[str, ...],
    uploads: bool,
    contribute: str,
    log: bool,
) -> None:
    """Serve RUN, a model, or another server as a web page and an API; by default, the bundled model.

    \b
    anatili serve
    anatili serve tiny --port 8000     then open http://127.0.0.1:8000
    anatili serve --documents reports/
    anatili serve http://127.0.0.1:8000/v1 --documents reports/
    anatili serve tiny --host 0.0.0.0 --keys keys.txt --per-minute 60
    anatili serve --port 8000 --public --proxy 127.0.0.1 --name ask.example.kz --feedback feedback.jsonl
    anatili serve --public --keys keys.txt --contribute commons.sqlite
    """
    from anatili.cli.options import say
    from anatili.serve.server import ServerConfig, start

    config = ServerConfig(
        host=host,
        port=port,
        key=key,
        keys_file=keys,
        host_names=names,
        per_minute=per_minute,
        per_day=per_day,
        public=public,
        proxies=proxies,
        feedback=feedback,
        audio=audio,
        origins=origins,
        slots=parallel,
        workers=workers,
        documents=documents,
        uploads=uploads,
        browser=sys.stdout.isatty() if browser is None else browser,
        logs=log,
        contribute=contribute,
    )
    start(run, runs, adapters, config, say)


@click.command()
@click.argument("run", metavar="[RUN|MODEL]", default="")
@runs_option
@adapter_option
@report_problems
@offers_to_pull
def mcp(run: str, runs: Path, adapters: tuple[Path, ...]) -> None:
    """Serve RUN, a model, or another server to an agent, by the Model Context Protocol on standard input and output.

    The tools are search, ask, translate, identify and extract. An agent starts this command by itself; `serve` offers
    the same tools over HTTP, at /mcp.

    \b
    anatili mcp
    anatili mcp tiny
    """
    from anatili.serve.assistant import open_assistant
    from anatili.serve.mcp_server import mcp_server

    mcp_server(open_assistant(run, runs, adapters, say_aside)).run("stdio")


@click.command()
@click.argument("name")
@click.option(
    "--per-minute", default=0, type=click.IntRange(0), help="Requests per minute.  [default: as the server's clients]"
)
@click.option("--expires", metavar="YYYY-MM-DD", default="", help="Last day on which the key counts, in UTC.")
@click.option("--admin", is_flag=True, help="The key also opens /admin: load, quotas, feedback and errors.")
@report_problems
def key(name: str, per_minute: int, expires: str, admin: bool) -> None:
    """Make a key for a user NAME of a server.

    The key is printed on standard error, and its line for `serve --keys` on standard output. A running server reads the
    file again when it changes.

    \b
    anatili key ministry >> keys.txt
    anatili key newspaper --per-minute 300 --expires 2027-12-31 >> keys.txt
    anatili key operator --admin >> keys.txt
    """
    from datetime import date

    from anatili.problem import Problem
    from anatili.serve.keys import Key, make_key

    try:
        last_day = date.fromisoformat(expires) if expires else None
    except ValueError as error:
        raise Problem(f"--expires {expires}: give a day such as 2027-12-31") from error
    new_key, line = make_key(Key(name, per_minute, last_day, admin))
    click.echo(f"key for {name}, shown only once: {new_key}", err=True)
    click.echo(line)


COMMANDS = (chat, serve, mcp, key)
