"""Documents, their marks, and the Parquet shards that store them."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from anatili.atomic_files import whole_file

if TYPE_CHECKING:  # commands that read no shard start without it
    import pyarrow as pa

Row = TypeVar("Row")
BATCH = 512
"""Rows in memory at a time while a shard is written or read."""


@dataclass(frozen=True, slots=True)
class Document:
    """A text and its origin. The `id` never changes, whatever happens to the text."""

    id: str
    text: str
    title: str
    url: str
    source: str
    """Name of the recipe's source."""
    time: str
    """When it was fetched (ISO 8601); "" if unknown."""
    license: str
    opt_out: str
    """Signals by which its owner opts out of training, each with the day on which it was read; "" if none."""
    charset: str
    translated: str = ""
    """Signals that it was machine-translated; "" if none."""
    language: str = ""
    """The language that the recipe's source says it is in, "" if it does not say."""
    linked: float = 0.0
    """Share of its words that are links on its page."""


def part_id(page: str, language: str) -> str:
    """The id of what is in `language` on a page that is mostly in another. Its first digits are those of the page, so
    that all documents of a page are held out together or not at all."""
    return f"{page}-{language}"


def page_id(identity: str) -> str:
    """The id of the page that a document is from: its own, unless it is a part of the page."""
    return identity.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Mark:
    """Findings about a document. Marks decide nothing; `cut` decides, by the recipe."""

    id: str
    words: int
    language: str
    script: str
    confidence: float
    """Of the language, 0 to 1."""
    alphabet: float
    """Share of letters that belong to the language's alphabet in that script, with look-alikes corrected, in the lines
    that are not confidently in another language."""
    stopwords: float
    """Share of words in those lines that are stop words of the language."""
    other: float
    """Share of letters in lines that are confidently in another language."""
    lines: tuple[str, ...]
    """For each line of the text, the language that it is confidently in; "" if it is too short to tell."""
    own_words: int
    """Words outside lines that are confidently in another language."""
    switched: float
    """Share of words that are stop words of another language of the recipe but not of this one."""
    folded: float
    """Share of words that are stop words typed without the language's special letters, if the text has none."""
    repeats: float
    """Share of characters in lines that repeat an earlier line of the document."""
    repeated_words: float
    """Share of words covered by the most frequent sequence of three words."""
    symbols: float
    """Share of characters that are neither letters, digits, spaces nor plain punctuation."""
    links: int
    """Number of web addresses in the text."""
    mixed: int
    """Number of words that mix Latin and Cyrillic letters."""
    blocked: int
    """Number of words from the pack's blocked list."""
    personal: str
    """Kinds of personal data with their counts, as `email:1 phone:2`."""
    quality: float
    """How much it reads like explanatory prose, 0 to 1, by the pack's small classifier; -1 if the pack has none."""
    contaminated: int
    """Number of eight-word sequences that it shares with the recipe's benchmark files."""
    surprisal: float = -1.0
    """Bits a character by the pack's model of letters, as a multiple of what ordinary prose needs; -1 without one."""
    odd: float = -1.0
    """Share of words, names aside, whose letters follow one another as in no known word; -1 without a model."""
    order: float = 100.0
    """How much better the endings of neighboring words fit each other than those of the shuffled text, in standard
    errors (0: not at all); 100 for short texts and without a model."""
    runs: float = 0.0
    """Share of words in five-word sequences that come more than once."""
    unended: float = 0.0
    """Share of words in lines that break off without punctuation, if there are at least four such lines."""
    verse: float = 0.0
    """Share of lines that rhyme, if all are short."""
    stopped: str = ""
    """Why marking stopped early, at the time limit for a page; "" if it did not."""
    identified: str = ""
    """What the identifier called it, where the source said the language; "" where the identifier decided."""
    cohesion: float = 100.0
    """How much more often its sentences have words in common than by chance, less what its length gives (about 0 and
    more for texts on one subject); 100 for fewer than ten sentences and without a list of frequencies."""


NOT_MEASURED = {"quality": -1.0, "surprisal": -1.0, "odd": -1.0, "order": 100.0, "cohesion": 100.0}
"""Marks that some texts cannot have, such as those without a model, and the values that stand for that."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Whether a document duplicates another. `of` is the id of the copy that is kept, "" for that copy itself."""

    id: str
    of: str
    kind: str
    """`exact`, `near` or ""."""
    likeness: float
    """Estimated Jaccard similarity of five-word sequences."""
    boilerplate: tuple[int, ...] = ()
    """Numbers, from 0, of the lines that its host repeats on many pages."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What of a document stands in many others. Documents without such sentences have no row."""

    id: str
    spans: tuple[int, ...]
    """Start and end of each such sentence, in characters of its text."""
    share: float
    """Share of its words in them."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A document of the corpus, with personal data masked and look-alikes corrected."""

    id: str
    text: str
    title: str
    url: str
    source: str
    time: str
    license: str
    language: str
    script: str


@dataclass(frozen=True, slots=True)
class Lost:
    """A record or document that was dropped, and why."""

    id: str
    url: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class SiftedOut:
    """A page that the gate rejected, stored as a hash of its address: there are thousands for each accepted page."""

    url: int


def arrow_schema(kind: type[Any]) -> "pa.Schema":
    """The Arrow schema of a row class."""
    import pyarrow as pa

    plain = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(), bytes: pa.binary()}

    def column(hint: Any) -> "pa.DataType":
        return pa.list_(column(get_args(hint)[0])) if get_origin(hint) in (tuple, list) else plain[hint]

    hints = get_type_hints(kind)
    return pa.schema([(field.name, column(hints[field.name])) for field in fields(kind)])


def write_shard(path: Path, kind: type[Row], rows: Iterable[Row], counts: Counter[str] | None = None) -> None:
    """Write rows to a Parquet shard in one move, so that a shard that exists is complete.

    `counts` may be filled while `rows` are consumed. They are stored inside the shard (in the footer), so that a
    resumed stage adds up to the same summary. Without them, the rows are counted.
    """
    import pyarrow.parquet as pq

    schema = arrow_schema(kind)
    names = schema.names
    total = 0
    with whole_file(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        batch: list[Row] = []
        for row in rows:
            batch.append(row)
            if len(batch) == BATCH:
                writer.write_batch(_batch(batch, names, schema))
                total, batch = total + len(batch), []
        writer.write_batch(_batch(batch, names, schema))
        total += len(batch)
        footer = dict(counts) if counts is not None else {"rows": total}
        writer.add_key_value_metadata({"counts": json.dumps(footer, sort_keys=True, ensure_ascii=False)})


def _batch(rows: list[Row], names: list[str], schema: "pa.Schema") -> "pa.RecordBatch":
    import pyarrow as pa

    columns = [pa.array([getattr(row, name) for row in rows], schema.field(name).type) for name in names]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def read_shard(path: Path, kind: type[Row]) -> Iterator[Row]:
    """Yield the rows of a shard; it must have the columns of `kind`."""
    import pyarrow.parquet as pq

    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH, columns=names):
            columns = [batch.column(name).to_pylist() for name in names]
            yield from (kind(*values) for values in zip(*columns, strict=True))


def read_counts(path: Path) -> dict[str, int]:
    """The counts stored inside a shard."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path).metadata or {}
    counts: dict[str, int] = json.loads(metadata[b"counts"])
    return counts


def add_up(shards: Iterable[Path]) -> dict[str, int]:
    """The sum of the counts stored in shards, sorted by name."""
    total = Counter[str]()
    for shard in shards:
        total.update(read_counts(shard))
    return dict(sorted(total.items()))
