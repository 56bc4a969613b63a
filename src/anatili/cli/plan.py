"""Commands that plan: what a training or a service takes, and how well such plans have held."""

import math
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anatili.cli import localization
from anatili.cli.options import Group, Number, as_json, print_json, report_problems, runs_option, say
from anatili.problem import Problem

if TYPE_CHECKING:
    from anatili.compute.plan import Question
    from anatili.compute.serving import ServingPlan
    from anatili.recipe import Recipe

PATH = click.Path(path_type=Path)
TRAINING = "training"
"""The command that `anatili plan RECIPE` stands for."""


class PlanGroup(Group):
    """`anatili plan RECIPE` plans a training, without naming that command."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = [TRAINING, *args]
        return super().parse_args(context, args)


@click.group(cls=PlanGroup)
def plan() -> None:
    """Plan before anyone pays: hours with an interval, memory, money, energy, export rules.

    \b
    anatili plan recipes/sherkala-8b.toml --chips H200 --number 64
    anatili plan recipes/sherkala-8b.toml --chips H200 --number 64 --words 2e9 --without nvidia
    anatili plan --log runs/mine
    anatili plan serving recipes/sherkala-8b.toml --chips H200 --users 1000
    anatili plan validate my-runs.toml
    """


def positive(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """An option that must be above 0 and finite if it is given."""
    if value is not None and not 0 < value < math.inf:
        raise click.BadParameter(f"{value:g} is not above 0 and finite: a plan needs text")
    return value


@plan.command(TRAINING)
@click.argument("recipe", required=False, type=PATH)
@click.option("--chips", "chip", default="", metavar="NAME", help="Kind of chip, such as H200; needed without --log.")
@click.option("--number", default=1, show_default=True, type=click.IntRange(1, 10**6), help="Number of chips.")
@click.option("--words", type=float, callback=positive, metavar="N", help="Words of text there are, such as 2e9.")
@click.option(
    "--tokens", type=float, callback=positive, metavar="N", help="Tokens to train on.  [default: the recipe's]"
)
@click.option("--epochs", type=float, callback=positive, help="Passes over --words.  [default: 1]")
@click.option("--fertility", default="", metavar="N|RUN|TOKENIZER", help="Tokens per word, or what to measure it with.")
@click.option("--destination", default="", metavar="GROUP", help="Country group or country the chips go to: D:1, KAZ.")
@click.option(
    "--date", "day", default="", metavar="DATE", help="Day for which export rules are read.  [default: today]"
)
@click.option("--without", multiple=True, metavar="VENDOR", help="Vendor whose chips cannot be had; repeatable.")
@click.option("--price", default="", metavar="LOW,MIDDLE,HIGH", help="Dollars per chip and hour.")
@click.option("--grid", default="", metavar="CODE", help="Grid that gives the electricity: KAZ, FRA, WORLD.")
@click.option("--save", default=60.0, show_default=True, type=Number(0.1), help="Seconds to write a checkpoint.")
@click.option("--log", type=PATH, metavar="RUN", help="A run whose own speed replaces the prior, from 50 steps on.")
@click.option("--plot", type=PATH, metavar="FILE", help="Draw days against chips: .png or .svg.")
@click.option("--plot-money", type=PATH, metavar="FILE", help="Draw loss against money, with the ceiling of the text.")
@runs_option
@as_json
@report_problems
def training(
    recipe: Path | None,
    chip: str,
    number: int,
    plot: Path | None,
    plot_money: Path | None,
    wants_json: bool,
    **options: Any,
) -> None:
    """Plan the training of RECIPE: the text in tokens, the layouts that fit, hours, energy and money.

    RECIPE may be left out with --log: a run knows its recipe. With --words and without --tokens, all words are trained
    on once. Every interval holds 80 % of outcomes. Export status is a dated history with sources, not legal advice.

    \b
    anatili plan recipes/sherkala-8b.toml --chips H200 --number 64 --destination D:1 --date 2025-05-13
    """
    from anatili.compute.plan import described, make_plan

    for picture in filter(None, (plot, plot_money)):
        from anatili.plot import check_plot

        check_plot(picture)
    ready = make_plan(asked(recipe, chip, number, options))
    if plot or plot_money:
        from anatili.compute import charts

        if plot:
            charts.draw_days(plot, ready)
        if plot_money:
            charts.draw_money(plot_money, ready)
    if wants_json:
        print_json(described(ready))
    else:
        from anatili.compute.report import lines

        click.echo(localization.current.figures("\n".join(lines(described(ready), localization.current.filled))))


def asked(recipe_file: Path | None, chip: str, number: int, options: dict[str, Any]) -> "Question":
    """The question that the options ask; `Problem` says which of them cannot be."""
    from anatili.compute import cost, measured_speed, rules
    from anatili.compute.chips import chips
    from anatili.compute.plan import Question
    from anatili.run import find_run

    log = options["log"]
    run = log if log and log.is_dir() else options["runs"] / log if log else None
    if recipe_file is None:
        if not run:
            raise Problem("name a recipe, or a run with --log")
        recipe_file = find_run(log, options["runs"]).root / "recipe.toml"
    settings, shape, name = opened(recipe_file)
    if run:
        check_log(run, settings)
    tokens, unique, fertility, notes = text_for(settings, recipe_file, options)
    day = options["day"]
    if day and not options["destination"]:
        raise Problem("--date needs --destination: rules are read for a destination, such as D:1")
    vendors = {known.vendor for known in chips().values()}
    without = tuple(vendor.casefold() for vendor in options["without"])
    if unknown := [vendor for vendor in without if vendor not in vendors]:
        raise Problem(f"no vendor {unknown[0]!r}; known: {', '.join(sorted(vendors - {'any'}))}")
    on = rules.read_day(day, date.today()) if day else date.today()
    group = rules.group_of(options["destination"] or rules.OTHER)
    if group != rules.OTHER:
        notes.append(f"countries of group {group}: {rules.groups()[group]['unsourced']}")
    if settings.pretrain.batch % number:
        notes.append(
            f"[pretrain] batch = {settings.pretrain.batch} does not divide evenly over {number} chips, so `anatili "
            "run` will not train on them: change one of the two"
        )
    grams, grid_source = cost.grid_of(options["grid"])
    return Question(
        name=name,
        shape=shape,
        context=settings.pretrain.context,
        batch=settings.pretrain.batch,
        tokens=round(tokens),
        unique=unique,
        optimizer=settings.pretrain.optimizer,
        chip=used(chip, run),
        number=number,
        grams=grams,
        grid_source=grid_source,
        notes=tuple(notes),
        price=cost.read_price(options["price"]),
        save=options["save"],
        without=without,
        destination=options["destination"],
        on=on,
        words=options["words"] or 0,
        fertility=fertility,
        own=measured_speed.read_speed(run) if run else None,
        micro_batch=settings.pretrain.micro_batch,
        checkpointing=settings.pretrain.checkpointing,
    )


def check_log(run: Path, settings: "Recipe") -> None:
    """`Problem` if a run trains another model than the recipe: its speed says nothing about that one."""
    from anatili.recipe import load_recipe

    file = run / "recipe.toml"
    own = load_recipe(file) if file.is_file() else settings
    if model_of(own) != model_of(settings):
        raise Problem(
            f"--log {run}: that run trains another model than {settings.name}, so its speed says nothing about it; "
            "leave RECIPE out, or name the run of this recipe"
        )


def model_of(settings: "Recipe") -> tuple[str | int, ...]:
    """What decides the size of a recipe's model."""
    pretrain = settings.pretrain
    sizes = (pretrain.layers, pretrain.hidden_size, pretrain.heads, pretrain.intermediate_size)
    return (Path(settings.tokenizer.base).name, *sizes)


