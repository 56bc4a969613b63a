"""The folder with the cards of a model, by the model's name."""

from pathlib import Path

from anatili import models
from anatili.problem import Problem
from anatili.release.facts import FILE
from anatili.run import Run, find_run
from anatili.text import show_path


def release_folder(target: Path, runs: Path) -> Path:
    """The release of a finished run, a folder with the facts of one, or a packaged or bundled model."""
    if (target / FILE).is_file():
        return target
    if not (target / "recipe.toml").is_file() and not (runs / target / "recipe.toml").is_file():
        if folder := models.find(str(target)):
            return folder
        if target.is_dir():
            raise Problem(f"{show_path(target)} is neither a run, a release nor a packaged model: it has no {FILE}")
    return released_run(target, runs).folder("release")


def released_run(name: Path, runs: Path) -> Run:
    """The run of this name; `Problem` if it has no release yet."""
    run = find_run(name, runs)
    if run.record("release") is None:
        raise Problem(f"{show_path(run.root)} has no release yet; finish it with: anatili run RECIPE")
    return run
