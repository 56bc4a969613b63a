"""Items that are planted in documents are found, also changed by a word; others are not."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "bench"))  # after tests, which has files of the same names
import contamination

from anatili.evaluate.contamination import ItemFinder, ItemWords, find_seen
from anatili.evaluate.runner import file_texts


@pytest.fixture(scope="module")
def facts():
    task, items = contamination.items_of("tumlu_kk", "")
    return contamination.measure(task, items, 2000, 50, 1)


def test_planted_items_are_found_and_others_are_not(facts):
    assert facts["found_verbatim"] >= 0.95
    assert facts["found_changed"] >= 0.8
    assert facts["false_rate"] <= 0.01


def seen(question: str, answer: str, text: str) -> bool:
    return bool(ItemFinder([ItemWords("x", tuple(question.split()), tuple(answer.split()))]).find(["other text", text]))


def test_a_document_is_a_paragraph_whatever_ends_its_lines(tmp_path):
    for ends in ("\n", "\r\n"):
        (tmp_path / "a.txt").write_bytes(f"бір{ends}екі{ends} {ends}үш{ends}".encode())
        texts = [text.split() for text in file_texts(tmp_path / "a.txt")]
        assert texts == [["бір", "екі"], ["үш"]]


LONG = "one two three four five six seven eight nine ten"


@pytest.mark.parametrize(
    ("question", "answer", "text", "expected"),
    [
        (LONG, "yes", f"so {LONG} yes", True),
        (LONG, "yes", f"so {LONG} no", False),  # the question alone is not the item
        (LONG, "yes", f"so {LONG.replace('five', 'zero')} yes", True),
        (LONG, "yes", f"so {LONG.replace('five', 'zero zero')} yes", True),
        (LONG, "yes", "so one two three four five and yes", False),  # half of the question
        (LONG, "yes", LONG + " word" * 500 + " yes", True),  # in one document is enough for a long one
        ("one two", "yes", "one two yes", True),
        ("one two", "yes", "one two" + " word" * 100 + " yes", False),  # a short one needs its answer beside it
        ("one two", "yes", "two one yes", False),
    ],
)
def test_what_counts_as_seen(question, answer, text, expected):
    assert seen(question, answer, text) == expected


def test_question_and_answer_in_two_documents_are_not_an_item():
    finder = ItemFinder([ItemWords("x", tuple(LONG.split()), ("yes",))])
    assert finder.find([LONG, "yes"]) == set()
    assert finder.find([LONG + " yes"] * 600) == {"x"}


def test_a_short_question_that_its_answer_follows_is_found_with_a_word_changed():
    task, items = contamination.items_of("tumlu_kk", "")
    short = next(item for item in items if len(str(item.row["question"]).split()) == 4)
    text = f"{short.row['question']} {short.choices[0]}"
    first = text.split()[0]
    assert find_seen(task, [short], [text.replace(first, "басқа", 1)]) == {short.id}
