"""Files that people have: the text of a file in parts, each with its location (page, line, sheet, slide, chapter).

A location is a kind, a colon and a value: `page:12`, `line:40`, `sheet:Budget!5`; `locations.py` writes it in words.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from anatili.problem import Problem

MAX_BYTES = 256 * 2**20
"""Larger files are not read: that much text is a corpus, which `anatili run` indexes."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a file's text that is cited by one location, or by one per line (`locations.BY_LINE`)."""

    text: str
    location: str = ""
    title: str = ""
    """Its own title, "" for that of the file."""
    url: str = ""
    """Its own address, "" for the file's name."""
    license: str = ""
    time: str = ""


@dataclass
class Skipped:
    """Lines of a file that could not be read, while the others were."""

    lines: int = 0
    first: str = ""
    """What is wrong with the first of them."""

    def __str__(self) -> str:
        more = f", and {self.lines - 1:,} more lines" if self.lines > 1 else ""
        return f"{self.first}{more}: left out" if self.lines else ""


@dataclass(frozen=True)
class FileText:
    """The title of a file ("" if it has none) and its parts, read as they are needed."""

    title: str
    parts: Iterable[Part]
    skipped: Skipped = field(default_factory=Skipped)
    """Complete when all parts have been read."""


TITLE, BODY = 80, 40
"""Most characters of a first line that is a title, and the fewest of a line that follows it at once."""
SHORTER = 0.6
"""Share of the next line that a title may have: a sentence that goes on fills its line."""
UNFINISHED = (".", "!", "?", "…", ":", ";", ",", "-", "–", "—")
"""How a title does not end."""


def title_of(lines: Sequence[str]) -> str:
    """The first line of a text that is not blank if it is a title, else "". It is short and does not end as a sentence
    does; a blank line follows, or a much longer one that begins anew, with at most one heading between."""
    full = (number for number, line in enumerate(lines) if line.strip())
    first = next(full, None)
    if first is None or next(full, None) is None:
        return ""
    title, after, below = (" ".join(line.split()) for line in (*lines[first : first + 3], "", "")[:3])
    if not may_be_title(title):
        return ""
    apart = not after or is_body(after, title) or (may_be_title(after) and is_body(below, after))
    return title if apart else ""


def may_be_title(line: str) -> bool:
    return len(line) <= TITLE and not line.endswith(UNFINISHED) and any(map(str.isalpha, line))


def is_body(line: str, title: str) -> bool:
    """Whether a line is so much longer than a title above it that it does not go on from there."""
    return len(line) >= max(BODY, len(title) / SHORTER) and not line[0].islower()


class UnreadableError(Problem):
    """A file that cannot be read; `code` is the reason in a word."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
