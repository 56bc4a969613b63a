"""Commands of translation: translate, and the meter of what a detour loses."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anatili.cli.options import adapter_option, as_json, print_json, report_problems, runs_option
from anatili.cli.pulling import offers_to_pull

if TYPE_CHECKING:
    from anatili.translate.files import OpenedFile
    from anatili.translate.translator import Translator

file_option = click.Path(path_type=Path, exists=True, dir_okay=False)
SAMPLE = 10_000
"""Characters of a file by which its language is told."""
SYSTEMS = ("direct", "pivot", "copy")


@click.command()
@click.argument("model", metavar="RUN|MODEL|ADDRESS")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True), default="-")
@runs_option
@adapter_option
@click.option("--source", default="auto", show_default=True, metavar="LANG", help="Language of the text.")
@click.option("--target", required=True, metavar="LANG", help="Language to put it into.")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@as_json
@report_problems
@offers_to_pull
def translate(
    model: str, file: Path, runs: Path, adapters: tuple[Path, ...], source: str, target: str, out: Path | None,
    wants_json: bool,
) -> None:  # fmt: skip
    """Translate FILE (or standard input) with MODEL, directly, sentence by sentence; the layout stays.

    FILE is a .txt, .srt, .po, .docx or .xlsx; one that is not plain text goes to --out, which is otherwise named after
    FILE and the language. What was broken off goes on at the next call. Only what the model was taught is offered, and
    a direction that it does badly, or that was not measured, is told first: anatili directions MODEL lists them. What
    is seen to be doubtful (a lost negation, other numbers or names, another language) is told on standard error.

    \b
    anatili translate kazakh-270m letter.txt --target en
    anatili translate kazakh-270m report.docx --target en         writes report.en.docx
    echo "Қайырлы таң!" | anatili translate http://127.0.0.1:8000 --target ru
    """
    from anatili.serve.assistant import open_assistant
    from anatili.serve.figures import weights_of
    from anatili.translate.translator import Translator

    is_text = str(file) == "-" or file.suffix.lower() not in (".srt", ".po", ".docx", ".xlsx")
    if out is None and not is_text:
        out = file.with_suffix(f".{target}{file.suffix}")
    work = opened_file(file, target, out) if out else None
    text = "" if work else some_text(file)
    opened = open_assistant(model, runs, adapters, tell=lambda line: click.echo(line, err=True), slots=4)
    translator = Translator(opened.engine, opened.packs, opened.directions)
    if work and out:
        head = {"weights": weights_of(model, runs, adapters)}
        translate_file(translator, work, source, target, out, head, wants_json=wants_json)
        return
    check_target(target, translator)
    start = translator.source_of(text) if source == "auto" else source
    translator.check_pair(start, target)
    warn(translator, start, target)
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


def check_target(target: str, translator: "Translator") -> None:
    """`Problem` if the language to translate into is none of the model's: no fault of the text's language."""
    from anatili.problem import Problem

    if target not in translator.packs:
        raise Problem(f"no language {target!r} in this model; there are {', '.join(translator.packs)}")


def some_text(file: Path) -> str:
    """A text file, or standard input; `Problem` if there is nothing in it."""
    from anatili.problem import Problem

    text = read_plain(file)
    if not text.strip():
        raise Problem(f"{'standard input' if str(file) == '-' else file} is empty: there is nothing to translate")
    return text


def warn(translator: "Translator", source: str, target: str) -> None:
    """Tell what a direction is worth before anything of it is shown."""
    known = translator.direction(source, target)
    if source == target or known.quality == "usable":
        return
    if known.quality == "unknown":
        said = "it was not measured how well this model does it"
    else:
        said = f"this model does it badly (chrF++ {known.chrf:.1f} of 100 on {known.count} lines of {known.texts})"
    click.echo(f"{known.name}: {said}. Let somebody who knows both languages check the translation.", err=True)


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


def opened_file(file: Path, target: str, out: Path) -> "OpenedFile":
    """What is to be translated of a file; standard input is plain text."""
    from anatili.problem import Problem
    from anatili.translate.files import open_file, plain

    if str(file) == "-":
        return plain(read_plain(file))
    if out.exists() and out.samefile(file):
        raise Problem(f"{out} is the file to be translated; name another --out")
    return open_file(file, target)


def translate_file(
    translator: "Translator", work: "OpenedFile", source: str, target: str, out: Path, head: dict[str, str], *,
    wants_json: bool,
) -> None:  # fmt: skip
    """Carry out the translation of a file, with a file of what is done beside it until it is whole."""
    from anatili.cli.progress import Bars
    from anatili.problem import Problem
    from anatili.translate.translator import Memory

    if not work.texts:
        raise Problem("there is nothing to translate in that file")
    check_target(target, translator)
    sample = "\n".join(work.texts)[:SAMPLE]
    start = translator.source_of(sample) if source == "auto" else source
    translator.check_pair(start, target)
    warn(translator, start, target)
    begun = out.with_name(f".{out.name}.begun.jsonl")
    memory = Memory(begun, {**head, "model": translator.engine.name, "source": start, "target": target})
    texts, doubtful = [], []
    with Bars(quiet=wants_json) as bars:
        bar = bars.bar("translate")
        bar.start(len(work.texts), "texts")
        for step in translator.texts(work.texts, start, target, memory):
            texts.append(step.text)
            doubtful += [step] if step.doubts else []
            bar.advance()
    told = work.write(texts, out)
    begun.unlink()
    if wants_json:
        rows = [{"source": step.source, "text": step.text, "doubts": list(step.doubts)} for step in doubtful]
        quality = translator.direction(start, target)
        print_json({"file": str(out), "source": start, "texts": len(texts), "doubtful": rows, "notices": told,
                    "quality": {"quality": quality.quality, **quality.row()}})  # fmt: skip
        return
    for step in doubtful:
        click.echo(f"  doubtful ({', '.join(step.doubts)}): {step.source.strip()[:200]}", err=True)
    for line in told:
        click.echo(line, err=True)
    click.echo(f"{out}: {len(texts)} texts from {start} to {target}, {len(doubtful)} of them doubtful")


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
@offers_to_pull
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
    from anatili.cli.progress import Bars
    from anatili.problem import Problem
    from anatili.serve.assistant import open_assistant
    from anatili.serve.figures import weights_of
    from anatili.translate import compare, pivot
    from anatili.translate.translator import Translator

    if bool(text) != bool(reference):
        raise Problem("--text and --reference go together: scores need a translation by people")
    compare.check(plot, scored=bool(text))
    for file in filter(None, (text, reference)):
        some_text(file)
    opened = open_assistant(model, runs, adapters, tell=lambda line: click.echo(line, err=True), slots=4)
    meter = pivot.prepare(
        Translator(opened.engine, opened.packs, opened.directions), source or next(iter(opened.packs)), target, through,
        (text, reference) if text and reference else None, limit, weights_of(model, runs, adapters),
    )  # fmt: skip
    place = out or pivot.folder_of(meter)
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
    from anatili.cli.progress import show_table

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


@click.command("directions")
@click.argument("model", metavar="RUN|MODEL|ADDRESS")
@runs_option
@adapter_option
@click.option(
    "--texts",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Measure with the files of this folder, a line each, named by language (kk.txt or kaz.txt); "
    "repeatable, the first that has both languages counts.",
)
@click.option("--only", multiple=True, metavar="FROM-TO", help="Measure this direction; repeatable.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="Lines of each direction.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder.  [default: directions-...]"
)
@click.option("--write", is_flag=True, help="Put the figures into the model's folder and card, or the run.")
@as_json
@report_problems
@offers_to_pull
def directions_command(
    model: str, runs: Path, adapters: tuple[Path, ...], texts: tuple[Path, ...], only: tuple[str, ...], limit: int,
    out: Path | None, write: bool, wants_json: bool,
) -> None:  # fmt: skip
    """Show between which languages MODEL was taught to translate, and how well it does; with --texts, measure that.

    The measure is chrF++ on lines that people translated. Translations are kept in --out, so that what was broken off
    goes on. With --write the figures are shown from then on to whoever translates. Below 40 people are warned at each
    translation, and so they are where nothing was measured.

    \b
    anatili directions kazakh-270m
    anatili directions kazakh-270m --texts flores_dev --texts ntrex_dev --write
    """
    from anatili.cli.progress import Bars, show_table
    from anatili.directions import table
    from anatili.serve.assistant import open_assistant
    from anatili.serve.figures import keeper, weights_of
    from anatili.translate import compare, score
    from anatili.translate.translator import Translator

    if write and not texts:
        raise click.UsageError("--write goes with --texts: there is nothing else to write")
    compare.check(None, scored=bool(texts))
    opened = open_assistant(model, runs, adapters, tell=lambda line: click.echo(line, err=True), slots=4)
    translator = Translator(opened.engine, opened.packs, opened.directions)
    keep = keeper(model, runs, opened.engine) if write else None
    if not texts:
        show_directions(translator, wants_json=wants_json)
        return
    if only:
        translator = Translator(opened.engine, opened.packs)
    tests, without = score.find_tests(translator, texts, limit, only)
    place = out or Path(f"directions-{Path(opened.name).name}")
    head, rows, beside = {"weights": weights_of(model, runs, adapters)}, [], {}
    with Bars(quiet=wants_json) as bars:
        bar = bars.bar("translate")
        bar.start(sum(len(test.lines) for test in tests), "lines")
        for test in tests:
            name = f"{test.source}-{test.target}"
            row, beside[name] = score.measure(translator, test, place / f"{name}.jsonl", head, bar.advance)
            rows.append(row)
    if keep:
        keep(rows)
    if wants_json:
        print_json({"directions": [one.row() | beside[one.name] for one in rows], "without_texts": without})
        return
    nothing = [[str(value) for value in beside[one.name].values()] for one in rows]
    show_table(
        ["direction", "chrF++", "95 % interval", "n", "texts", "source copied", "another line"],
        [[*shown, *more] for shown, more in zip(table(rows), nothing, strict=True)],
    )
    for name in without:
        click.echo(f"{name}: not measured, no folder of --texts has both languages")


def show_directions(translator: "Translator", *, wants_json: bool) -> None:
    """What is known without measuring."""
    from anatili.cli.progress import show_table
    from anatili.directions import table

    rows = [translator.direction(one, other) for one in translator.packs for other in translator.targets(one)]
    if wants_json:
        print_json(
            {
                "known": translator.directions is not None,
                "directions": [one.row() | {"quality": one.quality} for one in rows],
            }
        )
        return
    if translator.directions is None:
        click.echo("what this model was taught is not known: all directions are offered")
    if not rows:
        click.echo("this model was not taught to translate")
        return
    shown = [[*line, one.quality] for line, one in zip(table(rows), rows, strict=True)]
    show_table(["direction", "chrF++", "95 % interval", "n", "texts", "quality"], shown)


COMMANDS = (translate, directions_command, pivot_command)
