"""Run a recipe: the stages that it names, built or kept."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from anatili.data_errors import TooMuchLost, lost_to_errors
from anatili.object_store import Mirror
from anatili.pool import Pool, open_pool
from anatili.pool.store import StorePool
from anatili.recipe import load_recipe, recipe_file
from anatili.run import Run
from anatili.stage import Outcome, Progress, Quiet, carry_out, prepare
from anatili.stage_table import Stage, stages_named, stages_until


@contextmanager
def opened_pool(workers: int, ray: str | None, queue: str, root: Path) -> Iterator[Pool]:
    """The pool for a run in the folder `root`."""
    if "://" not in queue:
        yield open_pool(workers, ray, Path(queue) if queue else None)
        return
    pool = StorePool(queue, root)
    try:
        yield pool
    finally:
        pool.close()


def run_recipe(
    recipe: str | Path,
    runs: str | Path = "runs",
    *,
    workers: int = 1,
    ray: str | None = None,
    queue: str | Path = "",
    redo: Iterable[str] = (),
    until: str = "",
    launch: str = "",
    mirror: str = "",
    watch: Callable[[Stage], Progress] = lambda stage: Quiet(),
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> Run:
    """Run a recipe, a file or a bundled one (`tiny`), in a folder of `runs`; stages that are up to date are kept.

    `workers`: local processes; `ray`: the address of a cluster instead; `queue`: a folder, or an address in an object
    store, from which other processes take work (`anatili work`). `redo`: stages to build again (`cut`; `cut..` with all
    later ones). `until`: the last stage to build, in place of the recipe's. `launch`: the command that starts the
    training processes. `mirror`: an address (s3://, hf://) to which stages are copied, and from which a run elsewhere
    resumes. `watch` returns the receiver of a stage's progress, `tell` gets the outcome of each stage.

    `Problem` if the recipe is wrong or a stage cannot be built; `Drift` if a stage was built from something else and is
    not named in `redo`; `TooMuchLost` if more than one record in a hundred was lost to errors, or one file in a hundred
    is damaged: the run is complete nevertheless.
    """
    file = recipe_file(recipe)
    loaded, again = load_recipe(file), stages_named(redo)
    stages_until(until or loaded.until)
    problems = []
    with prepare(loaded, file, Path(runs)) as opened, opened_pool(workers, ray, str(queue), opened.root) as pool:
        base = file.resolve().parent
        copy = Mirror(mirror, loaded.name) if mirror else None
        for outcome in carry_out(
            loaded, opened, pool, base=base, redo=again, watch=watch, until=until, launch=launch, mirror=copy
        ):
            tell(outcome)
            if outcome.what == "built" and (problem := lost_to_errors(outcome.stage, outcome.summary)):
                problems.append(problem)
    if problems:
        raise TooMuchLost(
            f"the run is complete, but {'; '.join(problems)}. To see why a page was lost: anatili why {loaded.name} URL"
        )
    return opened
