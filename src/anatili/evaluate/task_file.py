"""An evaluation task: one TOML file that says what a model is measured on and how. Bundled ones are in `tasks/`."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from anatili.lang import explain
from anatili.problem import Problem
from anatili.reading import read_toml
from anatili.text import show_path

FOLDER = Path(__file__).parent / "tasks"
TEXTS, PAIRS, CONVERSATIONS, SENTENCES = "texts:", "pack:pairs.toml", "sample:conversations", "sample:sentences"
NO_FILES = (TEXTS, PAIRS, CONVERSATIONS, SENTENCES)
"""What `data` may be instead of a file."""
Kind = Literal["bits_per_byte", "choices", "generate", "minimal_pairs", "translation"]
NEEDED = {"choices": ("template", "choices", "answer"), "generate": ("template", "scorer")}
"""Keys without which a kind of task cannot be measured."""


class EvaluationTask(BaseModel):
    """What one task file says."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    _file: Path = PrivateAttr(Path())

    kind: Kind = Field(description="How a model is measured.")
    data: str = Field(
        description="File (.jsonl, .tsv, .txt) or folder of such, relative to the task file; `{language}` in it is "
        "each language's code. Or `texts:` (those of the run, or --text), `pack:pairs.toml`, `sample:conversations`, "
        "`sample:sentences`."
    )
    license: str = Field(description="SPDX code of the data, or words where there is none.")
    citation: str = Field("", description="Who made the data, and where it is described.")
    measure: str = Field("", description="What is measured, as reports name it; by default the file's name.")
    language: str = Field("", description="Code of the data's language; may be left out where `data` tells it.")
    template: str = Field("", description="What the model is given: text with {fields} of a row.")
    choices: str | Annotated[tuple[str, ...], Field(strict=False)] = Field(
        (), description="For `choices`: a template for each choice, or one whose {field} is a list of choices."
    )
    answer: str = Field("", description="For `choices`: field with the right one's number from 0, letter or text.")
    metric: Literal["accuracy", "accuracy_by_byte"] = Field(
        "accuracy", description="For `choices`: the likeliest choice counts, or the likeliest by byte."
    )
    few_shot: int = Field(0, ge=0, le=100, description="Solved examples shown first: the first rows, not scored then.")
    scorer: Literal["", "exact", "contains", "language"] = Field(
        "", description="For `generate`: the answer is the target, has it in it, or is in the task's language."
    )
    target: str = Field("", description="For `generate`: the right answer: text with {fields} of a row.")
    max_tokens: int = Field(60, ge=1, le=4096, description="For `generate`: tokens of an answer at most.")
    temperature: float = Field(0.0, ge=0, le=2, description="For `generate`: 0 takes the likeliest token.")
    stop: tuple[str, ...] = Field((), strict=False, description="For `generate`: texts that end an answer.")
    part: Literal["whole", "second half"] = Field(
        "whole", description="For `bits_per_byte`: of each text; the second half is scored given the first."
    )
    other_scripts: bool = Field(
        False, description="For `bits_per_byte`: score the texts in the language's other scripts, by bytes of its own."
    )
    directions: tuple[str, ...] = Field(
        (),
        strict=False,
        description="For `translation`: such as `kk-en`; by default all between languages of the data.",
    )
    rows: int = Field(0, ge=0, description="Rows of a language (or pairs of a direction) asked at most; 0: all.")
    max_bytes: int = Field(0, ge=0, description="For `bits_per_byte`: text scored at most of one set; 0: all.")
    chance: float | None = Field(None, description="What a model that knows nothing gets.")

    @model_validator(mode="after")
    def check(self) -> Self:
        for key in NEEDED.get(self.kind, ()):
            if not getattr(self, key):
                raise ValueError(f"a task of kind {self.kind} needs {key}")
        if self.scorer in ("exact", "contains") and not self.target:
            raise ValueError(f"the scorer {self.scorer} needs target")
        if self.data.startswith(("pack:", "sample:")) and self.data not in NO_FILES:
            raise ValueError(f"no data {self.data!r}: a file, a folder, or one of {', '.join(NO_FILES)}")
        is_file = self.data not in NO_FILES
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


def bundled() -> list[str]:
    """Names of the tasks that come with anatili."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_task(name: str, near: Path = Path()) -> EvaluationTask:
    """A bundled task by its name, or that of a file, relative to `near`; `Problem` says what is wrong with it."""
    file = FOLDER / f"{name}.toml" if name in bundled() else near / name
    if not file.is_file():
        raise Problem(f"no task {name!r}: name a file, or one of {', '.join(bundled())}")
    values: dict[str, Any] = read_toml(file)
    try:
        task = EvaluationTask.model_validate(values)
    except ValidationError as error:
        raise Problem(f"{show_path(file)}:\n  {explain(error)}") from error
    task._file = file
    return task
