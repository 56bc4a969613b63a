"""Commands that use or extend a search index: search, opensearch, embed."""

from pathlib import Path

import click

from anatili.cli.options import as_json, print_json, report_problems, runs_option, say_aside
from anatili.cli.pulling import offers_to_pull


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


COMMANDS = (search, opensearch, embed)
