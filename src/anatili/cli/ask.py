"""The command `ask`: answers from a person's own documents."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anatili.cli import localization
from anatili.cli.options import adapter_option, as_json, print_json, report_problems, runs_option, say, say_aside
from anatili.cli.pulling import offers_to_pull

if TYPE_CHECKING:
    from anatili.documents.collection import Collection, Status
    from anatili.search.searcher import Hit
    from anatili.serve.assistant import Answer, Assistant


@click.command()
@click.argument("sources", metavar="FOLDER|FILE|URL...", nargs=-1, required=True)
@click.option("--question", help="Ask this question and exit.")
@click.option("--model", default="", metavar="NAME|ADDRESS", help="Model that answers.  [default: the bundled model]")
@runs_option
@adapter_option
@click.option(
    "--limit", default=400, show_default=True, type=click.IntRange(1, 4096), help="Maximum tokens of an answer."
)
@click.option(
    "--allow-private", multiple=True, metavar="HOST:PORT", help="Private host that may be fetched; repeatable."
)
@as_json
@report_problems
@offers_to_pull
def ask(
    sources: tuple[str, ...],
    question: str | None,
    model: str,
    runs: Path,
    adapters: tuple[Path, ...],
    limit: int,
    allow_private: tuple[str, ...],
    wants_json: bool,
) -> None:
    """Answer questions from your own documents, with their sources.

    The documents are files (.txt .md .html .pdf .docx .xlsx .pptx .epub .jsonl), folders of files and addresses of
    pages. They are indexed once; after that only what has changed is read again. Nothing leaves this machine unless
    --model is the address of a server elsewhere. Without --question, questions are read from the terminal.

    \b
    anatili ask reports/
    anatili ask есеп.pdf бюджет.xlsx --question "Мектептерге қанша ақша бөлінді?"
    anatili ask reports/ --model http://127.0.0.1:8000/v1
    """
    from anatili.problem import Problem
    from anatili.serve.over_documents import open_over_documents
    from anatili.text import show_path

    if question is not None and not question.strip():
        raise Problem("the question is empty; without --question, questions are read from the terminal or a pipe")
    if question is None and is_question(sources[-1]):
        raise Problem(f"there is no file or folder {show_path(sources[-1])}; put --question before a question")
    assistant, collection = open_over_documents(
        sources, model, runs, adapters, say_aside, private_hosts=frozenset(allow_private)
    )
    try:
        wait(collection)
        for text in [question] if question else questions():
            answer(assistant, text, limit, wants_json)
    finally:
        collection.close()
        collection.readers.close()


def is_question(source: str) -> bool:
    """Whether what should name a file is rather a question: words, and no such file."""
    return ("?" in source or len(source.split()) > 1) and "://" not in source and not Path(source).exists()


def wait(collection: "Collection") -> None:
    """Wait until the documents are indexed, with a line of progress; `Problem` if none can be read."""
    from anatili.problem import Problem

    shows = sys.stderr.isatty()

    def tell(status: "Status") -> None:
        if shows and status.total:
            click.echo(f"\rreading documents: {status.done:,} of {status.total:,} ", nl=False, err=True)

    status = collection.wait(tell)
    if shows:
        click.echo("\r", nl=False, err=True)
    for entry in status.refused:
        tell_of("skipped", entry.reason)
    if status.skipped > len(status.refused):
        tell_of("skipped", f"{status.skipped - len(status.refused):,} more files")
    for left_out in status.incomplete:
        tell_of("incomplete", left_out)
    if status.problem:
        raise Problem(status.problem)
    if not status.documents:
        raise Problem("none of these files can be read as a document; name files that have text")
    say_aside(f"{status.documents:,} documents, {status.passages:,} passages")


def questions() -> Iterator[str]:
    """Lines from the terminal or a pipe, until its end."""
    is_terminal = sys.stdin.isatty()
    if is_terminal:
        say("Ask in any language of the model; Ctrl-D exits.")
    while True:
        if is_terminal:
            click.echo("> ", nl=False)
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.strip()


def tell_of(what: str, reason: str) -> None:
    """Say what happened to a file, and why."""
    click.echo(f"{localization.current.text(what)}: {localization.current.message(reason)}", err=True)


def answer(assistant: "Assistant", question: str, limit: int, wants_json: bool) -> None:
    """Print the answer to a question, then the places in the documents that it cites."""
    from anatili.cli.progress import show_cited, show_nearest
    from anatili.engine import Sampling

    result = assistant.ask(question, sampling=Sampling(max_tokens=limit), likely=localization.environment())
    prompts = assistant.packs[result.language].prompts
    places, page = places_of(result, prompts.get("location", {})), prompts.get("page", {})
    if not wants_json:
        show_cited(result, places, page.get("passages", "Passages"))
        near = [(place_of(hit, hit.snippet[0], prompts.get("location", {})), hit) for hit in result.nearest]
        show_nearest(near, page.get("nearest_passages", "Texts close to the question"))
        return
    passages, nearest = ([hit.passage for hit in hits] for hits in (result.passages, result.nearest))
    print_json(
        {
            "question": question,
            "language": result.language,
            "answer": result.text,
            "notice": result.notice,
            "passages": [
                {"title": passage.title, "url": passage.url, "location": passage.location, "text": passage.text}
                for passage in passages
            ],
            "nearest": [
                {"title": passage.title, "url": passage.url, "location": passage.location, "text": passage.text}
                for passage in nearest
            ],
            "citations": [
                {**asdict(citation), "cited": place}
                for citation, (_, place) in zip(result.citations, places, strict=False)
            ],
        }
    )


def places_of(result: "Answer", words: dict[str, str]) -> list[tuple[int, str]]:
    """Number and place of each citation; of all passages if the answer cites none."""
    spans = [(citation.number, citation.start) for citation in result.citations]
    spans = spans or [(number, 0) for number in range(1, len(result.passages) + 1)]
    return [(number, place_of(result.passages[number - 1], start, words)) for number, start in spans]


def place_of(hit: "Hit", start: int, words: dict[str, str]) -> str:
    """The file or address of a passage, and where in it the passage's character `start` stands."""
    from anatili.files.locations import cited, location_of

    passage = hit.passage
    return cited(passage.url, location_of(passage.location, passage.text, start), words)


COMMANDS = (ask,)
