"""A model offers the directions that it was taught, and says how well it does each."""

import json
import shutil
from dataclasses import replace

import pytest

from anatili import models
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.recipe import load_recipe
from anatili.serve.translation import quality_and_notice, quality_of
from anatili.text import file_digest
from anatili.train import sft_examples
from anatili.translate import score
from anatili.translate.translator import Translator
from anatili.translation_directions import USABLE, Direction, read_directions

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}
KNOWN = (
    Direction("kk", "en", 55.5, (53.0, 58.0), 80, "flores_dev"),
    Direction("en", "kk", 22.3, (21.0, 23.6), 80, "flores_dev"),
    Direction("kk", "tr"),
)


class Silent:
    slots, name, context, parameters = 2, "silent", 1024, 1

    def generate(self, prompt, sampling):
        raise AssertionError("nothing may be asked")


def test_what_was_not_taught_is_not_offered():
    translator = Translator(Silent(), PACKS, KNOWN)
    assert {code: translator.targets(code) for code in PACKS} == {"kk": ["en", "tr"], "ru": [], "en": ["kk"], "tr": []}
    with pytest.raises(Problem, match="not taught to translate from ru to en; it translates kk-en, kk-tr, en-kk"):
        next(translator.steps("Привет", "ru", "en"))
    with pytest.raises(Problem, match=r"not taught to translate\. Models that can: anatili models"):
        Translator(Silent(), PACKS, ()).check_pair("kk", "en")
    assert Translator(Silent(), PACKS).targets("ru") == ["kk", "en", "tr"]


@pytest.mark.parametrize("code", list(PACKS))
def test_each_language_has_a_sentence_for_what_a_direction_is_worth(code):
    other = "en" if code != "en" else "kk"
    row = Direction(code, other, 12.3, (11.0, 13.6), 80, "flores_dev")
    notice = Translator(Silent(), PACKS, (row,)).notice(code, other)
    assert f"{PACKS[code].own_name} → {PACKS[other].own_name}" in notice
    assert ("12.3" if code == "en" else "12,3") in notice
    assert Translator(Silent(), PACKS, (row,)).notice(code, code) == ""
    unknown = Translator(Silent(), PACKS).notice(code, other)
    assert PACKS[other].own_name in unknown
    assert "chrF" not in unknown
    assert Translator(Silent(), PACKS, (Direction(code, other, USABLE),)).notice(code, other) == ""


def test_a_score_that_a_few_lucky_lines_can_explain_is_still_warned_of():
    row = Direction("ru", "en", USABLE + 3, (USABLE - 2, USABLE + 8), 25, "flores_dev")
    assert "43" in Translator(Silent(), PACKS, (row,)).notice("ru", "en")
    assert not Translator(Silent(), PACKS, (replace(row, interval=(USABLE, USABLE + 6)),)).notice("ru", "en")


def test_a_direction_that_is_no_better_than_another_sentence_is_not_offered():
    row = Direction("kk", "en", 12.3, (11.0, 13.6), 80, "flores_dev", unrelated=13.4)
    translator = Translator(Silent(), PACKS, (row, KNOWN[1]))
    assert (translator.targets("kk"), translator.targets("en")) == ([], ["kk"])
    with pytest.raises(Problem, match=r"cannot translate from kk to en: .*chrF\+\+ 12\.3"):
        next(translator.steps("Сәлем", "kk", "en"))


def test_the_api_returns_the_quality_of_a_direction():
    translator = Translator(Silent(), PACKS, KNOWN)
    assert quality_of(translator, "kk", "en") == {
        "quality": "usable",
        "source": "kk",
        "target": "en",
        "chrf": 55.5,
        "interval": (53.0, 58.0),
        "count": 80,
        "texts": "flores_dev",
    }
    assert quality_and_notice(translator, "en", "kk")["quality"]["quality"] == "poor"
    assert "22.3" in quality_and_notice(translator, "en", "kk")["notice"]
    assert quality_and_notice(translator, "kk", "tr")["quality"] == {
        "quality": "unknown",
        "source": "kk",
        "target": "tr",
    }


