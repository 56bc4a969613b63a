"""One evaluation task carried out on one model: rows of a report, each with its value, interval and count."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anatili.evaluate.answers import answer_rows, translation_rows
from anatili.evaluate.baselines import xz_bits
from anatili.evaluate.choices import choice_rows
from anatili.evaluate.likelihood import Bits, Likelihood, Tell, silent
from anatili.evaluate.pairs import Pair, score_pairs
from anatili.evaluate.task_data import Row, fill, read_rows
from anatili.evaluate.task_file import TEXTS, EvaluationTask
from anatili.evaluate.texts import TextSet, first_bytes
from anatili.identify import identify
from anatili.interval import interval
from anatili.lang import codes, load_pack
from anatili.problem import Problem
from anatili.reading import read_text
from anatili.text import script_of, show_path


@dataclass(frozen=True)
class Given:
    """What tasks are measured with."""

    languages: Sequence[str] = ()
    """Those that a task is measured in which names none."""
    sets: Sequence[TextSet] = ()
    """What `texts:` stands for."""
    resamples: int = 1000
    seed: int = 1


class NothingToMeasure(Problem):
    """A task has no data for what was asked."""


def measure(task: EvaluationTask, model: Likelihood, given: Given, tell: Tell = silent) -> Iterator[Row]:
    """The rows of a task as they are done; `NothingToMeasure` if there are none."""
    count = 0
    work = KINDS[task.kind]
    for row in work(task, model, given, tell):
        count += 1
        chance = {} if task.chance is None else {"chance": task.chance}
        yield {"measure": task.title, "task": task.name, **row, **chance}
    if not count and task.data == TEXTS:
        raise NothingToMeasure(
            f"the task {task.name} found no text to score: give --text FILE, in a language that it is for"
        )
    if not count:
        named = ", ".join(given.languages) or "no language (name one: --language CODE)"
        raise NothingToMeasure(f"the task {task.name} has no data for {named}")


def read_file(path: Path, most: int, language: str = "") -> TextSet:
    """A text a line of `path`, up to `most` bytes."""
    lines = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if not lines:
        raise Problem(f"{show_path(path)} has no text to score")
    return TextSet(language or identify("\n".join(lines[:200])).language, path.name, first_bytes(lines, most))


def by_language(task: EvaluationTask, given: Given) -> Iterator[tuple[str, list[Row]]]:
    """The rows of each language that has some."""
    for language in [task.language] if task.language else given.languages:
        rows = read_rows(task, language)
        if rows:
            yield language, rows[: task.rows or None]


def text_sets(task: EvaluationTask, given: Given) -> Iterator[TextSet]:
    """The texts of a task of bits per byte."""
    if task.data == TEXTS:
        sets = list(given.sets)
    else:
        sets = [
            TextSet(language, task.name, tuple(fill(task, task.template or "{text}", row) for row in rows))
            for language, rows in by_language(task, given)
        ]
    for text_set in sets:
        texts = first_bytes(list(text_set.texts), task.max_bytes) if task.max_bytes else text_set.texts
        yield TextSet(text_set.language, text_set.name, texts)


def bits_rows(task: EvaluationTask, model: Likelihood, given: Given, tell: Tell) -> Iterator[Row]:
    for text_set in text_sets(task, given):
        if task.other_scripts:
            yield from script_rows(model, text_set, given, tell)
        elif task.part == "second half":
            yield halves_row(model, text_set, given, tell)
        else:
            yield bits_row(model, text_set, given, tell)


def bits_row(model: Likelihood, text_set: TextSet, given: Given, tell: Tell = silent) -> Row:
    """Bits per byte of a set, each line a text of its own, with what xz on the set alone would take."""
    bits, sizes = model.bits(text_set.texts, tell), byte_counts(text_set)
    return {
        **ratio(text_set, bits, sizes, given),
        "tokens": sum(len(model.ids(text)) for text in text_set.texts),
        "xz": round(xz_bits(b"", text_set.texts) / text_set.bytes, 4),
    }


def halves_row(model: Likelihood, text_set: TextSet, given: Given, tell: Tell = silent) -> Row:
    """Bits per byte of the second half of each line given the first."""
    return ratio(text_set, *model.second_halves(text_set.texts, tell), given)


def script_rows(model: Likelihood, text_set: TextSet, given: Given, tell: Tell = silent) -> Iterator[Row]:
    """The same texts written in the language's other scripts, by bytes of the original: what a script costs."""
    if text_set.language not in codes():
        return
    pack = load_pack(text_set.language)
    if script_of(text_set.texts[0]) != pack.main_script:
        return
    for name in pack.config.transliteration:
        bits = model.bits([pack.transliterate(text, name) for text in text_set.texts], tell)
        row = ratio(text_set, bits, byte_counts(text_set), given)
        yield {"measure": f"bits per byte of the original, written in {name}", **row}


def byte_counts(text_set: TextSet) -> Any:
    return np.array([len(text.encode()) for text in text_set.texts])


def ratio(text_set: TextSet, bits: Bits, sizes: Any, given: Given) -> Row:
    """Total bits by total bytes, with interval."""
    return {
        "texts": text_set.name,
        "language": text_set.language,
        "value": round(float(bits.sum() / max(1, sizes.sum())), 4),
        "interval": interval(bits, sizes, given.resamples, given.seed),
        "count": len(sizes),
        "bytes": int(sizes.sum()),
    }


def pair_rows(task: EvaluationTask, model: Likelihood, given: Given, tell: Tell) -> Iterator[Row]:
    for language, rows in by_language(task, given):
        pairs = [Pair(str(row.get("kind", "")), fill(task, "{right}", row), fill(task, "{wrong}", row)) for row in rows]
        found = score_pairs(model, pairs, tell)
        yield {"language": language, "value": found.pop("right"), **found}


def choices_of(task: EvaluationTask, model: Likelihood, given: Given, tell: Tell) -> Iterator[Row]:
    for language, rows in by_language(task, given):
        yield {"language": language, **choice_rows(task, model, rows, tell)}


def answers_of(task: EvaluationTask, model: Likelihood, given: Given, tell: Tell) -> Iterator[Row]:
    for language, rows in by_language(task, given):
        yield {"language": language, **answer_rows(task, model.engine, rows, language, tell)}


def translations_of(task: EvaluationTask, model: Likelihood, given: Given, tell: Tell) -> Iterator[Row]:
    return translation_rows(task, model.engine, read_rows(task, ""), given.languages, tell)


KINDS: dict[str, Callable[[EvaluationTask, Likelihood, Given, Tell], Iterator[Row]]] = {
    "bits_per_byte": bits_rows,
    "choices": choices_of,
    "generate": answers_of,
    "minimal_pairs": pair_rows,
    "translation": translations_of,
}
