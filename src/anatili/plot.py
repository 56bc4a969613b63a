"""Plots as PNG or SVG, by the ending of the file; the same numbers give the same file."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from anatili.document import whole_file
from anatili.problem import Problem, install

ENDINGS = (".png", ".svg")
DARK, LIGHT, WARM = "#00627a", "#9dc3cc", "#b3541e"
"""Colors that are told apart in gray and by the color-blind."""


def can_draw() -> bool:
    """Whether matplotlib is there, for plots that are an extra."""
    return find_spec("matplotlib") is not None


def check_plot(path: Path) -> None:
    """`Problem` if nothing can be drawn into `path`."""
    if path.suffix not in ENDINGS:
        raise Problem(f"{path}: a plot ends in {' or '.join(ENDINGS)}")
    if not can_draw():
        raise Problem(f"plots need matplotlib: {install('eval')}")


def start(path: Path, size: tuple[float, float] = (8, 5)) -> tuple[Any, Any]:
    """pyplot and an empty figure, so many inches wide and high; `Problem` if nothing can be drawn into `path`."""
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
