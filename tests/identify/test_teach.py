"""A pack teaches the identifier its language from a few lines, and no known language gets worse."""

from pathlib import Path

import pytest
from metrics import share

from anatili.identify import bundled_model, identify, load_model, model_files
from anatili.identify.teach import draw, neighbor_words, other_words, teach
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.sample.topics import read_topics

TEXT = Path(__file__).parents[1] / "lang" / "new" / "os.txt"
PACK = """
name = "Ossetian"
own_name = "ирон æвзаг"
iso639_3 = "oss"
[letters]
Cyrl = "аӕбвгдеёжзийклмнопрстуфхцчшщъыьэюя"
[lookalikes]
"æ" = "ӕ"
"""
# Not from the text above: written for this test.
LINES = (
    "Абон мах скъолайы ахуыр кӕнӕм ирон ӕвзаг ӕмӕ ирон литературӕ.",
    "Мӕ мад ӕмӕ мӕ фыд цӕрынц хъӕуы, ӕз та цӕрын горӕты.",
    "Мӕ мад æмæ мӕ фыд цæрынц хъæуы, æз та цæрын горæты.",
)


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """The folder of packs with Ossetian, learned from its Declaration of Human Rights, and the messages about it."""
    folder = tmp_path_factory.mktemp("packs")
    (folder / "os").mkdir()
    (folder / "os" / "pack.toml").write_text(PACK, "utf-8")
    (folder / "os" / "stopwords.txt").write_text("ӕмӕ\n", "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANATILI_PACKS", str(folder))
        forget()
        messages: list[str] = []
        result = teach(load_pack("os"), [TEXT], messages.append)
        result.save(folder / "os")
        load_model.cache_clear()
        yield result, messages
    forget()


def forget():
    load_pack.cache_clear()
    load_model.cache_clear()


def test_the_new_language_is_identified_in_new_lines(taught):
    result, messages = taught
    assert result.recall[60] == 1
    assert result.wrong <= 0.001
    assert messages[0].startswith(f"{result.lines} lines to learn from, against 4")
    assert [identify(line).language for line in LINES] == ["os"] * 3
    assert identify(LINES[0]).confidence > 0.8
    assert "identify.npz of os" in model_files()


def test_no_line_of_the_sample_is_taken_for_it(taught):
    lines = [line for t in read_topics() for page in t.pages.values() for line in page.text.splitlines() if line]
    assert len(lines) > 1000
    assert share(lines, "os") == 0
    assert share(lines, "os", 60) <= 0.002


def test_the_bundled_model_stays_as_it_is(taught):
    assert load_model().labels == (*bundled_model().labels, "os")
    assert load_model().taught == {"os"}
    assert (load_model().rows[:, :-1] == bundled_model().rows).all()


def test_the_next_language_is_distinguished_from_this_one_too(taught):
    from anatili.identify import taught_files

    words = other_words(load_pack("tr"), taught_files())
    assert set(words["os"]) > {"ӕмӕ"}
    assert "tr" not in words
    assert "und_os" not in other_words(load_pack("os"), {})


def test_the_bundled_words_cover_the_languages_of_the_model():
    import random

    codes = {label.split("_")[0] for label in neighbor_words()}
    assert codes >= set(bundled_model().codes)
    assert len([label for label in neighbor_words() if label.startswith("und_")]) > 300
    texts = draw({"tr": neighbor_words()["tr"]}, random.Random(0))
    assert share([text for _, text in texts], "tr") > 0.8


def test_a_known_language_and_too_little_text_are_reported(taught, tmp_path):
    short = tmp_path / "short.txt"
    short.write_text("Иу рӕнхъ у ам.\n" * 50, "utf-8")
    with pytest.raises(Problem, match=r"1 different lines .* at least"):
        teach(load_pack("os"), [short], print)
    with pytest.raises(Problem, match="already knows tr"):
        teach(load_pack("tr"), [short], print)
