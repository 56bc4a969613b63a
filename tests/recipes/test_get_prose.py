"""recipes/get_prose.py: from files of help, manuals, games and lists to paragraphs and pairs."""

from __future__ import annotations

import gzip
import importlib
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("polib")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "recipes"))
prose: Any = importlib.import_module("get_prose")
readers: Any = importlib.import_module("prose.readers")

ENGLISH = "The river rises every spring and waters the fields around the village."
RUSSIAN = "Река разливается каждую весну и орошает поля вокруг деревни."
TURKISH = "Nehir her ilkbaharda yükselir ve köyün çevresindeki tarlaları sular."
KAZAKH = "Өзен көктем сайын тасып, ауыл маңындағы егістікті суарады."


def texts(path: Path, reader: str = "markup", language: str = "en") -> list[list[str]]:
    return [[block.text for block in blocks if block.text] for blocks in readers.READERS[reader](path, language)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (ENGLISH, True),
        (RUSSIAN, True),
        (TURKISH, True),
        (KAZAKH, True),
        ("File - Save As - Export as PDF", False),
        ("See the menu for it.", False),
        ("the river rises every spring and waters the fields around.", False),
        ("Call os.path.join(a, b) == c and d->e[0] with {'x': 1} or y_z.", False),
        ("Copyright 2003 by the authors of the manual © all rights reserved here.", False),
    ],
)
def test_sentences_are_prose_and_menus_and_code_are_not(text: str, wanted: bool) -> None:
    assert readers.is_prose(text) is wanted


def test_a_paragraph_is_in_its_own_language_only() -> None:
    given = {"en": ENGLISH, "ru": RUSSIAN, "tr": TURKISH, "kk": KAZAKH}
    assert {(a, b) for a in given for b, text in given.items() if readers.is_in(a, text)} == {(a, a) for a in given}


def test_html_gives_paragraphs_without_code_tables_and_menus(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        "<html><head><title>No</title></head><body class='toc-left'><nav><p>No</p></nav><h1>No</h1>One <b>two</b>"
        "<p>Three\n  four<br>five</p><pre>no</pre><table><tr><td>no</td></tr></table>"
        "<ul><li>six<ul><li>seven</li></ul>eight</li></ul><div class='toc'>no</div></body></html>"
    )
    assert texts(page) == [["One two", "Three four", "five", "six", "seven", "eight"]]


def test_docbook_and_mallard_give_paragraphs_and_names_that_only_their_dtd_knows(tmp_path: Path) -> None:
    page = tmp_path / "index.docbook"
    page.write_text(
        "<book><bookinfo><para>No</para></bookinfo><chapter><title>No</title><para>&kate; is <emphasis>an</emphasis> "
        "editor &amp; more.</para><screen>no</screen><xi:include/></chapter></book>"
    )
    assert texts(page) == [["Kate is an editor & more."]]


def test_keys_are_joined_and_a_sentence_around_a_bare_reference_is_no_prose(tmp_path: Path) -> None:
    page = tmp_path / "keys.page"
    page.write_text(
        "<page><p>Press <keyseq><key>Ctrl</key><!-- no --><key>R</key></keyseq> in "
        "<guiseq><gui>Edit</gui> <gui>Find</gui></guiseq>.</p>"
        '<p>For more about the panels of this desktop, see <link xref="panels"/> and the pages after it.</p></page>'
    )
    said = texts(page)[0]
    assert said[0] == "Press Ctrl+R in Edit → Find."
    assert not readers.is_prose(said[1])
    assert readers.is_prose(said[1].replace(readers.GAP, "it"))


def test_a_manual_page_gives_paragraphs_without_macros_code_and_tags(tmp_path: Path) -> None:
    page = tmp_path / "page.7.gz"
    page.write_bytes(
        gzip.compress(
            b'.\\" note\n.TH X 7\n.SH NAME\nx \\- one\n.SH DESCRIPTION\nThe \\fBname\\fP of\n.I "a b"\nis.\n'
            b".PP\nIt\\(aqs\n.BR open (2).\n.EX\nno\n.EE\n.TP\n.B \\-o\nAn option.\n"
        )
    )
    assert texts(page, "manual") == [["x - one", "The name of a b is.", "It's open(2).", "An option."]]


