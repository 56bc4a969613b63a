"""The sample with its search index, for models without texts of their own."""

from collections.abc import Sequence

from anatili import sample
from anatili.opening import Tell
from anatili.pool import LocalPool
from anatili.recipe import Recipe
from anatili.run import Drift, Run
from anatili.stage import carry_out
from anatili.stage_table import stages_named
from anatili.weights import cache_folder

WAIT = 600
"""Seconds to wait for another process that makes the same index, which takes minutes on a busy machine."""


def sample_run(languages: Sequence[str], tell: Tell) -> Run:
    """A run of the sample up to its index, in `languages`, the main one first; made once and stored in the cache."""
    recipe = Recipe.model_validate(
        {
            "name": "sample",
            "language": languages[0],
            "beside": languages[1:],
            "collect": {"sources": [{"name": "sample", "path": sample.PLACE, "license": "CC0-1.0"}]},
        }
    )
    run = Run(cache_folder() / f"sample-{'-'.join(languages)}-{sample.digest()[:16]}")
    with run.locked(WAIT):  # two servers that start together make it only once
        if not run.record("index"):
            tell("making the search index of the sample (only once) …")
        try:
            return until_index(recipe, run)
        except Drift:  # another version of anatili made it
            return until_index(recipe, run, stages_named(["collect.."]))


def until_index(recipe: Recipe, run: Run, redo: frozenset[str] = frozenset()) -> Run:
    for outcome in carry_out(recipe, run, LocalPool(1), redo=redo):
        if outcome.stage == "index":
            break
    return run
