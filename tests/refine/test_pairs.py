"""Sentence pairs: what stays, what is lost and why, and what joins through the main language or in one row."""

import pytest

from anatili.document import Kept, write_shard
from anatili.engine import similarity
from anatili.lang import load_pack
from anatili.lang.stemming import stem
from anatili.lang.translation_words import read_entries
from anatili.problem import Problem
from anatili.recipe import MarkSettings, Pairs, PairSource, Recipe
from anatili.refine import pairs
from anatili.refine.pairs import files_of, languages_of, misshapen, read_pairs, source_of
from anatili.stage import Quiet, Task

WORDS = [("Мектеп", "school"), ("Кітап", "book"), ("Үстел", "table")]
GOOD = [
    ("Бүгін біз жаңа мектепке бардық.", "Today we went to the new school."),
    ("Ертең ауа райы суық болады.", "Tomorrow the weather will be cold."),
]


def clean(folder, tables, held=(), benchmark="", **settings):
    """The summary of the stage over tables of rows, `languages.name` -> rows."""
    sources = []
    for name, rows in tables.items():
        languages, _, short = name.partition(".")
        (folder / f"{name}.tsv").write_text("".join("\t".join(row) + "\n" for row in rows), "utf-8")
        sources.append(PairSource(name=short, languages=languages, path=f"{name}.tsv", min_score=0.3))
    (folder / "cut" / "held-out").mkdir(parents=True, exist_ok=True)
    write_shard(
        folder / "cut" / "held-out" / "part-0.parquet",
        Kept,
        [Kept("1", text, "", "", "s", "", "CC0-1.0", "kk", "Cyrl") for text in held],
    )
    texts = ["Кеше Астана мен Алматы туралы айтылды.", "Енді Астана мен Алматы дайын."]
    write_shard(
        folder / "cut" / "part-0.parquet",
        Kept,
        [Kept("2", text, "", "", "s", "", "CC0-1.0", "kk", "Cyrl") for text in texts],
    )
    (folder / "bench.txt").write_text(benchmark, "utf-8")
    chosen = Pairs(sources=tuple(sources), **{"held_out": 0.0, **settings})
    recipe = Recipe(
        name="p", language="kk", beside=("ru", "en"), pairs=chosen, mark=MarkSettings(benchmarks=("bench.txt",))
    )
    (folder / "out").mkdir(exist_ok=True)
    pairs.inventory(recipe, folder)
    return pairs.run(Task(recipe, chosen, folder, {"cut": folder / "cut"}, folder / "out", None, Quiet()))


def test_each_loss_has_its_reason(tmp_path):
    rows = [
        *GOOD,
        GOOD[0],
        ("Бір ғана баған",),
        ("Қысқа", "Short"),
        ("Бұл мәтін осында %s тұр.", "This text stands %s here."),
        ("Ол екі мың адам дейді.", "It is 3 of 5 and 7."),
        ("Бұл сөйлем ұзын емес.", "No " * 40),
        ("Көшірме мәтін осы ғой.", "Көшірме мәтін осы ғой."),
        ("Ұпайы төмен сөйлем осы.", "A sentence of low score.", "0.1"),
        ("Сынақта бар сөйлем осы.", "This one is tested."),
        ("Ұсталған сөйлем осында тұр.", "This one is kept apart."),
    ]
    said = clean(
        tmp_path, {"kk-en.a": rows}, held=["Басқа.\nҰсталған сөйлем осында тұр."], benchmark="This one is tested.\n"
    )
    assert said["pairs"] == {"kk-en.a": 2}
    assert said["lost"] == {
        "code": 1,
        "held in a benchmark": 1,
        "held out": 1,
        "length": 1,
        "lengths apart": 1,
        "low score": 1,
        "no pair": 1,
        "other numbers": 1,
        "seen before": 1,
        "the same twice": 1,
    }
    assert list(read_pairs(tmp_path / "out" / "kk-en.a.tsv")) == GOOD


def test_two_languages_join_through_the_main_one(tmp_path):
    russian = [(GOOD[0][0], "Сегодня мы пошли в новую школу.")]
    tables = {"kk-en.a": GOOD, "kk-ru.b": russian}
    assert "en-ru.joined" not in clean(tmp_path, tables)["pairs"]
    assert clean(tmp_path, tables, joined=True)["pairs"]["en-ru.joined"] == 1
    file = tmp_path / "out" / "en-ru.joined.tsv"
    assert list(read_pairs(file)) == [(GOOD[0][1], russian[0][1])]
    assert (languages_of(file), source_of(file)) == (("en", "ru"), "joined")


def test_files_come_in_the_order_of_the_recipe(tmp_path):
    tables = {"kk-ru.zz": [(GOOD[0][0], "Сегодня мы пошли в новую школу.")], "kk-en.a": GOOD}
    clean(tmp_path, tables, joined=True)
    settings = Pairs(
        sources=tuple(PairSource(name=n.split(".")[1], languages=n.split(".")[0], path="") for n in tables)
    )
    assert [file.stem for file in files_of(tmp_path / "out", settings)] == ["kk-ru.zz", "kk-en.a", "en-ru.joined"]


def test_sentences_in_lower_case_get_their_capitals_back(tmp_path):
    rows = [("жиын астана қаласында өтті .", "a meeting took place in astana .")]
    clean(tmp_path, {"kk-en.a": rows}, capitals=True)
    found = list(read_pairs(tmp_path / "out" / "kk-en.a.tsv"))
    assert found == [("Жиын Астана қаласында өтті.", "A meeting took place in astana.")]


