"""Files of every format that people have, made small: whole, damaged and hostile ones."""

import json
import zipfile
from pathlib import Path


def pdf(path: Path, pages: list[str], *, locked: bool = False) -> Path:
    """A PDF with a text a page, a line for each line; its letters are only known by the table that a font brings."""
    letters = sorted({c for page in pages for c in page if c != "\n"})
    codes = {letter: number for number, letter in enumerate(letters, 33)}
    table = "\n".join(f"<{code:02x}> <{letter.encode('utf-16-be').hex()}>" for letter, code in codes.items())
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /A def /CMapType 2 def "
        f"1 begincodespacerange <00> <ff> endcodespacerange {len(codes)} beginbfchar\n{table}\nendbfchar "
        "endcmap end end"
    )
    numbers = [4 + 2 * n for n in range(len(pages))]
    objects = {
        1: "<< /Type /Catalog /Pages 2 0 R >>",
        2: f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(f'{n} 0 R' for n in numbers)}] >>",
        3: "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 1000 0 R >>",
        1000: stream(cmap),
    }
    for number, page in zip(numbers, pages, strict=True):
        objects[number] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {number + 1} 0 R "
            "/Resources << /Font << /F 3 0 R >> >> >>"
        )
        lines = "".join(f"<{''.join(f'{codes[c]:02x}' for c in line)}> Tj T*\n" for line in page.split("\n"))
        objects[number + 1] = stream(f"BT /F 10 Tf 14 TL 40 750 Td\n{lines}ET")
    body, places = "%PDF-1.4\n", {}
    for number, text in sorted(objects.items()):
        places[number] = len(body)
        body += f"{number} 0 obj\n{text}\nendobj\n"
    start = len(body)
    lock = f"/Encrypt << /Filter /Standard /V 1 /R 2 /O <{'ab' * 32}> /U <{'cd' * 32}> /P -4 >> /ID [<00> <00>] "
    body += "xref\n0 1\n0000000000 65535 f \n"
    body += "".join(f"{number} 1\n{place:010} 00000 n \n" for number, place in places.items())
    body += f"trailer << /Size 1001 /Root 1 0 R {lock if locked else ''}>>\nstartxref\n{start}\n%%EOF\n"
    path.write_text(body, "ascii")
    return path


def stream(text: str) -> str:
    return f"<< /Length {len(text)} >>\nstream\n{text}\nendstream"


def docx(path: Path, paragraphs: list[str], *, pages: bool = False) -> Path:
    """A Word file; with `pages` Word has noted that each paragraph after the first begins a page."""
    import docx as library

    document = library.Document()
    for number, text in enumerate(paragraphs):
        run = document.add_paragraph().add_run(text)
        if pages and number:
            run._r.insert(0, run._r.makeelement(run._r.tag[: run._r.tag.index("}") + 1] + "lastRenderedPageBreak", {}))
    document.save(str(path))
    return path


def xlsx(path: Path, sheets: dict[str, list[list[object]]]) -> Path:
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def pptx(path: Path, slides: list[str], note: str = "") -> Path:
    """A PowerPoint file with a text a slide, in the order given although the files are numbered the other way round."""
    names = [f"slides/slide{len(slides) - n}.xml" for n in range(len(slides))]
    relation = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    head = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
    ids = "".join(f'<p:sldId r:id="r{n}"/>' for n in range(len(slides)))
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(
            "ppt/presentation.xml",
            f'<p:presentation xmlns:p="p" {relation}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>',
        )
        targets = "".join(f'<Relationship Id="r{n}" Target="{name}"/>' for n, name in enumerate(names))
        file.writestr("ppt/_rels/presentation.xml.rels", f"<Relationships {head}>{targets}</Relationships>")
        for name, text in zip(names, slides, strict=True):
            file.writestr(f"ppt/{name}", slide(text))
        if note:
            file.writestr("ppt/notesSlides/notesSlide1.xml", slide(note))
            file.writestr(
                f"ppt/slides/_rels/{Path(names[0]).name}.rels",
                f'<Relationships {head}><Relationship Id="n" Target="../notesSlides/notesSlide1.xml"/></Relationships>',
            )
    return path


def slide(text: str) -> str:
    a = "http://schemas.openxmlformats.org/drawingml/2006/main"
    paragraphs = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in text.split("\n"))
    return f'<p:sld xmlns:p="p" xmlns:a="{a}">{paragraphs}</p:sld>'


def epub(path: Path, title: str, chapters: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(
            "META-INF/container.xml", '<container><rootfiles><rootfile full-path="O/p.opf"/></rootfiles></container>'
        )
        items = "".join(f'<item id="c{n}" href="c%20{n}.xhtml"/>' for n in range(len(chapters)))
        spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
        file.writestr(
            "O/p.opf",
            f'<package xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{title}</dc:title>'
            f"<manifest>{items}</manifest><spine>{spine}</spine></package>",
        )
        for number, (heading, text) in enumerate(chapters.items()):
            file.writestr(f"O/c {number}.xhtml", f"<html><body><h1>{heading}</h1><p>{text}</p></body></html>")
    return path


def jsonl(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def bomb(path: Path) -> Path:
    """A zip of a gigabyte of zeros."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for number in range(8):
            file.writestr(f"word/{number}.xml", bytes(2**25))
    return path


# Short documents with titles and headings.
KAZAKH = """# «Отырар» кітапханасының ережесі

## Жұмыс уақыты

Кітапхана дүйсенбіден жұмаға дейін сағат тоғыздан алтыға дейін ашық.

## Оқырман билеті

Оқырман билеті тегін беріледі. Оны алу үшін жеке куәлік керек.
"""
RUSSIAN = """Отчёт о ремонте школы

Ремонт школы закончился 28 августа. Крышу заменила компания «Строй-Сервис» из Шымкента.

Осталось сделать

Не отремонтирована столовая: подрядчик обещает закончить её к 1 ноября.
"""
ENGLISH = """Breakfast

Breakfast is served from seven to ten in the dining room on the first floor.

Pets

Small dogs and cats are welcome. The fee is 3,000 tenge a night.
"""
