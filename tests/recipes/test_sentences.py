"""The sentences and documents that were written to learn from, and those to measure with."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ("kk", "ru", "en", "tr")
TRAINING = sorted((ROOT / "recipes" / "sentences").glob("*.tsv"))
DOCUMENTS = sorted((ROOT / "bench" / "documents").glob("*.toml"))
HELD = ROOT / "bench" / "held.toml"
CYRILLIC, KAZAKH = re.compile("[А-Яа-яЁё]"), re.compile("[әғқңөұүһіӘҒҚҢӨҰҮҺІ]")


def rows(file: Path) -> list[list[str]]:
    return [line.split("\t") for line in file.read_text("utf-8").splitlines()]


def letters(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


@pytest.mark.parametrize("file", TRAINING, ids=lambda file: file.stem)
def test_each_row_has_a_sentence_in_each_language_in_its_alphabet(file):
    for row in rows(file):
        assert len(row) == len(LANGUAGES), row
        assert all(text and text == text.strip() for text in row), row
        assert not KAZAKH.search(row[1]), row
        assert not CYRILLIC.search(row[2] + row[3]), row
        assert CYRILLIC.search(row[0]), row
        assert CYRILLIC.search(row[1]), row


def test_no_sentence_to_measure_with_is_among_those_to_learn_from():
    learned = [{letters(row[column]) for file in TRAINING for row in rows(file)} for column in range(len(LANGUAGES))]
    counts = set()
    for column, code in enumerate(LANGUAGES):
        lines = (ROOT / "bench" / "sentences" / f"{code}.txt").read_text("utf-8").splitlines()
        assert not {letters(line) for line in lines} & learned[column]
        counts.add(len(lines))
    assert counts == {200}


@pytest.mark.parametrize("file", [*DOCUMENTS, HELD], ids=lambda file: file.stem)
def test_documents_hold_what_a_right_answer_holds(file):
    for document in tomllib.loads(file.read_text("utf-8"))["documents"]:
        for question, *words in document["asked"]:
            assert question.strip()
            assert all(word in document["text"] for word in words), (document["name"], question)
        for language, _, *words in document.get("abroad", ()):
            assert language in set(LANGUAGES) - {document["language"]}
            assert all(word in document["text"] for word in words), (document["name"], words)


def test_documents_have_names_of_their_own_and_held_ones_are_apart():
    names, texts = [], []
    for file in (*DOCUMENTS, HELD):
        documents = tomllib.loads(file.read_text("utf-8"))["documents"]
        names += [document["name"] for document in documents]
        texts += [document["text"].strip() for document in documents]
    assert len(set(names)) == len(names)
    assert len(set(texts)) == len(texts)
