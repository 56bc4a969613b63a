"""The registry: open models that are worth a try, with what is known of each and where it is said.

`registry.toml` holds them, a table each. A fact without a source is left out there, never guessed. What was pulled is
known by a record in the cache, written when all files were there and checked.
"""

import difflib
import fnmatch
import json
import os
import tomllib
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from anatili import models
from anatili.document import whole_file
from anatili.problem import Problem
from anatili.text import show_path
from anatili.weights import cache_folder

FILE = Path(__file__).parent / "registry.toml"
ROOM = 1.15
"""Memory for each byte of weights: what llama.cpp keeps of a context of 4,096 tokens takes a tenth of 8 B in 4 bits."""
BESIDE = 700_000_000
"""Bytes of memory that a process takes beside that, at most: the cache of a small model is larger than its weights."""
BITS = {"Q4_K_M": 4.8944, "Q8_0": 8.5008, "BF16": 16.0}
"""Bits a weight, measured on Llama 3.1 8B: github.com/ggml-org/llama.cpp, tools/quantize/README.md (2025)."""
FACTS = ("bytes", "parameters", "licence", "gated", "languages", "all_languages", "warning")
"""Facts of a row that need a source."""
KINDS = ("chat", "base", "translation", "embedding", "reranker", "speech")


class Fact(BaseModel):
    """Nothing unknown, nothing changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Fact):
    """Where facts of a row are said."""

    of: tuple[str, ...]
    """Names of the row's keys."""
    url: str = Field(pattern="^https://")
    date: str = Field(pattern=r"^20\d\d(-\d\d(-\d\d)?)?$")
    """When the page was published or last changed, as far as it tells; else when it was looked up (in a copy)."""


class Score(Fact):
    """A result that others published, or our own where `source` is a command."""

    test: str
    value: float
    unit: str
    """What the figure is: accuracy in %, BLEU, chrF, nDCG@10, word error rate in %."""
    note: str = ""
    """How it was asked: figures of other settings cannot be set beside it."""
    source: str
    date: str = Field(pattern=r"^20\d\d(-\d\d(-\d\d)?)?$")


class Row(Fact):
    """A model: what it is, where it lies, what it takes, what it is worth."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    kind: Literal["chat", "base", "translation", "embedding", "reranker", "speech"]
    about: str
    """What it is for, in a sentence."""
    repository: str = Field(default="", pattern=r"^$|^[\w.-]+/[\w.-]+$")
    """OWNER/NAME on the hub."""
    file: str = ""
    """The GGUF file there; "" takes all that a folder of weights needs."""
    revision: str = "main"
    address: str = ""
    """Where it is, if it cannot be pulled."""
    format: Literal["gguf", "safetensors", "ctranslate2", "bundled", ""] = ""
    """"": an address only, nothing to pull."""
    bytes: int = 0
    """Size of what is downloaded, as its page tells it: mostly rounded. 0 where no page was found; see `size`."""
    quantization: str = ""
    """Of a GGUF file, or how many bits a weight of a folder takes."""
    parameters: int = 0
    licence: str = ""
    """SPDX, or LicenseRef- for what SPDX does not know."""
    terms: str = ""
    """Where the licence can be read, if it is none of the well-known ones."""
    commercial: bool = True
    """False where the licence forbids commercial use."""
    gated: str = ""
    """Where terms must be accepted before anything can be had; "" if that is not asked."""
    languages: tuple[str, ...] = ()
    """Those that its maker names, of the ones with prompts here."""
    all_languages: int = 0
    """How many its maker names in all."""
    tokens_per_word: float = 0
    """Tokens a Kazakh word, measured by us on FLORES dev; 0 where its tokenizer could not be had."""
    published: tuple[Score, ...] = ()
    measured: tuple[Score, ...] = ()
    warning: str = ""
    """What people must know before they use it; its source is in `sources`."""
    sources: tuple[Source, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the download: as told, else reckoned from weights and quantization; 0 if neither is known."""
        return self.bytes or int(self.parameters * BITS.get(self.quantization, 0) / 8)

    @property
    def is_size_reckoned(self) -> bool:
        return bool(self.size) and not self.bytes

    @property
    def can_be_pulled(self) -> bool:
        return self.format in ("gguf", "safetensors", "ctranslate2")

    @property
    def memory(self) -> int:
        """Bytes of memory that it takes to run here, 0 if unknown."""
        # A folder of safetensors runs in float32 here, whatever it is stored in.
        weights = 4 * self.parameters if self.format == "safetensors" else self.size
        if self.format == "bundled":  # a part comes along, the base beside it; both run in 8 bits
            weights = max(weights, int(self.parameters * BITS["Q8_0"] / 8))
        return int(weights * ROOM) + BESIDE if weights else 0


@dataclass(frozen=True)
class Pulled:
    """What was pulled: whole, checked, and not changed since as far as sizes tell."""

    name: str
    repository: str
    commit: str
    folder: str
    """The snapshot's folder."""
    files: dict[str, int]
    """Names within it and their sizes."""
    opens: str = ""
    """The GGUF file to open; "" opens the folder."""

    @property
    def place(self) -> Path:
        """What an engine opens."""
        return Path(self.folder) / self.opens


@cache
def said() -> dict[str, Any]:
    """The file as it is: `language` and `name` of the language that it is about, and the models."""
    return tomllib.loads(FILE.read_text("utf-8"))