def used(chip: str, run: Path | None) -> Any:
    """The kind of chip; of a run with its own log it may stay unnamed. `Problem` if it is needed and missing."""
    from anatili.compute.chips import UNNAMED, chips, find_chip

    if chip:
        return find_chip(chip)
    if not run:
        raise Problem(f"name the kind of chip with --chips; known: {', '.join(chips())}")
    return UNNAMED


def opened(file: Path) -> tuple["Recipe", Any, str]:
    """The recipe, the shape of its model and its name; `Problem` if it says nothing about the shape."""
    from anatili.compute.shape import has_shape, shape_of
    from anatili.recipe import load_recipe, recipe_file

    path = recipe_file(file)
    settings = load_recipe(path)
    if not has_shape(settings, path.resolve().parent):
        raise Problem(
            f"{path.name} has no shape: write layers, hidden_size, heads and intermediate_size into [pretrain], or put "
            "the base that it names where it says"
        )
    return settings, shape_of(settings, path.resolve().parent), settings.name


def text_for(settings: "Recipe", file: Path, options: dict[str, Any]) -> tuple[float, float, float, list[str]]:
    """Tokens to train on, different tokens, tokens per word, and what was assumed."""
    from anatili.compute import data_scaling
    from anatili.compute.shape import steps_of

    words, tokens, notes = options["words"], options["tokens"], []
    if options["epochs"] and not words:
        raise Problem("--epochs are passes over --words: give both")
    if options["epochs"] and tokens:
        raise Problem("--epochs and --tokens both say how much is trained: give one of them")
    if options["fertility"] and not words:
        raise Problem("--fertility turns --words into tokens: give both")
    if not words:
        pretrain = settings.pretrain
        tokens = tokens or steps_of(pretrain) * pretrain.batch * pretrain.context  # as the training and the dry run
        notes.append("all tokens are taken to be different; --words says how much text there is")
        return tokens, tokens, 0.0, notes
    fertility, where = fertility_of(options["fertility"], settings, options["runs"])
    if not fertility:
        fertility = data_scaling.FERTILITY
        notes.append(f"{fertility} tokens per word assumed ({data_scaling.FERTILITY_SOURCE}); --fertility measures it")
    else:
        notes.append(f"{fertility:g} tokens per word: {where}")
    unique = words * fertility
    return tokens or unique * (options["epochs"] or 1), unique, fertility, notes


