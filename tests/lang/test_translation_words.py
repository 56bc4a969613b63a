"""Dictionaries for translation: learned from pairs of sentences, kept in files, and used on logits."""

import pytest

from anatili.engine import Chunk
from anatili.lang import load_pack
from anatili.lang.stemming import stem
from anatili.lang.translation_words import Dictionary, read_entries, write_entries
from anatili.lang.word_alignment import learn
from anatili.problem import Problem
from anatili.train.sft_examples import both_directions
from anatili.translate.translator import Translator

KK, RU, EN = load_pack("kk"), load_pack("ru"), load_pack("en")
PAIRS = [
    ("Мектеп жаңа.", "Школа новая."),
    ("Мектеп үлкен.", "Школа большая."),
    ("Үй жаңа.", "Дом новый."),
    ("Үй үлкен.", "Дом большой."),
    ("Кітап жаңа.", "Книга новая."),
    ("Кітап үлкен.", "Книга большая."),
]


def test_words_that_stand_in_the_same_pairs_go_together_both_ways():
    there, back = learn(PAIRS, KK, RU)
    for own, its in (("мектеп", "школа"), ("үй", "дом"), ("кітап", "книга")):
        score, forms = there[own][0]
        assert forms[0] == its
        assert score > 0.5
    (stem,) = (stem for stem in back if stem.startswith("школ"))
    assert back[stem][0][1][0] == "мектеп"


def test_the_most_frequent_form_comes_first_and_rare_words_are_left_out():
    pairs = [*PAIRS, ("Мектепте бала.", "В школе ребенок."), ("Мектепте кітап.", "В школе книга.")]
    there, _ = learn([*pairs, ("Жалғыз сөйлем.", "Одинокое предложение.")], KK, RU)
    assert there["мектеп"][0][1] == ("школа", "школе")
    assert not [stem for stem in there if stem.startswith(("жалғыз", "сөйлем"))]


def test_words_in_foreign_letters_and_words_left_as_they_are_say_nothing():
    pairs = [(f"Linux жүйесі {word}.", f"Система Linux {word}.") for word in ("алма", "проект", "форум")] * 2
    there, back = learn(pairs, KK, RU)
    assert "linux" not in {*there, *back}
    assert "форум" not in there


def test_no_pairs_make_an_empty_dictionary():
    assert learn([], KK, RU) == ({}, {}) == learn([("?", "!")], KK, RU)


def test_what_is_written_is_read_and_a_damaged_row_is_named(tmp_path):
    there, _ = learn(PAIRS, KK, RU)
    file = write_entries(tmp_path, "kk-ru", there)
    assert read_entries(tmp_path, "kk-ru") == there
    assert read_entries(tmp_path, "ru-kk") == {}
    assert write_entries(tmp_path / "again", "kk-ru", there).read_bytes() == file.read_bytes()
    for damaged in ("үй\thouse", "үй\t0.9\t", "үй\tmuch\thouse", "үй\tnan\thouse", "үй\t7\thouse"):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        (folder / "kk-en.tsv").write_text(f"мектеп\t0.9\tschool\n{damaged}\n", "utf-8")
        with pytest.raises(Problem, match=r"kk-en\.tsv:2"):
            read_entries(folder, "kk-en")


def test_likely_words_stand_before_the_request_in_the_order_of_the_sentence(tmp_path):
    (tmp_path / "kk-en.tsv").write_text("мектеп\t0.90\tschool schools\nүй\t0.50\thouse\nжол\t0.11\tway\n", "utf-8")
    dictionary = Dictionary(tmp_path)
    assert dictionary.hint("Үйіміз бен мектебіміз, үй жолы.", KK, EN) == "house, school\n"
    assert dictionary.hint("Мектеп", KK, RU) == "" == Dictionary().hint("Мектеп", KK, EN)


def test_a_word_that_is_nearly_as_likely_stands_beside_the_likeliest(tmp_path):
    (tmp_path / "kk-en.tsv").write_text("жол\t0.60\tway\nжол\t0.30\troad\nүй\t0.60\thouse\nүй\t0.29\thome\n", "utf-8")
    assert Dictionary(tmp_path).words("Үйге жол", KK, EN) == ["house", "way/road"]


@pytest.mark.parametrize(
    "sentence", ["", "?!", "а" * 50_000, "Mektepte balalar oqidy.", "مەكتەپ", "\u00ad", "12 %s <b>"]
)
def test_what_has_no_words_of_the_dictionary_gets_no_hint(tmp_path, sentence):
    (tmp_path / "kk-en.tsv").write_text("мектеп\t0.90\tschool\n", "utf-8")
    assert Dictionary(tmp_path).hint(sentence, KK, EN) == ""


def test_a_string_that_is_no_word_is_no_stem():
    assert [stem("мектептерімізде" + "а" * 50_000, pack)[:15] for pack in (KK, RU)] == ["мектептерімізде"] * 2
    assert learn([("а" * 50_000, "б" * 50_000)] * 2, KK, RU)[0] == {"а" * 50_000: ((1.0, ("б" * 50_000,)),)}


def test_a_model_is_asked_as_it_was_taught(tmp_path):
    (tmp_path / "kk-en.tsv").write_text("мектеп\t0.90\tschool\nжаңа\t0.90\tnew\n", "utf-8")
    packs, asked = {"kk": KK, "en": EN}, []

    class Listening:
        name, slots, parameters, context = "listening", 1, 1, 512

        def generate(self, prompt, sampling):
            asked.append(prompt[0]["content"])
            yield Chunk("The school is new.", finish="stop")

    Translator(Listening(), packs, dictionary=Dictionary(tmp_path)).attempt("Мектеп жаңа.", "kk", "en")
    taught, _ = both_directions(
        packs, ("kk", "en"), ("Мектеп жаңа.", "The school is new."), ("", ""), Dictionary(tmp_path)
    )
    assert asked == [taught["messages"][0]["content"]] == ["school, new\nАғылшын тіліне аудар: Мектеп жаңа."]
