"""An evaluation task: one TOML file that says what a model is measured on and how. Bundled ones are in `tasks/`."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from anatili.lang import explain
from anatili.problem import Problem
from anatili.text import show_path
from anatili.text_files import read_toml

FOLDER = Path(__file__).parent / "tasks"
TEXTS, PAIRS, CONVERSATIONS, SENTENCES = "texts:", "pack:pairs.toml", "sample:conversations", "sample:sentences"
USER = "user:"
"""The data of a task whose set is not bundled: a user's own copy, named by --data."""
NO_FILES = (TEXTS, PAIRS, CONVERSATIONS, SENTENCES, USER)
"""What `data` may be instead of a file."""
Kind = Literal["bits_per_byte", "choices", "generate", "minimal_pairs", "translation"]
Form = Literal["cloze", "letter"]
Metric = Literal["acc", "acc_norm", "acc_bytes"]
Strings = Annotated[tuple[str, ...], Field(strict=False)]
NEEDED = {"choices": ("choices",), "generate": ("template", "scorer")}
"""Keys without which a kind of task cannot be measured."""


class EvaluationTask(BaseModel):
    """What one task file says."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    _file: Path = PrivateAttr(Path())

    kind: Kind = Field(description="How a model is measured.")
    data: str = Field(
        description="File (.jsonl, .json, .csv, .tsv, .parquet, .txt) or folder of such files, relative to the task "
        "file; `{language}` in it is each language's code. Or `user:` (a user's own copy, named by --data), `texts:` "
        "(those of the run, or --text), `pack:pairs.toml`, `sample:conversations`, `sample:sentences`."
    )
    license: str = Field(description="SPDX code of the data, or words where there is none.")
    citation: str = Field("", description="Who made the data, and where it is described.")
    source: str = Field("", description="Where a user gets the data.")
    measure: str = Field("", description="What is measured, as reports name it; by default the file's name.")
    about: str = Field("", description="What one item is, in plain words and in the plural, as summaries name it.")
    language: str = Field("", description="Code of the data's language; may be left out where `data` gives it.")
    only: str = Field("", description="Read only files of the folder whose path contains this text.")
    fields: dict[str, Strings] = Field(
        {},
        description="Name of a field in the templates -> names that it may have in the data, the first that is there "
        "is used. `a, b, c` makes a list of several columns; `a from 1` is a number counted from 1.",
    )
    replace: dict[str, dict[str, str]] = Field({}, description="Field -> value in the data -> value to use instead.")
    template: str = Field("", description="What the model is given: text with {fields} of a row.")
    wordings: Strings = Field((), description="For `choices`: further templates with the same meaning.")
    letter: Strings = Field(
        (), description="For `choices`: templates of the letter form; {options} is the lettered list of choices."
    )
    letters: str = Field("ABCDEFGHIJ", description="For `choices`: the letters of the letter form.")
    choices: str | Strings = Field(
        (), description="For `choices`: a template for each choice, or one whose {field} is a list of choices."
    )
    delimiter: str = Field(" ", description="For `choices`: what is between the template and a choice.")
    answer: str = Field(
        "answer", description="For `choices`: field with the right choice's number from 0, its letter or its text."
    )
    labels: Strings = Field((), description="For `choices`: values of the answer field, in the order of `choices`.")
    metric: Metric = Field(
        "acc",
        description="For `choices`: the most likely choice counts, or the most likely by character (acc_norm) or by "
        "UTF-8 byte (acc_bytes).",
    )
    few_shot: int = Field(0, ge=0, le=100, description="Solved examples shown first, from the dev part of the data.")
    sampler: Literal["first_n", "default"] = Field(
        "first_n", description="Which examples: the first ones, or drawn anew for each item; both as lm-eval does."
    )
    dev: Strings = Field(
        ("dev", "few-shot"), description="Values of the field `split` that mark the examples; they are not scored."
    )
    subject: str = Field("subject", description="Field by which figures are also given apart.")
    cluster: Strings = Field((), description="Fields that items with a common passage share, for the intervals.")
    seen: str = Field("", description="Text that is looked for in a corpus; by default {question}.")
    scorer: Literal["", "exact", "contains", "f1", "chrf", "language"] = Field(
        "",
        description="For `generate`: the answer is the target, contains it, shares words with it (F1), shares letters "
        "with it (chrF++), or is in the task's language.",
    )
    target: str = Field(
        "", description="For `generate`: the right answer: text with {fields} of a row, or one {field} with a list."
    )
    max_tokens: int = Field(60, ge=1, le=4096, description="For `generate`: tokens of an answer at most.")
    temperature: float = Field(0.0, ge=0, le=2, description="For `generate`: 0 takes the most likely token.")
    stop: Strings = Field((), description="For `generate`: texts that end an answer.")
    part: Literal["whole", "second half"] = Field(
        "whole", description="For `bits_per_byte`: of each text; the second half is scored given the first."
    )
    other_scripts: bool = Field(
        False, description="For `bits_per_byte`: score the texts in the language's other scripts, by bytes of its own."
    )
    directions: Strings = Field(
        (), description="For `translation`: such as `kk-en`; by default all between languages of the data."
    )
    rows: int = Field(0, ge=0, description="Rows of a language (or pairs of a direction) asked at most; 0: all.")
    max_bytes: int = Field(0, ge=0, description="For `bits_per_byte`: text scored at most of one set; 0: all.")
    chance: float | None = Field(
        None, description="What a model that knows nothing gets; of choices it is computed from their number."
    )

    @model_validator(mode="after")
    def check(self) -> Self:
        for key in NEEDED.get(self.kind, ()):
            if not getattr(self, key):
                raise ValueError(f"a task of kind {self.kind} needs {key}")
        if self.kind == "choices" and not (self.template or self.letter):
            raise ValueError("a task of kind choices needs template (cloze form) or letter (letter form)")
        if self.labels and len(self.labels) != len(self.choices):
            raise ValueError(f"labels are {len(self.labels)}, but choices are {len(self.choices)}")
        if self.scorer in ("exact", "contains", "f1", "chrf") and not self.target:
            raise ValueError(f"the scorer {self.scorer} needs target")
        if self.data.startswith(("pack:", "sample:", "user:")) and self.data not in NO_FILES:
            raise ValueError(f"no data {self.data!r}: a file, a folder, or one of {', '.join(NO_FILES)}")
        is_file = self.data not in (TEXTS, PAIRS, CONVERSATIONS, SENTENCES)
        if is_file and not self.language and "{language}" not in self.data and self.kind != "translation":
            raise ValueError("name the language of the data, or write {language} into data where each has a file")
        return self

    @property
    def name(self) -> str:
        return self._file.stem

    @property
    def file(self) -> Path:
        return self._file

    @property
    def folder(self) -> Path:
        """Where relative paths start from."""
        return self._file.parent

    @property
    def title(self) -> str:
        """What is measured, in words."""
        return self.measure or self.name

    def templates(self, form: Form) -> tuple[str, ...]:
        """The wordings of a form, the main one first; `Problem` if the task does not have the form."""
        wordings = self.letter if form == "letter" else (*filter(None, (self.template,)), *self.wordings)
        if not wordings:
            raise Problem(
                f"{show_path(self.file)} has no {form} form: write {'letter' if form == 'letter' else 'template'}"
            )
        return wordings

    def with_data(self, path: Path) -> Self:
        """The same task on other data."""
        if not path.exists():
            raise Problem(f"no file or folder {show_path(path)}; correct --data")
        return self.model_copy(update={"data": str(path.resolve())})


def bundled() -> list[str]:
    """Names of the bundled tasks."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_task(name: str, near: Path = Path()) -> EvaluationTask:
    """A bundled task by its name, or that of a file, relative to `near`; `Problem` says what is wrong with it."""
    file = FOLDER / f"{name}.toml" if name in bundled() else near / name
    if not file.is_file():
        raise Problem(f"no task {name!r}: name a file, or one of {', '.join(bundled())}")
    if file.suffix != ".toml":
        raise Problem(f"{show_path(file)}: a task is a TOML file; the data of a bundled one is named by --data FILE")
    values: dict[str, Any] = read_toml(file)
    try:
        task = EvaluationTask.model_validate(values)
    except ValidationError as error:
        raise Problem(f"{show_path(file)}:\n  {explain(error)}") from error
    task._file = file
    return task
