"""Lesson 2, from page to text: thresholds of `cut` on parallel pages, of which only the language differs."""

import contextlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from anatili.atomic_files import whole_file
from anatili.extraction.page import extract
from anatili.lang import load_pack
from anatili.learn.draw import Draw
from anatili.learn.lesson import Lesson
from anatili.learn.submission import CheckFailed, Exercises, Submission, Writer
from anatili.pipeline.run_recipe import run_recipe
from anatili.problem import Problem
from anatili.recipe import Cut
from anatili.refine.cut import rows, thresholds, why_not
from anatili.run import Run
from anatili.sample.crawl import topic_url
from anatili.sample.pages import number_of, page, render
from anatili.sample.topics import Topic, read_topics
from anatili.sample.traps import low_quality
from anatili.warc import Page, WarcFile

PAGE, TEXT, CRAWL = "page.html", "text.txt", "crawl.warc.gz"
RECIPE, STRICT, COLLEAGUE = "recipe.toml", "strict.toml", "colleague.toml"
MINE, OTHER = "mine", "colleague"
TOPICS = 24
"""Topics in a crawl, each with a page in three languages."""
KEEPS = 0.9
"""Share of the pages kept by the usual thresholds that a repaired recipe must keep."""
TOML = """\
name = "{name}"
language = "{language}"
beside = {beside}

[[collect.sources]]
name = "crawl"
path = "crawl.warc.gz"
license = "CC0-1.0"

[cut]
held_out = 0.0
{settings}
"""


def languages(lesson: Lesson) -> tuple[str, ...]:
    return (lesson.file.language, *lesson.file.beside)


def drawn_topics(draw: Draw) -> list[Topic]:
    return draw.shuffle("topics", read_topics(), lambda topic: topic.slug)[:TOPICS]


def topic_page(topic: Topic, language: str) -> Page:
    text = topic.pages[language]
    html = render(text.title, text.text, language, number_of(topic.slug + language))
    return page(topic_url(topic, language), html)


def write_page(lesson: Lesson, draw: Draw, path: Path) -> None:
    """A page in the lesson's language that is not in the crawl."""
    topic = draw.shuffle("topics", read_topics(), lambda one: one.slug)[TOPICS]
    with whole_file(path) as temporary:
        temporary.write_bytes(topic_page(topic, lesson.file.language).payload)


def write_crawl(lesson: Lesson, draw: Draw, path: Path) -> None:
    """The same topics in each language, and the sample's spam, lists and short pages."""
    pages = [topic_page(topic, code) for topic in drawn_topics(draw) for code in languages(lesson)]
    with whole_file(path) as temporary, temporary.open("wb") as file:
        warc = WarcFile(file, {"software": "anatili learn", "description": f"draw {draw.id}, machine-written, CC0-1.0"})
        for one in draw.shuffle("order", [*pages, *low_quality()], lambda one: one.url):
            warc.write(one)
        warc.close()


def drawn(lesson: Lesson, draw: Draw) -> Mapping[str, Any]:
    return {"min_words": draw.number("strict", 74, 80)}


def colleague_cut(draw: Draw) -> tuple[str, dict[str, float]]:
    """The thresholds of the colleague's recipe, and the key that harms the language."""
    harmful = {"min_words": draw.number("words", 76, 84), "min_stopwords": draw.number("stop", 19, 23) / 100}
    harmless = {"min_words": draw.number("few", 32, 40), "min_stopwords": draw.number("low", 3, 4) / 100}
    guilty = draw.choose("guilty", sorted(harmful))
    return guilty, {
        "min_alphabet": draw.number("alphabet", 91, 94) / 100,
        "min_confidence": draw.number("confidence", 72, 80) / 100,
        **harmless,
        guilty: harmful[guilty],
        "max_links": draw.number("links", 8, 12),
        "max_repeated_words": draw.number("repeated", 16, 19) / 100,
        "max_symbols": draw.number("symbols", 7, 12) / 100,
    }


