"""What a guide tells its reader to write: code blocks by their language, and by the name in the first line."""

import importlib.util
import re
from pathlib import Path
from typing import Any

GUIDES = Path(__file__).parent.parent / "docs" / "guides"


def blocks(guide: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (GUIDES / guide).read_text("utf-8"), re.DOTALL | re.MULTILINE)


def write_files(guide: str, folder: Path, *languages: str) -> None:
    """Write the blocks that begin with `# NAME` into `folder`."""
    for language in languages:
        for block in blocks(guide, language):
            if name := re.match(r"# (\S+\.\w+)\n", block):
                (folder / name[1]).write_text(block, "utf-8")


def engine_guide(folder: Path) -> Any:
    """The class of the engine guide: bigrams of bytes, an engine whose answers can be foretold."""
    write_files("add-an-engine.md", folder, "python")
    spec = importlib.util.spec_from_file_location("guide_bigrams", folder / "anatili_bigrams.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Bigrams
