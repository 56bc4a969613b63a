"""Commands of translation: translate, and the meter of what a detour loses."""

from pathlib import Path
from typing import Any, TextIO

import click

from anatili.options import adapter_option, as_json, print_json, report_problems, runs_option

file_option = click.Path(path_type=Path, exists=True, dir_okay=False)
SYSTEMS = ("direct", "pivot", "copy")


@click.command()
@click.argument("model", metavar="RUN|MODEL")
@click.argument("file", type=click.File("r", encoding="utf-8"), default="-")
@runs_option
@adapter_option
@click.option("--source", default="auto", show_default=True, metavar="LANG", help="Language of the text.")
@click.option("--target", required=True, metavar="LANG", help="Language to put it into.")
@as_json
@report_problems
def translate(
    model: str, file: TextIO, runs: Path, adapters: tuple[Path, ...], source: str, target: str, wants_json: bool
) -> None:
    """Translate FILE (or standard input) with MODEL, directly, sentence by sentence; the layout stays.

    What is seen to be doubtful (numbers that differ, another language) is told on standard error. How well a model
    translates is a matter of the model: the small ones that come along do it badly.

    \b
    anatili translate kazakh-270m letter.txt --target en
    echo "Қайырлы таң!" | anatili translate http://127.0.0.1:8000 --target ru
    """  # fmt: skip
    from anatili.serve.assistant import open_assistant
    from anatili.translate.translator import Translator

    opened = open_assistant(model, runs, adapters, tell=lambda line: click.echo(line, err=True), slots=2)
    translator = Translator(opened.engine, opened.packs)
    text = file.read()
    start = translator.source_of(text) if source == "auto" else source
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
        click.echo(f"{doubtful} sentences are doubtful", err=True)


@click.command("pivot")
@click.argument("model", metavar="RUN|MODEL|ADDRESS")
@runs_option
@adapter_option
@click.option("--source", metavar="LANG", help="Language of the sentences.  [default: the model's main one]")
@click.option("--target", required=True, metavar="LANG", help="Language to put them into.")
@click.option("--through", required=True, metavar="LANG", help="The third language, the pivot.")
@click.option("--text", type=file_option, help="More sentences, a line each, with --reference.")
@click.option("--reference", type=file_option, help="Their translation by people into --target, a line each.")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(0), help="Lines of --text; 0: all.")
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder.  [default: pivot-...]")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw it: .png or .svg.")
@as_json
@report_problems
def pivot_command(
    model: str, runs: Path, adapters: tuple[Path, ...], source: str | None, target: str, through: str,
    text: Path | None, reference: Path | None, limit: int, out: Path | None, plot: Path | None, wants_json: bool,
) -> None:  # fmt: skip
    """Measure what is lost when MODEL translates through a third language: gender, names, numbers, denials, score.

    The sentences of the language pack need no reference: each has something that a detour may spoil. Translations are
    kept in --out, so that what was broken off goes on, and can be read there.

    \b
    anatili pivot kazakh-270m --target en --through ru
    anatili pivot http://127.0.0.1:8080 --target en --through ru --text kk.txt --reference en.txt --plot pivot.png
    """
    from anatili.problem import Problem
    from anatili.progress import Bars
    from anatili.serve.assistant import open_assistant
    from anatili.translate import compare, pivot
    from anatili.translate.translator import Translator

    if bool(text) != bool(reference):
        raise Problem("--text and --reference go together: scores need a translation by people")
    opened = open_assistant(model, runs, adapters, tell=lambda line: click.echo(line, err=True), slots=4)
    meter = pivot.prepare(
        Translator(opened.engine, opened.packs), source or next(iter(opened.packs)), target, through,
        (text, reference) if text and reference else None, limit,
    )  # fmt: skip
    place = out or pivot.place_of(meter)
    with Bars(quiet=wants_json) as bars:
        bar = bars.bar("both ways")
        bar.start(len(meter.samples), "sentences")
        ways = meter.measure(place / "translations.jsonl", bar.advance)
    said = compare.report(meter, ways)
    if plot:
        compare.draw(plot, said)
    if wants_json:
        print_json(said)
    else:
        show_pivot(said, place / "translations.jsonl")


def show_pivot(said: dict[str, Any], file: Path) -> None:
    """Both ways side by side."""
    from anatili.progress import show_table

    size = f", {said['parameters'] / 1e6:.0f} M parameters" if said["parameters"] else ""
    click.echo(f"{said['model']}{size}: {said['source']} to {said['target']}, directly and through {said['through']}")
    for part, name in (("own", "sentences made for this"), ("text", "lines with references")):
        if part not in said:
            continue
        found = said[part]
        click.echo(f"\n{found['sentences']} {name}")
        rows = [[row["check"], row["meaning"], str(row["n"]), *(shown(row[way]) for way in ("direct", "pivot")),
                 f"{row['p']:.3f}"] for row in found["checks"]]  # fmt: skip
        show_table(["kept", "", "n", "direct", f"through {said['through']}", "p (Holm)"], rows)
        for way, told in found.get("genders", {}).items():
            click.echo(f"  {way}, gender left open: a man in {told['masculine']}, a woman in {told['feminine']}, "
                       f"both in {told['both']} of {told['sentences']}")  # fmt: skip
        for metric, row in found.get("scores", {}).items():
            ends = ", ".join(f"{way} {row[way]['score']:.1f} {row[way]['interval']}" for way in SYSTEMS)
            click.echo(f"  {metric}: {ends}; p = {row['p']:.3f}")
            if "lost" in row:
                click.echo(
                    f"  {metric} that a sentence loses by the detour: {row['lost']['mean']} {row['lost']['interval']}"
                )
    for notice in said["notices"]:
        click.echo(f"NOTE {notice}")
    click.echo(f"\ntranslations: {file}")


def shown(row: dict[str, Any]) -> str:
    low, high = row["interval"]
    return f"{row['share']:.3f} [{low:.3f}, {high:.3f}]"


COMMANDS = (translate, pivot_command)
