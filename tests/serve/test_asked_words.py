"""The words of a question: which terms count as a word itself, and which are only searched for."""

import pytest

from anatili.lang import load_pack
from anatili.search.searcher import Search
from anatili.serve.asked_words import asked_words
from anatili.serve.assistant import Assistant
from anatili.serve.question import read_question

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}


class Quoting:
    """Stands for a small model, which is never asked."""

    name, parameters, slots, context = "quoting", 26_000_000, 1, 1024


@pytest.fixture
def search(sample_index):
    return Search(sample_index / "index", PACKS)


def terms_of(search: Search, question: str, language: str, word: str) -> frozenset[str]:
    return next(w.terms for w in asked_words(read_question(question, language, PACKS), search) if w.lower == word)


def test_a_word_is_not_another_that_only_looks_alike(search):
    """ "нашей" (our) was taken for "нашли" (found), and a sentence with it for the one that says where."""
    question = "Где нашли Золотого человека?"
    (searched,) = (word.terms for word in search.read("нашли"))
    assert searched["наш"] < 1, "it is searched for, as a name might be spelled so"
    terms = terms_of(search, question, "ru", "нашли")
    assert "наш" not in terms
    assert {"нашл", "нашел"} <= terms, "a letter more or less is a form or a slip"
    assert "bulb" not in terms_of(search, "Altın Adam nerede bulundu?", "tr", "bulundu")


def test_a_word_typed_without_special_letters_is_the_word(search):
    assert "өмір" in terms_of(search, "омир деген не", "kk", "омир")


def test_where_something_was_found_is_answered_with_the_place(search, monkeypatch):
    monkeypatch.setenv("ANATILI_EMBEDDINGS", "none")
    assistant = Assistant(Quoting(), PACKS, search)  # type: ignore[arg-type]
    for question in ("Где нашли Золотого человека?", "Где был найден Золотой человек?"):
        answer = assistant.ask(question)
        assert answer.passages[0].passage.title == "Золотой человек"
        assert "в кургане Иссык" in answer.text
