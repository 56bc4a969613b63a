"""Commands for language packs; `cli` puts them beside the others."""

import shlex
from pathlib import Path

import click

from anatili.cli.options import RUNS, Group, as_json, print_json, report_problems
from anatili.problem import Problem

TEXT = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group(cls=Group)
def lang() -> None:
    """Language packs: list, make, check."""


@lang.command("list")
@as_json
@report_problems
def list_packs(wants_json: bool) -> None:
    """List the packs that are there."""
    from anatili.lang import codes, load_pack

    for pack in map(load_pack, codes()):
        row = {"code": pack.code, "name": pack.name, "own_name": pack.own_name, "scripts": list(pack.config.letters),
               "stopwords": len(pack.stopwords), "page": "page" in pack.prompts}  # fmt: skip
        if wants_json:
            print_json(row)
        else:
            click.echo(f"{pack.code:5} {pack.name:14} {pack.own_name:20} {' '.join(pack.config.letters)}")


@lang.command("new")
@click.argument("code")
@click.option("--script", type=click.Choice(["Latn", "Cyrl", "Arab"]), default="Latn", show_default=True,
              help="Script that the language is written in; the alphabet can be changed afterwards.")  # fmt: skip
@click.option("--into", type=RUNS, default=Path("packs"), show_default=True, help="Folder for the pack.")
@click.option("--prompts-from", default="", help="Language whose prompts are used until the pack has its own.  "
              "[default: the reference language]")  # fmt: skip
@report_problems
def new(code: str, script: str, into: Path, prompts_from: str) -> None:
    """Make the folder of a pack for the language CODE (ISO 639): every file, with comments, ready to fill in.

    \b
    anatili lang new os --script Cyrl --prompts-from ru
    """
    from anatili.lang import reference
    from anatili.lang.new import new_pack
    from anatili.pack_folders import FOLDER

    folder = new_pack(code, into, script, prompts_from or reference())
    click.echo(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
    click.echo("Fill in pack.toml and stopwords.txt first. Next:")
    if folder.parent != FOLDER:
        click.echo(f"  export ANATILI_PACKS={shlex.quote(str(folder.parent))}")
    click.echo(f"  anatili lang check {code}")
    click.echo(f"  anatili lang identify {code} --text FILE")


@lang.command("check")
@click.argument("code")
@as_json
@report_problems
def check(code: str, wants_json: bool) -> None:
    """Check the pack CODE: every file and key, and the cases in its cases.toml.

    `ok` holds; `todo` holds too, but something can still be added; `FAIL` says what to do.
    """
    from anatili.lang_check import check_pack

    checks = check_pack(code)
    for one in checks:
        if wants_json:
            print_json({"check": one.name, "holds": not one.problem, "problem": one.problem, "todo": one.todo})
        else:
            state, why = ("FAIL", one.problem) if one.problem else ("todo", one.todo) if one.todo else ("ok", "")
            click.echo(f"{state:5} {one.name}{': ' + why if why else ''}")
    failed = sum(bool(one.problem) for one in checks)
    if failed:
        raise Problem(f"{failed} of {len(checks)} checks fail for {code}; each line with FAIL says what to do")


@lang.command("lexicon")
@click.argument("code")
@click.option(
    "--text",
    "texts",
    multiple=True,
    required=True,
    type=TEXT,
    help="Text in the language; may be repeated.",
)
@click.option("--min-count", default=2, show_default=True, help="Words seen less often are not learned from.")
@click.option("--into", type=RUNS, help="Folder to write to.  [default: the pack's own]")
@report_problems
def lexicon(code: str, texts: tuple[Path, ...], min_count: int, into: Path | None) -> None:
    """Learn from running text which lemmas and endings the language CODE has, for search.

    The pack must have a morphology.toml. Writes lexicon.tsv and endings.tsv.

    \b
    anatili lang lexicon kk --text news.txt --text books.txt
    """
    from anatili.lang import load_pack
    from anatili.morphology.lexicon import count_words, learn, save
    from anatili.text import show_path

    pack = load_pack(code)
    if pack.morphology is None:
        raise Problem(f"the pack {code} has no endings: write them into its morphology.toml first")
    lines = (line for path in texts for line in path.open(encoding="utf-8", errors="replace"))
    words = count_words(map(pack.normalize, lines), pack.config.letters[pack.main_script], min_count)
    learned = learn(words, pack.morphology, lambda said: click.echo(said, err=True))
    folder = into or pack.folder
    names = ", ".join(sorted(path.name for path in texts))
    save(learned, folder, f"Learned by `anatili lang lexicon` from {learned.words:,} words of {names}.")
    click.echo(f"{show_path(folder)}: {len(learned.lemmas):,} lemmas from {learned.words:,} words")


@lang.command("identify")
@click.argument("code")
@click.option("--text", "texts", multiple=True, required=True, type=TEXT, help="Text in the language; repeatable.")
@as_json
@report_problems
def identify(code: str, texts: tuple[Path, ...], wants_json: bool) -> None:
    """Teach the identifier the language CODE from running text; some hundred kB will do.

    The words of the languages that it knows come with anatili, so no other text is needed. Writes identify.npz into the
    folder of the pack, and tells how well lines are identified that it did not learn from.

    \b
    anatili lang identify os --text news.txt --text books.txt
    """
    from anatili.identify import teach
    from anatili.lang import load_pack
    from anatili.pack_folders import FOLDER
    from anatili.text import show_path

    pack = load_pack(code)
    if pack.folder.parent == FOLDER:
        raise Problem(f"the pack {code} is part of anatili; the identifier learns bundled languages by "
                      "bench/train_identify.py")  # fmt: skip
    taught = teach.teach(pack, texts, lambda line: click.echo(line, err=True))
    path = taught.save(pack.folder)
    if wants_json:
        print_json({"file": show_path(path), "lines": taught.lines, "recall": taught.recall, "wrong": taught.wrong,
                    "confused": dict(taught.confused)})  # fmt: skip
        return
    click.echo(f"{show_path(path)}: learned from {taught.lines:,} lines")
    for length, share in taught.recall.items():
        cut = "whole lines" if length == teach.LONGEST else f"lines cut to {length} characters"
        click.echo(f"{share:7.1%}  of {cut} kept aside are identified as {code}")
    click.echo(f"{taught.wrong:7.2%}  of texts in other languages are taken for it, at most in "
               + (", ".join(f"{label} ({share:.1%})" for label, share in taught.confused) or "none"))  # fmt: skip


COMMANDS: tuple[click.Command, ...] = (lang,)
