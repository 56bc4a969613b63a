"""Sentences that many documents hold: notices, disclaimers and teasers that sites copy from one another, beyond the
lines that one host repeats (`boilerplate`) and the documents that are copies as a whole (`dedup`).

Sentences are compared by digests of their lowercase words, with look-alike letters replaced. Only those of at least
`LEAST_WORDS` words count: shorter ones are said again by chance. Each shard yields the digests of its sentences in a
sorted file; these files are counted part by part, a part being what fits into `AT_ONCE` digests whatever the size of
the corpus. The files are removed when the stage is finished.
"""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from anatili.atomic_files import whole_file
from anatili.document import Document, Mark, Shared, read_shard, write_shard
from anatili.lang import LanguagePack, load_pack
from anatili.stage import Task
from anatili.text import number_of, sentence_spans, words

FOLDER = "shared"
"""Folder in that of `dedup`: a shard of `Shared` for each shard of documents."""
LEAST_WORDS = 6
AT_ONCE = 1 << 21
"""Digests that are counted at a time: 16 MB, and about as much again for sorting them."""
Kept = npt.NDArray[np.bool_]


def find(task: Task, shards: Sequence[Path], documents: int, is_kept: Sequence[Kept]) -> int:
    """Write a shard of `Shared` for each shard; nothing if `documents` is 0. Returns the number of different sentences
    that at least `documents` documents hold. `is_kept` says for each shard which documents count: not the copies."""
    if not documents:
        return 0
    folder = task.out / ".sentences"
    jobs = [(shard, folder / f"{shard.stem}.npy") for shard in shards]
    fixed = {"marks": task.inputs["mark"], "languages": task.recipe.languages}
    task.map(digests_of_shard, [job for job in jobs if not job[1].exists()], "shards of sentences", **fixed)
    common = folder / "common.bin"
    with whole_file(common) as temporary, temporary.open("wb") as file:
        for digests in counted([target for _, target in jobs], documents, is_kept):
            file.write(digests.tobytes())
    targets = [(shard, digests, task.out / FOLDER / shard.name) for shard, digests in jobs]
    task.map(write_shared, [job for job in targets if not job[2].exists()], "shards", common=common, **fixed)
    count = common.stat().st_size // 8
    shutil.rmtree(folder)
    return count


def sentences_of(document: Document, mark: Mark, packs: dict[str, LanguagePack]) -> Iterator[tuple[int, int, str]]:
    """Start, end and words of each sentence as they are compared, in lowercase and without look-alike letters."""
    pack = packs.get(mark.language)
    body = document.text
    if pack is not None and mark.script == pack.main_script:
        body = body.translate({ord(typed): meant for typed, meant in pack.lookalike_table.items()})
    for start, end in sentence_spans(body, pack.abbreviations if pack else ()):
        yield start, end, " ".join(words(body[start:end].lower()))


def is_long(spoken: str) -> bool:
    """Whether a sentence has enough words to be counted."""
    return spoken.count(" ") >= LEAST_WORDS - 1


def digests_of_shard(source: Path, target: Path, marks: Path, languages: tuple[str, ...]) -> None:
    """Write the digests of a shard's sentences, each once a document and in order, with the number of the document."""
    packs = {code: load_pack(code) for code in languages}
    rows: list[tuple[int, int]] = []
    pairs = zip(read_shard(source, Document), read_shard(marks / source.name, Mark), strict=True)
    for position, (document, mark) in enumerate(pairs):
        digests = {number_of(spoken) for *_, spoken in sentences_of(document, mark, packs) if is_long(spoken)}
        rows += [(digest, position) for digest in digests]
    table = np.array(sorted(rows), np.int64).reshape(-1, 2).T
    with whole_file(target) as temporary, temporary.open("wb") as file:
        np.save(file, np.ascontiguousarray(table))


def counted(files: Sequence[Path], documents: int, is_kept: Sequence[Kept]) -> Iterator[npt.NDArray[np.int64]]:
    """The digests that at least `documents` documents hold, in order, a part at a time."""
    total = sum(np.load(path, mmap_mode="r").shape[1] for path in files)
    parts = max(1, -(-total // AT_ONCE))
    edges = [int(edge) for edge in np.linspace(-(2.0**63), 2.0**63, parts + 1)[1:-1]]
    starts = np.zeros(len(files), np.int64)
    for edge in [*edges, None]:
        chosen = [np.zeros(0, np.int64)]
        for number, (path, kept) in enumerate(zip(files, is_kept, strict=True)):
            digests, positions = np.load(path, mmap_mode="r")
            end = len(digests) if edge is None else int(np.searchsorted(digests, edge))
            part = slice(int(starts[number]), end)
            chosen.append(digests[part][kept[positions[part]]])
            starts[number] = end
        values, counts = np.unique(np.concatenate(chosen), return_counts=True)
        yield values[counts >= documents]


def write_shared(
    source: Path, digests: Path, target: Path, common: Path, marks: Path, languages: tuple[str, ...]
) -> None:
    """Write the `Shared` rows of a shard. Only documents that hold a common sentence are split again."""
    packs = {code: load_pack(code) for code in languages}
    known = np.memmap(common, np.int64, "r") if common.stat().st_size else np.zeros(0, np.int64)
    own, positions = np.load(digests, mmap_mode="r")
    if len(known):
        hit = known[np.minimum(np.searchsorted(known, own), len(known) - 1)] == own
    else:
        hit = np.zeros(len(own), bool)
    held, holders = set(own[hit].tolist()), set(positions[hit].tolist())
    rows = []
    pairs = zip(read_shard(source, Document), read_shard(marks / source.name, Mark), strict=True)
    for position, (document, mark) in enumerate(pairs):
        if position not in holders:
            continue
        spans: list[int] = []
        all_words = shared_words = 0
        for start, end, spoken in sentences_of(document, mark, packs):
            count = spoken.count(" ") + 1
            all_words += count
            if is_long(spoken) and number_of(spoken) in held:
                spans += (start, end)
                shared_words += count
        rows.append(Shared(document.id, tuple(spans), round(shared_words / all_words, 4)))
    write_shard(target, Shared, rows)


def read_shared(dedup: Path, shard: str) -> dict[str, Shared]:
    """Id -> what `dedup` found in the documents of a shard; nothing if it was not asked to."""
    path = dedup / FOLDER / shard
    return {row.id: row for row in read_shard(path, Shared)} if path.exists() else {}


def without(text: str, spans: tuple[int, ...], start: int = 0) -> str:
    """`text`, a part of a document that begins at character `start`, without the sentences at these `spans`."""
    pieces, at = [], 0
    for first, last in zip(spans[::2], spans[1::2], strict=True):
        first, last = first - start, last - start
        if first >= 0 and last <= len(text):
            pieces.append(text[at:first])
            at = last
    return " ".join(piece.strip() for piece in (*pieces, text[at:]) if piece.strip())
