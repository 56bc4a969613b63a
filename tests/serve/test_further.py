"""Further questions are answered from the document that answered before, if it does so about as well as another."""

import pytest

from anatili.lang import load_pack
from anatili.search.searcher import Search
from anatili.serve.assistant import Assistant
from anatili.serve.further import names_nothing
from anatili.serve.question import base_of, read_question

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}


class Quoting:
    """Stands for a small model, which is never asked."""

    name, parameters, slots, context = "quoting", 26_000_000, 1, 1024


@pytest.fixture
def assistant(sample_index, monkeypatch):
    monkeypatch.setenv("ANATILI_EMBEDDINGS", "none")
    return Assistant(Quoting(), PACKS, Search(sample_index / "index", PACKS))


@pytest.mark.parametrize(
    ("questions", "title", "held"),
    [
        (["Абай кім?", "Ол қайда туған?"], "Абай Құнанбайұлы", "Шыңғыс"),
        (["Абай кім?", "Қайда туған?"], "Абай Құнанбайұлы", "Шыңғыс"),
        (["Абай кім?", "Ол қашан қайтыс болды?", "Ал қайда туған?"], "Абай Құнанбайұлы", "Шыңғыс"),
        (["Кто такой Абай?", "Где родился?"], "Абай Кунанбаев", "Чингизтау"),
        (["Who was Abai?", "Where was he born?"], "Abai Qunanbaiuly", "Chingiz"),
        (["Абай кім?", "Мұхтар Әуезов қайда туған?"], "Мұхтар Әуезов", "Бөрілі"),
        (["Абай кім?", "Мұхтар Әуезов кім?", "Ол қайда туған?"], "Мұхтар Әуезов", "Бөрілі"),
    ],
)
def test_a_question_that_names_nothing_is_about_the_page_that_answered_before(assistant, questions, title, held):
    before = [{"role": "user", "content": question} for question in questions[:-1]]
    answer = assistant.ask(questions[-1], before=before)
    assert answer.passages[0].passage.title == title
    assert held in answer.text


@pytest.mark.parametrize(
    ("language", "word"),
    [("kk", "не?"), ("kk", "да"), ("ru", "Зачем?"), ("en", "why?"), ("en", "What"), ("tr", "neden")],
)
def test_a_word_that_only_asks_is_no_question_unless_one_was_asked_before(assistant, language, word):
    message = [{"role": "user", "content": word}]
    alone = assistant.ask(word, language=language)
    assert (alone.text, alone.citations) == (PACKS[language].prompts["small_talk"], ())
    greeted = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "…"}, *message]
    assert assistant.prepare(greeted, language).role == "talk"
    before = [{"role": "user", "content": "Why is the Aral Sea shrinking?"}, {"role": "assistant", "content": "…"}]
    assert assistant.prepare([*before, *message], language).role == "question"


@pytest.mark.parametrize("text", ["x", "X?", "7", "қ", "???", "asdf", "qwerty zxcv", "фывапр", "аааааа", "йцукен"])
def test_what_says_nothing_gets_no_quotation(assistant, text):
    prepared = assistant.prepare([{"role": "user", "content": text}])
    assert prepared.passages == []
    assert prepared.abstains


def test_a_detail_that_the_page_lacks_is_not_looked_for_in_it_alone(assistant):
    before = [{"role": "user", "content": "Абай кім?"}]
    assert not assistant.ask("Оның телефон нөмірі қандай?", before=before).citations


@pytest.mark.parametrize(
    ("question", "language", "nothing"),
    [
        ("Ол қайда туған?", "kk", True),
        ("Қайда туған?", "kk", True),
        ("Әуезов қайда туған?", "kk", False),
        ("1986 жылы не болды?", "kk", False),
        ("Где родился?", "ru", True),
        ("Где родился Ауэзов?", "ru", False),
        ("Как варят бешбармак?", "ru", False),
    ],
)
def test_what_names_nothing_is_told_by_names_numbers_and_special_words(question, language, nothing):
    assert names_nothing(read_question(question, language, PACKS), PACKS[language]) is nothing


def test_the_base_of_a_conversation_is_the_newest_question_that_stands_alone():
    before = [read_question(text, "kk", PACKS) for text in ("Абай кім?", "Шоқан кім?", "Ол қашан туған?")]
    assert (base_of(before), base_of(before[2:]), base_of([])) == (1, -1, -1)
    assert base_of([before[0], *[before[2]] * 4]) == -1, "too long ago"
