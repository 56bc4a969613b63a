"""The text of a PDF, page by page (pdfium)."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from anatili.files import FileText, Part, UnreadableError, scans
from anatili.files.zipped import library
from anatili.text import clean

PASSWORD, DAMAGED = 4, 3
"""pdfium's error codes."""
HYPHEN = "\ufffe"
"""What pdfium writes for a hyphen at the end of a line that belongs to a divided word."""
LETTERS_PER_PAGE = 5
"""A PDF with fewer letters a page, on average, is taken for a scan: page numbers and stamps are all its text."""


def open_pdf(path: Path, languages: Sequence[str] = ()) -> FileText:
    """The pages of a PDF; `UnreadableError` if it is damaged, needs a password or is a scan.

    Pages that are pictures are recognized if tesseract can do it in one of `languages` (ISO 639-3).
    """
    pdfium = library("pypdfium2")
    try:
        document = pdfium.PdfDocument(str(path))
    except pdfium.PdfiumError as error:
        if getattr(error, "err_code", DAMAGED) == PASSWORD or "password" in str(error).lower():
            raise UnreadableError("password", "it is protected by a password: save it without one") from error
        raise UnreadableError("damaged", "it is not a PDF, or it is damaged") from error
    pages = len(document)
    if not pages:
        raise UnreadableError("empty", "it has no pages")
    texts = [page_text(document, number, pdfium) for number in range(pages)]
    has_text = sum(map(letters_in, texts)) >= LETTERS_PER_PAGE * pages
    known = [language for language in languages if language in scans.installed()]
    if known:
        return FileText(title_of(document), recognized(document, texts, known, pdfium))
    if not has_text:
        names = ", ".join(languages)
        raise UnreadableError(
            "scan",
            f"it is a scan without text: install tesseract{f' with its data for {names}' if names else ''}, "
            "or recognize its text first (OCR)",
        )
    return FileText(title_of(document), located(texts))


def letters_in(text: str) -> int:
    return sum(map(str.isalpha, text))


def located(texts: Iterable[str]) -> Iterator[Part]:
    for number, text in enumerate(texts, 1):
        if text.strip():
            yield Part(text, f"page:{number}")


def recognized(document: Any, texts: list[str], languages: Sequence[str], pdfium: Any) -> Iterator[Part]:
    """The parts of a PDF some of whose pages may be pictures."""

    def whole() -> Iterator[str]:
        for number, text in enumerate(texts):
            if letters_in(text) >= LETTERS_PER_PAGE:
                yield text
                continue
            try:
                page = document[number]
                yield scans.recognize(page, languages) or text
                page.close()
            except pdfium.PdfiumError:
                yield text

    is_empty = True
    for part in located(whole()):
        is_empty = False
        yield part
    if is_empty:
        raise UnreadableError("scan", "it is a scan in which no text was recognized")


def page_text(document: Any, number: int, pdfium: Any) -> str:
    """The text of a page, "" if the page is damaged: the others may be whole."""
    try:
        page = document[number]
        text = str(page.get_textpage().get_text_bounded())
        page.close()
    except pdfium.PdfiumError:
        return ""
    text = text.replace("\r\n", "\n")
    return clean(text.replace(HYPHEN + "\n", "").replace(HYPHEN, ""))


def title_of(document: Any) -> str:
    """The title in the PDF's metadata, unless it is only the name of a file."""
    title = clean(str(document.get_metadata_value("Title") or "")).strip()
    return "" if "." in title[-6:-1] or title.lower().startswith(("microsoft word", "untitled")) else title
