"""Commands for models that others published: the registry, and pulling from the Hugging Face hub."""

from textwrap import fill
from typing import TYPE_CHECKING, Any

import click

from anatili import machine
from anatili.cli import localization
from anatili.cli.options import as_json, print_json, report_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rich.text import Text

    from anatili.models.registry import Row, Score

HEADS = {
    "chat": "chat",
    "base": "base: continues a text, does not answer questions",
    "translation": "translation",
    "embedding": "embedding: for search by meaning",
    "reranker": "reranker: improves the order of search results",
    "speech": "speech: only at an address",
}
COLUMNS = {
    "name": (18, "left"),
    "size": (8, "right"),
    "memory": (8, "right"),
    "license": (15, "left"),
    "    ": (4, "left"),
    "{code}": (3, "left"),
    "t/word": (6, "right"),
    "published, {language}": (18, "left"),
    "here": (4, "left"),
}
"""Heading -> width and alignment; together they fit into 100 columns."""
WIDTH = 100
"""Columns of the table at most."""
LEFT_OUT = ("published, {language}", "t/word", "license")
"""Columns that narrower screens leave out, in this order; `anatili models NAME` shows them."""


@click.command("models")
@click.argument("name", default="")
@as_json
@report_problems
def models_command(name: str, wants_json: bool) -> None:
    """List recommended open models, or show everything known about NAME, with sources.

    Bundled and pulled models are marked. Memory is what the model needs to run on this machine. Published figures are
    measured by others in different ways, and cannot be compared unless the note says so.

    \b
    anatili models
    anatili models kazllm-8b
    anatili pull kazllm-8b
    """
    from anatili.models import registry

    if wants_json:
        print_json(registry.facts(registry.known(name)) if name else [registry.facts(row) for row in registry.rows()])
    elif name:
        show_row(registry.known(name))
    else:
        show_rows(registry.rows())


@click.command("pull")
@click.argument("name", metavar="NAME|OWNER/REPO")
@click.argument("file", default="")
@click.option("--yes", is_flag=True, help="Accept the terms without a question.")
@as_json
@report_problems
def pull_command(name: str, file: str, yes: bool, wants_json: bool) -> None:
    """Download a model of the registry, or any repository's GGUF or safetensors, from the Hugging Face hub.

    The command shows size and license and asks first. An interrupted download is resumed, every file's digest is
    compared with the hub's, and pickled weights are refused. HF_ENDPOINT names a mirror, HF_TOKEN is your token for
    gated models, HF_HOME is the folder of downloads, HF_HUB_OFFLINE=1 forbids the network. FILE is one of several GGUF
    files.

    \b
    anatili pull kazllm-8b
    anatili pull Qwen/Qwen3-4B-GGUF Qwen3-4B-Q4_K_M.gguf
    HF_ENDPOINT=https://mirror.example anatili pull bge-m3 --yes
    """
    from anatili.cli.pulling import pull
    from anatili.models import registry
    from anatili.text import show_path

    row = registry.to_pull(name, file)
    pulled = pull(name, file, is_agreed=yes, quiet=wants_json)
    if wants_json:
        print_json(
            {
                "name": pulled.name,
                "repository": pulled.repository,
                "commit": pulled.commit,
                "place": str(pulled.place),
                "files": pulled.files,
            }
        )
        return
    click.echo(f"{pulled.name}: {show_path(pulled.place)}, all digests match")
    if row is None or row.kind == "chat":
        click.echo(f"ask it: anatili chat {pulled.name}")


def show_rows(rows: "tuple[Row, ...]") -> None:
    """Print the table, at most 100 columns wide."""
    from rich.text import Text

    from anatili.cli.pulling import size
    from anatili.cli.screen import console
    from anatili.models import registry

    memory, screen, tell = machine.memory(), console(), localization.current.filled
    code, language = registry.contents()["language"], tell(registry.contents()["name"])
    width = min(WIDTH, screen.width) if screen.is_terminal else WIDTH
    shown = columns_within(width)
    heads = (tell(head, code=code, language=language) for head in COLUMNS)
    screen.print(laid_out((Text(head, style="bold") for head in heads), shown))
    for kind, head in HEADS.items():
        screen.print(Text(f"\n{tell(head)}", style="underline"))
        for row in (row for row in rows if row.kind == kind):
            screen.print(laid_out(cells(row, registry.facts(row)), shown))
    notes = [
        tell("NC: not for commercial use. G: gated, accept the terms first."),
        tell("!: more than this machine's {size}.", size=size(memory)) if memory else "",
        tell("~: estimated from parameters and bits. {code}: whether its maker lists the language.", code=code),
        tell("t/word: tokens per {language} word, measured by us.", language=language),
        tell(
            "Figures can be compared only if measured in the same way: anatili models NAME shows how, with all "
            "sources. anatili pull NAME downloads a model."
        ),
    ]
    screen.print("\n" + fill(" ".join(filter(None, notes)), width), soft_wrap=True)


