"""Goals and agreement of a commons: figures that can be computed by hand."""

import pytest

pytest.importorskip("sqlalchemy", reason="the commons needs more packages: pip install '.[commons]'")
from commons.lines import accept, join, open_commons, text_of

from anatili.commons.contribution import Contribution
from anatili.commons.figures import agreement, amounts, goals


@pytest.fixture
def commons(tmp_path):
    opened = open_commons(tmp_path / "commons.sqlite")
    yield opened
    opened.close()


def voted(commons, author, number: int, *opinions: bool) -> None:
    line = Contribution(id=f"{number:032x}", kind="text", language="kk", text=text_of(number))
    commons.give(author, line)
    for good in opinions:
        commons.vote(join(commons), line.id, good)


def test_agreement_is_that_of_pairs_of_voters(commons):
    """Two lines of four agree; 6 of 8 votes are good: AC1 is (.5 - 2 * .75 * .25) / (1 - 2 * .75 * .25)."""
    author = join(commons)
    assert agreement(commons.database)["lines"] == 0
    for number, opinions in enumerate([(True, True), (True, True), (True, False), (True, False)]):
        voted(commons, author, number, *opinions)
    voted(commons, author, 9, True)  # one vote says nothing of agreement
    figures = agreement(commons.database)
    assert (figures["lines"], figures["agreed"]) == (4, 0.5)
    assert figures["ac1"] == pytest.approx((0.5 - 0.375) / (1 - 0.375), abs=1e-4)
    low, high = figures["ac1_interval"]
    assert low < figures["ac1"] < high
    assert figures["agreed_interval"][0] < 0.5 < figures["agreed_interval"][1]


def test_what_is_missing_most_comes_first(commons):
    author = join(commons)
    for number in range(2):
        accept(commons, author, kind="sentence", text=text_of(number), source=f"S {number}", source_language="en")
    have = amounts(commons.database, "kk")
    assert have["sentence"] == {"accepted": 2, "words": 16, "open": 0, "week": 2}
    ways = [
        {"source": "en", "target": "kk", "quality": "poor", "chrf": 21.5},
        {"source": "ru", "target": "kk", "quality": "usable", "chrf": 55.0},
        {"source": "kk", "target": "en", "quality": "poor"},
    ]
    missing = goals(commons.database, "kk", have, ways, {"kk": 30, "ru": 40})
    assert [(goal.kind, goal.source, goal.has, goal.goal, goal.why) for goal in missing] == [
        ("answer", "", 0, 200, "answers"),
        ("sentence", "en", 2, 2000, "poor"),
        ("text", "", 30, 40, "passages"),
    ]
    assert not [goal for goal in goals(commons.database, "ru", have, [], {"kk": 30, "ru": 40}) if goal.kind == "text"]
