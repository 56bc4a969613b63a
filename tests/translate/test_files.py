"""Files translated: what a reader sees is translated, all else stays; damaged and hostile files are told."""

import json
import zipfile

import docx
import openpyxl
import polib
import pytest
import srt
from click.testing import CliRunner
from docx.enum.text import WD_BREAK
from openpyxl.styles import Font

from anatili.cli import main
from anatili.engine import Chunk
from anatili.files.zipped import MAX_UNPACKED
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.translate.files import in_lines, open_file, tagged
from anatili.translate.translator import Memory, Translator

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}


class Upper:
    """An engine whose translation is the text in capitals."""

    slots, name, context, parameters = 3, "upper", 1024, 1

    def __init__(self) -> None:
        self.asked = []

    def generate(self, prompt, sampling):
        ask = next(
            a for p in PACKS.values() for a in p.prompts["translate"].values() if prompt[0]["content"].startswith(a)
        )
        self.asked.append(prompt[0]["content"].removeprefix(ask).strip())
        yield Chunk(self.asked[-1].upper())
        yield Chunk("", finish="stop")


def translated(path, out, memory=None):
    opened = open_file(path, "en")
    engine = Upper()
    texts = [step.text for step in Translator(engine, PACKS).texts(opened.texts, "kk", "en", memory)]
    return opened.write(texts, out), engine


def test_subtitles_keep_times_and_lines(tmp_path):
    text = (
        "1\n00:00:01,000 --> 00:00:03,500\nМен бүгін мектепке\nерте бардым.\n\n"
        "7\n00:00:04,000 --> 00:00:05,000\n- Қайдасың?\n- Үйдемін.\n\n"
    )
    (tmp_path / "a.srt").write_text("\ufeff" + text, "utf-8")
    translated(tmp_path / "a.srt", tmp_path / "b.srt")
    first, second = srt.parse((tmp_path / "b.srt").read_text("utf-8"))
    assert first.content == "МЕН БҮГІН МЕКТЕПКЕ\nЕРТЕ БАРДЫМ."
    assert (first.index, second.index, str(second.start)) == (1, 7, "0:00:04")
    assert second.content == "- ҚАЙДАСЫҢ?\n- ҮЙДЕМІН."
    assert in_lines("one", 2) == "one"
    assert in_lines("a bb ccc dddd", 2) == "a bb ccc\ndddd"


def test_subtitles_keep_their_tags_where_they_frame_all_of_it(tmp_path):
    contents = ("{\\an8}<i>Сәлем,\nәлем!</i>", "Бүгін <b>ауа райы</b> жақсы.", "<b>Ол</b> келді.", "<i>a < ә</i>")
    rows = [f"{n}\n00:00:0{n},000 --> 00:00:0{n},500\n{content}\n\n" for n, content in enumerate(contents, 1)]
    (tmp_path / "a.srt").write_text("".join(rows), "utf-8")
    notes, _ = translated(tmp_path / "a.srt", tmp_path / "b.srt")
    made = [row.content for row in srt.parse((tmp_path / "b.srt").read_text("utf-8"))]
    assert made == ["{\\an8}<i>СӘЛЕМ,\nӘЛЕМ!</i>", "БҮГІН АУА РАЙЫ ЖАҚСЫ.", "ОЛ КЕЛДІ.", "<i>A < Ә</i>"]
    assert notes == ["2 subtitles with tags of single words, now without them"]
    assert tagged("<i>" * 50_000 + "ә") == ("", "<i>" * 50_000 + "ә", "")


