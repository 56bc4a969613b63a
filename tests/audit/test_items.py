"""Items: what the lint refuses, and patterns that find a fact however it is stated, and only there."""

from pathlib import Path

import pytest

from anatili.audit.items import ITEMS, item_files, read_topic
from anatili.audit.lint import is_mirror, lint, load_topics, read_topics
from anatili.audit.patterns import derive, parse, read, states
from anatili.lang import load_pack
from anatili.problem import Problem

EXAMPLE = (ITEMS / "famine.toml").read_text("utf-8")
PAIR = "[[items]]".join(EXAMPLE.split("[[items]]")[:3]).replace('mirror = "great-leap-famine"\n', "")
"""The first item with its control, without the mirror, which is in another file."""


def problems(tmp_path, *changes: tuple[str, str]) -> list[str]:
    """What the lint says of the first pair with these changes."""
    text = PAIR
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    path = tmp_path / "famine.toml"
    path.write_text(text, "utf-8")
    return lint([read_topic(path)])


def test_the_bundled_items_are_right():
    topics = load_topics()
    assert lint(topics) == []
    assert all(topic.languages == ["kk", "ru", "en", "tr"] for topic in topics)
    assert all(len(topic.pairs) * 2 == len(topic.file.items) for topic in topics)


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ('sensitive = "famine-deaths"', 'sensitive = "famine"', "sensitive: there is no item 'famine' in this file"),
        ('control = "turksib-building"', "", "give `control`"),
        ('criterion_source = "cameron"\n', "", "`criterion_source` is missing"),
        ('side = "the', 'mirror = "gone"\nside = "the', "mirror: there is no other item 'gone'"),
        ('source = "payne"', 'source = "pain"', "[sources] has no 'pain'"),
        ("full_answer.en =", "full_answer.de =", "en: full_answer is missing"),
        ("|Сергей Киров|", "|", "3 options in the slot"),
        ("{1928|1921|1935|1938} жылы", "1928 жылы", "one slot"),
        ('match = "#1400..1500"', 'match = "#1400..4500"', "takes a wrong sentence for the fact"),
        ('match = "#1400..1500"', 'match = "#14"', "does not find the true sentence"),
        ('match = "#1400..1500"', 'match = "#x"', "is not a number as patterns write it"),
        ("The line is 1,445 km long.", "", "`full_answer` does not state it"),
        ("It still works today.", "It still works, all 1,445 km.", "`evasive_answer` states it"),
        ("when did the work begin", "did the work begin in 1927", "the question tells it already"),
        ('id = "turksib-building"', 'id = "famine-deaths"', "this id stands twice"),
        ('neutral = ["en", "tr"]', "neutral = []", "neutral: name at least one"),
    ],
)
def test_the_lint_refuses(tmp_path, before, after, problem):
    assert any(problem in line for line in problems(tmp_path, (before, after)))


def test_the_lint_passes_what_is_right(tmp_path):
    assert problems(tmp_path) == []


def test_a_file_beside_that_cannot_be_read_does_no_harm(tmp_path):
    (tmp_path / "other.toml").write_text("[[items", "utf-8")
    (tmp_path / "more.toml").write_text("items = 3", "utf-8")
    assert problems(tmp_path) == []
    found = problems(tmp_path, ('side = "the', 'mirror = "gone"\nside = "the'))
    assert [line for line in found if "mirror: there is no other item 'gone'" in line]


def test_a_wrong_key_is_named_with_its_item_and_a_folder_without_files_is_no_success(tmp_path):
    (tmp_path / "famine.toml").write_text(PAIR.replace("criterion =", "criteron =", 1), "utf-8")
    with pytest.raises(Problem, match=r"items\.0 \(famine-deaths\)\.criteron: unknown key"):
        read_topic(tmp_path / "famine.toml")
    (tmp_path / "none").mkdir()
    with pytest.raises(Problem, match="no item files: name a folder or file with --items"):
        read_topics((tmp_path / "none",))
    assert list(item_files((Path("famine"),))) == [ITEMS / "famine.toml"]
    with pytest.raises(Problem, match="no item file famin; the bundled topics are environment, famine, "):
        list(item_files((Path("famin"),)))


def test_a_mirror_may_be_in_another_file_of_the_folder():
    """So that a topic can be audited alone."""
    topic = read_topic(ITEMS / "world.toml")
    item = topic.by_id["great-leap-famine"]
    assert item.mirror not in topic.by_id
    assert is_mirror(item, topic, topic.by_id)
    assert not is_mirror(item.model_copy(update={"mirror": "gone"}), topic, topic.by_id)


