"""Quality floors on small sets of our own: they run everywhere, also without the real data of the other floors."""

import tomllib
from pathlib import Path

import own_sets
import pytest
from metrics import bench, conflation, extraction, lemma_share, passages, refusals, share

from anatili.extraction.page import extract_page
from anatili.lang import load_pack
from anatili.morphology.typed import Typed
from anatili.recipe import Cut
from anatili.sample.topics import read_neighbors
from anatili.text import sentences

FLOORS = tomllib.loads((Path(__file__).parent / "floors.toml").read_text("utf-8"))["own"]
PACK = load_pack("kk")
NEIGHBORS = sorted({language for language, _, _ in read_neighbors()})


@pytest.mark.parametrize(("length", "floor"), [(10_000, "kk_recall"), (60, "kk_recall_60"), (25, "kk_recall_25")])
def test_kazakh_is_found_at_any_length(length, floor):
    found = share(own_sets.lines(), "kk", length)
    print(f"{length} letters: {found:.3f}, n = {len(own_sets.lines())}")
    assert found >= FLOORS["identify"][floor]


@pytest.mark.parametrize("scheme", list(PACK.config.transliteration))
def test_kazakh_is_found_in_its_other_scripts(scheme):
    found = share([PACK.transliterate(line, scheme) for line in own_sets.lines()], "kk")
    print(f"{scheme}: {found:.3f}")
    assert found >= FLOORS["identify"]["other_scripts"]


@pytest.mark.parametrize("code", own_sets.LANGUAGES[1:])
def test_other_languages_are_found_and_not_called_kazakh(code):
    lines = own_sets.lines(code)
    assert share(lines, code) >= FLOORS["identify"]["others"]
    assert share(lines, "kk") <= FLOORS["identify"]["called_kk"]


@pytest.mark.parametrize("code", NEIGHBORS)
def test_pages_of_neighbors_are_not_called_kazakh(code):
    texts = [text for language, _, text in read_neighbors() if language == code]
    assert share(texts, "kk") <= FLOORS["identify"]["called_kk"]


def test_articles_are_extracted_from_several_templates_and_charsets():
    pairs = {name: (gold, extract_page(page).text) for name, page, gold in own_sets.pages()}
    each = {name: round(extraction([pair])[2], 3) for name, pair in pairs.items()}
    p, r, f1 = extraction(pairs.values())
    print(f"{each}: precision {p:.3f}, recall {r:.3f}, F1 {f1:.3f}")
    assert f1 >= FLOORS["extract"]["f1"]
    assert min(each.values()) >= FLOORS["extract"]["f1_each"]


@pytest.mark.parametrize("name", ["news_kk", "forum_ru", "table_en", "blog_tr"])
def test_what_stands_around_an_article_stays_out(name):
    """Of a page laid out as a table (`old_charset_kk`) the extractor takes all: its share in F1 tells that."""
    (page,) = [page for other, page, _ in own_sets.pages() if other == name]
    text = extract_page(page).text
    for word in ("cookie", "Жарнама", "Регистрация", "newsletter", "Privacy", "Hakkımda"):
        assert word not in text


def test_genuine_passages_are_kept():
    packs = {code: load_pack(code) for code in own_sets.LANGUAGES}
    texts = passages(own_sets.lines())
    reasons = refusals(texts, packs, {"kk": Cut()})
    print(f"{len(texts)} passages: {dict(reasons)}")
    assert len(texts) >= 7
    assert len(texts) - reasons[""] <= FLOORS["refine"]["rejected_passages"]


def test_lemmas_of_common_words_are_found():
    gold, morphology = own_sets.lemmas(), PACK.morphology
    known = {case["word"] for case in PACK.cases["stem"]}
    assert not known & {form for form, _ in gold}, "these are promises of the pack already"
    lemma = lemma_share(gold, morphology.lemma)
    _, _, f1 = conflation([*gold, *((lemma, lemma) for _, lemma in gold)], morphology.stem)
    print(f"lemma {lemma:.3f}, conflation F1 {f1:.3f}, n = {len(gold)}")
    assert lemma >= FLOORS["morphology"]["lemma"]
    assert f1 >= FLOORS["morphology"]["conflation"]


def test_words_typed_on_another_keyboard_keep_their_lemmas():
    typed = Typed(PACK.morphology, PACK.config.keyboard)
    known = {lemma for _, lemma in PACK.morphology.lemmas}
    gold = [(form, lemma) for form, lemma in own_sets.lemmas() if lemma in known and typed.fold(form) != form]
    found = lemma_share(gold, lambda form: typed.lemma(typed.fold(form)))
    print(f"folded lemma {found:.3f}, n = {len(gold)}")
    assert len(gold) > 40
    assert found >= FLOORS["morphology"]["folded_lemma"]


def test_dictionary_forms_find_their_sentence():
    known_item, asked, texts = bench("known_item"), own_sets.queries(), list(own_sets.lines())
    mrr, recall = known_item.score("own", known_item.search_ranks(texts, asked, PACK))
    typed = str.maketrans(PACK.config.keyboard)
    again = [(number, query.translate(typed)) for number, query in asked]
    typed_mrr, _ = known_item.score("own, typed", known_item.search_ranks(texts, again, PACK))
    assert mrr >= FLOORS["known_item"]["mrr"]
    assert recall >= FLOORS["known_item"]["recall"]
    assert mrr - typed_mrr <= FLOORS["known_item"]["typed_loss"]


@pytest.mark.parametrize("case", own_sets.sentence_cases(), ids=lambda case: f"{case['language']}-{len(case['is'])}")
def test_sentences_end_where_a_reader_ends_them(case):
    text = case.get("between", " ").join(case["is"])
    abbreviations = {word.lower() for word in load_pack(case["language"]).words.get("abbreviations.txt", ())}
    assert sentences(text, abbreviations) == case["is"]
