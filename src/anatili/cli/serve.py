"""Commands that use a model or an index: chat, search, serve, mcp, key, opensearch, embed."""

import sys
from dataclasses import asdict
from pathlib import Path

import click

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
    sampling = Sampling(max_tokens=limit, temperature=temperature)
    messages: list[Message] = []
    for text in [question] if question else questions():
        if wants_json:
            answer = assistant.ask(text, search=search, sampling=sampling, before=messages)
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
        prepared = assistant.prepare([*messages, {"role": "user", "content": text}], search=search)
        report = Report()
        prepared, chunks = told(prepared, assistant.answer(prepared, sampling, report), report)
        reply = show_answer(prepared, chunks, assistant.packs[prepared.language].prompts.get("page", {}))
        messages += exchange(text, reply)


def exchange(question: str, answer: str) -> list[Message]:
    """A question and its answer as messages of a conversation."""
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


@click.command()
@click.argument("run")
@click.argument("query")
@runs_option
@click.option("--limit", default=5, show_default=True, type=click.IntRange(1, 100), help="Maximum number of passages.")
@click.option(
    "--prefer", metavar="LANG", help="Show this language first; `none` for no preference.  [default: the main language]"
)
@click.option("--only", default="", metavar="LANG", help="Search only in this language.")
@as_json
@report_problems
def search(run: str, query: str, runs: Path, limit: int, prefer: str | None, only: str, wants_json: bool) -> None:
    """Find passages of RUN's corpus, with their sources. RUN may be `sample`, the bundled texts.

    Words are results in all their forms, even if typed without the language's own letters, in another script or
    misspelled.

    \b
    anatili search sample "ұлттық тағамдар"
    anatili search tiny "ұлттық тағамдар" --prefer none
    """
    from anatili.cli.progress import show_passages
    from anatili.opening.search import open_search
    from anatili.problem import Problem

    index = open_search(run, runs, say_aside)
    first = next(iter(index.packs)) if prefer is None else prefer
    for code in {first, only} - {"", "none", *index.packs}:
        raise Problem(f"no language {code!r} in this index; its languages are {', '.join(index.packs)}")
    results = index.results(query, limit, prefer="" if first == "none" else first, only=only)
    if wants_json:
        for item in results.hits:
            passage = item.passage
            print_json(
                {
                    "score": item.score,
                    "title": passage.title,
                    "url": passage.url,
                    "text": passage.text,
                    "license": passage.license,
                    "time": passage.time,
                    "language": passage.language,
                    "id": passage.id,
                }
            )
        return
    for word, terms in results.guessed.items():
        click.echo(f"{word}: " + (f"searched for {', '.join(terms)}" if terms else "not found in the index"), err=True)
    if results.hits:
        show_passages(results.hits)
        click.echo("passages: " + ", ".join(f"{code} {count}" for code, count in results.counts.items()), err=True)
    else:
        click.echo("no passages found", err=True)


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

    opens = sys.stdout.isatty() if browser is None else browser
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
        browser=opens,
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


@click.command()
@click.argument("run")
@click.argument("address", default="")
@runs_option
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for files for _bulk, instead of ADDRESS.",
)
@click.option(
    "--shards", default=1, show_default=True, type=click.IntRange(1, 1024), help="Number of shards of a new index."
)
@as_json
@report_problems
def opensearch(run: str, address: str, runs: Path, out: Path | None, shards: int, wants_json: bool) -> None:
    """Load RUN's search index into an OpenSearch cluster.

    This is for more texts than one machine can hold. ADDRESS ends with the name of the index. Loading twice changes
    nothing. With ANATILI_OPENSEARCH set to the address, `search`, `chat` and `serve` use the cluster. RUN's own index
    is still needed, for its vocabulary.

    \b
    anatili opensearch tiny http://127.0.0.1:9200/tiny
    ANATILI_OPENSEARCH=http://127.0.0.1:9200/tiny anatili search tiny "ұлттық тағамдар"
    anatili opensearch tiny --out bulk
    """
    from anatili.cli.progress import Bars
    from anatili.opening.search import export_index

    with Bars(quiet=wants_json) as bars:
        exported = export_index(run, address, out, runs, shards=shards, progress=bars.bar("load"))
    if wants_json:
        print_json({"passages": exported.passages, "to": exported.target})
    else:
        click.echo(f"{exported.passages:,} passages in {exported.target}")


@click.command()
@click.argument("run")
@click.argument("model", metavar="[ADDRESS|MODEL]", default="")
@runs_option
@click.option("--passage-prefix", help='Prefix that the model expects before a passage, such as "passage: ".')
@click.option("--query-prefix", help='Prefix that the model expects before a question, such as "query: ".')
@as_json
@report_problems
@offers_to_pull
def embed(
    run: str, model: str, runs: Path, passage_prefix: str | None, query_prefix: str | None, wants_json: bool
) -> None:
    """Make embeddings of RUN's passages, so that search also finds passages in other languages.

    RUN may be `sample`. The default model is multilingual-e5-small, which is part of the extra `dense` and needs no
    server: `search`, `chat` and `serve` use its embeddings as soon as they exist. Passages that contain the words of a
    question still come first. An interrupted command resumes when it is given again; for a new index all embeddings are
    made again.

    Another model is served at /v1/embeddings; name it in ANATILI_EMBEDDINGS when you search (`none`: words only).

    \b
    anatili embed tiny
    anatili search tiny "national dishes" --only kk
    anatili embed tiny http://127.0.0.1:8081 --passage-prefix "passage: " --query-prefix "query: "
    ANATILI_EMBEDDINGS=http://127.0.0.1:8081 anatili search tiny "ұлттық тағамдар"
    """
    from anatili.cli.progress import Bars
    from anatili.opening.search import embed_index

    with Bars(quiet=wants_json) as bars:
        embedded = embed_index(
            run,
            model,
            runs,
            passage_prefix=passage_prefix,
            query_prefix=query_prefix,
            progress=bars.bar("embeddings"),
            tell=say_aside,
        )
    if wants_json:
        print_json({"passages": embedded.passages, "model": embedded.model})
    else:
        click.echo(f"embeddings of {embedded.passages:,} passages by {embedded.model} in {embedded.folder}")


COMMANDS = (chat, search, serve, mcp, key, opensearch, embed)
