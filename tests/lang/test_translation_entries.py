"""What is known of a word in one dictionary: from pairs, through a third language, from the packs."""

from anatili.lang import load_pack
from anatili.lang.dictionary import dictionary
from anatili.lang.stemming import stem
from anatili.lang.translation_entries import OF_PACKS, complete

KK, RU, EN = load_pack("kk"), load_pack("ru"), load_pack("en")
PACKS = {"kk": KK, "ru": RU, "en": EN}
UNKNOWN = "далбаша"
"""A word that no pack's dictionary has."""


def test_a_word_is_found_through_a_third_language():
    learned = {
        "kk-en": {UNKNOWN: ((0.8, ("fizzles", "fizzle")),)},
        "en-ru": {stem("fizzle", EN): ((0.5, ("шипение",)), (0.25, ("шум",)))},
    }
    found = complete(learned, PACKS)
    assert found["kk-ru"][UNKNOWN] == ((0.4, ("шипение",)), (0.2, ("шум",)))
    assert found["kk-en"][UNKNOWN] == ((0.8, ("fizzles", "fizzle")),)


def test_evidence_of_several_places_adds_up_to_no_more_than_one():
    school = stem("school", EN)
    learned = {
        "en-kk": {school: ((0.9, ("мектеп", "мектепте")), (0.3, ("оқу",)))},
        "en-ru": {school: ((1, ("школа",)),)},
    }
    learned["ru-kk"] = {stem("школа", RU): ((0.7, ("мектептер",)),)}
    best, *_ = complete(learned, PACKS)["en-kk"][school]
    assert best == (1.0, ("мектеп", "мектепте"))


def test_the_dictionaries_of_packs_are_read_both_ways():
    assert "кітап" in dictionary(KK)["en"]["books"]
    entries = complete({}, PACKS)
    score, forms = entries["en-kk"][stem("books", EN)][0]
    assert forms == ("кітап",)
    assert score >= OF_PACKS
    assert "book" in {form for _, forms in entries["kk-en"]["кітап"] for form in forms}


def test_a_word_that_stays_as_it_is_is_left_out():
    assert UNKNOWN not in complete({"kk-ru": {UNKNOWN: ((0.9, (UNKNOWN,)),)}}, {"kk": KK, "ru": RU})["kk-ru"]


def test_languages_of_which_nothing_is_known_have_no_dictionary():
    assert complete({}, {"kk": KK}) == {}
