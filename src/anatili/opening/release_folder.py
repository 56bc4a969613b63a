"""The folder with the cards of a model, by the model's name, and the licenses of what it was trained on."""

from collections import Counter
from pathlib import Path

from anatili import models
from anatili.problem import Problem
from anatili.release.assemble import is_of_corpus
from anatili.release.facts import FILE, read_facts
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


def document_licenses(target: Path, runs: Path) -> dict[str, int]:
    """License -> training documents, most documents first: of a release, of a packaged model or of a run's corpus.

    A run needs no release for it, only a corpus; `Problem` if it has none.
    """
    if (target / FILE).is_file() or models.find(str(target)):
        return read_facts(release_folder(target, runs)).documents_by_license
    run = find_run(target, runs)
    if is_of_corpus(run):
        return read_facts(run.folder("release")).documents_by_license
    if run.record("cut") is None:
        raise Problem(f"{show_path(run.root)} has no corpus yet; finish it with: anatili run RECIPE --until cut")
    return corpus_licenses(run.folder("cut"))


def corpus_licenses(folder: Path) -> dict[str, int]:
    """License -> documents of the shards in `folder`, most documents first."""
    from pyarrow import parquet

    counts: Counter[str] = Counter()
    for shard in sorted(folder.glob("part-*.parquet")):
        column = parquet.read_table(shard, columns=["license"]).column(0)
        counts.update({row["values"]: row["counts"] for row in column.value_counts().to_pylist()})
    return dict(counts.most_common())


def released_run(name: Path, runs: Path) -> Run:
    """The run of this name; `Problem` if it has no release yet."""
    run = find_run(name, runs)
    if run.record("release") is None:
        raise Problem(f"{show_path(run.root)} has no release yet; finish it with: anatili run RECIPE")
    return run
