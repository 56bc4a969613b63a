"""Open the index of the training text of a run, or of the run that made a model."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from anatili import models
from anatili.attribution.find import Attribution, open_attribution
from anatili.attribution.layout import CORPUS, DOCUMENTS
from anatili.document import Kept, write_shard
from anatili.engine import is_address
from anatili.models import registry
from anatili.opening import Tell, is_run, run_of
from anatili.problem import Problem
from anatili.run import Run, find_run
from anatili.stage import Task


def training_run(target: str, runs: Path = Path("runs")) -> Run:
    """The run that made a model, named as a run or by a path in its folder; `Problem` if it is not here."""
    if is_run(target, runs):
        return find_run(Path(target), runs)
    path = Path(target)
    for folder in path.resolve().parents if path.exists() else ():
        if (folder / "recipe.toml").is_file():
            return Run(folder)
    if path.exists() or is_address(target) or models.find(target) or registry.located(target):
        raise Problem(f"the training text of {target} is not on this machine; name a run that was made here")
    return run_of(target, runs)


def attribution_of(run: Run | None, tell: Tell) -> Attribution | None:
    """The index of a run's training text; None if it has none, or one that no longer fits."""
    if run is None or not run.record(CORPUS):
        return None
    try:
        return open_attribution(run)
    except Problem as problem:
        tell(f"answers are not traced: {problem}")
        return None


def index_tuning(task: Task) -> dict[str, Any]:
    """Index the SFT examples and sentence pairs that the tuned model of a run learned from."""
    from anatili.attribution.build import build_part

    shard, part = task.out / "tuning.parquet", task.out / "part-00000"
    rows = [*tuning_texts(replace(task, settings=task.recipe.tune))]
    write_shard(shard, Kept, rows)
    if rows and not (part / DOCUMENTS).exists():
        build_part([shard], part)
    return {"documents": len(rows)}


def tuning_texts(task: Task) -> Iterator[Kept]:
    """SFT examples and sentence pairs in the form of documents; the source says which of them one is."""
    from anatili.refine.pairs import files_of, languages_of, read_pairs, source_of
    from anatili.train.tune import choose

    licenses = {source.name: source.license for source in task.recipe.pairs.sources}
    for number, example in enumerate(choose(task)[0]):
        text = "\n".join(str(message["content"]) for message in example["messages"])
        yield Kept(
            f"sft:{number}",
            text,
            "",
            example.get("source", ""),
            f"SFT example: {example['kind']}",
            "",
            "",
            example["language"],
            "",
        )
    for file in files_of(task.inputs["pairs"], task.recipe.pairs):
        name = source_of(file)
        for number, pair in enumerate(read_pairs(file)):
            yield Kept(
                f"pair:{file.stem}:{number}",
                "\n".join(pair),
                "",
                "",
                f"sentence pair: {name}",
                "",
                licenses.get(name, ""),
                languages_of(file)[0],
                "",
            )
