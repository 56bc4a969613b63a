"""Open the corpus of a run by its name."""

from collections.abc import Iterator
from pathlib import Path

from anatili.document import Kept, read_shard
from anatili.problem import Problem
from anatili.run import find_run
from anatili.takedown_log import read_takedowns
from anatili.text import show_path


def read_corpus(run: str | Path, runs: str | Path = "runs", *, held_out: bool = False) -> Iterator[Kept]:
    """The documents of a run's corpus, in the order of its shards; with `held_out`, those held out from training.

    They are streamed. Documents that were taken down are left out at once. `Problem` if the folder `runs` has no such
    run, or if its corpus is not built.
    """
    opened = find_run(Path(run), Path(runs))
    if not opened.record("cut"):
        raise Problem(f"{show_path(opened.root)} has no corpus yet; finish it with: anatili run RECIPE")
    folder = opened.folder("cut") / "held-out" if held_out else opened.folder("cut")
    takedowns = read_takedowns(opened.root)
    for shard in sorted(folder.glob("part-*.parquet")):
        for document in read_shard(shard, Kept):
            if not takedowns.reason(identity=document.id, url=document.url):
                yield document
