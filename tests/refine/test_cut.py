from dataclasses import replace
from pathlib import Path

import pytest

from anatili.document import Document, Duplicate, Mark
from anatili.lang import load_pack
from anatili.recipe import Cut
from anatili.refine import cut
from anatili.refine.cut import is_held_out, keep, thresholds, why_not
from anatili.text import short_hash

DOCUMENT = Document("1", "мәтін", "", "https://a.example", "s", "", "CC0-1.0", "", "utf-8")
MARK = Mark(
    id="1",
    words=100,
    language="kk",
    script="Cyrl",
    confidence=0.99,
    alphabet=1.0,
    stopwords=0.2,
    other=0.0,
    lines=("kk",),
    own_words=100,
    switched=0.0,
    folded=0.0,
    repeats=0.0,
    repeated_words=0.0,
    symbols=0.0,
    links=0,
    mixed=0,
    blocked=0,
    personal="",
    quality=-1.0,
    contaminated=0,
)
UNIQUE = Duplicate("1", "", "", 0.0)
LIMITS = {"kk": Cut()}


def test_a_good_document_stays():
    assert why_not(DOCUMENT, MARK, UNIQUE, LIMITS) == ("", "")


@pytest.mark.parametrize(
    ("change", "reason", "why"),
    [
        ({"language": "ky"}, "another language", "ky"),
        ({"script": "Zyyy"}, "script", "its script is Zyyy; Cyrl or Latn or Arab may be"),
        ({"confidence": 0.5}, "language unsure", "50% sure of the language is the identifier; 70% must be"),
        ({"alphabet": 0.5}, "alphabet", "50% of the letters are in its alphabet; 85% must be"),
        ({"alphabet": 0.8496}, "alphabet", "84.96% of the letters are in its alphabet; 85.00% must be"),
        ({"own_words": 29}, "too short", "29 words; 30 must be"),
        ({"words": 200_000}, "too long", "200000 words; 100000 may be"),
        ({"switched": 0.5}, "mixed languages", "50% of the words are stop words of another language only; 8% may be"),
        (
            {"folded": 0.05},
            "typed without own letters",
            "5% of the words are stop words written without the letters that only the language has",
        ),
        ({"contaminated": 1}, "held in a benchmark", "1 of its eight-word sequences are in a benchmark; 0 may be"),
        ({"repeats": 0.5}, "repeated lines", "50% of the characters stand in lines that come again; 30% may be"),
        ({"repeated_words": 0.5}, "repeated words", "50% of the words belong to one sequence of three; 20% may be"),
        ({"stopwords": 0.01}, "few stop words", "1% of the words are stop words; 2% must be"),
        ({"symbols": 0.5}, "symbols", "50% of the characters are symbols; 10% may be"),
        ({"links": 11}, "links", "11 web addresses in 100 words; 10 in a hundred may be"),
        ({"blocked": 3}, "blocked words", "3% of the words are on the pack's blocked list; 2% may be"),
    ],
)
def test_each_threshold_gives_its_reason(change, reason, why):
    assert why_not(DOCUMENT, replace(MARK, **change), UNIQUE, LIMITS) == (reason, why)


@pytest.mark.parametrize(
    ("change", "reason", "sentence"),
    [
        ({"quality": 0.01}, "quality", "its words are rather those of chatter"),
        (
            {"runs": 0.5},
            "repeated sequences",
            "50% of the words stand in sequences of five that come again; 40% may be",
        ),
        ({"odd": 0.3}, "odd words", "30% of the words have letters in a row as no known word"),
        ({"surprisal": 2.5}, "unlikely letters", "its letters need 2.50 times the bits of those of ordinary prose"),
        ({"order": 0.1}, "words out of order", "its neighboring words fit each other only 0.10 standard errors better"),
        ({"unended": 0.9}, "broken lines", "90% of the words stand in lines without an end"),
    ],
)
def test_junk_is_refused_with_a_sentence(change, reason, sentence):
    got, detail = why_not(DOCUMENT, replace(MARK, **change), UNIQUE, LIMITS)
    assert got == reason
    assert detail.startswith(sentence)
    off = Cut(min_quality=-1, max_runs=1, max_odd=1, max_surprisal=100, min_order=-100, max_unended=1)
    assert why_not(DOCUMENT, replace(MARK, **change), UNIQUE, {"kk": off}) == ("", "")


