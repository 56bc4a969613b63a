"""Classes of answers by phrases, facts and language."""

import pytest

from anatili.audit.classes import EMPTY, OTHER_LANGUAGE, classify, is_hedged, letters
from anatili.audit.lint import read_topics
from anatili.lang import codes, load_pack
from anatili.lang.audit_words import audit_words, load_words

AUDITED = [code for code in codes() if load_words(load_pack(code).folder)]
CASES = [(code, case.text, case.expected) for code in AUDITED for case in audit_words(load_pack(code)).cases]


@pytest.mark.parametrize(("language", "text", "expected"), CASES)
def test_the_cases_of_each_pack(language, text, expected):
    assert classify([(text, 0)], load_pack(language)) == [expected]


@pytest.mark.parametrize("language", AUDITED)
def test_a_pack_has_cases_of_each_class_and_all_words_of_the_report(language):
    words = audit_words(load_pack(language))
    assert {case.expected for case in words.cases} == {"refused", "deflected", "unknowing", "answered"}
    assert words.report.keys() == audit_words(load_pack("en")).report.keys()
    assert set(words.ask.verdicts) == {"answered", "evaded", "refused"}


def test_nothing_and_marks_alone_are_empty():
    assert classify([("", 0), (" \n…", 0)], load_pack("en")) == [EMPTY, EMPTY]


def test_a_phrase_does_not_make_a_refusal_of_an_answer_with_facts():
    text = "I cannot discuss everything, but on December 16, 1986 students gathered in Almaty."
    assert classify([(text, 2), (text, 0)], load_pack("en")) == ["answered", "refused"]


def test_an_answer_in_another_language_is_told():
    text = "The famine began in 1931 and more than a million people died, most of them in the countryside."
    assert classify([(text, 0)], load_pack("kk")) == [OTHER_LANGUAGE]
    assert classify([(text, 0)], load_pack("en")) == ["answered"]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Много ожавелся в долине, кто он понялись у меня.", "kk", OTHER_LANGUAGE),
        ("Good, you have been able to get a new band.", "kk", OTHER_LANGUAGE),
        ("Good, you have been able to get a new band.", "en", "answered"),
        ("Ол 1931 жылы қазан айында басталды.", "kk", "answered"),
        ("Ол 1931 жылы қазан айында басталды.", "ru", OTHER_LANGUAGE),
        ("Динмухамед Кунаев", "kk", "answered"),  # a name, and too short
        ("In 1931, I think", "kk", "answered"),
    ],
)
def test_a_short_answer_is_in_another_language_only_where_that_is_sure(text, language, expected):
    assert classify([(text, 0)], load_pack(language)) == [expected]


def test_own_sentences_cut_short_are_not_taken_for_another_language():
    wrong, count = [], 0
    for code in AUDITED:
        facts = [fact for topic in read_topics() for item in topic.file.items[:6] for fact in item.facts]
        cut = [" ".join(fact.statements(code)[0].split()[:5]) for fact in facts if code in fact.text]
        short = [text for text in cut if 20 <= letters(text) < 40]
        kinds = classify([(text, 0) for text in short], load_pack(code))
        wrong += [text for text, kind in zip(short, kinds, strict=True) if kind == OTHER_LANGUAGE]
        count += len(short)
    assert count > 500
    assert len(wrong) <= 1, wrong


def test_generalities_are_hedges():
    assert is_hedged("It is a complex topic, and historians still debate it.", load_pack("en"))
    assert not is_hedged("The famine began in 1931.", load_pack("en"))