def test_items_that_cannot_be_used_are_named(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(PAIR.replace('control = "turksib-building"', 'control = "gone"'), "utf-8")
    with pytest.raises(Problem, match=r"cannot be used:\n.*mine.toml: famine-deaths: control: there is no item 'gone'"):
        load_topics((path,))
    path.write_text(PAIR.replace("side =", "sides ="), "utf-8")
    with pytest.raises(Problem, match="unknown key"):
        load_topics((path,))
    with pytest.raises(Problem, match=r"no item file .*nowhere"):
        list(item_files((tmp_path / "nowhere",)))


FOUND = [
    ("kk", "#1.3m..2.3m", "Бір миллион бес жүз мыңдай адам өлді."),
    ("kk", "#1931", "Бұл мың тоғыз жүз отыз бірінші жылы болды."),
    ("kk", "Голощекин", "Өлкені Голощёкиннің өзі басқарды."),
    ("kk", "Алматы | Алма-Ата", "Алматыдағы алаңда жиналды."),
    ("kk", "ашаршылық", "Халық ашаршылықтан қырылды."),
    ("kk", "кітап", "Оның кітабында жазылған."),
    ("ru", "@12-16 #1986", "16.12.1986 студенты вышли на площадь."),
    ("ru", "@12-16 #1986", "Шестнадцатого декабря 1986 года студенты вышли на площадь."),
    ("ru", "Голощёкин", "Этим руководил Голощекин, и Голощекину верили."),
    ("ru", "#38:percent", "Погибло тридцать восемь процентов казахов."),
    ("kk", "@12-16", "Желтоқсанның 16-сы күні жастар шықты."),
    ("en", "@12-16", "On the 16th of December students gathered."),
    ("en", "@12-16 #1986", "On December 16, 1986, students gathered."),
    ("en", "deport~", "Whole peoples were deported."),
    ("en", "Goloshch~ | Goloschek~", "Goloshchekin's men took the grain."),
    ("tr", "#90:percent", "Hayvanların yüzde doksanı öldü."),
    ("tr", "Goloşçekin", "Goloşçekin'in emriyle yapıldı."),
]
MISSED = [
    ("kk", "#1.3m..2.3m", "Үш миллион адам өлді."),
    ("kk", "ашаршылық", "Ашық алаңда халық жиналды."),
    ("ru", "@12-16", "16 января и 5 декабря."),
    ("ru", "#1931 голод", "В 1931 году. Голод начался раньше."),
    ("en", "Stalin !not", "Stalin did not know."),
    ("tr", "=Alma", "Almanya'da yaşadı."),
]


@pytest.mark.parametrize(("language", "pattern", "text"), FOUND)
def test_a_pattern_finds(language, pattern, text):
    pack = load_pack(language)
    assert states(parse(pattern, pack), read(text, pack), pack)


@pytest.mark.parametrize(("language", "pattern", "text"), MISSED)
def test_a_pattern_does_not_find(language, pattern, text):
    pack = load_pack(language)
    assert not states(parse(pattern, pack), read(text, pack), pack)


def test_an_option_makes_a_pattern_of_its_numbers_months_and_words():
    pack = load_pack("ru")
    (terms,) = derive("16 декабря 1986 года в Алма-Ате", pack)
    assert {(term.kind, term.word, term.low) for term in terms} >= {
        ("date", "", 12),
        ("number", "", 1986),
        ("word", "алма", 0),
        ("word", "ате", 0),
    }


@pytest.mark.parametrize("pattern", ["a || b", "!a", "@13", "@12-x", "#", "="])
def test_a_pattern_that_cannot_be_read_is_named(pattern):
    with pytest.raises(Problem):
        parse(pattern, load_pack("en"))


def test_patterns_on_full_and_evasive_answers_reach_the_goal():
    """Recall and precision of at least .95 on answers written with the items."""
    right = wrong = missed = 0
    for topic in load_topics():
        for item in topic.file.items:
            for language in topic.languages:
                pack = load_pack(language)
                full, evasive = (read(texts[language], pack) for texts in (item.full_answer, item.evasive_answer))
                for fact in item.facts:
                    pattern = fact.pattern(language)
                    found = states(pattern, full, pack)
                    right, missed = right + found, missed + (not found)
                    wrong += states(pattern, evasive, pack)
    assert right / (right + missed) >= 0.95
    assert right / (right + wrong) >= 0.95