def test_a_catalog_gets_what_it_lacks_and_a_mark_to_read_it(tmp_path):
    catalog = polib.POFile()
    catalog.metadata = {"Content-Type": "text/plain; charset=utf-8", "Language": "xx"}
    catalog += [
        polib.POEntry(msgid="файл табылмады\n"),
        polib.POEntry(msgid="ашу", msgstr="open"),
        polib.POEntry(msgid="%d файл", msgid_plural="%d файлдар", msgstr_plural={0: "", 1: ""}),
        polib.POEntry(msgid="%(name)s деген бума"),
        polib.POEntry(msgid="{0} қосылды", comment="kept"),
        polib.POEntry(msgid="жаңа", flags=["fuzzy"]),
        polib.POEntry(msgid="ескі", msgstr="old", flags=["fuzzy"]),
    ]
    catalog.save(str(tmp_path / "a.po"))
    told, engine = translated(tmp_path / "a.po", tmp_path / "b.po")
    made = {entry.msgid: entry for entry in polib.pofile(str(tmp_path / "b.po"))}
    assert made["файл табылмады\n"].msgstr == "ФАЙЛ ТАБЫЛМАДЫ\n"
    assert made["файл табылмады\n"].fuzzy
    assert made["ашу"].msgstr == "open"
    assert not made["ашу"].fuzzy
    assert made["%(name)s деген бума"].msgstr == "", "the model has written %(NAME)S"
    assert made["{0} қосылды"].msgstr == "{0} ҚОСЫЛДЫ"
    assert made["{0} қосылды"].comment == "kept"
    assert (made["жаңа"].msgstr, made["жаңа"].flags) == ("ЖАҢА", ["fuzzy"])
    assert made["ескі"].msgstr == "old"
    assert [line.split()[0] for line in told] == ["3", "1", "1"]
    assert "ашу" not in engine.asked


def test_a_document_keeps_its_parts_breaks_and_forms(tmp_path):
    document = docx.Document()
    document.add_heading("Тақырып", 1)
    paragraph = document.add_paragraph("Бірінші ")
    paragraph.add_run("қалың").bold = True
    paragraph.add_run(" сөз.").add_break(WD_BREAK.LINE)
    paragraph.add_run("Келесі жол\tбағана")
    document.add_paragraph("12 345")
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "ұяшық", "7"
    inner = table.cell(0, 1).add_table(1, 1)
    inner.cell(0, 0).text = "ішкі"
    document.sections[0].header.paragraphs[0].text = "жоғарғы"
    document.save(tmp_path / "a.docx")
    told, engine = translated(tmp_path / "a.docx", tmp_path / "b.docx")
    made = docx.Document(tmp_path / "b.docx")
    assert [p.text for p in made.paragraphs] == ["ТАҚЫРЫП", "БІРІНШІ ҚАЛЫҢ СӨЗ.\nКЕЛЕСІ ЖОЛ\tБАҒАНА", "12 345"]
    assert made.paragraphs[0].style.name == "Heading 1"
    assert made.tables[0].cell(0, 0).text == "ҰЯШЫҚ"
    assert made.tables[0].cell(0, 1).tables[0].cell(0, 0).text == "ІШКІ"
    assert made.sections[0].header.paragraphs[0].text == "ЖОҒАРҒЫ"
    assert told == ["1 paragraph with mixed formatting (bold, links), now in one format"]
    assert "12 345" not in engine.asked


