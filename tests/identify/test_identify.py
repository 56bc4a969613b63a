import tomllib
from pathlib import Path

import pytest
from metrics import share

from anatili.identify import identify
from anatili.lang import load_pack
from anatili.sample.topics import read_topics

FLOORS = tomllib.loads((Path(__file__).parents[1] / "floors.toml").read_text("utf-8"))["identify"]
CODES = {
    "aze-Latn": "az",
    "bak": "ba",
    "kir": "ky",
    "mon": "mn",
    "rus": "ru",
    "tat": "tt",
    "tur": "tr",
    "ukr": "uk",
    "uzb": "uz",
    "eng": "en",
    "uig": "ug",
    "tuk": "tk",
}


@pytest.fixture(scope="module")
def kazakh(data):
    return (data / "bench" / "ntrex_dev" / "kaz.txt").read_text("utf-8").splitlines()


def test_languages_have_the_codes_of_today():
    assert identify("שלום עולם, זה משפט ארוך בעברית כדי לבדוק את זיהוי השפה.").language == "he"
    text = "Kabèh manungsa lair kanthi bébas lan nduwèni martabat lan hak kang padha. Kabèh pinaringan akal lan kalbu."
    assert identify(text).language == "jv"


@pytest.mark.parametrize(("length", "floor"), [(10_000, "kk_recall"), (60, "kk_recall_60"), (25, "kk_recall_25")])
def test_kazakh_is_found_at_any_length(kazakh, length, floor):
    assert share(kazakh, "kk", length) >= FLOORS[floor]


@pytest.mark.parametrize(("scheme", "floor"), [("Latn2021", "latin_recall"), ("Arab", "arabic_recall")])
def test_kazakh_is_found_in_its_other_scripts(kazakh, scheme, floor):
    pack = load_pack("kk")
    assert share([pack.transliterate(line, scheme) for line in kazakh], "kk") >= FLOORS[floor]


@pytest.mark.parametrize("name", sorted(CODES))
def test_neighbors_are_not_called_kazakh(data, name):
    lines = (data / "bench" / "ntrex_dev" / f"{name}.txt").read_text("utf-8").splitlines()
    assert share(lines, "kk") <= FLOORS["called_kk"]


def test_every_page_of_the_sample_is_in_its_language():
    wrong = [(t.slug, code) for t in read_topics() for code, p in t.pages.items() if identify(p.text).language != code]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "language", "script"),
    [
        ("საქართველოს დედაქალაქია თბილისი", "ka", "Zyyy"),
        ("Η Αθήνα είναι η πρωτεύουσα της Ελλάδας", "el", "Zyyy"),
        ("12345 !!!", "und", ""),
        ("", "und", ""),
    ],
)
def test_other_scripts_and_no_letters(text, language, script):
    verdict = identify(text)
    assert (verdict.language, verdict.script) == (language, script)


def test_few_letters_give_little_confidence():
    assert identify("Сәлем").confidence < 0.4
    assert identify("Сәлем, достар, бүгін біз қазақ тілін үйренеміз").confidence > 0.9


def test_broken_text_does_no_harm():
    assert identify("\ud800 қазақ \x00 тілі \U0010ffff").language == "kk"
