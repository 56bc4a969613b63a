"""The corpus as tokens: written in parts by the pool before training starts, read by memory map.

Each shard of documents or file of sentence pairs becomes one part for each of its groups: `GROUP/NUMBER.bin` (tokens,
uint32), each document as begin token, text and end token. A part that has its counts is whole, so a run that was
stopped continues with the next. `GROUP.ends` holds the ends of all documents of a group (int64), as if its parts were
one file, and `GROUP.keys` a hash of the text of each (int64), by which its place in an epoch is drawn. No list of
documents is ever in memory.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anatili.atomic_files import whole_file, write_json
from anatili.document import Kept, read_shard
from anatili.problem import Problem
from anatili.refine.pairs import read_pairs, source_of
from anatili.text import number_of, short_hash

Tokens = npt.NDArray[np.int64]
Counts = dict[str, dict[str, int]]
"""`language/source` -> tokens, bytes of text, documents."""
PAIRS = "pairs"
"""Takes the place of the language in groups of sentence pairs."""
COUNTS, PARTS = "counts.json", "parts"
TOKENS, ENDS, KEYS = ".bin", ".ends", ".keys"
JOINED = "+"
"""Between the names of groups that are drawn from as one."""
BATCH = 512
"""Documents that are tokenized at a time."""
BLOCK_DOCUMENTS = 65_536
"""Documents whose order is in memory at a time."""
CHUNK = 1 << 20
"""Documents that are looked at in one batch."""


def open_tokenizer(folder: Path) -> tuple[Any, int, int]:
    """The tokenizer in a folder, with the ids of its begin and end token."""
    from tokenizers import Tokenizer as Bpe

    tokenizer = Bpe.from_file(str(folder / "tokenizer.json"))
    config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    begin, end = (tokenizer.token_to_id(config[key] or "") for key in ("bos_token", "eos_token"))
    if begin is None or end is None:
        raise Problem("the base's tokenizer has no begin or end token; training needs both to separate documents")
    return tokenizer, begin, end


def run_here(work: Callable[..., None], jobs: Iterable[tuple[Any, ...]], unit: str, **fixed: Any) -> None:
    """Run `work(*job, **fixed)` for each job in this process, in place of `Task.map`."""
    for job in jobs:
        work(*job, **fixed)


def write_tokens(
    shards: Iterable[Path],
    tokenizer: Path,
    folder: Path,
    pairs: Iterable[Path] = (),
    run: Callable[..., None] = run_here,
) -> Counts:
    """Write documents and sentence pairs as tokens of the tokenizer in a folder; returns the counts of each group.

    `run` distributes the work. `counts.json` is written last: a folder that has it is complete.
    """
    counts_file = folder / COUNTS
    if counts_file.exists():
        return dict(json.loads(counts_file.read_text("utf-8")))
    sources = [*((shard, False) for shard in shards), *((file, True) for file in pairs)]
    jobs = [(source, has_pairs, folder / PARTS / f"{n:06d}.json") for n, (source, has_pairs) in enumerate(sources)]
    pending = [job for job in jobs if not job[2].exists()]
    if pending:
        run(write_part, pending, "shards", tokenizer=tokenizer)
    counts: Counts = {}
    with ExitStack() as files:
        joined: dict[str, tuple[Any, Any]] = {}
        for *_, marker in jobs:
            for group, count in json.loads(marker.read_text("utf-8")).items():
                if group not in joined:
                    names = (folder / f"{group}{ending}" for ending in (ENDS, KEYS))
                    both = [files.enter_context(files.enter_context(whole_file(path)).open("wb")) for path in names]
                    joined[group] = both[0], both[1]
                total = counts.setdefault(group, {"tokens": 0, "bytes": 0, "documents": 0})
                ends = np.fromfile(folder / group / f"{marker.stem}{ENDS}", np.int64)
                joined[group][0].write((ends + total["tokens"]).tobytes())
                joined[group][1].write((folder / group / f"{marker.stem}{KEYS}").read_bytes())
                for key, value in count.items():
                    total[key] += value
    counts = dict(sorted(counts.items()))
    write_json(counts_file, counts)
    return counts


def write_part(source: Path, has_pairs: bool, marker: Path, *, tokenizer: Path) -> None:
    """Write the tokens of one shard, or file of pairs, and then its counts to `marker`."""
    opened, begin, end = _tokenizer(tokenizer)
    folder = marker.parent.parent
    counts: Counts = {}
    with ExitStack() as stack:
        files: dict[str, list[Any]] = {}
        for groups in texts_of_pairs(source) if has_pairs else texts_of_documents(source):
            for group, texts in sorted(groups.items()):
                if group not in files:
                    names = (folder / group / f"{marker.stem}{ending}" for ending in (TOKENS, ENDS, KEYS))
                    opened_files = [stack.enter_context(stack.enter_context(whole_file(n)).open("wb")) for n in names]
                    files[group] = opened_files
                    counts[group] = {"tokens": 0, "bytes": 0, "documents": 0}
                encoded = opened.encode_batch(texts, add_special_tokens=False)
                flat = np.concatenate([np.array([begin, *item.ids, end], np.uint32) for item in encoded])
                count = counts[group]
                ends = count["tokens"] + np.cumsum([len(item.ids) + 2 for item in encoded], dtype=np.int64)
                files[group][0].write(flat.tobytes())
                files[group][1].write(ends.tobytes())
                files[group][2].write(np.array([number_of(text) for text in texts], np.int64).tobytes())
                count["tokens"] += len(flat)
                count["bytes"] += sum(len(text.encode()) for text in texts)
                count["documents"] += len(texts)
    write_json(marker, counts)


@lru_cache(maxsize=2)
def _tokenizer(folder: Path) -> tuple[Any, int, int]:
    return open_tokenizer(folder)


def texts_of_documents(shard: Path) -> Iterator[dict[str, list[str]]]:
    """The texts of a shard by language and source, some at a time."""
    documents = read_shard(shard, Kept)
    while rows := list(islice(documents, BATCH)):
        groups: dict[str, list[str]] = {}
        for row in rows:
            groups.setdefault(f"{row.language}/{row.source}", []).append(text_of(row))
        yield groups


def text_of(row: Kept) -> str:
    """The text of a document as a model reads it."""
    return f"{row.title}\n{row.text}".strip()


def texts_of_pairs(file: Path) -> Iterator[dict[str, list[str]]]:
    """Each pair in a file of the stage `pairs` as two texts, one in each order, a sentence per line."""
    pairs = read_pairs(file)
    while rows := list(islice(pairs, 10_000)):
        texts = [text for first, second in rows for text in (f"{first}\n{second}", f"{second}\n{first}")]
        yield {f"{PAIRS}/{source_of(file)}": texts}


class Group:
    """The documents of one group on disk, or of several that are drawn from as one (`GROUP+GROUP`), by number, as if
    all their parts were one file."""

    def __init__(self, folder: Path, name: str) -> None:
        groups = name.split(JOINED)
        self.ends: Tokens = np.memmap(joined_file(folder, groups, ENDS), np.int64, "r")
        self.keys: npt.NDArray[np.uint64] = np.memmap(joined_file(folder, groups, KEYS), np.uint64, "r")
        files = [file for group in groups for file in sorted((folder / group).glob(f"*{TOKENS}"))]
        self.files = [(file, stamp_of(file)) for file in files]
        sizes = [file.stat().st_size // np.dtype(np.uint32).itemsize for file in files]
        self.firsts = np.concatenate([[0], np.cumsum(sizes)])
        """The number of each part's first token."""

    @property
    def tokens(self) -> int:
        return int(self.ends[-1])

    def lengths(self, documents: Tokens) -> Tokens:
        """Tokens in each of these documents, which are in ascending order."""
        starts = np.where(documents > 0, self.ends[documents - 1], 0)
        return np.asarray(self.ends[documents] - starts)

    def read(self, document: int, offset: int, most: int) -> Tokens:
        """Up to `most` tokens of a document from `offset` on."""
        start = int(self.ends[document - 1]) if document else 0
        number = int(np.searchsorted(self.firsts, start, "right")) - 1
        tokens = _open(*self.files[number])
        first = start - int(self.firsts[number])
        end = int(self.ends[document]) - int(self.firsts[number])
        return np.asarray(tokens[first + offset : end][:most], np.int64)


