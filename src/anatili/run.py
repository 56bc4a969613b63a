"""A run: a folder with one subfolder per stage, and a record of how each stage was built.

A stage is found by its name, never by a hash. Its identity is stored in its record: if the recipe no longer matches
what was built, the run stops and says which setting changed.
"""

import fnmatch
import hashlib
import json
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

import anatili
from anatili.problem import Problem
from anatili.text import file_digest, show_path
from anatili.urls import without_keys, without_keys_anywhere

MEMORIZED = "attribution/memorized.json"
"""File of a run: how much of what its model writes without a prompt occurs word for word in its training text."""
SHOWN = 6
"""Changes of a recipe that a message names; it counts the others."""


@dataclass(frozen=True)
class Record:
    """What was built, from what, and how. It is written last: a stage with a record is finished."""

    stage: str
    identity: dict[str, Any]
    """What determines the result: settings, content of inputs, files of packs, version of the stage."""
    fingerprint: str
    content: str
    """One digest of all outputs, by which later stages identify this one."""
    summary: dict[str, Any]
    outputs: dict[str, str]
    """Files and their SHA-256."""
    provenance: dict[str, Any]
    """Who built it, when and where; never part of the fingerprint."""


class Drift(Problem):
    """The recipe, packs or inputs have changed since a stage was built."""


class Run:
    """The folder of one run."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, stage: str) -> Path:
        return self.root / stage

    def record(self, stage: str) -> Record | None:
        """The record of `stage`; None if it is not finished. `Problem` if the record cannot be read."""
        path = self.folder(stage) / "record.json"
        if not path.exists():
            return None
        try:
            return Record(**json.loads(path.read_text("utf-8")))
        except (ValueError, TypeError) as error:
            raise Problem(f"{show_path(path)} is damaged ({error}); rebuild it with --redo {stage}") from error

    def is_done(self, stage: str, identity: dict[str, Any]) -> bool:
        """Whether `stage` was built from exactly this identity; `Drift` if from a different one."""
        record = self.record(stage)
        if record is None:
            return False
        # Older records have languages and packs even for stages that do not read them.
        unread = {"languages", "packs"} - identity.keys()
        # Older ones have keys of addresses, too.
        recorded = plain({key: value for key, value in record.identity.items() if key not in unread})
        if changed := differences(recorded, identity):
            more = f"; and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
            raise Drift(
                f"{stage} is out of date: {'; '.join(changed[:SHOWN])}{more}.\n"
                f"Rebuild it and all later stages with --redo {stage}.. (only it: --redo {stage}), "
                "or give the recipe another name."
            )
        return True

    def finish(
        self, stage: str, identity: dict[str, Any], summary: dict[str, Any], *, started: float, loose: Sequence[str]
    ) -> Record:
        """Write the record of `stage`. Files that match a pattern in `loose` get no digest (logs, index segments)."""
        folder = self.folder(stage)
        names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
        ignored = ("record.json", ".*", "*/.*", *loose)
        outputs = {n: file_digest(folder / n) for n in names if not any(fnmatch.fnmatch(n, i) for i in ignored)}
        record = Record(
            stage=stage,
            identity=identity,
            fingerprint=fingerprint(identity),
            content=fingerprint(outputs),
            summary=plain(summary),
            outputs=outputs,
            provenance=provenance(started),
        )
        from anatili.atomic_files import write_json  # pyarrow: many commands only read a record

        write_json(folder / "record.json", asdict(record))
        return record

    @contextmanager
    def locked(self, wait: float = 0) -> Iterator[None]:
        """Lock the folder against a second run; `Problem` if another run still holds it after `wait` seconds."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Problem(f"cannot create the folder {show_path(self.root)}: {error.strerror}") from error
        lock = FileLock(self.root / ".lock", timeout=wait)
        try:
            with lock:
                yield
        except Timeout as error:
            raise Problem(
                f"another run is using {show_path(self.root)}; wait for it, or choose another folder with --runs, "
                "for refine with --out"
            ) from error


