"""`pairs`: clean sentence pairs for translation; losses are counted by reason."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, combinations
from pathlib import Path
from typing import Any

from anatili import benchmarks
from anatili.atomic_files import whole_file
from anatili.benchmarks import letters, read_benchmarks
from anatili.document import Kept, read_shard
from anatili.engine import similarity
from anatili.lang.translation_entries import complete
from anatili.lang.translation_words import FOLDER, Entries, write_entries
from anatili.lang.word_alignment import learn
from anatili.problem import Problem, not_installed
from anatili.recipe import Pairs, PairSource, Recipe
from anatili.refine.capitals import Capitals
from anatili.refine.cut import HELD_OUT, is_held_out
from anatili.stage import Task
from anatili.text import file_digest, short_hash, show_path

Pair = tuple[str, str]
JOINED = "joined"
"""Source name of pairs that were joined through a sentence of the main language."""
WORDS = (3, 60)
"""Least and most words of a sentence: shorter ones are interface strings, longer ones several sentences."""
RATIO = 2.5
"""Highest ratio of the lengths of the two sentences, in characters."""
CODE = re.compile(r"%[\w$(]|[{}<>\\]|&\w|\$\w|https?:|_\w")
"""Marks of interface strings and markup."""
NUMBER = re.compile(r"\d+")
MENU_KEY = re.compile(r"[&_](?=[^\W\d_])")


def run(task: Task) -> dict[str, Any]:
    """Write `<languages>.<source>.tsv`, one column per language, for each source and for the pairs joined through the
    main language, and a dictionary for each direction."""
    settings: Pairs = task.settings
    lost: Counter[str] = Counter()
    kept: dict[str, int] = {}
    pair_filter = PairFilter(task, settings) if settings.sources else None
    tables: dict[str, dict[str, str]] = {}
    task.progress.start(len(settings.sources), "sources")
    for source in settings.sources:
        assert pair_filter
        check_languages(source, task.recipe)
        rows = list(rows_of(source, task.base, lost))
        for languages in source.pairs:
            pairs, held = pair_filter.good(rows, source, languages, lost)
            write(task.out / HELD_OUT, "-".join(languages), source.name, held)
            lost[HELD_OUT.replace("-", " ")] += len(held)
            kept[write(task.out, "-".join(languages), source.name, pairs)] = len(pairs)
            if languages[0] == task.recipe.language and len(source.codes) == 2:
                tables.setdefault(languages[1], {}).update(pairs)
        task.progress.advance()
    for first, second in combinations(sorted(tables), 2) if settings.joined else ():
        shared = sorted(tables[first].keys() & tables[second].keys())
        pairs = list(dict.fromkeys((tables[first][key], tables[second][key]) for key in shared))
        kept[write(task.out, f"{first}-{second}", JOINED, pairs)] = len(pairs)
    words = write_dictionaries(task, pair_filter.short) if pair_filter else {}
    return {"pairs": kept, "words": words, "lost": dict(sorted(lost.items()))}


def write_dictionaries(task: Task, short: Mapping[Pair, Iterable[Pair]]) -> dict[str, int]:
    """Write `dictionary/<languages>.tsv` for each direction, from the pairs of sentences and from `short`, languages ->
    pairs of a word or two; returns the number of words of each direction."""
    order, packs = task.recipe.languages.index, task.packs()
    by_languages: dict[Pair, list[Iterable[Pair]]] = {}
    tables: list[tuple[Pair, Iterable[Pair]]] = [
        (languages_of(file), read_pairs(file)) for file in files_of(task.out, task.settings)
    ]
    for languages, pairs in (*short.items(), *tables):
        first, second = sorted(languages, key=order)
        turned = pairs if languages == (first, second) else (pair[::-1] for pair in pairs)
        by_languages.setdefault((first, second), []).append(turned)
    learned: dict[str, Entries] = {}
    for (first, second), parts in by_languages.items():
        found = learn(chain.from_iterable(parts), packs[first], packs[second])
        learned[f"{first}-{second}"], learned[f"{second}-{first}"] = found
    entries = complete(learned, packs)
    for direction, words in entries.items():
        write_entries(task.out / FOLDER, direction, words)
    return {direction: len(words) for direction, words in entries.items()}


def inventory(recipe: Recipe, base: Path) -> dict[str, Any]:
    """The pair files and benchmarks with their digests, so that a run notices when one changes."""
    if not recipe.pairs.sources:
        return {}
    facts: dict[str, Any] = {source.name: file_digest(existing_file(source, base)) for source in recipe.pairs.sources}
    if len(facts) < len(recipe.pairs.sources) or JOINED in facts:
        raise Problem(
            f"[pairs] two sources have the same name, or one is named {JOINED!r}; give each source its own name"
        )
    return facts | {"benchmarks": benchmarks.digests(recipe.mark.benchmarks, base)}


def existing_file(source: PairSource, base: Path) -> Path:
    if not (base / source.path).is_file():
        raise Problem(
            f"[pairs] no file {show_path(base / source.path)}; correct the path in the recipe or remove the source"
        )
    return base / source.path


def check_languages(source: PairSource, recipe: Recipe) -> None:
    if missing := set(source.codes) - set(recipe.languages):
        raise Problem(f"[pairs] source {source.name!r} has {min(missing)}, which is not a language of the recipe")


def rows_of(source: PairSource, base: Path, lost: Counter[str]) -> Iterator[list[str]]:
    """The sentences of rows with one in each language and, if the source has a `min_score`, a high enough score."""
    count = len(source.codes)
    with existing_file(source, base).open(encoding="utf-8-sig", errors="replace") as file:
        for line in file:
            cells = [cell.strip() for cell in line.rstrip("\n").split("\t")]
            if len(cells) < count or not all(cells[:count]):
                lost["no pair"] += 1
            elif source.min_score and score_of(cells[count:]) < source.min_score:
                lost["low score"] += 1
            else:
                yield cells[:count]


def score_of(cells: list[str]) -> float:
    """The number in the first of the cells after the sentences; infinite if there is none."""
    try:
        return float(cells[0])
    except (IndexError, ValueError):
        return float("inf")


class PairFilter:
    """Decides which pairs are good enough to train on."""

    def __init__(self, task: Task, settings: Pairs) -> None:
        self.settings = settings
        self.known = read_benchmarks(tuple(str(task.base / name) for name in task.recipe.mark.benchmarks))
        self.held = set(held_out_lines(task.inputs["cut"] / HELD_OUT))
        self.seen: set[tuple[str, str]] = set()
        self.short: dict[Pair, dict[Pair, None]] = {}
        """Languages -> pairs of a word or two, each once: no sentences to learn, but words for the dictionaries."""
        self.capitals = self.learn_capitals(task) if settings.capitals else {}
        if settings.min_likeness and not similarity.installed():
            raise Problem(f"{not_installed('[pairs] min_likeness needs sentence embeddings', 'dense')}; or set it to 0")

    @staticmethod
    def learn_capitals(task: Task) -> dict[str, Capitals]:
        def texts(language: str) -> Iterator[str]:
            for shard in sorted(task.inputs["cut"].glob("part-*.parquet")):
                yield from (row.text for row in read_shard(shard, Kept) if row.language == language)
            for source in task.settings.sources:
                if language in source.codes:
                    column = source.codes.index(language)
                    yield from (row[column] for row in rows_of(source, task.base, Counter()))

        return {code: Capitals(texts(code)) for code in task.recipe.languages}

    def good(
        self, rows: Iterable[list[str]], source: PairSource, languages: Pair, lost: Counter[str]
    ) -> tuple[list[Pair], list[Pair]]:
        """The good pairs of two languages of the rows, each once and with capitals restored: those to learn from and
        those held out. The row's first sentence decides which, so that its translations are held out with it."""
        first, second = languages
        columns = source.codes.index(first), source.codes.index(second)
        training: list[Pair] = []
        held: list[Pair] = []
        for row in rows:
            pair = row[columns[0]], row[columns[1]]
            if reason := self.why_not(pair, languages):
                lost[reason] += 1
                if reason == "length":
                    self.keep_short(pair, languages)
                continue
            if self.capitals:
                pair = self.capitals[first].restore(pair[0]), self.capitals[second].restore(pair[1])
            chosen = held if is_held_out(short_hash(letters(row[0])), self.settings.held_out) else training
            chosen.append(pair)
        return training, held

    def keep_short(self, pair: Pair, languages: Pair) -> None:
        """Keep a pair of a word or two, without the marks of the keys that open a menu."""
        first, second = (MENU_KEY.sub("", side) for side in pair)
        if all(len(side.split()) < WORDS[0] and not CODE.search(side) for side in (first, second)):
            self.short.setdefault(languages, {})[first, second] = None

    def why_not(self, pair: Pair, languages: Pair) -> str:
        """The first reason to drop a pair; "" if it is kept."""
        key = (*languages, letters(pair[0]) + "\t" + letters(pair[1]))
        if reason := misshapen(*pair):
            return reason
        if (key[0], key[2]) in self.seen:
            return "seen before"
        if any(self.known.hold(sentence) for sentence in pair):
            return "held in a benchmark"
        if self.held & {letters(sentence) for sentence in pair}:
            return "held out"
        if self.settings.min_likeness and similarity.closeness(*pair) < self.settings.min_likeness:
            return "unlike in meaning"
        self.seen.add((key[0], key[2]))
        return ""


