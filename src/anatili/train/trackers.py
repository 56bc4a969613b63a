"""Where the figures of a training go besides `log.jsonl`: TensorBoard and trackio if they are installed, MLflow if it
also has an address (MLFLOW_TRACKING_URI).

They follow what is in the log and decide nothing: one that cannot be opened or has stopped answering is left out with a
warning. `ANATILI_TRACKERS` names those to use, `none` switches them off.
"""

import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Protocol

FOLDER = "tensorboard"
logger = logging.getLogger(__name__)
HIDDEN = ("step", "context")
"""What is in a row of the log and no figure of its own."""


class Tracker(Protocol):
    """Receives the figures of each step."""

    def add(self, step: int, figures: dict[str, float]) -> None: ...

    def close(self, failed: bool) -> None: ...


def figures_of(row: dict[str, Any]) -> dict[str, float]:
    """The numbers in a row of the log, those of its parts as `part/name`."""
    figures: dict[str, float] = {}
    for key, value in row.items():
        parts = {f"{key}/{name}": part for name, part in value.items()} if isinstance(value, dict) else {key: value}
        figures |= {name: float(part) for name, part in parts.items() if isinstance(part, int | float)}
    return {name: value for name, value in figures.items() if name not in HIDDEN}


def open_trackers(folder: Path) -> list[Tracker]:
    """The trackers of a training in `folder`, which is named after its run and stage there."""
    chosen = os.environ.get("ANATILI_TRACKERS", "tensorboard,mlflow,trackio").split(",")
    trackers = []
    for kind, make in _wanted(chosen, folder, f"{folder.resolve().parent.name}-{folder.name}"):
        try:
            trackers.append(make())
        except Exception as error:  # a wrong address must not end a training
            logger.warning("no figures go to %s: %s", kind, error)
    return trackers


def _wanted(chosen: list[str], folder: Path, name: str) -> Iterator[tuple[str, Callable[[], Tracker]]]:
    """The trackers that are asked for and installed, each with what opens it."""
    if "tensorboard" in chosen and importlib.util.find_spec("tensorboard"):
        yield "TensorBoard", lambda: TensorBoard(folder / FOLDER)
    if "mlflow" in chosen and "MLFLOW_TRACKING_URI" in os.environ and importlib.util.find_spec("mlflow"):
        yield "MLflow", lambda: MLflow(name)
    if "trackio" in chosen and importlib.util.find_spec("trackio"):
        yield "trackio", lambda: Trackio(name)


class TensorBoard:
    """Event files in the folder of the stage."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer: Any = SummaryWriter(str(folder))

    def add(self, step: int, figures: dict[str, float]) -> None:
        for name, value in figures.items():
            self.writer.add_scalar(name, value, step)

    def close(self, failed: bool) -> None:
        self.writer.close()


class MLflow:
    """A run at the address in MLFLOW_TRACKING_URI."""

    def __init__(self, name: str) -> None:
        # Its own seven retries of two minutes each would hold up training at every step.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        self.mlflow: Any = importlib.import_module("mlflow")
        self.mlflow.start_run(run_name=name, nested=True)

    def add(self, step: int, figures: dict[str, float]) -> None:
        self.mlflow.log_metrics(figures, step=step)

    def close(self, failed: bool) -> None:
        self.mlflow.end_run("FAILED" if failed else "FINISHED")


class Trackio:
    """A run in the project `anatili`."""

    def __init__(self, name: str) -> None:
        self.trackio: Any = importlib.import_module("trackio")
        with redirect_stdout(sys.stderr):  # it prints hints, and standard output may be JSON
            self.trackio.init(project="anatili", name=name)

    def add(self, step: int, figures: dict[str, float]) -> None:
        self.trackio.log(figures, step=step)

    def close(self, failed: bool) -> None:
        with redirect_stdout(sys.stderr):
            self.trackio.finish()