def test_sheets_keep_formulas_numbers_and_forms(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet["A1"], sheet["B1"], sheet["A2"], sheet["B2"] = "Атауы", "=SUM(B2:B3)", 12.5, "Алматы"
    sheet["A1"].font = Font(bold=True)
    sheet["C1"] = "жиынтық"
    sheet.merge_cells("C1:D2")
    book.save(tmp_path / "a.xlsx")
    translated(tmp_path / "a.xlsx", tmp_path / "b.xlsx")
    made = openpyxl.load_workbook(tmp_path / "b.xlsx").active
    assert [made[at].value for at in ("A1", "B1", "A2", "B2", "C1")] == [
        "АТАУЫ",
        "=SUM(B2:B3)",
        12.5,
        "АЛМАТЫ",
        "ЖИЫНТЫҚ",
    ]
    assert made["A1"].font.bold
    assert [str(one) for one in made.merged_cells.ranges] == ["C1:D2"]


def test_a_translation_never_becomes_a_formula(tmp_path):
    book = openpyxl.Workbook()
    book.active["A1"] = "сөз"
    book.save(tmp_path / "a.xlsx")
    open_file(tmp_path / "a.xlsx", "en").write(['=HYPERLINK("http://e.kz")'], tmp_path / "b.xlsx")
    assert openpyxl.load_workbook(tmp_path / "b.xlsx").active["A1"].data_type == "s"


@pytest.mark.parametrize("ending", [".docx", ".xlsx"])
def test_damaged_and_hostile_packed_files_are_told(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"PK\x03\x04 no more")
    with pytest.raises(Problem, match="damaged"):
        open_file(path, "en")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("x.xml", "<x/>")
    with pytest.raises(Problem, match="damaged"):
        open_file(path, "en")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("x.xml", bytes(MAX_UNPACKED // 8))
    with pytest.raises(Problem, match="unpacks to 33,554,432 bytes"):
        open_file(path, "en")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.srt", b"\xff\xfe\x00", "not UTF-8"),
        ("a.srt", b"no times at all", "damaged|no subtitles"),
        ("a.po", b'msgid "open\nmsgstr', "damaged"),
        ("a.txt", b"", "empty"),
        ("a.pdf", b"%PDF", "supported are .txt"),
    ],
)
def test_files_that_cannot_be_read_are_told(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Problem, match=says):
        open_file(tmp_path / name, "en")


def test_what_was_broken_off_is_not_asked_again(tmp_path):
    (tmp_path / "a.txt").write_text("Бірінші сөйлем.\nЕкінші сөйлем.\nБірінші сөйлем.\n", "utf-8")
    head = {"model": "upper"}
    _, engine = translated(tmp_path / "a.txt", tmp_path / "b.txt", Memory(tmp_path / "m.jsonl", head))
    assert set(engine.asked) == {"Бірінші сөйлем.", "Екінші сөйлем."}
    rows = (tmp_path / "m.jsonl").read_text("utf-8").splitlines()
    (tmp_path / "m.jsonl").write_text("\n".join(rows[:2]) + '\n{"sour', "utf-8")
    _, engine = translated(tmp_path / "a.txt", tmp_path / "c.txt", Memory(tmp_path / "m.jsonl", head))
    assert set(engine.asked) == {json.loads(rows[2])["source"]}
    assert (tmp_path / "b.txt").read_bytes() == (tmp_path / "c.txt").read_bytes()


def test_the_command_writes_beside_the_file(tmp_path, llama_address):
    document = docx.Document()
    document.add_paragraph("Бүгін ауа райы жақсы болады.")
    document.save(tmp_path / "хат.docx")
    command = ["translate", llama_address, str(tmp_path / "хат.docx"), "--target", "en"]
    answer = CliRunner().invoke(main, [*command, "--json"])
    assert answer.exit_code == 0, answer.output
    said = json.loads(answer.stdout)
    assert (said["source"], said["texts"]) == ("kk", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["хат.docx", "хат.en.docx"]
    assert (
        "is the file to be translated" in CliRunner().invoke(main, [*command, "-o", str(tmp_path / "хат.docx")]).output
    )


def test_what_cannot_be_begun_is_told_at_once(tmp_path, llama_address):
    def told(*more: str) -> str:
        answer = CliRunner().invoke(main, ["translate", llama_address, *more, "--target", "en"])
        assert answer.exit_code
        assert answer.exception is None or isinstance(answer.exception, SystemExit)
        return answer.output

    assert "does not exist" in told(str(tmp_path / "none.txt"))
    polib.POFile().save(str(tmp_path / "done.po"))
    assert "nothing to translate" in told(str(tmp_path / "done.po"))
    (tmp_path / "a.txt").write_text("Сәлем, әлем!", "utf-8")
    (tmp_path / "file").touch()
    assert "cannot write" in told(str(tmp_path / "a.txt"), "-o", str(tmp_path / "file" / "b.txt"))
