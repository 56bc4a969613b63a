"""What this machine can do with anatili, what is missing, and the command that brings it.

It answers in less than a second: packages are looked up by their metadata, nothing heavy is imported.
"""

import json
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from anatili import machine
from anatili.problem import install, is_installed, pip, requirements

PURPOSES = {
    "": "census, extract, run until the search index, tokenizer, search, learn",
    "train": "train and tune models, export",
    "serve": "chat, serve, evaluate with llama.cpp",
    "files": "translate .docx, .xlsx, .po and .srt",
    "eval": "plots, scores of translation, other makers' tokenizers",
    "seq2seq": "translation models (NLLB, Tilmash, MADLAD)",
    "dense": "search by meaning",
    "crawl": "crawls from S3",
    "scale": "runs on a Ray cluster",
    "prefer": "learn from preferences (DPO)",
    "track": "watch a training in TensorBoard",
    "trace": "index a corpus, to trace answers to it",
    "mcp": "offer tools to agents (MCP)",
    "commons": "take people's contributions, in SQLite or PostgreSQL",
    "gemma": "the base of kazakh-270m, under Google's terms",
}
"""Extra -> what it is for; "" is the core."""
SCANS = "tesseract"
"""The program that reads scanned pages."""
SCANS_FROM = {
    "apt-get": "sudo apt-get install tesseract-ocr tesseract-ocr-kaz tesseract-ocr-rus",
    "dnf": "sudo dnf install tesseract tesseract-langpack-kaz tesseract-langpack-rus",
    "brew": "brew install tesseract tesseract-lang",
    "winget": "winget install --exact --id UB-Mannheim.TesseractOCR",
}
"""Program that installs others -> its command for tesseract and its data."""
MODELS = Path(__file__).parent / "models"
LEAST_MEMORY = 4 * 2**30
"""Bytes with which the lessons and the tiny recipe were carried out."""
LEAST_DISK = 2**30
"""Free bytes that the tiny recipe and the lessons need, with room."""
PYTHON = (3, 11)


@dataclass(frozen=True)
class Ability:
    """Something the program can do here, or could: `missing` packages, and the `command` that installs them."""

    name: str
    purpose: str
    missing: tuple[str, ...]
    command: str


@dataclass(frozen=True)
class Model:
    """A model that is here; `command` brings what it still needs."""

    name: str
    size: int
    command: str = ""


@dataclass(frozen=True)
class Report:
    """The machine, what it can do, and what to do about what it cannot."""

    processor: str
    cores: int
    memory: int
    """Bytes; 0 if unknown."""
    disk: int
    """Free bytes where we are."""
    gpu: str
    python: str
    system: str
    abilities: tuple[Ability, ...]
    models: tuple[Model, ...]
    advice: tuple[str, ...]
    """What is too little for the lessons and the tiny recipe; empty if all is well."""

    @property
    def is_ready(self) -> bool:
        """Whether the lessons can begin."""
        return not self.advice


def examine() -> Report:
    """Look at this machine and at this installation."""
    memory, disk = machine.memory(), free_bytes(Path.cwd())
    abilities = tuple(ability(extra, purpose) for extra, purpose in PURPOSES.items())
    return Report(
        processor=machine.processor(),
        cores=machine.cores(),
        memory=memory,
        disk=disk,
        gpu=gpu(),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        abilities=(*abilities, scans()),
        models=(*bundled_models(), *pulled_models()),
        advice=tuple(advice(memory, disk, abilities[0])),
    )


def ability(extra: str, purpose: str) -> Ability:
    """What an extra allows, and which of its packages are missing. The core needs what every installation needs."""
    missing = tuple(
        sorted({name_of(line) for line in (requirements(extra) if extra else core()) if not is_installed(line)})
    )
    if not missing:
        command = ""
    elif extra:
        command = install(extra)
    else:
        command = f"{pip()} {' '.join(missing)}"
    return Ability(extra or "core", purpose, missing, command)


def scans() -> Ability:
    """Whether scanned PDFs can be read, and the command for a program that this system installs programs with."""
    if shutil.which(SCANS):
        return Ability(SCANS, "read scanned PDFs", (), "")
    command = next((text for name, text in SCANS_FROM.items() if shutil.which(name)), "https://tesseract-ocr.github.io")
    return Ability(SCANS, "read scanned PDFs", (SCANS,), command)


def core() -> list[str]:
    """The packages that every installation needs on this system."""
    needed = []
    for line in metadata.requires("anatili") or ():
        requirement, _, marker = line.partition(";")
        is_for_linux = "sys_platform" in marker
        if "extra" not in marker and (not is_for_linux or (sys.platform == "linux" and machine_is_x86())):
            needed.append(requirement.strip())
    return needed


def machine_is_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")


def name_of(requirement: str) -> str:
    """`torch` of `torch<3,>=2.9`."""
    end = next((place for place, c in enumerate(requirement) if not (c.isalnum() or c in "-_.")), len(requirement))
    return requirement[:end]


def advice(memory: int, disk: int, core_ability: Ability) -> list[str]:
    lines = []
    if sys.version_info < PYTHON:
        lines.append(f"Python {'.'.join(map(str, PYTHON))} or newer is needed: make PYTHON=python3.11 demo")
    if core_ability.missing:
        lines.append(f"packages are missing: {core_ability.command}")
    if 0 < memory < 0.9 * LEAST_MEMORY:  # part of the memory is the system's own
        lines.append(f"{memory / 2**30:.1f} GiB of memory is little: the lessons were carried out with 4 GiB")
    if 0 < disk < LEAST_DISK:
        lines.append(f"{disk / 2**30:.1f} GiB of disk is free here: make room for 1 GiB, or go to another folder")
    return lines


def free_bytes(folder: Path) -> int:
    """Free bytes of the disk of a folder; 0 if the system does not say."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


def gpu() -> str:
    """How a GPU could be used; "" if none is seen. The driver is looked for, torch is not imported."""
    devices = sorted(Path("/proc/driver/nvidia/gpus").glob("*")) if Path("/proc/driver/nvidia").is_dir() else []
    if devices or shutil.which("nvidia-smi"):
        return f"NVIDIA driver, {len(devices) or 'unknown number of'} devices"
    if Path("/dev/kfd").exists():
        return "AMD driver (ROCm)"
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "Apple (MPS)"
    return "Ascend driver" if Path("/dev/davinci_manager").exists() else ""


def bundled_models() -> list[Model]:
    """The models that come with anatili; one that is built on a base needs its package."""
    models = []
    for path in sorted(MODELS.glob("*/model.json")):
        try:
            description = json.loads(path.read_text("utf-8"))
            base = description["base"]
        except (OSError, ValueError, KeyError, TypeError):
            models.append(Model(path.parent.name, 0, "damaged: install anatili again"))
            continue
        size = sum(file.stat().st_size for file in path.parent.iterdir() if file.is_file())
        is_whole = not base or all(is_installed(requirement) for requirement in requirements("gemma"))
        models.append(Model(path.parent.name, size, "" if is_whole else install("gemma")))
    return models


def pulled_models() -> list[Model]:
    """The models that `anatili pull` brought, by the records in the cache."""
    folder = Path(os.environ.get("ANATILI_CACHE") or os.environ.get("XDG_CACHE_HOME", "~/.cache") + "/anatili")
    models = []
    for path in sorted((folder.expanduser() / "pulled").glob("*.json")):
        name = path.stem.replace("--", "/")
        try:
            size = sum(json.loads(path.read_text("utf-8"))["files"].values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            models.append(Model(name, 0, f"anatili pull {name}"))
            continue
        models.append(Model(name, size))
    return models
