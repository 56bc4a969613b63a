"""The command `refine`: a corpus from files, without a recipe."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anatili.cli.options import as_json, mirror_option, print_json, report_problems
from anatili.data_errors import TooMuchLost

if TYPE_CHECKING:
    from anatili.pipeline.refine_files import Refined


@click.command()
@click.argument(
    "files", metavar="FILE|FOLDER...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)
@click.option("--language", required=True, help="Code of a language pack.")
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the corpus."
)
@click.option("--license", default="unknown", show_default=True, help="License of documents that name none, by SPDX.")
@click.option(
    "--unit",
    type=click.Choice(["paragraph", "line", "lines", "file"]),
    default="paragraph",
    show_default=True,
    help="What a document is in a text file; lines: about 120 words together.",
)
@click.option(
    "--text-field", default="text", show_default=True, help="Field that holds the text, in JSON lines and Parquet."
)
@click.option(
    "--rows",
    is_flag=True,
    help="Also give the rows of JSON lines and Parquet files back, kept and lost, with all fields.",
)
@click.option(
    "--workers", type=click.IntRange(1, 1024), default=1, show_default=True, help="Number of local worker processes."
)
@click.option("--redo", multiple=True, metavar="STAGE", help="Build this stage again; STAGE.. also all later stages.")
@mirror_option
@as_json
@report_problems
def refine(
    files: tuple[Path, ...],
    language: str,
    out: Path,
    license: str,  # noqa: A002
    unit: str,
    text_field: str,
    rows: bool,
    workers: int,
    redo: tuple[str, ...],
    mirror: str,
    wants_json: bool,
) -> None:
    """Make a corpus from FILES without a recipe: extracted, marked, without duplicates, cut by the pack's thresholds.

    FILES are WARC, HTML, text, JSON lines, Parquet, PDF, Word, EPUB and PowerPoint files, or folders of them.
    OUT/corpus gets Parquet shards with url, text, title, source, time and license. OUT is a run: a call that was
    stopped resumes, and `anatili why OUT URL` shows why a page was lost; a row or paragraph without an address is
    FILE:NUMBER.

    With --rows, OUT/rows/kept and OUT/rows/lost have a file for each JSON lines or Parquet file, with its rows and all
    their fields: kept ones with their text as it is in the corpus, lost ones with lost_reason and lost_detail.

    \b
    anatili refine crawl/*.warc.gz --language kk -o kazakh
    anatili refine books/ pages/ --language kk -o kazakh --json
    anatili refine filtered/*.jsonl.gz --language kk -o kazakh --rows

    Damaged files are read as far as they can be, and named. The exit status is 3, with a complete corpus, if more than
    one file or record in a hundred was lost to damage.
    """
    from anatili.cli import explaining_interrupts
    from anatili.cli.progress import Bars
    from anatili.pipeline.refine_files import refine_files

    with explaining_interrupts(), Bars(quiet=wants_json) as bars:
        refined = refine_files(
            files,
            language,
            out,
            workers=workers,
            license=license,
            unit=unit,
            text_field=text_field,
            rows=rows,
            redo=redo,
            mirror=mirror,
            watch=bars.watch,
            tell=bars.tell,
        )
    if wants_json:
        print_json(asdict(refined))
    else:
        show(refined, text_field)
    if refined.problem:
        raise TooMuchLost(f"the corpus is complete, but {refined.problem}")


def show(refined: "Refined", text_field: str) -> None:
    from anatili.collect.corpora import NO_TEXT
    from anatili.collect.damaged import ENCODED

    for stage, counts in refined.lost.items():
        for reason, count in counts.items():
            hint = f" (looked for under {text_field!r}; name another with --text-field)" if reason == NO_TEXT else ""
            click.echo(f"{stage:8} lost: {reason} {count:,}{hint}")
    if refined.unread:
        endings = ", ".join(f"{ending} {count:,}" for ending, count in refined.unread.items())
        click.echo(f"not read, because of the form of the file: {endings}")
    for name, detail in refined.damaged.get("first", {}).items():
        click.echo(f"damaged: {name}: {detail}")
    if ENCODED in refined.damaged.get("first", {}).values():
        click.echo("text in another encoding: convert it, as with iconv -f WINDOWS-1251 -t UTF-8 FILE > NEW-FILE")
    if refined.damaged:
        click.echo(
            f"{refined.damaged['files']:,} of {refined.damaged['of']:,} files are damaged; the rest of them is read"
        )
    if refined.rows:
        click.echo(f"rows as they came, kept and lost: {refined.rows}")
    click.echo(f"{refined.kept:,} of {refined.records:,} records kept, {refined.bytes / 1e6:,.1f} MB: {refined.corpus}")


COMMANDS = (refine,)
