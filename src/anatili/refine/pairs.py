"""`pairs`: sentence pairs for translation, cleaned; each loss is counted by its reason."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

from anatili import benchmarks, meaning
from anatili.benchmarks import letters, read_benchmarks
from anatili.document import Kept, read_shard, whole_file
from anatili.problem import Problem, install
from anatili.recipe import Pairs, PairSource, Recipe
from anatili.refine.capitals import Capitals
from anatili.refine.cut import HELD_OUT, is_held_out
from anatili.run import digest
from anatili.stage import Task
from anatili.text import short_hash, show_path

Pair = tuple[str, str]
JOINED = "joined"
"""Name of the source of pairs that share a sentence of the main language."""
WORDS = (3, 60)
"""Fewest and most words of a sentence: below it is a scrap of an interface, above several sentences."""
RATIO = 2.5
"""Most times that one sentence may be as long as the other, in letters."""
CODE = re.compile(r"%[\w$(]|[{}<>\\]|&\w|\$\w|https?:|_\w")
"""Signs of an interface's strings and of markup."""
NUMBER = re.compile(r"\d+")


def run(task: Task) -> dict[str, Any]:
    """Write `<languages>.<source>.tsv`, a sentence a column, for each source and for what joins through the main
    language."""
    settings: Pairs = task.settings
    lost: Counter[str] = Counter()
    kept: dict[str, int] = {}
    guard = Guard(task, settings) if settings.sources else None
    tables: dict[str, dict[str, str]] = {}
    task.progress.start(len(settings.sources), "sources")
    for source in settings.sources:
        assert guard
        check_languages(source, task.recipe)
        both = list(guard.good(rows_of(source, task.base, lost), source, lost))
        # By the first sentence, so that no translation of it into a third language is learned either.
        apart = [is_held_out(short_hash(letters(one)), settings.held_out) for one, _ in both]
        held = [pair for pair, is_held in zip(both, apart, strict=True) if is_held]
        found = [pair for pair, is_held in zip(both, apart, strict=True) if not is_held]
        write(task.out / HELD_OUT, source.languages, source.name, held)
        lost[HELD_OUT.replace("-", " ")] += len(held)
        kept[write(task.out, source.languages, source.name, found)] = len(found)
        one, _, other = source.languages.partition("-")
        if one == task.recipe.language:
            tables.setdefault(other, {}).update(found)
        task.progress.advance()
    for one, other in combinations(sorted(tables), 2) if settings.joined else ():
        shared = sorted(tables[one].keys() & tables[other].keys())
        both = list(dict.fromkeys((tables[one][key], tables[other][key]) for key in shared))
        kept[write(task.out, f"{one}-{other}", JOINED, both)] = len(both)
    return {"pairs": kept, "lost": dict(sorted(lost.items()))}


def inventory(recipe: Recipe, base: Path) -> dict[str, Any]:
    """The files of pairs and the benchmarks, with their digests: by this a run notices that one changes."""
    if not recipe.pairs.sources:
        return {}
    facts: dict[str, Any] = {source.name: digest(existing(source, base)) for source in recipe.pairs.sources}
    if len(facts) < len(recipe.pairs.sources) or JOINED in facts:
        raise Problem(f"[pairs] two sources have one name, or one is called {JOINED!r}; give each a name of its own")
    return facts | {"benchmarks": benchmarks.digests(recipe.mark.benchmarks, base)}


def existing(source: PairSource, base: Path) -> Path:
    if not (base / source.path).is_file():
        raise Problem(f"[pairs] no file {show_path(base / source.path)}; correct the path in the recipe or take it out")
    return base / source.path


def check_languages(source: PairSource, recipe: Recipe) -> None:
    if missing := set(source.languages.split("-")) - set(recipe.languages):
        raise Problem(f"[pairs] source {source.name!r} has {min(missing)}, which is no language of the recipe")


def rows_of(source: PairSource, base: Path, lost: Counter[str]) -> Iterator[Pair]:
    """Rows with two sentences and, where one is asked for, a good score."""
    with existing(source, base).open(encoding="utf-8-sig", errors="replace") as file:
        for line in file:
            cells = [cell.strip() for cell in line.rstrip("\n").split("\t")]
            if len(cells) < 2 or not (cells[0] and cells[1]):
                lost["no pair"] += 1
            elif source.min_score and score_of(cells) < source.min_score:
                lost["low score"] += 1
            else:
                yield cells[0], cells[1]


def score_of(cells: list[str]) -> float:
    """The number in the third column; a pair without one is taken for good."""
    try:
        return float(cells[2])
    except (IndexError, ValueError):
        return float("inf")


