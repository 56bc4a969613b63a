"""Loss spikes: a batch whose loss is far from that of the last steps is left out, and a training that does not recover
goes back to its last good checkpoint.

The loss of a step is known before its update, so one bad batch needs no way back: its update is not made. If the loss
stays high, the weights are what went wrong. Training then goes back to the last checkpoint, which was written only
after its loss was seen to be normal, and leaves out the batches around the spike.
"""

import logging
import math
from collections import deque
from collections.abc import Iterable
from statistics import median

from anatili.problem import Problem

WINDOW, ENOUGH = 64, 20
"""Losses that a new one is compared with, and how many there must be."""
SPREAD, RISE = 10.0, 1.25
"""A spike is more than so many times the usual deviation above the median, and more than so many times the median."""
PATIENCE = 3
"""Spikes in a row after which the weights are taken to be damaged."""
MOST_RETURNS = 3
NORMAL = 1.4826
"""Standard deviation of normal values, in median absolute deviations."""

log = logging.getLogger(__name__)


class SpikeWatch:
    """Compares each loss with those before it; the same on every process, since all see the same losses."""

    def __init__(self, losses: Iterable[float]) -> None:
        self.losses = deque(losses, WINDOW)
        self.first: int | None = None
        """Step of the first spike, while there are only spikes."""
        self.returns = 0

    def look(self, step: int, loss: float, norm: float) -> str:
        """Why the update of a step is left out; empty if the loss is as usual. `Problem` if there is nothing to compare
        with and the loss is not a number."""
        reason = self.reason(loss, norm)
        if not reason:
            self.losses.append(loss)
            self.first = None
            return ""
        if len(self.losses) < ENOUGH:
            raise hopeless(step, reason)
        self.first = step if self.first is None else self.first
        log.warning("step %d is left out: %s", step, reason)
        return reason

    def reason(self, loss: float, norm: float) -> str:
        if not (math.isfinite(loss) and math.isfinite(norm)):
            return f"the {'gradient' if math.isfinite(loss) else 'loss'} is not a finite number"
        if len(self.losses) < ENOUGH:
            return ""
        middle = median(self.losses)
        usual = NORMAL * median(abs(value - middle) for value in self.losses)
        if loss > max(middle + SPREAD * usual, RISE * middle):
            return f"loss {loss:.3f}, where {middle:.3f} was usual"
        return ""

    def is_damaged(self, step: int) -> bool:
        """Whether the last `PATIENCE` steps up to this one were spikes."""
        return self.first is not None and step - self.first + 1 >= PATIENCE

    def left_out(self, step: int, back_to: int) -> set[int]:
        """The steps to leave out on the second way from step `back_to`: the spikes up to `step`, and before them one
        step, then two, then four: one of those updates did the damage. `Problem` if that has not helped before."""
        assert self.first is not None
        if self.returns == MOST_RETURNS or back_to >= self.first:
            raise hopeless(self.first, f"the loss stayed high, also after {self.returns} returns to a checkpoint")
        steps = set(range(max(back_to, self.first - 2**self.returns), step + 1))
        self.returns, self.first = self.returns + 1, None
        log.warning("back to the checkpoint of step %d; steps %d to %d are left out", back_to, min(steps), step)
        return steps


def hopeless(step: int, reason: str) -> Problem:
    return Problem(
        f"training failed at step {step}: {reason}. The last good state is kept as a checkpoint. Lower learning_rate "
        "in the recipe and rebuild the stage with --redo"
    )
