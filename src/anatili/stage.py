"""The loop that builds the stages of a recipe, and what a stage is given. Read the table in `stages` first."""

import importlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from anatili.atomic_files import disk_problem, finish_removal, remove_folder, whole_file
from anatili.document import add_up
from anatili.lang import LanguagePack, load_pack
from anatili.object_store import Mirror, Saving
from anatili.pool import Pool
from anatili.problem import Problem
from anatili.recipe import Recipe, load_recipe, only
from anatili.run import Drift, Record, Run, fingerprint, plain
from anatili.stage_table import LANGUAGES, STAGES, Stage, stages_until
from anatili.takedown_log import read_takedowns
from anatili.text import show_path

RECIPE_FOLDER = ".recipe-folder"
"""File of a run with the path of the folder that its recipe is in."""


class Progress(Protocol):
    """Receives the progress of a stage; the command line draws it."""

    def start(self, total: int, unit: str) -> None: ...

    def advance(self, count: int = 1, note: str = "") -> None: ...


class Quiet:
    """Progress that is not shown."""

    def start(self, total: int, unit: str) -> None:
        pass

    def advance(self, count: int = 1, note: str = "") -> None:
        pass


@dataclass(frozen=True)
class Task:
    """The input of a stage: the recipe, input folders, an output folder, a pool and a progress display."""

    recipe: Recipe
    """Only the settings that the stage names; reading any other raises an error."""
    settings: Any
    """The recipe's section for this stage."""
    base: Path
    """The folder that relative paths in the recipe start from."""
    inputs: dict[str, Path]
    out: Path
    pool: Pool | None
    progress: Progress
    launch: str = ""
    """The command that starts the processes of a training stage; empty: this process trains."""

    def packs(self) -> dict[str, LanguagePack]:
        """The packs of the recipe's languages, the main language first."""
        return {code: load_pack(code) for code in self.recipe.languages}

    def map(self, work: Callable[..., None], jobs: Iterable[tuple[Any, ...]], unit: str, **fixed: Any) -> None:
        """Run `work(*job, **fixed)` for each job on the pool and report progress."""
        pending = list(jobs)
        self.progress.start(len(pending), unit)
        assert self.pool is not None
        for _ in self.pool.map(partial(_call, work, fixed), pending):
            self.progress.advance()

    def map_shards(self, work: Callable[..., None], shards: Iterable[Path], **fixed: Any) -> dict[str, int]:
        """Run `work(source, target, **fixed)` on each shard without a target; returns the sum of all targets' counts.

        A target is named like its shard up to the first dot, plus `.parquet`.
        """
        jobs = [(shard, self.out / f"{shard.name.split('.')[0]}.parquet") for shard in sorted(shards)]
        self.map(work, [job for job in jobs if not job[1].exists()], "shards", **fixed)
        return add_up(target for _, target in jobs)


def _call(work: Callable[..., None], fixed: dict[str, Any], job: tuple[Any, ...]) -> None:
    work(*job, **fixed)


@dataclass(frozen=True)
class Outcome:
    """What happened to a stage: `built`, `kept`, or `outdated` if a stage that it reads was rebuilt in this run."""

    stage: str
    what: str
    seconds: float
    content: str
    summary: dict[str, Any]


