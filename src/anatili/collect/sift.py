"""`anatili sift`: find the pages of a crawl that can be in a language, in the raw bytes, before anything is parsed."""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anatili.atomic_files import whole_file
from anatili.data_errors import CUT_SHORT, MAX_ERRORS, TooMuchLost
from anatili.identify.gate import load_gate, make_rules
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.stage import Progress, Quiet
from anatili.text import show_path
from anatili.warc import Broken, Page, Sifted, WarcFile, read_pages


@dataclass
class Counts:
    """The counts of a sift. `bytes` are compressed bytes; `seconds` are CPU time, not wall-clock time."""

    files: int = 0
    records: int = 0
    passed: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    damaged: dict[str, str] = field(default_factory=dict)
    """File that ends too early -> what is wrong and at which byte."""
    bytes: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        pages = self.records - self.lost.total()
        return {
            "files": self.files,
            "records": self.records,
            "pages": pages,
            "passed": self.passed,
            "rules": dict(sorted(self.rules.items())),
            "lost": dict(sorted(self.lost.items())),
            "damaged": self.damaged,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
            "rate": round(pages / max(self.seconds, 1e-9)),
        }


def sift(
    files: list[Path], language: str, *, out: Path | None = None, max_bytes: int, progress: Progress | None = None
) -> Counts:
    """Count the pages of WARC and WET `files` that the gate of `language` admits, and write them to `out` if given.

    `Problem` if no record could be read, or if more than one in a hundred was damaged.
    """
    counts, progress = Counts(), progress or Quiet()
    progress.start(len(files), "files")
    with contextlib.ExitStack() as stack:
        target = None
        if out:
            temporary = stack.enter_context(whole_file(out))
            target = WarcFile(stack.enter_context(temporary.open("wb")), {"software": "anatili", "language": language})
        for file in files:
            for page in admitted(file, language, max_bytes, counts):
                if target:
                    target.write(page)
            progress.advance()
        if counts.records == counts.lost.total():
            lost = ", ".join(f"{reason} {count}" for reason, count in counts.lost.items())
            raise Problem(f"no pages in {', '.join(map(str, files[:3]))} ({lost or 'no records'}): is it WARC or WET?")
        if target:
            target.close()
    check(counts)
    return counts


def admitted(file: Path, language: str, max_bytes: int, counts: Counts) -> Iterator[Page]:
    """The pages of one file that the gate admits; all records are counted."""
    gate, began = load_gate(language), time.process_time()
    try:
        counts.files += 1
        counts.bytes += file.stat().st_size
        for page in read_pages(file, max_bytes, gate.admits):
            counts.records += 1
            if isinstance(page, Page):
                counts.passed += 1
                counts.rules[page.rule] += 1
                yield page
            elif isinstance(page, Broken):
                counts.lost[page.reason] += 1
                if page.reason == CUT_SHORT:
                    counts.damaged[show_path(file)] = page.detail
            else:
                assert isinstance(page, Sifted)
    except OSError as error:
        raise Problem(f"cannot read {file}: {error.strerror or error}") from error
    finally:
        counts.seconds += time.process_time() - began


def check(counts: Counts) -> None:
    """`TooMuchLost` if too many records were lost, or too many archives end too early. What passed is still written."""
    damaged = counts.lost.total()
    if damaged > MAX_ERRORS * counts.records:
        reasons = ", ".join(f"{reason} {count}" for reason, count in counts.lost.most_common())
        raise TooMuchLost(
            f"{damaged} of {counts.records} records were lost ({reasons}): more than 1 in 100; fetch again"
        )
    if (cut := len(counts.damaged)) > MAX_ERRORS * counts.files:
        raise TooMuchLost(
            f"{cut} of {counts.files} files end too early or cannot be decompressed to their end, so their remaining "
            "records are lost; fetch them again"
        )


def describe_gate(language: str) -> str:
    """In words: the letters that the gate requires, or that the language cannot be recognized by its letters."""
    rules = make_rules(load_pack(language))
    if not rules:
        return f"{language} has no letters of its own: every page passes, and identification after extraction decides"

    def in_words(group: frozenset[str], least: int) -> str:
        return f"{least} of {' '.join(sorted({c.lower() for c in group}))}"

    return "; ".join(f"{rule.name}: {' and '.join(in_words(*group) for group in rule.groups)}" for rule in rules)
