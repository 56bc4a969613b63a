"""The folders in which language packs are looked for."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "lang"
"""The folder of the bundled packs."""


def folders() -> list[Path]:
    """The folders of packs, in order: the bundled one, then those of ANATILI_PACKS."""
    return [FOLDER, *map(Path, filter(None, os.environ.get("ANATILI_PACKS", "").split(os.pathsep)))]


def missing() -> list[Path]:
    """Folders that ANATILI_PACKS names and that are not there: a misspelled one would silently change nothing."""
    return [folder for folder in folders() if not folder.is_dir()]
