"""Read a file as text with locations: the formats, and what makes a file unreadable.

Reading runs libraries on bytes that strangers may have sent, so `documents.reader` does it in a process with limits.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from anatili.compression import is_plain
from anatili.extraction.page import decode, extract_page, without_tags
from anatili.files import MAX_BYTES, FileText, Part, Skipped, UnreadableError, title_of
from anatili.files.office import open_presentation, open_sheets, open_word
from anatili.files.pdf import open_pdf
from anatili.files.publication import open_publication
from anatili.files.zipped import MissingLibraryError
from anatili.problem import Problem
from anatili.text import clean, show_path

PART_LINES = 2000
"""Lines of a long text in one part."""
BEGINNING = 4000
"""Characters of a text in which its title is looked for."""
LONGEST_LINE = 100_000
"""Characters of a line; what is longer is cut into several."""
HEADING = re.compile(r"#{1,6}\s+(?=\S)")
LINK = re.compile(r"!?\[([^\[\]\n]{0,500})\]\([^()\n]{0,2000}\)")
EMPHASIS = re.compile(r"\*\*|__|`")
FENCE = ("```", "~~~")


def open_file(path: Path, suffix: str = "", languages: Sequence[str] = ()) -> FileText:
    """The text of the file at `path`, read by its format; `UnreadableError` if it has none or cannot be read.

    `suffix`: the ending that names the format, if it is not that of `path`. `languages`: what scanned pages may be in
    (ISO 639-3).
    """
    suffix = (suffix or path.suffix).lower()
    if suffix not in FORMATS:
        known = ", ".join(FORMATS)
        raise UnreadableError("type", f"files that end in {suffix or 'nothing'} are not read; known are {known}")
    try:
        size = path.stat().st_size
        if not size:
            raise UnreadableError("empty", "it is empty")
        if size > MAX_BYTES:
            raise UnreadableError("too_large", f"it has {size:,} bytes; at most {MAX_BYTES:,} are read")
        return open_pdf(path, languages) if suffix == ".pdf" else FORMATS[suffix](path)
    except UnreadableError:
        raise
    except MissingLibraryError as problem:
        raise UnreadableError("missing", str(problem)) from problem
    except Problem as problem:
        raise UnreadableError("damaged", str(problem).replace(show_path(path), "it")) from problem
    except OSError as error:
        raise UnreadableError("damaged", f"it cannot be read: {error.strerror}") from error


def read_plain(path: Path) -> str:
    """The text of a file in whatever charset; `UnreadableError` if its bytes are not text."""
    payload = path.read_bytes()
    text, charset = decode(payload)
    if not charset.startswith("utf-16") and (b"\0" in payload[:4096] or not is_plain(payload)):
        raise UnreadableError("binary", "its bytes are not text, whatever its name says")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def open_text(path: Path) -> FileText:
    text = read_plain(path)
    return FileText(title_of(text[:BEGINNING].split("\n")), by_lines(text))


def by_lines(text: str) -> Iterator[Part]:
    """A text as parts of many lines, located by line."""
    lines = text.split("\n")
    for start in range(0, len(lines), PART_LINES):
        block = lines[start : start + PART_LINES]
        if any(len(line) > LONGEST_LINE for line in block):
            for number, line in enumerate(block, start + 1):
                for begin in range(0, max(1, len(line)), LONGEST_LINE):
                    yield Part(line[begin : begin + LONGEST_LINE], f"line:{number}")
        else:
            yield Part("\n".join(block), f"line:{start + 1}")


def open_markdown(path: Path) -> FileText:
    """Markdown without its marks; each line stays a line."""
    title, is_code = "", False
    lines = []
    for line in read_plain(path).split("\n"):
        stripped = line.strip()
        if stripped.startswith(FENCE):
            is_code = not is_code
            lines.append("")
            continue
        if is_code:
            lines.append(line)
            continue
        heading = HEADING.match(stripped)
        plain = EMPHASIS.sub("", LINK.sub(r"\1", stripped[heading.end() :] if heading else line))
        title = title or (plain.strip() if heading else "")
        lines.append(plain)
    return FileText(title or title_of(lines), by_lines("\n".join(lines)))


def open_page(path: Path) -> FileText:
    """The main text of an HTML page; all of its text if it is not clear which is the main one."""
    payload = path.read_bytes()
    page = extract_page(payload)
    text = page.text.strip() or clean(without_tags(decode(payload)[0])).strip()
    if not text:
        raise UnreadableError("no_text", "the page has no text")
    return FileText(page.title, [Part(text)])


def open_rows(path: Path) -> FileText:
    """The texts of a .jsonl file: each line is an object with `text`, and perhaps `title`, `url`, `license`, `time`.

    Other lines are left out and counted; `UnreadableError` if no line is such an object.
    """
    skipped = Skipped()

    def parts() -> Iterator[Part]:
        read = 0
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    part = row_part(line, number)
                except UnreadableError as error:
                    skipped.lines += 1
                    skipped.first = skipped.first or str(error)
                    continue
                read += 1
                yield part
        if skipped.lines and not read:
            raise UnreadableError("damaged", skipped.first)

    return FileText("", parts(), skipped)


def row_part(line: bytes, number: int) -> Part:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("damaged", f"line {number} is not JSON") from error
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise UnreadableError("damaged", f'line {number} has no "text"; each line is {{"text": "..."}}')
    title, url, time = (str(row.get(name) or "") for name in ("title", "url", "time"))
    text = " ".join(clean(row["text"]).split("\n"))  # its line is the row's, whatever breaks the text has
    return Part(text, f"line:{number}", title, url, str(row.get("license") or row.get("licence") or ""), time)


FORMATS: dict[str, Callable[[Path], FileText]] = {
    ".txt": open_text,
    ".md": open_markdown,
    ".markdown": open_markdown,
    ".html": open_page,
    ".htm": open_page,
    ".pdf": open_pdf,
    ".docx": open_word,
    ".xlsx": open_sheets,
    ".pptx": open_presentation,
    ".epub": open_publication,
    ".jsonl": open_rows,
}
"""Ending of a file's name -> what reads it."""
