"""Files as parts with locations, and a reason in a word for each file that cannot be read."""

import gzip
import sys
import zipfile
from pathlib import Path

import pytest
from made_files import bomb, docx, epub, jsonl, pdf, pptx, slide, xlsx

from anatili.files import MAX_BYTES, UnreadableError, scans
from anatili.files.formats import LONGEST_LINE, PART_LINES, open_file
from anatili.files.locations import cited, in_words, location_of, moved
from anatili.lang import load_pack


def parts(path):
    return [(part.location, part.text) for part in open_file(path).parts]


def reason(path) -> str:
    with pytest.raises(UnreadableError) as error:
        list(open_file(path).parts)
    assert str(path.parent) not in str(error.value)
    return error.value.code


def test_a_pdf_is_read_by_page_and_empty_pages_still_count(tmp_path):
    path = pdf(tmp_path / "есеп.pdf", ["Бірінші бет туралы мәтін", "", "Үшінші бет: өзен, көл\nжәне теңіз"])
    assert parts(path) == [("page:1", "Бірінші бет туралы мәтін"), ("page:3", "Үшінші бет: өзен, көл\nжәне теңіз")]


def test_scans_locked_and_damaged_pdfs_are_told_apart(tmp_path):
    assert reason(pdf(tmp_path / "a.pdf", ["", "1", "2"])) == "scan"
    assert reason(pdf(tmp_path / "b.pdf", ["Мәтін"], locked=True)) == "password"
    (tmp_path / "c.pdf").write_bytes(pdf(tmp_path / "d.pdf", ["Мәтін"]).read_bytes()[:60])
    assert reason(tmp_path / "c.pdf") == "damaged"


