"""Files translated with their form kept: .txt, .srt, .po, .docx, .xlsx. Each is read and written by its own library."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from math import ceil
from pathlib import Path
from textwrap import wrap
from typing import Any
from zipfile import BadZipFile, ZipFile

from anatili.document import whole_file
from anatili.problem import Problem, install
from anatili.text import show_path

MAX_UNPACKED, MAX_RATIO = 256 * 2**20, 200
"""Bytes that a packed file may hold, and how many times smaller it may be packed: sheets of zeros come near 100."""
PLACEHOLDER = re.compile(r"%(?:\(\w+\)|\d+\$)?[-+#0]*\d*(?:\.\d+)?(?:l{0,2}|z)[a-zA-Z]|\{\w*\}|</?\w[^<>]*>|&\w+;")
WORD_NAMESPACE = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


@dataclass(frozen=True)
class Opened:
    """A file's texts, in order, and how to write the file with others in their places."""

    texts: list[str]
    write: Callable[[Sequence[str], Path], list[str]]
    """Takes the translations and the place; tells what a person should know of the result."""


def open_file(path: Path, target: str) -> Opened:
    """The texts of a file that are to be translated into `target`; `Problem` if it cannot be read."""
    if path.suffix.lower() not in KINDS:
        raise Problem(f"{show_path(path)}: of files there are {', '.join(KINDS)}")
    if not path.is_file():
        raise Problem(f"no such file: {show_path(path)}")
    if not path.stat().st_size:
        raise Problem(f"{show_path(path)} is empty")
    return KINDS[path.suffix.lower()](path, target)


