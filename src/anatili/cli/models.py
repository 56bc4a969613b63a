"""Commands for models that others made: the registry, and pulling from the hub."""

from typing import TYPE_CHECKING, Any

import click

from anatili.cli.options import as_json, print_json, report_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.text import Text

    from anatili.models.registry import Row, Score

HEADS = {
    "chat": "chat",
    "base": "base: goes on with a text, cannot be asked",
    "translation": "translation",
    "embedding": "embedding: vectors for search by meaning",
    "reranker": "reranker: puts what search finds in a better order",
    "speech": "speech: addresses only",
}
COLUMNS = {
    "name": (18, "left"),
    "size": (8, "right"),
    "memory": (8, "right"),
    "license": (15, "left"),
    "    ": (4, "left"),
    "{code}": (3, "left"),
    "tokens": (6, "right"),
    "published, {language}": (18, "left"),
    "here": (4, "left"),
}
"""Head -> how wide: 100 columns hold all."""


@click.command("models")
@click.argument("name", default="")
@as_json
@report_problems
def models_command(name: str, wants_json: bool) -> None:
    """List open models that are worth a try, or tell all that is known of NAME, with the sources.

    Bundled and pulled models are marked. Memory is what running takes here; published figures are others'
    and were taken in different ways, so they cannot be set beside one another unless the note says so.

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
@click.option("--yes", is_flag=True, help="Do not ask: the terms are known.")
@as_json
@report_problems
def pull_command(name: str, file: str, yes: bool, wants_json: bool) -> None:
    """Fetch a model of the registry, or any repository's GGUF or safetensors, from the Hugging Face hub.

    It is asked for first, with size and license. What was broken off goes on where it stopped, every file's digest is
    compared with the hub's, and weights in pickle are refused. HF_ENDPOINT names a mirror, HF_TOKEN your token for
    gated models, HF_HOME where it goes, HF_HUB_OFFLINE=1 keeps off the network. FILE: which of several GGUF files.

    \b
    anatili pull kazllm-8b
    anatili pull Qwen/Qwen3-4B-GGUF Qwen3-4B-Q4_K_M.gguf
    HF_ENDPOINT=https://mirror.example anatili pull bge-m3 --yes
    """
    from anatili.cli.pulling import pull
    from anatili.models import registry
    from anatili.text import show_path

    row = registry.to_pull(name, file)
    found = pull(name, file, is_agreed=yes, quiet=wants_json)
    if wants_json:
        print_json({"name": found.name, "repository": found.repository, "commit": found.commit,
                    "place": str(found.place), "files": found.files})  # fmt: skip
        return
    click.echo(f"{found.name}: {show_path(found.place)}, every digest compared")
    if row is None or row.kind == "chat":
        click.echo(f"ask it: anatili chat {found.name}")


def show_rows(rows: "tuple[Row, ...]") -> None:
    """The table: 100 columns hold it."""
    from rich.text import Text

    from anatili.cli.progress import console
    from anatili.cli.pulling import size
    from anatili.models import registry

    memory, screen = registry.machine_memory(), console()
    code, language = registry.contents()["language"], registry.contents()["name"]
    heads = (head.format(code=code, language=language) for head in COLUMNS)
    screen.print(laid_out(Text(head, style="bold") for head in heads))
    for kind, head in HEADS.items():
        screen.print(Text(f"\n{head}", style="underline"))
        for row in (one for one in rows if one.kind == kind):
            screen.print(laid_out(cells(row, registry.facts(row))))
    limit = f"!: more than this machine's {size(memory)}." if memory else ""
    screen.print(
        f"\nNC: not for commercial use. G: gated, terms to accept first. {limit}\n"
        f"~: reckoned from weights and bits. {code}: does its maker name it. tokens: a {language} word,\n"
        "measured here. Figures compare only where they were taken alike: anatili models NAME tells how,\n"
        "with every source. anatili pull NAME fetches one.",
        soft_wrap=True,
    )


def cells(row: "Row", fact: dict[str, Any]) -> "Iterator[Text]":
    """A row of the table."""
    from rich.text import Text

    from anatili.cli.pulling import size
    from anatili.models import registry

    too_much = fact["fits"] is False
    yield Text(row.name, "bold" if fact["here"] else "")
    yield Text(("~" if row.is_size_reckoned else "") + size(row.size) if row.size else "-")
    yield Text((size(row.memory) if row.memory else "-") + ("!" if too_much else " "), "red" if too_much else "")
    yield Text(row.license.removeprefix("LicenseRef-") or "not stated")
    yield Text(" ".join(mark for mark, holds in (("NC", not row.commercial), ("G", row.gated)) if holds), "yellow")
    yield Text("yes" if registry.contents()["language"] in row.languages else "no" if row.languages else "?")
    yield Text(f"{row.tokens_per_word:.2f}" if row.tokens_per_word else "-")
    yield Text(f"{row.published[0].test} {row.published[0].value:g}" if row.published else "-")
    yield Text("yes" if fact["here"] else "")


def laid_out(parts: "Iterable[Text]") -> "Text":
    """Parts side by side, each as wide as COLUMNS has it."""
    from rich.text import Text

    line = Text()
    for part, (width, side) in zip(parts, COLUMNS.values(), strict=True):
        part.align(side, width)  # type: ignore[arg-type]
        line.append_text(part).append("  ")
    line.rstrip()
    return line


def show_row(row: "Row") -> None:
    """One model, and where each fact is said."""
    from anatili.cli.progress import console
    from anatili.cli.pulling import size
    from anatili.models import registry

    screen, fact = console(), registry.facts(row)
    screen.print(f"[bold]{row.name}[/bold]: {row.about}")
    if row.warning:
        screen.print(f"  mind: {row.warning}", style="yellow")
    where = f"https://huggingface.co/{row.repository}" if row.repository else row.address
    memory = registry.machine_memory()
    fits = {True: ", fits this machine", False: f", this machine has {size(memory)}", None: ""}[fact["fits"]]
    told = {
        "kind": HEADS[row.kind].split(":")[0],
        "where": f"{where} {row.file}".strip(),
        "here": fact["place"]
        or ("comes along" if fact["here"] else f"no: anatili pull {row.name}" * row.can_be_pulled),
        "weights": f"{row.parameters / 1e6:,.0f} M" if row.parameters else "",
        "size": (f"{'about ' if row.is_size_reckoned else ''}{size(row.size)}" if row.size else ""),
        "memory": f"about {size(row.memory)}{fits}" if row.memory else "",
        "license": f"{row.license or 'not stated'} {row.terms}".strip()
        + ("" if row.commercial else ", not for commercial use"),
        "gated": f"accept the terms at {row.gated}, then set HF_TOKEN" if row.gated else "",
        "languages": " ".join(row.languages)
        + (f" of {row.all_languages}" if row.all_languages and row.languages else "")
        + (f"{row.all_languages}, not named" if row.all_languages and not row.languages else ""),
        f"tokens a {registry.contents()['name']} word": f"{row.tokens_per_word:.2f}, measured on FLORES dev"
        if row.tokens_per_word
        else "",
    }
    for name, value in told.items():
        if value:
            screen.print(f"  {name}: {value}")
    show_scores("published", row.published)
    show_scores("measured here", row.measured)
    for source in row.sources:
        screen.print(f"  source of {', '.join(source.of)}: {source.url} ({source.date})", style="dim")


def show_scores(head: str, scores: "tuple[Score, ...]") -> None:
    from anatili.cli.progress import console

    for one in scores:
        note = f"; {one.note}" if one.note else ""
        console().print(f"  {head}: {one.test} {one.value:g} {one.unit}{note} ({one.source}, {one.date})")


COMMANDS = (models_command, pull_command)