def write_recipe(lesson: Lesson, path: Path, name: str, settings: Mapping[str, float]) -> None:
    beside = "[" + ", ".join(f'"{code}"' for code in lesson.file.beside) + "]"
    lines = "\n".join(f"{key} = {value}" for key, value in settings.items())
    with whole_file(path) as temporary:
        temporary.write_text(
            TOML.format(name=name, language=lesson.file.language, beside=beside, settings=lines), "utf-8"
        )


def write_usual(lesson: Lesson, draw: Draw, path: Path) -> None:
    write_recipe(lesson, path, MINE, {"min_words": Cut().min_words})


def write_strict(lesson: Lesson, draw: Draw, path: Path) -> None:
    write_recipe(lesson, path, MINE, drawn(lesson, draw))


def write_colleague(lesson: Lesson, draw: Draw, path: Path) -> None:
    write_recipe(lesson, path, OTHER, colleague_cut(draw)[1])


def materials(lesson: Lesson) -> Mapping[str, Writer]:
    return {PAGE: write_page, CRAWL: write_crawl, RECIPE: write_usual, STRICT: write_strict, COLLEAGUE: write_colleague}


@dataclass(frozen=True)
class Result:
    """What thresholds do to a run's pages: the addresses that are kept, by language."""

    kept: Mapping[str, frozenset[str]]

    def count(self, language: str) -> int:
        return len(self.kept.get(language, ()))

    @property
    def urls(self) -> frozenset[str]:
        return frozenset().union(*self.kept.values())


def decide(run: Path, settings: Cut, codes: tuple[str, ...]) -> Result:
    """Decide again on the marks of a run, as `cut` does."""
    limits = {code: thresholds(settings, load_pack(code)) for code in codes}
    kept: dict[str, set[str]] = {code: set() for code in codes}
    for shard in sorted((run / "extract").glob("part-*.parquet")):
        for document, mark, duplicate in rows(shard, run / "mark" / shard.name, run / "dedup" / shard.name):
            if not why_not(document, mark, duplicate, limits)[0]:
                kept[mark.language].add(document.url)
    return Result(MappingProxyType({code: frozenset(urls) for code, urls in kept.items()}))


@lru_cache(64)
def truth(lesson: Lesson, draw: Draw) -> Mapping[str, Any]:
    """Both recipes carried out on the drawn crawl until `cut`."""
    code, foreign = lesson.file.language, lesson.file.beside[-1]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, write in materials(lesson).items():
            write(lesson, draw, folder / name)
        article = extract(folder / PAGE)
        share = 100 * len(article.text.encode()) / (folder / PAGE).stat().st_size
        run = run_recipe(folder / RECIPE, folder / "runs", until="cut").root
        guilty, settings = colleague_cut(draw)
        usual, strict, other, repaired = (
            decide(run, Cut(held_out=0.0, **values), languages(lesson))
            for values in ({}, drawn(lesson, draw), settings, {**settings, guilty: getattr(Cut(), guilty)})
        )
    return MappingProxyType(
        {
            "words": len(article.text.split()),
            "text_percent": round(share, 1),
            "topics": TOPICS,
            "pages": TOPICS * len(languages(lesson)) + sum(1 for _ in low_quality()),
            "before": usual.count(code),
            "after": strict.count(code),
            "foreign_before": usual.count(foreign),
            "foreign_after": strict.count(foreign),
            "min_words": drawn(lesson, draw)["min_words"],
            "guilty": guilty,
            "guilty_value": settings[guilty],
            "colleague": other.count(code),
            "repaired": repaired.count(code),
        }
    )


def check_extract(submission: Submission) -> None:
    """Exercise 1: the learner's own page was extracted."""
    text = submission.read(TEXT)
    right = extract(submission.file(PAGE)).text
    if text.split() != right.split():
        raise CheckFailed("not_extracted" if "<" in text else "other_draw_file", file=TEXT)
    submission.expect("words", len(right.split()), 0.03, {"characters": len(right)})
    shares = [
        100 * size / submission.file(PAGE).stat().st_size
        for size in (len(right.encode()), submission.file(TEXT).stat().st_size)
    ]
    if not any(abs(submission.number("text_percent") - share) <= 0.03 * share for share in shares):
        submission.expect("text_percent", shares[0], 0.03, {"fraction": shares[0] / 100, "rest": 100 - shares[0]})


