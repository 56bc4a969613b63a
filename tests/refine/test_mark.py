import pytest

from anatili.document import Document
from anatili.lang import load_pack
from anatili.refine.mark import look_at, repeated_lines, repeated_sequence
from anatili.sample.topics import read_topics

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}
KAZAKH = read_topics()[0].pages["kk"].text
RUSSIAN = read_topics()[0].pages["ru"].text


def marks(text: str):
    return look_at(Document("1", text, "", "", "s", "", "", "", "utf-8"), PACKS, 25)


def test_plain_kazakh():
    found = marks(KAZAKH)
    assert (found.language, found.script) == ("kk", "Cyrl")
    assert found.confidence > 0.95
    assert found.alphabet > 0.99
    assert 0.05 < found.stopwords < 0.5
    assert (found.other, found.repeats, found.mixed, found.blocked, found.personal) == (0, 0, 0, 0, "")


def test_stop_words_count_in_other_scripts_too():
    pack = PACKS["kk"]
    for scheme in pack.said.transliteration:
        found = marks(pack.transliterate(KAZAKH, scheme))
        assert found.language == "kk"
        assert found.stopwords > 0.05
        assert found.alphabet > 0.95


def test_lines_in_another_language_are_counted():
    half = KAZAKH + "\n" + RUSSIAN
    assert 0.3 < marks(half).other < 0.7


def test_look_alikes_are_counted():
    found = marks(KAZAKH.replace("а", "a"))
    assert found.mixed > 40
    assert found.alphabet > 0.98  # they are put right before the alphabet is asked
    assert marks(KAZAKH.replace("Абай", "Abai")).mixed == 0


def test_personal_data_is_counted_by_kind():
    found = marks(KAZAKH + "\nЖСН 900101300017, тел. +7 701 123 45 67, test@habar.example")
    assert found.personal == "email:1 iin:1 phone:1"


@pytest.mark.parametrize(("text", "share"), [("", 0), ("a\nb\nc", 0), ("aa\naa\naa", 0.5)])
def test_repeated_lines(text, share):
    assert repeated_lines(text) == pytest.approx(share, abs=0.01)


def test_repeated_sequences():
    assert repeated_sequence(["a", "b", "c", "d", "e", "f"]) == 0
    assert repeated_sequence(["тегін", "бонус", "алу"] * 10) == 1.0


def test_nothing_is_marked_too():
    assert marks("").language == "und"