def test_held_out_pairs_stand_apart_with_all_that_translate_the_same_sentence(tmp_path):
    many = [(f"Бұл {n} сөйлем осында тұр ғой.", f"This sentence {n} stands right here.") for n in range(400)]
    russian = [(one, other.replace("This sentence", "Это предложение")) for one, other in many]
    said = clean(tmp_path, {"kk-en.a": many, "kk-ru.b": russian}, held_out=0.1)
    held = {one for one, _ in read_pairs(tmp_path / "out" / "held-out" / "kk-en.a.tsv")}
    assert 20 < len(held) < 60
    assert held == {one for one, _ in read_pairs(tmp_path / "out" / "held-out" / "kk-ru.b.tsv")}
    assert not held & {one for one, _ in read_pairs(tmp_path / "out" / "kk-en.a.tsv")}
    assert said["lost"]["held out"] == 2 * len(held)


@pytest.mark.skipif(not similarity.installed(), reason="needs the extra `dense`")
def test_what_does_not_mean_the_same_is_left_out(tmp_path):
    wrong = ("Бүгін біз жаңа мектепке бардық.", "The price of oil fell again on the market.")
    said = clean(tmp_path, {"kk-en.a": [GOOD[1], wrong]}, min_likeness=0.82)
    assert said["pairs"] == {"kk-en.a": 1}
    assert said["lost"]["unlike in meaning"] == 1


def test_wrong_sources_are_told(tmp_path):
    def recipe(**source):
        return Recipe(name="p", language="kk", pairs=Pairs(sources=(PairSource(**{"name": "a", **source}),)))

    with pytest.raises(Problem, match=r"\[pairs\] no file .*gone.tsv"):
        pairs.inventory(recipe(languages="kk-en", path="gone.tsv"), tmp_path)
    with pytest.raises(Problem, match="'a' has tr, which is not a language of the recipe"):
        clean(tmp_path, {"kk-tr.a": GOOD})
    (tmp_path / "x").write_text("")
    with pytest.raises(Problem, match="one is named 'joined'"):
        pairs.inventory(recipe(name="joined", languages="kk-en", path="x"), tmp_path)


def test_what_is_right_is_not_misshapen():
    for pair in (*GOOD, ("Ол 1991 жылы туған үш бала.", "In 1991, 3 children were born.")):
        assert misshapen(*pair) == ""


def test_each_direction_gets_a_dictionary(tmp_path):
    rows = [(f"{first} бұл жерде тұр.", f"The {second} stands here.") for first, second in WORDS for _ in range(2)]
    rows = [(f"{number} {first}", f"{number} {second}") for number, (first, second) in enumerate(rows)]
    summary = clean(tmp_path, {"kk-en.a": rows})
    there = read_entries(tmp_path / "out" / "dictionary", "kk-en")
    assert there["мектеп"][0][1] == ("school",)
    assert read_entries(tmp_path / "out" / "dictionary", "en-kk")["school"][0][1] == ("мектеп",)
    assert summary["words"]["kk-en"] == len(there)


def test_pairs_of_a_word_or_two_are_no_sentences_but_teach_words(tmp_path):
    rows = [("Дал_баша", "Fi_zzle"), ("Далбаша", "Fizzle"), ("Далбаша %s", "Fizzle %s"), ("Бір екі үш төрт", "Fizzle")]
    summary = clean(tmp_path, {"kk-en.a": [*GOOD, *rows, ("Далбаша жаңа", "New fizzle")]})
    assert summary["pairs"] == {"kk-en.a": 2}
    assert summary["lost"]["length"] == 5
    assert read_entries(tmp_path / "out" / "dictionary", "kk-en")[stem("далбаша", load_pack("kk"))][0][1][0] == "fizzle"


def test_a_source_of_more_languages_gives_each_two_of_them(tmp_path):
    rows = [
        ("Бүгін біз жаңа мектепке бардық.", "Сегодня мы пошли в новую школу.", "Today we went to the new school."),
        ("Ертең ауа райы суық болады.", "Завтра погода будет холодной.", "Tomorrow the weather will be cold.", "0.1"),
        ("Ертең дүкен жабық болады.", "Завтра магазин будет закрыт."),
        ("Ол кітапханаға кітап қайтарды.", "Он вернул книгу в библиотеку.", "He returned the book to the library."),
    ]
    said = clean(tmp_path, {"kk-ru-en.many": rows}, joined=True)
    assert said["pairs"] == {"kk-ru.many": 2, "kk-en.many": 2, "ru-en.many": 2}
    assert said["lost"] == {"held out": 0, "low score": 1, "no pair": 1}
    files = files_of(tmp_path / "out", Pairs(sources=(PairSource(name="many", languages="kk-ru-en", path="x"),)))
    assert [languages_of(file) for file in files] == [("kk", "ru"), ("kk", "en"), ("ru", "en")]
    assert list(read_pairs(files[2])) == [(rows[0][1], rows[0][2]), (rows[3][1], rows[3][2])]


def test_a_row_is_held_out_in_all_its_languages(tmp_path):
    rows = [
        (f"Бұл {n} сөйлем болып тұр.", f"Это предложение {n} здесь.", f"This is sentence {n} here.") for n in range(80)
    ]
    clean(tmp_path, {"kk-ru-en.many": rows}, held_out=0.3)
    held = {file.stem: list(read_pairs(file)) for file in (tmp_path / "out" / "held-out").glob("*.tsv")}
    numbers = {
        name: [pair[0].split()[1 if name.startswith("kk") else 2] for pair in pairs] for name, pairs in held.items()
    }
    assert numbers["kk-ru.many"] == numbers["kk-en.many"] == numbers["ru-en.many"]
    assert 5 < len(numbers["kk-ru.many"]) < 50
