"""Questions for a number, and quotations that have one of another kind."""

import pytest

from anatili.lang import load_pack
from anatili.search.index import Passage
from anatili.search.searcher import Hit
from anatili.serve.question import read_question
from anatili.serve.units import counted, is_counted, lacks_count

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}
SATURN = "Сатурн мұз бен тастан құралған сақиналарымен танымал. Жер Күннен жүз елу миллион шақырым қашықта."
HOLIDAY = "Күзгі демалыс 27 қазанда басталып, тоғыз күнге созылады."


def hit(title: str, text: str, language: str) -> Hit:
    passage = Passage(
        id="a:0",
        document="a",
        title=title,
        text=text,
        url="a",
        source="",
        time="",
        license="",
        language=language,
        script=PACKS[language].main_script,
    )
    return Hit(passage, 1.0, (), 1.0, (0, 0))


def further(before: str, text: str, language: str):
    return read_question(text, language, PACKS).after([read_question(before, language, PACKS)])


@pytest.mark.parametrize(
    ("language", "before", "text", "title", "passage", "counted"),
    [
        ("kk", "Сатурн деген не?", "Неше күн?", "Сатурн", SATURN, False),
        ("kk", "Демалыс қашан?", "Неше күн?", "Демалыс", HOLIDAY, True),
        ("kk", "Абай кім?", "Неше жыл?", "Абай", "Абай 1904 жылы қайтыс болды.", False),
        ("kk", "Абай кім?", "Қанша теңге?", "Теңге", "Бір теңге жүз тиынға бөлінеді. Билет 500 теңге.", False),
        ("en", "What is the ticket?", "How much does it cost?", "Ticket", "The ticket is 40 dollars.", True),
        ("ru", "Когда каникулы?", "Сколько дней?", "Каникулы", "Каникулы длятся 9 дней.", True),
    ],
)
def test_a_unit_asks_for_a_number_of_that_unit(language, before, text, title, passage, counted):
    question = further(before, text, language)
    others = hit("Басқа", "Ол 21 күн тұрды, бес жыл оқыды.", "kk")
    found = [hit(title, passage, language), others]
    assert question.unit or counted
    if question.unit:
        assert is_counted(question, found, 0, (0, len(passage))) == counted


@pytest.mark.parametrize(
    ("text", "passage", "lacks"),
    [
        ("Отырарда неше адам тұрған?", "1405 жылы Отырарда Әмір Темір қайтыс болды.", True),
        ("Отырарда неше адам тұрған?", "Отырарда он мың адам тұрған.", False),
        ("Мектепте неше терезе бар?", "Мектептің 640 оқушысы бар.", False),
        ("Сәукеленің салмағы қанша?", "Сәукеле 5 аттың құнына тең болған.", True),
        ("Отырар қайда?", "Отырар далада.", False),
    ],
)
def test_a_quotation_without_a_number_of_the_kind_is_noticed(text, passage, lacks):
    question = read_question(text, "kk", PACKS)
    assert lacks_count(question, [hit("", passage, "kk")], 0, (0, len(passage))) == lacks


def test_a_passage_in_another_language_says_nothing_of_units():
    question = read_question("Неше адам?", "kk", PACKS)
    assert not lacks_count(question, [hit("", "Без чисел.", "ru")], 0, (0, 10))


def test_what_is_asked_for_is_counted_by_the_sentence_with_its_number():
    question = read_question("Емханада қанша дәрігер жұмыс істейді?", "kk", PACKS)
    found = [
        hit("Емхана", "Емхана сағат 8-ден 20-ға дейін жұмыс істейді. Мұнда 64 дәрігер мен 120 мейірбике бар.", "kk")
    ]
    assert counted(question, found, [(0, 0), (0, 1)]) == [False, True]
    when = read_question("Емхана қашан жұмыс істейді?", "kk", PACKS)
    assert counted(when, found, [(0, 0), (0, 1)]) == [False, False]
