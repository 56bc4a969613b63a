"""Lesson 8, make it yours: a pack for an invented language, a plan under embargo, and a release with clean licenses."""

import contextlib
import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from anatili.document import read_shard, whole_file
from anatili.lang.new import scripts
from anatili.learn.draw import Draw
from anatili.learn.lesson import Lesson
from anatili.learn.work import Course, Work, Writer, Wrong
from anatili.problem import Problem
from anatili.reading import read_toml
from anatili.release.build import Entry
from anatili.release.verify import verify
from anatili.run import Run
from anatili.sample.topics import read_topics
from anatili.takedown_log import read_takedowns
from anatili.text import file_digest, words

LETTERS, WORDS, LETTER, RECIPE, MODEL, PLAN, PUBLIC, VERIFIED = (
    "letters.csv", "words.csv", "letter.txt", "recipe.toml", "model.toml", "plan.json", "public", "verified.json"
)  # fmt: skip
NAME = "ours"
EACH = 16
"""Documents of a source."""
COMMON = 120
"""Words that are listed, the most frequent first."""
LEAST_STOPWORDS = 20
KEEPS = 0.9
"""Share of the documents that a filled-in pack lets into the corpus."""
FREE = ("CC0-1.0", "CC-BY-4.0", "CC0-1.0", "CC-BY-4.0")
CLOSED = ("CC-BY-NC-4.0", "CC-BY-ND-4.0", "CC-BY-NC-ND-4.0", "unknown")
"""Licenses that do not let everybody use and change what is made of the texts, or say nothing."""
SOURCES = ("library", "school", "newspaper", "museum", "radio", "blog")
DAY, GROUP = "2025-05-13", "D:1"
"""The day and the group of countries for which the lesson plans."""
TOML = """\
name = "{name}"
language = "{language}"

{sources}[cut]
held_out = 0.1

[tokenizer]
vocabulary = 512

[pretrain]
precision = "float32"
layers = 1
hidden_size = 32
heads = 1
intermediate_size = 64
context = 32
tokens = 8_192

[tune]
epochs = 0

[evaluate]
tasks = []
memory_texts = 0

[release]
license = "Apache-2.0"
contact = ""
"""
SOURCE = """\
[[collect.sources]]
name = "{name}"
path = "{name}.jsonl"
kind = "jsonl"
language = "{language}"
license = "{license}"

"""
SHAPE = """\
name = "model"
language = "{language}"

[tokenizer]
vocabulary = 64_000

[pretrain]
shape = "qwen3"
layers = {layers}
hidden_size = 2048
heads = 16
kv_heads = 8
intermediate_size = 6144
context = 4096
tokens = 100_000_000_000
batch = 512
"""


def code(draw: Draw) -> str:
    """The code of the invented language, from those that ISO 639 keeps for private use."""
    return f"q{chr(ord('a') + draw.number('code', 0, 19))}{chr(ord('a') + draw.number('more', 0, 25))}"


def alphabet(lesson: Lesson, draw: Draw) -> Mapping[int, str]:
    """Letter -> the letter that stands for it in the invented language; vowels stay vowels."""
    table: dict[str, str] = {}
    for label in ("vowels", "consonants"):
        letters = lesson.file.settings[label]
        table |= dict(zip(letters, draw.shuffle(label, letters, str), strict=True))
    return str.maketrans(table | {one.upper(): other.upper() for one, other in table.items()})


def licenses(draw: Draw) -> dict[str, str]:
    """Source -> its license: some are free, the others are not."""
    closed = draw.choose("closed", (2, 4))
    order = draw.shuffle("sources", SOURCES, str)
    chosen = [*draw.shuffle("kinds", CLOSED, str)[:closed], *FREE[: len(SOURCES) - closed]]
    return dict(zip(order, chosen, strict=True))


def free_sources(draw: Draw) -> list[str]:
    return [name for name, license_ in licenses(draw).items() if license_ in FREE]


def texts(lesson: Lesson, draw: Draw, name: str) -> Iterator[dict[str, str]]:
    """The documents of a source in the invented language."""
    topics = draw.shuffle("topics", read_topics(), lambda topic: topic.slug)
    first, table = SOURCES.index(name) * EACH, alphabet(lesson, draw)
    for topic in topics[first : first + EACH]:
        page = topic.pages[lesson.file.language]
        yield {"url": f"https://{name}.example/{topic.slug}", "title": page.title.translate(table),
               "text": page.text.translate(table)}  # fmt: skip


