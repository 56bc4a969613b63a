"""Commands for crawls and texts: sift, census, normalize, identify, extract."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anatili.cli.options import Group, as_json, print_json, report_problems, runs_option, say_aside
from anatili.problem import Problem

if TYPE_CHECKING:
    from anatili.census.count import Census


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--language", required=True, help="Code of a language pack.")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the pages that pass here.")
@click.option(
    "--max-bytes", default=10_000_000, show_default=True, type=click.IntRange(1000), help="Maximum bytes of a page."
)
@as_json
@report_problems
def sift(files: tuple[Path, ...], language: str, out: Path | None, max_bytes: int, wants_json: bool) -> None:
    """Find the pages of WARC or WET FILES whose raw bytes can be in a language, without parsing them.

    \b
    anatili sift crawl/*.warc.gz --language kk -o kazakh.warc.gz
    """
    from anatili.cli.progress import Bars
    from anatili.collect.sift import describe_gate
    from anatili.collect.sift import sift as sift_files

    with Bars(quiet=wants_json) as bars:
        counts = sift_files(list(files), language, out=out, max_bytes=max_bytes, progress=bars.bar("sift"))
    if wants_json:
        print_json(counts.as_json())
        return
    row = counts.as_json()
    click.echo(
        f"{row['records']} records, {row['pages']} pages, {row['passed']} passed, "
        f"{row['bytes'] / 1e6:.1f} MB compressed, {row['seconds']} CPU seconds, "
        f"{row['rate']} pages per second"
    )
    for reason, count in row["lost"].items():
        click.echo(f"lost: {reason} {count}")
    for name, detail in row["damaged"].items():
        click.echo(f"damaged: {name}: {detail}")
    click.echo(f"required letters: {describe_gate(language)}")


@click.group(cls=Group)
def census() -> None:
    """Count the languages of a crawl and their hosts, and show how they change.

    \b
    anatili census scan crawl/*.warc.gz                      every language, from the pages themselves
    anatili census scan crawl/*.warc.gz --language kk        one language and its hosts, 100 times faster
    anatili census index part-*.parquet --language kk        from Common Crawl's index
    anatili census trend languages.csv --language kk         over many crawls, from published counts
    anatili census overlap RUN cc scan                       what an index missed, and what a scan missed
    """


languages_option = click.option("--language", "languages", multiple=True, help="Code of a language pack; repeatable.")
hosts_option = click.option(
    "--hosts", default=10, show_default=True, type=click.IntRange(0), help="Number of hosts to list."
)
plot_option = click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="File for a plot, .png or .svg."
)


@census.command("scan")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@languages_option
@hosts_option
@plot_option
@as_json
@report_problems
def census_scan(
    files: tuple[Path, ...], languages: tuple[str, ...], hosts: int, plot: Path | None, wants_json: bool
) -> None:
    """Count the languages of the pages of WARC or WET FILES."""
    from anatili.census.count import scan
    from anatili.cli.progress import Bars

    with Bars(quiet=wants_json) as bars:
        bar = bars.bar("census")
        bar.start(len(files), "files")
        counted = scan(files, languages, bar.advance)
    show_census(counted, languages, hosts, plot, wants_json)


@census.command("index")
@click.argument("parts", nargs=-1, required=True)
@languages_option
@hosts_option
@plot_option
@click.option(
    "--private-host",
    "private_hosts",
    multiple=True,
    help="host:port in a private network that may be fetched from; repeatable.",
)
@as_json
@report_problems
def census_index(
    parts: tuple[str, ...],
    languages: tuple[str, ...],
    hosts: int,
    plot: Path | None,
    private_hosts: tuple[str, ...],
    wants_json: bool,
) -> None:
    """Count the languages in PARTS of Common Crawl's columnar index, which are files or addresses (https, s3)."""
    from anatili.census.count import from_index
    from anatili.collect.fetch import Fetcher, Store
    from anatili.collect.network import FetchError
    from anatili.collect.tables import open_table

    store = Store(Fetcher(frozenset(private_hosts)))
    try:
        counted = from_index((open_table(part, store) for part in parts), languages)
    except FetchError as error:
        raise Problem(str(error)) from error
    show_census(counted, languages, hosts, plot, wants_json)


def show_census(counted: "Census", languages: tuple[str, ...], hosts: int, plot: Path | None, wants_json: bool) -> None:
    """Print a census as a table or JSON, and plot it."""
    from anatili.census.charts import draw_shares

    rows = counted.rows(languages)
    if plot:
        draw_shares(rows, plot, f"Languages of {counted.total:,} pages ({counted.how})")
    carriers = {language: counted.top_hosts(language, hosts) for language in languages}
    if wants_json:
        print_json(
            {
                "how": counted.how,
                "pages": counted.total,
                "lost": dict(counted.lost),
                "languages": rows,
                "hosts": carriers,
            }
        )
        return
    for row in rows:
        interval = f"  [{row['low']:.4%}, {row['high']:.4%}]" if "low" in row else ""
        click.echo(f"{row['language']:8} {row['pages']:>12,} {row['share']:>10.4%}{interval}")
    click.echo(
        f"{counted.total:,} pages in total" + ("; in brackets: 95 % intervals, by hosts" if counted.is_sample else "")
    )
    for language, pages_of in carriers.items():
        for host, pages in pages_of:
            click.echo(f"{language:8} {pages:>12,} {host}")


@census.command("trend")
@click.argument("csv_file", metavar="CSV", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@languages_option
@plot_option
@as_json
@report_problems
def census_trend(csv_file: Path, languages: tuple[str, ...], plot: Path | None, wants_json: bool) -> None:
    """Show languages over crawls, from the CSV that Common Crawl publishes (cc-crawl-statistics, languages.csv)."""
    from anatili.census.charts import draw_trend
    from anatili.census.count import trend

    if not languages:
        raise Problem("no language given; add --language, for example --language kk")
    points = trend(csv_file.read_text("utf-8", "replace"), languages, str(csv_file))
    if plot:
        draw_trend(points, plot)
    for point in points:
        if wants_json:
            print_json({"crawl": point.crawl, "language": point.language, "pages": point.pages, "share": point.share})
        else:
            click.echo(f"{point.crawl:18} {point.language:5} {point.pages:>12,} {point.share:>9.4%}")


@census.command("overlap")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("first")
@click.argument("second")
@runs_option
@click.option(
    "--examples", default=5, show_default=True, type=click.IntRange(0), help="Number of example addresses of each part."
)
@as_json
@report_problems
def census_overlap(run: Path, first: str, second: str, runs: Path, examples: int, wants_json: bool) -> None:
    """Compare what two sources of RUN found of its language, such as an index and a scan of the same files.

    \b
    anatili census overlap commoncrawl-kk cc scan
    """
    from anatili.census.overlap import overlap
    from anatili.run import find_run

    pages = overlap(find_run(run, runs), first, second)
    parts = {"both": pages.both, f"only {first}": pages.only_first, f"only {second}": pages.only_second}
    recalls = {name: pages.recall(name) for name in (first, second)}
    if wants_json:
        shown = {name: sorted(urls)[:examples] for name, urls in parts.items()}
        print_json(
            {
                "language": pages.language,
                "pages": {name: len(urls) for name, urls in parts.items()},
                "recall": recalls,
                "examples": shown,
            }
        )
        return
    for name, urls in parts.items():
        click.echo(f"{name:20} {len(urls):>10,}")
        for url in sorted(urls)[:examples] if name != "both" else ():
            click.echo(f"{'':20} {url}")
    for name, recall in recalls.items():
        click.echo(f"{name} finds {recall:.1%} of the pages that the other finds")


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--language", required=True, help="Code of a language pack.")
@click.option("--keep-script", is_flag=True, help="Keep text in other scripts of the language as it is.")
@as_json
@report_problems
def normalize(file: Any, language: str, keep_script: bool, wants_json: bool) -> None:
    """Convert FILE (or standard input) to the language's own spelling: NFC, correct letters, the main script.

    Where a letter of another script is ambiguous, the more likely reading is chosen, and the word is counted as unsure.

    \b
    echo "Qazaqstan, қaзaқ" | anatili normalize --language kk
    """
    from anatili.lang import load_pack
    from anatili.lang.convert import in_own_spelling

    pack, unsure = load_pack(language), 0
    for number, line in enumerate(file, 1):
        try:
            text = line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise Problem(
                f"{getattr(file, 'name', 'input')}, line {number}: not UTF-8 ({error.reason}); convert it first"
            ) from error
        spelled = in_own_spelling(pack, text, keep_script=keep_script)
        unsure += spelled.unsure
        if wants_json:
            print_json(asdict(spelled))
        else:
            click.echo(spelled.text)
    if unsure and not wants_json:
        click.echo(f"{unsure} words have another likely reading; --json shows in which lines", err=True)


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@as_json
@report_problems
def identify(file: Any, wants_json: bool) -> None:
    """Identify the language of each line of FILE, or of standard input, with script and confidence.

    \b
    echo "Қазақ тілі" | anatili identify --json
    """
    from anatili.identify import identify as identify_text

    foreign = list[int]()
    for number, line in enumerate(file, 1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            text = line.decode("utf-8", "replace")
            foreign.append(number)
        verdict = identify_text(text)
        if wants_json:
            print_json({"language": verdict.language, "script": verdict.script, "confidence": verdict.confidence})
        else:
            click.echo(f"{verdict.language:4} {verdict.script:5} {verdict.confidence:.2f}")
    if foreign:
        say_aside(f"not UTF-8: {len(foreign):,} lines, the first is line {foreign[0]}; convert the text first")


@click.command()
@click.argument("page", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path), default="-")
@click.option("--mode", type=click.Choice(["careful", "fast", "quick"]), default="careful", show_default=True)
@click.option("--charset", default="", help="Charset that HTTP would declare.")
@as_json
@report_problems
def extract(page: Path, mode: Any, charset: str, wants_json: bool) -> None:
    """Print the main text of PAGE (an HTML file, also gzipped), or of standard input."""
    from anatili.extraction.page import extract as extract_from

    source = sys.stdin.buffer.read() if str(page) == "-" else page
    article = extract_from(source, charset=charset, mode=mode)
    if wants_json:
        print_json(
            {"title": article.title, "text": article.text, "charset": article.charset, "opt_out": article.opt_out}
        )
    else:
        click.echo(article.text)
    if not article.text:
        raise Problem(f"{'standard input' if str(page) == '-' else page}: no main text found")


COMMANDS: tuple[click.Command, ...] = (sift, census, identify, extract, normalize)