def own_settings(recorded: Mapping[str, Any]) -> Cut:
    """Recorded thresholds, of which those at their defaults are left to the language packs."""
    every = Cut.model_validate(recorded, strict=False)
    defaults = Cut()
    return Cut.model_validate({name: value for name, value in every if value != getattr(defaults, name)})


def settings_of(submission: Submission, name: str) -> tuple[Path, Cut]:
    """A run of the learner's own crawl, and the thresholds with which it was cut last."""
    folder = submission.folder / "runs" / name
    if not (folder / "extract").is_dir():
        raise CheckFailed("no_run", run=name, recipe=RECIPE if name == MINE else COLLEAGUE)
    try:
        record = Run(folder).record("cut")
        settings = own_settings(record.identity["settings"]) if record else None
    except (Problem, ValueError, KeyError, TypeError) as error:
        raise CheckFailed("damaged_run", run=name) from error
    if settings is None:
        raise CheckFailed("not_cut", run=name)
    return folder, settings


def decided(submission: Submission, run: Path, settings: Cut) -> Result:
    """What thresholds keep of a run; `CheckFailed` if its pages are not those of the learner's crawl."""
    own = {topic_url(topic, code) for topic in drawn_topics(submission.draw) for code in languages(submission.lesson)}
    with contextlib.suppress(Problem, OSError, ValueError):
        usual = decide(run, Cut(held_out=0.0), languages(submission.lesson))
        if len(own & usual.urls) < KEEPS * len(own):
            raise CheckFailed("other_draw_file", file=f"runs/{run.name}")
        return decide(run, settings, languages(submission.lesson))
    raise CheckFailed("damaged_run", run=run.name)


def check_threshold(submission: Submission) -> None:
    """Exercise 2: one threshold was changed, and its effect read by language."""
    run, settings = settings_of(submission, MINE)
    least = drawn(submission.lesson, submission.draw)["min_words"]
    if settings.min_words != least:
        raise CheckFailed("not_redone", run=MINE, value=settings.min_words, right=least)
    code, foreign = submission.lesson.file.language, submission.lesson.file.beside[-1]
    usual, strict = decided(submission, run, Cut(held_out=0.0)), decided(submission, run, settings)
    submission.expect("before", usual.count(code), 0, {"after_not_before": strict.count(code)})
    submission.expect(
        "after",
        strict.count(code),
        0,
        {"before_not_after": usual.count(code), "lost_not_kept": usual.count(code) - strict.count(code)},
    )
    submission.expect(
        "foreign_after", strict.count(foreign), 0, {"lost_not_kept": usual.count(foreign) - strict.count(foreign)}
    )


def check_repair(submission: Submission) -> None:
    """Exercise 3: the one harmful threshold is repaired, and what does not belong into a corpus stays out."""
    run, settings = settings_of(submission, OTHER)
    guilty, original = colleague_cut(submission.draw)
    code = submission.lesson.file.language
    before = decided(submission, run, Cut(held_out=0.0, **original))  # type: ignore[arg-type]
    usual, now = decided(submission, run, Cut(held_out=0.0)), decided(submission, run, settings)
    submission.expect(
        "colleague", before.count(code), 0, {"before_not_after": usual.count(code), "after_repair": now.count(code)}
    )
    changed = [key for key, value in original.items() if getattr(settings, key) != value]
    if submission.text("guilty") != guilty:
        raise CheckFailed(
            "innocent" if submission.text("guilty") in original else "unknown_key", value=submission.text("guilty")
        )
    if not changed:
        raise CheckFailed("not_repaired", file=COLLEAGUE)
    if changed != [guilty]:
        raise CheckFailed("too_many_changes", keys=", ".join(changed))
    if now.count(code) < KEEPS * usual.count(code):
        raise CheckFailed("still_too_strict", kept=now.count(code), usual=usual.count(code))
    if now.urls - usual.urls:
        raise CheckFailed("too_loose", url=min(now.urls - usual.urls))


EXERCISES = Exercises(
    materials=materials,
    drawn=drawn,
    truth=truth,
    checks=(check_extract, check_threshold, check_repair),
    editable=(RECIPE, STRICT, COLLEAGUE),
)
