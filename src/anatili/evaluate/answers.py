"""Tasks in which a model writes: answers that a scorer judges, and translations."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import permutations
from typing import Any

import numpy as np

from anatili.confidence_intervals import wilson
from anatili.engine import Engine, Message, Sampling, Translating, say
from anatili.evaluate.journal import Journal, Record
from anatili.evaluate.likelihood import Advance, silent
from anatili.evaluate.statistics import clustered_interval
from anatili.evaluate.task_data import Row, fields_of, fill
from anatili.evaluate.task_file import EvaluationTask
from anatili.identify import identify
from anatili.lang import codes, load_pack
from anatili.problem import Problem, not_installed
from anatili.text import short_hash, show_path, words

RESAMPLES = 1000
WORD_OR_NUMBER = re.compile(r"\w+")
IDENTIFIABLE = 4
"""Words of an answer at least, for its language to be identified."""


def answer_rows(
    task: EvaluationTask,
    engine: Engine,
    rows: Sequence[Row],
    language: str,
    advance: Advance = silent,
    journal: Journal | None = None,
) -> Row:
    """How good the answers are by the task's scorer; empty ones and those in another language are counted apart."""
    journal = journal or Journal(None, {})
    examples, questions = examples_of(task, rows)
    before = [message for row in examples for message in messages_of(task, row, solved=True)]
    ids = [str(row.get("id", number)) for number, row in enumerate(questions, 1)]
    if len(set(ids)) < len(ids):
        name = next(name for name, count in Counter(ids).items() if count > 1)
        raise Problem(f"{show_path(task.data)}: the id {name!r} occurs more than once; give each row its own id")
    for number, (id_, row) in enumerate(zip(ids, questions, strict=True)):
        if id_ not in journal.records:
            sampling = Sampling(max_tokens=task.max_tokens, temperature=task.temperature, seed=number, stop=task.stop)
            answer = say(engine, [*before, *messages_of(task, row)], sampling)
            journal.add([{"id": id_, **answer_record(task, row, answer, language)}])
        advance(1)
    return answer_figures(task, [journal.records[id_] for id_ in ids], language)


def examples_of(task: EvaluationTask, rows: Sequence[Row]) -> tuple[Sequence[Row], Sequence[Row]]:
    """Solved examples and questions: the examples are of the dev part, or the first rows where there is none."""
    dev = [row for row in rows if row.get("split") in task.dev]
    if dev and len(dev) < len(rows):
        return dev[: task.few_shot], [row for row in rows if row.get("split") not in task.dev]
    return rows[: task.few_shot], rows[task.few_shot :]


def answer_record(task: EvaluationTask, row: Row, answer: str, language: str) -> Record:
    """What is kept of an answer."""
    is_long = len(words(answer)) >= IDENTIFIABLE
    identified = identify(answer).language if answer.strip() and (is_long or task.scorer == "language") else ""
    record = {
        "answer": answer,
        "unanswered": not answer.strip(),
        "language": identified,
        "wrong_language": bool(identified) and language in codes() and identified != language,
        "subject": str(row.get(task.subject, "")),
        "cluster": short_hash(*(str(row.get(name, "")) for name in task.cluster)) if task.cluster else "",
    }
    if task.scorer == "language":
        return record | {"value": float(identified == language)}
    targets = targets_of(task, row)
    exact = max(float(plain(answer) == plain(target)) for target in targets)
    if task.scorer == "exact":
        value = exact
    elif task.scorer == "contains":
        value = max(float(plain(target) in plain(answer)) for target in targets)
    elif task.scorer == "f1":
        value = max(word_f1(answer, target) for target in targets)
    else:
        value = chrf(answer, targets)
    return record | {"value": round(value, 4), "exact": exact}


def answer_figures(task: EvaluationTask, records: Sequence[Record], language: str) -> Row:
    values = [record["value"] for record in records]
    clusters = [record["cluster"] or record["id"] for record in records]
    count = len(values)
    row: Row = {
        "value": round(float(np.mean(values)), 4) if values else 0.0,
        "interval": clustered_interval(values, clusters),
        "count": count,
        "unanswered": sum(record["unanswered"] for record in records),
        "wrong_language": sum(record["wrong_language"] for record in records),
    }
    if task.scorer == "language":
        others = Counter(record["language"] or "empty" for record in records)
        others.pop(language, None)
        right = sum(value == 1 for value in values)
        return row | {"interval": wilson(right, count), "others": dict(others.most_common())}
    if task.scorer in ("f1", "chrf"):
        row["exact"] = round(float(np.mean([record["exact"] for record in records])), 4) if records else 0.0
    return row


def targets_of(task: EvaluationTask, row: Row) -> list[str]:
    """The right answers of a row, of which any counts."""
    name = next((name for name in fields_of(task.target) if isinstance(row.get(name), list)), None)
    values = [row] if name is None else [{**row, name: value} for value in row[name]]
    targets = [target for value in values if (target := fill(task, task.target, value)).strip()]
    if not targets:
        raise Problem(f"{show_path(task.data)}: the row {row.get('id', str(row)[:100])} has an empty right answer")
    return targets


