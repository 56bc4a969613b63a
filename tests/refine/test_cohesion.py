import random
from dataclasses import replace

import pytest

from anatili.document import Document, Duplicate
from anatili.lang import load_pack
from anatili.recipe import Cut
from anatili.refine.cohesion import MOST_LETTERS, SENTENCES, TOO_SHORT, cohesion, mean_gain
from anatili.refine.cut import why_not
from anatili.refine.mark import look_at
from anatili.sample.topics import read_topics
from anatili.text import sentences

KAZAKH = load_pack("kk")
PAGES = [topic.pages["kk"].text for topic in read_topics() if "kk" in topic.pages]
OWN = [[line for line in sentences(page.replace("\n", " ")) if line.endswith(".")] for page in PAGES]
LIMIT = Cut().min_cohesion


def spun(seed: int, number: int = 20) -> str:
    r = random.Random(seed)
    return " ".join(r.choice(own) for own in r.sample([own for own in OWN if own], number))


def test_texts_on_one_subject_are_above_the_limit_and_spun_ones_below():
    genuine = [value for page in PAGES if (value := cohesion(page, KAZAKH, "Cyrl")) != TOO_SHORT]
    assert len(genuine) >= 20
    assert min(genuine) > LIMIT
    mixed = [cohesion(spun(seed), KAZAKH, "Cyrl") for seed in range(40)]
    assert sum(value < LIMIT for value in mixed) >= 20


def test_only_the_beginning_of_a_long_text_is_read():
    long = " ".join(PAGES[:40])
    assert cohesion(long, KAZAKH, "Cyrl") == cohesion(long[:MOST_LETTERS], KAZAKH, "Cyrl") != TOO_SHORT


@pytest.mark.parametrize(
    ("text", "language", "script"),
    [
        (spun(0, SENTENCES - 2), "kk", "Cyrl"),
        (KAZAKH.transliterate(spun(0), "Latn2021"), "kk", "Latn"),
        ("Дожди идут. " * 20, "ru", "Cyrl"),
        ("", "kk", "Cyrl"),
    ],
)
def test_what_is_not_measured(text, language, script):
    assert cohesion(text, load_pack(language), script) == TOO_SHORT


def test_rare_words_in_common_count_more_than_frequent_ones():
    def gain(word: str) -> float:
        return mean_gain([[word, "a", "b"], [word, "c", "d"]], {word: 0.01 if word == "often" else 0.0001}, 0.00001)

    assert gain("seldom") > gain("often") > mean_gain([["x", "a", "b"], ["y", "c", "d"]], {}, 0.00001)


def test_a_spun_page_is_refused_with_a_sentence():
    page = next(text for text in map(spun, range(40)) if cohesion(text, KAZAKH, "Cyrl") < LIMIT)
    document = Document("1", page, "", "https://a.kz/1", "s", "", "", "", "utf-8")
    mark = look_at(document, {"kk": KAZAKH}, 25)
    assert mark.cohesion < LIMIT
    unique = Duplicate("1", "", "", 0.0)
    reason, why = why_not(document, mark, unique, {"kk": Cut()})
    assert reason == "unrelated sentences"
    assert why.startswith(f"its sentences have few words in common, by {mark.cohesion:.2f}; -0.30 must be")
    assert why_not(document, mark, unique, {"kk": Cut(min_cohesion=-100)}) == ("", "")
    assert why_not(document, replace(mark, verse=1.0), unique, {"kk": Cut()}) == ("", "")