def test_markdown_loses_links_code_and_headings(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# No\n\nSee **the** [page](http://x).\n\n```\nno\n```\n\n* One `a`\n* Two\n")
    assert texts(page, "markdown") == [["See the page.", "One a", "Two"]]


def mo_file(pairs: dict[str, str]) -> bytes:
    """A compiled catalog, as gettext writes it."""
    pairs = {"": "Content-Type: text/plain; charset=UTF-8\n"} | pairs
    parts, tables, at = b"", [b"", b""], 28 + 16 * len(pairs)
    for side in (0, 1):
        for pair in sorted(pairs.items()):
            data = pair[side].encode()
            tables[side] += struct.pack("<II", len(data), at + len(parts))
            parts += data + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    return head + tables[0] + tables[1] + parts


def test_a_scene_is_told_in_its_order_and_in_each_language(tmp_path: Path) -> None:
    (tmp_path / "locale/tr/LC_MESSAGES").mkdir(parents=True)
    (tmp_path / "locale/tr/LC_MESSAGES/tale.mo").write_bytes(
        mo_file({"Zoe says <i>hi</i>.": "Zoe <i>selam</i> der.", "A": "B"})
    )
    scene = tmp_path / "data/one.cfg"
    scene.parent.mkdir()
    scene.write_text('#textdomain tale\nstory= _ "Zoe says <i>hi</i>."\nimage="no"\nsays= _"A ""b"" $x"\nsays= _ "A"\n')
    assert texts(scene, "scenes") == [["Zoe says hi.", "A"]]
    assert texts(scene, "scenes", "tr") == [["Zoe selam der.", "B"]]


def test_a_catalog_gives_messages_under_the_english_ones_and_leaves_out_those_with_holes(tmp_path: Path) -> None:
    page = tmp_path / "a.mo"
    page.write_bytes(mo_file({"Save it.": "Сақтаңыз.", "Save %s now.": "%s сақтаңыз.", "_File": "_Файл"}))
    assert list(readers.read_catalog(page, "kk")) == [[readers.Block("p", "Сақтаңыз.", "Save it.")]]
    assert list(readers.read_catalog(page, "en")) == [[readers.Block("p", "Save it.", "Save it.")]]


def test_a_description_gives_its_paragraphs_without_lists(tmp_path: Path) -> None:
    page = tmp_path / "Translation-en"
    page.write_text(
        "Package: a\nDescription-md5: 12ab\nDescription-en: a headline\n First line\n goes on.\n .\n"
        "  * no\n .\n Second.\n\n"
        "Package: b\nDescription-md5: 34cd\nDescription-en: b\n Third.\n"
    )
    assert texts(page, "descriptions") == [["First line goes on.", "Second."], ["Third."]]


def test_paragraphs_pair_by_id_or_by_their_place_in_sections_built_alike() -> None:
    block = readers.Block
    first = [block("p", "a", "1"), block("p", "b", "2")]
    assert list(prose.pairs(first, [block("p", "B", "2"), block("p", "C", "3")])) == [("b", "B")]
    first = [block("p", "a"), block("h1", ""), block("p", "b"), block("li", "c")]
    second = [block("p", "A"), block("p", "more"), block("h1", ""), block("p", "B"), block("li", "C")]
    assert list(prose.pairs(first, second)) == [("b", "B"), ("c", "C")]


def test_a_pair_needs_two_languages_and_the_same_numbers() -> None:
    assert prose.is_pair(("en", "kk"), (ENGLISH, KAZAKH))
    assert not prose.is_pair(("en", "kk"), (ENGLISH, ENGLISH))
    assert not prose.is_pair(("en", "ru"), (ENGLISH.replace("every", "in 12"), RUSSIAN))


def test_files_are_written_once_a_paragraph(tmp_path: Path) -> None:
    more = {
        "en": "Every morning the children walk along the river to the school of the next village and sing on the way.",
        "ru": "Каждое утро дети идут вдоль реки в школу соседней деревни и поют по дороге, а старики машут им из окон.",
    }
    for language, said in (("en", ENGLISH), ("ru", RUSSIAN)):
        for name in ("a", "b"):
            page = tmp_path / f"in/{language}/{name}.html"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(f"<p>{said}</p><p>{more[language]}</p><p>{said}</p>")
    source = prose.Source("x", "debian", [], "MIT", "", "markup", {"en": "in/en/*.html", "ru": "in/ru/*.html"})
    out = tmp_path / "out"
    out.mkdir()
    assert prose.gather(source, tmp_path, out, prose.Seen()) == [("en.x.txt", 1), ("ru.x.txt", 1), ("en-ru.x.tsv", 2)]
    assert (out / "en.x.txt").read_text() == f"{ENGLISH}\n{more['en']}\n"
    assert (out / "en-ru.x.tsv").read_text() == f"{ENGLISH}\t{RUSSIAN}\n{more['en']}\t{more['ru']}\n"


def test_the_table_names_readers_registries_and_licenses_that_allow_it() -> None:
    table = prose.tomllib.loads((Path(prose.__file__).parent / "prose/sources.toml").read_text("utf-8"))["source"]
    sources = [prose.Source(**entry) for entry in table]
    assert len({source.name for source in sources}) == len(sources)
    for source in sources:
        assert source.reader in readers.READERS
        assert source.registry in ("debian", "debian-lists", "pypi", "npm")
        assert not any(word in source.license for word in ("AGPL", "NC", "ND"))
        assert all("==" in package for package in source.packages) == (source.registry in ("pypi", "npm"))
