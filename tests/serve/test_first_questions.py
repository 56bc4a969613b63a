"""First questions about documents of one's own: made of headings and titles, and answered by what stands under them."""

import pytest
from made_files import ENGLISH, KAZAKH, RUSSIAN

from anatili.documents.collection import Collection
from anatili.documents.reader import Readers
from anatili.lang import load_pack
from anatili.search.index import Passage
from anatili.serve.assistant import Assistant
from anatili.serve.first_questions import PASSAGES, Heading, headings_of, question_on, questions_about_documents

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}


class Quoting:
    """Stands for a small model, which is never asked."""

    name, parameters, slots, context = "quoting", 26_000_000, 1, 1024


@pytest.fixture(autouse=True)
def without_embeddings(monkeypatch):
    monkeypatch.setenv("ANATILI_EMBEDDINGS", "none")


@pytest.fixture
def over(tmp_path):
    """An assistant over files with given names and texts."""
    opened = []

    def assistant(**texts: str) -> Assistant:
        folder = tmp_path / "documents"
        folder.mkdir()
        for name, text in texts.items():
            (folder / name.replace("_", ".")).write_text(text, "utf-8")
        collection = Collection([str(folder)], PACKS, tmp_path / "index", Readers(list(PACKS), 1))
        opened.append(collection)
        collection.start()
        collection.wait()
        return Assistant(Quoting(), PACKS, collection.search)

    yield assistant
    for collection in opened:
        collection.close()
        collection.readers.close()


def test_each_document_gives_a_question_in_its_language_that_is_answered_from_under_its_heading(over):
    assistant = over(ереже_md=KAZAKH, отчёт_txt=RUSSIAN, house_txt=ENGLISH)
    for language, first in (("kk", "Жұмыс уақыты"), ("ru", "Осталось сделать"), ("en", "Pets"), ("tr", "")):
        questions = questions_about_documents(assistant, language)
        assert len(questions) == len(set(questions)) == 3
        assert first in questions[0]
        assert {language_of(question) for question in questions} == {"kk", "ru", "en"}
        for question in questions:
            answer = assistant.ask(question)
            (citation,) = answer.citations
            assert len(citation.quote) > 30, "not the heading itself"


def language_of(question: str) -> str:
    forms = {code: pack.prompts["page"]["suggestion_part"].split("{title}") for code, pack in PACKS.items()}
    return next(
        code for code, (before, after) in forms.items() if question.startswith(before) and question.endswith(after)
    )


FILLER = "The committee met in spring, listened to the neighbors and wrote down what each of them had to say. "


def test_headings_far_into_a_document_are_found_too(over):
    """The first passage of a letter or a report often has no heading at all."""
    assistant = over(
        report_txt=f"{FILLER * 30}\n\nWater supply\n\nThe pump in Mill Lane was replaced and runs again.\n"
    )
    beginning = assistant.search.beginnings("en", 10)[0]
    assert "Water supply" not in beginning.text
    (question,) = questions_about_documents(assistant, "en")
    assert "Water supply" in question
    assert "pump in Mill Lane" in assistant.ask(question).text


def test_a_long_document_hides_no_short_one(over):
    long = "".join(f"Entry {number}. {FILLER * 12}\n\n" for number in range(110))
    assistant = over(a_txt=long, note_txt="Water supply\n\nThe pump in Mill Lane was replaced and runs again.\n")
    assert assistant.search.size() > 100
    assert any("Water supply" in question for question in questions_about_documents(assistant, "en"))


def test_as_much_is_opened_of_long_documents_as_is_allowed(over, monkeypatch):
    part = f"\n\nWater supply\n\nThe pump in Mill Lane was replaced.\n\n{FILLER * 30}"
    assistant = over(a_txt=FILLER * 200 + part, b_txt=FILLER * 600)
    assert assistant.search.size() > 2 * PASSAGES
    opened = []
    passage = type(assistant.search).passage
    monkeypatch.setattr(type(assistant.search), "passage", lambda self, id_: opened.append(id_) or passage(self, id_))
    assert questions_about_documents(assistant, "en") == []
    assert len(opened) == 2 * (PASSAGES - 1)
    monkeypatch.setattr("anatili.serve.first_questions.OPENED", 3)
    opened.clear()
    questions_about_documents(assistant, "en")
    assert len(opened) == 3


@pytest.mark.parametrize(
    "text",
    [
        "Библиотека открыта с девяти до шести. Билет выдаётся бесплатно.",
        "Молоко\n\nХлеб\n\nСыр\n\nМасло",
        "1234\n\n5678",
    ],
)
def test_a_document_without_headings_gives_none(over, text):
    assert questions_about_documents(over(список_txt=text), "ru") == []


def test_a_document_in_a_language_without_a_pack_gives_none(over):
    german = "Öffnungszeiten\n\nDie Bücherei ist von Montag bis Freitag zwischen neun und achtzehn Uhr geöffnet.\n"
    assert questions_about_documents(over(a_txt=german), "en") == []


def test_headings_stand_above_a_text_and_the_title_comes_last():
    text = "Ереже\n\n1. Жұмыс уақыты\n\nКітапхана тоғыздан алтыға дейін ашық.\n\nҚосымша\n\nКесте\n\nБір\n"
    passage = Passage("a:0", "a", "Ереже", text, "a.txt", "", "", "", "kk", "Cyrl")
    headings = headings_of(passage)
    assert [(heading.text, heading.is_title) for heading in headings] == [("1. Жұмыс уақыты", False), ("Ереже", True)]
    assert text[headings[0].start : headings[0].end].strip() == "1. Жұмыс уақыты"
    assert question_on(headings[0], PACKS["kk"]) == "«Жұмыс уақыты» бөлімінде не айтылған?"
    assert question_on(headings[1], PACKS["kk"]) == "«Ереже» құжаты не туралы?"


@pytest.mark.parametrize(
    ("heading", "question"),
    [
        ("«Балапан» балабақшасы", "«“Балапан” балабақшасы» бөлімінде не айтылған?"),
        ("§ 3.2 Төлем", "«Төлем» бөлімінде не айтылған?"),
        ("https://example.kz", ""),
        ("{system} <b>", ""),
        ("және бұл", ""),
        ("2025", ""),
        ("бір екі үш төрт бес алты жеті сегіз тоғыз", ""),
    ],
)
def test_a_question_is_made_of_plain_words_only(heading, question):
    passage = Passage("a:0", "a", "a", heading, "a.txt", "", "", "", "kk", "Cyrl")
    assert question_on(Heading(passage, heading, 0, 0, 0, is_title=False), PACKS["kk"]) == question


def test_a_question_in_the_words_of_a_heading_is_answered_by_what_stands_under_it(over):
    assistant = over(ереже_md=KAZAKH, отчёт_txt=RUSSIAN)
    assert "тоғыздан алтыға" in assistant.ask("Жұмыс уақыты").text
    assert assistant.ask("Осталось сделать?").text.startswith("«Не отремонтирована столовая")


def test_a_quotation_stays_between_two_headings(over):
    lease = """Договор аренды

Стороны
Ирина Павловна Ким сдаёт, а Олжас Бекович Сериков снимает квартиру на улице Ерубаева.
Плата
Плата составляет 180 000 тенге в месяц и вносится до пятого числа. Залог равен месячной плате.
"""
    assistant = over(договор_txt=lease)
    assert assistant.ask("Какова плата в месяц?").text.startswith("«Плата составляет 180 000 тенге")
    assert assistant.ask("Кто снимает квартиру?").text.endswith("на улице Ерубаева.» [1]")
