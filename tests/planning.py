"""What the tests of plans share: a published shape, questions about it, and a recipe as small as can be."""

from dataclasses import replace
from datetime import date
from pathlib import Path

from click.testing import CliRunner, Result

from anatili.cli import main
from anatili.compute.chips import find_chip
from anatili.compute.plan import Question
from anatili.compute.shape import Shape

LLAMA_8B = Shape(
    layers=32,
    hidden_size=4096,
    heads=32,
    kv_heads=8,
    head_size=128,
    intermediate_size=14336,
    vocabulary=128256,
    tied=False,
)
RECIPES = Path(__file__).parents[1] / "recipes"
QUESTION = Question(
    name="llama",
    shape=LLAMA_8B,
    context=8192,
    batch=512,
    tokens=45_300_000_000,
    unique=45_300_000_000,
    optimizer="adamw",
    chip=find_chip("H200"),
    number=64,
    grams=821,
    grid_source="a test",
    on=date(2025, 5, 13),
)


def command(*arguments: object) -> Result:
    """The command `anatili` in this process: the many tests of plans would spend their time on starting it."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def about(**changes: object) -> Question:
    return replace(QUESTION, **changes)
