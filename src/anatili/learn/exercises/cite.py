"""Lesson 6, find and cite: search by stems in a drawn corpus, answers from drawn documents, and a log of answers."""

import csv
import json
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from anatili.atomic_files import whole_file
from anatili.learn.draw import Draw
from anatili.learn.exercises.text import topic_page
from anatili.learn.lesson import Lesson
from anatili.learn.submission import CheckFailed, Exercises, Submission, Writer
from anatili.opening.search import open_search
from anatili.pipeline.run_recipe import run_recipe
from anatili.sample.topics import Topic, read_topics
from anatili.text import words
from anatili.warc import WarcFile

CRAWL, RECIPE, LOG = "crawl.warc.gz", "recipe.toml", "answers.csv"
NAME = "corpus"
FOUND, ANSWER = "search.jsonl", "answer.json"
CORPUS, DOCUMENTS = 90, 16
"""Topics in the corpus that is searched, and documents that are asked."""
LEAST = 3
"""Texts that have the drawn word as it is, and so many more that have it with an ending only."""
MOST = 100
"""Passages that the lesson's command asks for."""
TOML = """\
name = "{name}"
language = "{language}"

[[collect.sources]]
name = "crawl"
path = "crawl.warc.gz"
license = "CC0-1.0"

[cut]
held_out = 0.0
"""


def drawn_topics(draw: Draw) -> list[Topic]:
    return draw.shuffle("corpus", read_topics(), lambda topic: topic.slug)[:CORPUS]


def write_crawl(lesson: Lesson, draw: Draw, path: Path) -> None:
    with whole_file(path) as temporary, temporary.open("wb") as file:
        warc = WarcFile(file, {"software": "anatili learn", "description": f"draw {draw.id}, machine-written, CC0-1.0"})
        for topic in drawn_topics(draw):
            warc.write(topic_page(topic, lesson.file.language))
        warc.close()


def write_recipe(lesson: Lesson, draw: Draw, path: Path) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(TOML.format(name=NAME, language=lesson.file.language), "utf-8")


def documents(lesson: Lesson, draw: Draw) -> dict[str, Topic]:
    """File name -> topic of the learner's documents. Each has questions that it answers and one that it does not."""
    asked = [topic for topic in read_topics() if topic.pages[lesson.file.language].unanswered]
    chosen = draw.shuffle("documents", asked, lambda topic: topic.slug)[:DOCUMENTS]
    return {document_name(number): topic for number, topic in enumerate(chosen, 1)}


def document_name(number: int) -> str:
    return f"documents/{number:02}.txt"


def write_document(lesson: Lesson, draw: Draw, path: Path) -> None:
    page = documents(lesson, draw)[f"{path.parent.name}/{path.name}"].pages[lesson.file.language]
    with whole_file(path) as temporary:
        temporary.write_text(f"{page.title}\n\n{page.text}\n", "utf-8")


def log_rows(lesson: Lesson, draw: Draw) -> tuple[list[tuple[str, str, str]], int, int]:
    """Rows of an assistant's log (question, answer, cited file), the number of the one whose source is wrong, and that
    of the one that should have been declined."""
    own = draw.shuffle("log", documents(lesson, draw).items(), lambda pair: pair[0])
    count = draw.number("rows", 8, 12)
    wrong, declined = draw.shuffle("bad", range(count), str)[:2]
    rows = []
    for number, (name, topic) in enumerate(own[:count]):
        page = topic.pages[lesson.file.language]
        question, answer = draw.choose(f"pair {number}", page.pairs[1:])
        if number == wrong:
            name = own[count + draw.number("other", 0, len(own) - count - 1)][0]
        if number == declined:
            question = page.unanswered[0]
        rows.append((question, answer, name))
    return rows, wrong + 1, declined + 1


def write_log(lesson: Lesson, draw: Draw, path: Path) -> None:
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("line", "question", "answer", "source"))
        writer.writerows((number, *row) for number, row in enumerate(log_rows(lesson, draw)[0], 1))


def asked(lesson: Lesson, draw: Draw) -> tuple[str, str]:
    """The question that the learner puts to the documents, and the file that answers it."""
    name, topic = draw.choose("asked", sorted(documents(lesson, draw).items()))
    return topic.pages[lesson.file.language].pairs[1][0], name


def usable_words(lesson: Lesson, draw: Draw) -> list[str]:
    """The words of the lesson that stand in several of the drawn texts, in some of them with an ending only."""
    tokens = [{one.casefold() for one in words(topic.pages[lesson.file.language].text)} for topic in drawn_topics(draw)]
    usable = []
    for word in lesson.file.settings["words"]:
        exact = sum(word in own for own in tokens)
        with_ending = sum(any(one.startswith(word) for one in own) for own in tokens)
        if exact >= LEAST and with_ending >= exact + LEAST:
            usable.append(word)
    return usable or list(lesson.file.settings["words"])


def drawn(lesson: Lesson, draw: Draw) -> Mapping[str, Any]:
    own = sorted(documents(lesson, draw).values(), key=lambda topic: topic.slug)
    return {
        "word": draw.choose("word", usable_words(lesson, draw)),
        "question": asked(lesson, draw)[0],
        "unanswered": draw.choose("unanswered", own).pages[lesson.file.language].unanswered[0],
    }


