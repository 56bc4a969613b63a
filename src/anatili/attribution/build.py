"""Build the index of a run's training text: one suffix array for each part of the corpus.

A part is made in one process from neighboring shards, and its list of documents is written last: a part that has it is
whole, so a build that was stopped resumes with the next. Memory is limited by the size of a part (about 1 GB), not by
the corpus. The suffix array comes from libdivsufsort (`pydivsufsort`), over words written as numbers of three bytes,
most significant byte first, because bytes then compare as the numbers do.
"""

import json
import logging
import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from anatili.atomic_files import remove_folder, whole_file
from anatili.attribution import layout
from anatili.attribution.grams import filter_of
from anatili.attribution.layout import Origin, as_bytes
from anatili.document import Kept, read_shard
from anatili.pool import Pool
from anatili.problem import Problem, not_installed
from anatili.run import Drift, Record, Run
from anatili.stage import Progress, Quiet, Task, build, identity, recipe_of
from anatili.stage_table import STAGES, Stage
from anatili.text import number_of, show_path

logger = logging.getLogger(__name__)
STAGE = Stage(layout.CORPUS, "anatili.attribution.build:run", (), needs=layout.OF_CORPUS, version=layout.VERSION)
"""Not in the table of stages: it is built on demand, and no other stage reads it."""
TUNED = Stage(
    layout.TUNING,
    "anatili.opening.attribution:index_tuning",
    next(stage.settings for stage in STAGES if stage.name == "tune"),
    needs=layout.OF_TUNING,
    version=layout.VERSION,
)
"""The same of the SFT examples and sentence pairs, apart because they change while the corpus stays. By name, as stages
are: it reads what `train` learned from."""
PART_BYTES = 256 << 20
"""Text of one part."""


def build_index(run: Run, pool: Pool, progress: Progress | None = None) -> Record:
    """Build the index of a run, or what remains of it; an index of an earlier corpus is replaced.

    With a tuned model, its SFT examples and sentence pairs are indexed too, if their files are still there.
    """
    if not run.record("cut"):
        raise Problem(f"{show_path(run.root)} has no corpus yet; finish it with: anatili run RECIPE --until cut")
    try:
        import pydivsufsort  # noqa: F401
    except ImportError as error:
        raise Problem(not_installed("building the index needs pydivsufsort", "trace")) from error
    with run.locked():
        record = brought_up_to_date(STAGE, run, pool, progress or Quiet())
        if run.record("tune") and run.record("pairs"):
            try:
                brought_up_to_date(TUNED, run, pool, Quiet())
            except Problem as problem:
                logger.warning("SFT examples and sentence pairs are not in the index: %s", problem)
        return record


def brought_up_to_date(stage: Stage, run: Run, pool: Pool, progress: Progress) -> Record:
    """Build an index, unless it is there and still fits."""
    recipe, base = recipe_of(run)
    facts = identity(stage, recipe, run, base)
    try:
        if run.is_done(stage.name, facts) and (record := run.record(stage.name)):
            return record
    except Drift:
        remove_folder(run.folder(stage.name))
    return build(stage, recipe, run, pool, facts, base, progress)


def run(task: Task) -> dict[str, Any]:
    """Build the parts that are not there yet; the summary counts documents and words."""
    shards = sorted(task.inputs["cut"].glob("part-*.parquet"))
    jobs = [(group, task.out / f"part-{number:05d}") for number, group in enumerate(parts_of(shards, PART_BYTES))]
    task.map(build_part, [job for job in jobs if not (job[1] / layout.DOCUMENTS).exists()], "parts")
    ends = [np.load(folder / layout.ENDS, mmap_mode="r") for _, folder in jobs]
    files = [file for _, folder in jobs for file in folder.iterdir()]
    return {
        "parts": len(jobs),
        "documents": sum(map(len, ends)),
        "words": sum(int(part[-1]) - len(part) for part in ends if len(part)),
        "bytes": sum(file.stat().st_size for file in files),
    }


def parts_of(shards: Iterable[Path], most: int) -> Iterator[list[Path]]:
    """Neighboring shards in groups whose texts are at most `most` bytes, or one shard that is longer."""
    group: list[Path] = []
    size = 0
    for shard in shards:
        text = text_bytes(shard)
        if group and size + text > most:
            yield group
            group, size = [], 0
        group.append(shard)
        size += text
    if group:
        yield group


def text_bytes(shard: Path) -> int:
    """Bytes of the texts of a shard, from its footer."""
    metadata = pq.read_metadata(shard)
    column = metadata.schema.names.index("text")
    return sum(
        metadata.row_group(number).column(column).total_uncompressed_size for number in range(metadata.num_row_groups)
    )


def build_part(shards: list[Path], folder: Path) -> None:
    """Write the index of some shards into `folder`, the list of documents last."""
    numbers: defaultdict[str, int] = defaultdict(count(1).__next__)
    words, ends, origins = array("I"), array("q"), list[Origin]()
    for shard in shards:
        for row in read_shard(shard, Kept):
            text = unicodedata.normalize("NFC", f"{row.title}\n{row.text}")
            words.extend(map(numbers.__getitem__, map(str.lower, layout.WORD.findall(text))))
            words.append(layout.END)
            ends.append(len(words))
            origins.append(Origin(*(getattr(row, name) for name in Origin.__slots__)))
    vocabulary = np.fromiter(map(number_of, numbers), np.int64, len(numbers))
    order = np.argsort(vocabulary, kind="stable")
    ranks = np.zeros(len(order) + 1, np.uint32)
    ranks[order + 1] = np.arange(1, len(order) + 1)
    del numbers
    ranked = ranks[np.frombuffer(words, np.uint32)]
    with whole_file(folder / layout.GRAMS) as temporary:
        filter_of(ranked).tofile(temporary)
    coded = as_bytes(ranked)
    del ranked
    save(folder / layout.VOCABULARY, vocabulary[order])
    save(folder / layout.ENDS, np.frombuffer(ends, np.int64))
    with whole_file(folder / layout.WORDS) as temporary:
        coded.tofile(temporary)
    suffixes = sorted_suffixes(coded)[len(ends) :]  # first come the ends of documents
    with whole_file(folder / layout.SUFFIXES) as temporary:
        suffixes.tofile(temporary)
    with whole_file(folder / layout.HEADS) as temporary:
        heads_of(coded, suffixes).tofile(temporary)
    rows = [json.dumps(astuple(row), ensure_ascii=False).encode("utf-8", "replace") + b"\n" for row in origins]
    save(folder / layout.PLACES, np.cumsum([0, *map(len, rows)], dtype=np.int64))
    with whole_file(folder / layout.DOCUMENTS) as temporary, temporary.open("wb") as file:
        file.writelines(rows)


def save(path: Path, values: npt.NDArray[Any]) -> None:
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, values)


def heads_of(coded: npt.NDArray[np.uint8], suffixes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
    """The first `HEAD_WORDS` words of every `EVERY`th suffix; zeros where the part ends."""
    places = suffixes[:: layout.EVERY, None].astype(np.int64) * layout.BYTES_OF_WORD + np.arange(layout.HEAD)
    heads = coded[np.minimum(places, len(coded) - 1)] if len(coded) else np.zeros(places.shape, np.uint8)
    heads[places >= len(coded)] = 0
    return heads


def sorted_suffixes(coded: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """The positions of all words, in the order of what follows from there."""
    from pydivsufsort import divsufsort

    every = divsufsort(coded)
    return np.asarray(every[every % layout.BYTES_OF_WORD == 0] // layout.BYTES_OF_WORD, np.uint32)
