"""The chapters of an e-book (.epub), in reading order."""

from pathlib import Path
from posixpath import join, normpath
from typing import Any
from urllib.parse import unquote
from zipfile import BadZipFile, ZipFile

from anatili.extraction.page import decode, title_of, without_tags
from anatili.files import FileText, Part, UnreadableError
from anatili.files.office import parse_xml
from anatili.files.zipped import check_packed, reading
from anatili.text import clean

CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
HEADINGS = ("{*}h1", "{*}h2", "{*}h3")
MAX_HEADING = 80


def open_publication(path: Path) -> FileText:
    """The chapters of an e-book; `UnreadableError` if it is damaged or encrypted."""
    names = set(check_packed(path))
    with reading(path, BadZipFile, KeyError), ZipFile(path) as packed:
        package = parse_xml(packed.read(CONTAINER)).find(".//{*}rootfile").get("full-path")
        tree = parse_xml(packed.read(package))
        files = chapter_files(tree, package, names)
        if ENCRYPTION in names and is_encrypted(packed, files):
            raise UnreadableError("password", "its text is encrypted (DRM)")
        chapters = [chapter(packed.read(name), number) for number, name in enumerate(files, 1)]
        title = tree.findtext(".//{http://purl.org/dc/elements/1.1/}title") or ""
    parts = [part for part in chapters if part.text.strip()]
    if not parts:
        raise UnreadableError("no_text", "it has no text")
    return FileText(clean(title).strip(), parts)


def chapter_files(tree: Any, package: str, names: set[str]) -> list[str]:
    """The files of the chapters, in reading order."""
    folder = package.rpartition("/")[0]
    items = {item.get("id"): item.get("href", "") for item in tree.iter("{*}item")}
    hrefs = [items.get(reference.get("idref"), "") for reference in tree.iter("{*}itemref")]
    files = [normpath(join(folder, unquote(href))) for href in hrefs if href]
    return [name for name in files if name in names]


def is_encrypted(packed: ZipFile, files: list[str]) -> bool:
    """Whether a chapter is encrypted; fonts often are."""
    named = parse_xml(packed.read(ENCRYPTION)).iter("{*}CipherReference")
    return not {unquote(node.get("URI", "")) for node in named}.isdisjoint(files)


def chapter(page: bytes, number: int) -> Part:
    """A chapter, located by its number and its first heading."""
    text = decode(page)[0]
    return Part(clean(without_tags(text)), f"chapter:{number} {heading_of(page, text)}".strip())


def heading_of(page: bytes, text: str) -> str:
    try:
        tree = parse_xml(page)
        heading = next((" ".join("".join(node.itertext()).split()) for node in tree.iter(*HEADINGS)), "")
    except ValueError:
        heading = ""
    return (heading or title_of(text[:100_000]))[:MAX_HEADING]
