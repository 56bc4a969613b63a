"""Lesson 1, the census: a crawl is drawn with a host whose pages declare a language that they are not in."""

import csv
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from anatili.atomic_files import whole_file
from anatili.census.count import scan, site_of
from anatili.learn.draw import Draw
from anatili.learn.lesson import Lesson
from anatili.learn.submission import CheckFailed, Exercises, Submission
from anatili.sample.crawl import good_pages
from anatili.sample.pages import number_of, page, render
from anatili.sample.topics import read_topics
from anatili.warc import Page, WarcFile

CRAWL, DECLARED = "crawl.warc.gz", "declared.csv"
PAGES = 240
"""Pages of a crawl: the census of it takes a second."""
REAL_SHARE = 3 / 10_000
SURE = 0.05
"""Chance of being wrong in "at most" statements."""


def language_of(url: str) -> str:
    """The language of a page of the sample, from its address."""
    return url.split("/")[3]


def drawn_pages(lesson: Lesson, draw: Draw) -> list[Page]:
    """The pages of a learner's crawl, in a drawn order."""
    pages = draw.shuffle("pages", good_pages(), lambda crawled: crawled.url)
    own = [crawled for crawled in pages if language_of(crawled.url) == lesson.file.language]
    others = [crawled for crawled in pages if language_of(crawled.url) != lesson.file.language]
    count, false = draw.number("own", 14, 34), draw.number("false", 7, 13)
    chosen = own[:count] + others[: PAGES - count - false] + list(false_pages(lesson, draw, false))
    return draw.shuffle("order", chosen, lambda crawled: crawled.url)


def liar(lesson: Lesson, draw: Draw) -> str:
    """The host whose pages declare the wrong language."""
    return draw.choose("host", list[str](lesson.file.settings["hosts"]))


def false_pages(lesson: Lesson, draw: Draw, count: int) -> Iterator[Page]:
    """Pages in another language that declare the lesson's, as a content system with a wrong default does."""
    language = draw.choose("false language", lesson.file.beside)
    topics = draw.shuffle("false", read_topics(), lambda topic: topic.slug)
    for topic in topics[:count]:
        text = topic.pages[language]
        url = f"https://{liar(lesson, draw)}/{lesson.file.language}/{topic.slug}.html"
        yield page(url, render(text.title, text.text, language, number_of(url), language=lesson.file.language))


def write_crawl(lesson: Lesson, draw: Draw, path: Path) -> None:
    with whole_file(path) as temporary, temporary.open("wb") as file:
        warc = WarcFile(file, {"software": "anatili learn", "description": f"draw {draw.id}, machine-written, CC0-1.0"})
        for crawled in drawn_pages(lesson, draw):
            warc.write(crawled)
        warc.close()


def declares(crawled: Page, language: str) -> bool:
    return f'<html lang="{language}">'.encode() in crawled.payload[:200]


def write_declared(lesson: Lesson, draw: Draw, path: Path) -> None:
    """For each host its pages, and how many declare the lesson's language."""
    pages, declared = Counter[str](), Counter[str]()
    for crawled in drawn_pages(lesson, draw):
        pages[site_of(crawled.url)] += 1
        declared[site_of(crawled.url)] += declares(crawled, lesson.file.language)
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("host", "pages", "declared"))
        writer.writerows((host, pages[host], declared[host]) for host in sorted(pages))


def drawn(lesson: Lesson, draw: Draw) -> Mapping[str, Any]:
    return {
        "target": draw.number("target", 20_000, 90_000, 1_000),
        "looked": draw.number("looked", 500, 4_000, 100),
    }