def load(name: str) -> Callable[..., Any]:
    """The function named `package.module:function`."""
    module, function = name.split(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return loaded


def identity(stage: Stage, recipe: Recipe, run: Run, base: Path) -> dict[str, Any]:
    """Everything that determines the output of a stage, and nothing about where it runs."""
    inputs = {name: run.record(name) for name in stage.needs}
    facts: dict[str, Any] = {
        "version": stage.version,
        "settings": settings_of(stage, recipe),
        "inputs": {name: record.content if record else None for name, record in inputs.items()},
    }
    if set(LANGUAGES) & set(stage.settings):
        facts["languages"] = recipe.languages
    if stage.reads:
        packs = {code: load_pack(code).files for code in recipe.languages}
        facts["packs"] = {code: {f: files[f] for f in stage.reads if f in files} for code, files in packs.items()}
    if stage.watches and (files := load(stage.watches)(only(recipe, stage.settings), base)):
        facts["files"] = files
    if stage.obeys_takedowns and (rules := read_takedowns(run.root).rules_digest(stage.obeys_takedowns)):
        facts["takedowns"] = rules
    return dict(plain(facts))


def settings_of(stage: Stage, recipe: Recipe) -> dict[str, Any]:
    """The settings that a stage names: those of its own section by key, others by full name."""
    settings: dict[str, Any] = {}
    values = recipe.model_dump()
    for name in stage.settings:
        section, _, key = name.partition(".")
        value = values[section][key] if key else values[section]
        if name == stage.name:
            settings |= value
        elif name not in LANGUAGES:
            settings[name] = value
    return settings


def carry_out(
    recipe: Recipe,
    run: Run,
    pool: Pool,
    *,
    base: Path = Path(),
    redo: frozenset[str] = frozenset(),
    watch: Callable[[Stage], Progress] = lambda stage: Quiet(),
    until: str = "",
    launch: str = "",
    mirror: Mirror | None = None,
) -> Iterator[Outcome]:
    """Build the stages that are not built yet, in order up to `until` (if empty: to the recipe's last), and yield the
    outcome of each.

    `base` is the folder that relative paths in the recipe start from. Raises `Drift` if a stage is out of date and not
    named in `redo`. A stage that follows a rebuilt one is left unchanged and reported as outdated. What `mirror` has of
    a stage is copied from there instead of being built, and what is built is copied there.
    """
    rebuilt, outdated = set[str](), set[str]()
    stages = stages_until(until or recipe.until)
    if redo and redo.isdisjoint(stage.name for stage in stages):
        raise Problem(
            f"nothing to do again: the run ends with {stages[-1].name} (`until`), before {', '.join(sorted(redo))}"
        )
    for stage in stages:
        started = time.time()
        if stage.name in redo and run.folder(stage.name).exists():
            remove_folder(run.folder(stage.name))
            rebuilt.add(stage.name)
            if mirror:
                mirror.remove(stage.name)
        if outdated.intersection(stage.needs) and stage.name not in redo:
            outdated.add(stage.name)
            yield Outcome(stage.name, "outdated", 0.0, "", {})
            continue
        facts = identity(stage, recipe, run, base)
        if mirror and not run.record(stage.name):
            mirror.restore(run.folder(stage.name), fingerprint(facts))
        try:
            is_done = run.is_done(stage.name, facts)
        except Drift:
            if not rebuilt.intersection(stage.needs):
                raise
            outdated.add(stage.name)
            yield Outcome(stage.name, "outdated", 0.0, "", {})
            continue
        if is_done:
            record = run.record(stage.name)
        else:
            record = build(stage, recipe, run, pool, facts, base, watch(stage), launch, mirror)
        assert record is not None
        if mirror:
            mirror.save(run.folder(stage.name), is_finished=True)
        yield Outcome(
            stage.name, "kept" if is_done else "built", round(time.time() - started, 2), record.content, record.summary
        )


def build(
    stage: Stage,
    recipe: Recipe,
    run: Run,
    pool: Pool,
    facts: dict[str, Any],
    base: Path,
    progress: Progress,
    launch: str = "",
    mirror: Mirror | None = None,
) -> Record:
    """Do the work of `stage`, or what remains of it, and write its record."""
    started, folder = time.time(), run.folder(stage.name)
    finish_removal(folder)
    folder.mkdir(parents=True, exist_ok=True)
    identity_file = folder / ".identity"
    # Do not resume a stage that was started with different settings.
    if identity_file.exists() and identity_file.read_text("utf-8") != fingerprint(facts):
        remove_folder(folder)
        folder.mkdir()
    with whole_file(identity_file) as temporary:
        temporary.write_text(fingerprint(facts), "utf-8")
    for stray in folder.rglob(".*.tmp"):
        stray.unlink(missing_ok=True)
    task = Task(
        recipe=only(recipe, stage.settings),
        settings=getattr(recipe, stage.name, None),
        base=base,
        inputs={name: run.folder(name) for name in stage.needs},
        out=folder,
        pool=pool,
        progress=Saving(progress, mirror, folder) if mirror else progress,
        launch=launch,
    )
    try:
        summary = load(stage.work)(task)
    except OSError as error:
        problem = disk_problem(error, folder)
        if problem is None:
            raise
        raise problem from error
    return run.finish(stage.name, facts, summary, started=started, loose=stage.loose)


def accept(recipe: Recipe, base: Path) -> None:
    """`Problem` if a language, a pack or a file that the recipe names is missing or invalid."""
    for code in recipe.languages:
        load_pack(code)
    for stage in stages_until(recipe.until):
        if stage.watches:
            load(stage.watches)(only(recipe, stage.settings), base)


@contextmanager
def prepare(recipe: Recipe, file: Path, runs: Path) -> Iterator[Run]:
    """The locked folder of the recipe's run, with a copy of the recipe in it.

    Languages, packs and files that the recipe names are checked first; nothing is created if one is invalid.
    """
    run = Run(runs / recipe.name)
    accept(recipe, file.resolve().parent)
    with run.locked():
        with whole_file(run.root / "recipe.toml") as temporary:
            temporary.write_bytes(file.read_bytes())
        with whole_file(run.root / RECIPE_FOLDER) as temporary:
            temporary.write_text(str(file.resolve().parent), "utf-8", "surrogateescape")
        yield run


def recipe_of(run: Run) -> tuple[Recipe, Path]:
    """The recipe of a run, and the folder that relative paths in it start from."""
    file = run.root / RECIPE_FOLDER
    base = Path(file.read_text("utf-8", "surrogateescape")) if file.is_file() else run.root
    return load_recipe(run.root / "recipe.toml"), base


def describe(run: Run) -> dict[str, Any]:
    """The stages of a run with states, digests and summaries, for `status`."""
    rows: list[dict[str, Any]] = []
    recipe = load_recipe(run.root / "recipe.toml")
    planned = stages_until(recipe.until)
    for stage in STAGES:
        record = run.record(stage.name)
        if record is None:
            rows += [{"stage": stage.name, "state": "missing"}] if stage in planned else []
            continue
        inputs = record.identity["inputs"]
        current = {name: source.content if (source := run.record(name)) else None for name in inputs}
        state = "built" if current == inputs else "outdated"
        rows.append(
            {
                "stage": stage.name,
                "state": state,
                "content": record.content,
                "fingerprint": record.fingerprint,
                "inputs": inputs,
                "summary": record.summary,
                "seconds": record.provenance["seconds"],
                "started": record.provenance["started"],
            }
        )
    return {"run": show_path(run.root), "recipe": recipe.name, "stages": rows}
