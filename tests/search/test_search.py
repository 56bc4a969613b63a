"""Stems, passages, and the questions of the sample asked to the index of the tiny run."""

import tomllib
from pathlib import Path

import pytest

from anatili.document import Kept
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.sample.crawl import topic_url
from anatili.sample.topics import read_topics
from anatili.search.analyse import query_terms, stem, terms
from anatili.search.answer import Search
from anatili.search.index import passages

FLOORS = tomllib.loads((Path(__file__).parents[1] / "floors.toml").read_text("utf-8"))["search"]
LANGUAGES = ("kk", "ru", "en", "tr")


@pytest.fixture(scope="module")
def search(tiny_run):
    return Search(tiny_run / "index", {code: load_pack(code) for code in LANGUAGES})


@pytest.mark.parametrize("code", LANGUAGES)
def test_stems_of_real_words_stay_when_stemmed_again(code):
    pack = load_pack(code)
    found = {stem(w, pack) for t in read_topics() for w in terms(t.pages[code].text, pack)}
    assert all(found)
    if not pack.said.stemmer:  # Snowball does not promise it
        assert sum(stem(word, pack) != word for word in found) / len(found) < 0.01


def test_forms_of_a_word_share_a_stem():
    pack = load_pack("kk")
    for forms in (["өзен", "өзендер", "өзеннің", "өзендерде"], ["қала", "қалалар", "қаласы", "қаланың"]):
        assert len({stem(form, pack) for form in forms}) == 1


def test_a_question_may_be_typed_without_kazakh_letters():
    pack = load_pack("kk")
    assert {"өмір", "қазақстан", "қала"} <= query_terms("омирдин Казакстаннын каласы", pack)
    assert query_terms("өмір", pack) == {"өмір"}


def test_stop_words_are_no_terms():
    assert terms("және мен бұл", load_pack("kk")) == []


def document(text: str) -> Kept:
    return Kept("d", text, "t", "u", "s", "", "CC0-1.0", "kk", "Cyrl")


def test_passages_are_whole_sentences_and_lose_nothing():
    text = " ".join(f"Бұл {'өте ' * 10}ұзақ сөйлем номері {n}." for n in range(30))
    found = list(passages(document(text), 50))
    assert " ".join(p.text for p in found) == text
    assert all(p.text.endswith(".") for p in found)
    assert [p.id for p in found] == [f"d:{n}" for n in range(len(found))]
    (short,) = passages(document("Қысқа."), 50)
    assert short.text == "Қысқа."


@pytest.mark.parametrize("code", LANGUAGES)
def test_questions_find_the_page_they_were_written_from(search, code):
    first = five = 0
    topics = read_topics()
    for topic in topics:
        found = [hit.passage.url for hit in search.find(topic.pages[code].question, 5, code)]
        wanted = {topic_url(topic, code)}
        first += bool(wanted & set(found[:1]))
        five += bool(wanted & set(found))
    print(f"{code}: first {first / len(topics):.3f}, first five {five / len(topics):.3f}, n = {len(topics)}")
    assert first / len(topics) >= FLOORS["first"]
    assert five / len(topics) >= FLOORS["first_five"]


def test_a_hit_can_be_cited(search):
    (hit, *_) = search.find("Алматыдағы Медеу", 1, "kk")
    assert hit.passage.title == "Алматы"
    assert (hit.passage.licence, hit.passage.source) == ("CC0-1.0", "sample")
    assert hit.passage.url.startswith("https://")
    words = [hit.passage.text[start:end] for start, end in hit.hits]
    assert "Медеу" in words


@pytest.mark.parametrize("query", ["", "   ", "және", "!!!", '"(a OR b)" +x -y ~ ^ *', "\ud800", "қ" * 10_000])
def test_strange_queries_do_no_harm(search, query):
    assert isinstance(search.find(query, 3), list)


def test_a_missing_index_says_what_to_do(tmp_path):
    with pytest.raises(Problem, match="anatili run"):
        Search(tmp_path, {"kk": load_pack("kk")}).find("қала")
