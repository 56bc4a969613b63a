"""A small set of questions with choices, made from the bundled topics."""

import json
from pathlib import Path
from typing import Any

from anatili.evaluate.task_file import EvaluationTask, load_task
from anatili.sample.topics import read_topics

TASK = """\
kind = "choices"
language = "kk"
data = "set.jsonl"
license = "CC0-1.0"
template = "{question}\\nЖауап:"
wordings = ["Сұрақ: {question}\\nДұрыс жауап:", "{question}\\nЖауабы:"]
letter = ["{question}\\n{options}\\nЖауап:", "Сұрақ: {question}\\n{options}\\nДұрыс жауап:"]
choices = "{choices}"
cluster = ["passage"]
"""


def rows(count: int = 14, dev: int = 4) -> list[dict[str, Any]]:
    """Questions with short answers, a few of them long enough to tell the metrics apart; the first are examples."""
    topics = read_topics()[: count + 3]
    names = [topic.pages["kk"].answer.split(".")[0][:12] for topic in topics]
    return [
        {
            "id": f"q{number}",
            "question": topic.pages["kk"].question[:30] + " " * (number % 3),
            "choices": [names[(number + place) % len(names)] + " ұзын" * (place == 2) for place in range(4)],
            "answer": number % 4,
            "split": "dev" if number < dev else "test",
            "subject": "ab"[number % 2],
            "passage": f"p{number // 2}",
        }
        for number, topic in enumerate(topics[:count])
    ]


def write(folder: Path, items: list[dict[str, Any]] | None = None, task: str = TASK) -> EvaluationTask:
    (folder / "set.toml").write_text(task, "utf-8")
    lines = [json.dumps(row, ensure_ascii=False) for row in (rows() if items is None else items)]
    (folder / "set.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return load_task("set.toml", folder)
