"""Commands for learning: the course (list, show, check, teacher, collect) and `doctor`."""

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anatili.cli import localization
from anatili.cli.options import Group, as_json, print_json, report_problems
from anatili.cli.options import say as echo
from anatili.problem import Problem, not_installed

if TYPE_CHECKING:
    from anatili.learn.learner import Learner

FOLDER = click.Path(path_type=Path, file_okay=False)
LEARNER = "learner.toml"


def here() -> Path:
    """The learner's folder that we are in, or in whose lesson we are; else `learn` below us."""
    around = (Path(), Path(".."))
    return next((folder for folder in around if (folder / LEARNER).is_file()), Path("learn"))


folder_option = click.option(
    "--folder",
    type=FOLDER,
    default=here,
    show_default="the one you are in, or learn",
    help="Your folder: material, answers, progress.",
)
number_argument = click.argument("number", type=click.IntRange(1), metavar="LESSON")


class Lessons(Group):
    """`learn 3` is `learn show 3`."""

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if arguments and arguments[0].isdecimal():
            arguments = ["show", *arguments]
        return super().resolve_command(context, arguments)


@click.group(cls=Lessons, invoke_without_command=True)
@folder_option
@as_json
@click.pass_context
@report_problems
def learn(context: click.Context, folder: Path, wants_json: bool) -> None:
    """Learn how a language model is made, by doing it: list the lessons, and how far you are.

    \b
    anatili learn                          the lessons
    anatili learn 1 --language kk          lesson 1 in Kazakh (kk, ru, en)
    anatili learn page 1                   the same as a page that runs the commands
    anatili learn check 1                  mark its exercises
    anatili learn teacher 1                the sheet for the teacher
    anatili learn collect class/ -o class.csv
    """
    if context.invoked_subcommand:
        context.default_map = {context.invoked_subcommand: {"folder": folder}}  # also where --folder stands before it
        return
    from anatili.learn.course import progress
    from anatili.learn.learner import FILE, read_learner
    from anatili.learn.lesson import say

    rows = progress(read_learner(folder) if (folder / FILE).is_file() else None, spoken())
    if wants_json:
        print_json(rows)
        return
    widest = max(len(row["title"]) for row in rows)
    for row in rows:
        done = f"{row['passed']}/{row['exercises']}" if row["opened"] else "-"
        minutes = say("page.minutes", row["language"], minutes=row["minutes"])
        click.echo(f"{row['number']}  {row['title']:{widest}}  {minutes:>6}  {done}")
    click.echo(say("page.open_one", rows[0]["language"]))


@learn.command("show")
@number_argument
@folder_option
@click.option("--name", default="", help="Your name.  [default: your login]")
@click.option("--language", default="", help="Language of the lessons: kk, ru or en.")
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser.")
@report_problems
def show(number: int, folder: Path, name: str, language: str, opens: bool) -> None:
    """Show LESSON, and write its material, its answers file and its page into your folder."""
    from anatili.learn.course import open_lesson
    from anatili.learn.learner import PAGE
    from anatili.learn.lesson import lesson, say
    from anatili.learn.screen import draw

    chosen = lesson(number)
    learner = learner_in(folder, name, language)
    text = draw(open_lesson(learner, chosen))
    page = learner.lesson_folder(chosen) / PAGE
    if sys.stdout.isatty():
        click.echo_via_pager(text)
    else:
        click.echo(text)
    click.echo(say("page.where", learner.language, folder=learner.lesson_folder(chosen), page=page), err=True)
    if opens:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())


def learner_in(folder: Path, name: str, language: str) -> "Learner":
    """The learner of a folder; a new one has the name and the language of the account unless others are given."""
    from anatili.learn.learner import FILE, open_learner

    is_new = not (folder / FILE).is_file()
    return open_learner(folder, name or (login() if is_new else ""), language or (spoken() if is_new else ""))


def spoken() -> str:
    """The language of the environment if the lessons are in it, as of all other commands; else none."""
    from anatili.learn.lesson import languages

    code = localization.environment()
    return code if code in languages() else ""


