"""The search index that is meant: of a run or of the sample, with the vectors and the cluster that belong to it."""

import os
from pathlib import Path

from anatili.engine import sentences
from anatili.lang import LanguagePack, load_pack
from anatili.opening import Tell, is_run, open_engine_of, silent, speaking
from anatili.opening.sample_index import sample_run
from anatili.problem import install
from anatili.recipe import load_recipe
from anatili.run import Run, find_run
from anatili.search.dense import Dense, Embedder, read_facts
from anatili.search.searcher import Search

SAMPLE = "sample"
NO_VECTORS = "none"


def search_of(run: Run, packs: dict[str, LanguagePack], tell: Tell = silent) -> Search | None:
    """The search index of a run, None if it has none; its vectors are asked too where it has any.

    Where ANATILI_OPENSEARCH is set, it is the index there; where ANATILI_EMBEDDINGS is, that model makes the vectors.
    """
    folder = run.folder("index")
    if not run.record("index"):
        return None
    dense = vectors_of(folder, os.environ.get("ANATILI_EMBEDDINGS", ""), tell)
    if cluster := os.environ.get("ANATILI_OPENSEARCH", ""):
        from anatili.search.opensearch import open_cluster

        return open_cluster(cluster, folder, packs, dense)
    return Search(folder, packs, dense=dense)


def vectors_of(folder: Path, model: str, tell: Tell) -> Dense | None:
    """The vectors of an index with the model that made them; without a name only the one that needs none.

    `none` as its name means that words alone are to be asked.
    """
    made_by = read_facts(folder).get("model", "")
    if model == NO_VECTORS or not (model or made_by == sentences.PACKAGE):
        return None
    if not model and not sentences.installed():
        tell(f"search goes by words alone: its vectors need {sentences.PACKAGE}: {install('dense')}")
        return None
    return Dense(folder, open_embedder(model))


def open_embedder(model: str = "") -> Embedder:
    """What makes vectors: a server's address or a model; without a name the model that comes as a package."""
    if model in ("", sentences.PACKAGE):
        return sentences.SentenceEngine()
    return open_engine_of(model)


def searched_run(target: str, runs: Path = Path("runs"), tell: Tell = silent) -> tuple[Run, dict[str, LanguagePack]]:
    """The run that is meant and the packs of its languages; that of the sample, if this is its name and no run's."""
    if target == SAMPLE and not is_run(target, runs):
        packs = speaking()
        return sample_run(list(packs), tell), packs
    run = find_run(Path(target), runs)
    recipe = load_recipe(run.root / "recipe.toml")
    return run, {code: load_pack(code) for code in recipe.languages}


def open_search(target: str | Path, runs: str | Path = "runs", tell: Tell = silent) -> Search:
    """The search index of a run, or of the bundled texts (`sample`). `tell` gets words for a person who waits."""
    run, packs = searched_run(str(target), Path(runs), tell)
    return search_of(run, packs, tell) or Search(run.folder("index"), packs)
