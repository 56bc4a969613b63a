"""Passages of files: cut within pages, cited by line, in their own language and any script."""

import pytest

from anatili.documents.passages import LONGEST_SENTENCE, PASSAGE_WORDS, Source, passages_of, unwrapped
from anatili.files import FileText, Part
from anatili.lang import load_pack
from anatili.search.live_index import row_of

SOURCE = Source("есептер/жыл.pdf", "d", "d-1", "2026-11-28T00:00:00Z")
PACKS = ("kk", "ru", "en", "tr")
KAZAKH = "Біздің мектепте алты жүз қырық оқушы оқиды, оларға қырық сегіз мұғалім сабақ береді. "
RUSSIAN = "В нашей школе учатся шестьсот сорок учеников, их учат сорок восемь учителей. "


def read(parts, title=""):
    return list(passages_of(FileText(title, parts), SOURCE, PACKS))


def test_a_passage_stays_on_its_page_and_has_an_id_of_its_own():
    rows = read([Part(KAZAKH * 20, "page:1"), Part(KAZAKH, "page:3")])
    locations = [passage.location for passage, _ in rows]
    assert locations == ["page:1"] * (len(rows) - 1) + ["page:3"]
    assert [passage.id for passage, _ in rows] == [f"d-1:{n}" for n in range(len(rows))]
    assert all(len(passage.text.split()) < 2 * PASSAGE_WORDS for passage, _ in rows)
    assert {passage.title for passage, _ in rows} == {"жыл"}


def test_each_passage_is_in_its_own_language():
    rows = read([Part(KAZAKH * 10, "page:1"), Part(RUSSIAN * 10, "page:2"), Part("1.2.3 OK", "page:3")])
    by_page = {passage.location: (passage.language, identified) for passage, identified in rows}
    assert by_page["page:1"] == ("kk", "kk")
    assert by_page["page:2"] == ("ru", "ru")
    assert by_page["page:3"] == ("kk", "kk")  # too little to tell: the language of the file


@pytest.mark.parametrize(
    ("text", "identified", "analyzed"),
    [
        ("Die Schule hat sechshundert Schüler, und die Lehrer unterrichten gern in den neuen Räumen. " * 3, "de", "en"),
        ("این مدرسه ششصد دانش آموز دارد و معلمان در کلاس های تازه درس می دهند. " * 3, "fa", "en"),
        ("Српски језик се пише ћирилицом и латиницом, а деца уче обе азбуке у школи. " * 3, "sr", "kk"),
    ],
)
def test_a_language_without_a_pack_is_found_by_its_words(text, identified, analyzed):
    [(passage, language)] = read([Part(text)])
    assert (language, passage.language) == (identified, analyzed)
    assert passage.script == load_pack(analyzed).main_script
    assert len(row_of(passage)[1].split()) > 10


def test_the_line_of_a_passage_is_that_of_its_first_sentence():
    lines = [f"Бұл {n} жол, онда он сөз бар, сондықтан ол ұзақ емес." for n in range(1, 61)]
    rows = read([Part("\n".join(lines), "line:101")])
    assert len(rows) > 3
    for passage, _ in rows:
        number = int(passage.location.removeprefix("line:")) - 100
        assert passage.text.startswith(lines[number - 1])
        assert passage.text.split("\n")[1] == lines[number]


def test_lines_of_one_sentence_are_put_together_and_headings_are_not():
    long = "Бұл есеп біздің мектептің өткен жылғы жұмысы туралы, онда"
    text = f"Жылдық есеп\n{long}\nоқушылар мен мұғалімдер саны бар.\n- тізім"
    assert unwrapped(text) == f"Жылдық есеп\n{long} оқушылар мен мұғалімдер саны бар.\n- тізім"
    assert len(unwrapped(text)) == len(text)
    assert unwrapped("") == ""


def test_a_sentence_without_an_end_is_divided():
    rows = read([Part("сан " * (5 * LONGEST_SENTENCE), "page:1")])
    assert max(len(passage.text.split()) for passage, _ in rows) <= LONGEST_SENTENCE
    assert sum(len(passage.text.split()) for passage, _ in rows) == 5 * LONGEST_SENTENCE


def test_the_name_of_a_file_can_be_searched_for():
    [(passage, _)] = read([Part(KAZAKH)], title="Бюджет")
    assert row_of(passage)[1].startswith("бюджет бюджет жыл ")
