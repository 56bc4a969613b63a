"""Citations: what holds is shown, what does not loses its marks."""

import random
import re

import pytest

from anatili.engine import Piece
from anatili.search.answer import Found
from anatili.search.index import Passage
from anatili.serve.cite import Report, checked, find_words, quotation

TEXTS = (
    "Есік қаласының маңынан 1969 жылы Алтын адам табылды. Оны археолог Кемал Ақышев тапты.",
    "Бәйтерек — Астана қаласындағы биік мұнара. Оның биіктігі 97 метр.",
)


def found(text: str, hits: tuple[tuple[int, int], ...] = ()) -> Found:
    return Found(
        Passage("p", "p", "Тақырып", text, "u", "s", "", "CC0-1.0", "kk", "Cyrl"), 1.0, hits, 1.0, (0, len(text))
    )


PASSAGES = [found(text) for text in TEXTS]


def check(said: str, size: int = 3) -> tuple[str, Report]:
    """`said` as it is shown when it comes in pieces of `size` letters."""
    report = Report()
    parts = [said[at : at + size] for at in range(0, len(said), size)]
    pieces = [*(Piece(part) for part in parts), Piece("", finish="stop")]
    return "".join(piece.text for piece in checked(iter(pieces), PASSAGES, report)), report


@pytest.mark.parametrize(
    ("said", "shown", "numbers", "dropped"),
    [
        ("Ол «1969 жылы Алтын адам табылды» [1].", "Ол «1969 жылы Алтын адам табылды» [1].", [1], 0),
        ('Ол "1969 жылы алтын адам табылды" [2].', "Ол «1969 жылы алтын адам табылды» [1].", [1], 0),
        ("«Оның биіктігі 97 метр»", "«Оның биіктігі 97 метр» [2]", [2], 0),
        ("«Оның биіктігі 105 метр екен деді» [2]", "Оның биіктігі 105 метр екен деді", [], 1),
        ("«Абай жолы» романы", "«Абай жолы» романы", [], 0),
        ("«Абай жолы» [1] романы", "Абай жолы романы", [], 1),
        ("Бәйтерек Астана қаласындағы мұнара [2].", "Бәйтерек Астана қаласындағы мұнара [2].", [2], 0),
        ("Бәйтерек Астана қаласындағы мұнара [1].", "Бәйтерек Астана қаласындағы мұнара.", [], 1),
        ("Бәйтерек мұнарасы [7].", "Бәйтерек мұнарасы.", [], 1),
        ("Массив a[0] және [x] деп жазылады.", "Массив a және [x] деп жазылады.", [], 1),
        ("Ашық « тырнақша", "Ашық « тырнақша", [], 0),
        ("", "", [], 0),
    ],
)
def test_what_holds_is_shown_and_the_rest_loses_its_marks(said, shown, numbers, dropped):
    for size in (1, 3, 1000):
        got, report = check(said, size)
        assert got == shown
        assert [one.number for one in report.citations] == numbers
        assert report.dropped == dropped
        for one in report.citations:
            assert TEXTS[one.number - 1][one.start : one.end] == one.quote


def test_whatever_comes_in_whatever_pieces_no_word_is_lost_and_all_shown_quotation_hold():
    choose = random.Random(0)
    alphabet = [
        "«",
        "»",
        '"',
        "[1]",
        "[2]",
        "[9]",
        "[",
        "]",
        " ",
        ".",
        "\n",
        "Оның биіктігі 97 метр",
        "табылды",
        "“",
        "”",
    ]
    for _ in range(500):
        said = "".join(choose.choices(alphabet, k=choose.randrange(1, 25)))
        once, report = check(said, 1000)
        again, _ = check(said, choose.randrange(1, 5))
        assert once == again
        assert letters(once) == letters(said)
        for one in report.citations:
            if one.quote:
                assert find_words(TEXTS[one.number - 1], one.quote)


def letters(text: str) -> str:
    return "".join(re.findall(r"[^\W\d_]|97", re.sub(r"\[\d+\]", "", text)))


def test_what_waits_is_bounded():
    report = Report()
    shown = "".join(piece.text for piece in checked(iter([Piece("«" + "а" * 700)]), PASSAGES, report))
    assert len(shown) > 600


def test_words_are_found_whatever_stands_between_them():
    text = "Бұл — «Алтын  адам», ескі қорған."
    assert find_words(text, "алтын адам") == (text.index("Алтын"), text.index("адам") + 4)
    assert find_words(text, "адам алтын") is None
    assert find_words(text, "...") is None


def test_passages_answer_in_their_own_words():
    text = TEXTS[1]
    start = text.index("биіктігі")
    report = Report()
    assert quotation(found(text, ((start, start + 8),)), report) == "«Оның биіктігі 97 метр.» [1]"
    assert quotation(found(TEXTS[0], ((0, 4),)), report) == f"«{TEXTS[0]}» [1]"  # both its sentences are short
    long = "Өте " * 100 + "ұзақ сөйлем. Қысқа сөйлем."
    assert quotation(found(long, ((long.index("Қысқа"), len(long)),)), report) == "«Қысқа сөйлем.» [1]"
    assert quotation(found("", ()), report) == "«» [1]"


def test_a_quotation_does_not_end_at_an_abbreviation_of_its_language():
    text = "Өте " * 80 + "ұзақ сөйлем. Кітапты акад. Әлкей Марғұлан мен т.б. Алматы ғалымдары XX ғ. өнері туралы жазды."
    start = text.index("Марғұлан")
    want = "«Кітапты акад. Әлкей Марғұлан мен т.б. Алматы ғалымдары XX ғ. өнері туралы жазды.» [1]"
    assert quotation(found(text, ((start, start + 8),)), Report()) == want