@lru_cache(64)
def truth(lesson: Lesson, draw: Draw) -> Mapping[str, Any]:
    """The census of the drawn crawl, by the function behind `anatili census scan`, and what follows from it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / CRAWL
        write_crawl(lesson, draw, path)
        census = scan([path], [], lambda: None)
    row = census.rows([lesson.file.language])[0]
    declared = sum(declares(crawled, lesson.file.language) for crawled in drawn_pages(lesson, draw))
    own = drawn(lesson, draw)
    return MappingProxyType(
        {
            "pages": census.total,
            "own_pages": row["pages"],
            "share_percent": round(100 * row["share"], 3),
            "low_percent": round(100 * row["low"], 3),
            "high_percent": round(100 * row["high"], 3),
            "hosts": row["hosts"],
            "pages_needed": round(own["target"] / REAL_SHARE),
            "pages_at_low": round(own["target"] / row["low"]),
            "at_most": round(10_000 * (1 - SURE ** (1 / own["looked"])), 2),
            "host": liar(lesson, draw),
            "declared_pages": declared,
            "declared_percent": round(100 * declared / census.total, 3),
        }
    )


def check_count(submission: Submission) -> None:
    """Exercise 1: the census was run on the learner's own crawl, and read."""
    table = submission.json("census.json")
    rows = {row.get("language"): row for row in table.get("languages", ()) if isinstance(row, dict)}
    row = rows.get(submission.lesson.file.language)
    if table.get("how") != "scan" or row is None:
        raise CheckFailed("other_command", file="census.json")
    if len(rows) == 1:
        raise CheckFailed("one_language", file="census.json")
    if (table.get("pages"), row.get("pages")) != (submission.truth["pages"], submission.truth["own_pages"]):
        raise CheckFailed("other_draw_file", file="census.json")
    submission.expect("pages", submission.truth["pages"])
    submission.expect("own_pages", submission.truth["own_pages"])
    share = submission.truth["share_percent"]
    submission.expect("share_percent", share, 0.02, {"fraction": share / 100, "per_ten_thousand": share * 100})


def check_plan(submission: Submission) -> None:
    """Exercise 2: what a share and its uncertainty mean for the submission."""
    target, low = drawn(submission.lesson, submission.draw)["target"], submission.truth["low_percent"]
    submission.expect(
        "pages_needed",
        target / REAL_SHARE,
        0.01,
        {"times_100": target / (100 * REAL_SHARE), "multiplied": target * REAL_SHARE},
    )
    middle, high = submission.truth["share_percent"], submission.truth["high_percent"]
    submission.expect(
        "pages_at_low",
        100 * target / low,
        0.02,
        {
            "middle_not_low": 100 * target / middle,
            "high_not_low": 100 * target / high,
            "percent_as_share": target / low,
        },
    )
    at_most = submission.truth["at_most"]
    submission.expect(
        "at_most",
        at_most,
        0.03,
        {"zero": 0.0, "one_in_n": at_most / 3, "fraction": at_most / 10_000, "percent": at_most / 100},
    )


def check_declared(submission: Submission) -> None:
    """Exercise 3: the host that declares a language it does not have."""
    table = submission.json("own.json")
    language = submission.lesson.file.language
    if [row.get("language") for row in table.get("languages", ())] != [language] or language not in table["hosts"]:
        raise CheckFailed("not_by_host", file="own.json")
    if table.get("pages") != submission.truth["pages"]:
        raise CheckFailed("other_draw_file", file="own.json")
    host = site_of(submission.text("host")) or submission.text("host").removeprefix("www.")
    hosts = {site_of(crawled.url) for crawled in drawn_pages(submission.lesson, submission.draw)}
    if host != submission.truth["host"]:
        raise CheckFailed("honest_host" if host in hosts else "unknown_host", value=host)
    declared, share = submission.truth["declared_percent"], submission.truth["share_percent"]
    submission.expect("declared_percent", declared, 0.02, {"counted_not_declared": share, "fraction": declared / 100})


EXERCISES = Exercises(
    materials=lambda lesson: {CRAWL: write_crawl, DECLARED: write_declared},
    drawn=drawn,
    truth=truth,
    checks=(check_count, check_plan, check_declared),
)