def every_text(lesson: Lesson, draw: Draw) -> list[dict[str, str]]:
    return [row for name in SOURCES for row in texts(lesson, draw, name)]


def withdrawn(lesson: Lesson, draw: Draw) -> str:
    """The address of the document whose author takes the consent back; it stands in a free source."""
    source = draw.choose("withdrawn source", sorted(free_sources(draw)))
    return draw.choose("withdrawn", list(texts(lesson, draw, source)))["url"]


def write_text(path: Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text, "utf-8")


def write_source(lesson: Lesson, draw: Draw, path: Path) -> None:
    rows = (json.dumps(row, ensure_ascii=False) for row in texts(lesson, draw, path.stem))
    write_text(path, "\n".join(rows) + "\n")


def write_counts(path: Path, head: str, counts: list[tuple[str, int]]) -> None:
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([(head, "count"), *counts])


def letter_counts(lesson: Lesson, draw: Draw) -> Counter[str]:
    return Counter(letter for row in every_text(lesson, draw) for letter in row["text"].casefold() if letter.isalpha())


def own_letters(lesson: Lesson, draw: Draw) -> set[str]:
    """The letters of the invented language that its texts use; those of foreign words in them are not among these."""
    return set(letter_counts(lesson, draw)) & set(lesson.file.settings["vowels"] + lesson.file.settings["consonants"])


def first_letters(lesson: Lesson) -> set[str]:
    """The letters with which a new pack starts."""
    return set(scripts()[lesson.file.settings["script"]])


def word_counts(lesson: Lesson, draw: Draw) -> Counter[str]:
    return Counter(word for row in every_text(lesson, draw) for word in words(row["text"].casefold()) if word.isalpha())


def write_letters(lesson: Lesson, draw: Draw, path: Path) -> None:
    write_counts(path, "letter", letter_counts(lesson, draw).most_common())


def write_words(lesson: Lesson, draw: Draw, path: Path) -> None:
    write_counts(path, "word", word_counts(lesson, draw).most_common(COMMON))


def write_letter(lesson: Lesson, draw: Draw, path: Path) -> None:
    write_text(path, f"{withdrawn(lesson, draw)}\n\n{lesson.file.settings['letter']}")


def write_recipe(lesson: Lesson, draw: Draw, path: Path) -> None:
    rows = "".join(SOURCE.format(name=name, language=code(draw), license=one) for name, one in licenses(draw).items())
    write_text(path, TOML.format(name=NAME, language=code(draw), sources=rows))


def layers(draw: Draw) -> int:
    return draw.number("layers", 24, 36, 2)


def write_model(lesson: Lesson, draw: Draw, path: Path) -> None:
    write_text(path, SHAPE.format(layers=layers(draw), language=lesson.file.language))


def drawn(lesson: Lesson, draw: Draw) -> Mapping[str, Any]:
    return {
        "code": code(draw),
        "chips": draw.number("chips", 8, 32, 8),
        "words": f"{draw.number('words', 20, 90, 10)}e9",
        "pages": len(SOURCES) * EACH,
        "sources": len(SOURCES),
    }


def days_of(plan: Mapping[str, Any]) -> tuple[float, float, float]:
    """Days on the chips that were asked for and on the best that is left, and the per cent that this takes longer."""
    days, instead = plan["days"][1], plan["embargo"]["instead"]["days"][1]
    return days, instead, round(100 * (instead / days - 1), 1)


@lru_cache(64)
def truth(lesson: Lesson, draw: Draw) -> Mapping[str, Any]:
    added = sorted(own_letters(lesson, draw) - first_letters(lesson))
    return MappingProxyType({
        "frequent": word_counts(lesson, draw).most_common(1)[0][0], "added": len(added), "letters": " ".join(added),
        "kept_sources": len(free_sources(draw)), "withdrawn": withdrawn(lesson, draw),
        "sources": len(SOURCES), "pages": len(SOURCES) * EACH, "free": ", ".join(sorted(free_sources(draw))),
    } | {f"own_{key}": value for key, value in drawn(lesson, draw).items()})  # fmt: skip


