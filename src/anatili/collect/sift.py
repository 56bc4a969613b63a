"""`anatili sift`: the pages of a crawl that can hold a language, found in the raw bytes before anything is parsed."""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anatili.document import whole_file
from anatili.identify.gate import load_gate, make_rules
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.stage import Progress, Quiet
from anatili.warc import CUT_SHORT, Broken, Page, Sifted, WarcFile, read_pages

MAX_ERRORS = 0.01
"""Share of records that may be lost to damage before a run counts as failed."""


@dataclass
class Counts:
    """What a sift saw. `bytes` are packed ones; `seconds` are of this process, not of the clock."""

    files: int = 0
    records: int = 0
    passed: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        pages = self.records - self.lost.total()
        return {
            "files": self.files, "records": self.records, "pages": pages, "passed": self.passed,
            "rules": dict(sorted(self.rules.items())), "lost": dict(sorted(self.lost.items())), "bytes": self.bytes,
            "seconds": round(self.seconds, 3), "rate": round(pages / max(self.seconds, 1e-9)),
        }  # fmt: skip


def sift(
    files: list[Path], language: str, *, out: Path | None = None, max_bytes: int, progress: Progress | None = None
) -> Counts:
    """Count, and with `out` write, the pages of WARC and WET `files` that the gate of `language` admits.

    `Problem` if no record could be read, or if more than one in a hundred was lost to damage.
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
            raise Problem(f"no page in {', '.join(map(str, files[:3]))} ({lost or 'no record'}): is it WARC or WET?")
        if target:
            target.close()
    check(counts)
    return counts


def admitted(file: Path, language: str, max_bytes: int, counts: Counts) -> Iterator[Page]:
    """The pages of one file that the gate admits; everything is counted."""
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
            else:
                assert isinstance(page, Sifted)
    except OSError as error:
        raise Problem(f"cannot read {file}: {error.strerror or error}") from error
    finally:
        counts.seconds += time.process_time() - began


def check(counts: Counts) -> None:
    """`Problem` if too much was lost, or an archive ends too early; what passed is written all the same."""
    damaged = counts.lost.total()
    if damaged > MAX_ERRORS * counts.records:
        reasons = ", ".join(f"{reason} {count}" for reason, count in counts.lost.most_common())
        raise Problem(f"{damaged} of {counts.records} records were lost ({reasons}): more than 1 in 100; fetch again")
    if cut := counts.lost[CUT_SHORT]:
        raise Problem(
            f"{cut} of {counts.files} files end too early or cannot be unpacked to their ends: what they held behind "
            "that is lost; fetch them again"
        )


def describe_gate(language: str) -> str:
    """In words: which letters the gate asks for, or that it can't tell the language by its letters."""
    rules = make_rules(load_pack(language))
    if not rules:
        return (f"the letters of {language} do not set it apart: every page passes, "
                "and identification after extraction decides")  # fmt: skip

    def said(group: frozenset[str], least: int) -> str:
        return f"{least} of {' '.join(sorted({c.lower() for c in group}))}"

    return "; ".join(f"{r.name}: {' and '.join(said(*g) for g in r.groups)}" for r in rules)
