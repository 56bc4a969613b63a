"""Lesson 8, make it yours: a pack for an invented language, a plan under embargo, and a release with clean licenses."""

import contextlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from anatili.document import read_shard
from anatili.learn.draw import Draw
from anatili.learn.exercises import yours_material as material
from anatili.learn.lesson import Lesson
from anatili.learn.submission import CheckFailed, Exercises, Submission, Writer
from anatili.problem import Problem
from anatili.release.build import Entry
from anatili.release.verify import verify
from anatili.run import Run
from anatili.takedown_log import read_takedowns
from anatili.text import file_digest
from anatili.text_files import read_toml

LETTERS, WORDS, LETTER, RECIPE, MODEL, PLAN, PUBLIC, VERIFIED = (
    "letters.csv",
    "words.csv",
    "letter.txt",
    "recipe.toml",
    "model.toml",
    "plan.json",
    "public",
    "verified.json",
)
LEAST_STOPWORDS = 20
KEEPS = 0.9
"""Share of the documents that a filled-in pack lets into the corpus."""
DAY, GROUP = "2025-05-13", "D:1"
"""The day and the group of countries for which the lesson plans."""


def drawn(lesson: Lesson, draw: Draw) -> Mapping[str, Any]:
    return {
        "code": material.code(draw),
        "chips": draw.number("chips", 8, 32, 8),
        "words": f"{draw.number('words', 20, 90, 10)}e9",
        "pages": len(material.SOURCES) * material.EACH,
        "sources": len(material.SOURCES),
    }


def days_of(plan: Mapping[str, Any]) -> tuple[float, float, float]:
    """Days on the chips that were asked for and on the best that is left, and the per cent that this takes longer."""
    days, instead = plan["days"][1], plan["embargo"]["instead"]["days"][1]
    return days, instead, round(100 * (instead / days - 1), 1)


@lru_cache(64)
def truth(lesson: Lesson, draw: Draw) -> Mapping[str, Any]:
    added = sorted(material.own_letters(lesson, draw) - material.first_letters(lesson))
    return MappingProxyType(
        {
            "frequent": material.word_counts(lesson, draw).most_common(1)[0][0],
            "added": len(added),
            "letters": " ".join(added),
            "kept_sources": len(material.free_sources(draw)),
            "withdrawn": material.withdrawn(lesson, draw),
            "sources": len(material.SOURCES),
            "pages": len(material.SOURCES) * material.EACH,
            "free": ", ".join(sorted(material.free_sources(draw))),
        }
        | {f"own_{key}": value for key, value in drawn(lesson, draw).items()}
    )


def measured(lesson: Lesson, draw: Draw, folder: Path) -> Mapping[str, Any]:
    """What the learner's own plan says, and how many documents the learner's own release was trained on."""
    figures: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, IndexError, ZeroDivisionError):
        plan = json.loads((folder / PLAN).read_text("utf-8"))
        days, instead, longer = days_of(plan)
        figures |= {"days": days, "days_instead": instead, "longer_percent": longer}
        figures["chip"] = plan["embargo"]["instead"]["chip"]
    with contextlib.suppress(Problem, KeyError, TypeError):
        if record := Run(folder / "runs" / material.NAME).record("release"):
            figures["training_documents"] = record.summary["documents"]["training"]
    return figures


def check_pack(submission: Submission) -> None:
    """Exercise 1: the pack has the alphabet and stop words, and the corpus is not empty any more."""
    own = material.code(submission.draw)
    if not (submission.folder / "packs" / own / "pack.toml").is_file():
        raise CheckFailed("no_pack", code=own)
    letters, stopwords = pack_words(submission, own)
    used = material.own_letters(submission.lesson, submission.draw)
    if missing := sorted(used - letters):
        raise CheckFailed("letters_missing", count=len(missing), letters=" ".join(missing[:8]))
    if foreign := sorted(letters - used - material.first_letters(submission.lesson)):
        raise CheckFailed("too_many_letters", letters=" ".join(foreign[:8]))
    common = {word for word, _ in material.word_counts(submission.lesson, submission.draw).most_common(material.COMMON)}
    if len(stopwords & common) < LEAST_STOPWORDS:
        raise CheckFailed("few_stopwords", count=len(stopwords & common), least=LEAST_STOPWORDS)
    kept, all_documents = corpus_of(submission)
    if kept < KEEPS * all_documents:
        raise CheckFailed("not_kept", count=kept, all=all_documents, code=own)
    submission.expect("added", submission.truth["added"])
    counts = material.word_counts(submission.lesson, submission.draw)
    if counts[submission.text("frequent").casefold()] != max(counts.values()):
        raise CheckFailed("not_the_most_frequent", value=submission.text("frequent"))


def corpus_of(submission: Submission) -> tuple[int, int]:
    """Documents of the learner's corpus, and those that were read for it."""
    try:
        run = Run(submission.folder / "runs" / material.NAME)
        cut, extract = run.record("cut"), run.record("extract")
        if not cut or not extract:
            raise CheckFailed("no_corpus", recipe=RECIPE)
        counts: dict[str, int] = cut.summary["documents"]
        kept = sum(count for use, count in counts.items() if use.startswith(("kept", "held-out")))
        read = int(extract.summary["documents"])
    except (Problem, KeyError, TypeError, ValueError) as error:
        raise CheckFailed("damaged_run", run=material.NAME) from error
    return kept, read


def pack_words(submission: Submission, own: str) -> tuple[set[str], set[str]]:
    """The letters and the stop words of the learner's pack."""
    folder = submission.folder / "packs" / own
    try:
        letters = read_toml(folder / "pack.toml")["letters"].values()
        lines = (folder / "stopwords.txt").read_text("utf-8-sig").splitlines()
    except (Problem, OSError, KeyError, AttributeError, ValueError) as error:
        raise CheckFailed("damaged_pack", code=own) from error
    stopwords = {line.partition("#")[0].strip().casefold() for line in lines}
    return {letter for one in letters for letter in str(one)}, stopwords - {""}


