"""Open the search index of a run or of the sample, with its embeddings or its cluster; make embeddings; export it."""

import os
from dataclasses import dataclass
from pathlib import Path

from anatili.engine import sentence_embeddings
from anatili.lang import LanguagePack, load_pack
from anatili.opening import Tell, is_run, open_engine_of, silent, speaking
from anatili.opening.sample_index import sample_run
from anatili.problem import Problem, not_installed
from anatili.recipe import load_recipe
from anatili.run import Run, find_run
from anatili.search.dense import FOLDER, Dense, Embedder, build, read_facts
from anatili.search.searcher import Search
from anatili.stage import Progress, Quiet

SAMPLE = "sample"
NO_EMBEDDINGS = "none"


def search_of(run: Run, packs: dict[str, LanguagePack], tell: Tell = silent) -> Search | None:
    """The search index of a run with its embeddings, if it has any; None if it has no index.

    If ANATILI_OPENSEARCH is set, the index there is used; if ANATILI_EMBEDDINGS is, that model makes the embeddings.
    """
    folder = run.folder("index")
    if not run.record("index"):
        return None
    dense = embeddings_of(folder, os.environ.get("ANATILI_EMBEDDINGS", ""), tell)
    if cluster := os.environ.get("ANATILI_OPENSEARCH", ""):
        from anatili.search.opensearch import open_cluster

        return open_cluster(cluster, folder, packs, dense)
    return Search(folder, packs, dense=dense)


def embeddings_of(folder: Path, model: str, tell: Tell) -> Dense | None:
    """The embeddings of an index, with the model that made them. Without the name of a model they are used only if the
    model of the extra `dense` made them; with the name `none` they are not used.
    """
    made_by = read_facts(folder).get("model", "")
    if model == NO_EMBEDDINGS or not (model or made_by == sentence_embeddings.PACKAGE):
        return None
    if not model and not sentence_embeddings.installed():
        tell(not_installed(f"searching by words only: the embeddings need {sentence_embeddings.PACKAGE}", "dense"))
        return None
    return Dense(folder, open_embedder(model))


def open_embedder(model: str = "") -> Embedder:
    """The engine that makes embeddings: a server's address or a model; "" is the model of the extra `dense`."""
    if model in ("", sentence_embeddings.PACKAGE):
        return sentence_embeddings.SentenceEngine()
    return open_engine_of(model)


def searched_run(target: str, runs: Path = Path("runs"), tell: Tell = silent) -> tuple[Run, dict[str, LanguagePack]]:
    """The run of this name and the packs of its languages; `sample` is the bundled sample if no run is named so."""
    if target == SAMPLE and not is_run(target, runs):
        packs = speaking()
        return sample_run(list(packs), tell), packs
    run = find_run(Path(target), runs)
    recipe = load_recipe(run.root / "recipe.toml")
    return run, {code: load_pack(code) for code in recipe.languages}


def open_search(target: str | Path, runs: str | Path = "runs", tell: Tell = silent) -> Search:
    """The search index of a run, or of the bundled texts (`sample`). `tell` gets messages for a person who waits.

    `Problem` if the folder `runs` has no such run. The first search raises it if the index is not built.
    """
    run, packs = searched_run(str(target), Path(runs), tell)
    return search_of(run, packs, tell) or Search(run.folder("index"), packs)


@dataclass(frozen=True)
class Embedded:
    """The embeddings of an index: the number of passages, the model, and the folder with the embeddings."""

    passages: int
    model: str
    folder: Path


def embed_index(
    target: str | Path,
    model: str = "",
    runs: str | Path = "runs",
    *,
    passage_prefix: str | None = None,
    query_prefix: str | None = None,
    progress: Progress | None = None,
    tell: Tell = silent,
) -> Embedded:
    """Make the embeddings of all passages of a run (or of `sample`), resuming where an earlier call stopped.

    `model`: a server's address or a model; "" is the model of the extra `dense`. The prefixes are those that the model
    expects before a passage and before a question; None means the engine's own.
    """
    from anatili.search.opensearch import count_passages

    folder, progress = searched_run(str(target), Path(runs), tell)[0].folder("index"), progress or Quiet()
    engine = open_embedder(model)
    progress.start(count_passages(folder), "passages")
    total = build(folder, engine, passage_prefix, query_prefix, progress.advance)
    return Embedded(total, engine.name, folder / FOLDER)


@dataclass(frozen=True)
class Exported:
    """An index that was exported: the number of passages, and the cluster's address or the folder they are in."""

    passages: int
    target: str
    """The address is without its password."""


def export_index(
    target: str | Path,
    address: str = "",
    out: Path | None = None,
    runs: str | Path = "runs",
    *,
    shards: int = 1,
    progress: Progress | None = None,
) -> Exported:
    """Load the search index of a run into the OpenSearch index at `address`, or write files for `_bulk` to `out`.

    Loading twice changes nothing. `shards`: shards of a new index. `Problem` if not exactly one of both is given.
    """
    from anatili.search.opensearch import Cluster, count_passages, export

    if bool(address) == bool(out):
        raise Problem("name the address of an index, such as http://127.0.0.1:9200/name, or a folder with --out")
    folder, progress = find_run(Path(target), Path(runs)).folder("index"), progress or Quiet()
    if out:
        return Exported(export(folder, out, shards), str(out))
    cluster = Cluster(address)
    progress.start(count_passages(folder), "passages")
    return Exported(cluster.load(folder, progress.advance, shards), cluster.shown)
