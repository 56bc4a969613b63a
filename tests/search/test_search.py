"""Stems, passages, and the questions of the sample asked to the index of the tiny run."""

import random
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from anatili.document import Kept, write_shard
from anatili.lang import load_pack
from anatili.lang.stemming import stem
from anatili.problem import Problem
from anatili.sample.crawl import topic_url
from anatili.sample.topics import read_topics
from anatili.search.analysis import CACHED, Terms, terms
from anatili.search.index import Passage, build, passages
from anatili.search.query import can_spell, meanings
from anatili.search.searcher import SNIPPET, Search, snippet
from anatili.search.vocabulary import TermVocabulary
from anatili.search.vocabulary import build as build_vocabulary

FLOORS = tomllib.loads((Path(__file__).parents[1] / "floors.toml").read_text("utf-8"))["search"]
LANGUAGES = ("kk", "ru", "en", "tr")


@pytest.fixture(scope="module")
def search(tiny_run):
    return Search(tiny_run / "index", {code: load_pack(code) for code in LANGUAGES})


@pytest.mark.parametrize("code", LANGUAGES)
def test_stems_of_real_words_stay_when_stemmed_again(code):
    pack = load_pack(code)
    found = {term for topic in read_topics() for term in terms(code).of(topic.pages[code].text).split()}
    assert all(found)
    if not pack.config.stemmer:  # Snowball does not promise it
        assert sum(stem(word, pack) != word for word in found) / len(found) < 0.01


def test_forms_of_a_word_share_a_stem():
    for forms in ("өзен өзендер өзеннің өзендерде", "қала қалалар қаласы қаланың"):
        assert len(set(terms("kk").of(forms).split())) == 1


@pytest.mark.parametrize(
    ("code", "text", "wanted"),
    [
        ("kk", "ҚАЛА, «қала» (қалa)!", "қала қала қала"),  # the last has a Latin a
        ("kk", "1465 жылы COVID-19", "1465 жыл covid 19"),
        ("kk", "қой\u0306", "қой"),  # й in two code points
        ("kk", "", ""),
        ("tr", "ISIRGAN Isırgan ısırgan İL il", "ısırga ısırga ısırga il il"),
        ("en", "Rivers RIVER river's", "river river river"),
    ],
)
def test_terms_are_in_small_letters_put_right_and_stemmed(code, text, wanted):
    assert terms(code).of(text) == wanted


def test_other_scripts_are_brought_to_the_main_one():
    assert terms("kk", "Latn").of("Qazaqstannyñ qalalary") == terms("kk").of("Қазақстанның қалалары")
    assert terms("kk", "Arab").of("قازاقستان") == terms("kk").of("қазақстан")


def test_a_column_is_analysed_as_its_texts_are():
    import pyarrow as pa

    texts = ["", " қала  өзен ", "ата-ана", *(topic.pages["kk"].text for topic in read_topics()[:20])]
    column = pa.array(["left out", *texts]).slice(1)
    found = [" ".join(line.split()) for line in terms("kk").of_column(column).to_pylist()]
    assert found == [" ".join(terms("kk").of(text).split()) for text in texts]


@pytest.mark.parametrize("code", LANGUAGES)
def test_threads_that_share_what_is_remembered_get_the_terms_of_one_thread(code):
    words = list(dict.fromkeys(word for topic in read_topics() for word in topic.pages[code].text.split()))[:1500]
    shared, alone = Terms(load_pack(code)), Terms(load_pack(code))

    def look_up(seed: int) -> list[str]:
        asked = random.Random(seed).sample(words, len(words))
        return [word for word in asked if shared[word] != alone[word]]

    expected = [alone[word] for word in words]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            wrong = [word for found in pool.map(look_up, range(8)) for word in found]
    finally:
        sys.setswitchinterval(usual)
    assert wrong == []
    assert [shared[word] for word in words] == expected


def test_what_is_remembered_is_bounded():
    known = Terms(load_pack("kk"))  # one of its own: the shared one may know the word already
    known.update((str(number), "") for number in range(CACHED))
    assert known["қалалар"] == "қала"
    assert len(known) < CACHED
    known["х" * 1000]
    assert "х" * 1000 not in known


def test_a_question_may_be_typed_without_kazakh_letters_or_in_latin():
    pack = load_pack("kk")
    found = {term for word in ("омирдин", "Казакстаннын", "каласы") for term in meanings(word, pack)}
    assert {"өмір", "қазақстан", "қала"} <= found
    assert meanings("өмір", pack) == {"өмір"}
    assert "қазақстан" in meanings("Qazaqstannyñ", pack)


def test_a_word_has_no_stem_of_a_language_that_cannot_spell_it(sample_index):
    search = Search(sample_index / "index", {code: load_pack(code) for code in LANGUAGES})
    assert search.frequency("тағ"), "a Kazakh stem, and what is left of тағам without a Russian ending"
    [word] = search.read_strictly("тағам")
    assert word.terms["тағам"] == 1
    assert "тағ" not in word.terms
    found = search.results("ұлттық тағам", 3, prefer="kk").hits
    assert all("тағам" in hit.passage.text for hit in found)
    assert can_spell("дом", load_pack("kk"))
    assert can_spell("дом", load_pack("ru"))
    assert not can_spell("şehir", load_pack("en"))


