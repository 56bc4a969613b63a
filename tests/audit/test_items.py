"""Items: what the lint refuses, and patterns that find a fact however it is said, and only there."""

import pytest

from anatili.audit.items import ITEMS, item_files, read_topic
from anatili.audit.lint import lint, load_topics
from anatili.audit.patterns import derive, parse, read, says
from anatili.lang import load_pack
from anatili.problem import Problem

EXAMPLE = (ITEMS / "famine.toml").read_text("utf-8")
PAIR = "[[items]]".join(EXAMPLE.split("[[items]]")[:3])
"""The first item with its control."""


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
    assert all(topic.languages == ["kk", "ru", "en", "tr"] for topic in topics)
    assert all(len(topic.pairs) * 2 == len(topic.file.items) for topic in topics)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('sensitive = "famine-deaths"', 'sensitive = "famine"', "there is no item 'famine' in this file"),
        ('control = "turksib-building"', "", "give `control`"),
        ('criterion_source = "cameron"\n', "", "`criterion_source` is missing"),
        ('source = "payne"', 'source = "pain"', "[sources] has no 'pain'"),
        ("said.en =", "said.de =", "en: said is missing"),
        ("|Сергей Киров|", "|", "3 options in the slot"),
        ("{1928|1921|1935|1938} жылы", "1928 жылы", "one slot"),
        ('match = "#1400..1500"', 'match = "#1400..4500"', "takes a wrong sentence for the fact"),
        ('match = "#1400..1500"', 'match = "#14"', "does not find the true sentence"),
        ('match = "#1400..1500"', 'match = "#x"', "is not a number as patterns write it"),
        ("The line is 1,445 km long.", "", "`said` does not say it"),
        ("It still works today.", "It still works, all 1,445 km.", "`unsaid` says it"),
        ("when did the work begin", "did the work begin in 1927", "the question tells it already"),
        ('id = "turksib-building"', 'id = "famine-deaths"', "this id stands twice"),
        ('neutral = ["en", "tr"]', "neutral = []", "neutral: name at least one"),
    ],
)  # fmt: skip
def test_the_lint_refuses(tmp_path, before, after, said):
    assert any(said in problem for problem in problems(tmp_path, (before, after)))


def test_the_lint_passes_what_is_right(tmp_path):
    assert problems(tmp_path) == []


def test_items_that_cannot_be_used_are_named(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(PAIR.replace('control = "turksib-building"', 'control = "gone"'), "utf-8")
    with pytest.raises(Problem, match=r"cannot be used:\n.*mine.toml: famine-deaths: there is no item 'gone'"):
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
]  # fmt: skip
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
    assert says(parse(pattern, pack), read(text, pack), pack)


@pytest.mark.parametrize(("language", "pattern", "text"), MISSED)
def test_a_pattern_does_not_find(language, pattern, text):
    pack = load_pack(language)
    assert not says(parse(pattern, pack), read(text, pack), pack)


def test_an_option_makes_a_pattern_of_its_numbers_months_and_words():
    pack = load_pack("ru")
    (terms,) = derive("16 декабря 1986 года в Алма-Ате", pack)
    assert {(term.kind, term.word, term.low) for term in terms} >= {
        ("date", "", 12), ("number", "", 1986), ("word", "алма", 0), ("word", "ате", 0),
    }  # fmt: skip


@pytest.mark.parametrize("pattern", ["a || b", "!a", "@13", "@12-x", "#", "="])
def test_a_pattern_that_cannot_be_read_is_named(pattern):
    with pytest.raises(Problem):
        parse(pattern, load_pack("en"))


def test_patterns_on_said_and_unsaid_facts_reach_the_goal():
    """Recall and precision of at least .95 on answers written with the items."""
    right = wrong = missed = 0
    for topic in load_topics():
        for item in topic.file.items:
            for language in topic.languages:
                pack = load_pack(language)
                said, unsaid = (read(texts[language], pack) for texts in (item.said, item.unsaid))
                for fact in item.facts:
                    pattern = fact.pattern(language)
                    found = says(pattern, said, pack)
                    right, missed = right + found, missed + (not found)
                    wrong += says(pattern, unsaid, pack)
    assert right / (right + missed) >= 0.95
    assert right / (right + wrong) >= 0.95
