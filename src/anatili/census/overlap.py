"""Pages in the run's language that two of its sources found: both, or only one. With it the index of a crawl and a scan
of the same files check each other."""

from dataclasses import dataclass

from anatili.document import Document, Mark, read_shard
from anatili.problem import Problem
from anatili.recipe import load_recipe
from anatili.run import Run


@dataclass(frozen=True)
class Overlap:
    """Addresses of pages marked as being in the language, by the source that found them."""

    first: str
    second: str
    language: str
    both: frozenset[str]
    only_first: frozenset[str]
    only_second: frozenset[str]

    def recall(self, which: str) -> float:
        """The share of the other source's pages that this source found too."""
        other = self.both | (self.only_second if which == self.first else self.only_first)
        return len(self.both) / max(1, len(other))


def overlap(run: Run, first: str, second: str) -> Overlap:
    """Compare two sources of `run` by the marks of `mark`; `Problem` if one is not a source of the run."""
    recipe = load_recipe(run.root / "recipe.toml")
    names = [source.name for source in recipe.collect.sources]
    for name in (first, second):
        if name not in names:
            raise Problem(f"{name!r} is not a source of {run.root}; its sources are {', '.join(names)}")
    addresses: dict[str, set[str]] = {first: set(), second: set()}
    for shard in sorted(run.folder("mark").glob("part-*.parquet")):
        documents, marks = read_shard(run.folder("extract") / shard.name, Document), read_shard(shard, Mark)
        for document, mark in zip(documents, marks, strict=True):
            if mark.language == recipe.language and document.source in addresses:
                addresses[document.source].add(document.url)
    by_first, by_second = frozenset(addresses[first]), frozenset(addresses[second])
    return Overlap(first, second, recipe.language, by_first & by_second, by_first - by_second, by_second - by_first)