def test_a_page_of_links_is_refused():
    got, detail = why_not(replace(DOCUMENT, linked=0.9), MARK, UNIQUE, LIMITS)
    assert (got, detail) == ("page of links", "90% of the words are links; 50% may be")


def test_verse_may_break_off_and_turn_its_words():
    verse = replace(MARK, order=0.1, unended=0.9)
    assert why_not(DOCUMENT, replace(verse, verse=0.7), UNIQUE, LIMITS) == ("", "")
    assert why_not(DOCUMENT, verse, UNIQUE, LIMITS)[0] == "words out of order"


def test_opt_outs_and_duplicates():
    refused = replace(DOCUMENT, opt_out="X-Robots-Tag: noai")
    assert why_not(refused, MARK, UNIQUE, LIMITS)[0] == "opted out"
    assert why_not(refused, MARK, UNIQUE, {"kk": Cut(obey_opt_outs=False)})[0] == ""
    copy = Duplicate("1", "2", "near", 0.9)
    assert why_not(DOCUMENT, MARK, copy, LIMITS) == ("duplicate", "near of 2")


def test_only_chosen_licenses_stay():
    only = {"kk": Cut(licenses=("permissive",))}
    assert why_not(DOCUMENT, MARK, UNIQUE, only) == ("", "")
    shared = replace(DOCUMENT, license="CC-BY-SA-4.0")
    assert why_not(shared, MARK, UNIQUE, only) == ("license", "CC-BY-SA-4.0")
    assert why_not(replace(DOCUMENT, license=""), MARK, UNIQUE, only) == ("license", "unknown")
    assert why_not(shared, MARK, UNIQUE, {"kk": Cut(licenses=("share-alike",))}) == ("", "")


def test_every_mark_is_read_by_a_threshold_or_a_report():
    reports = {"id", "mixed", "identified"}  # the others are read by people: in the list of documents and by `why`
    source = Path(cut.__file__).read_text("utf-8")
    assert [name for name in Mark.__slots__ if name not in reports and f"mark.{name}" not in source] == []


def test_a_page_that_says_a_machine_translated_it_is_left_out():
    said = replace(DOCUMENT, translated="translated-ltr")
    assert why_not(said, MARK, UNIQUE, LIMITS) == ("translated by machine", "translated-ltr")
    assert why_not(said, MARK, UNIQUE, {"kk": Cut(keep_translated=True)})[0] == ""


def test_lines_in_another_language_are_cut_out_where_they_are_many():
    document = replace(DOCUMENT, text="Бірінші жол\nВторая строка\nүш")
    mark = replace(MARK, other=0.3, lines=("kk", "ru", ""))
    assert keep(document, mark, UNIQUE, load_pack("kk"), {}, Cut()).text == "Бірінші жол\nүш"
    assert "Вторая" in keep(document, replace(mark, other=0.1), UNIQUE, load_pack("kk"), {}, Cut()).text


def test_lines_that_the_host_repeats_are_cut_out():
    document = replace(DOCUMENT, text="Басты бет\nМәтін\nБайланыс")
    mark = replace(MARK, lines=("", "kk", ""))
    assert keep(document, mark, replace(UNIQUE, boilerplate=(0, 2)), load_pack("kk"), {}, Cut()).text == "Мәтін"


def test_the_packs_thresholds_yield_to_the_recipes():
    pack = load_pack("kk")
    strict = replace(pack, config=pack.config.model_copy(update={"cut": {"min_words": 7, "min_stopwords": 0.5}}))
    limits = thresholds(Cut(min_words=3), strict)
    assert (limits.min_words, limits.min_stopwords) == (3, 0.5)


def test_what_is_kept_is_normalized_and_masked():
    text = "Қазaқ тілі. Жазыңыз: a.b@c.kz"
    kept = keep(replace(DOCUMENT, text=text), replace(MARK, personal="email:1"), UNIQUE, load_pack("kk"), {}, Cut())
    assert kept.text == "Қазақ тілі. Жазыңыз: [email]"
    unmasked = keep(
        replace(DOCUMENT, text=text),
        replace(MARK, personal="email:1"),
        UNIQUE,
        load_pack("kk"),
        {},
        Cut(mask_personal=False),
    )
    assert "a.b@c.kz" in unmasked.text


def test_held_out_depends_on_the_id_alone():
    names = [short_hash(str(n)) for n in range(20_000)]
    share = sum(is_held_out(name, 0.05) for name in names) / len(names)
    assert 0.045 < share < 0.055
    assert not is_held_out(names[0], 0)