def joined_file(folder: Path, groups: list[str], ending: str) -> Path:
    """The file with the ends or keys of all documents of groups; for several groups it is made when first needed."""
    if len(groups) == 1:
        return folder / f"{groups[0]}{ending}"
    path = folder / f"{short_hash(*groups)}{ending}"
    if not path.exists():
        before = 0
        with whole_file(path) as temporary, temporary.open("wb") as file:
            for group in groups:
                values = np.memmap(folder / f"{group}{ending}", np.int64, "r")
                for start in range(0, len(values), CHUNK):
                    file.write((values[start : start + CHUNK] + before).tobytes())
                before += int(values[-1]) if ending == ENDS else 0
    return path


Stamp = tuple[int, int, int]


def stamp_of(file: Path) -> Stamp:
    """Tells a file from one that was there before: a stage that is rebuilt has files of the same names."""
    facts = file.stat()
    return facts.st_ino, facts.st_mtime_ns, facts.st_size


@lru_cache(maxsize=256)
def _open(path: Path, stamp: Stamp) -> npt.NDArray[np.uint32]:
    return np.memmap(path, np.uint32, "r")


def open_group(folder: Path, name: str) -> Group:
    """The documents of a group, or of groups joined by `+`, as they are on the disk now."""
    return _opened(folder, name, tuple(stamp_of(folder / f"{group}{ENDS}") for group in name.split(JOINED)))


