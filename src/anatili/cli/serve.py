"""Commands for people who use what was made: chat, search, serve, key."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from anatili.cli.options import adapter_option, as_json, print_json, report_problems, runs_option, say_aside
from anatili.cli.pulling import offers_to_pull


@click.command()
@click.argument("run", metavar="[RUN|MODEL]", default="")
@runs_option
@adapter_option
@click.option("--question", help="Ask this and leave.")
@click.option("--limit", default=120, show_default=True, type=click.IntRange(1, 4096), help="Tokens of an answer.")
@click.option("--temperature", default=0.7, show_default=True, type=click.FloatRange(0, 2), help="0: always the same.")
@click.option("--search/--no-search", default=True, help="Answer from passages, or ask the model alone.")
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
    """Ask RUN, or a model, or the address of an OpenAI-compatible server; without any, the bundled model.

    The passages that fit come first, with their sources; then the answer, whose quotations stand in them word for word.
    Where nothing fits a small model does not answer.

    \b
    anatili chat
    anatili chat tiny
    anatili chat tiny --question "Абай кім?"
    """
    from anatili.cli.progress import show_answer
    from anatili.engine import Sampling
    from anatili.problem import Problem
    from anatili.serve.assistant import open_assistant
    from anatili.serve.citations import Report

    if question is not None and not question.strip():
        raise Problem("the question is empty; without --question they are read from the terminal or a pipe")
    assistant = open_assistant(run, runs, adapters, say_aside)
    sampling = Sampling(max_tokens=limit, temperature=temperature)
    for asked in [question] if question else questions():
        if wants_json:
            answer = assistant.ask(asked, search=search, sampling=sampling)
            passages = [item.passage for item in answer.passages]
            print_json({"question": asked, "language": answer.language,
                        "passages": [{"title": one.title, "url": one.url, "text": one.text} for one in passages],
                        "notice": answer.notice, "answer": answer.text,
                        "citations": [asdict(one) for one in answer.citations]})  # fmt: skip
            continue
        prepared, report = assistant.prepare([{"role": "user", "content": asked}], search=search), Report()
        chunks = assistant.answer(prepared, sampling, report)
        show_answer(prepared, chunks, report, assistant.packs[prepared.language].prompts.get("page", {}))


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


@click.command()
@click.argument("run")
@click.argument("query")
@runs_option
@click.option("--limit", default=5, show_default=True, type=click.IntRange(1, 100), help="Passages.")
@click.option("--prefer", metavar="LANG", help="Language that goes first, `none` for none.  [default: the main one]")
@click.option("--only", default="", metavar="LANG", help="Look in this language only.")
@as_json
@report_problems
def search(run: str, query: str, runs: Path, limit: int, prefer: str | None, only: str, wants_json: bool) -> None:
    """Find passages of RUN's corpus, with their sources. RUN may be `sample`, the bundled texts.

    Words are found in all their forms, also typed without the language's own letters, in another script or misspelt.

    \b
    anatili search sample "ұлттық тағамдар"
    anatili search tiny "ұлттық тағамдар" --prefer none
    """  # fmt: skip
    from anatili.cli.progress import show_passages
    from anatili.opening.search import open_search
    from anatili.problem import Problem

    index = open_search(run, runs, say_aside)
    first = next(iter(index.packs)) if prefer is None else prefer
    for code in {first, only} - {"", "none", *index.packs}:
        raise Problem(f"no language {code!r} in this index; there are {', '.join(index.packs)}")
    found = index.results(query, limit, prefer="" if first == "none" else first, only=only)
    if wants_json:
        for item in found.hits:
            passage = item.passage
            print_json({"score": item.score, "title": passage.title, "url": passage.url, "text": passage.text,
                        "license": passage.license, "time": passage.time, "language": passage.language,
                        "id": passage.id})  # fmt: skip
        return
    for word, terms in found.guessed.items():
        click.echo(f"{word}: " + (f"searched for {', '.join(terms)}" if terms else "nowhere"), err=True)
    if found.hits:
        show_passages(found.hits)
        click.echo("passages: " + ", ".join(f"{code} {count}" for code, count in found.counts.items()), err=True)
    else:
        click.echo("nothing found", err=True)


@click.command()
@click.argument("run", metavar="[RUN|MODEL]", default="")
@runs_option
@adapter_option
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="0 takes a free one.  [default: 0]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Another address needs a key.")
@click.option("--key", envvar="ANATILI_KEY", default="", help="Key that clients must send; better set ANATILI_KEY.")
@click.option("--keys", type=click.Path(path_type=Path, dir_okay=False), help="File of hashed keys (anatili key NAME).")
@click.option("--name", "names", multiple=True, metavar="HOST", help="Name by which the server is reached; repeatable.")
@click.option("--per-minute", default=0, type=click.IntRange(0), help="Requests of one client.  [default: any number]")
@click.option("--origin", "origins", multiple=True, help="Site whose pages may ask too; repeatable.")
@click.option("--parallel", default=4, show_default=True, type=click.IntRange(1, 256), help="Answers made at a time.")
@click.option("--browser/--no-browser", default=None, help="Open the page.  [default: if this is a terminal]")
@click.option("--log/--no-log", default=False, help="A line of JSON on standard error for each request, without words.")
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
    origins: tuple[str, ...],
    parallel: int,
    browser: bool | None,
    log: bool,
) -> None:
    """Serve RUN, or a model, or a server's address, as a page and an API; without any, the bundled model.

    \b
    anatili serve
    anatili serve tiny --port 8000     then open http://127.0.0.1:8000
    anatili serve tiny --host 0.0.0.0 --keys keys.txt --per-minute 60
    """  # fmt: skip
    from anatili.serve.server import ServerConfig, start

    opens = sys.stdout.isatty() if browser is None else browser
    config = ServerConfig(host, port, key, keys, names, per_minute, origins, parallel, opens, log)
    start(run, runs, adapters, config, click.echo)


@click.command()
@click.argument("name")
@report_problems
def key(name: str) -> None:
    """Make a key with which NAME may use a server.

    The key goes to standard error, its line for `serve --keys` to standard output.

    \b
    anatili key ministry >> keys.txt
    """
    from anatili.serve.middleware import make_key

    made, line = make_key(name)
    click.echo(f"key for {name}, shown only this once: {made}", err=True)
    click.echo(line)


@click.command()
@click.argument("run")
@click.argument("address", default="")
@runs_option
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), help="Write files for _bulk instead.")
@click.option("--shards", default=1, show_default=True, type=click.IntRange(1, 1024), help="Parts of a new index.")
@as_json
@report_problems
def opensearch(run: str, address: str, runs: Path, out: Path | None, shards: int, wants_json: bool) -> None:
    """Load RUN's search index into an OpenSearch cluster.

    It is for more texts than one machine can hold. ADDRESS ends in the name of the index. Loading twice changes
    nothing. With ANATILI_OPENSEARCH set to the address, `search`, `chat` and `serve` ask the cluster; RUN's own index
    stays, for its vocabulary.

    \b
    anatili opensearch tiny http://127.0.0.1:9200/tiny
    ANATILI_OPENSEARCH=http://127.0.0.1:9200/tiny anatili search tiny "ұлттық тағамдар"
    anatili opensearch tiny --out bulk
    """
    from anatili.cli.progress import Bars
    from anatili.problem import Problem
    from anatili.run import find_run
    from anatili.search.opensearch import Cluster, count_passages, export

    folder = find_run(Path(run), runs).folder("index")
    if bool(address) == bool(out):
        raise Problem("name the address of an index, such as http://127.0.0.1:9200/name, or a folder with --out")
    if out:
        total = export(folder, out, shards)
    else:
        cluster = Cluster(address)
        with Bars(quiet=wants_json) as bars:
            bar = bars.bar("load")
            bar.start(count_passages(folder), "passages")
            total = cluster.load(folder, bar.advance, shards)
    if wants_json:
        print_json({"passages": total, "to": str(out) if out else cluster.shown})
    else:
        click.echo(f"{total:,} passages in {out or cluster.shown}")


@click.command()
@click.argument("run")
@click.argument("model", metavar="[ADDRESS|MODEL]", default="")
@runs_option
@click.option("--passage-prefix", help='What the model wants before a passage, such as "passage: ".')
@click.option("--query-prefix", help='What it wants before a question, such as "query: ".')
@as_json
@report_problems
@offers_to_pull
def embed(
    run: str, model: str, runs: Path, passage_prefix: str | None, query_prefix: str | None, wants_json: bool
) -> None:  # fmt: skip
    """Make vectors of RUN's passages, so that search also finds what is said in another language.

    RUN may be `sample`. Without a name the model is multilingual-e5-small, which comes with the extra `dense` and needs
    no server: `search`, `chat` and `serve` use its vectors as soon as they are there. Where words cover a question they
    still go first. What was broken off goes on at the next call; of a new index the vectors are made anew.

    Another model is one behind /v1/embeddings; name it in ANATILI_EMBEDDINGS when you search (`none`: words alone).

    \b
    anatili embed tiny
    anatili search tiny "national dishes" --only kk
    anatili embed tiny http://127.0.0.1:8081 --passage-prefix "passage: " --query-prefix "query: "
    ANATILI_EMBEDDINGS=http://127.0.0.1:8081 anatili search tiny "ұлттық тағамдар"
    """
    from anatili.cli.progress import Bars
    from anatili.opening.search import open_embedder, searched_run
    from anatili.search.dense import build
    from anatili.search.opensearch import count_passages

    folder = searched_run(run, runs, say_aside)[0].folder("index")
    engine = open_embedder(model)
    with Bars(quiet=wants_json) as bars:
        bar = bars.bar("vectors")
        bar.start(count_passages(folder), "passages")
        total = build(folder, engine, passage_prefix, query_prefix, bar.advance)
    if wants_json:
        print_json({"passages": total, "model": engine.name})
    else:
        click.echo(f"vectors of {total:,} passages by {engine.name} in {folder / 'dense'}")


COMMANDS = (chat, search, serve, key, opensearch, embed)