def test_the_vocabulary_finds_words_by_how_they_look(tmp_path):
    build_vocabulary(["құрманғазы", "құл", "кул", "дала"], {"қ": "к", "ұ": "у", "ғ": "г"}, tmp_path)
    words = TermVocabulary(tmp_path)
    assert sorted(words.folded_as("кул")) == ["кул", "құл"]
    assert words.folded_as("жок") == []
    assert [term for term, _ in words.nearest("курмангазыныннын")] == ["құрманғазы"]
    assert words.nearest("ххх") == words.nearest("") == []
    build_vocabulary([], {}, tmp_path)
    assert TermVocabulary(tmp_path).nearest("дала") == []


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
    assert (hit.passage.license, hit.passage.source) == ("CC0-1.0", "sample")
    assert hit.passage.url.startswith("https://")
    words = [hit.passage.text[start:end] for start, end in hit.matches]
    assert "Медеу" in words


@pytest.mark.parametrize("query", ["", "   ", "және", "!!!", '"(a OR b)" +x -y ~ ^ *', "\ud800", "қ" * 10_000])
def test_strange_queries_do_no_harm(search, query):
    assert isinstance(search.find(query, 3), list)


def test_languages_are_counted_and_can_be_asked_for(search):
    asked = "қазақтың Алматы город river şehir"
    every = search.results(asked, 10)
    assert set(every.counts) == set(LANGUAGES)
    for code in LANGUAGES:
        only = search.results(asked, 1000, only=code)
        assert {hit.passage.language for hit in only.hits} == {code}
        assert len(only.hits) == every.counts[code]
        assert only.counts == every.counts
        plain, preferred = (
            [hit.passage.language for hit in search.find(asked, 1000, prefer=prefer)] for prefer in ("", code)
        )
        assert preferred.index(code) <= plain.index(code)


def test_pages_of_results_go_on_where_the_one_before_ended(search):
    def ids(limit: int, offset: int) -> list[str]:
        return [hit.passage.id for hit in search.results("қазақ тарихы", limit, offset, prefer="kk").hits]

    assert ids(20, 0) == ids(10, 0) + ids(10, 10)
    assert len(set(ids(20, 0))) == 20
    assert ids(10, 100_000) == []


def test_words_that_are_nowhere_are_guessed_and_told(search):
    found = search.results("Құрмангазының күйлері", 3, prefer="kk")
    assert found.guessed == {"Құрмангазының": ["курмангаз", "құрманғаз"]}
    assert "Құрманғазы" in found.hits[0].passage.text


def test_a_passage_can_be_opened_by_its_id(search):
    (hit,) = search.find("Алматыдағы Медеу", 1)
    assert search.passage(hit.passage.id) == hit.passage
    assert search.passage("no such") is None


def test_a_snippet_is_whole_words_around_the_hits():
    text = "алғашқы сөз " * 60 + "тау мен өзен " + "соңғы сөз " * 60
    start, end = snippet(
        text, ((text.index("тау"), text.index("тау") + 3), (text.index("өзен"), text.index("өзен") + 4))
    )
    assert {"тау", "өзен"} <= set(text[start:end].split()) <= set(text.split())
    assert end - start <= SNIPPET
    assert snippet("қысқа", ()) == (0, 5)


def test_all_fields_of_a_passage_come_back(tmp_path):
    strange = Passage(
        "a:0",
        "a",
        "Та\nқы\x00рып\x1fы",
        'сөз "тырнақша" \\ 𐰴𐰀𐰔𐰀𐰴',
        "https://e.kz/?a=1&b=2",
        "s",
        "",
        "CC0",
        "kk",
        "Cyrl",
    )
    plain = Passage("b:0", "b", "", "река", "u", "s", "2026", "CC0", "ru", "Cyrl")
    write_shard(tmp_path / "part-0.parquet", Passage, [strange, plain])
    build([tmp_path / "part-0.parquet"], tmp_path / "tantivy")
    search = Search(tmp_path, {code: load_pack(code) for code in ("kk", "ru")})
    assert search.passage("a:0") == replace(strange, title="Та\nқы\x00рып ы")
    assert [hit.passage for hit in search.find("реки")] == [plain]


def test_a_missing_index_says_what_to_do(tmp_path):
    with pytest.raises(Problem, match="anatili run"):
        Search(tmp_path, {"kk": load_pack("kk")}).find("қала")


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (-1, 0), (5, -1)])
def test_a_page_that_is_none_is_refused(sample_index, limit, offset):
    search = Search(sample_index / "index", {code: load_pack(code) for code in LANGUAGES})
    with pytest.raises(Problem, match=f"limit of at least 1 and an offset of at least 0, not {limit} and {offset}"):
        search.results("Абай", limit, offset)
    if not offset:
        with pytest.raises(Problem, match="limit of at least 1"):
            search.find("Абай", limit)
        with pytest.raises(Problem, match="limit of at least 1"):
            search.find("", limit)


def test_a_page_that_is_none_is_refused_by_the_command(anatili):
    refused = anatili("search", "sample", "Абай", "--limit", "-1")
    assert refused.returncode == 2
    assert "-1 is not in the range 1<=x<=100" in refused.stderr
