"""How much of the training a takedown makes necessary again, and what more kept checkpoints would save."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anatili.compute.shape import steps_of
from anatili.document import Kept
from anatili.problem import Problem
from anatili.recipe import Recipe
from anatili.run import Run
from anatili.text import number_of
from anatili.train import data, replay
from anatili.train.corpus import COUNTS, JOINED, Counts, open_group, text_of

MOST_CHECKPOINTS = 32
"""Kept checkpoints at most, in the plot of the expected cost."""


def cost_of(run: Run, recipe: Recipe, training: Sequence[Kept]) -> dict[str, Any]:
    """The training sequences that hold the documents, the step before which training resumes, and the share of it that
    is done again if the vocabulary stays the same; {} if the run has no model."""
    record = run.record("pretrain")
    if not record:
        return {}
    if not (run.folder("pretrain") / replay.ORDER / COUNTS).is_file():  # trained before its order was kept
        steps = steps_of(recipe.pretrain)
        return {
            "sequences": None,
            "steps": steps,
            "first_seen": None,
            "kept_checkpoints": [],
            "mix_stays": True,
            "goes_on_from": 0,
            "share_again": 1.0,
            "seconds_again": record.provenance["seconds"],
        }
    counts, mixture, steps = mixture_of(run, recipe)
    batch, kept = recipe.pretrain.batch, [step for step, _ in replay.kept_steps(run.root / replay.CHECKPOINTS)]
    first, windows, smaller = steps, 0, {group: dict(count) for group, count in counts.items()}
    for row in training:
        text, group = text_of(row), f"{row.language}/{row.source}"
        key, pool = number_of(text), pool_of(mixture, group)
        length = length_of(run, group, key)
        for name, value in (("tokens", length), ("bytes", len(text.encode())), ("documents", 1)):
            smaller[group][name] -= value
        if pool:
            first = min(first, replay.first_seen(mixture, batch, steps, pool, key))
            windows += replay.windows_with(mixture, steps * batch, pool, key, length)
    same_mix = has_same_mix(mixture, {g: c for g, c in smaller.items() if c["documents"]}, recipe)
    start = max((step for step in kept if step <= first), default=0) if same_mix else 0
    share = (steps - start) / steps if steps else 0.0
    return {
        "sequences": windows,
        "steps": steps,
        "first_seen": first if first < steps else None,
        "kept_checkpoints": kept,
        "mix_stays": same_mix,
        "goes_on_from": start,
        "share_again": round(share, 4),
        "seconds_again": round(share * record.provenance["seconds"]),
    }


def mixture_of(run: Run, recipe: Recipe) -> tuple[Counts, data.Mixture, int]:
    """The counts of the groups, the mixture in the order in which the model was trained, and the number of steps."""
    folder = run.folder("pretrain") / replay.ORDER
    if not (folder / COUNTS).is_file():
        raise Problem("this model was trained before the order of training was kept; rebuild it with --redo pretrain..")
    counts: Counts = json.loads((folder / COUNTS).read_text("utf-8"))
    return counts, data.mix(folder, counts, recipe.pretrain, 0), steps_of(recipe.pretrain)


def pool_of(mixture: data.Mixture, group: str) -> str:
    """The pool that a group belongs to; "" if none of its text is trained on."""
    pools = {*mixture.weights, *mixture.anneal_weights}
    return next((pool for pool in sorted(pools) if group in pool.split(JOINED)), "")


def length_of(run: Run, group: str, key: int) -> int:
    """Tokens of the document of a group with a key."""
    opened = open_group(run.folder("pretrain") / replay.ORDER, group)
    (numbers,) = np.nonzero(opened.keys.view(np.int64) == key)
    return int(opened.lengths(numbers[:1])[0]) if len(numbers) else 0


def has_same_mix(mixture: data.Mixture, counts: Counts, recipe: Recipe) -> bool:
    """Whether the weights are the same with these counts."""
    try:
        other = data.mix(mixture.folder, counts, recipe.pretrain, mixture.begin)
    except Problem:  # too little text is left: the stage will say so
        return False
    return (mixture.weights, mixture.anneal_weights) == (other.weights, other.anneal_weights)


def expected_shares(run: Run, recipe: Recipe) -> dict[int, list[float]]:
    """Number of documents taken down -> the share of training done again on average, with 0, 1, ... checkpoints."""
    _, mixture, steps = mixture_of(run, recipe)
    first_pass = replay.first_pass(mixture, recipe.pretrain.batch, steps)
    return {
        documents: [
            replay.expected_share(number, documents, first_pass, steps) for number in range(MOST_CHECKPOINTS + 1)
        ]
        for documents in (1, 10, 100, 1000)
    }


def draw_cost(path: Path, run: Run, recipe: Recipe) -> None:
    """Plot the expected cost against the number of kept checkpoints."""
    from anatili import plot as plotting

    plot, figure = plotting.start(path)
    axes = figure.subplots()
    shares = expected_shares(run, recipe)
    styles = zip(("-", "--", "-.", ":"), (plotting.DARK, plotting.WARM, plotting.DARK, plotting.WARM), strict=True)
    for (documents, values), (line, color) in zip(shares.items(), styles, strict=True):
        label = "1 document" if documents == 1 else f"{documents:,} documents"
        axes.plot([100 * value for value in values], line, color=color, label=label)
    axes.axvline(recipe.pretrain.keep_checkpoints, color=plotting.LIGHT, linewidth=1)
    axes.annotate("this run", (recipe.pretrain.keep_checkpoints, 1), textcoords="offset points", xytext=(4, 4))
    axes.set(xlabel="checkpoints kept over the first pass", ylabel="share of the training done again, %", ylim=(0, 102))
    axes.set_title(f"Cost of a takedown of random documents, {run.root.name}")
    axes.legend(frameon=False)
    plotting.finish(plot, figure, path)