def fertility_of(given: str, settings: "Recipe", runs: Path) -> tuple[float, str]:
    """Tokens per word of the recipe's main language, and how that is known; 0 if it is not.

    From a number, a run's held-out text, or a tokenizer, measured on the bundled sentences; if none is given, from the
    run of the recipe if there is one.
    """
    from anatili.run import Run, find_run

    language = settings.language
    try:
        number = float(given or "nan")
    except ValueError:
        number = float("nan")
    if number == number:
        if not 0.5 <= number <= 100:
            raise Problem(f"--fertility {given}: tokens per word are between 0.5 and 100")
        return number, "as given"
    for place in (Path(given), runs / given) if given else (runs / settings.name,):
        run = find_run(place, runs) if (place / "recipe.toml").is_file() else None
        record = run.record("tokenizer") if isinstance(run, Run) else None
        if record and language in record.summary.get("tokens_per_word", {}):
            return float(record.summary["tokens_per_word"][language]), f"held-out text of {place}"
    if not given:
        return 0.0, ""
    from anatili.opening import tokens_per_word

    return tokens_per_word(Path(given), language), f"{given}, on the bundled sentences"


@plan.command()
@click.argument("recipe", type=PATH)
@click.option("--chips", "chip", default="H200", show_default=True, metavar="NAME", help="Kind of chip, such as H200.")
@click.option("--users", default=100, show_default=True, type=click.IntRange(1), help="Readers of answers at once.")
@click.option("--context", default=4096, show_default=True, type=click.IntRange(1), help="Tokens held for each.")
@click.option(
    "--prompt",
    default=512,
    show_default=True,
    type=click.IntRange(0),
    help="New tokens to read before each answer; 0: none.",
)
@click.option("--answer", default=256, show_default=True, type=click.IntRange(1), help="Tokens of an answer.")
@click.option(
    "--speed", default=20.0, show_default=True, type=Number(0, min_open=True), help="Tokens per second for each."
)
@click.option("--quantization", default="bf16", show_default=True, metavar="NAME", help="Of weights: bf16, q8, q4.")
@click.option("--cache", default="bf16", show_default=True, metavar="NAME", help="Of keys and values: bf16, q8, q4.")
@as_json
@report_problems
def serving(recipe: Path, chip: str, wants_json: bool, **load: Any) -> None:
    """Plan the chips that serve the model of RECIPE, which may also be a .gguf file, to many at once.

    A lower bound: what the server does around the model and links between chips are left out.

    \b
    anatili plan serving recipes/sherkala-8b.toml --chips H200 --users 1000 --speed 20 --quantization q4
    """
    from dataclasses import asdict

    from anatili.compute.chips import find_chip
    from anatili.compute.serving import serving_plan
    from anatili.compute.shape import from_gguf

    shape, name = (from_gguf(recipe), recipe.stem) if recipe.suffix == ".gguf" else opened(recipe)[1:]
    result = serving_plan(shape, find_chip(chip), **load)
    if wants_json:
        print_json({"recipe": name, "chip": find_chip(chip).name, **load, **asdict(result)})
        return
    for text, values in serving_lines(result, find_chip(chip).name, load):
        click.echo(localization.current.figures(localization.current.filled(text, **values)))