def fingerprint(identity: Any) -> str:
    """SHA-256 of a value as sorted JSON: the same in every process and on every machine."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def plain(value: Any) -> Any:
    """`value` after a round trip through JSON, so that a tuple and a list compare equal; addresses without the keys in
    them, because records are published."""
    return without_keys_anywhere(json.loads(json.dumps(value, ensure_ascii=False)))


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """Each value that differs, as `section.key changed from OLD to NEW`; of tables in a list by their names."""
    before, after = _by_name(old), _by_name(new)
    if isinstance(before, dict) and isinstance(after, dict):
        keys = sorted(before.keys() | after.keys())
        lines = [line for key in keys for line in differences(before.get(key), after.get(key), f"{path}.{key}")]
        if lines or isinstance(old, dict):
            return lines
    return [] if old == new else [f"{path[1:]} changed from {_brief(old)} to {_brief(new)}"]


def _by_name(value: Any) -> Any:
    """A list of tables that have names as name -> table; anything else as it is."""
    if isinstance(value, list | tuple) and value and all(isinstance(row, dict) and "name" in row for row in value):
        named = {row["name"]: row for row in value}
        return named if len(named) == len(value) else value
    return value


def _brief(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:12] + "…" + text[-6:]


FOLDERS = re.compile(r"(?:(?<![\w.:/])|(?<=^-\w)|(?<=file://))/(?:[^/]+/)+|(?<!\w)[A-Za-z]:\\(?:[^\\]+\\)+")
"""The folders of a path from the root."""


def provenance(started: float) -> dict[str, Any]:
    """Who built something, when, where and with which command."""
    return {
        "anatili": anatili.__version__,
        "commit": git_commit(),
        "python": platform.python_version(),
        "machine": platform.platform(),
        "packages": versions(),
        "command": command_without_secrets([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "seconds": round(time.time() - started, 1),
    }


PRIVATE_OPTIONS = ("--reason", "--key")
"""Options whose values are nobody's business: what an owner wrote, and keys."""


def command_without_secrets(words: Sequence[str]) -> list[str]:
    """A command as it may be published."""
    shown = []
    for before, word in zip(("", *words), words, strict=False):
        option, sign, _ = word.partition("=")
        if before in PRIVATE_OPTIONS:
            shown.append("...")
        else:
            shown.append(f"{option}=..." if sign and option in PRIVATE_OPTIONS else without_secrets(word))
    return shown


def without_secrets(word: str) -> str:
    """A word of a command without what is nobody's business: user, password and query of an address, which may be
    keys, and the folders of a path from the root, which name people and machines."""
    word = show_path(word)
    before, is_address, rest = without_keys(word).partition("://")
    word = before + is_address + (rest.partition("?")[0].partition("#")[0] if is_address else rest)
    return FOLDERS.sub(".../", word)


@cache
def versions() -> dict[str, str]:
    """Versions of the installed packages that anatili requires.

    They are not part of an identity (an update would rebuild a whole crawl), but they help to explain why two runs
    differ.
    """
    installed = {}
    with suppress(metadata.PackageNotFoundError):
        for line in metadata.requires("anatili") or ():
            name = re.split(r"[^\w.-]", line)[0]
            with suppress(metadata.PackageNotFoundError):
                installed[name] = metadata.version(name)
    return {name: version for name, version in sorted(installed.items()) if name != "anatili"}


def git_commit() -> str | None:
    """The commit of the source tree that this package runs from; None if it does not run from one."""
    here = Path(__file__).parent
    try:
        answer = subprocess.run(
            ["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return answer.stdout.strip() or None


def find_run(name: Path, runs: Path = Path("runs")) -> Run:
    """The run at the path `name`, or of that name in the folder `runs`; `Problem` if there is none."""
    for root in (name, runs / name):
        if (root / "recipe.toml").is_file():
            return Run(root)
    existing = sorted(p.parent.name for p in runs.glob("*/recipe.toml"))
    raise Problem(
        f"no run {show_path(name)}; "
        + (f"there are: {', '.join(existing)}" if existing else "create one with: anatili run RECIPE")
    )