@lru_cache(maxsize=64)
def _opened(folder: Path, name: str, stamps: tuple[Stamp, ...]) -> Group:
    return Group(folder, name)


class Order:
    """The order of a group's documents in one epoch: by a hash of their text and `seed`.

    So the order of two documents does not depend on the others: without one of them, the rest keep their order. A large
    group is read in blocks, of which each holds a range of these hashes.
    """

    def __init__(self, group: Group, seed: list[int]) -> None:
        self.group = group
        self.salt = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]
        self.blocks = max(1, -(-len(group.ends) // BLOCK_DOCUMENTS))
        totals = np.zeros(self.blocks, np.int64)
        for documents, hashes in self.chunks():
            lengths = self.group.lengths(documents)
            totals += np.bincount(self.block_of(hashes), lengths, self.blocks).astype(np.int64)
        self.before = np.concatenate([[0], np.cumsum(totals)[:-1]])
        """Tokens before each block."""

    def chunks(self) -> Iterator[tuple[Tokens, npt.NDArray[np.uint64]]]:
        """All documents in ascending order, some at a time, with the hashes by which they are ordered."""
        for start in range(0, len(self.group.ends), CHUNK):
            hashes = mixed(self.group.keys[start : start + CHUNK] ^ self.salt)
            yield np.arange(start, start + len(hashes)), hashes

    def block_of(self, hashes: npt.NDArray[np.uint64]) -> Tokens:
        return ((hashes >> np.uint64(32)) * np.uint64(self.blocks) >> np.uint64(32)).astype(np.int64)

    def locate(self, position: int) -> tuple[int, int, int]:
        """Which block, which document in its order, and which of its tokens is at a position."""
        block = int(np.searchsorted(self.before, position, "right")) - 1
        _, before = self.shuffled(block)
        within = position - int(self.before[block])
        number = int(np.searchsorted(before, within, "right")) - 1
        return block, number, within - int(before[number])

    def position(self, key: int) -> int:
        """The position of the first token of the document with a key, or at which it would be."""
        value = mixed(np.array([key], np.int64).view(np.uint64) ^ self.salt)
        block = int(self.block_of(value)[0])
        documents, before = self.shuffled(block)
        earlier = int((mixed(self.group.keys[documents] ^ self.salt) < value).sum())
        if earlier < len(documents):
            return int(self.before[block] + before[earlier])
        return int(self.before[block + 1]) if block + 1 < self.blocks else self.group.tokens

    def shuffled(self, block: int) -> tuple[Tokens, Tokens]:
        """The documents of a block in their order, and how many tokens precede each of them in it."""
        return _shuffled(self, block)

    def documents_from(self, block: int, number: int) -> Iterator[int]:
        """The documents from one on, over the ends of blocks, up to the end of the epoch."""
        for later in range(block, self.blocks):
            order, _ = self.shuffled(later)
            yield from (int(document) for document in order[number if later == block else 0 :])


def mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Each value as a hash in which every bit depends on every bit of it (the finalizer of SplitMix64)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        values = (values ^ (values >> np.uint64(shift))) * np.uint64(factor)
    return values ^ (values >> np.uint64(31))


@lru_cache(maxsize=64)
def _shuffled(order: Order, block: int) -> tuple[Tokens, Tokens]:
    parts = []
    for documents, hashes in order.chunks():
        own = order.block_of(hashes) == block
        parts.append((documents[own], hashes[own]))
    members, hashes = (np.concatenate(part) for part in zip(*parts, strict=True))
    place = np.argsort(hashes, kind="stable")  # equal texts have equal hashes, and their order does not matter
    lengths = order.group.lengths(members)[place]
    return members[place], np.concatenate([[0], np.cumsum(lengths)[:-1]])
