"""The decision which sentence answers, on the bundled sample."""

import json
from dataclasses import replace

import numpy as np
import pytest

from anatili.documents.passages import SOURCE
from anatili.lang import load_pack
from anatili.search.index import Passage
from anatili.search.searcher import Hit, Search
from anatili.serve import decision as module
from anatili.serve.decision import (
    CANDIDATES,
    FILE,
    best_span,
    decide,
    from_json,
    network,
    network_for_documents,
)
from anatili.serve.features import FEATURES, Candidate, features
from anatili.serve.question import read_question

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}


@pytest.fixture(scope="module")
def search(tiny_run):
    return Search(tiny_run / "index", PACKS)


def decided(search, text: str, language: str):
    question = read_question(text, language, PACKS)
    return decide(question, search, search.find(question.query, CANDIDATES, language))


@pytest.mark.parametrize(
    ("language", "text", "held"),
    [
        ("kk", "Наурыз мейрамы қашан тойланады?", "21–23"),
        ("kk", "Абай қай жылы туған?", "1845"),
        ("ru", "Сколько струн у домбры?", "две"),
        ("en", "How many people live in Astana?", "million"),
        ("tr", "Kımız hangi sütten yapılır?", "kısrak"),
    ],
)
def test_the_sentence_that_answers_is_chosen(search, language, text, held):
    decision = decided(search, text, language)
    start, end = decision.spans[0]
    assert held in decision.hits[0].passage.text[start:end]
    assert decision.probability >= network().threshold
    assert list(decision.shares) == sorted(decision.shares, reverse=True)
    assert sum(decision.shares) == pytest.approx(decision.probability)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("kk", "Португалияның астанасы қай қала?"),
        ("ru", "Сколько стоит билет на концерт в Париже?"),
        ("en", "Who won the 1994 hockey championship of Saskatchewan?"),
        ("tr", "Brezilya muzlu dondurması kaç kalori?"),
    ],
)
def test_a_question_on_nothing_in_the_texts_is_declined(search, language, text):
    assert decided(search, text, language).probability < network().threshold


class Told:
    """A reader that gives a sentence with `words` some log-odds, and the others others."""

    def __init__(self, words: str, odds: float, others: float) -> None:
        self.words, self.odds, self.others = words, odds, others

    def log_odds(self, question, sentences):
        assert question == "Who was Abai?"
        return [self.odds if self.words in sentence.text else self.others for sentence in sentences]


def with_reader(monkeypatch, told: Told) -> None:
    monkeypatch.delenv("ANATILI_EMBEDDINGS", raising=False)
    monkeypatch.setattr(module.reader, "installed", lambda: True)
    monkeypatch.setattr(module.reader, "reader", lambda: told)


def test_what_the_reader_says_counts_in_the_ranking_and_in_the_odds(search, monkeypatch):
    monkeypatch.setenv("ANATILI_EMBEDDINGS", "none")
    usual = decided(search, "Who was Abai?", "en")
    text = usual.hits[0].passage.text
    other = next(line for line in text.split(". ")[1:] if len(line) > 40)
    with_reader(monkeypatch, Told(other, 12.0, -12.0))
    moved = decided(search, "Who was Abai?", "en")
    assert other in moved.hits[0].passage.text[slice(*moved.spans[0])]
    with_reader(monkeypatch, Told("", -12.0, -12.0))
    low = decided(search, "Who was Abai?", "en")
    with_reader(monkeypatch, Told("", 12.0, 12.0))
    assert low.probability < usual.probability < decided(search, "Who was Abai?", "en").probability
    assert low.spans[0] == usual.spans[0]


def test_the_reader_reads_only_the_best_sentences_with_their_neighbors(search, monkeypatch):
    seen = []

    class Seen:
        def log_odds(self, question, sentences):
            seen.extend(sentences)
            return [-3.0] * len(sentences)

    with_reader(monkeypatch, Seen())
    question = read_question("Абай қай жылы туған?", "kk", PACKS)
    hits = search.find(question.query, CANDIDATES, "kk")
    decide(question, search, hits)
    assert len(seen) == module.READ["texts"]
    titles = {hit.passage.title for hit in hits}
    for sentence in seen:
        assert sentence.title in titles
        assert any(
            all(part in hit.passage.text for part in (sentence.before, sentence.text, sentence.after)) for hit in hits
        )


