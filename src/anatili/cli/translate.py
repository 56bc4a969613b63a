"""Commands for translation: translate, directions, and pivot, which measures the loss through a third language."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anatili.cli.options import adapter_option, as_json, print_json, report_problems, runs_option, say_aside
from anatili.cli.pulling import offers_to_pull
from anatili.text import plural

if TYPE_CHECKING:
    from anatili.translate.files import OpenedFile
    from anatili.translate.translator import Translator

file_option = click.Path(path_type=Path, exists=True, dir_okay=False)
SYSTEMS = ("direct", "pivot", "copy")


@click.command()
@click.argument("model", metavar="RUN|MODEL|ADDRESS")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True), default="-")
@runs_option
@adapter_option
@click.option("--source", default="auto", show_default=True, metavar="LANG", help="Language of the text.")
@click.option("--target", required=True, metavar="LANG", help="Language to translate into.")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@as_json
@report_problems
@offers_to_pull
def translate(
    model: str,
    file: Path,
    runs: Path,
    adapters: tuple[Path, ...],
    source: str,
    target: str,
    out: Path | None,
    wants_json: bool,
) -> None:
    """Translate FILE, or standard input, with MODEL, sentence by sentence, keeping the layout.

    FILE is a .txt, .srt, .po, .docx or .xlsx file. The translation of a file that is not plain text is written to
    --out, by default named after FILE and the language. An interrupted translation resumes when the command is given
    again. Only directions in which the model was trained are allowed, with a warning if the quality is low or was not
    measured; `anatili directions MODEL` lists them. Doubtful sentences (lost negation, other numbers or names, another
    language) are reported on standard error.

    \b
    anatili translate kazakh-270m letter.txt --target en
    anatili translate kazakh-270m report.docx --target en         writes report.en.docx
    echo "Қайырлы таң!" | anatili translate http://127.0.0.1:8000 --target ru
    """
    from anatili.translate.figures import weights_of
    from anatili.translate.files import plain
    from anatili.translate.translate_file import open_work, translated_name
    from anatili.translate.translator import open_translator

    is_input = str(file) == "-"
    out = out or (None if is_input else translated_name(file, target))
    text = "" if out and not is_input else nonempty_text(file)
    work = None if out is None else plain(text) if is_input else open_work(file, target, out)
    translator = open_translator(model, runs, adapters, say_aside)
    if work and out:
        show_file(translator, work, source, target, out, weights_of(model, runs, adapters), wants_json=wants_json)
    else:
        show_text(translator, text, source, target, wants_json=wants_json)


def show_text(translator: "Translator", text: str, source: str, target: str, *, wants_json: bool) -> None:
    """Print the translation of a text, sentence by sentence."""
    translator.check_target(target)
    start = translator.source_of(text) if source == "auto" else source
    translator.check_pair(start, target)
    if warning := translator.warning(start, target):
        say_aside(warning)
    doubtful = 0
    for step in translator.steps(text, start, target):
        doubtful += bool(step.doubts)
        if wants_json:
            print_json({"source": step.source, "text": step.text, "doubts": list(step.doubts)})
            continue
        click.echo(step.text, nl=False)
        if step.doubts:
            click.echo(f"\n  doubtful ({', '.join(step.doubts)}): {step.source.strip()}", err=True)
    if doubtful:
        say_aside(plural(doubtful, "doubtful sentence"))


def nonempty_text(file: Path) -> str:
    """A text file, or standard input; `Problem` if it is empty."""
    from anatili.problem import Problem

    text = read_plain(file)
    if not text.strip():
        raise Problem(f"{'standard input' if str(file) == '-' else file} is empty: there is nothing to translate")
    return text


def read_plain(file: Path) -> str:
    """A text file, or standard input."""
    from anatili.problem import Problem
    from anatili.translate.files import read_text

    if str(file) != "-":
        return read_text(file)
    try:
        raw: bytes = sys.stdin.buffer.read()
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(f"standard input is not UTF-8 ({error.reason} at byte {error.start})") from error


def show_file(
    translator: "Translator", work: "OpenedFile", source: str, target: str, out: Path, weights: str, *, wants_json: bool
) -> None:
    """Translate a file, and print the doubtful sentences and a summary."""
    from anatili.cli.progress import Bars
    from anatili.translate.translate_file import translate_file

    with Bars(quiet=wants_json) as bars:
        bar = bars.bar("translate")
        translated = translate_file(
            translator,
            work,
            target,
            out,
            source=source,
            weights=weights,
            warn=say_aside,
            begin=lambda texts: bar.start(texts, "texts"),
            advance=bar.advance,
        )
    start = translated.direction.source
    if wants_json:
        rows = [{"source": step.source, "text": step.text, "doubts": list(step.doubts)} for step in translated.doubtful]
        print_json(
            {
                "file": str(out),
                "source": start,
                "texts": translated.texts,
                "doubtful": rows,
                "notices": list(translated.notices),
                "quality": {"quality": translated.direction.quality, **translated.direction.row()},
            }
        )
        return
    for step in translated.doubtful:
        click.echo(f"  doubtful ({', '.join(step.doubts)}): {step.source.strip()[:200]}", err=True)
    for line in translated.notices:
        say_aside(line)
    texts = plural(translated.texts, "text")
    click.echo(f"{out}: {texts} from {start} to {target}, {len(translated.doubtful)} doubtful")


@click.command("pivot")
@click.argument("model", metavar="RUN|MODEL|ADDRESS")
@runs_option
@adapter_option
@click.option("--source", metavar="LANG", help="Language of the sentences.  [default: the model's main language]")
@click.option("--target", required=True, metavar="LANG", help="Language to translate into.")
@click.option("--through", required=True, metavar="LANG", help="The third language, the pivot.")
@click.option("--text", type=file_option, help="More sentences, one per line; needs --reference.")
@click.option("--reference", type=file_option, help="Their human translation into --target, one per line.")
@click.option(
    "--limit", default=200, show_default=True, type=click.IntRange(0), help="Maximum lines of --text; 0: all."
)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to write.  [default: pivot-...]"
)
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="File for a plot, .png or .svg.")
@as_json
@report_problems
@offers_to_pull
def pivot_command(
    model: str,
    runs: Path,
    adapters: tuple[Path, ...],
    source: str | None,
    target: str,
    through: str,
    text: Path | None,
    reference: Path | None,
    limit: int,
    out: Path | None,
    plot: Path | None,
    wants_json: bool,
) -> None:
    """Measure what is lost when MODEL translates through a third language.

    The measures are gender, names, numbers, negation and score. The sentences of the language pack need no reference:
    each one contains something that a pivot language may spoil. Translations are saved in --out, where they can be
    read; an interrupted command resumes from them.

    \b
    anatili pivot kazakh-270m --target en --through ru
    anatili pivot http://127.0.0.1:8080 --target en --through ru --text kk.txt --reference en.txt --plot pivot.png
    """
    from anatili.cli.progress import Bars
    from anatili.problem import Problem
    from anatili.translate import compare, pivot
    from anatili.translate.figures import weights_of
    from anatili.translate.translator import open_translator

    if bool(text) != bool(reference):
        raise Problem("--text and --reference must be given together: scores need a human translation")
    compare.check(plot, scored=bool(text))
    for file in filter(None, (text, reference)):
        nonempty_text(file)
    translator = open_translator(model, runs, adapters, say_aside)
    meter = pivot.prepare(
        translator,
        source or next(iter(translator.packs)),
        target,
        through,
        (text, reference) if text and reference else None,
        limit,
        weights_of(model, runs, adapters),
    )
    folder = out or pivot.folder_of(meter)
    with Bars(quiet=wants_json) as bars:
        bar = bars.bar("both ways")
        bar.start(len(meter.samples), "sentences")
        ways = meter.measure(folder / "translations.jsonl", bar.advance)
    report = compare.report(meter, ways)
    if plot:
        compare.draw(plot, report)
    if wants_json:
        print_json(report)
    else:
        show_pivot(report, folder / "translations.jsonl")


def show_pivot(report: dict[str, Any], file: Path) -> None:
    """Print the direct and the pivot translation side by side."""
    from anatili.cli.progress import show_table

    size = f", {report['parameters'] / 1e6:.0f} M parameters" if report["parameters"] else ""
    click.echo(
        f"{report['model']}{size}: {report['source']} to {report['target']}, directly and through {report['through']}"
    )
    for part, name in (("own", "sentences of the language pack"), ("text", "lines with references")):
        if part not in report:
            continue
        results = report[part]
        click.echo(f"\n{results['sentences']} {name}")
        rows = [
            [
                row["check"],
                row["meaning"],
                str(row["n"]),
                *(shown(row[way]) for way in ("direct", "pivot")),
                f"{row['p']:.3f}",
            ]
            for row in results["checks"]
        ]
        show_table(["kept", "", "n", "direct", f"through {report['through']}", "p (Holm)"], rows)
        for way, genders in results.get("genders", {}).items():
            click.echo(
                f"  {way}, gender left open: a man in {genders['masculine']}, a woman in {genders['feminine']}, "
                f"both in {genders['both']} of {genders['sentences']}"
            )
        for metric, row in results.get("scores", {}).items():
            ends = ", ".join(f"{way} {row[way]['score']:.1f} {row[way]['interval']}" for way in SYSTEMS)
            click.echo(f"  {metric}: {ends}; p = {row['p']:.3f}")
            if "lost" in row:
                click.echo(
                    f"  {metric} lost per sentence by the pivot: {row['lost']['mean']} {row['lost']['interval']}"
                )
    for notice in report["notices"]:
        click.echo(f"Note: {notice}")
    click.echo(f"\ntranslations: {file}")


def shown(row: dict[str, Any]) -> str:
    low, high = row["interval"]
    return f"{row['share']:.3f} [{low:.3f}, {high:.3f}]"


@click.command("directions")
@click.argument("model", metavar="RUN|MODEL|ADDRESS")
@runs_option
@adapter_option
@click.option(
    "--texts",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Measure with the files of this folder, one text per line, named by language (kk.txt or kaz.txt); "
    "repeatable: the first folder with both languages is used.",
)
@click.option("--only", multiple=True, metavar="FROM-TO", help="Measure only this direction; repeatable.")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1), help="Maximum lines for each direction."
)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to write.  [default: directions-...]"
)
@click.option("--write", is_flag=True, help="Write the scores into the model's folder and card, or into the run.")
@as_json
@report_problems
@offers_to_pull
def directions_command(
    model: str,
    runs: Path,
    adapters: tuple[Path, ...],
    texts: tuple[Path, ...],
    only: tuple[str, ...],
    limit: int,
    out: Path | None,
    write: bool,
    wants_json: bool,
) -> None:
    """Show the directions in which MODEL was trained to translate, and their quality.

    With --texts, the quality is measured as chrF++ on human translations. Translations are saved in --out; an
    interrupted command resumes from them. With --write, everyone who translates with the model sees the scores. Each
    translation gives a warning if the score is below 40 or was not measured.

    \b
    anatili directions kazakh-270m
    anatili directions kazakh-270m --texts flores_dev --texts ntrex_dev --write
    """
    from anatili.cli.progress import Bars, show_table
    from anatili.translate import compare, score
    from anatili.translate.figures import keeper, weights_of
    from anatili.translate.translator import open_translator
    from anatili.translation_directions import Direction, table

    if write and not texts:
        raise click.UsageError("--write needs --texts: there is nothing else to write")
    compare.check(None, scored=bool(texts))
    translator = open_translator(model, runs, adapters, say_aside)
    keep = keeper(model, runs, translator.engine) if write else None
    if not texts:
        show_directions(translator, wants_json=wants_json)
        return
    taught = [Direction(row.source, row.target) for row in translator.directions or ()]  # also what was found useless
    is_any = only or translator.directions is None
    translator = replace(translator, directions=None if is_any else tuple(taught))
    tests, without = score.find_tests(translator, texts, limit, only)
    folder = out or Path(f"directions-{Path(translator.engine.name).name}")
    with Bars(quiet=wants_json) as bars:
        bar = bars.bar("translate")
        bar.start(sum(len(test.lines) for test in tests), "lines")
        measured = score.measure_all(translator, tests, folder, weights_of(model, runs, adapters), bar.advance)
    rows = [row for row, _ in measured]
    if keep:
        keep(rows)
    if wants_json:
        print_json({"directions": [row.row() | checks for row, checks in measured], "without_texts": without})
        return
    check_cells = [[str(value) for value in checks.values()] for _, checks in measured]
    show_table(
        ["direction", "chrF++", "95 % interval", "n", "texts", "source copied", "another line"],
        [[*cells, *more] for cells, more in zip(table(rows), check_cells, strict=True)],
    )
    for name in without:
        click.echo(f"{name}: not measured, no folder of --texts has both languages")


def show_directions(translator: "Translator", *, wants_json: bool) -> None:
    """Print the directions that are known without measuring."""
    from anatili.cli.progress import show_table
    from anatili.translation_directions import table

    offered = [translator.direction(start, end) for start in translator.packs for end in translator.targets(start)]
    rows = offered if translator.directions is None else translator.directions
    if wants_json:
        print_json(
            {
                "known": translator.directions is not None,
                "directions": [row.row() | {"quality": row.quality} for row in rows],
            }
        )
        return
    if translator.directions is None:
        click.echo("the training directions of this model are not known: all directions are allowed")
    if not rows:
        click.echo("this model was not trained to translate")
        return
    shown = [[*line, row.quality] for line, row in zip(table(rows), rows, strict=True)]
    show_table(["direction", "chrF++", "95 % interval", "n", "texts", "quality"], shown)


COMMANDS = (translate, directions_command, pivot_command)
