"""From files to a corpus without a recipe: the stages up to `cut`, with the defaults of the language's pack.

The output folder is a run like any other: `anatili why OUT URL` says why a page was lost, and an interrupted call
resumes. `OUT/corpus` has the shards of `cut` under a name that needs no explanation.
"""

import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatili.atomic_files import whole_file
from anatili.collect.files import ENDINGS, LIST
from anatili.data_errors import lost_to_errors
from anatili.lang import load_pack
from anatili.object_store import Mirror
from anatili.pipeline.refined_rows import WITH_FIELDS, give_back
from anatili.pool import open_pool
from anatili.problem import Problem
from anatili.recipe import load_recipe
from anatili.run import Run
from anatili.stage import Outcome, Progress, Quiet, accept, carry_out
from anatili.stage_table import Stage, stages_named
from anatili.text import show_path
from anatili.text_files import toml_value

CORPUS, LISTS, ROWS = "corpus", "files", "rows"
LAST = "cut"


@dataclass(frozen=True)
class Refined:
    """What became of the records of some files."""

    corpus: str
    """The folder with the shards of the corpus."""
    records: int
    """Records of the files."""
    kept: int
    """Documents in the corpus."""
    lost: dict[str, dict[str, int]]
    """Stage -> reason -> number of records or documents."""
    bytes: int
    """Size of the corpus on disk."""
    unread: dict[str, int]
    """Ending -> number of files in the given folders whose form is not read."""
    damaged: dict[str, Any]
    """How many `files` are damaged, `of` how many, and the `first` 20 of them with what is wrong and at which byte; {}
    if none is."""
    rows: str
    """The folder with the rows of JSON lines and Parquet files, if they were asked for; "" otherwise."""
    problem: str
    """Says that more than one record or file in a hundred was lost to errors; "" otherwise."""


