"""Plots of a training run: the loss of each step, and bits per byte on held-out text."""

from pathlib import Path
from typing import Any

import numpy as np

from anatili.plot import DARK, LIGHT, WARM, can_draw, finish, start

LINES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (1, 1)))
"""Line styles, so that languages can be told apart without color."""


def save_curves(path: Path, rows: list[dict[str, Any]]) -> None:
    """Draw loss, held-out bits per byte and learning rate against tokens, if matplotlib is there."""
    if not can_draw():
        return
    checked = [row for row in rows if "held_out" in row]
    rows = [row for row in rows if "skipped" not in row]
    tokens, loss = [row["tokens"] for row in rows], np.array([row["loss"] for row in rows])
    span = max(1, len(rows) // 50)
    smooth = np.convolve(np.pad(loss, (span - 1, 0), mode="edge"), np.ones(span) / span, "valid")
    heights = [3, 3, 1] if checked else [3, 1]
    plot, figure = start(path, (7, 8.5 if checked else 5.5))
    top, *middle, below = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    top.plot(tokens, loss, color=LIGHT, linewidth=0.8, label="each step")
    top.plot(tokens, smooth, color=DARK, label=f"mean of {span} steps")
    low, high = float(smooth.min()), float(np.quantile(loss, 0.98))
    top.set(ylabel="loss, nats per token", title="Training loss", ylim=(low - 0.1 * (high - low) - 0.05, high + 0.05))
    top.legend(fontsize=8)
    for axes in middle:
        draw_languages(axes, [row["tokens"] for row in checked], [row["held_out"] for row in checked])
    below.plot(tokens, [row["rate"] for row in rows], color=WARM)
    below.set(xlabel="training tokens", ylabel="learning rate")
    for axes in (top, *middle, below):
        axes.grid(alpha=0.3)
    finish(plot, figure, path)


def draw_languages(axes: Any, tokens: list[int], checks: list[dict[str, float]]) -> None:
    """A line for each language, labeled with its name and last value; labels do not overlap."""
    names = sorted((name for name in checks[0] if name != "mean"), key=lambda name: checks[-1][name])
    values = [bits for check in checks for name, bits in check.items() if name != "mean"]
    gap, below = 0.05 * (max(values) - min(values)), float("-inf")
    for number, name in enumerate(names):
        bits = [check[name] for check in checks]
        axes.plot(tokens, bits, linestyle=LINES[number % len(LINES)], color=DARK, marker=".")
        below = max(bits[-1], below + gap)
        axes.text(tokens[-1] * 1.015, below, f"{name} {bits[-1]:.3f}", fontsize=8, va="center")
    axes.set(ylabel="bits per byte", title="Held-out text", xlim=(0, tokens[-1] * 1.15))