def test_the_recipe_tells_what_was_taught(tmp_path):
    text = 'name = "one"\nlanguage = "kk"\nbeside = ["ru", "en"]\n[tune]\n'
    path = tmp_path / "one.toml"

    def taught(rest: str) -> list[str]:
        path.write_text(text + rest, "utf-8")
        packs = {code: load_pack(code) for code in ("kk", "ru", "en")}
        recipe = load_recipe(path)
        return ["-".join(pair) for pair in sft_examples.translation_directions(recipe.tune, recipe.pairs, packs)]

    assert taught("") == ["kk-ru", "ru-kk", "kk-en", "en-kk", "ru-en", "en-ru"]
    assert taught('instructions = ""\n[[pairs.sources]]\nname = "a"\nlanguages = "ru-en"\npath = "a.tsv"\n') == [
        "ru-en",
        "en-ru",
    ]
    assert taught('kinds = ["question"]\n') == []
    assert taught("epochs = 0\n") == []
    assert taught('instructions = ""\n') == []


def test_figures_are_kept_in_a_packaged_model_and_its_card(tmp_path):
    packaged = tmp_path / "one"
    shutil.copytree(models.HERE / "kazakh-26m", packaged)
    said = models.describe(packaged)
    (packaged / "model.json").write_text(json.dumps({**said, "translation": []}), "utf-8")
    score.write_packaged(packaged, KNOWN[:1])
    score.write_packaged(packaged, [*KNOWN[1:], Direction("kk", "en", 60.0, (58.0, 62.0), 100, "ntrex_dev")])
    said = models.describe(packaged)
    found = read_directions(said["translation"], packaged)
    assert [one.name for one in found] == ["kk-en", "en-kk", "kk-tr"]
    assert (found[0].chrf, found[0].texts, found[2].quality) == (60.0, "ntrex_dev", "unknown")
    card = (packaged / "README.md").read_text("utf-8")
    assert card.count("## Translation") == 1
    assert "| kk-en | 60.0 | 58.0 – 62.0 | 100 | ntrex_dev |" in card
    assert "| kk-tr | not measured | - | - | - |" in card
    assert card.index("## Scores") < card.index("## Translation") < card.index("## License")
    assert said["files"]["README.md"] == file_digest(packaged / "README.md")


def test_a_damaged_list_is_told(tmp_path):
    assert read_directions(None, tmp_path) is None
    for wrong in ([{"source": "kk"}], [{"from": "kk"}], ["kk-en"], 3):
        with pytest.raises(Problem, match=r"damaged: .translation. must list source"):
            read_directions(wrong, tmp_path)


class Echo(Silent):
    """Says the text back in capitals."""

    def generate(self, prompt, sampling):
        from anatili.engine import Chunk

        yield Chunk(prompt[0]["content"].split(": ", 1)[1].upper(), finish="stop")


def test_directions_are_measured_with_the_files_of_folders(tmp_path):
    pytest.importorskip("sacrebleu")
    for folder, files in {"one": {"kk.txt": 3, "en.txt": 3}, "two": {"kaz.txt": 4, "tur.txt": 4}}.items():
        (tmp_path / folder).mkdir()
        for name, count in files.items():
            (tmp_path / folder / name).write_text("".join(f"сөйлем {n}.\n" for n in range(count)), "utf-8")
    translator = Translator(Echo(), PACKS, KNOWN)
    tests, without = score.find_tests(translator, [tmp_path / "one", tmp_path / "two"], 10, [])
    assert [(t.source, t.target, t.texts, len(t.lines)) for t in tests] == [
        ("kk", "en", "one", 3),
        ("kk", "tr", "two", 4),
        ("en", "kk", "one", 3),
    ]
    assert without == []
    assert score.find_tests(translator, [tmp_path / "two"], 10, ["ru-kk"]) == ([], ["ru-kk"])
    with pytest.raises(Problem, match="no direction 'kk-de'"):
        score.find_tests(translator, [tmp_path / "two"], 10, ["kk-de"])
    file, done = tmp_path / "kept" / "kk-en.jsonl", []
    row, nothing = score.measure(translator, tests[0], file, {}, done.append)
    assert (row.name, row.count, row.texts, sum(done)) == ("kk-en", 3, "one", 3)
    assert row.chrf < nothing["copied"] == 100.0
    again, _ = score.measure(
        Translator(type("Echo", (Silent,), {"name": "silent"})(), PACKS), tests[0], file, {}, print
    )
    assert again == row, "what was translated before is not asked again"