def refine_files(
    files: Iterable[str | Path],
    language: str,
    out: str | Path,
    *,
    workers: int = 1,
    license: str = "unknown",  # noqa: A002 - the name of the recipe's key
    unit: str = "paragraph",
    text_field: str = "text",
    rows: bool = False,
    redo: Iterable[str] = (),
    mirror: str = "",
    watch: Callable[[Stage], Progress] = lambda stage: Quiet(),
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> Refined:
    """Make a corpus of one language from WARC, HTML, text, JSON lines and Parquet files, or folders of them.

    `license`: of all documents that do not have their own (SPDX code). `unit`: what a document is in a text file
    (`line`, `lines`, `paragraph`, `file`). `text_field`: the field with the text in JSON lines and Parquet. `rows`:
    give the rows of these files back with all their fields, in OUT/rows/kept and OUT/rows/lost, the lost ones with
    `lost_reason` and `lost_detail`. `workers`, `redo`, `mirror`, `watch` and `tell` are those of `run`. `Problem` if
    there is no file or a file format is not supported; `Drift` if the folder was built from other files or settings and
    `redo` names no stage.
    """
    folder = Path(out)
    paths, again = [Path(file) for file in files], stages_named(redo)
    by_kind, unread = sorted_by_kind(paths), endings_unread(paths)
    load_pack(language)  # before anything is written
    if rows and not by_kind.keys() & {*WITH_FIELDS}:
        raise Problem("no JSON lines or Parquet among the files, whose rows could be given back")
    run = Run(folder)
    with run.locked():
        with whole_file(folder / "recipe.toml") as temporary:
            temporary.write_text(write_recipe(folder, by_kind, language, license, unit, text_field), "utf-8")
        recipe = load_recipe(folder / "recipe.toml")
        accept(recipe, folder)
        summaries = {}
        copy, pool = Mirror(mirror, recipe.name) if mirror else None, open_pool(workers)
        for outcome in carry_out(recipe, run, pool, base=folder, redo=again, watch=watch, mirror=copy):
            tell(outcome)
            summaries[outcome.stage] = outcome.summary
        link_shards(run.folder(LAST), folder / CORPUS)
        shutil.rmtree(folder / ROWS, ignore_errors=True)  # of the corpus that was there before
        if rows:
            give_back(recipe, run, folder, folder / ROWS)
    collected, extracted, decided = (summaries[name] for name in ("collect", "extract", LAST))
    lost = {"collect": reasons(collected["records"]), "extract": extracted["lost"], LAST: reasons(decided["documents"])}
    return Refined(
        corpus=show_path(folder / CORPUS),
        records=collected["records"]["records"],
        kept=sum(count for key, count in decided["documents"].items() if key.startswith("kept")),
        lost={stage: dict(Counter(counts).most_common()) for stage, counts in lost.items() if counts},
        bytes=sum(file.stat().st_size for file in (folder / CORPUS).iterdir()),
        unread=unread,
        damaged=collected.get("damaged", {}),
        rows=show_path(folder / ROWS) if rows else "",
        problem="; ".join(filter(None, (lost_to_errors(name, summary) for name, summary in summaries.items()))),
    )


def reasons(counts: dict[str, int]) -> dict[str, int]:
    """Reason -> number, from the counts of a stage."""
    return {key.removeprefix("lost: "): count for key, count in counts.items() if key.startswith("lost: ")}


def sorted_by_kind(files: Iterable[str | Path]) -> dict[str, list[Path]]:
    """Kind of source -> its files, those in folders included; `Problem` for a file that no kind can read."""
    by_kind: dict[str, list[Path]] = {}
    for path in map(Path, files):
        inside = sorted(file for file in path.rglob("*") if file.is_file() and kind_of(file)) if path.is_dir() else []
        for file in inside or [path]:
            if not file.is_file():
                raise Problem(f"no file {show_path(file)}" if not path.is_dir() else f"{show_path(path)} has no files")
            if not (kind := kind_of(file)):
                known = ", ".join(ending for endings in ENDINGS.values() for ending in endings)
                raise Problem(f"{show_path(file)}: cannot tell its form by its name; it must end in one of {known}")
            by_kind.setdefault(kind, []).append(file.resolve())
    if not by_kind:
        raise Problem("no files to refine; name files or folders of them")
    return by_kind


def endings_unread(files: Iterable[Path]) -> dict[str, int]:
    """Ending -> number of files in folders that no kind reads, the most frequent first; hidden files do not count."""
    inside = (file for path in files if path.is_dir() for file in path.rglob("*"))
    odd = (file for file in inside if file.is_file() and not file.name.startswith(".") and not kind_of(file))
    return dict(Counter(file.suffix.lower() or "no ending" for file in odd).most_common())


def kind_of(file: Path) -> str:
    """The kind of source by the ending of a file's name; "" if none reads it."""
    return next((kind for kind, endings in ENDINGS.items() if file.name.lower().endswith(endings)), "")


def write_recipe(
    folder: Path,
    by_kind: dict[str, list[Path]],
    language: str,
    license: str,  # noqa: A002
    unit: str,
    text_field: str,
) -> str:
    """The recipe of the folder, with a list of the files of each kind beside it."""
    name = re.sub(r"[^\w-]+", "-", folder.resolve().name) or CORPUS
    lines = [
        "# Written by `anatili refine`.",
        f"name = {toml_value(name)}",
        f"language = {toml_value(language)}",
        f"until = {toml_value(LAST)}",
        "",
        "[cut]",
        "held_out = 0.0",
    ]
    for kind, files in by_kind.items():
        listing = folder / LISTS / f"{kind}.txt"
        with whole_file(listing) as temporary:
            temporary.write_text("".join(f"{file}\n" for file in files), "utf-8", "surrogateescape")
        lines += [
            "",
            "[[collect.sources]]",
            f'name = "{kind}"',
            f'kind = "{kind}"',
            f'path = "{LIST}{LISTS}/{kind}.txt"',
            f"license = {toml_value(license)}",
        ]
        if kind in WITH_FIELDS and text_field != "text":
            lines.append(f"text_field = {toml_value(text_field)}")
        if kind == "text":
            lines.append(f"unit = {toml_value(unit)}")
        if kind == "warc":
            lines.append(f"sift = [{toml_value(language)}]")
    return "\n".join([*lines, ""])


def link_shards(source: Path, target: Path) -> None:
    """Make `target` hold the shards of `source` and no others, by hard links where the disk has them."""
    if target.exists():
        shutil.rmtree(target)
    target.mkdir()
    for shard in sorted(source.glob("part-*.parquet")):
        try:
            os.link(shard, target / shard.name)
        except OSError:
            shutil.copyfile(shard, target / shard.name)