def measured(lesson: Lesson, draw: Draw, folder: Path) -> Mapping[str, Any]:
    """What the learner's own plan says, and how many documents the learner's own release was trained on."""
    figures: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, IndexError, ZeroDivisionError):
        plan = json.loads((folder / PLAN).read_text("utf-8"))
        days, instead, longer = days_of(plan)
        figures |= {"days": days, "days_instead": instead, "longer_percent": longer}
        figures["chip"] = plan["embargo"]["instead"]["chip"]
    with contextlib.suppress(Problem, KeyError, TypeError):
        if record := Run(folder / "runs" / NAME).record("release"):
            figures["training_documents"] = record.summary["documents"]["training"]
    return figures


def check_pack(work: Work) -> None:
    """Exercise 1: the pack has the alphabet and stop words, and the corpus is not empty any more."""
    own = code(work.draw)
    if not (work.folder / "packs" / own / "pack.toml").is_file():
        raise Wrong("no_pack", code=own)
    letters, stopwords = pack_words(work, own)
    used = own_letters(work.lesson, work.draw)
    if missing := sorted(used - letters):
        raise Wrong("letters_missing", count=len(missing), letters=" ".join(missing[:8]))
    if foreign := sorted(letters - used - first_letters(work.lesson)):
        raise Wrong("too_many_letters", letters=" ".join(foreign[:8]))
    common = {word for word, _ in word_counts(work.lesson, work.draw).most_common(COMMON)}
    if len(stopwords & common) < LEAST_STOPWORDS:
        raise Wrong("few_stopwords", count=len(stopwords & common), least=LEAST_STOPWORDS)
    kept, all_documents = corpus_of(work)
    if kept < KEEPS * all_documents:
        raise Wrong("not_kept", count=kept, all=all_documents, code=own)
    work.expect("added", work.truth["added"])
    counts = word_counts(work.lesson, work.draw)
    if counts[work.text("frequent").casefold()] != max(counts.values()):
        raise Wrong("not_the_most_frequent", value=work.text("frequent"))


def corpus_of(work: Work) -> tuple[int, int]:
    """Documents of the learner's corpus, and those that were read for it."""
    try:
        run = Run(work.folder / "runs" / NAME)
        cut, extract = run.record("cut"), run.record("extract")
        if not cut or not extract:
            raise Wrong("no_corpus", recipe=RECIPE)
        counts: dict[str, int] = cut.summary["documents"]
        kept = sum(count for use, count in counts.items() if use.startswith(("kept", "held-out")))
        read = int(extract.summary["documents"])
    except (Problem, KeyError, TypeError, ValueError) as error:
        raise Wrong("damaged_run", run=NAME) from error
    return kept, read


def pack_words(work: Work, own: str) -> tuple[set[str], set[str]]:
    """The letters and the stop words of the learner's pack."""
    folder = work.folder / "packs" / own
    try:
        letters = read_toml(folder / "pack.toml")["letters"].values()
        lines = (folder / "stopwords.txt").read_text("utf-8-sig").splitlines()
    except (Problem, OSError, KeyError, AttributeError, ValueError) as error:
        raise Wrong("damaged_pack", code=own) from error
    stopwords = {line.partition("#")[0].strip().casefold() for line in lines}
    return {letter for one in letters for letter in str(one)}, stopwords - {""}


def check_plan(work: Work) -> None:
    """Exercise 2: the same model, with the chips that an export rule leaves."""
    plan, own = work.json(PLAN), drawn(work.lesson, work.draw)
    if "embargo" not in plan or "days" not in plan:
        raise Wrong("other_command", file=PLAN)
    try:
        given = (
            plan["number"], plan["text"]["words"], plan["shape"]["layers"], plan["chip"]["name"],
            plan["embargo"]["destination"], plan["embargo"]["date"],
        )  # fmt: skip
        days, instead, longer = days_of(plan)
    except (KeyError, TypeError, IndexError, ZeroDivisionError) as error:
        raise Wrong("other_plan", file=PLAN, chips=own["chips"], words=own["words"]) from error
    chip = work.lesson.file.settings["chip"]
    if given != (own["chips"], float(own["words"]), layers(work.draw), chip, GROUP, DAY):
        raise Wrong("other_plan", file=PLAN, chips=own["chips"], words=own["words"])
    low, _, high = plan["days"]
    work.expect("days", days, 0.02, {"low_end": low, "high_end": high, "hours_not_days": plan["chip_hours"][1]})
    work.expect("days_instead", instead, 0.02, {"asked_not_instead": days})
    work.expect("longer_percent", longer, 0.03, {"ratio": instead / days, "share": longer / 100,
                "difference_in_days": instead - days})  # fmt: skip


