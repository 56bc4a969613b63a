"""Tasks in which a model writes: answers that a scorer judges, and translations."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import permutations

from anatili.engine import Engine, Message, Sampling, Translating, say
from anatili.evaluate.likelihood import Tell, silent
from anatili.evaluate.task_data import Row, fill
from anatili.evaluate.task_file import EvaluationTask
from anatili.identify import identify
from anatili.interval import wilson
from anatili.lang import codes, load_pack
from anatili.problem import Problem, install
from anatili.text import show_path

RESAMPLES = 1000


def answer_rows(task: EvaluationTask, engine: Engine, rows: Sequence[Row], language: str, tell: Tell = silent) -> Row:
    """Share of answers that the task's scorer takes."""
    shown, asked = rows[: task.few_shot], rows[task.few_shot :]
    before = [message for row in shown for message in turn(task, row, solved=True)]
    others: Counter[str] = Counter()
    right = 0
    for number, row in enumerate(asked):
        sampling = Sampling(max_tokens=task.max_tokens, temperature=task.temperature, seed=number, stop=task.stop)
        answer = say(engine, [*before, *turn(task, row)], sampling)
        if task.scorer == "language":
            found = identify(answer).language if answer.strip() else "empty"
            others[found] += 1
            right += found == language
        else:
            right += is_right(task, plain(answer), plain(fill(task, task.target, row)))
        tell(1)
    others.pop(language, None)
    count = len(asked)
    row = {"value": round(right / max(1, count), 4), "interval": wilson(right, count), "count": count}
    return row | ({"others": dict(others.most_common())} if task.scorer == "language" else {})


def turn(task: EvaluationTask, row: Row, *, solved: bool = False) -> list[Message]:
    """A question as the model gets it, with its answer where it is an example."""
    asked = {"role": "user", "content": fill(task, task.template, row)}
    return [asked, {"role": "assistant", "content": fill(task, task.target, row)}] if solved else [asked]


def plain(text: str) -> str:
    """A text without what does not count in a comparison: capitals, spaces, a full stop at the end."""
    return " ".join(text.casefold().split()).rstrip(".")


def is_right(task: EvaluationTask, answer: str, target: str) -> bool:
    return answer == target if task.scorer == "exact" else target in answer


def translation_rows(
    task: EvaluationTask, engine: Engine, rows: Sequence[Row], languages: Sequence[str], tell: Tell = silent
) -> Iterator[Row]:
    """chrF++ of each direction, with its interval by resampling sentences."""
    try:
        from sacrebleu.metrics import CHRF
    except ImportError as error:
        raise Problem(f"translations are scored by sacrebleu: {install('eval')}") from error
    for source, target in directions_of(task, engine, rows, languages):
        pairs = [(row[source], row[target]) for row in rows if row.get(source) and row.get(target)]
        pairs = pairs[: task.rows or None]
        made = []
        for sentence, _ in pairs:
            made.append(translate(task, engine, sentence, source, target))
            tell(1)
        score = CHRF(word_order=2).corpus_score(made, [[wanted for _, wanted in pairs]], n_bootstrap=RESAMPLES)
        ends = [round(score._mean - score._ci, 2), round(score._mean + score._ci, 2)] if len(pairs) > 1 else None
        yield {"language": f"{source}-{target}", "value": round(float(score.score), 2), "interval": ends,
               "count": len(pairs)}  # fmt: skip


def directions_of(
    task: EvaluationTask, engine: Engine, rows: Sequence[Row], languages: Sequence[str]
) -> list[tuple[str, str]]:
    """Those that the task names, else all between languages of the data (and of the run), that can be asked for."""
    if task.directions:
        named = [(one.partition("-")[0], one.partition("-")[2]) for one in task.directions]
        lacking = [code for pair in named for code in pair if not rows or code not in rows[0]]
        if lacking:
            raise Problem(f"{show_path(task.file)}: the data has no text in {lacking[0]!r}")
        return named
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
    asking = load_pack(source).prompts.get("translate", {}).get(target, "")
    if not task.template and not asking:
        raise Problem(f"{show_path(task.file)}: the pack {source} cannot ask for {target}: write a template")
    row = {"text": sentence, "source": load_pack(source).name, "target": load_pack(target).name}
    content = fill(task, task.template, row) if task.template else f"{asking} {sentence}"
    sampling = Sampling(max_tokens=len(sentence) // 2 + 32, temperature=0.0, repetition_penalty=1.05)
    return " ".join(say(engine, [{"role": "user", "content": content}], sampling).split())
