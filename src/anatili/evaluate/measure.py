"""One evaluation task carried out on one model: rows of a report, each with its value, interval and count."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from anatili.confidence_intervals import interval
from anatili.evaluate import digests
from anatili.evaluate.answers import answer_rows, translation_rows
from anatili.evaluate.baselines import xz_bits
from anatili.evaluate.choices import choice_figures, score_items, shares, variation
from anatili.evaluate.contamination import find_seen
from anatili.evaluate.items import ItemSet, item_set
from anatili.evaluate.journal import Journal
from anatili.evaluate.likelihood import Advance, Bits, Likelihood, silent
from anatili.evaluate.pairs import Pair, pair_figures, pair_records
from anatili.evaluate.prompts import PromptForm
from anatili.evaluate.task_data import Row, data_files, fill, read_rows
from anatili.evaluate.task_file import TEXTS, EvaluationTask
from anatili.evaluate.text_sets import TextSet, first_bytes
from anatili.identify import identify
from anatili.lang import codes, load_pack
from anatili.problem import Problem
from anatili.text import script_of, show_path
from anatili.text_files import read_lines

PAIRS_TOGETHER = 500
"""Pairs that are measured before their results are kept."""


@dataclass(frozen=True)
class Setup:
    """What tasks are measured with."""

    languages: Sequence[str] = ()
    """Those that a task without a language of its own is measured in."""
    sets: Sequence[TextSet] = ()
    """What `texts:` means."""
    resamples: int = 1000
    seed: int = 1
    form: PromptForm | None = None
    """How items are put to the model; None for the cloze form with the task's own number of examples."""
    vary: bool = False
    """Whether every wording and every order of the choices is measured."""
    limit: int = 0
    """Items at most; 0: all."""
    folder: Path | None = None
    """Where the results of items are kept, for resuming and comparing."""
    model: str = ""
    """Digest of the model, to be kept with its results."""
    corpus: Callable[[], Iterable[str]] | None = None
    """The texts of the documents in which items are looked for."""


class NothingToMeasure(Problem):
    """A task has no data for what was asked."""


def measure(task: EvaluationTask, model: Likelihood, setup: Setup, advance: Advance = silent) -> Iterator[Row]:
    """The rows of a task as they are done; `NothingToMeasure` if there are none."""
    count = 0
    work = KINDS[task.kind]
    for row in work(task, model, setup, advance):
        count += 1
        chance = {} if task.chance is None else {"chance": task.chance}
        yield {"measure": task.title, "task": task.name, **chance, **row}
    if not count and task.data == TEXTS:
        raise NothingToMeasure(
            f"the task {task.name} found no text to score: give --text FILE, in a language that it is for"
        )
    if not count and (files := data_files(task, tuple(setup.languages))):
        raise NothingToMeasure(f"{', '.join(map(show_path, files))}: no rows to measure")
    if not count:
        if not setup.languages:
            raise NothingToMeasure(f"the task {task.name} is for several languages: name one with --language CODE")
        raise NothingToMeasure(f"the task {task.name} has no data for {', '.join(setup.languages)}")


def read_file(path: Path, most: int, language: str = "") -> TextSet:
    """A text a line of `path`, up to `most` bytes."""
    lines = [line.strip() for line in read_lines(path) if line.strip()]
    if not lines:
        raise Problem(f"{show_path(path)} has no text to score")
    return TextSet(language or identify("\n".join(lines[:200])).language, path.name, first_bytes(lines, most))


def by_language(task: EvaluationTask, setup: Setup) -> Iterator[tuple[str, list[Row]]]:
    """The rows of each language that has some."""
    for language in [task.language] if task.language else setup.languages:
        rows = read_rows(task, language)
        if rows:
            yield language, rows


def text_sets(task: EvaluationTask, setup: Setup) -> Iterator[TextSet]:
    """The texts of a task of bits per byte."""
    if task.data == TEXTS:
        sets = list(setup.sets)
    else:
        sets = [
            TextSet(
                language,
                task.name,
                tuple(fill(task, task.template or "{text}", row) for row in rows[: task.rows or None]),
            )
            for language, rows in by_language(task, setup)
        ]
    for text_set in sets:
        texts = first_bytes(list(text_set.texts), task.max_bytes) if task.max_bytes else text_set.texts
        yield TextSet(text_set.language, text_set.name, texts)


