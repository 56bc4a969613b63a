"""Commands for language packs: list, new, check, lexicon, identify."""

import shlex
from pathlib import Path

import click

from anatili.cli import localization
from anatili.cli.options import RUNS, Group, as_json, print_json, report_problems, say, say_aside
from anatili.problem import Problem

TEXT = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group(cls=Group)
def lang() -> None:
    """List, make and check language packs, and learn from text for them."""


@lang.command("list")
@as_json
@report_problems
def list_packs(wants_json: bool) -> None:
    """List all language packs."""
    from anatili.lang import codes, load_pack

    for pack in map(load_pack, codes()):
        row = {
            "code": pack.code,
            "name": pack.name,
            "own_name": pack.own_name,
            "scripts": list(pack.config.letters),
            "stopwords": len(pack.stopwords),
            "page": "page" in pack.prompts,
        }
        if wants_json:
            print_json(row)
        else:
            click.echo(f"{pack.code:5} {pack.name:14} {pack.own_name:20} {' '.join(pack.config.letters)}")


@lang.command("new")
@click.argument("code")
@click.option(
    "--script",
    type=click.Choice(["Latn", "Cyrl", "Arab"]),
    default="Latn",
    show_default=True,
    help="Script of the language; the alphabet can be changed afterwards.",
)
@click.option(
    "--into", type=RUNS, default=Path("packs"), show_default=True, help="Folder in which the pack's folder is made."
)
@click.option(
    "--prompts-from",
    default="",
    help="Language whose prompts are used until the pack has its own.  [default: the reference language]",
)
@report_problems
def new(code: str, script: str, into: Path, prompts_from: str) -> None:
    """Make a pack for the language CODE (ISO 639): a folder with all files, commented and ready to fill in.

    \b
    anatili lang new os --script Cyrl --prompts-from ru
    """
    from anatili.lang import reference
    from anatili.lang.new import new_pack
    from anatili.pack_folders import FOLDER

    folder = new_pack(code, into, script, prompts_from or reference())
    click.echo(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
    say("Fill in pack.toml and stopwords.txt first. Next:")
    if folder.parent != FOLDER:
        click.echo(f"  export ANATILI_PACKS={shlex.quote(str(folder.parent))}")
    click.echo(f"  anatili lang check {code}")
    click.echo(f"  anatili lang identify {code} --text FILE")


@lang.command("check")
@click.argument("code")
@as_json
@report_problems
def check_command(code: str, wants_json: bool) -> None:
    """Check the pack CODE: every file and key, and the cases in its cases.toml.

    `ok` means passed; `todo` means passed, but something can still be added; `FAIL` says what to correct.
    """
    from anatili.lang import load_pack
    from anatili.lang_check import check_pack
    from anatili.pack_folders import missing
    from anatili.text import show_path

    for folder in missing():
        say_aside(f"ANATILI_PACKS names {show_path(folder)}, which is no folder: no pack of it is used")
    say_aside(f"pack {code}: {show_path(load_pack(code).folder)}")
    checks = check_pack(code)
    if wants_json:
        print_json(
            [{"check": one.name, "holds": not one.problem, "problem": one.problem, "todo": one.todo} for one in checks]
        )
    for check in checks if not wants_json else ():
        state, why = ("FAIL", check.problem) if check.problem else ("todo", check.todo) if check.todo else ("ok", "")
        tell = localization.current.message
        click.echo(f"{state:5} {tell(check.name)}{': ' + tell(why) if why else ''}")
    failed = sum(bool(check.problem) for check in checks)
    if failed:
        raise Problem(f"{failed} of {len(checks)} checks fail for {code}; each line with FAIL says what to correct")


@lang.command("lexicon")
@click.argument("code")
@click.option(
    "--text",
    "texts",
    multiple=True,
    required=True,
    type=TEXT,
    help="Text in the language, UTF-8; repeatable.",
)
@click.option("--min-count", default=2, show_default=True, help="Ignore words that occur less often.")
@click.option("--into", type=RUNS, help="Folder to write to.  [default: the pack's own]")
@report_problems
def lexicon(code: str, texts: tuple[Path, ...], min_count: int, into: Path | None) -> None:
    """Learn the lemmas and endings of the language CODE from running text, for search.

    The pack must have a morphology.toml. Writes lexicon.tsv and endings.tsv.

    \b
    anatili lang lexicon kk --text news.txt --text books.txt
    """
    from anatili.lang.lexicon import learn_lexicon
    from anatili.text import show_path

    folder, learned = learn_lexicon(code, texts, into, min_count=min_count, tell=say_aside)
    click.echo(f"{show_path(folder)}: {len(learned.lemmas):,} lemmas from {learned.words:,} words")


@lang.command("identify")
@click.argument("code")
@click.option(
    "--text", "texts", multiple=True, required=True, type=TEXT, help="Text in the language, UTF-8; repeatable."
)
@as_json
@report_problems
def identify(code: str, texts: tuple[Path, ...], wants_json: bool) -> None:
    """Teach the identifier the language CODE from running text; a few hundred kB are enough.

    The words of the languages that it already knows are bundled, so no other text is needed. The command writes
    identify.npz into the folder of the pack, and measures the identification on held-out lines.

    \b
    anatili lang identify os --text news.txt --text books.txt
    """
    from anatili.identify import teach
    from anatili.lang import load_pack
    from anatili.pack_folders import FOLDER
    from anatili.text import show_path

    pack = load_pack(code)
    if pack.folder.parent == FOLDER:
        raise Problem(
            f"the pack {code} is bundled; the identifier learns bundled languages with bench/train_identify.py"
        )
    taught = teach.teach(pack, texts, say_aside)
    path = taught.save(pack.folder)
    if wants_json:
        print_json(
            {
                "file": show_path(path),
                "lines": taught.lines,
                "recall": taught.recall,
                "wrong": taught.wrong,
                "confused": dict(taught.confused),
            }
        )
        return
    click.echo(f"{show_path(path)}: learned from {taught.lines:,} lines")
    for length, share in taught.recall.items():
        cut = "whole lines" if length == teach.LONGEST else f"lines cut to {length} characters"
        click.echo(f"{share:7.1%}  of held-out {cut} are identified as {code}")
    click.echo(
        f"{taught.wrong:7.2%}  of texts in other languages are called {code}, most often in "
        + (", ".join(f"{label} ({share:.1%})" for label, share in taught.confused) or "none")
    )


COMMANDS: tuple[click.Command, ...] = (lang,)