def test_the_same_question_gets_the_same_features(search):
    question = read_question("Абай қай жылы туған?", "kk", PACKS)
    hits = search.find(question.query, CANDIDATES, "kk")
    candidates, rows = features(question, search, hits)
    assert rows.shape == (len(candidates), len(FEATURES))
    assert np.array_equal(rows, features(question, search, hits)[1])
    assert np.isfinite(rows).all()
    assert rows.min() >= 0
    assert rows.max() <= 2


def test_a_passage_in_another_language_answers_if_vectors_say_so(search):
    passage = Passage("1:0", "1", "T", "Text.", "", "", "", "", "kk", "Cyrl")
    near = Hit(passage, 1.0, (), 0.0, (0, 5), is_close=True)
    for language, answers in (("ru", True), ("kk", False)):
        question = read_question("Сколько стоит билет на концерт в Париже?", language, PACKS)
        assert (decide(question, search, [near]).probability >= network().threshold) == answers


def test_a_question_that_asks_for_a_year_gets_the_sentence_with_a_year(search):
    """The page has another sentence with the same verb and a number that is no date."""
    before = read_question("Алтын адам қайдан табылды?", "kk", PACKS)
    question = read_question("Ол қай жылы табылды?", "kk", PACKS).after([before])
    best = decide(question, search, search.find(question.query, CANDIDATES, "kk"))
    start, end = best.spans[0]
    assert "1969" in best.hits[0].passage.text[start:end]


def test_a_quotation_grows_by_its_more_probable_neighbors_while_it_is_short():
    lengths = (100, 60, 90, 200)
    starts = [sum(lengths[:number]) for number in range(4)]
    rows = [Candidate(0, n, start, start + size) for n, (start, size) in enumerate(zip(starts, lengths, strict=True))]
    text = "x" * sum(lengths)
    assert best_span(0, rows, np.array([0.1, 0.6, 0.2, 0.1]), text) == (0, 250), "the fourth is too long"
    assert best_span(0, rows, np.array([0.1, 0.1, 0.2, 0.6]), text) == (160, 450), "not beyond its length"
    assert best_span(1, rows, np.array([0.1, 0.1, 0.2, 0.6]), text) == (0, 0)
    paragraphs = f"{text[:98]}\n\n{text[100:]}"
    assert best_span(0, rows, np.array([0.1, 0.6, 0.2, 0.1]), paragraphs) == (100, 250), "not into another paragraph"


@pytest.mark.parametrize(
    ("language", "text", "question"),
    [
        ("kk", "Ауыл молдасы Болат Сериков болды.", "Ауыл молдасы кім болды?"),
        ("ru", "Директором школы назначена Айгуль Омарова.", "Кто назначен директором школы?"),
        ("en", "The library opens at nine in the morning.", "When does the library open in the morning?"),
        ("tr", "Köyün muhtarı Ahmet Yılmaz oldu.", "Köyün muhtarı kim oldu?"),
    ],
)
def test_a_question_in_the_words_of_a_document_of_one_sentence_is_answered(search, language, text, question):
    passage = Passage(
        "1:0", "1", "note", text, "", "", "", "", language, "Cyrl" if language in ("kk", "ru") else "Latn"
    )
    hit = Hit(passage, 1.0, (), 1.0, (0, len(text)))
    decision = decide(read_question(question, language, PACKS), search, [hit])
    assert decision.probability >= network().threshold
    assert decision.spans == ((0, len(text)),)


