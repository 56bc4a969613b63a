"""The texts of Word, Excel and PowerPoint files, with page or paragraph, sheet and row, or slide."""

from collections.abc import Iterator
from pathlib import Path
from posixpath import join, normpath
from typing import Any
from zipfile import BadZipFile, ZipFile

from anatili.files import FileText, Part, UnreadableError, title_of
from anatili.files.zipped import check_packed, library, reading
from anatili.text import clean

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
OLD_FORMAT = b"\xd0\xcf\x11\xe0"
"""Start of the container of .doc and .xls, which also holds .docx and .xlsx with a password."""
MAX_COLUMNS, MAX_ROWS = 200, 200_000
"""Cells of a sheet beyond these are not read."""


def check_office(path: Path) -> list[str]:
    """The names of the files in an office file; `UnreadableError` if it is encrypted or of the old format."""
    with path.open("rb") as file:
        if file.read(4) == OLD_FORMAT:
            raise UnreadableError("password", "it is protected by a password, or of an old format: save it anew")
    return check_packed(path)


def open_word(path: Path) -> FileText:
    """The paragraphs and tables of a Word document: by page if Word stored where its pages begin, else by paragraph."""
    docx = library("docx")
    check_office(path)
    with reading(path, docx.opc.exceptions.PackageNotFoundError, BadZipFile):
        document = docx.Document(str(path))
        title = clean(str(document.core_properties.title or "")).strip()
    paragraphs = [(paragraph_text(node), breaks_in(node)) for node in document.element.body.iter(WORD + "p")]
    if not any(text.strip() for text, _ in paragraphs):
        raise UnreadableError("no_text", "it has no text")
    has_pages = any(breaks for _, breaks in paragraphs)
    title = title or title_of([text for text, _ in paragraphs])
    return FileText(title, by_page(paragraphs) if has_pages else by_paragraph([text for text, _ in paragraphs]))


def paragraph_text(paragraph: Any) -> str:
    """The text of a paragraph in one line. Paragraphs inside it (text boxes) are read on their own."""
    words = []
    for node in paragraph.iterdescendants(WORD + "t", WORD + "tab", WORD + "br", WORD + "cr"):
        if next(node.iterancestors(WORD + "p")) is paragraph:
            words.append((node.text or "") if node.tag == WORD + "t" else " ")
    return " ".join(clean("".join(words)).split())


def breaks_in(paragraph: Any) -> int:
    """How many pages begin in a paragraph, as Word laid it out when it last saved the file."""
    return sum(1 for _ in paragraph.iterdescendants(WORD + "lastRenderedPageBreak"))


def by_page(paragraphs: list[tuple[str, int]]) -> Iterator[Part]:
    page, lines = 1, list[str]()
    for text, breaks in paragraphs:
        if breaks and lines:
            yield Part("\n".join(lines), f"page:{page}")
            lines = []
        page += breaks
        lines.append(text)
    yield Part("\n".join(lines), f"page:{page}")


def by_paragraph(paragraphs: list[str]) -> Iterator[Part]:
    yield Part("\n".join(paragraphs), "paragraph:1")


def open_sheets(path: Path) -> FileText:
    """The rows of an Excel file, each cell after the heading of its column."""
    openpyxl = library("openpyxl")
    check_office(path)
    with reading(path, openpyxl.utils.exceptions.InvalidFileException, BadZipFile):
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        parts = [part for sheet in book.worksheets if (part := sheet_part(sheet)).text.strip()]
        title = clean(str(book.properties.title or "")).strip()
        book.close()
    if not parts:
        raise UnreadableError("no_text", "its sheets are empty")
    return FileText(title, parts)


def sheet_part(sheet: Any) -> Part:
    lines, heading = list[str](), list[str]()
    for row in sheet.iter_rows(max_row=MAX_ROWS, max_col=MAX_COLUMNS, values_only=True):
        cells = [" ".join(clean(str(value)).split()) if value is not None else "" for value in row]
        if not heading and sum(map(bool, cells)) > 1 and all(isinstance(v, str) for v in row if v is not None):
            heading = cells
            lines.append(line_of(cells, []))
        else:
            lines.append(line_of(cells, heading))
    return Part("\n".join(lines), f"sheet:{sheet.title}!1")


def line_of(cells: list[str], heading: list[str]) -> str:
    """The cells of a row as a sentence: `heading: cell; heading: cell.`"""
    named = enumerate(cells)
    texts = [
        f"{heading[column]}: {cell}" if column < len(heading) and heading[column] else cell
        for column, cell in named
        if cell
    ]
    return "; ".join(texts) + "." if texts else ""


def open_presentation(path: Path) -> FileText:
    """The texts of a PowerPoint file by slide, with the notes of each."""
    names = set(check_office(path))
    with reading(path, BadZipFile), ZipFile(path) as packed:
        slides = slide_names(packed, names)
        parts = [Part(slide_text(packed, name, names), f"slide:{number}") for number, name in enumerate(slides, 1)]
    if not any(part.text.strip() for part in parts):
        raise UnreadableError("no_text", "its slides have no text")
    return FileText("", [part for part in parts if part.text.strip()])


def slide_names(packed: ZipFile, names: set[str]) -> list[str]:
    """The slides in the order in which they are shown."""
    targets = relations(packed, "ppt/presentation.xml", names)
    tree = parse_xml(packed.read("ppt/presentation.xml"))
    ordered = [targets.get(node.get(RELATION + "id"), "") for node in tree.iter("{*}sldId")]
    return [name for name in ordered if name in names]


def relations(packed: ZipFile, name: str, names: set[str]) -> dict[str, str]:
    """Id -> name of the file that another file of the package refers to."""
    folder, _, file = name.rpartition("/")
    source = f"{folder}/_rels/{file}.rels"
    if source not in names:
        return {}
    nodes = parse_xml(packed.read(source)).iter("{*}Relationship")
    return {node.get("Id", ""): normpath(join(folder, node.get("Target", ""))).lstrip("/") for node in nodes}


def slide_text(packed: ZipFile, name: str, names: set[str]) -> str:
    """The paragraphs of a slide, then those of its notes."""
    notes = [target for target in relations(packed, name, names).values() if "/notesSlides/" in target]
    lines = []
    for file in (name, *(note for note in notes if note in names)):
        for paragraph in parse_xml(packed.read(file)).iter(DRAWING + "p"):
            line = " ".join(clean("".join(node.text or "" for node in paragraph.iter(DRAWING + "t"))).split())
            lines += [line] if line else []
    return "\n".join(lines)


def parse_xml(data: bytes) -> Any:
    """The root of an XML file. Entities are not resolved and nothing is fetched; `ValueError` if it is damaged."""
    from lxml import etree

    try:
        return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except etree.XMLSyntaxError as error:
        raise ValueError(str(error)) from error
