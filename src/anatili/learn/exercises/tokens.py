"""Lesson 3, what a word costs: vocabularies learned from drawn sentences, and the same sentences in each language."""

import tempfile
from bisect import bisect_left
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from anatili import sample
from anatili.atomic_files import whole_file
from anatili.learn.draw import Draw
from anatili.learn.lesson import Lesson
from anatili.learn.submission import CheckFailed, Exercises, Submission, Writer
from anatili.problem import Problem
from anatili.tokenizer.peers import OpenedTokenizer, open_tokenizer
from anatili.tokenizer.train import train_on_files

TEST, TRAIN = 120, 1200
"""Sentences that are measured, and others from which a vocabulary is learned."""
SIZE = 1024
"""Tokens of the vocabularies of exercises 1 and 2."""
STEP, LARGEST = 256, 5120
"""Sizes that exercise 3 tries."""
OWN, FOREIGN, SMALLEST, REPORT, TABLE = "own", "foreign", "smallest", "report.json", "both.json"
CLOSE = 0.01
"""Share by which figures of two learnings of the same vocabulary may differ."""


def drawn_sentences(lesson: Lesson, draw: Draw, code: str, *, test: bool) -> list[str]:
    rows = draw.shuffle("sentences", sample.sentences(), lambda row: row[lesson.file.language])
    return [row[code] for row in (rows[:TEST] if test else rows[TEST : TEST + TRAIN])]


def write_lines(path: Path, lines: list[str]) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(("\n".join(lines) + "\n").encode())


def write_test(lesson: Lesson, draw: Draw, path: Path) -> None:
    write_lines(path, drawn_sentences(lesson, draw, path.stem, test=True))


def write_training(lesson: Lesson, draw: Draw, path: Path) -> None:
    write_lines(path, drawn_sentences(lesson, draw, path.stem.removesuffix("-train"), test=False))


def drawn(lesson: Lesson, draw: Draw) -> Mapping[str, Any]:
    return {
        "words": draw.number("words", 200, 900, 50) * 1000,
        "price": draw.number("price", 1, 5) + 0.5,
        "most": draw.number("most", 235, 255, 5) / 100,
    }


def cost(tokenizer: OpenedTokenizer, lesson: Lesson, draw: Draw, code: str) -> float:
    """Tokens per word on the learner's sentences in a language."""
    lines = drawn_sentences(lesson, draw, code, test=True)
    return sum(len(tokenizer.encode(line)) for line in lines) / sum(len(line.split()) for line in lines)


def learned(lesson: Lesson, draw: Draw, code: str, size: int, folder: Path) -> OpenedTokenizer:
    """A vocabulary learned from the learner's training sentences in a language."""
    text = folder / f"{code}-{size}.txt"
    write_lines(text, drawn_sentences(lesson, draw, code, test=False))
    train_on_files([text], size, folder / f"{code}-{size}")
    return open_tokenizer(folder / f"{code}-{size}")


def smallest(lesson: Lesson, draw: Draw, most: float, folder: Path) -> int:
    """The smallest vocabulary, in steps, with which a word of the lesson's language costs at most so many tokens."""
    code = lesson.file.language
    sizes = range(2 * STEP, LARGEST, STEP)

    def is_cheap(size: int) -> bool:
        return cost(learned(lesson, draw, code, size, folder), lesson, draw, code) <= most

    return sizes[bisect_left(sizes, True, key=is_cheap)]


@lru_cache(64)
def truth(lesson: Lesson, draw: Draw) -> Mapping[str, Any]:
    """Both vocabularies learned and measured, and the smallest one that is cheap enough."""
    code, foreign = lesson.file.language, lesson.file.beside[-1]
    own = drawn(lesson, draw)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        ours, theirs = (learned(lesson, draw, one, SIZE, folder) for one in (code, foreign))
        size = smallest(lesson, draw, own["most"], folder)
    per_word = {name: cost(one, lesson, draw, code) for name, one in ((OWN, ours), (FOREIGN, theirs))}
    words = {
        one: sum(len(line.split()) for line in drawn_sentences(lesson, draw, one, test=True)) for one in (code, foreign)
    }
    tokens = {one: cost(theirs, lesson, draw, one) * words[one] for one in (code, foreign)}
    return MappingProxyType(
        {
            "own_cost": round(per_word[OWN], 3),
            "foreign_cost": round(per_word[FOREIGN], 3),
            "foreign_on_own_language": round(cost(theirs, lesson, draw, foreign), 3),
            "parity": round(tokens[code] / tokens[foreign], 2),
            "times": round(per_word[FOREIGN] / per_word[OWN], 2),
            "bill": round(own["words"] * per_word[FOREIGN] * own["price"] / 1e6, 2),
            "size": size,
            "words_here": words[code],
            "foreign_words": words[foreign],
        }
    )


