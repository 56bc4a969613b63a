import unicodedata

import pytest

from anatili import text


def test_words_keep_inner_hyphens_and_apostrophes():
    assert text.words("Аң-құс, it's 2024 ж. O‘zbek") == ["Аң-құс", "it's", "ж", "O", "zbek"]


def test_sentences_end_at_stops_and_line_ends():
    assert text.sentences("Бірінші. Екінші! «Үшінші» деді\nТөртінші 3.5 км.") == [
        "Бірінші.", "Екінші!", "«Үшінші» деді", "Төртінші 3.5 км.",
    ]  # fmt: skip


def test_sentences_keep_their_closing_marks_and_nothing_between_them_but_space_is_lost():
    given = "«Иә!» деді ол. (Бәрі күлді.) Сосын «Кел!»  \n\n Қайда?\r\nЕнді"
    assert text.sentences(given) == ["«Иә!» деді ол.", "(Бәрі күлді.)", "Сосын «Кел!»", "Қайда?", "Енді"]
    assert text.sentences("«Иә!» Ол күлді.") == ["«Иә!»", "Ол күлді."]
    assert "".join("".join(text.sentences(given)).split()) == "".join(given.split())


def test_an_abbreviation_ends_no_sentence():
    assert text.sentences("Ол т.б. Абай туралы. Соңы.", {"т.б."}) == ["Ол т.б. Абай туралы.", "Соңы."]


def test_clean_composes_and_drops_what_nobody_sees():
    assert text.clean(unicodedata.normalize("NFD", "Үйі\u200b\r\nй\u202e")) == "Үйі\nй"


@pytest.mark.parametrize(
    ("given", "script"),
    [("қазақ", "Cyrl"), ("qazaq", "Latn"), ("قازاق", "Arab"), ("ქართული", "Zyyy"), ("123 !", ""), ("ab қазақ", "Cyrl")],
)
def test_script_of_most_letters(given, script):
    assert text.script_of(given) == script


def test_ids_do_not_run_into_one_another():
    assert text.short_hash("a", "bc") != text.short_hash("ab", "c")
    assert len(text.short_hash("a")) == 24


def test_a_path_that_is_no_utf8_can_be_shown():
    text.show_path("a\udcff.txt").encode()
