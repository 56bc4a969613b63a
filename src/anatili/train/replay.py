"""At which step a document is first seen in training, and from which kept checkpoint training can resume without it."""

import json
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path
from typing import Any

from anatili.train import data
from anatili.train.corpus import open_group

CHECKPOINTS = "checkpoints"
"""Folder of the kept checkpoints, beside the stages of a run: rebuilding a stage empties its folder."""
FACTS = "kept.json"
"""Written last: a kept checkpoint with it is whole."""
ORDER = "order"
"""Folder of `pretrain` with the lengths and hashes of the training documents, as in `tokens`, without their text."""


def steps_to_keep(number: int, first_pass: int, steps: int) -> frozenset[int]:
    """The steps whose checkpoints are kept: `number` at equal distances over the first pass, and the last.

    Every document is first seen in the first pass, so later checkpoints would help no takedown. The last is of use
    where a takedown reaches no training text, such as that of a held-out document.
    """
    if not number:
        return frozenset()
    return frozenset({round(first_pass * position / (number + 1)) for position in range(1, number + 1)} - {0} | {steps})


def kept_steps(folder: Path) -> list[tuple[int, dict[str, Any]]]:
    """The steps of the whole checkpoints in `folder`, in order, with what is known of each."""
    rows = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob(f"*/{FACTS}"))]
    return [(int(row["step"]), row) for row in rows]


def first_pass(mixture: data.Mixture, batch: int, steps: int) -> int:
    """The step, at most `steps`, before which every document that is seen at all is seen for the first time."""
    windows = {
        pool: data.windows_of(open_group(mixture.folder, pool).tokens, mixture.context)
        for pool in {*mixture.weights, *mixture.anneal_weights}
    }
    return first_step(lambda step: all(drawn_before(mixture, step * batch, p) >= n for p, n in windows.items()), steps)


def first_step(is_reached: Callable[[int], bool], steps: int) -> int:
    """The first step from which on `is_reached`, at most `steps`."""
    return bisect_left(range(steps), True, key=is_reached)


def drawn_before(mixture: data.Mixture, number: int, pool: str) -> int:
    """How many of the first `number` sequences come from a pool."""
    main = data.drawn(mixture.weights, min(number, mixture.anneal_start)).get(pool, 0)
    later = max(0, number - mixture.anneal_start)
    return main + (data.drawn(mixture.anneal_weights, later).get(pool, 0) if later else 0)


def first_seen(mixture: data.Mixture, batch: int, steps: int, pool: str, key: int) -> int:
    """The step in which the document of a pool with a key is first seen; `steps` if in none."""
    position = data.order_of(open_group(mixture.folder, pool), mixture.seed, 0).position(key)
    window = max(0, -((mixture.context - position) // (mixture.context - 1)))
    return first_step(lambda step: drawn_before(mixture, (step + 1) * batch, pool) > window, steps)


def windows_with(mixture: data.Mixture, sequences: int, pool: str, key: int, length: int) -> int:
    """How many of the first `sequences` hold a part of the document of a pool with a key, of `length` tokens."""
    seen, step = drawn_before(mixture, sequences, pool), mixture.context - 1
    group = open_group(mixture.folder, pool)
    windows, count = data.windows_of(group.tokens, mixture.context), 0
    for epoch in range(-(-seen // windows)):
        position = data.order_of(group, mixture.seed, epoch).position(key)
        first, last = max(0, (position - mixture.context) // step + 1), (position + length - 1) // step
        count += max(0, min(last, windows - 1, seen - 1 - epoch * windows) - first + 1)
    return count


def expected_share(number: int, documents: int, first_pass: int, steps: int) -> float:
    """The share of the training that is done again, on average, when so many random documents are taken down and
    `number` checkpoints are kept: the first of the documents is at an even place in the first pass."""
    distance = first_pass / (number + 1)
    saved = sum((1 - position / (number + 1)) ** documents * distance for position in range(1, number + 1))
    return 1 - saved / steps
