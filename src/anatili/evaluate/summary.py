"""Results in sentences for people who do not know the terms."""

from collections.abc import Iterator, Sequence

from anatili.evaluate.compare import SIGNIFICANT
from anatili.evaluate.task_data import Row


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def points(value: float) -> str:
    return f"{100 * abs(value):.1f} percentage points"


def summary(rows: Sequence[Row]) -> Iterator[str]:
    """What the comparison shows, task by task."""
    for row in rows:
        about = f"{row['measure']}: {row['count']:,} {row['about'] or 'items'}."
        yield " ".join([about, *model_sentences(row), *pair_sentences(row)])
    yield from apart_sentences(rows)


def model_sentences(row: Row) -> Iterator[str]:
    is_share = row["metric"].startswith("acc")
    for model in row["models"]:
        low, high = model["interval"]
        score = f"answers {percent(model['value'])} correctly" if is_share else f"scores {percent(model['value'])}"
        yield f"{model['model']} {score} (the true figure is somewhere between {percent(low)} and {percent(high)})."
    if not row["chance"]:
        return
    yield f"Guessing gets {percent(row['chance'])}."
    if (row["majority"] or 0) > row["chance"] + 0.01:
        yield f"Always giving the most frequent letter gets {percent(row['majority'])}."
    for model in row["models"]:
        low, high = model["interval"]
        if low <= row["chance"] <= high:
            yield f"It is not shown that {model['model']} does better than guessing."


def pair_sentences(row: Row) -> Iterator[str]:
    for pair in row["pairs"]:
        better, worse = (pair["second"], pair["first"]) if pair["difference"] > 0 else (pair["first"], pair["second"])
        if pair["p_holm"] < SIGNIFICANT:
            yield f"{better} is better than {worse} by {points(pair['difference'])}; chance hardly explains that."
        else:
            yield (
                f"Between {pair['first']} and {pair['second']} there is a difference of {points(pair['difference'])}, "
                "which chance alone could make."
            )
        if pair.get("order_turns"):
            yield "Which of the two is ahead changes with the wording of the question."


def apart_sentences(rows: Sequence[Row]) -> Iterator[str]:
    """Which figures look alike and are not compared, because they were measured in different ways."""
    by_task: dict[str, list[Row]] = {}
    for row in rows:
        by_task.setdefault(row["measure"], []).append(row)
    for measure, alike in by_task.items():
        names = [", ".join(model["model"] for model in row["models"]) for row in alike]
        if len(set(names)) > 1:
            ways = "; ".join(f"{name}: {row['key']}" for name, row in zip(names, alike, strict=True))
            yield f"{measure}: these figures cannot be compared, they were measured in different ways ({ways})."
