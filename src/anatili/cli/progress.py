"""Output for people: progress bars, passages, answers, tables and scores."""

import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from anatili.cli import localization as catalog
from anatili.cli.options import print_json
from anatili.cli.screen import console
from anatili.cli.summaries import brief_facts
from anatili.stage import Outcome
from anatili.stage_table import Stage
from anatili.text import show_path

if TYPE_CHECKING:
    from anatili.engine import Chunk
    from anatili.search.searcher import Hit
    from anatili.serve.assistant import Answer, PreparedQuestion

AROUND = 80
"""Characters of a passage that are shown before and after what is quoted from it."""


class Rate(ProgressColumn):
    """Units per second, or seconds per unit if it is slower."""

    def render(self, task: Task) -> Text:
        speed = task.speed or 0.0
        if not speed:
            return Text("")
        each = catalog.current.filled("{seconds} s each", seconds=f"{1 / speed:,.1f}")
        return Text(f"{speed:,.1f}/s" if speed >= 1 else each, style="dim")


class Bars:
    """One progress bar per stage, on standard error, with rate and time left; none if `quiet`."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.outdated: list[str] = []
        self.bars = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description:10}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            Rate(),
            TimeElapsedColumn(),
            TextColumn(catalog.current.text("left")),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console(error=True),
            transient=True,
            disable=quiet or not sys.stderr.isatty(),
        )

    def __enter__(self) -> "Bars":
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def watch(self, stage: Stage) -> "Bar":
        if not self.quiet and self.bars.disable:
            console(error=True).print(f"{stage.name} …")
        return Bar(self.bars, stage.name)

    def bar(self, name: str) -> "Bar":
        """A bar for work that is not a stage."""
        return Bar(self.bars, name)

    def tell(self, outcome: Outcome) -> None:
        if outcome.what == "outdated":
            self.outdated.append(outcome.stage)
            return
        for task in self.bars.tasks:
            self.bars.remove_task(task.id)
        brief = ", ".join(brief_facts(outcome.summary)) if outcome.what == "built" else ""
        what, seconds = catalog.current.text(outcome.what), catalog.current.text("s")
        self.bars.console.print(f"{outcome.stage:10} {what}  {outcome.seconds:7.1f} {seconds}  {brief}")
        if outcome.what == "built":
            for name, detail in outcome.summary.get("damaged", {}).get("first", {}).items():
                damaged = catalog.current.text("damaged")
                self.bars.console.print(f"           {damaged}: {name}: {detail}", markup=False)

    def close_with(self, recipe: Path) -> None:
        """Say which stages are now out of date, and how to rebuild them."""
        if self.outdated and not self.quiet:
            names, first = ", ".join(self.outdated), self.outdated[0]
            self.bars.console.print(
                catalog.current.filled(
                    "Not rebuilt, now out of date: {names}. To rebuild them: {command}",
                    names=names,
                    command=f"anatili run {show_path(recipe)} --redo {first}..",
                )
            )


class Bar:
    """The progress of one stage."""

    def __init__(self, bars: Progress, name: str) -> None:
        self.bars, self.name = bars, name
        self.task: TaskID | None = None

    def start(self, total: int, unit: str) -> None:
        self.task = self.bars.add_task(self.name, total=total, unit=catalog.current.text(unit), note="")

    def advance(self, count: int = 1, note: str = "") -> None:
        if self.task is not None:
            self.bars.update(self.task, advance=count, note=note)


def show_passages(hits: list[Any]) -> None:
    """Print passages with their sources; matching words are bold."""
    out = console()
    for number, item in enumerate(hits, 1):
        passage = item.passage
        body = Text(passage.text)
        for start, end in item.matches:
            body.stylize("bold", start, end)
        out.print(Text(f"[{number}] {passage.title or passage.url}", style="bold cyan"))
        out.print(body)
        source = filter(None, (passage.url, passage.license, passage.time[:10]))
        out.print(Text(f"    {' · '.join(source)}", style="dim"))


def print_outcome(outcome: Outcome) -> None:
    """What happened to a stage, as a line of JSON."""
    print_json(
        {
            "stage": outcome.stage,
            "outcome": outcome.what,
            "seconds": outcome.seconds,
            "content": outcome.content,
            "summary": outcome.summary,
        }
    )


def show_answer(prepared: "PreparedQuestion", chunks: "Iterable[Chunk]", words: dict[str, str]) -> str:
    """Print what is taken from the passages, then the answer as it is generated, with headings; returns the answer."""
    out = console()
    if prepared.searched:
        out.print(Text(words.get("passages", "Passages"), style="underline"))
        for number, hit in enumerate(prepared.passages, 1):
            show_excerpt(number, hit, prepared.span if prepared.quotes and number == 1 else (0, 0))
        if not prepared.passages:
            out.print(words.get("nothing", "-"))
        out.print()
    out.print(Text(words.get("answer", "Answer"), style="underline"))
    if prepared.notice:
        out.print(Text(prepared.notice, style="yellow"))
    said = ""
    for chunk in chunks:
        said += chunk.text
        out.print(chunk.text, end="", markup=False)
    out.print("\n")
    near = [(hit.passage.url, hit) for hit in prepared.nearest]
    show_nearest(near, words.get("nearest_passages", "Texts close to the question"))
    return said


def show_excerpt(number: int, hit: "Hit", quoted: tuple[int, int]) -> None:
    """Print the part of a passage that an answer is taken from, with its source. What is quoted is bold, and stands in
    its surroundings; without a quotation, the words of the question are."""
    out, passage = console(), hit.passage
    is_quoted = quoted[1] > quoted[0]
    body = Text(passage.text)
    for start, end in [quoted] if is_quoted else hit.matches:
        body.stylize("bold", start, end)
    start, end = surroundings(passage.text, quoted if is_quoted else hit.snippet)
    out.print(Text(f"[{number}] {passage.title or passage.url}", style="bold cyan"))
    out.print(Text("… " if start else "") + body[start:end] + Text(" …" if end < len(passage.text) else ""))
    source = filter(None, (passage.url, passage.license, passage.time[:10]))
    out.print(Text(f"    {' · '.join(source)}", style="dim"))


def surroundings(text: str, span: tuple[int, int], around: int = AROUND) -> tuple[int, int]:
    """A span of `text` with about `around` characters before and after it, in whole words."""
    start, end = max(0, span[0] - around), min(len(text), span[1] + around)
    if start:
        start = min((text.find(" ", start) + 1) or span[0], span[0])
    if end < len(text):
        end = max(text.rfind(" ", 0, end), span[1])
    return start, end


def show_cited(answer: "Answer", places: list[tuple[int, str]], passages: str) -> None:
    """Print an answer, and under it the number and place of each citation. Without any, the places of the passages that
    the model was given come after the word for them."""
    out = console()
    if answer.notice:
        out.print(Text(answer.notice, style="yellow"))
    out.print(answer.text.strip(), markup=False)
    if answer.citations:
        for number, place in dict.fromkeys(places):
            out.print(Text(f"[{number}] {place}", style="cyan"))
    elif places:
        out.print(Text(f"{passages}: {'; '.join(dict.fromkeys(place for _, place in places))}", style="dim"))
    out.print()


def show_nearest(places: "list[tuple[str, Hit]]", heading: str) -> None:
    """Print passages that may hold what an answer lacks: their places, and the part with most of the question's words,
    these in bold."""
    out = console()
    if places:
        out.print(Text(f"{heading}:", style="underline"))
    for place, hit in places:
        start, end = surroundings(hit.passage.text, hit.snippet)
        body = Text(hit.passage.text)
        for first, last in hit.matches:
            body.stylize("bold", first, last)
        out.print(Text(place, style="cyan"))
        out.print(body[start:end] + Text(" …" if end < len(hit.passage.text) else ""))
    if places:
        out.print()


def show_table(head: list[str], rows: list[list[str]]) -> None:
    """Print a table with numbers aligned to the right."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column, name in enumerate(head):
        numbers = all(row[column][:1].isdigit() or row[column] == "-" for row in rows)
        # An address that was cut with "…" is of no use.
        table.add_column(catalog.current.text(name), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console().print(table)


def show_score(row: dict[str, Any]) -> None:
    """Print one score on a line, with its interval and its reference values."""
    ends = f" [{row['interval'][0]:.3f}, {row['interval'][1]:.3f}]" if row.get("interval") else ""
    about = f"{row['language']} {row.get('texts', '')}".strip()
    beside = "".join(f", {name} {row[name]:g}" for name in ("chance", "xz") if name in row)
    size = f"n = {row['count']}" + (f", {row['bytes']:,} bytes" if "bytes" in row else "")
    console().print(f"{row['measure']}, {about}: {row['value']:.4f}{ends} ({size}{beside})")
    for kind, row_of_kind in row.get("kinds", {}).items():
        low, high = row_of_kind["interval"]
        console().print(f"    {kind}: {row_of_kind['right']:.3f} [{low:.3f}, {high:.3f}], n = {row_of_kind['count']}")
