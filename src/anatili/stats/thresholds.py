"""Thresholds and what they measure; what another value of one would lose or bring back, with examples.

Everything is read from the shards of `mark` and `cut` by columns, so the question takes seconds where building the
corpus again takes hours.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anatili.document import Document, Duplicate, Mark, Shared
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.recipe import Cut, Recipe, load_recipe
from anatili.refine.cut import NOT_SHARED, thresholds, why_not
from anatili.refine.shared_sentences import read_shared
from anatili.run import Run
from anatili.text import show_path

OWN_COLUMNS = {"min_words": "own_words", "max_repeated_words": "repeated_words"}
"""Settings whose mark has another name than the setting without `min_` or `max_`."""
OF_WORDS = {"max_links": 100, "max_blocked": 1}
"""Settings of counts that are compared with the number of words, and the number of words that they are for."""
EXEMPT = ("min_quality", "min_order", "max_odd", "max_surprisal", "max_unended", "min_cohesion")
"""Settings that do not hold for some documents, such as verse, so that the value alone does not decide."""
LINKED, SHARED = "linked", "shared"
"""The measures that `extract` and `dedup` have written."""
EXAMPLES = 10
EXCERPT = 300
"""Characters of an example."""
Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Row = tuple[Document, Mark, Duplicate, Shared]


@dataclass(frozen=True)
class Example:
    """A document that another threshold would lose or bring back."""

    id: str
    url: str
    source: str
    value: float
    text: str


@dataclass(frozen=True)
class Change:
    """What another value of a threshold does to the corpus."""

    setting: str
    old: dict[str, float]
    """Language -> the value in use."""
    new: float
    documents: int
    """In the corpus now, held-out ones included."""
    lost: int
    gained: int
    lost_words: int
    words: int
    """Words of the corpus now."""
    by_source: dict[str, int]
    """Source -> documents lost."""
    lost_examples: tuple[Example, ...]
    gained_examples: tuple[Example, ...]


@dataclass(frozen=True)
class Marks:
    """The marks of a run as columns, of the documents in its languages, with what `cut` decided."""

    table: pa.Table
    shards: tuple[str, ...]
    shard: npt.NDArray[np.int64]
    """The number of each document's shard."""
    row: npt.NDArray[np.int64]
    """The number of each document in its shard."""
    kept: Mask
    reasons: list[str]
    """Why each was lost; "" if it was kept."""

    def values(self, setting: str) -> Values:
        """What a threshold is compared with, for each document."""
        column = self.table[column_of(setting)].to_numpy().astype(np.float64)
        if setting in OF_WORDS:
            column = OF_WORDS[setting] * column / np.maximum(1, self.table["words"].to_numpy())
        return np.asarray(column)

    def languages(self) -> npt.NDArray[Any]:
        return np.asarray(self.table["language"].to_numpy(zero_copy_only=False))

    def sources(self) -> npt.NDArray[Any]:
        return np.asarray(self.table["source"].to_numpy(zero_copy_only=False))


def column_of(setting: str) -> str:
    """The column of marks that a threshold is compared with; "" if there is none."""
    column = OWN_COLUMNS.get(setting, setting[4:] if setting[:4] in ("min_", "max_") else "")
    return column if column in (*Mark.__slots__, LINKED, SHARED) else ""


def settings() -> list[str]:
    """The thresholds that decide about documents by a number."""
    return [name for name in Cut.model_fields if column_of(name) and name not in ("max_other", "min_verse")]


def limits_of(recipe: Recipe) -> dict[str, Cut]:
    """Language -> the thresholds in use."""
    return {code: thresholds(recipe.cut, load_pack(code)) for code in recipe.languages}


def fails(setting: str, values: Values, limit: Values | float) -> Mask:
    """Which values a threshold refuses."""
    return np.asarray(values < limit if setting.startswith("min_") else values > limit)