def check_plan(submission: Submission) -> None:
    """Exercise 2: the same model, with the chips that an export rule leaves."""
    plan, own = submission.json(PLAN), drawn(submission.lesson, submission.draw)
    if "embargo" not in plan or "days" not in plan:
        raise CheckFailed("other_command", file=PLAN)
    try:
        given = (
            plan["number"],
            plan["text"]["words"],
            plan["shape"]["layers"],
            plan["chip"]["name"],
            plan["embargo"]["destination"],
            plan["embargo"]["date"],
        )
        days, instead, longer = days_of(plan)
    except (KeyError, TypeError, IndexError, ZeroDivisionError) as error:
        raise CheckFailed("other_plan", file=PLAN, chips=own["chips"], words=own["words"]) from error
    chip = submission.lesson.file.settings["chip"]
    if given != (own["chips"], float(own["words"]), material.layers(submission.draw), chip, GROUP, DAY):
        raise CheckFailed("other_plan", file=PLAN, chips=own["chips"], words=own["words"])
    low, _, high = plan["days"]
    submission.expect("days", days, 0.02, {"low_end": low, "high_end": high, "hours_not_days": plan["chip_hours"][1]})
    submission.expect("days_instead", instead, 0.02, {"asked_not_instead": days})
    submission.expect(
        "longer_percent",
        longer,
        0.03,
        {"ratio": instead / days, "share": longer / 100, "difference_in_days": instead - days},
    )


def check_release(submission: Submission) -> None:
    """Exercise 3: a release that holds only texts that may be in it, and not the one that was taken back."""
    entries = released(submission)
    used = {entry.source for entry in entries if entry.use != "lost"}
    allowed = set(material.free_sources(submission.draw))
    if closed := sorted(used - allowed):
        raise CheckFailed(
            "closed_source", name=closed[0], license=material.licenses(submission.draw).get(closed[0], "unknown")
        )
    if dropped := sorted(allowed - used):
        raise CheckFailed(
            "free_source_missing", name=dropped[0], license=material.licenses(submission.draw)[dropped[0]]
        )
    check_takedown(submission, entries)
    everything = {row["url"] for name in allowed for row in material.texts(submission.lesson, submission.draw, name)}
    kept = {entry.url for entry in entries if entry.use != "lost"}
    if len(kept & everything) < KEEPS * (len(everything) - 1):
        raise CheckFailed("too_little_left", count=len(kept & everything), all=len(everything))
    contact = (read_toml(submission.folder / RECIPE).get("release") or {}).get("contact", "")
    if not str(contact).strip():
        raise CheckFailed("no_contact", file=RECIPE)
    check_public(submission)
    submission.expect("kept_sources", len(allowed), 0, {"dropped_not_kept": len(material.SOURCES) - len(allowed)})
    training = sum(entry.use == "training" for entry in entries)
    submission.expect("training_documents", training, 0, {"held_out_too": len(kept), "all_documents": len(entries)})


def check_takedown(submission: Submission, entries: list[Entry]) -> None:
    """The document of the letter is out of the release, and stays out of later ones."""
    gone = material.withdrawn(submission.lesson, submission.draw)
    if gone in {entry.url for entry in entries if entry.use != "lost"}:
        raise CheckFailed("still_there", url=gone)
    try:
        log = read_takedowns(submission.folder / "runs" / material.NAME)
    except Problem as error:
        raise CheckFailed("damaged_run", run=material.NAME) from error
    if not log.reason(url=gone):
        raise CheckFailed("not_taken_down", url=gone)


def check_public(submission: Submission) -> None:
    """The folder for the public is the release as it is now, untouched, and the learner had it verified."""
    folder = submission.file(PUBLIC)
    try:
        verdict = verify(folder, unsigned=True)
    except (Problem, OSError) as error:
        raise CheckFailed("older_public") from error
    if verdict.faults:
        raise CheckFailed("not_as_released", file=verdict.faults[0].file)
    names = ("manifest.json", "provenance.json")
    built = submission.folder / "runs" / material.NAME / "release"
    if any(file_digest(folder / name) != file_digest(built / name) for name in names):
        raise CheckFailed("older_public")
    said = submission.json(VERIFIED)
    if (said.get("good"), said.get("files")) != (True, verdict.files):
        raise CheckFailed("other_verdict", file=VERIFIED)


def released(submission: Submission) -> list[Entry]:
    """Every document of the learner's release."""
    folder = submission.folder / "runs" / material.NAME / "release"
    try:
        if not (Run(folder.parent).record("release") and (folder / "documents").is_dir()):
            raise CheckFailed("not_released", recipe=RECIPE)
        return [one for path in sorted((folder / "documents").glob("*.parquet")) for one in read_shard(path, Entry)]
    except (Problem, OSError, ValueError, KeyError, TypeError) as error:
        raise CheckFailed("damaged_run", run=material.NAME) from error


def materials(lesson: Lesson) -> Mapping[str, Writer]:
    return {
        **{f"{name}.jsonl": material.write_source for name in material.SOURCES},
        LETTERS: material.write_letters,
        WORDS: material.write_words,
        LETTER: material.write_letter,
        RECIPE: material.write_recipe,
        MODEL: material.write_model,
    }


EXERCISES = Exercises(
    materials=materials,
    drawn=drawn,
    truth=truth,
    checks=(check_pack, check_plan, check_release),
    editable=(RECIPE, *(f"{name}.jsonl" for name in material.SOURCES)),
    measured=measured,
)