def login() -> str:
    """The name of the account, if the system knows it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "learner"


@learn.command("page")
@click.argument("number", type=click.IntRange(1), metavar="[LESSON]", required=False)
@folder_option
@click.option("--name", default="", help="Your name.  [default: your login]")
@click.option("--language", default="", help="Language of the lessons: kk, ru or en.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port; 0 is any free port.  [default: 0]")
@click.option("--browser/--no-browser", default=None, help="Open the page in a browser.  [default: in a terminal]")
@report_problems
def page(number: int | None, folder: Path, name: str, language: str, port: int, browser: bool | None) -> None:
    """Learn on a page: it runs the commands of LESSON, shows what they print, and marks the exercises.

    The page is for this machine only, and runs nothing but the commands that stand in the lessons.
    """
    from anatili.learn.lesson import lesson

    if number:
        lesson(number)
    learner = learner_in(folder, name, language)
    try:
        from anatili.learn.api import start
    except ImportError as error:
        raise Problem(not_installed("the page needs more packages", "serve")) from error
    start(learner, number or 0, port, sys.stdout.isatty() if browser is None else browser, echo)


@learn.command("check")
@number_argument
@folder_option
@as_json
@report_problems
def check(number: int, folder: Path, wants_json: bool) -> None:
    """Mark the exercises of LESSON from the files and answers in your folder. A wrong answer is explained."""
    from dataclasses import asdict

    from anatili.learn.course import keep, mark
    from anatili.learn.learner import read_learner
    from anatili.learn.lesson import lesson, say, words

    chosen, learner = lesson(number), read_learner(folder)
    if not learner.lesson_folder(chosen).is_dir():
        raise Problem(f"lesson {number} was not opened yet: anatili learn {number} --folder {folder}")
    marked = mark(learner, chosen)
    keep(learner, chosen, marked)
    if wants_json:
        print_json([asdict(verdict) for verdict in marked.verdicts])
    for verdict in marked.verdicts if not wants_json else ():
        state = words(f"state.{verdict.state}")[learner.language]
        click.echo(f"{verdict.exercise}  {state:12} {verdict.message}")
    if marked.passed < len(marked.verdicts):
        counts = {"passed": marked.passed, "exercises": len(marked.verdicts)}
        click.echo(say("state.rest", learner.language, **counts), err=True)  # no error: a learner is on the way
        sys.exit(Problem.status)


@learn.command("teacher")
@number_argument
@click.argument("learner_folder", metavar="[FOLDER]", required=False, type=FOLDER)
@click.option("--language", default="", help="Language of the sheet: kk, ru or en.")
@report_problems
def teacher(number: int, learner_folder: Path | None, language: str) -> None:
    """Show the teacher's sheet of LESSON; with the FOLDER of a learner also the right answers of that draw."""
    from anatili.learn.course import answers_of
    from anatili.learn.learner import check_language, read_learner
    from anatili.learn.lesson import lesson, show
    from anatili.learn.screen import draw

    chosen = lesson(number)
    learner = read_learner(learner_folder) if learner_folder else None
    code = check_language(language or (learner.language if learner else spoken()))
    click.echo(draw(chosen.filled(code, {}, "teacher")))
    if learner:
        truth = answers_of(learner, chosen)
        for exercise in chosen.file.exercises:
            for answer in exercise.answers:
                click.echo(f"{answer.key} = {show(truth.get(answer.key, '–'), code)}")


@learn.command("collect")
@click.argument("folders", nargs=-1, required=True, type=FOLDER)
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="CSV file to write.")
@as_json
@report_problems
def collect(folders: tuple[Path, ...], out: Path, wants_json: bool) -> None:
    """Mark the lessons of a class again and write a table. FOLDERS are learners' folders, or hold them."""
    from dataclasses import asdict

    from anatili.learn import classroom

    rows = classroom.collect(folders)
    classroom.write_table(out, rows)
    if wants_json:
        print_json([asdict(row) for row in rows])
    else:
        click.echo(
            f"{out}: {len(rows)} rows, {sum('same draw' in row.note for row in rows)} with a draw of another folder"
        )


COMMANDS: tuple[click.Command, ...] = (learn,)
