"""`dedup`: find duplicate documents across all shards, and lines that a host repeats on its pages.

Texts are compared without look-alike letters, by the language that `mark` found. The same text in another script is
not a duplicate: both are useful, and transliterating every text costs more than it finds. Exact duplicates are found by
a digest of the folded text. Near duplicates are found by MinHash (rensa) over sequences of five words, in `bands` of
`rows` hashes: two documents that share a band are compared by all their hashes. Of each group one copy is kept: the one
fetched first, then the one with the most words, then the smallest id. This does not depend on the order of shards, and
a later crawl does not change which copy of an earlier one is kept.

Memory: about 100 bytes per document in the main process (ids, words, times, one band at a time). The hashes (4 x bands
x rows bytes per document) are in a memory-mapped file, which is removed when the stage is finished.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anatili import text
from anatili.document import Document, Duplicate, Mark, read_counts, read_shard, write_shard
from anatili.lang import LanguagePack, load_pack
from anatili.recipe import Dedup
from anatili.refine import boilerplate
from anatili.stage import Task

SEQUENCE = 5
SEED = 42
PARTS = re.compile(r"\w+")
"""Words, defined more simply than elsewhere: this takes half the time."""
PAIRS = 100_000
"""Pairs whose hashes are compared in one batch."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a document is compared by. `hashes` holds bands x rows unsigned 32-bit integers."""

    id: str
    words: int
    time: str
    folded: int
    hashes: bytes


def run(task: Task) -> dict[str, Any]:
    """Sign each shard of `extract`, group similar documents, then write `Duplicate` rows, same shards, same order."""
    settings: Dedup = task.settings
    shards = sorted(task.inputs["extract"].glob("part-*.parquet"))
    marks = task.inputs["mark"]
    signatures = [task.out / "signatures" / shard.name for shard in shards]
    jobs = [(s, t) for s, t in zip(shards, signatures, strict=True) if not t.exists()]
    task.map(sign_shard, jobs, "shards", count=settings.bands * settings.rows, marks=marks,
             languages=task.recipe.languages)  # fmt: skip
    hashes_file = task.out / ".hashes"
    groups = find_groups(signatures, settings, hashes_file)
    starts = np.cumsum([read_counts(path)["rows"] for path in signatures])[:-1]
    is_kept = np.split(groups.kept == np.arange(len(groups.kept)), starts)
    repeated = boilerplate.find(task, shards, settings.boilerplate_pages, is_kept)
    total: Counter[str] = Counter()
    first = 0
    for shard, signature in zip(shards, signatures, strict=True):
        counts = write_duplicates(shard, signature, task.out / shard.name, groups, first, repeated)
        total.update(counts)
        first += counts["unique"] + counts["exact"] + counts["near"]
    del groups
    hashes_file.unlink(missing_ok=True)
    return {"documents": dict(sorted(total.items()))}


def sign_shard(source: Path, target: Path, count: int, marks: Path, languages: tuple[str, ...]) -> None:
    packs = {code: load_pack(code) for code in languages}
    documents, marked = read_shard(source, Document), read_shard(marks / source.name, Mark)
    pairs = zip(documents, marked, strict=True)
    write_shard(
        target, Signature, (sign(document, count, comparable_text(document, mark, packs)) for document, mark in pairs)
    )


def comparable_text(document: Document, mark: Mark, packs: dict[str, LanguagePack]) -> str:
    """The text as it is compared: normalized by its pack, with each look-alike replaced by the letter it looks like.

    This applies to every word, also of other languages. `cut` only corrects words that are clearly misspelled, but
    someone who swaps letters to hide a copy swaps more. All texts of the language are changed in the same way.
    """
    pack = packs.get(mark.language)
    if pack is None:
        return document.text
    body = pack.normalize(document.text) if pack.extra else document.text
    if mark.script != pack.main_script:
        return body
    return body.translate({ord(typed): meant for typed, meant in pack.lookalike_table.items()})


def sign(document: Document, count: int, body: str | None = None) -> Signature:
    """The signature of a document: `count` MinHashes over the sequences of five lowercase words in its text, or in
    `body`, the text to compare."""
    from rensa import RMinHash

    words = PARTS.findall((document.text if body is None else body).lower())
    whole = " ".join(words)
    sketch = RMinHash(num_perm=count, seed=SEED)
    sketch.update(sequences_of(words, whole))
    hashes = np.asarray(sketch.digest(), dtype=np.uint32).tobytes()
    return Signature(document.id, len(words), document.time, text.number_of(whole), hashes)


def sequences_of(words: Sequence[str], whole: str) -> list[str]:
    """All sequences of five words, sliced from `whole`, the words joined by spaces: slices are cheaper than joins."""
    if len(words) <= SEQUENCE:
        return [whole]
    starts = [0]
    for word in words:
        starts.append(starts[-1] + len(word) + 1)
    return [whole[a : b - 1] for a, b in zip(starts, starts[SEQUENCE:], strict=False)]


