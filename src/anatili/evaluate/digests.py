"""What a result depends on, as digests: the model, the data, the prompts, the code."""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from anatili import __version__
from anatili.engine import Engine, is_address
from anatili.evaluate.items import ItemSet
from anatili.evaluate.prompts import PromptForm, prompts
from anatili.evaluate.task_data import data_files
from anatili.evaluate.task_file import EvaluationTask
from anatili.text import file_digest

WEIGHTS = ("*.safetensors", "*.bin", "*.gguf", "tokenizer.json", "config.json", "chat_template.jinja")


@cache
def code() -> str:
    """Digest of the modules that measure, with the version."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return combined([__version__, *(file_digest(path) for path in sources)])


def of_model(target: str | Path) -> str:
    """Digest of a model's files; of a model that a server has, its address."""
    if is_address(target):
        return str(target)
    path = Path(target)
    if path.is_file():
        return file_digest(path)
    files = sorted({file for pattern in WEIGHTS for file in path.glob(pattern)})
    return combined([part for file in files for part in (file.name, file_digest(file))])


def of_data(task: EvaluationTask) -> str:
    return combined([file_digest(path) for path in data_files(task)])


def of_prompts(task: EvaluationTask, items: ItemSet, form: PromptForm, engine: Engine) -> str:
    """Digest of everything that the model is given, character for character."""
    total = hashlib.sha256()
    for context, endings in prompts(task, items, form, engine):
        total.update(json.dumps([context, *endings]).encode())
    return total.hexdigest()


def combined(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def head(
    task: EvaluationTask, name: str, model: str, form: PromptForm, items: ItemSet, engine: Engine
) -> dict[str, Any]:
    """The first line of a journal of choices."""
    return {
        "task": task.name,
        "measure": task.title,
        "about": task.about,
        "model": name,
        "metric": task.metric,
        "form": form.facts,
        "digests": {
            "model": model,
            "data": of_data(task),
            "prompt": of_prompts(task, items, form, engine),
            "code": code(),
        },
    }


def writing_head(task: EvaluationTask, name: str, model: str, language: str) -> dict[str, Any]:
    """The first line of a journal of answers."""
    return {
        "task": task.name,
        "measure": task.title,
        "about": task.about,
        "model": name,
        "metric": task.scorer or ("acc" if task.kind == "minimal_pairs" else "chrf"),
        "form": {"language": language, "shots": task.few_shot, "temperature": task.temperature},
        "digests": {"model": model, "data": of_data(task), "prompt": file_digest(task.file), "code": code()},
    }