def holds(text: str, word: str) -> bool:
    """Whether a text has the word in this very form."""
    return word in (one.casefold() for one in words(text))


@lru_cache(64)
def passages(lesson: Lesson, draw: Draw) -> tuple[str, ...]:
    """Titles and texts of the passages that search finds for the drawn word, as they stand in a line of the file."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, write in ((CRAWL, write_crawl), (RECIPE, write_recipe)):
            write(lesson, draw, folder / name)
        run_recipe(folder / RECIPE, folder / "runs", until="index")
        index = open_search(NAME, folder / "runs", lambda line: None)
        hits = index.results(drawn(lesson, draw)["word"], MOST, only=lesson.file.language).hits
        return tuple(f"{hit.passage.title}\n{hit.passage.text}" for hit in hits)


@lru_cache(64)
def truth(lesson: Lesson, draw: Draw) -> Mapping[str, Any]:
    texts, word = passages(lesson, draw), drawn(lesson, draw)["word"]
    rows, wrong, declined = log_rows(lesson, draw)
    exact = sum(holds(text, word) for text in texts)
    return MappingProxyType(
        {
            "word": word,
            "found": len(texts),
            "exact": exact,
            "missed_percent": round(100 * (1 - exact / len(texts)), 1),
            "question": asked(lesson, draw)[0],
            "document": asked(lesson, draw)[1],
            "unanswered": drawn(lesson, draw)["unanswered"],
            "rows": len(rows),
            "wrong_source": wrong,
            "decline": declined,
            "supported_percent": round(100 * (len(rows) - 2) / len(rows), 1),
            "documents": DOCUMENTS,
        }
    )


def measured(lesson: Lesson, draw: Draw, folder: Path) -> Mapping[str, Any]:
    """Whether the program cited the right file, by the learner's own `answer.json`."""
    try:
        answer = json.loads((folder / ANSWER).read_text("utf-8"))
        return {"agrees": int(asked(lesson, draw)[1] in cited_files(answer))}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def cited_files(answer: Mapping[str, Any]) -> list[str]:
    """The documents whose passages an answer cites by number."""
    numbers = [int(citation["number"]) for citation in answer["citations"]]
    return [f"documents/{Path(answer['passages'][number - 1]['url']).name}" for number in numbers]


def check_stems(submission: Submission) -> None:
    """Exercise 1: how many passages search finds, and how many of them have the very form that was typed."""
    texts, word = passages(submission.lesson, submission.draw), drawn(submission.lesson, submission.draw)["word"]
    try:
        rows = [json.loads(line) for line in submission.read(FOUND).splitlines() if line.strip()]
        seen = sorted(f"{row['title']}\n{row['text']}" for row in rows)
    except (ValueError, KeyError, TypeError) as error:
        raise CheckFailed("other_command", file=FOUND) from error
    if seen != sorted(texts):
        raise CheckFailed("other_search", file=FOUND, count=len(rows), right=len(texts), word=word)
    exact = submission.truth["exact"]
    submission.expect("found", len(texts), 0, {"exact_not_found": exact})
    inside = sum(word in text.casefold() for text in texts)
    submission.expect(
        "exact", exact, 0, {"found_not_exact": len(texts), "inside_others": inside, "other_forms": len(texts) - exact}
    )
    missed = submission.truth["missed_percent"]
    submission.expect("missed_percent", missed, 0.02, {"fraction": missed / 100, "kept_not_missed": 100 - missed})


def check_source(submission: Submission) -> None:
    """Exercise 2: the document that answers the question by one's own reading, and whether the program cites it."""
    question, right = asked(submission.lesson, submission.draw)
    answer = submission.json(ANSWER)
    if "citations" not in answer or "passages" not in answer:
        raise CheckFailed("other_command", file=ANSWER)
    if answer.get("question") != question:
        raise CheckFailed("other_question", file=ANSWER, question=question)
    given = submission.text("document").replace("\\", "/").rpartition("/")[2].removesuffix(".txt")
    name = f"documents/{given.zfill(2)}.txt"
    if name not in documents(submission.lesson, submission.draw):
        raise CheckFailed("unknown_document", value=submission.text("document"))
    if name != right:
        raise CheckFailed("wrong_document", value=name)
    submission.expect("agrees", int(right in cited_files(answer)))


def check_log(submission: Submission) -> None:
    """Exercise 3: the answer with a wrong source, the one to decline, and the share of good ones."""
    rows, wrong, declined = log_rows(submission.lesson, submission.draw)
    submission.expect("wrong_source", wrong, 0, {"declined_not_wrong": declined})
    submission.expect("decline", declined, 0, {"wrong_not_declined": wrong})
    right = submission.truth["supported_percent"]
    submission.expect(
        "supported_percent",
        right,
        0.02,
        {
            "fraction": right / 100,
            "bad_not_good": 100 - right,
            "only_one": 100 * (len(rows) - 1) / len(rows),
        },
    )


def materials(lesson: Lesson) -> Mapping[str, Writer]:
    own = {document_name(number): write_document for number in range(1, DOCUMENTS + 1)}
    return {CRAWL: write_crawl, RECIPE: write_recipe, **own, LOG: write_log}


EXERCISES = Exercises(
    materials=materials,
    drawn=drawn,
    truth=truth,
    checks=(check_stems, check_source, check_log),
    editable=(RECIPE,),
    measured=measured,
)