class Guard:
    """Which pairs are fit to learn from."""

    def __init__(self, task: Task, settings: Pairs) -> None:
        self.settings = settings
        self.known = read_benchmarks(tuple(str(task.base / name) for name in task.recipe.mark.benchmarks))
        self.held = set(held_out_lines(task.inputs["cut"] / HELD_OUT))
        self.seen: set[tuple[str, str]] = set()
        self.capitals = self.learn_capitals(task) if settings.capitals else {}
        if settings.min_likeness and not meaning.installed():
            raise Problem(f"[pairs] min_likeness needs sentence vectors: {install('dense')}, or set it to 0")

    @staticmethod
    def learn_capitals(task: Task) -> dict[str, Capitals]:
        def texts(language: str) -> Iterator[str]:
            for shard in sorted(task.inputs["cut"].glob("part-*.parquet")):
                yield from (row.text for row in read_shard(shard, Kept) if row.language == language)
            for source in task.settings.sources:
                if language in (codes := source.languages.split("-")):
                    yield from (pair[codes.index(language)] for pair in rows_of(source, task.base, Counter()))

        return {code: Capitals(texts(code)) for code in task.recipe.languages}

    def good(self, pairs: Iterable[Pair], source: PairSource, lost: Counter[str]) -> Iterator[Pair]:
        """Pairs fit to learn from, each once, their capitals given back."""
        one, _, other = source.languages.partition("-")
        for pair in pairs:
            if reason := self.why_not(pair, (one, other)):
                lost[reason] += 1
                continue
            if self.capitals:
                pair = self.capitals[one].give_back(pair[0]), self.capitals[other].give_back(pair[1])
            yield pair

    def why_not(self, pair: Pair, languages: Pair) -> str:
        """The first reason against a pair, "" if it stays."""
        kind = (*languages, letters(pair[0]) + "\t" + letters(pair[1]))
        if reason := misshapen(*pair):
            return reason
        if (kind[0], kind[2]) in self.seen:
            return "seen before"
        if any(self.known.hold(sentence) for sentence in pair):
            return "held in a benchmark"
        if self.held & {letters(sentence) for sentence in pair}:
            return "held out"
        if self.settings.min_likeness and meaning.closeness(*pair) < self.settings.min_likeness:
            return "unlike in meaning"
        self.seen.add((kind[0], kind[2]))
        return ""


def misshapen(one: str, other: str) -> str:
    """What about the form of two sentences says that neither is a translation of the other, "" if nothing does."""
    if not all(WORDS[0] <= len(sentence.split()) <= WORDS[1] for sentence in (one, other)):
        return "length"
    if one == other:
        return "the same twice"
    if CODE.search(one) or CODE.search(other):
        return "code"
    if not 1 / RATIO <= len(one) / len(other) <= RATIO:
        return "lengths apart"
    first, second = Counter(NUMBER.findall(one)), Counter(NUMBER.findall(other))
    # One number may be written as a word on one side.
    return "other numbers" if (first - second).total() + (second - first).total() > 1 else ""


def held_out_lines(folder: Path) -> Iterator[str]:
    """The letters of each line of held-out documents."""
    for shard in folder.glob("part-*.parquet"):
        for row in read_shard(shard, Kept):
            yield from filter(None, map(letters, row.text.splitlines()))


def write(folder: Path, languages: str, source: str, pairs: list[Pair]) -> str:
    """Write a file of pairs; its name without the ending."""
    name = f"{languages}.{source}"
    with whole_file(folder / f"{name}.tsv") as temporary:
        Path(temporary).write_text("".join(f"{one}\t{other}\n" for one, other in pairs), "utf-8", newline="\n")
    return name


def read_pairs(file: Path) -> Iterator[Pair]:
    """The pairs in a file that `write` wrote."""
    with file.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            one, other = line.rstrip("\n").split("\t")
            yield one, other


def source_of(file: Path) -> str:
    """Name of the source in the name of such a file: `kaznu` of `kk-en.kaznu.tsv`."""
    return file.stem.partition(".")[2]


def languages_of(file: Path) -> Pair:
    """The two languages in it."""
    one, _, other = file.stem.partition(".")[0].partition("-")
    return one, other


def files_of(folder: Path, settings: Pairs) -> list[Path]:
    """The files of pairs in the output of this stage, in the recipe's order, joined ones last."""
    order = [f"{source.languages}.{source.name}" for source in settings.sources]
    return sorted(folder.glob("*.tsv"), key=lambda file: (order.index(file.stem) if file.stem in order else 10**6,
                                                           file.name))  # fmt: skip
