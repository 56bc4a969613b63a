"""`dedup`: find duplicate documents across all shards, and lines that a host repeats on its pages (`boilerplate`); if
asked to, sentences that many documents hold, too (`shared`).

Texts are compared without look-alike letters, by the language that `mark` found. The same text in another script is
not a duplicate: both are useful, and transliterating every text costs more than it finds. Exact duplicates are found by
a digest of the folded text. Near duplicates are found by MinHash (rensa) over sequences of five words, in `bands` of
`rows` hashes: two documents that share a band are compared by all their hashes. Of documents that are similar to a kept
copy that copy alone is kept: the one fetched first, then the one with the most words, then the smallest id. This does
not depend on the order of shards, and a later crawl does not change which copy of an earlier one is kept.

Memory does not grow with the number of documents, but for a byte each: what there is of each document (ids, words,
times, hashes, keys of the bands; some 650 bytes) is in files that are mapped, and removed when the stage is finished.
Keys are sorted in parts of `AT_ONCE`.
"""

import re
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anatili import text
from anatili.document import Document, Duplicate, Mark, read_counts, read_shard, write_shard
from anatili.lang import LanguagePack, load_pack
from anatili.recipe import Dedup
from anatili.refine import boilerplate, shared_sentences
from anatili.stage import Task

SEQUENCE = 5
SEED = 42
PARTS = re.compile(r"\w+")
"""Words, defined more simply than elsewhere: this takes half the time."""
PAIRS = 20_000
"""Pairs whose hashes are compared in one batch."""
AT_ONCE = 1 << 20
"""Documents whose numbers are in memory at a time."""
Numbers = npt.NDArray[np.int64]


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
    task.map(
        sign_shard, jobs, "shards", count=settings.bands * settings.rows, marks=marks, languages=task.recipe.languages
    )
    scratch = task.out / ".groups"
    groups = find_groups(signatures, settings, scratch)
    ends = np.cumsum([0, *(read_counts(path)["rows"] for path in signatures)]).tolist()
    is_kept = [groups.kept[a:b] == np.arange(a, b) for a, b in pairwise(ends)]
    repeated = boilerplate.find(task, shards, settings.boilerplate_pages, is_kept)
    total: Counter[str] = Counter()
    first = 0
    for shard, signature in zip(shards, signatures, strict=True):
        counts = write_duplicates(shard, signature, task.out / shard.name, groups, first, repeated)
        total.update(counts)
        first += counts["unique"] + counts["exact"] + counts["near"]
    del groups
    shutil.rmtree(scratch)
    if sentences := shared_sentences.find(task, shards, settings.shared_documents, is_kept):
        total["shared sentences"] = sentences
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
    """`kept`: for each document number, the number of the copy that is kept. `ids`, `folded` and `hashes` by number.
    All are mapped from files."""

    ids: npt.NDArray[np.bytes_]
    kept: Numbers
    folded: Numbers
    hashes: npt.NDArray[np.uint32]


class Scratch:
    """Arrays in files of a folder, a row a document."""

    def __init__(self, folder: Path, count: int) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder, self.count = folder, count

    def array(self, name: str, kind: Any, columns: tuple[int, ...] = ()) -> npt.NDArray[Any]:
        """A new array of zeros. Single numbers of a plain array are read ten times as fast as of a `memmap`."""
        file = np.memmap(self.folder / name, kind, "w+", shape=(max(1, self.count), *columns))
        return np.asarray(file)[: self.count]


def find_groups(signatures: Sequence[Path], settings: Dedup, scratch: Path) -> Groups:
    """Number all documents in the order of the shards, and group them by pairs that are similar enough.

    Everything that there is of each document is in files in the folder `scratch`, which are mapped from there.
    """
    files = Scratch(scratch, sum(read_counts(path)["rows"] for path in signatures))
    ids, times = files.array("ids", "S24"), files.array("times", "S20")
    words, folded = files.array("words", np.int32), files.array("folded", np.int64)
    hashes = files.array("hashes", np.uint32, (settings.bands * settings.rows,))
    keys = [files.array(f"keys-{band}", np.uint64) for band in range(settings.bands)]
    first = 0
    for path in signatures:
        number = first
        for row in read_shard(path, Signature):
            ids[number], times[number] = row.id.encode(), (row.time or "9999").encode("ascii", "replace")[:20]
            words[number], folded[number] = row.words, row.folded
            hashes[number] = np.frombuffer(row.hashes, np.uint32)
            number += 1
        for band, own in enumerate(keys):
            own[first:number] = band_keys(hashes[first:number, band * settings.rows : (band + 1) * settings.rows])
        first = number
    parent = files.array("parent", np.int64)
    parent[:] = np.arange(len(parent))
    join_pairs(parent, folded.view(np.uint64))
    for own in keys:
        join_pairs(parent, own, hashes, settings.min_likeness)
    settle_roots(parent)
    kept = files.array("kept", np.int64)
    choose_kept(kept, parent, (ids, words, times), hashes, settings.min_likeness)
    return Groups(ids, kept, folded, hashes)