def table(submission: Submission, name: str, tokenizer: str, code: str) -> Mapping[str, Any]:
    """The row of a report about one of the learner's vocabularies and texts."""
    rows = [row for row in submission.json(name, list) if isinstance(row, dict)]
    of_text = [row for row in rows if row.get("text") == f"{code}.txt"]
    if not rows or not of_text:
        raise CheckFailed("no_text_in_report", file=name, text=f"{code}.txt")
    row = next((row for row in of_text if str(row.get("tokenizer", "")).split("/")[-1] == tokenizer), None)
    if row is None:
        raise CheckFailed("no_tokenizer_in_report", file=name, folder=tokenizer)
    if not isinstance(row.get("tokens_per_word"), float) or not isinstance(row.get("bytes_per_token"), float):
        raise CheckFailed("damaged_file", file=name)
    if row.get("language") != code:
        raise CheckFailed("other_language", file=name, text=f"{code}.txt", language=str(row.get("language")))
    return row


def opened(submission: Submission, name: str) -> OpenedTokenizer:
    """A vocabulary that the learner made."""
    if not (submission.file(name) / "tokenizer.json").is_file():
        raise CheckFailed("no_vocabulary", folder=name)
    try:
        return open_tokenizer(submission.folder / name)
    except Problem as error:
        raise CheckFailed("damaged_vocabulary", folder=name) from error


def check_report(submission: Submission) -> None:
    """Exercise 1: a vocabulary was learned from the learner's own sentences and measured on them."""
    code = submission.lesson.file.language
    row, tokenizer = table(submission, REPORT, OWN, code), opened(submission, OWN)
    if tokenizer.size != SIZE:
        raise CheckFailed("other_size", folder=OWN, value=tokenizer.size, right=SIZE)
    measured, right = cost(tokenizer, submission.lesson, submission.draw, code), submission.truth["own_cost"]
    if abs(measured - right) > CLOSE * right or abs(row["tokens_per_word"] - measured) > CLOSE * right:
        raise CheckFailed("other_draw_file", file=f"{OWN}, {REPORT}")
    submission.expect("own_cost", right, 0.02, {"bytes_per_token": row["bytes_per_token"]})


def check_foreign(submission: Submission) -> None:
    """Exercise 2: the same words in a foreign vocabulary, and what they cost."""
    code, foreign = submission.lesson.file.language, submission.lesson.file.beside[-1]
    row, tokenizer = table(submission, TABLE, FOREIGN, code), opened(submission, FOREIGN)
    if cost(tokenizer, submission.lesson, submission.draw, foreign) > cost(
        tokenizer, submission.lesson, submission.draw, code
    ):
        raise CheckFailed("not_foreign", folder=FOREIGN)
    measured, right = cost(tokenizer, submission.lesson, submission.draw, code), submission.truth["foreign_cost"]
    if abs(measured - right) > CLOSE * right or abs(row["tokens_per_word"] - measured) > CLOSE * right:
        raise CheckFailed("other_draw_file", file=f"{FOREIGN}, {TABLE}")
    own = submission.truth["own_cost"]
    submission.expect(
        "times", right / own, 0.03, {"upside_down": own / right, "foreign_not_ratio": right, "difference": right - own}
    )
    bill, values = submission.truth["bill"], drawn(submission.lesson, submission.draw)
    submission.expect(
        "bill",
        bill,
        0.03,
        {
            "one_token_a_word": values["words"] * values["price"] / 1e6,
            "million_forgotten": bill * 1e6,
            "own_bill": bill * own / right,
        },
    )


def check_smallest(submission: Submission) -> None:
    """Exercise 3: the smallest vocabulary with which a word costs at most what was drawn."""
    code, most = submission.lesson.file.language, drawn(submission.lesson, submission.draw)["most"]
    tokenizer, given = opened(submission, SMALLEST), submission.number("size")
    if tokenizer.size != given:
        raise CheckFailed("size_not_folder", value=given, size=tokenizer.size, folder=SMALLEST)
    if given % STEP:
        raise CheckFailed("not_a_step", value=given, step=STEP)
    size, measured = submission.truth["size"], cost(tokenizer, submission.lesson, submission.draw, code)
    if measured > most:
        raise CheckFailed("too_dear", value=round(measured, 2), most=most)
    if given > size:
        raise CheckFailed("not_smallest", value=given, most=most)
    with tempfile.TemporaryDirectory() as folder:
        honest = cost(
            learned(submission.lesson, submission.draw, code, int(given), Path(folder)),
            submission.lesson,
            submission.draw,
            code,
        )
    if abs(honest - measured) > CLOSE * honest:
        raise CheckFailed("learned_from_test", folder=SMALLEST, file=f"{code}-train.txt")


def materials(lesson: Lesson) -> Mapping[str, Writer]:
    """Sentences to measure in each language, and sentences to learn from in the lesson's and the foreign one."""
    codes = (lesson.file.language, *lesson.file.beside)
    return {
        **{f"{code}.txt": write_test for code in codes},
        **{f"{code}-train.txt": write_training for code in (codes[0], codes[-1])},
    }


EXERCISES = Exercises(
    materials=materials, drawn=drawn, truth=truth, checks=(check_report, check_foreign, check_smallest)
)
