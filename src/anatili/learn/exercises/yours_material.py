"""The material of lesson 8: a language invented for each learner, the texts of six sources in it, and the files."""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from anatili.atomic_files import whole_file
from anatili.lang.new import scripts
from anatili.learn.draw import Draw
from anatili.learn.lesson import Lesson
from anatili.sample.topics import read_topics
from anatili.text import words

NAME = "ours"
EACH = 16
"""Documents of a source."""
COMMON = 120
"""Words that are listed, the most frequent first."""
FREE = ("CC0-1.0", "CC-BY-4.0", "CC0-1.0", "CC-BY-4.0")
CLOSED = ("CC-BY-NC-4.0", "CC-BY-ND-4.0", "CC-BY-NC-ND-4.0", "unknown")
"""Licenses that do not let everybody use and change what is made of the texts, or say nothing."""
SOURCES = ("library", "school", "newspaper", "museum", "radio", "blog")
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
        yield {
            "url": f"https://{name}.example/{topic.slug}",
            "title": page.title.translate(table),
            "text": page.text.translate(table),
        }


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
