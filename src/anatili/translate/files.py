"""Translate files and keep their format: .txt, .srt, .po, .docx, .xlsx, each read and written by its own library."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from textwrap import wrap
from typing import Any
from zipfile import BadZipFile

from anatili.atomic_files import whole_file
from anatili.files.zipped import check_packed, library, reading
from anatili.problem import Problem
from anatili.text import plural, show_path

PLACEHOLDER = re.compile(r"%(?:\(\w+\)|\d+\$)?[-+#0]*\d*(?:\.\d+)?(?:l{0,2}|z)[a-zA-Z]|\{\w*\}|</?\w[^<>]*>|&\w+;")
SUBTITLE_TAG = re.compile(r"</?[A-Za-z][^<>\n]*>|\{\\[^{}\n]*\}")
"""`<i>`, `</i>`, `<font color="...">`, and positions such as `{\\an8}`."""
WORD_NAMESPACE = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


@dataclass(frozen=True)
class OpenedFile:
    """The texts of a file, in order, and a function that writes the file with their translations."""

    texts: list[str]
    write: Callable[[Sequence[str], Path], list[str]]
    """Takes the translations and a target path; returns notes on the result for people."""


def open_file(path: Path, target: str) -> OpenedFile:
    """The texts of a file to translate into `target`; `Problem` if it cannot be read."""
    if path.suffix.lower() not in FORMATS:
        raise Problem(f"{show_path(path)}: this type of file is not supported; supported are {', '.join(FORMATS)}")
    if not path.is_file():
        raise Problem(f"no such file: {show_path(path)}")
    if not path.stat().st_size:
        raise Problem(f"{show_path(path)} is empty")
    return FORMATS[path.suffix.lower()](path, target)


def read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(f"{show_path(path)} is not UTF-8 ({error.reason} at byte {error.start})") from error


def write_text(path: Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(text.encode())


def open_text(path: Path, target: str) -> OpenedFile:
    return plain(read_text(path))


def plain(text: str) -> OpenedFile:
    """A plain text, treated as a file whose texts are its lines."""

    def write(texts: Sequence[str], out: Path) -> list[str]:
        write_text(out, "".join(texts))
        return []

    return OpenedFile(text.splitlines(keepends=True), write)


def open_subtitles(path: Path, target: str) -> OpenedFile:
    """Subtitles: each is one text, whatever its line breaks, and keeps its lines if each has its own speaker.

    Tags around all of a subtitle are kept; those of single words cannot be, because the words change.
    """
    srt = library("srt")
    with reading(path, srt.SRTParseError):
        rows = list(srt.parse(read_text(path)))
    if not rows:
        raise Problem(f"{show_path(path)} has no subtitles")
    frames = [tagged(row.content) for row in rows]
    contents = [SUBTITLE_TAG.sub("", body) for _, body, _ in frames]
    lost = sum(body != content for (_, body, _), content in zip(frames, contents, strict=True))

    def write(texts: Sequence[str], out: Path) -> list[str]:
        for row, text, content, (before, _, after) in zip(rows, texts, contents, frames, strict=True):
            shown = text if is_dialog(content) else in_lines(text, content.count("\n") + 1)
            row.content = before + shown + after
        write_text(out, srt.compose(rows, reindex=False))
        return [f"{plural(lost, 'subtitle')} with tags of single words, now without them"] if lost else []

    return OpenedFile([text if is_dialog(text) else " ".join(text.split()) for text in contents], write)


def tagged(content: str) -> tuple[str, str, str]:
    """The tags before a subtitle, what they frame, and the tags after it, if these close the ones before."""
    start, end, tags = 0, len(content), list(SUBTITLE_TAG.finditer(content))
    for tag in tags:
        start = tag.end() if tag.start() == start else start
    for tag in reversed(tags):
        end = tag.start() if tag.end() == end and tag.start() >= start else end
    before, after = content[:start], content[end:]
    if before.count("<") != after.count("</"):
        positions = "".join(tag for tag in SUBTITLE_TAG.findall(before) if tag.startswith("{"))
        return positions, content[len(positions) if before.startswith(positions) else 0 :], ""
    return before, content[start:end], after


def is_dialog(content: str) -> bool:
    return "\n" in content and all(line.lstrip().startswith(("-", "–", "—")) for line in content.splitlines())


def in_lines(text: str, count: int) -> str:
    """`text` in `count` lines of about the same length."""
    for width in range(ceil(len(text) / count), len(text) + 1):
        lines = wrap(text, max(1, width), break_long_words=False)
        if len(lines) <= count:
            return "\n".join(lines)
    return text


def open_catalog(path: Path, target: str) -> OpenedFile:
    """The untranslated messages of a gettext catalog. Machine translations are marked fuzzy, for review."""
    polib = library("polib")
    with reading(path):
        catalog = polib.pofile(str(path), check_for_duplicates=False)
    untranslated = [
        entry
        for entry in catalog
        if not (entry.translated() or entry.obsolete or entry.msgid_plural or (entry.fuzzy and entry.msgstr))
    ]
    plurals = sum(bool(entry.msgid_plural) and not entry.translated() for entry in catalog)

    def write(texts: Sequence[str], out: Path) -> list[str]:
        spoiled = 0
        for entry, text in zip(untranslated, texts, strict=True):
            if placeholders(entry.msgid) != placeholders(text):
                spoiled += 1
                continue
            entry.msgstr = ends_like(entry.msgid, text)
            entry.flags += [] if entry.fuzzy else ["fuzzy"]
        catalog.metadata |= {"Language": target, "Content-Type": "text/plain; charset=UTF-8"}
        write_text(out, f"{catalog}")
        notes = [
            f"{plural(len(untranslated) - spoiled, 'message')} marked fuzzy: a person must review what a machine wrote"
        ]
        notes += [f"{plural(spoiled, 'message')} left empty: the model changed the placeholders"] if spoiled else []
        return notes + (
            [f"{plural(plurals, 'message')} with plurals left for a person to translate"] if plurals else []
        )

    return OpenedFile([entry.msgid for entry in untranslated], write)


def placeholders(text: str) -> Counter[str]:
    return Counter(PLACEHOLDER.findall(text))


def ends_like(source: str, text: str) -> str:
    """`text` with the line ends that gettext requires: those of the source at both ends."""
    head = "\n" if source.startswith("\n") else ""
    return head + text.strip("\n") + ("\n" if source.endswith("\n") else "")


def open_document(path: Path, target: str) -> OpenedFile:
    """The paragraphs of a Word document, with tables, text boxes, headers and footers. Breaks and tabs are kept."""
    docx = library("docx")
    check_packed(path)
    with reading(path, docx.opc.exceptions.PackageNotFoundError):
        document = docx.Document(str(path))
    groups = [group for root in roots(document) for group in text_groups(root)]

    def write(texts: Sequence[str], out: Path) -> list[str]:
        mixed = 0
        for group, text in zip(groups, texts, strict=True):
            mixed += len({format_of(node) for node in group if (node.text or "").strip()}) > 1
            main = max(group, key=lambda node: len(node.text or ""))
            for node in group:
                node.text = ""
            main.text = text
            main.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
        with whole_file(out) as temporary:
            document.save(str(temporary))
        return [f"{plural(mixed, 'paragraph')} with mixed formatting (bold, links), now in one format"] if mixed else []

    return OpenedFile(["".join(node.text or "" for node in group) for group in groups], write)


def roots(document: Any) -> Iterator[Any]:
    """The parts of a Word document whose text is translated: body, headers, footers."""
    yield document.element.body
    for part in document.part.package.iter_parts():
        name = str(part.partname)
        if re.match(r"/word/(?:header|footer)\d*\.xml$", name) and hasattr(part, "element"):
            yield part.element


def text_groups(root: Any) -> Iterator[list[Any]]:
    """The text nodes (w:t) of each paragraph, between its breaks, tabs and pictures."""
    breaks = {WORD_NAMESPACE + name for name in ("br", "cr", "tab", "drawing", "pict", "fldChar")}
    for paragraph in root.iter(WORD_NAMESPACE + "p"):
        group: list[Any] = []
        for node in paragraph.iterdescendants():
            if next(node.iterancestors(WORD_NAMESPACE + "p")) is not paragraph:
                continue
            if node.tag == WORD_NAMESPACE + "t":
                group.append(node)
            elif node.tag in breaks and node.getparent().tag == WORD_NAMESPACE + "r":
                yield from [group] if has_words(group) else []
                group = []
        yield from [group] if has_words(group) else []


def has_words(group: Sequence[Any]) -> bool:
    return any(letter.isalpha() for node in group for letter in node.text or "")


def format_of(node: Any) -> str:
    """The formatting of a text node's run, and whether it is a link."""
    from lxml.etree import tostring

    run = node.getparent()
    properties = run.find(WORD_NAMESPACE + "rPr")
    return f"{run.getparent().tag} {tostring(properties).decode() if properties is not None else ''}"


def open_sheets(path: Path, target: str) -> OpenedFile:
    """The cells of an Excel file that contain words. Formulas, numbers and sheet names are kept."""
    openpyxl = library("openpyxl")
    names = check_packed(path)
    with reading(path, openpyxl.utils.exceptions.InvalidFileException, BadZipFile):
        book = openpyxl.load_workbook(path)
    cells = [
        cell
        for sheet in book.worksheets
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "s" and any(letter.isalpha() for letter in cell.value)
    ]

    def write(texts: Sequence[str], out: Path) -> list[str]:
        for cell, text in zip(cells, texts, strict=True):
            cell.value = text
            cell.data_type = "s"  # a translation that begins with = is not a formula
        with whole_file(out) as temporary:
            book.save(temporary)
        drawn = [name for name in names if name.startswith("xl/drawings/")]
        return ["the file has drawings, and some may be lost: compare it with the original"] if drawn else []

    return OpenedFile([cell.value for cell in cells], write)


FORMATS = {
    ".txt": open_text,
    ".srt": open_subtitles,
    ".po": open_catalog,
    ".docx": open_document,
    ".xlsx": open_sheets,
}
"""Supported file extensions."""
