"""How far the hours of a plan are from those of published runs that it has not seen."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from anatili.compute.mfu_prior import Prior, doubt_of, reach_of, setting_of
from anatili.compute.published_runs import FILE, PublishedRun, bundled_runs, read_runs
from anatili.problem import Problem
from anatili.text import show_path

CONSTANT = 0.35
"""The utilization that a planner without a prior would assume."""


@dataclass(frozen=True)
class Check:
    """One run, predicted without its family."""

    run: PublishedRun
    low: float
    """Chip-hours at the short end of the 80 % interval."""
    middle: float
    high: float
    constant: float
    """Chip-hours by the constant utilization."""

    @property
    def factor(self) -> float:
        """How many times too long or too short the prediction is, at least 1."""
        return off_by(self.middle, self.run.hours)

    @property
    def constant_factor(self) -> float:
        return off_by(self.constant, self.run.hours)

    @property
    def inside(self) -> bool:
        return self.low <= self.run.hours <= self.high


def validate(path: Path) -> dict[str, Any]:
    """Predict each run of kind `run` in a file from the bundled runs of other families, and count how far off it is.

    Runs outside the model (tier `limit`) and rows without shape or hours are listed under `unused` with the reason.
    """
    own = path.resolve() == FILE.resolve()
    runs, unused = (list(bundled_runs()), read_runs(path)[1]) if own else read_runs(path)
    checks = []
    for run in runs:
        if run.kind != "run":
            unused.setdefault(run.id, f"kind {run.kind!r} has no hours of a whole run")
        elif run.tier == "limit":
            unused[run.id] = "outside the model, by its tier"
        elif not run.hours or not run.flops:
            unused[run.id] = "its hours or tokens are not published"
        else:
            checks.append(check(run))
    if not checks:
        raise Problem(f"{show_path(path)} has no run of kind 'run' with shape, tokens, chip and hours")
    return report(checks, unused)


def check(run: PublishedRun) -> Check:
    prior = Prior([other for other in bundled_runs() if other.family != run.family])
    share = prior.predict(setting_of(run), doubt_of(run.chip)) * reach_of(run.chip)
    hours = [run.flops / (run.chip.peak * value) / 3600 for value in (share.high, share.middle, share.low, CONSTANT)]
    return Check(run, *hours)


def report(checks: list[Check], unused: dict[str, str]) -> dict[str, Any]:
    return {
        "n": len(checks),
        "median_factor": round(median(check.factor for check in checks), 3),
        "worst_factor": round(max(check.factor for check in checks), 3),
        "coverage": round(sum(check.inside for check in checks) / len(checks), 3),
        "constant_median": round(median(check.constant_factor for check in checks), 3),
        "constant_worst": round(max(check.constant_factor for check in checks), 3),
        "runs": [
            {
                "id": check.run.id,
                "hours": check.run.hours,
                "predicted": round(check.middle, 1),
                "interval": [round(check.low, 1), round(check.high, 1)],
                "factor": round(check.factor, 3),
                "inside": check.inside,
                "constant_factor": round(check.constant_factor, 3),
            }
            for check in checks
        ],
        "unused": unused,
    }


def off_by(predicted: float, real: float) -> float:
    return max(predicted / real, real / predicted)
