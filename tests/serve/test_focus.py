"""What of a question a sentence lacks."""

import pytest

from anatili.lang import load_pack
from anatili.search.index import Passage
from anatili.search.live_index import LiveIndex, row_of
from anatili.search.manifest import Entry
from anatili.search.searcher import Hit
from anatili.serve.features import FEATURES, features
from anatili.serve.question import read_question

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}
TEXT = "The pool is two meters deep. A ticket for the pool costs 900 tenge. It opened in June."


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    index = LiveIndex(tmp_path_factory.mktemp("index"), PACKS)
    index.put([(Entry("note", "1", "", "", 0, ""), [row_of(passage_of(TEXT, "en"))])])
    yield index.search
    index.close()


def passage_of(text: str, language: str) -> Passage:
    return Passage("1:0", "1", "note", text, "", "", "", "", language, "Cyrl" if language in ("kk", "ru") else "Latn")


def of(search, question: str, language: str = "en", text: str = TEXT):
    """Feature -> its values for the sentences of a text."""
    hit = Hit(passage_of(text, language), 1.0, (), 1.0, (0, len(text)))
    _, rows = features(read_question(question, language, PACKS), search, [hit])
    return {name: rows[:, number].tolist() for number, name in enumerate(FEATURES)}


@pytest.mark.parametrize(
    ("language", "question", "focus"),
    [
        ("kk", "Бассейннің тереңдігі қандай?", "тереңдігі"),
        ("kk", "Ауылда неше үй бар?", "үй"),
        ("ru", "Какая глубина у бассейна?", "глубина"),
        ("en", "How deep is the pool?", "deep"),
        ("tr", "Sitede kaç daire var?", "daire"),
        ("en", "pool ticket", ""),
    ],
)
def test_the_word_nearest_to_those_that_ask_names_what_is_asked_for(language, question, focus):
    assert read_question(question, language, PACKS).focus == focus


def test_a_sentence_without_what_is_asked_for_lacks_the_focus(search):
    deep = of(search, "How deep is the pool?")
    assert deep["focus"][:3] == [1, 0, 0]
    assert deep["focus beside"][:3] == [0, 1, 0]
    assert deep["no focus"][:3] == [0, 0, 0]
    color = of(search, "What color is the pool?")
    assert color["focus"][:3] == [0, 0, 0]
    assert color["focus in passage"][:3] == [0, 0, 0]
    assert color["rarest missing around"][0] == color["focus rarity"][0] > 0
    assert set(of(search, "pool ticket")["no focus"]) == {1}


def test_the_value_that_stands_beside_the_focus_is_told_from_one_further_away(search):
    near = of(search, "How much does a ticket cost?")["value beside focus"]
    assert near[1] > near[0]
    counted = of(
        search, "How many rooms are there?", text="There are 12 rooms. Room service needs 2 hours, say the rooms."
    )
    assert counted["focus after number"] == [1, 0]


def test_a_year_that_is_asked_for_and_a_heading_are_noticed(search):
    year = of(search, "What year did the pool open?")
    assert year["no year"][:3] == [1, 1, 1]
    assert of(search, "When did the pool open?")["no year"][:3] == [0, 0, 0]
    text = "Pool rules\n\nThe pool is two meters deep.\n\nTickets: 900 tenge\n\nManager Mary Cole"
    assert of(search, "How deep is the pool?", text=text)["heading"] == [1, 0, 0, 0], "what tells something is none"
    assert of(search, "What is the pool?", text=text)["meaning: first"] == [0, 1, 0, 0]


def test_a_missing_name_says_more_than_a_missing_common_word(search):
    common, name = (of(search, text) for text in ("When did the pool begin?", "When was the Tomyris pool opened?"))
    assert set(common["special missing"]) == {0}
    assert set(name["special missing"]) == set(name["rarest missing"]) != {0}