def library(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise Problem(f"this kind of file needs {name}: {install('files')}") from error


@contextmanager
def reading(path: Path, *errors: type[Exception]) -> Iterator[None]:
    """What a library says of a damaged file, said with the file's name."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, (*errors, OSError, LookupError, ValueError, SyntaxError)):
            raise
        raise Problem(f"{show_path(path)} cannot be read, it may be damaged: {error}") from error


def read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(f"{show_path(path)} is not UTF-8 ({error.reason} at byte {error.start})") from error


def write_text(path: Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(text.encode())


def open_text(path: Path, target: str) -> Opened:
    return plain(read_text(path))


def plain(text: str) -> Opened:
    """A text as a file whose texts are its lines."""

    def write(texts: Sequence[str], place: Path) -> list[str]:
        write_text(place, "".join(texts))
        return []

    return Opened(text.splitlines(keepends=True), write)


def open_subtitles(path: Path, target: str) -> Opened:
    """A subtitle is one text whatever its line breaks, except where each line has a speaker of its own."""
    srt = library("srt")
    with reading(path, srt.SRTParseError):
        rows = list(srt.parse(read_text(path)))
    if not rows:
        raise Problem(f"{show_path(path)} has no subtitles")
    texts = [row.content if is_dialog(row.content) else " ".join(row.content.split()) for row in rows]

    def write(texts: Sequence[str], place: Path) -> list[str]:
        for row, text in zip(rows, texts, strict=True):
            row.content = text if is_dialog(row.content) else in_lines(text, row.content.count("\n") + 1)
        write_text(place, srt.compose(rows, reindex=False))
        return []

    return Opened(texts, write)


def is_dialog(content: str) -> bool:
    return "\n" in content and all(line.lstrip().startswith(("-", "–", "—")) for line in content.splitlines())


def in_lines(text: str, count: int) -> str:
    """`text` in so many lines of about one length."""
    for width in range(ceil(len(text) / count), len(text) + 1):
        lines = wrap(text, max(1, width), break_long_words=False)
        if len(lines) <= count:
            return "\n".join(lines)
    return text


def open_catalog(path: Path, target: str) -> Opened:
    """The messages of a gettext catalog that are not translated yet; what a model makes is marked fuzzy, to be read."""
    polib = library("polib")
    with reading(path):
        catalog = polib.pofile(str(path), check_for_duplicates=False)
    wanted = [
        entry for entry in catalog if not (entry.translated() or entry.obsolete or entry.msgid_plural or entry.fuzzy)
    ]
    plurals = sum(bool(entry.msgid_plural) and not entry.translated() for entry in catalog)

    def write(texts: Sequence[str], place: Path) -> list[str]:
        spoilt = 0
        for entry, text in zip(wanted, texts, strict=True):
            if placeholders(entry.msgid) != placeholders(text):
                spoilt += 1
                continue
            entry.msgstr = ends_like(entry.msgid, text)
            entry.flags.append("fuzzy")
        catalog.metadata |= {"Language": target, "Content-Type": "text/plain; charset=UTF-8"}
        write_text(place, f"{catalog}")
        told = [f"{len(wanted) - spoilt} messages are marked fuzzy: made by a machine, to be read by a person"]
        told += [f"{spoilt} messages stay empty: the model changed their placeholders"] if spoilt else []
        return told + ([f"{plurals} messages with plurals are left to a person"] if plurals else [])

    return Opened([entry.msgid for entry in wanted], write)


def placeholders(text: str) -> Counter[str]:
    return Counter(PLACEHOLDER.findall(text))


def ends_like(source: str, text: str) -> str:
    """`text` with the line ends that gettext asks for: at both ends those of the source."""
    head = "\n" if source.startswith("\n") else ""
    return head + text.strip("\n") + ("\n" if source.endswith("\n") else "")


def check_packed(path: Path) -> list[str]:
    """The names in a packed file; `Problem` if it is none, or if unpacking it would fill the memory."""
    try:
        with ZipFile(path) as packed:
            rows = packed.infolist()
    except (BadZipFile, OSError) as error:
        raise Problem(f"{show_path(path)} is no {path.suffix} file, or a damaged one: {error}") from error
    size = sum(row.file_size for row in rows)
    if size > MAX_UNPACKED or size > MAX_RATIO * path.stat().st_size:
        raise Problem(f"{show_path(path)} unpacks to {size:,} bytes: more than is read from such a file")
    return [row.filename for row in rows]


def open_document(path: Path, target: str) -> Opened:
    """The paragraphs of a Word document with its tables, text boxes, headers and footers; breaks and tabs stay."""
    docx = library("docx")
    check_packed(path)
    with reading(path, docx.opc.exceptions.PackageNotFoundError):
        document = docx.Document(str(path))
    groups = [group for root in roots(document) for group in text_groups(root)]

    def write(texts: Sequence[str], place: Path) -> list[str]:
        mixed = 0
        for group, text in zip(groups, texts, strict=True):
            mixed += len({form(node) for node in group if (node.text or "").strip()}) > 1
            main = max(group, key=lambda node: len(node.text or ""))
            for node in group:
                node.text = ""
            main.text = text
            main.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
        with whole_file(place) as temporary:
            document.save(str(temporary))
        return [f"{mixed} paragraphs had words in several forms (bold, links): they now have one"] if mixed else []

    return Opened(["".join(node.text or "" for node in group) for group in groups], write)


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


def form(node: Any) -> str:
    """How the run of a text node looks, and whether it is a link."""
    from lxml.etree import tostring

    run = node.getparent()
    looks = run.find(WORD_NAMESPACE + "rPr")
    return f"{run.getparent().tag} {tostring(looks).decode() if looks is not None else ''}"


def open_sheets(path: Path, target: str) -> Opened:
    """The cells of an Excel file that hold words; formulas, numbers and names of sheets stay."""
    openpyxl = library("openpyxl")
    names = check_packed(path)
    with reading(path, openpyxl.utils.exceptions.InvalidFileException, BadZipFile):
        book = openpyxl.load_workbook(path)
    cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row
             if cell.data_type == "s" and any(letter.isalpha() for letter in cell.value)]  # fmt: skip

    def write(texts: Sequence[str], place: Path) -> list[str]:
        for cell, text in zip(cells, texts, strict=True):
            cell.value = text
            cell.data_type = "s"  # a translation that begins with = is no formula
        with whole_file(place) as temporary:
            book.save(temporary)
        drawn = [name for name in names if name.startswith("xl/drawings/")]
        return ["the file has drawings: some of them may be lost, compare it with the original"] if drawn else []

    return Opened([cell.value for cell in cells], write)


KINDS = {
    ".txt": open_text, ".srt": open_subtitles, ".po": open_catalog, ".docx": open_document, ".xlsx": open_sheets,
}  # fmt: skip
"""Endings of files that are translated."""
