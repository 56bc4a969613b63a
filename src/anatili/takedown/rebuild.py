"""Carry out a takedown: write it to the log, from which search and collecting obey it at once, then rebuild the run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatili.pool import open_pool
from anatili.problem import Problem
from anatili.recipe import Recipe
from anatili.run import Drift, Run
from anatili.stage import Outcome, Progress, Quiet, accept, carry_out, identity, recipe_of
from anatili.stage_table import STAGES, Stage
from anatili.takedown.affected import Affected, Request, find_affected
from anatili.takedown.cost import cost_of
from anatili.takedown_log import Takedown, add_takedown


@dataclass(frozen=True)
class Plan:
    """A takedown that can be carried out, and what it costs."""

    run: Run
    recipe: Recipe
    base: Path
    affected: Affected

    @property
    def facts(self) -> dict[str, Any]:
        """What is affected, and what must be trained again, as it is shown before anything is done."""
        return {**self.affected.facts, "training": cost_of(self.run, self.recipe, self.affected.training)}


def plan_takedown(run: Run, requests: Sequence[Request]) -> Plan:
    """Look up what takedowns affect. `Problem` if one names nothing or has no reason, or if all of it was taken down
    before."""
    for request in requests:
        if not request.reason.strip():
            raise Problem("a takedown needs a reason, which is kept in the log: --reason TEXT")
        if not request.names:
            raise Problem("nothing is named: give --url, --id, --host or --file")
    recipe, base = recipe_of(run)
    affected = find_affected(run, recipe, base, requests)
    if not affected.entries:
        raise Problem("all of this was taken down before; see takedowns.jsonl in the folder of the run")
    return Plan(run, recipe, base, affected)


def record_takedowns(plan: Plan) -> list[Takedown]:
    """Write the takedowns to the log of the run. From now on search does not show the passages, in running servers too,
    and every stage that is built leaves the documents out."""
    with plan.run.locked():
        return [add_takedown(plan.run.root, entry) for entry in plan.affected.entries]


def rebuild(
    plan: Plan,
    *,
    workers: int = 1,
    launch: str = "",
    watch: Callable[[Stage], Progress] = lambda stage: Quiet(),
) -> Iterator[Outcome]:
    """Build again what the log of takedowns makes out of date, up to the last stage that the run had; nothing if it
    names only what the run never had."""
    run, recipe, base = plan.run, plan.recipe, plan.base
    accept(recipe, base)
    built = [stage.name for stage in STAGES if run.record(stage.name)]
    with run.locked():
        redo = first_outdated(recipe, run, base)
        while redo:
            outdated: set[str] = set()
            for outcome in carry_out(recipe, run, open_pool(workers), base=base, redo=redo, watch=watch, launch=launch):
                if outcome.what == "outdated":
                    outdated.add(outcome.stage)
                elif outcome.what == "built":
                    yield outcome
                if outcome.stage == built[-1]:
                    break
            redo = frozenset(outdated)


def first_outdated(recipe: Recipe, run: Run, base: Path) -> frozenset[str]:
    """The first stage that obeys takedowns and was built with others than those of the log; empty if there is none."""
    for stage in STAGES:
        if stage.obeys_takedowns:
            try:
                run.is_done(stage.name, identity(stage, recipe, run, base))
            except Drift:
                return frozenset({stage.name})
    return frozenset()
