"""The words of cards and sites, in all four languages."""

import re

import pytest

from anatili.lang import load_pack
from anatili.lang.page_words import RELEASE, own_words
from anatili.release.localization import card_languages, cell, table, words_of

FIELDS = re.compile(r"\{\w+\}")


@pytest.mark.parametrize("code", ["kk", "ru", "tr"])
def test_a_language_has_every_text_with_the_same_fields(code):
    english, own = (own_words(load_pack(each), RELEASE) for each in ("en", code))
    assert own.keys() == english.keys()
    for key, text in english.items():
        assert sorted(FIELDS.findall(text)) == sorted(FIELDS.findall(own[key])), key
        assert set(re.findall(r"`[^`]+`", text)) == set(re.findall(r"`[^`]+`", own[key])), key


@pytest.mark.parametrize(
    ("code", "number", "decimal"),
    [
        ("en", "1,234,567", "0.50"),
        ("ru", "1\u00a0234\u00a0567", "0,50"),
        ("tr", "1.234.567", "0,50"),
        ("ky", "1,234,567", "0.50"),
    ],
)
def test_numbers_are_written_as_the_language_does(code, number, decimal):
    words = words_of(code)
    assert (words.number(1234567), words.decimal(0.5, 2)) == (number, decimal)


def test_cards_are_written_in_the_languages_that_have_words():
    assert card_languages(("kk", "ky", "ru")) == ("en", "kk", "ru")


def test_no_value_can_break_a_table():
    assert cell("a|b\nc") == "a\\|b c"
    assert table(["x", "y"], [[1, "a|b"]]).splitlines()[2] == "| 1 | a\\|b |"