@dataclass(frozen=True)
class Groups:
    """`kept`: for each document number, the number of the copy that is kept. `ids`, `folded` and `hashes` by number."""

    ids: npt.NDArray[np.bytes_]
    kept: npt.NDArray[np.int64]
    folded: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.uint32]


def find_groups(signatures: Sequence[Path], settings: Dedup, hashes_file: Path) -> Groups:
    """Number all documents in the order of the shards, and group them by pairs that are similar enough.

    All hashes are written to the file `hashes_file` and mapped from there.
    """
    hash_count = settings.bands * settings.rows
    count = sum(read_counts(path)["rows"] for path in signatures)
    ids, times = np.zeros(count, "S24"), np.zeros(count, "S20")
    words, folded = np.zeros(count, np.int32), np.zeros(count, np.int64)
    hashes_file.unlink(missing_ok=True)
    hashes = np.memmap(hashes_file, np.uint32, "w+", shape=(max(1, count), hash_count))
    number = 0
    for path in signatures:
        for row in read_shard(path, Signature):
            ids[number], times[number] = row.id.encode(), (row.time or "9999").encode("ascii", "replace")[:20]
            words[number], folded[number] = row.words, row.folded
            hashes[number] = np.frombuffer(row.hashes, np.uint32)
            number += 1
    parent = np.arange(count)
    join_equal(parent, folded)
    for band in range(settings.bands):
        keys = band_keys(hashes[:count, band * settings.rows : (band + 1) * settings.rows])
        join_similar(parent, keys, hashes, settings.min_likeness)
    roots = all_roots(parent)
    # Copies are preferred by time, most words, then id. The first of each group is kept.
    rank = np.lexsort((ids, -words, times))
    preferred = np.full(count, -1, np.int64)
    preferred[roots[rank[::-1]]] = rank[::-1]
    return Groups(ids, preferred[roots], folded, hashes)


def join_equal(parent: npt.NDArray[np.int64], keys: npt.NDArray[Any]) -> None:
    """Join all documents with equal keys."""
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
    for a, b in zip(order[same].tolist(), order[same + 1].tolist(), strict=True):
        join(parent, a, b)


def join_similar(
    parent: npt.NDArray[np.int64], keys: npt.NDArray[np.uint64], hashes: npt.NDArray[np.uint32], least: float
) -> None:
    """Join adjacent documents with equal keys whose hashes agree enough, unless they are joined already."""
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
    firsts, seconds = order[same], order[same + 1]
    for start in range(0, len(firsts), PAIRS):
        a, b = firsts[start : start + PAIRS], seconds[start : start + PAIRS]
        separate = np.array(
            [root(parent, x) != root(parent, y) for x, y in zip(a.tolist(), b.tolist(), strict=True)], bool
        )
        a, b = a[separate], b[separate]
        similar = (hashes[a] == hashes[b]).mean(axis=1) >= least
        for x, y in zip(a[similar].tolist(), b[similar].tolist(), strict=True):
            join(parent, x, y)


def root(parent: npt.NDArray[np.int64], number: int) -> int:
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = int(parent[number])
    return number


def join(parent: npt.NDArray[np.int64], first: int, second: int) -> None:
    a, b = sorted((root(parent, first), root(parent, second)))
    parent[b] = a


def all_roots(parent: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The root of every document."""
    roots = parent.copy()
    while not np.array_equal(roots, next_roots := roots[roots]):
        roots = next_roots
    return roots


def band_keys(hashes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    """One 64-bit key for the hashes of a band."""
    keys = np.zeros(len(hashes), np.uint64)
    for column in range(hashes.shape[1]):
        keys = (keys ^ hashes[:, column].astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(32)
    return keys


def similarity(hashes: npt.NDArray[np.uint32], first: int, second: int) -> float:
    """The estimated Jaccard similarity of two documents: the share of equal MinHashes."""
    return float(np.mean(hashes[first] == hashes[second]))


def write_duplicates(
    source: Path, signed: Path, target: Path, groups: Groups, first: int, repeated: boilerplate.Repeated
) -> Counter[str]:
    """Write the `Duplicate` rows of a shard whose documents are numbered from `first`; returns its counts."""
    counts: Counter[str] = Counter()
    rows = []
    documents = read_shard(source, Document)
    for number, (signature, document) in enumerate(zip(read_shard(signed, Signature), documents, strict=True), first):
        kept = int(groups.kept[number])
        lines = boilerplate.lines_of(document, repeated)
        counts["boilerplate lines"] += len(lines)
        if kept == number:
            counts["unique"] += 1
            rows.append(Duplicate(signature.id, "", "", 0.0, lines))
            continue
        kind = "exact" if groups.folded[kept] == signature.folded else "near"
        counts[kind] += 1
        likeness = round(similarity(groups.hashes, number, kept), 3)
        rows.append(Duplicate(signature.id, groups.ids[kept].decode(), kind, likeness, lines))
    write_shard(target, Duplicate, rows, counts)
    return counts
