"""The registry: open models worth trying, with the known facts about each and their sources.

`registry.toml` has a table for each. A fact without a source is left out, never guessed. Pulled models have a record in
the cache, written when all files were complete and checked.
"""

import difflib
import fnmatch
import json
import tomllib
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from anatili import machine, models
from anatili.atomic_files import whole_file
from anatili.problem import Problem
from anatili.text import show_path
from anatili.weights import cache_folder

FILE = Path(__file__).parent / "registry.toml"
ROOM = 1.15
"""Bytes of memory per byte of weights: llama.cpp's cache for 4,096 tokens is a tenth of the size of 8 B in 4 bits."""
BESIDE = 700_000_000
"""Further memory of a process, at most, in bytes: the cache of a small model is larger than its weights."""
BITS = {"Q4_K_M": 4.8944, "Q8_0": 8.5008, "BF16": 16.0}
"""Bits per weight, measured on Llama 3.1 8B: github.com/ggml-org/llama.cpp, tools/quantize/README.md (2025)."""
FACTS = ("bytes", "parameters", "license", "gated", "languages", "all_languages", "warning")
"""Facts of a row that need a source."""
KINDS = ("chat", "base", "translation", "embedding", "reranker", "speech")


class Fact(BaseModel):
    """Frozen, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FactSource(Fact):
    """The source of some facts of a row."""

    of: tuple[str, ...]
    """Names of the row's keys."""
    url: str = Field(pattern="^https://")
    date: str = Field(pattern=r"^20\d\d(-\d\d(-\d\d)?)?$")
    """When the page was published or last changed, if it says so; else when (a copy of) it was read."""


class Score(Fact):
    """A result that others published, or our own where `source` is a command."""

    test: str
    value: float
    unit: str
    """The metric: accuracy in %, BLEU, chrF, nDCG@10, word error rate in %."""
    note: str = ""
    """The settings: results under other settings are not comparable."""
    source: str
    date: str = Field(pattern=r"^20\d\d(-\d\d(-\d\d)?)?$")


class Row(Fact):
    """A model: what it is, where it is, what it needs, how good it is."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    kind: Literal["chat", "base", "translation", "embedding", "reranker", "speech"]
    about: str
    """Its purpose, in a sentence."""
    repository: str = Field(default="", pattern=r"^$|^[\w.-]+/[\w.-]+$")
    """OWNER/NAME on the hub."""
    file: str = ""
    """The GGUF file in the repository; "" takes all files that a folder of weights needs."""
    revision: str = "main"
    address: str = ""
    """Where it is, if it cannot be pulled."""
    format: Literal["gguf", "safetensors", "ctranslate2", "bundled", ""] = ""
    """"": only an address, nothing to pull."""
    bytes: int = 0
    """Size of the download according to its page, often rounded; 0 if no page was found, see `size`."""
    quantization: str = ""
    """Quantization of a GGUF file, or of the weights in a folder."""
    parameters: int = 0
    license: str = ""
    """SPDX identifier, or LicenseRef- if SPDX has none."""
    terms: str = ""
    """Where to read the license, if it is not a well-known one."""
    commercial: bool = True
    """False if the license forbids commercial use."""
    gated: str = ""
    """Where terms must be accepted before a download; "" if there is no such step."""
    languages: tuple[str, ...] = ()
    """The languages that its maker names, of those with prompts here."""
    all_languages: int = 0
    """How many languages its maker names in total."""
    tokens_per_word: float = 0
    """Tokens per Kazakh word, measured by us on FLORES dev; 0 if its tokenizer was not available."""
    published: tuple[Score, ...] = ()
    measured: tuple[Score, ...] = ()
    warning: str = ""
    """What users must know before they use it; its source is in `sources`."""
    sources: tuple[FactSource, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the download: as stated, else estimated from parameters and quantization; 0 if unknown."""
        return self.bytes or int(self.parameters * BITS.get(self.quantization, 0) / 8)

    @property
    def is_size_reckoned(self) -> bool:
        return bool(self.size) and not self.bytes

    @property
    def can_be_pulled(self) -> bool:
        return self.format in ("gguf", "safetensors", "ctranslate2")

    @property
    def memory(self) -> int:
        """Bytes of memory needed to run it here, 0 if unknown."""
        # A folder of safetensors runs in float32 here, whatever its stored type.
        weights = 4 * self.parameters if self.format == "safetensors" else self.size
        if self.format == "bundled":  # a part is merged with its base, and both run in 8 bits
            weights = max(weights, int(self.parameters * BITS["Q8_0"] / 8))
        return int(weights * ROOM) + BESIDE if weights else 0


@dataclass(frozen=True)
class Pulled:
    """A pulled model: complete, checked, and unchanged since according to file sizes."""

    name: str
    repository: str
    commit: str
    folder: str
    """The snapshot's folder."""
    files: dict[str, int]
    """File names in the folder, and their sizes."""
    opens: str = ""
    """The GGUF file to open; "" opens the folder."""

    @property
    def place(self) -> Path:
        """The path that an engine opens."""
        return Path(self.folder) / self.opens


@cache
def contents() -> dict[str, Any]:
    """The contents of the file: `language` and `name` of the language that it is about, and the models."""
    return tomllib.loads(FILE.read_text("utf-8"))


@cache
def rows() -> tuple[Row, ...]:
    """All rows, in the file's order; facts of bundled models come from their `model.json`."""
    result = []
    for row in contents()["model"]:
        folder = models.HERE / row["name"]
        result.append(Row.model_validate((bundled(folder) if row.get("format") == "bundled" else {}) | row))
    return tuple(result)


