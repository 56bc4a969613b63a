"""Curves of a training run: the loss of each step, and the bits per byte of held-out text."""

from pathlib import Path
from typing import Any

import numpy as np

from anatili.plot import DARK, LIGHT, WARM, can_draw, finish, start

LINES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (1, 1)))
"""Languages are told apart by their lines, not by color alone."""


def save_curves(path: Path, rows: list[dict[str, Any]]) -> None:
    """Draw loss, held-out bits per byte and learning rate against tokens, if matplotlib is there."""
    if not can_draw():
        return
    looked = [row for row in rows if "held_out" in row]
    tokens, loss = [row["tokens"] for row in rows], np.array([row["loss"] for row in rows])
    span = max(1, len(rows) // 50)
    smooth = np.convolve(np.pad(loss, (span - 1, 0), mode="edge"), np.ones(span) / span, "valid")
    heights = [3, 3, 1] if looked else [3, 1]
    plot, figure = start(path, (7, 8.5 if looked else 5.5))
    top, *middle, below = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    top.plot(tokens, loss, color=LIGHT, linewidth=0.8, label="each step")
    top.plot(tokens, smooth, color=DARK, label=f"mean of {span} steps")
    low, high = float(smooth.min()), float(np.quantile(loss, 0.98))
    top.set(ylabel="loss, nats per token", title="Training loss", ylim=(low - 0.1 * (high - low) - 0.05, high + 0.05))
    top.legend(fontsize=8)
    for axes in middle:
        languages = sorted(set(looked[0]["held_out"]) - {"mean"})
        for number, language in enumerate(languages):
            values = [row["held_out"][language] for row in looked]
            axes.plot(
                [row["tokens"] for row in looked], values, linestyle=LINES[number % len(LINES)], color=DARK, marker="."
            )
            axes.annotate(f" {language} {values[-1]:.3f}", (looked[-1]["tokens"], values[-1]), fontsize=8, va="center")
        axes.set(ylabel="bits per byte", title="Held-out text")
        axes.margins(x=0.12)
    below.plot(tokens, [row["rate"] for row in rows], color=WARM)
    below.set(xlabel="training tokens", ylabel="learning rate")
    for axes in (top, *middle, below):
        axes.grid(alpha=0.3)
    finish(plot, figure, path)