@cache
def rows() -> tuple[Row, ...]:
    """All rows, in the file's order. Of those that come with anatili `model.json` tells the facts."""
    found = []
    for row in said()["model"]:
        place = models.HERE / row["name"]
        found.append(Row.model_validate((bundled(place) if row.get("format") == "bundled" else {}) | row))
    return tuple(found)


def bundled(place: Path) -> dict[str, Any]:
    """The facts of a model that comes with anatili."""
    told, code = models.describe(place), said()["language"]
    own = [one for one in told.get("scores", ()) if one["texts"] == f"{code}.txt"]
    ways = [one for one in told.get("translation", ()) if "chrf" in one]
    measured = [
        (f"FLORES dev {code}", one["bits_per_byte"], "bits per byte", f"{one['count']} lines, lower is better")
        for one in own
    ] + [(f"{one['texts']} {one['source']}-{one['target']}", one["chrf"], "chrF++", f"{one['count']} lines")
         for one in ways]  # fmt: skip
    return {
        "bytes": sum(path.stat().st_size for path in place.iterdir()), "parameters": told["parameters"],
        "licence": told["licence"], "languages": told["languages"],
        "measured": [
            {"test": test, "value": value, "unit": unit, "note": note, "source": "its model.json", "date": "2026"}
            for test, value, unit, note in measured
        ],
    }  # fmt: skip


def find(name: str) -> Row | None:
    """The row of this name, in any case of letters."""
    return next((row for row in rows() if row.name == name.lower()), None)


def facts(row: Row) -> dict[str, Any]:
    """All that is known of a row, and how it stands on this machine."""
    here, memory = pulled(row.name), machine_memory()
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
    """A model of the registry that is not here; the command line offers to pull it."""

    def __init__(self, row: Row) -> None:
        super().__init__(f"{row.name} is not here: anatili pull {row.name}   ({in_short(row)})")
        self.row = row


def in_short(row: Row) -> str:
    """Size and licence in a few words."""
    size = f"{'about ' if row.is_size_reckoned else ''}{row.size / 1e9:.2f} GB, " if row.size else ""
    return f"{size}{row.licence or 'licence unknown'}{'' if row.commercial else ', not for commercial use'}"


def located(name: str) -> Pulled | None:
    """What was pulled under this name; None if the registry has no such row.

    `NotPulled` if it has and it is not here, another `Problem` if it cannot be pulled at all.
    """
    found = pulled(name)
    if found:
        return found
    row = find(name)
    if row is None or row.format == "bundled":
        return None
    if row.can_be_pulled:
        raise NotPulled(row)
    raise Problem(f"{row.name} cannot be run here, only pointed to: {row.address}")


def known(name: str) -> Row:
    """The row of this name; `Problem` with the nearest ones if there is none."""
    row = find(name)
    if row is None:
        near = difflib.get_close_matches(name.lower(), [row.name for row in rows()], 3, 0.4)
        raise Problem(
            f"no model {name!r} in the registry{'; near: ' + ', '.join(near) if near else ''}: anatili models"
        )
    return row


def record_of(name: str) -> Path:
    """The file that tells what was pulled under a name: a row's, OWNER/NAME or OWNER/NAME/FILE."""
    return cache_folder() / "pulled" / f"{name.replace('/', '--')}.json"


def write_pulled(pulled: Pulled) -> None:
    with whole_file(record_of(pulled.name)) as temporary:
        temporary.write_text(json.dumps(asdict(pulled), indent=1), "utf-8")


def pulled(name: str) -> Pulled | None:
    """What was pulled under this name; None if nothing was, if it is gone, or if the row has another file by now."""
    row = find(name)
    file = record_of(row.name if row else name)
    if not file.is_file():
        return None
    try:
        found = Pulled(**json.loads(file.read_text("utf-8")))
        sizes = {name: (Path(found.folder) / name).stat().st_size for name in found.files}
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise Problem(f"{show_path(file)} is damaged: {error}. Remove it and pull {name} again") from error
    is_other = row and (found.repository != row.repository or not fnmatch.fnmatchcase(found.opens, row.file))
    return found if sizes == found.files and not is_other else None


def card(found: Pulled) -> str:
    """What the page says of a pulled model."""
    row = find(found.name)
    where = f"[{found.repository}](https://huggingface.co/{found.repository}), {found.commit[:8]}"
    if row is None:
        return f"# {found.name}\n\nPulled from {where}. Nobody here has looked at it.\n"
    scores = "".join(f"- {s.test}: {s.value:g} {s.unit}; {s.note} ({s.source}, {s.date})\n" for s in row.published)
    licence = (row.licence or "not stated") + ("" if row.commercial else ", not for commercial use")
    warning = f"Mind: {row.warning}.\n\n" if row.warning else ""
    return f"# {row.name}\n\n{row.about}\n\n{warning}Licence: {licence}. Pulled from {where}.\n\n{scores}"


def folder_of(name: str) -> Path | None:
    """The folder of what was pulled under this name, None if it is not here."""
    found = pulled(name)
    return Path(found.folder) if found else None


def machine_memory() -> int:
    """Bytes of memory that processes here may take in all, 0 if the system does not tell."""
    try:
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text("ascii"))  # of a container
    except (OSError, ValueError):
        return physical
    return min(physical, limit)