def misshapen(first: str, second: str) -> str:
    """Why the form of two sentences rules out that one translates the other; "" if it does not."""
    if not all(WORDS[0] <= len(sentence.split()) <= WORDS[1] for sentence in (first, second)):
        return "length"
    if first == second:
        return "the same twice"
    if CODE.search(first) or CODE.search(second):
        return "code"
    if not 1 / RATIO <= len(first) / len(second) <= RATIO:
        return "lengths apart"
    first_numbers, second_numbers = Counter(NUMBER.findall(first)), Counter(NUMBER.findall(second))
    # One number may be written as a word on one side.
    return (
        "other numbers"
        if (first_numbers - second_numbers).total() + (second_numbers - first_numbers).total() > 1
        else ""
    )


def held_out_lines(folder: Path) -> Iterator[str]:
    """The letters of each line of the held-out documents."""
    for shard in folder.glob("part-*.parquet"):
        for row in read_shard(shard, Kept):
            yield from filter(None, map(letters, row.text.splitlines()))


def write(folder: Path, languages: str, source: str, pairs: list[Pair]) -> str:
    """Write a file of pairs; returns its name without the extension."""
    name = f"{languages}.{source}"
    with whole_file(folder / f"{name}.tsv") as temporary:
        Path(temporary).write_text("".join(f"{first}\t{second}\n" for first, second in pairs), "utf-8", newline="\n")
    return name


def read_pairs(file: Path) -> Iterator[Pair]:
    """The pairs in a file that `write` wrote."""
    with file.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            first, second = line.rstrip("\n").split("\t")
            yield first, second


def source_of(file: Path) -> str:
    """The source in a pair file's name: `kaznu` for `kk-en.kaznu.tsv`."""
    return file.stem.partition(".")[2]


def languages_of(file: Path) -> Pair:
    """The two languages in a pair file's name."""
    first, _, second = file.stem.partition(".")[0].partition("-")
    return first, second


def files_of(folder: Path, settings: Pairs) -> list[Path]:
    """The pair files that this stage wrote, in the recipe's order, joined ones last."""
    order = [f"{'-'.join(pair)}.{source.name}" for source in settings.sources for pair in source.pairs]
    return sorted(
        folder.glob("*.tsv"), key=lambda file: (order.index(file.stem) if file.stem in order else 10**6, file.name)
    )
