"""Questions in another language than the documents."""

import json
from dataclasses import replace

import pytest

from anatili.engine import Chunk
from anatili.lang import load_pack
from anatili.lang.dictionary import NAME, _dictionary, dictionary
from anatili.problem import Problem
from anatili.search.index import Passage
from anatili.search.live_index import LiveIndex, row_of
from anatili.search.manifest import Entry
from anatili.serve.assistant import Assistant
from anatili.serve.question import read_question
from anatili.serve.translated import translated, widened

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}
KAZAKH = "Кітапханашы – Айгүл Серікова. Кітапхана тоғыздан алтыға дейін ашық. Оқу залында қырық орын бар."
RUSSIAN = "Библиотекарь — Айгуль Серикова. Библиотека открыта с девяти до шести. В читальном зале сорок мест."


class Quoting:
    """Stands for a small model, which is never asked."""

    name, parameters, slots, context = "quoting", 26_000_000, 1, 1024

    def generate(self, prompt, sampling):
        yield Chunk("", finish="stop")


@pytest.fixture(autouse=True)
def without_embeddings(monkeypatch):
    monkeypatch.setenv("ANATILI_EMBEDDINGS", "none")


@pytest.fixture
def over(tmp_path):
    """An assistant over one document in a language."""
    opened = []

    def assistant(language: str, text: str) -> Assistant:
        index = LiveIndex(tmp_path / language, PACKS)
        opened.append(index)
        passage = Passage(
            id="a:0",
            document="a",
            url="a.txt",
            title="a.txt",
            text=text,
            language=language,
            script="Cyrl",
            license="",
            source="",
            time="",
        )
        index.put([(Entry("a.txt", "a", "1", "", len(text), "", passages=1), [row_of(passage)])], [])
        index.finish()
        return Assistant(Quoting(), PACKS, index.search)

    yield assistant
    for index in opened:
        index.close()


@pytest.mark.parametrize(
    ("language", "text", "asked", "question", "held"),
    [
        ("kk", KAZAKH, "en", "Who is the librarian?", "Серікова"),
        ("kk", KAZAKH, "ru", "Кто библиотекарь?", "Серікова"),
        ("ru", RUSSIAN, "kk", "Кітапханашы кім?", "Серикова"),
        ("ru", RUSSIAN, "en", "When is the library open?", "девяти"),
    ],
)
def test_a_question_in_another_language_is_answered(over, language, text, asked, question, held):
    answer = over(language, text).ask(question, language=asked)
    assert held in answer.text
    assert answer.citations[0].number == 1
    assert answer.language == asked


@pytest.mark.parametrize(
    ("asked", "question"),
    [
        ("ru", "Кто построил библиотеку?"),
        ("en", "How many computers are there?"),
        ("ru", "Кто такой Абай?"),
    ],
)
def test_what_the_document_does_not_say_is_declined(over, asked, question):
    assert over("kk", KAZAKH).ask(question, language=asked).citations == ()


def test_words_are_put_into_the_language_and_names_stay(over):
    search = over("kk", KAZAKH).search
    question = read_question("Как библиотекарь Серикова открывает читальный зал?", "ru", PACKS)
    reading = translated(question, PACKS["kk"], search)
    assert reading.language == "kk"
    assert reading.asked_in == "ru"
    assert reading.kind == question.kind == "person"
    assert "кітапханашы" in reading.words
    assert "Серикова" in reading.words
    assert "кітапханашы" in reading.wide_query


def test_two_words_are_found_where_the_texts_write_one(over):
    assistant = over("kk", "Хантәңірі шыңына 1931 жылы алғаш Михаил Погребецкий шықты.")
    question = read_question("Хан Тәңіріне алғаш кім шықты?", "kk", PACKS)
    assert widened(question, PACKS, assistant.search).also == {"Хан": ("хантәңірі",), "Тәңіріне": ("хантәңірі",)}
    assert "Погребецкий" in assistant.ask(question.text, language="kk").text


def test_words_that_no_text_writes_as_one_stay_two(over):
    search = over("kk", KAZAKH).search
    assert widened(read_question("Кітапхана залында неше орын бар?", "kk", PACKS), PACKS, search).also == {}


def test_a_wrong_line_of_a_dictionary_is_named(tmp_path):
    (tmp_path / NAME).write_text("ru\tкнига\tкітап\nru\tкнига\n", "utf-8")
    with pytest.raises(Problem, match=":2:"):
        _dictionary(tmp_path)


def test_a_pack_without_a_dictionary_knows_no_words(tmp_path):
    assert dictionary(replace(PACKS["kk"], folder=tmp_path)) == {}


@pytest.mark.parametrize("code", PACKS)
def test_dictionaries_have_everyday_words_of_the_other_languages(code):
    table = dictionary(PACKS[code])
    assert table.keys() == PACKS.keys() - {code}
    assert min(map(len, table.values())) > 1000
    assert json.dumps(table, ensure_ascii=False)
