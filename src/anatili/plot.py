"""Plots as PNG or SVG, by the file name's ending; the same numbers give the same file."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from anatili.atomic_files import whole_file
from anatili.problem import Problem, not_installed

ENDINGS = (".png", ".svg")
DARK, LIGHT, WARM = "#00627a", "#9dc3cc", "#b3541e"
"""Colors that can be distinguished in grayscale and with color blindness."""


def can_draw() -> bool:
    """Whether matplotlib is installed, for plots that are optional."""
    return find_spec("matplotlib") is not None


def check_plot(path: Path) -> None:
    """`Problem` if a plot cannot be written to `path`."""
    if path.suffix not in ENDINGS:
        raise Problem(f"{path}: a plot ends in {' or '.join(ENDINGS)}")
    if not can_draw():
        raise Problem(not_installed("plots need matplotlib", "eval"))


def start(path: Path, size: tuple[float, float] = (8, 5)) -> tuple[Any, Any]:
    """pyplot and an empty figure, its size in inches; `Problem` if a plot cannot be written to `path`."""
    check_plot(path)
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "anatili"
    import matplotlib.pyplot as plot

    return plot, plot.figure(figsize=size, layout="constrained")


def finish(plot: Any, figure: Any, path: Path) -> None:
    with whole_file(path) as temporary:
        figure.savefig(
            temporary, format=path.suffix[1:], dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None
        )
    plot.close(figure)
