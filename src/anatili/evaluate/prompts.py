"""What a model is given for an item: its form, wording, order of choices, examples and chat template."""

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from anatili.engine import Engine
from anatili.evaluate.items import Item, ItemSet
from anatili.evaluate.likelihood import WITHOUT_SCORES
from anatili.evaluate.task_data import fill
from anatili.evaluate.task_file import EvaluationTask, Form
from anatili.problem import Problem, not_installed
from anatili.prompt import Message

BETWEEN = "\n\n"
"""Between solved examples and the question."""
SEED = 1234
"""Of the examples that are drawn, as lm-eval's `fewshot_seed`."""


@dataclass(frozen=True)
class PromptForm:
    """How the items of a task are put to a model."""

    form: Form = "cloze"
    wording: int = 0
    rotation: int = 0
    """By how many places the choices are moved to the front, in the letter form."""
    shots: int = 0
    sampler: str = "first_n"
    chat: bool = False
    begin: bool = True
    """Whether the model's begin token is put first, where the model has one."""

    @property
    def facts(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def label(self) -> str:
        """In words, for a report."""
        parts = [f"{self.form} form", f"{self.shots} shots", "chat template" if self.chat else "no chat template"]
        parts += [f"wording {self.wording + 1}"] if self.wording else []
        return ", ".join([*parts, *([f"options moved by {self.rotation}"] if self.rotation else [])])


def prompts(
    task: EvaluationTask, item_set: ItemSet, form: PromptForm, engine: Engine
) -> Iterator[tuple[str, list[str]]]:
    """(context, continuations in the order of the choices) of each item, as lm-eval makes them from the same texts."""
    wordings = task.templates(form.form)
    if form.wording >= len(wordings):
        raise Problem(f"{task.name} has {len(wordings)} wordings of its {form.form} form, not {form.wording + 1}")
    template, render = wordings[form.wording], ChatTemplate(engine) if form.chat else None
    for item, shown in zip(item_set.items, shots(item_set, form), strict=True):
        messages: list[Message] = []
        for example in shown:
            messages += [
                {"role": "user", "content": question(task, example, template, form)},
                {"role": "assistant", "content": labels(task, example, form)[example.answer]},
            ]
        text = question(task, item, template, form)
        endings = labels(task, item, form)
        if render:
            yield render([*messages, {"role": "user", "content": text}]), endings
            continue
        pairs = zip(messages[::2], messages[1::2], strict=True)
        solved = "".join(f"{asked['content']}{task.delimiter}{told['content']}{BETWEEN}" for asked, told in pairs)
        yield solved + text, [task.delimiter + ending for ending in endings]


def shots(item_set: ItemSet, form: PromptForm) -> Iterator[tuple[Item, ...]]:
    """The solved examples of each item: the same ones, or drawn anew as lm-eval 0.4.13 draws them.

    An item is never its own example: of a set without a dev part the other items are the examples.
    """
    draw = random.Random(SEED)
    pool = list(item_set.examples)
    spare = 0 if item_set.has_own_examples else 1
    if form.shots + spare > len(pool):
        raise Problem(f"{form.shots} examples are asked for, but the data has {len(pool) - spare}")
    for item in item_set.items:
        if not form.shots:
            yield ()
            continue
        count = form.shots + spare
        drawn = draw.sample(pool, count) if form.sampler == "default" else pool[:count]
        yield tuple(example for example in drawn if example is not item)[: form.shots]


def order(item: Item, form: PromptForm) -> list[int]:
    """Numbers of the choices in the order in which they are shown."""
    count = len(item.choices)
    return [(place + form.rotation) % count for place in range(count)]


def question(task: EvaluationTask, item: Item, template: str, form: PromptForm) -> str:
    if form.form == "cloze":
        return fill(task, template, item.row)
    return fill(task, template, item.row | {"options": options(task, item, form)})


def options(task: EvaluationTask, item: Item, form: PromptForm) -> str:
    """The choices with their letters, one per line."""
    return "\n".join(
        f"{letter}. {item.choices[number].strip()}"
        for letter, number in zip(task.letters, order(item, form), strict=False)
    )


def labels(task: EvaluationTask, item: Item, form: PromptForm) -> list[str]:
    """What is scored for each choice: its text, or its letter."""
    if form.form == "cloze":
        return list(item.choices)
    places = order(item, form)
    return [task.letters[places.index(number)] for number in range(len(item.choices))]


class ChatTemplate:
    """A model's chat template, filled in as transformers does it; the answer begins where it ends."""

    def __init__(self, engine: Engine) -> None:
        try:
            from jinja2.exceptions import TemplateError
            from jinja2.sandbox import ImmutableSandboxedEnvironment
        except ImportError as error:
            raise Problem(not_installed("chat templates are filled in by jinja2", "train")) from error
        self.engine, self.error = engine, TemplateError
        try:
            self.vocabulary = engine.vocabulary()
        except Problem as problem:
            raise Problem(f"{engine.name} does not tell its chat template ({problem}). {WITHOUT_SCORES}") from problem
        source = self.vocabulary.get("chat_template", "")
        if not source:
            raise Problem(f"{engine.name} has no chat template: it is a base model; leave --chat out")
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals["raise_exception"] = self.refuse
        self.template = environment.from_string(source)

    def __call__(self, messages: list[Message]) -> str:
        try:
            return self.template.render(
                messages=messages,
                add_generation_prompt=True,
                enable_thinking=False,
                bos_token=self.vocabulary["bos_token"],
                eos_token=self.vocabulary["eos_token"],
            )
        except self.error as error:
            raise Problem(f"the chat template of {self.engine.name} cannot be filled in: {error}") from error

    def refuse(self, message: str) -> None:
        raise self.error(message)
