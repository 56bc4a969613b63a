"""Which of the files that were collected are damaged, by their lists of lost records."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from anatili.data_errors import CUT_SHORT, DAMAGED, ERRORS
from anatili.document import Lost, read_counts, read_shard
from anatili.text import show_path

REASONS = (DAMAGED, CUT_SHORT, "unreadable: damaged")
"""Reasons of losses that show that a file is damaged. Damaged records of a web archive cost themselves only."""
PAGE, NOT_UTF8 = "damaged page", "not UTF-8"
ENCODED = "byte 0: this is no text in UTF-8"
"""What is said of a file of which nothing could be decoded."""
SHOWN = 20
"""Damaged files that a summary names."""


def damaged_files(files: Iterable[tuple[str, Path]], pages: Iterable[Path]) -> dict[str, Any]:
    """For the summary: how many files are `damaged`, of how many, and the first of them with what is wrong and at which
    byte; {} if none is. `files`: name and list of lost records of each; `pages`: lists of HTML files."""
    count, of, first = 0, 0, dict[str, str]()
    for size, found in (*map(of_file, files), *map(of_pages, pages)):
        of += size
        for name, detail in found:
            count += 1
            if len(first) < SHOWN:
                first[name] = detail
    return {"damaged": {"files": count, "of": of, "first": first}} if count else {}


def of_file(file: tuple[str, Path]) -> tuple[int, list[tuple[str, str]]]:
    name, target = file
    counts = read_counts(target)
    records, lost = counts.get("records", 0), {key.removeprefix("lost: ") for key in counts if counts[key]}
    # All that an archive has is damaged if it is none, and all of a text file if it is in another encoding.
    nothing = (*ERRORS, NOT_UTF8)
    reasons = nothing if not counts.get("kept") and records and lost <= {*nothing, "records"} else REASONS
    return 1, [(name, ENCODED if row.reason == NOT_UTF8 else row.detail) for row in rows(target, counts, reasons)][:1]


def of_pages(target: Path) -> tuple[int, list[tuple[str, str]]]:
    counts = read_counts(target)
    return counts.get("records", 0), [(row.url, row.detail) for row in rows(target, counts, (PAGE,))]


def rows(target: Path, counts: dict[str, int], reasons: tuple[str, ...]) -> Iterator[Lost]:
    """The lost records with one of these reasons; the table is read only if there are any."""
    if any(counts.get(f"lost: {reason}") for reason in reasons):
        yield from (row for row in read_shard(target, Lost) if row.reason in reasons)


def name_of(address: str | Path) -> str:
    """How a file is shown: by its path, or its address if it is elsewhere."""
    return show_path(address) if isinstance(address, Path) else address