def serving_lines(result: "ServingPlan", chip: str, load: dict[str, Any]) -> list[tuple[str, dict[str, str]]]:
    """The texts that tell a plan of serving, with what is filled into them."""
    return [
        (
            "{chips} {chip} at least, in copies of {group}, each for {users} users at once; {bound} runs out first",
            {
                "chips": f"{result.chips:,}",
                "chip": chip,
                "group": str(result.group),
                "users": f"{result.users_per_copy:,}",
                "bound": localization.current.text(result.bound),
            },
        ),
        (
            "weights {weights} GB, keys and values {cache} GB per user, {alone} tokens/s for one user alone",
            {
                "weights": f"{result.weight_bytes / 1e9:.3g}",
                "cache": f"{result.cache_bytes / 1e9:.2g}",
                "alone": f"{result.alone:,.0f}",
            },
        ),
        (
            "{share} of the time for reading prompts: {prompt} new tokens for every {answer} answered",
            {"share": f"{result.prompts:.0%}", "prompt": f"{load['prompt']:,}", "answer": f"{load['answer']:,}"},
        ),
    ]


@plan.command()
@click.argument("file", metavar="RUNS.toml", type=PATH)
@as_json
@report_problems
def validate(file: Path, wants_json: bool) -> None:
    """Predict the hours of published runs that the plan has not seen, and say how far off it is.

    RUNS.toml has the format of the bundled `runs_public.toml`. Each run of kind `run` is predicted from the bundled
    runs of other families, and by a constant utilization of 0.35 beside it. Factors are at least 1: 1.5 is half again
    too long or too short. Coverage is the share of runs inside their 80 % interval.

    \b
    anatili plan validate src/anatili/compute/runs_public.toml
    """
    from anatili.compute.validate import validate as check

    facts = check(file)
    if wants_json:
        print_json(facts)
        return
    from anatili.cli.progress import show_table

    show_table(
        ["run", "hours", "predicted", "80 % interval", "off by", "inside", "constant off by"],
        [
            [
                row["id"],
                f"{row['hours']:,.0f}",
                f"{row['predicted']:,.0f}",
                f"{row['interval'][0]:,.0f} - {row['interval'][1]:,.0f}",
                f"{row['factor']:.2f}",
                "yes" if row["inside"] else "no",
                f"{row['constant_factor']:.2f}",
            ]
            for row in facts["runs"]
        ],
    )
    say(
        f"n = {facts['n']}: off by {facts['median_factor']} in the median, {facts['worst_factor']} at worst; "
        f"{facts['coverage']:.0%} inside the 80 % interval. A constant 0.35: {facts['constant_median']}, "
        f"{facts['constant_worst']}. Not used: {len(facts['unused'])}"
    )


COMMANDS = (plan,)
