"""Where language packs are looked for."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "lang"
"""The folder of the bundled packs."""


def folders() -> list[Path]:
    """The folders in which packs are looked for, in order: the bundled one, then those of ANATILI_PACKS."""
    return [FOLDER, *map(Path, filter(None, os.environ.get("ANATILI_PACKS", "").split(os.pathsep)))]