def cells(row: "Row", fact: dict[str, Any]) -> "Iterator[Text]":
    """The cells of a row of the table."""
    from rich.text import Text

    from anatili.cli.pulling import size
    from anatili.models import registry

    too_much = fact["fits"] is False
    yield Text(row.name, "bold" if fact["here"] else "")
    yield Text(("~" if row.is_size_reckoned else "") + size(row.size) if row.size else "-")
    yield Text((size(row.memory) if row.memory else "-") + ("!" if too_much else " "), "red" if too_much else "")
    tell = localization.current.text
    yield Text(row.license.removeprefix("LicenseRef-") or tell("not stated"))
    yield Text(" ".join(mark for mark, holds in (("NC", not row.commercial), ("G", row.gated)) if holds), "yellow")
    listed = tell("yes") if registry.contents()["language"] in row.languages else tell("no")
    yield Text(listed if row.languages else "?")
    yield Text(f"{row.tokens_per_word:.2f}" if row.tokens_per_word else "-")
    yield Text(f"{row.published[0].test} {row.published[0].value:g}" if row.published else "-")
    yield Text(tell("yes") if fact["here"] else "")


def columns_within(width: int) -> dict[str, tuple[int, str]]:
    """The columns that a screen has room for."""
    shown = dict(COLUMNS)
    for head in LEFT_OUT:
        if sum(own + 2 for own, _ in shown.values()) - 2 > width:
            del shown[head]
    return shown


def laid_out(parts: "Iterable[Text]", shown: "Mapping[str, tuple[int, str]]") -> "Text":
    """Those of the parts, one for each of COLUMNS, that are `shown`, side by side."""
    from rich.text import Text

    line = Text()
    for part, head in zip(parts, COLUMNS, strict=True):
        if head in shown:
            width, side = shown[head]
            part.align(side, width)  # type: ignore[arg-type]
            line.append_text(part).append("  ")
    line.rstrip()
    return line


def show_row(row: "Row") -> None:
    """Print one model, with the source of each fact."""
    from anatili.cli.pulling import size
    from anatili.cli.screen import console
    from anatili.models import registry

    screen, fact, tell = console(), registry.facts(row), localization.current.filled
    screen.print(f"[bold]{row.name}[/bold]: {row.about}")
    if row.warning:
        screen.print(f"  {tell('note')}: {row.warning}", style="yellow")
    where = f"https://huggingface.co/{row.repository}" if row.repository else row.address
    memory = machine.memory()
    fits = {True: tell("fits this machine"), False: tell("this machine has {size}", size=size(memory)), None: ""}
    missing = f"{tell('no')}: anatili pull {row.name}" if row.can_be_pulled else ""
    language = tell(registry.contents()["name"])
    lines = {
        "kind": tell(HEADS[row.kind]).split(":")[0],
        "where": f"{where} {row.file}".strip(),
        "here": fact["place"] or (tell("bundled") if fact["here"] else missing),
        "model weights": f"{row.parameters / 1e6:,.0f} M" if row.parameters else "",
        "size": f"{'~' * row.is_size_reckoned}{size(row.size)}" if row.size else "",
        "memory": ", ".join(filter(None, (f"~{size(row.memory)}", fits[fact["fits"]]))) if row.memory else "",
        "license": f"{row.license or tell('not stated')} {row.terms}".strip()
        + ("" if row.commercial else f", {tell('not for commercial use')}"),
        "gated": tell("accept the terms at {address}, then set HF_TOKEN", address=row.gated) if row.gated else "",
        "languages": " ".join(row.languages) or (tell("not named") if row.all_languages else ""),
        "languages in all": str(row.all_languages or ""),
        "tokens per word": tell(
            "{language}: {value}, measured on FLORES dev", language=language, value=f"{row.tokens_per_word:.2f}"
        )
        if row.tokens_per_word
        else "",
    }
    for name, value in lines.items():
        if value:
            screen.print(f"  {tell(name)}: {value}")
    show_scores(tell("published"), row.published)
    show_scores(tell("measured here"), row.measured)
    for source in row.sources:
        of = tell("source of {facts}", facts=", ".join(source.of))
        screen.print(f"  {of}: {source.url} ({source.date})", style="dim")


def show_scores(head: str, scores: "tuple[Score, ...]") -> None:
    from anatili.cli.screen import console

    for score in scores:
        note = f"; {score.note}" if score.note else ""
        console().print(f"  {head}: {score.test} {score.value:g} {score.unit}{note} ({score.source}, {score.date})")


COMMANDS = (models_command, pull_command)