def read_marks(run: Run) -> Marks:
    """The marks of a run; `Problem` if it has no corpus yet."""
    if not run.record("cut"):
        raise Problem(f"{show_path(run.root)} has no corpus yet; finish it with: anatili run RECIPE --until cut")
    languages = load_recipe(run.root / "recipe.toml").languages
    columns = ["id", "language", "words", *{column_of(name) for name in settings()} - {"words", LINKED, SHARED}]
    tables, numbers, rows, reasons = list[pa.Table](), list[int](), list[npt.NDArray[np.int64]](), list[str]()
    names = [path.name for path in sorted(run.folder("mark").glob("part-*.parquet"))]
    for number, name in enumerate(names):
        marks = pq.read_table(run.folder("mark") / name, columns=columns)
        documents = pq.read_table(run.folder("extract") / name, columns=["source", LINKED])
        chosen = pc.is_in(marks["language"], value_set=pa.array(languages)).to_numpy(zero_copy_only=False)
        for column in ("source", LINKED):
            marks = marks.append_column(column, documents[column])
        shared = read_shared(run.folder("dedup"), name)
        shares = [shared.get(identity, NOT_SHARED).share for identity in marks["id"].to_pylist()]
        marks = marks.append_column(SHARED, pa.array(shares, pa.float64()))
        table = marks.filter(pa.array(chosen))
        lost = pq.read_table(run.folder("cut") / "lost" / name, columns=["id", "reason"])
        reason_of = dict(zip(lost["id"].to_pylist(), lost["reason"].to_pylist(), strict=True))
        tables.append(table)
        rows.append(np.flatnonzero(chosen))
        numbers += [number] * table.num_rows
        reasons += [reason_of.get(identity, "") for identity in table["id"].to_pylist()]
    table = pa.concat_tables(tables)
    kept = np.array([not reason for reason in reasons], bool)
    return Marks(table, tuple(names), np.array(numbers, np.int64), np.concatenate(rows), kept, reasons)


def what_if(run: Run, marks: Marks, setting: str, new: float) -> Change:
    """What the corpus would lose and get back with another value of a threshold, in all languages."""
    if setting not in settings():
        raise Problem(f"no threshold {setting!r} that a number decides; there are {', '.join(settings())}")
    recipe = load_recipe(run.root / "recipe.toml")
    limits = limits_of(recipe)
    old = {code: float(getattr(limit, setting)) for code, limit in limits.items()}
    values, words = marks.values(setting), marks.table["words"].to_numpy()
    in_use = np.array([old[code] for code in marks.languages()], float)
    changed = {
        code: limit.model_copy(update={setting: type(getattr(limit, setting))(new)}) for code, limit in limits.items()
    }
    lost = marks.kept & fails(setting, values, new)
    if setting in EXEMPT:
        stays = [at for at, row in rows_at(run, marks, np.flatnonzero(lost)) if not first_reason(row, changed)]
        lost[stays] = False
    candidates = ~marks.kept & fails(setting, values, in_use) & ~fails(setting, values, new)
    back = [at for at, row in rows_at(run, marks, np.flatnonzero(candidates)) if not first_reason(row, changed)]
    gained = np.array(back, np.int64)
    return Change(
        setting=setting,
        old=old,
        new=new,
        documents=int(marks.kept.sum()),
        lost=int(lost.sum()),
        gained=len(gained),
        lost_words=int(words[lost].sum()),
        words=int(words[marks.kept].sum()),
        by_source=dict(Counter(marks.sources()[lost].tolist()).most_common()),
        lost_examples=tuple(examples(run, marks, values, np.flatnonzero(lost))),
        gained_examples=tuple(examples(run, marks, values, gained)),
    )


def first_reason(row: Row, limits: dict[str, Cut]) -> str:
    """Why `cut` would drop a document with these thresholds; "" if it is kept."""
    document, mark, duplicate, shared = row
    return why_not(document, mark, duplicate, limits, shared)[0]


def rows_at(run: Run, marks: Marks, positions: npt.NDArray[np.int64]) -> Iterator[tuple[int, Row]]:
    """The documents at these positions with their marks, in order."""
    kinds = (("extract", Document), ("mark", Mark), ("dedup", Duplicate))
    for number in np.unique(marks.shard[positions]).tolist():
        here = positions[marks.shard[positions] == number]
        rows = pa.array(marks.row[here])
        tables = [
            pq.read_table(run.folder(stage) / marks.shards[number], columns=list(kind.__slots__)).take(rows).to_pylist()
            for stage, kind in kinds
        ]
        common = read_shared(run.folder("dedup"), marks.shards[number])
        for at, *values in zip(here.tolist(), *tables, strict=True):
            document, mark, duplicate = (kind(**row) for (_, kind), row in zip(kinds, values, strict=True))
            yield at, (document, mark, duplicate, common.get(document.id, NOT_SHARED))


def examples(run: Run, marks: Marks, values: Values, positions: npt.NDArray[np.int64]) -> Iterator[Example]:
    """Up to `EXAMPLES` of the documents at these positions, drawn at equal distances in the order of their values."""
    ordered = positions[np.argsort(values[positions], kind="stable")]
    chosen = (
        ordered[np.linspace(0, len(ordered) - 1, min(EXAMPLES, len(ordered))).astype(int)] if len(ordered) else ordered
    )
    documents = {at: row[0] for at, row in rows_at(run, marks, np.unique(chosen))}
    for at in chosen.tolist():
        text = " ".join(documents[at].text.split())[:EXCERPT]
        yield Example(documents[at].id, documents[at].url, documents[at].source, round(float(values[at]), 4), text)