def check_release(work: Work) -> None:
    """Exercise 3: a release that holds only texts that may be in it, and not the one that was taken back."""
    entries = released(work)
    used = {entry.source for entry in entries if entry.use != "lost"}
    allowed = set(free_sources(work.draw))
    if closed := sorted(used - allowed):
        raise Wrong("closed_source", name=closed[0], license=licenses(work.draw).get(closed[0], "unknown"))
    if dropped := sorted(allowed - used):
        raise Wrong("free_source_missing", name=dropped[0], license=licenses(work.draw)[dropped[0]])
    check_takedown(work, entries)
    everything = {row["url"] for name in allowed for row in texts(work.lesson, work.draw, name)}
    kept = {entry.url for entry in entries if entry.use != "lost"}
    if len(kept & everything) < KEEPS * (len(everything) - 1):
        raise Wrong("too_little_left", count=len(kept & everything), all=len(everything))
    contact = (read_toml(work.folder / RECIPE).get("release") or {}).get("contact", "")
    if not str(contact).strip():
        raise Wrong("no_contact", file=RECIPE)
    check_public(work)
    work.expect("kept_sources", len(allowed), 0, {"dropped_not_kept": len(SOURCES) - len(allowed)})
    training = sum(entry.use == "training" for entry in entries)
    work.expect("training_documents", training, 0, {"held_out_too": len(kept), "all_documents": len(entries)})


def check_takedown(work: Work, entries: list[Entry]) -> None:
    """The document of the letter is out of the release, and stays out of later ones."""
    gone = withdrawn(work.lesson, work.draw)
    if gone in {entry.url for entry in entries if entry.use != "lost"}:
        raise Wrong("still_there", url=gone)
    try:
        log = read_takedowns(work.folder / "runs" / NAME)
    except Problem as error:
        raise Wrong("damaged_run", run=NAME) from error
    if not log.reason(url=gone):
        raise Wrong("not_taken_down", url=gone)


def check_public(work: Work) -> None:
    """The folder for the public is the release as it is now, untouched, and the learner had it verified."""
    folder = work.file(PUBLIC)
    try:
        verdict = verify(folder, unsigned=True)
    except (Problem, OSError) as error:
        raise Wrong("older_public") from error
    if verdict.faults:
        raise Wrong("not_as_released", file=verdict.faults[0].file)
    names = ("manifest.json", "provenance.json")
    if any(file_digest(folder / name) != file_digest(work.folder / "runs" / NAME / "release" / name) for name in names):
        raise Wrong("older_public")
    said = work.json(VERIFIED)
    if (said.get("good"), said.get("files")) != (True, verdict.files):
        raise Wrong("other_verdict", file=VERIFIED)


def released(work: Work) -> list[Entry]:
    """Every document of the learner's release."""
    folder = work.folder / "runs" / NAME / "release"
    try:
        if not (Run(folder.parent).record("release") and (folder / "documents").is_dir()):
            raise Wrong("not_released", recipe=RECIPE)
        return [one for path in sorted((folder / "documents").glob("*.parquet")) for one in read_shard(path, Entry)]
    except (Problem, OSError, ValueError, KeyError, TypeError) as error:
        raise Wrong("damaged_run", run=NAME) from error


def materials(lesson: Lesson) -> Mapping[str, Writer]:
    return {
        **{f"{name}.jsonl": write_source for name in SOURCES},
        LETTERS: write_letters, WORDS: write_words, LETTER: write_letter, RECIPE: write_recipe, MODEL: write_model,
    }  # fmt: skip


COURSE = Course(
    materials=materials,
    drawn=drawn,
    truth=truth,
    checks=(check_pack, check_plan, check_release),
    editable=(RECIPE, *(f"{name}.jsonl" for name in SOURCES)),
    measured=measured,
)