def bundled(folder: Path) -> dict[str, Any]:
    """The facts of a bundled model."""
    description, code = models.describe(folder), contents()["language"]
    scores = [score for score in description.get("scores", ()) if score["texts"] == f"{code}.txt"]
    directions = [direction for direction in description.get("translation", ()) if "chrf" in direction]
    measured = [
        (f"FLORES dev {code}", row["bits_per_byte"], "bits per byte", f"{row['count']} lines, lower is better")
        for row in scores
    ] + [
        (f"{row['texts']} {row['source']}-{row['target']}", row["chrf"], "chrF++", f"{row['count']} lines")
        for row in directions
    ]
    return {
        "bytes": sum(path.stat().st_size for path in folder.iterdir()),
        "parameters": description["parameters"],
        "license": description["license"],
        "languages": description["languages"],
        "measured": [
            {"test": test, "value": value, "unit": unit, "note": note, "source": "its model.json", "date": "2026"}
            for test, value, unit, note in measured
        ],
    }


def find(name: str) -> Row | None:
    """The row of this name, case-insensitive; None if there is none."""
    return next((row for row in rows() if row.name == name.lower()), None)


def facts(row: Row) -> dict[str, Any]:
    """All that is known of a row, and how it stands on this machine."""
    here, memory = pulled(row.name), machine.memory()
    return row.model_dump() | {
        "size": row.size,
        "memory": row.memory,
        "fits": row.memory <= memory if row.memory and memory else None,
        "place": str(here.place) if here else "",
        "here": bool(here) or row.format == "bundled",
    }


def to_pull(name: str, file: str = "") -> Row | None:
    """The row of what is to be pulled, None for a repository that has none; `Problem` if it cannot be."""
    row = find(name) if file or "/" in name else known(name)
    if row and file:
        raise Problem(
            f"{row.name} has its file in the registry: anatili pull {row.name}, or anatili pull OWNER/REPO FILE"
        )
    if row and row.format == "bundled":
        raise Problem(f"{row.name} comes with anatili: anatili chat {row.name}")
    if row and not row.can_be_pulled:
        raise Problem(f"{row.name} cannot be pulled, only pointed to: {row.address}")
    return row


class NotPulled(Problem):
    """A model of the registry that was not pulled yet; the command line offers to pull it."""

    def __init__(self, row: Row) -> None:
        super().__init__(f"{row.name} is not here: anatili pull {row.name}   ({in_short(row)})")
        self.row = row


def in_short(row: Row) -> str:
    """Size and license in a few words."""
    size = f"{'about ' if row.is_size_reckoned else ''}{row.size / 1e9:.2f} GB, " if row.size else ""
    return f"{size}{row.license or 'license unknown'}{'' if row.commercial else ', not for commercial use'}"


def located(name: str) -> Pulled | None:
    """The pulled model of this name; None if the registry has no such row.

    `NotPulled` if it has the row but the model is not here, another `Problem` if it cannot be pulled at all.
    """
    model = pulled(name)
    if model:
        return model
    row = find(name)
    if row is None or row.format == "bundled":
        return None
    if row.can_be_pulled:
        raise NotPulled(row)
    raise Problem(f"{row.name} cannot be run here, only pointed to: {row.address}")


def known(name: str) -> Row:
    """The row of this name; if there is none, a `Problem` that lists similar names."""
    row = find(name)
    if row is None:
        near = difflib.get_close_matches(name.lower(), [row.name for row in rows()], 3, 0.4)
        raise Problem(
            f"no model {name!r} in the registry{'; near: ' + ', '.join(near) if near else ''}: anatili models"
        )
    return row


def record_of(name: str) -> Path:
    """The record of what was pulled under a name: that of a row, OWNER/NAME or OWNER/NAME/FILE."""
    return cache_folder() / "pulled" / f"{name.replace('/', '--')}.json"


def write_pulled(pulled: Pulled) -> None:
    with whole_file(record_of(pulled.name)) as temporary:
        temporary.write_text(json.dumps(asdict(pulled), indent=1), "utf-8")


def pulled(name: str) -> Pulled | None:
    """The pulled model of this name; None if there is none, if it is gone, or if the row names another file now."""
    row = find(name)
    file = record_of(row.name if row else name)
    if not file.is_file():
        return None
    try:
        model = Pulled(**json.loads(file.read_text("utf-8")))
        sizes = {name: (Path(model.folder) / name).stat().st_size for name in model.files}
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise Problem(f"{show_path(file)} is damaged: {error}. Remove it and pull {name} again") from error
    is_other = row and (model.repository != row.repository or not fnmatch.fnmatchcase(model.opens, row.file))
    return model if sizes == model.files and not is_other else None


def card(model: Pulled) -> str:
    """The card of a pulled model, in Markdown."""
    row = find(model.name)
    where = f"[{model.repository}](https://huggingface.co/{model.repository}), {model.commit[:8]}"
    if row is None:
        return f"# {model.name}\n\nPulled from {where}. It is not in the registry and was not reviewed.\n"
    scores = "".join(f"- {s.test}: {s.value:g} {s.unit}; {s.note} ({s.source}, {s.date})\n" for s in row.published)
    terms = (row.license or "not stated") + ("" if row.commercial else ", not for commercial use")
    warning = f"Note: {row.warning}.\n\n" if row.warning else ""
    return f"# {row.name}\n\n{row.about}\n\n{warning}License: {terms}. Pulled from {where}.\n\n{scores}"


def folder_of(name: str) -> Path | None:
    """The folder of the pulled model of this name; None if there is none."""
    model = pulled(name)
    return Path(model.folder) if model else None