def bits_rows(task: EvaluationTask, model: Likelihood, setup: Setup, advance: Advance) -> Iterator[Row]:
    for text_set in text_sets(task, setup):
        if task.other_scripts:
            yield from script_rows(model, text_set, setup, advance)
        elif task.part == "second half":
            yield halves_row(model, text_set, setup, advance)
        else:
            yield bits_row(model, text_set, setup, advance)


def bits_row(model: Likelihood, text_set: TextSet, setup: Setup, advance: Advance = silent) -> Row:
    """Bits per byte of a set, each line a text of its own, with what xz on the set alone would take."""
    bits, sizes = model.bits(text_set.texts, advance), byte_counts(text_set)
    return {
        **ratio(text_set, bits, sizes, setup),
        "tokens": sum(len(model.ids(text)) for text in text_set.texts),
        "xz": round(xz_bits(b"", text_set.texts) / text_set.bytes, 4),
    }


def halves_row(model: Likelihood, text_set: TextSet, setup: Setup, advance: Advance = silent) -> Row:
    """Bits per byte of the second half of each line given the first."""
    return ratio(text_set, *model.second_halves(text_set.texts, advance), setup)


def script_rows(model: Likelihood, text_set: TextSet, setup: Setup, advance: Advance = silent) -> Iterator[Row]:
    """The same texts written in the language's other scripts, by bytes of the original: what a script costs."""
    if text_set.language not in codes():
        return
    pack = load_pack(text_set.language)
    if script_of(text_set.texts[0]) != pack.main_script:
        return
    for name in pack.config.transliteration:
        bits = model.bits([pack.transliterate(text, name) for text in text_set.texts], advance)
        row = ratio(text_set, bits, byte_counts(text_set), setup)
        yield {"measure": f"bits per byte of the original, written in {name}", **row}


def byte_counts(text_set: TextSet) -> Any:
    return np.array([len(text.encode()) for text in text_set.texts])


def ratio(text_set: TextSet, bits: Bits, sizes: Any, setup: Setup) -> Row:
    """Total bits by total bytes, with interval."""
    return {
        "texts": text_set.name,
        "language": text_set.language,
        "value": round(float(bits.sum() / max(1, sizes.sum())), 4),
        "interval": interval(bits, sizes, setup.resamples, setup.seed),
        "count": len(sizes),
        "bytes": int(sizes.sum()),
    }


def pair_rows(task: EvaluationTask, model: Likelihood, setup: Setup, advance: Advance) -> Iterator[Row]:
    for language, rows in by_language(task, setup):
        chosen = rows[: setup.limit or task.rows or None]
        pairs = {
            str(row.get("id", number)): Pair(
                str(row.get("kind", "")), fill(task, "{right}", row), fill(task, "{wrong}", row)
            )
            for number, row in enumerate(chosen, 1)
        }
        journal = writing_journal(task, model, setup, language)
        missing = [id_ for id_ in pairs if id_ not in journal.records]
        for first in range(0, len(missing), PAIRS_TOGETHER):
            ids = missing[first : first + PAIRS_TOGETHER]
            journal.add(pair_records(model, [pairs[id_] for id_ in ids], ids, advance))
        scores = pair_figures([journal.records[id_] for id_ in pairs])
        yield {"language": language, "value": scores.pop("right"), **scores, **named(journal)}


def choice_rows(task: EvaluationTask, model: Likelihood, setup: Setup, advance: Advance) -> Iterator[Row]:
    for language, rows in by_language(task, setup):
        items = item_set(task, rows, language)
        if setup.limit:
            limited = items.items[: setup.limit]
            items = ItemSet(limited, items.examples if items.has_own_examples else limited, items.notes)
        yield {"language": language, **choices_row(task, model, items, setup, advance)}


