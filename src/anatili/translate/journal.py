"""A journal of work in progress: a JSON Lines file with a head that says what it is about and a row per result."""

import json
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from anatili.problem import Problem
from anatili.text import show_path


def weights_of(files: Iterable[Path]) -> str:
    """A digest of the sizes and times of model files: it identifies them without reading gigabytes."""
    facts = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(files)]
    return sha256(repr(facts).encode()).hexdigest()[:16] if facts else ""


def read_journal(file: Path, head: dict[str, Any]) -> list[Any]:
    """The rows in `file` after its head. A line cut short by a kill is removed; a new file gets the head.

    `Problem` if the file has another head: its rows are of other sentences or by another model.
    """
    line = json.dumps(head, ensure_ascii=False) + "\n"
    if not file.is_file() or not file.stat().st_size:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(line, "utf-8")
        except OSError as error:
            raise Problem(f"cannot write {show_path(file)}: {error.strerror}") from error
        return []
    content = file.read_bytes()
    complete = content[: content.rfind(b"\n") + 1]
    with suppress(ValueError):
        first, *rest = [json.loads(row) for row in complete.splitlines()]
        if first == head:
            if complete != content:
                file.write_bytes(complete)
            return rest
    raise Problem(f"{show_path(file)} holds translations of other sentences or by another model; name another --out")