def messages_of(task: EvaluationTask, row: Row, *, solved: bool = False) -> list[Message]:
    """A question as the model gets it, with its answer where it is an example."""
    question = {"role": "user", "content": fill(task, task.template, row)}
    return [question, {"role": "assistant", "content": targets_of(task, row)[0]}] if solved else [question]


def plain(text: str) -> str:
    """A text without what does not count in a comparison: capitals, spaces, a full stop at the end."""
    return " ".join(text.casefold().split()).rstrip(".")


def word_f1(answer: str, target: str) -> float:
    """F1 of the words and numbers of an answer against a right one, as in SQuAD."""
    mine, right = (Counter(WORD_OR_NUMBER.findall(text.casefold())) for text in (answer, target))
    common = (mine & right).total()
    return 2 * common / (mine.total() + right.total()) if common else 0.0


@cache
def chrf_metric() -> Any:
    try:
        from sacrebleu.metrics import CHRF
    except ImportError as error:
        raise Problem(not_installed("translations are scored by sacrebleu", "eval")) from error
    return CHRF(word_order=2)


def chrf(answer: str, targets: Sequence[str]) -> float:
    """chrF++ of one sentence, from 0 to 1."""
    return float(chrf_metric().sentence_score(answer, list(targets)).score) / 100


def translation_rows(
    task: EvaluationTask,
    engine: Engine,
    rows: Sequence[Row],
    languages: Sequence[str],
    advance: Advance = silent,
    journal: Journal | None = None,
) -> Iterator[Row]:
    """chrF++ of each direction, with its interval by resampling sentences."""
    journal, metric = journal or Journal(None, {}), chrf_metric()
    for source, target in directions_of(task, engine, rows, languages):
        pairs = [(row[source], row[target]) for row in rows if row.get(source) and row.get(target)]
        pairs = pairs[: task.rows or None]
        records = []
        for number, (sentence, reference) in enumerate(pairs, 1):
            id_ = f"{source}-{target} {number}"
            if id_ not in journal.records:
                text = translate(task, engine, sentence, source, target)
                journal.add(
                    [
                        {
                            "id": id_,
                            "subject": f"{source}-{target}",
                            **translation_record(text, sentence, reference, target),
                        }
                    ]
                )
            records.append(journal.records[id_])
            advance(1)
        hypotheses = [record["answer"] for record in records]
        score = metric.corpus_score(hypotheses, [[reference for _, reference in pairs]], n_bootstrap=RESAMPLES)
        ends = [round(score._mean - score._ci, 2), round(score._mean + score._ci, 2)] if len(pairs) > 1 else None
        yield {
            "language": f"{source}-{target}",
            "value": round(float(score.score), 2),
            "interval": ends,
            "count": len(pairs),
            "unanswered": sum(record["unanswered"] for record in records),
            "wrong_language": sum(record["wrong_language"] for record in records),
        }


def translation_record(text: str, sentence: str, reference: str, target: str) -> Record:
    identified = identify(text).language if len(words(text)) >= IDENTIFIABLE else ""
    return {
        "answer": text,
        "sentence": sentence,
        "value": round(chrf(text, [reference]), 4),
        "unanswered": not text.strip(),
        "wrong_language": bool(identified) and identified != target,
    }


def directions_of(
    task: EvaluationTask, engine: Engine, rows: Sequence[Row], languages: Sequence[str]
) -> list[tuple[str, str]]:
    """Those that the task names, else all between languages of the data (and of the run) that the model can do."""
    if task.directions:
        directions = [(name.partition("-")[0], name.partition("-")[2]) for name in task.directions]
        lacking = [code for pair in directions for code in pair if not rows or code not in rows[0]]
        if lacking:
            raise Problem(f"{show_path(task.file)}: the data has no text in {lacking[0]!r}")
        return directions
    known = [code for code in (rows[0] if rows else {}) if code in codes() and (code in languages or not languages)]
    return [(source, target) for source, target in permutations(known, 2) if can_ask(task, engine, source, target)]


def can_ask(task: EvaluationTask, engine: Engine, source: str, target: str) -> bool:
    if isinstance(engine, Translating):
        return engine.can_translate(load_pack(source), load_pack(target))
    return bool(task.template) or target in load_pack(source).prompts.get("translate", {})


def translate(task: EvaluationTask, engine: Engine, sentence: str, source: str, target: str) -> str:
    """A sentence in another language, asked for by the task's template or in the words of the source's pack."""
    if isinstance(engine, Translating):
        return " ".join(engine.translate(sentence, load_pack(source), load_pack(target)).split())
    request = load_pack(source).prompts.get("translate", {}).get(target, "")
    if not task.template and not request:
        raise Problem(f"{show_path(task.file)}: the pack {source} cannot ask for {target}: write a template")
    row = {"text": sentence, "source": load_pack(source).name, "target": load_pack(target).name}
    content = fill(task, task.template, row) if task.template else f"{request} {sentence}"
    sampling = Sampling(max_tokens=len(sentence) // 2 + 32, temperature=0.0, repetition_penalty=1.05)
    return " ".join(say(engine, [{"role": "user", "content": content}], sampling).split())