def choose_kept(
    kept: Numbers, roots: Numbers, facts: tuple[npt.NDArray[Any], ...], hashes: npt.NDArray[np.uint32], least: float
) -> None:
    """Fill in the copy that is kept of each document. `roots`: the chain of similar documents that each is in; `facts`:
    ids, words and times, by which copies are preferred: by time, most words, then id.

    The ends of a chain can differ much. So a document is dropped only for a kept one that it is similar to itself: the
    first of the chain is kept, then the first that is not similar to it, and so on.
    """
    ids, words, times = facts
    for start in range(0, len(kept), AT_ONCE):
        kept[start : start + AT_ONCE] = np.arange(start, min(start + AT_ONCE, len(kept)))
    for block in range(0, len(kept), AT_ONCE):
        members = np.concatenate(
            [
                start + np.flatnonzero((part >= block) & (part < block + AT_ONCE) & (part != own))
                for start in range(block, len(kept), AT_ONCE)
                for part in [roots[start : start + AT_ONCE]]
                for own in [np.arange(start, start + len(part))]
            ]
        )
        members = np.concatenate([np.unique(roots[members]), members])
        preferred = members[np.lexsort((ids[members], -words[members], times[members]))]
        order = preferred[np.argsort(roots[preferred], kind="stable")]
        starts = np.flatnonzero(np.diff(roots[order], prepend=-1))
        for waiting in np.split(order, starts[1:]):
            while len(waiting) > 1:
                first = waiting[0]
                similar = np.concatenate(
                    [
                        (hashes[some] == hashes[first]).mean(axis=1) >= least
                        for some in np.split(waiting, range(PAIRS, len(waiting), PAIRS))
                    ]
                )
                kept[waiting[similar]] = first
                waiting = waiting[~similar]


def join_pairs(
    parent: Numbers, keys: npt.NDArray[np.uint64], hashes: npt.NDArray[np.uint32] | None = None, least: float = 0.0
) -> None:
    """Join documents with equal keys; with `hashes` only if they agree enough, and are not joined already.

    The keys are sorted a part at a time, so that memory does not grow with their number."""
    parts = max(1, -(-len(keys) // AT_ONCE))
    for number in range(parts):
        chosen = np.concatenate(
            [
                np.zeros(0, np.int64),
                *(
                    start
                    + np.flatnonzero((keys[start : start + AT_ONCE] >> np.uint64(20)) % np.uint64(parts) == number)
                    for start in range(0, len(keys), AT_ONCE)
                ),
            ]
        )
        own = keys[chosen]
        order = np.argsort(own, kind="stable")
        same = np.flatnonzero(own[order[1:]] == own[order[:-1]])
        firsts, seconds = chosen[order[same]], chosen[order[same + 1]]
        for start in range(0, len(firsts), PAIRS):
            a, b = firsts[start : start + PAIRS], seconds[start : start + PAIRS]
            if hashes is not None:
                separate = np.array(
                    [root(parent, x) != root(parent, y) for x, y in zip(a.tolist(), b.tolist(), strict=True)], bool
                )
                a, b = a[separate], b[separate]
                similar = (hashes[a] == hashes[b]).mean(axis=1) >= least
                a, b = a[similar], b[similar]
            for x, y in zip(a.tolist(), b.tolist(), strict=True):
                join(parent, x, y)


def root(parent: Numbers, number: int) -> int:
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = int(parent[number])
    return number


def join(parent: Numbers, first: int, second: int) -> None:
    a, b = sorted((root(parent, first), root(parent, second)))
    parent[b] = a


def settle_roots(parent: Numbers) -> None:
    """Set the parent of every document to its root. A parent comes before its documents."""
    for start in range(0, len(parent), AT_ONCE):
        part = parent[start : start + AT_ONCE]
        while not np.array_equal(part, further := parent[part]):
            part[:] = further


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