def choices_row(task: EvaluationTask, model: Likelihood, items: ItemSet, setup: Setup, advance: Advance) -> Row:
    """The figures of a task, of its main wording or over all of them, and apart for items that a corpus contains."""
    form = setup.form or PromptForm(shots=task.few_shot, sampler=task.sampler)
    forms = variants(task, items, form) if setup.vary else [form]
    journals = [open_journal(task, model, setup, variant, items) for variant in forms]
    results = [
        (variant, score_items(task, model, items, variant, journal, advance))
        for variant, journal in zip(forms, journals, strict=True)
    ]
    figures = [choice_figures(task, items, records, variant) for variant, records in results]
    row = figures[0] | {"begin_token": model.begin_text if form.begin else "", **named(journals[0])}
    if not form.begin and model.own_begin:
        row["begin_token_left_out"] = model.begin_text
    if setup.vary:
        row |= variation(figures, task.metric)
    if setup.corpus:
        seen = find_seen(task, items.items, setup.corpus())
        records = results[0][1]
        row["seen"] = shares(task, [record for record in records if record["id"] in seen])
        row["unseen"] = shares(task, [record for record in records if record["id"] not in seen])
        row["seen_ids"] = sorted(seen)
    return row


def variants(task: EvaluationTask, items: ItemSet, form: PromptForm) -> list[PromptForm]:
    """Every wording, and in the letter form every order of the choices by rotation."""
    turns = max(len(item.choices) for item in items.items) if form.form == "letter" else 1
    return [
        replace(form, wording=wording, rotation=rotation)
        for wording in range(len(task.templates(form.form)))
        for rotation in range(turns)
    ]


def open_journal(task: EvaluationTask, model: Likelihood, setup: Setup, form: PromptForm, items: ItemSet) -> Journal:
    """Where the results of a form are kept; of another model, data or prompt it is a `Problem`."""
    if setup.folder is None:
        return Journal(None, {})
    head = digests.head(task, model.engine.name, setup.model, form, items, model.engine)
    return Journal(setup.folder / f"{task.name}-{items.items[0].language}-{slug(form)}.jsonl", head)


def slug(form: PromptForm) -> str:
    parts = [form.form, f"{form.shots}-shot", *(["chat"] if form.chat else []), *([] if form.begin else ["no-begin"])]
    parts += [f"wording{form.wording + 1}"] if form.wording else []
    return "-".join([*parts, *([f"moved{form.rotation}"] if form.rotation else [])])


def named(journal: Journal) -> Row:
    """The name of the journal that figures come from."""
    return {"journal": journal.path.stem} if journal.path else {}


def writing_journal(task: EvaluationTask, model: Likelihood, setup: Setup, language: str) -> Journal:
    """Where the answers of a model are kept."""
    if setup.folder is None:
        return Journal(None, {})
    head = digests.writing_head(task, model.engine.name, setup.model, language)
    return Journal(setup.folder / f"{task.name}-{language or 'all'}-answers.jsonl", head)


def answers_of(task: EvaluationTask, model: Likelihood, setup: Setup, advance: Advance) -> Iterator[Row]:
    for language, rows in by_language(task, setup):
        journal = writing_journal(task, model, setup, language)
        most = setup.limit or task.rows
        chosen = rows[: most + task.few_shot if setup.limit else most or None]
        row = answer_rows(task, model.engine, chosen, language, advance, journal)
        yield {"language": language, **row, **named(journal)}


def translations_of(task: EvaluationTask, model: Likelihood, setup: Setup, advance: Advance) -> Iterator[Row]:
    rows = read_rows(task, "")[: setup.limit or None]
    journal = writing_journal(task, model, setup, "")
    return translation_rows(task, model.engine, rows, setup.languages, advance, journal)


KINDS: dict[str, Callable[[EvaluationTask, Likelihood, Setup, Advance], Iterator[Row]]] = {
    "bits_per_byte": bits_rows,
    "choices": choice_rows,
    "generate": answers_of,
    "minimal_pairs": pair_rows,
    "translation": translations_of,
}