@pytest.mark.skipif("kaz" not in scans.installed(), reason="tesseract with its data for Kazakh is not installed")
def test_scanned_pages_are_recognized_and_pages_with_text_are_not(tmp_path):
    image, draw, fonts = (pytest.importorskip(f"PIL.{name}") for name in ("Image", "ImageDraw", "ImageFont"))
    file = Path(pytest.importorskip("matplotlib").get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    font = fonts.truetype(str(file), 40)
    pages = []
    for text in ("Ұлттық кітапхана\nбүгін ашылды.", "", "Өзен мен көл."):
        pages.append(image.new("L", (1240, 1754), 255))
        draw.Draw(pages[-1]).multiline_text((120, 150), text, fill=0, font=font)
    pages[0].save(tmp_path / "scan.pdf", save_all=True, append_images=pages[1:], resolution=150)
    scan = open_file(tmp_path / "scan.pdf", languages=("kaz",))
    assert [(part.location, part.text.strip()) for part in scan.parts] == [
        ("page:1", "Ұлттық кітапхана\nбүгін ашылды."),
        ("page:3", "Өзен мен көл."),
    ]
    pages[1].save(tmp_path / "blank.pdf")
    with pytest.raises(UnreadableError, match="no text was recognized"):
        list(open_file(tmp_path / "blank.pdf", languages=("kaz",)).parts)


def test_a_word_file_is_read_by_page_where_word_noted_pages_and_else_by_paragraph(tmp_path):
    texts = ["Бірінші абзац.", "Екінші абзац."]
    assert parts(docx(tmp_path / "a.docx", texts)) == [("paragraph:1", "\n".join(texts))]
    paged = parts(docx(tmp_path / "b.docx", texts, pages=True))
    assert paged == [("page:1", texts[0]), ("page:2", texts[1])]


def test_rows_of_sheets_carry_the_headings_of_their_columns(tmp_path):
    path = xlsx(
        tmp_path / "a.xlsx", {"Қала!лар": [["Қала", "Халқы"], ["Астана", 1350000], [], ["Алматы", None]], "Бос": []}
    )
    [(location, text)] = parts(path)
    assert location == "sheet:Қала!лар!1"
    assert text.split("\n") == ["Қала; Халқы.", "Қала: Астана; Халқы: 1350000.", "", "Қала: Алматы."]
    assert in_words(moved(location, 3), load_pack("kk").prompts["location"]) == "«Қала!лар» парағы, 4-жол"


def test_slides_come_in_the_order_in_which_they_are_shown_with_their_notes(tmp_path):
    assert parts(pptx(tmp_path / "a.pptx", ["Кіріспе\nЕкінші жол", "", "Соңы"], note="Ескерту")) == [
        ("slide:1", "Кіріспе\nЕкінші жол\nЕскерту"),
        ("slide:3", "Соңы"),
    ]


def test_chapters_of_a_book_have_their_number_and_heading(tmp_path):
    path = epub(tmp_path / "a.epub", "Абай жолы", {"Қайтқанда": "Үш күн.", "Қатта": "Ертеңінде."})
    assert open_file(path).title == "Абай жолы"
    assert parts(path) == [("chapter:1 Қайтқанда", "Қайтқанда\nҮш күн."), ("chapter:2 Қатта", "Қатта\nЕртеңінде.")]
    assert in_words("chapter:2 Қатта", load_pack("kk").prompts["location"]) == "2-тарау Қатта"


def test_rows_of_jsonl_have_their_own_titles_and_addresses(tmp_path):
    path = jsonl(
        tmp_path / "a.jsonl",
        [{"text": "Бір.\nЕкі."}, {"text": "Үш.", "url": "https://e.kz", "title": "Т", "license": "CC0-1.0"}],
    )
    first, second = open_file(path).parts
    assert (first.location, first.text, first.url) == ("line:1", "Бір. Екі.", "")
    assert (second.location, second.url, second.title, second.license) == ("line:2", "https://e.kz", "Т", "CC0-1.0")
    for line in (b"{", b"[]", b'{"text": 1}', b"[" * 100_000):
        path.write_bytes(line)
        assert reason(path) == "damaged"
        path.write_bytes(line + b'\n{"text": "a"}\n\nb\n{"text": "c"}\n')
        opened = open_file(path)
        assert [(part.text, part.location) for part in opened.parts] == [("a", "line:2"), ("c", "line:5")]
        assert (opened.skipped.lines, opened.skipped.first[:6]) == (2, "line 1")


def test_markdown_loses_its_marks_but_no_line(tmp_path):
    (tmp_path / "a.md").write_text(
        "# Тақырып\n\n**Қалың** сөз, [сілтеме](https://e.kz).\n```\n# код\n```\nСоңы", "utf-8"
    )
    opened = open_file(tmp_path / "a.md")
    [part] = opened.parts
    assert opened.title == "Тақырып"
    assert part.text.split("\n") == ["Тақырып", "", "Қалың сөз, сілтеме.", "", "# код", "", "Соңы"]


def test_text_in_any_charset_is_read_in_blocks_of_lines(tmp_path):
    text = "Қазақстан Республикасының Конституциясы ғылым мен білім туралы\n" * (PART_LINES + 1)
    for charset in ("utf-8", "utf-8-sig", "utf-16"):
        (tmp_path / "a.txt").write_text(text, charset)
        locations = [location for location, _ in parts(tmp_path / "a.txt")]
        assert locations == ["line:1", f"line:{PART_LINES + 1}"]
    (tmp_path / "a.txt").write_text("а" * (LONGEST_LINE + 1) + "\nб", "utf-8")
    assert [location for location, _ in parts(tmp_path / "a.txt")] == ["line:1", "line:1", "line:2"]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Кітапхана ережесі\n\nКітап 21 күнге беріледі.", "Кітапхана ережесі"),
        ("\n\n  Приказ  № 47 \n \nВ связи с ремонтом зал закрыт.", "Приказ № 47"),
        ("Opening hours\nThe library is open from Monday to Friday, from nine to six.", "Opening hours"),
        ("Договор аренды\nСтороны\nИрина Ким сдаёт, а Олжас Сериков снимает квартиру.", "Договор аренды"),
        ("Договор\nАренда\nСтороны\nИрина Ким сдаёт, а Олжас Сериков снимает квартиру.", ""),
        ("Кітапхана ережесі", ""),
        ("Мектепте 640 оқушы бар.\n\nОлар үш ауысымда оқиды.", ""),
        ("Уважаемые коллеги!\n\nЗал закрыт.", ""),
        ("Sayın site sakinleri,\n\nAsansör çalışmıyor.", ""),
        ("Milk\nBread\nCheese\n\nButter", ""),
        ("The library is open from\nmonday to friday, and on other days it is closed to everybody.", ""),
        (
            "The library is open on all days but those on which it is closed, as\nNew Year and Easter, when it is.",
            "",
        ),
        ("2026\n\nКітап 21 күнге беріледі.", ""),
        ("Т" * 81 + "\n\nКітап 21 күнге беріледі.", ""),
    ],
)
def test_the_first_line_of_a_text_is_its_title_if_it_stands_apart(tmp_path, text, title):
    for name in ("a.txt", "a.md"):
        (tmp_path / name).write_text(text, "utf-8")
        opened = open_file(tmp_path / name)
        assert opened.title == title
        assert "\n".join(part.text for part in opened.parts) == text, "no line is taken out"
    assert open_file(docx(tmp_path / "a.docx", text.split("\n"))).title == title


