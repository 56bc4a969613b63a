"""The letters that distinguish close languages: by line, by share, and never by a few letters of a quotation."""

import html
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from anatili.identify import identify, load_model
from anatili.identify.letter_arrays import join
from anatili.identify.letters import evidence, letter_rates, table, unknown_to_cld2, word_odds
from anatili.lang import load_pack
from anatili.sample.topics import read_topics

KAZAKH = read_topics()[0].pages["kk"].text
TEXTS = {
    "kaa": "Қарақалпақстанның пайтахты Нөкис қаласы Әмиўдәрьяның бойында жайласқан ҳәм онда көп адам жасайды. "
    "Бүгин мектеп оқыўшылары китапханаға барып, жаңа китапларды оқып, мәнисин айтып берди.",
    "kjh": "Хакасияның тӧс городы Абахан, анда кӧп кізі чуртапча. Пӱӱн школада ӱгренҷілер хакас тілінің сӧстіктерін "
    "хығырып, пасхазына даа чоохтап пирдiлер, паза наа книгалар алғаннар.",
    "nog": "Ногай шоьлинде яшайтаган аьдемлер оьз ана тилинде соьйлейдилер эм балаларын да уьйретедилер. Буьгуьн "
    "мектебимизде уьйкен байрам болды, онынъ уьшин коьп конаклар келди.",
    "alt": "Алтай Республиканыҥ тӧс калазында кӧп улус јуртап јат. Бӱгӱн школдыҥ ӱренчиктери јаҥы бичиктер кычырып, "
    "тӧрӧл тилиниҥ ӱредӱчизине јакшы јӱрӱмин куучындадылар.",
}


def odds_of(text: str) -> dict[str, float]:
    labels = load_model().labels
    letters, owner = join([text])
    return dict(zip(labels, evidence(letters.astype(np.int64), owner, 1, labels)[0].tolist(), strict=True))


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_letters_alone_speak_against_kazakh(code):
    odds = odds_of(TEXTS[code])
    label = "kaa_Cyrl" if code == "kaa" else code
    assert odds[label] - odds["kk"] > 4


def test_letters_that_kazakh_always_has_speak_against_it_when_they_are_missing():
    without = TEXTS["kaa"].replace("ў", "у").replace("ҳ", "х")
    odds = odds_of(without)
    assert odds["kaa_Cyrl"] - odds["kk"] > 1
    assert odds["kk"] < odds_of(KAZAKH[:180])["kk"]


def test_a_quotation_of_a_neighbor_does_not_outweigh_a_kazakh_text():
    odds = odds_of(KAZAKH[:1500] + "\n" + TEXTS["kaa"][:100])
    assert odds["kk"] > odds["kaa_Cyrl"] + 4
    assert identify(KAZAKH[:1500] + "\n" + TEXTS["kaa"]).language == "kk"


def test_many_letters_say_no_more_than_enough_of_them():
    once, often = odds_of(TEXTS["kaa"])["kk"], odds_of(" ".join([TEXTS["kaa"]] * 8))["kk"]
    assert abs(once - often) < 0.5


def test_latin_letters_typed_for_kazakh_ones_count_as_these_inside_of_words_only():
    typed = KAZAKH[:400].translate(str.maketrans("іә", "iə"))
    assert odds_of(typed)["kk"] == odds_of(KAZAKH[:400])["kk"] == 0
    russian = "Президент компании выступил в субботу в Москве и рассказал о новых планах на будущее"
    names = odds_of(russian + " Microsoft Windows Linkin Park Twitter Wikipedia iPhone")
    assert names["ru"] == 0
    assert names["kk"] < 0


def test_kazakh_typed_without_its_letters_is_still_called_kazakh():
    typed = KAZAKH.lower().translate(str.maketrans(load_pack("kk").config.keyboard)).splitlines()
    verdicts = [identify(line).language for line in typed if len(line) > 60]
    assert sum(code == "kk" for code in verdicts) >= 0.9 * len(verdicts) > 0


def test_no_letters_and_letters_beyond_the_plane_do_no_harm():
    assert set(odds_of("123 !").values()) == {0.0}
    odds_of("\U0001e900\U0001e922 ў")


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_neighbors_are_identified_by_line(code):
    for line in TEXTS[code].split(". "):
        assert identify(line).language == code, line


@pytest.mark.parametrize(("code", "most"), [("kaa", 0.05), ("kjh", 0.01), ("alt", 0.01), ("tyv", 0.01), ("sah", 0.01)])
def test_paragraphs_of_the_declaration_in_close_languages_are_not_called_kazakh(data, code, most):
    page = (data / "html" / "udhr" / f"{code}.html").read_text("utf-8")
    lines = [html.unescape(p) for p in re.findall(r"<p>([^<]{30,})</p>", page)]
    assert len(lines) > 50
    assert sum(identify(line).language == "kk" for line in lines) <= most * len(lines)


def test_the_voice_of_cld2_is_no_evidence_against_what_it_does_not_know():
    model = load_model()
    voice = dict(zip(model.labels, model.voices["kk"].tolist(), strict=True))
    assert 0 <= voice["kk"] - voice["kaa_Cyrl"] < 1
    assert 0 <= voice["kk"] - voice["kjh"] < 1
    assert min(voice["kk"] - voice[label] for label in ("ky", "ru", "tt", "und")) > 2


def test_the_table_names_labels_of_the_model_and_lower_case_letters():
    labels = set(load_model().labels)
    rates = letter_rates()
    assert {label for label, row in table().items() if not row.gate} <= labels
    assert {label for label, row in table().items() if row.gate}.isdisjoint(labels)
    assert unknown_to_cld2() <= set(load_model().codes)
    assert [x for row in rates.values() for x in row if x != x.lower() or len(x) > 2] == []
    assert [label for label, row in rates.items() if sum(row.values()) > 30] == []


def test_every_neighbor_has_a_row_with_letters_endings_and_words():
    wanted = "kaa kaa_Cyrl kjh nog alt ba tt kum krc crh crh_Cyrl tyv sah cv ug uz uz_Cyrl tk tk_Cyrl az az_Cyrl ky kk"
    for label in wanted.split():
        row = table()[label]
        assert row.name, label
        assert len(row.words) >= 10, label
        assert row.endings, label
        assert row.letters or label == "ug", label
        assert [ending for ending in row.endings if len(ending) != 3] == [], label
        assert [word for word in (*row.words, *row.endings) if word != word.lower()] == [], label


def test_frequent_words_and_endings_speak_for_the_languages_that_list_them():
    labels = load_model().labels
    odds = dict(zip(labels, word_odds(*join(["hem için diil lääzım"]), 1, labels)[0].tolist(), strict=True))
    assert odds["gag"] == max(odds.values()) > odds["tr"] > odds["de"] == 0
    assert word_odds(*join([""]), 1, labels).max() == word_odds(*join(["xyz"]), 1, labels).max() < 1
    ending = dict(zip(labels, word_odds(*join(["qarındaslardıń"]), 1, labels)[0].tolist(), strict=True))
    assert ending["kaa"] > ending["crh"] == 0


def test_no_held_out_text_is_trained_on():
    listed = tomllib.loads((Path(__file__).parents[2] / "bench" / "train_identify.toml").read_text("utf-8"))["source"]
    rows = [source for source in listed if source.get("form") == "rows" and "only" not in source]
    assert all({"ntrex", "sib200", "udhr"} <= set(source["leave"]) for source in rows)
    assert all(source["origin"] and source["license"] for source in listed)
    assert [source["path"] for source in listed if source["path"].startswith("bench/")] == []