@pytest.mark.parametrize(
    ("language", "text", "question", "name"),
    [
        ("kk", "Мектеп кітапханасы\n\nКітапханашы — Айгүл Серікқызы. Кітап беріледі.", "Кітапханашы кім?", "Айгүл"),
        ("ru", "Библиотека\n\nБиблиотекарь — Анна Ким. Книги выдают на две недели.", "Кто библиотекарь?", "Анна"),
        ("en", "School library\n\nThe librarian is Mary Cole. Books are lent.", "Who is the librarian?", "Mary"),
        ("tr", "Okul kütüphanesi\n\nKütüphaneci Ayşe Demir. Kitaplar ödünç verilir.", "Kütüphaneci kim?", "Ayşe"),
        ("tr", "Okul\n\nMüdür Ali Kaya. Dersler dokuzda başlar.", "Müdür kim?", "Ali"),
    ],
)
def test_who_has_a_role_in_a_document_is_answered_with_the_name(search, language, text, question, name):
    script = "Cyrl" if language in ("kk", "ru") else "Latn"
    hit = Hit(Passage("1:0", "1", "note", text, "", "", "", "", language, script), 1.0, (), 1.0, (0, len(text)))
    decision = decide(read_question(question, language, PACKS), search, [hit])
    assert decision.probability >= network().threshold
    assert name in text[slice(*decision.spans[0])]


def test_a_page_in_the_readers_script_goes_before_its_copy_in_another(search):
    question = read_question("Ботай қонысын кім тапты?", "kk", PACKS)
    best = decide(question, search, search.find(question.query, CANDIDATES, "kk")).hits[0].passage
    assert (best.language, best.script) == ("kk", "Cyrl")


def test_documents_of_ones_own_are_decided_on_by_weights_of_their_own(search):
    question = read_question("Абай қай жылы туған?", "kk", PACKS)
    found = search.find(question.query, CANDIDATES, "kk")
    own = [replace(hit, passage=replace(hit.passage, source=SOURCE)) for hit in found]
    assert decide(question, search, own) == decide(question, search, own, network_for_documents())
    assert decide(question, search, found) == decide(question, search, found, network())
    assert decide(question, search, own).probability != decide(question, search, found).probability
    assert network_for_documents().threshold == network().threshold


@pytest.mark.parametrize(
    ("language", "ask", "holds"),
    [
        ("kk", "Абонемент қанша тұрады?", "9 000"),
        ("ru", "Сколько стоит абонемент?", "7 000"),
        ("ru", "Кто тренер?", "Ольга"),
        ("kk", "Залдың иесі кім?", ""),
        ("kk", "Сауна бар ма?", ""),
        ("ru", "Сколько лет тренеру?", ""),
        ("ru", "Есть ли сауна?", ""),
    ],
)
def test_a_notice_answers_what_it_says_and_nothing_else(search, language, ask, holds):
    texts = {
        "kk": "Зал таңғы жетіден кешкі сағат онға дейін ашық. Бір айлық абонемент 9 000 теңге тұрады.",
        "ru": "Абонемент на месяц стоит 7 000 тенге. Занятия ведёт тренер Ольга Белова.",
    }
    passage = Passage("1:0", "1", "note", texts[language], "", SOURCE, "", "", language, "Cyrl")
    decision = decide(read_question(ask, language, PACKS), search, [Hit(passage, 1.0, (), 1.0, (0, 9))])
    assert (decision.probability >= network().threshold) == bool(holds)
    assert holds in passage.text[slice(*decision.spans[0])]


def test_weights_of_other_features_are_refused():
    stored = json.loads(FILE.read_text("utf-8"))
    with pytest.raises(ValueError, match=r"decision.json is of other features: train it again"):
        from_json(stored | {"features": stored["features"][1:]})


def test_without_hits_there_is_no_answer(search):
    question = read_question("Абай кім?", "kk", PACKS)
    assert decide(question, search, []).hits == ()
    assert decide(question, search, []).probability == 0


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("What does the section “Pets” say?", True),
        ("«Pets» бөлімінде не айтылған?", True),
        ('What is under "Pets"?', True),
        ("What does the section “Pet” say?", False),
        ("What does it say on pets?", False),
        ("““““““", False),
    ],
)
def test_a_question_that_quotes_a_heading_is_told_from_others(asked, named):
    assert module.names_heading(asked, "Rules\n\n## Pets\nSmall dogs are welcome.") is named