def test_a_page_is_read_without_what_is_around_its_text(tmp_path):
    story = "<p>Абай Құнанбайұлы — қазақ ақыны. Ол 1845 жылы Шыңғыстауда туған.</p>" * 5
    (tmp_path / "a.html").write_text(f"<title>Абай</title><nav>Басты бет</nav><article>{story}</article>", "utf-8")
    opened = open_file(tmp_path / "a.html")
    assert opened.title == "Абай"
    assert "Шыңғыстауда" in "".join(part.text for part in opened.parts)


def test_each_unreadable_file_has_its_reason(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"")
    assert reason(tmp_path / "a.txt") == "empty"
    (tmp_path / "b.txt").write_bytes(gzip.compress(b"text" * 1000))
    assert reason(tmp_path / "b.txt") == "binary"
    assert reason(tmp_path) == "type"
    assert reason(bomb(tmp_path / "c.docx")) == "damaged"
    for name in ("d.docx", "d.xlsx", "d.pptx", "d.epub"):
        (tmp_path / name).write_bytes(b"\xd0\xcf\x11\xe0 with a password" if name[2] != "e" else b"PK")
        assert reason(tmp_path / name) == ("password" if name[2] != "e" else "damaged")
    with (tmp_path / "e.txt").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert reason(tmp_path / "e.txt") == "too_large"


def test_a_library_that_is_missing_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch):
    path = pdf(tmp_path / "a.pdf", ["Мәтін"])
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(UnreadableError, match=r"needs pypdfium2: .*pip install"):
        open_file(path)
    assert reason(path) == "missing"


def test_entities_are_neither_resolved_nor_fetched(tmp_path):
    (tmp_path / "secret").write_text("құпия", "utf-8")
    path = tmp_path / "a.pptx"
    with zipfile.ZipFile(pptx(tmp_path / "b.pptx", ["Кіріспе"])) as whole, zipfile.ZipFile(path, "w") as file:
        for name in whole.namelist():
            head = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{tmp_path}/secret">]>'
            file.writestr(name, head + slide("Мәтін&e;") if "slide1" in name else whole.read(name))
    assert parts(path) == [("slide:1", "Мәтін")]


def test_citations_are_written_in_each_language():
    words = {code: load_pack(code).prompts["location"] for code in ("kk", "ru", "en", "tr")}
    assert cited("есеп.pdf", "page:12", words["kk"]) == "есеп.pdf, 12-бет"
    assert cited("отчёт.pdf", "page:12", words["ru"]) == "отчёт.pdf, стр. 12"
    assert cited("a.txt", location_of("line:3", "a\nb\nc", 4), words["en"]) == "a.txt, line 5"
    assert cited("rapor.pdf", "page:2", words["tr"]) == "rapor.pdf, 2. sayfa"
    assert cited("https://e.kz", "", words["kk"]) == "https://e.kz"
