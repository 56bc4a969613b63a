"""What two sources of a run found of its language: by both, by only one. So the index of a crawl and a scan of the same
files audit each other."""

from dataclasses import dataclass

from anatili.document import Document, Mark, read_shard
from anatili.problem import Problem
from anatili.recipe import load_recipe
from anatili.run import Run


@dataclass(frozen=True)
class Overlap:
    """Addresses of pages marked as being in the language, by which source found them."""

    first: str
    second: str
    language: str
    both: frozenset[str]
    only_first: frozenset[str]
    only_second: frozenset[str]

    def recall(self, which: str) -> float:
        """Share of what the other source found that this one found too."""
        other = self.both | (self.only_second if which == self.first else self.only_first)
        return len(self.both) / max(1, len(other))


def overlap(run: Run, first: str, second: str) -> Overlap:
    """Compare two sources of `run` by what `mark` found; `Problem` if one is none of its sources."""
    recipe = load_recipe(run.root / "recipe.toml")
    names = [source.name for source in recipe.collect.sources]
    for name in (first, second):
        if name not in names:
            raise Problem(f"{name!r} is no source of {run.root}; there are {', '.join(names)}")
    found: dict[str, set[str]] = {first: set(), second: set()}
    for shard in sorted(run.folder("mark").glob("part-*.parquet")):
        documents, marks = read_shard(run.folder("extract") / shard.name, Document), read_shard(shard, Mark)
        for document, mark in zip(documents, marks, strict=True):
            if mark.language == recipe.language and document.source in found:
                found[document.source].add(document.url)
    one, two = frozenset(found[first]), frozenset(found[second])
    return Overlap(first, second, recipe.language, one & two, one - two, two - one)
