"""Build a release again from its manifest and the sources, and say stage by stage what is equal."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from anatili.atomic_files import whole_file
from anatili.lang import explain
from anatili.pool import LocalPool
from anatili.problem import Problem
from anatili.recipe import Recipe
from anatili.release.build import folder_of_sources, without_folder
from anatili.run import Record, Run, differences, versions
from anatili.stage import Progress, Quiet, accept, carry_out
from anatili.stage_table import BUILDING, Stage
from anatili.text import show_path
from anatili.text_files import toml_value

MANIFEST, PROVENANCE = "manifest.json", "provenance.json"


@dataclass(frozen=True)
class Comparison:
    """A stage that was built again, beside the released one."""

    stage: str
    equal: int
    """Files with the same digest."""
    different: tuple[str, ...]
    """Files with another digest, or that only one of them has."""
    reasons: tuple[str, ...]
    """What it was built from that is not the same, such as a pack or a source."""

    @property
    def is_equal(self) -> bool:
        return not self.different


def reproduce(
    folder: Path,
    sources: Path,
    runs: Path,
    *,
    until: str = "",
    workers: int = 1,
    watch: Callable[[Stage], Progress] = lambda stage: Quiet(),
) -> Iterator[Comparison]:
    """Build every stage again in `runs`, relative paths of the recipe starting from `sources`, and compare each."""
    manifest = read_manifest(folder)
    known = list(manifest["stages"])
    if until and until not in known:
        raise Problem(f"no stage {until!r} in {show_path(folder / MANIFEST)}; there are {', '.join(known)}")
    recipe = as_recipe(manifest)
    accept(recipe, sources)
    run = Run(runs / recipe.name)
    with run.locked():
        with whole_file(run.root / "recipe.toml") as temporary:
            temporary.write_text(as_toml(manifest["recipe_as_given"]), "utf-8")
        for outcome in carry_out(recipe, run, LocalPool(workers), base=sources.resolve(), watch=watch):
            if outcome.stage not in known:
                return
            yield compare(outcome.stage, manifest["stages"][outcome.stage], run)
            if outcome.stage == until:
                return


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a release; `Problem` if it does not say enough to build it again."""
    path = folder / MANIFEST
    if not path.is_file():
        raise Problem(f"no {MANIFEST} in {show_path(folder)}: name the release folder of a run")
    try:
        manifest: dict[str, Any] = json.loads(path.read_text("utf-8"))
        names = {stage.name for stage in BUILDING}
        manifest["stages"] = {name: row for name, row in manifest["stages"].items() if name in names}
        manifest["recipe_as_given"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Problem(f"{show_path(path)} lacks {error}; the release cannot be built again from it") from error
    return manifest


def as_recipe(manifest: Mapping[str, Any]) -> Recipe:
    """The recipe of a release; `Problem` if this version of the program reads it in another way."""
    try:
        recipe = Recipe.model_validate_json(json.dumps(manifest["recipe_as_given"]))
    except ValidationError as error:
        raise Problem(f"this version cannot read the recipe: {explain(error)}; use {manifest['made_by']}") from error
    now = json.loads(recipe.model_dump_json())
    changed = [line for line in differences(manifest["recipe"], now) if " from nothing to " not in line]
    if changed:
        listed = "; ".join(changed[:3])
        raise Problem(f"this version reads the recipe in another way ({listed}); use {manifest['made_by']}")
    return recipe


def compare(stage: str, released: Mapping[str, Any], run: Run) -> Comparison:
    """Compare the outputs of a stage, and what it was built from."""
    record = run.record(stage)
    assert record is not None
    old, new = released["outputs"], record.outputs
    different = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return Comparison(stage, len(new) - len(new.keys() & set(different)), tuple(different), reasons(released, record))


def reasons(released: Mapping[str, Any], record: Record) -> tuple[str, ...]:
    """What the stage was built from that is not as it was; where the sources are does not count."""
    folder = folder_of_sources(record) if record.stage == "collect" else ""
    return tuple(differences(released["identity"], without_folder(record.identity, folder)))


def other_versions(folder: Path) -> tuple[str, ...]:
    """Packages that have another version here than where the release was made; () if it does not say."""
    path = folder / PROVENANCE
    if not path.is_file():
        return ()
    told: dict[str, str] = {}
    for row in json.loads(path.read_text("utf-8")).values():
        told |= row.get("packages", {})
    here = versions()
    return tuple(
        f"{name} {told[name]}, here {here.get(name, 'not installed')}"
        for name in sorted(told)
        if told[name] != here.get(name)
    )


def as_toml(recipe: Mapping[str, Any]) -> str:
    """A recipe as TOML: plain values first, then a table for each section, then lists of tables."""
    lines = [f"{key} = {toml_value(value)}" for key, value in recipe.items() if not isinstance(value, dict)]
    for name, section in recipe.items():
        if isinstance(section, dict):
            lines.append(f"\n[{name}]")
            lines += [f"{key} = {toml_value(value)}" for key, value in section.items()]
    return "\n".join(lines) + "\n"
