"""Make a new pack from the templates in `template/`: the files of a pack, with comments for a linguist."""

import re
import tomllib
from pathlib import Path

from anatili.lang import codes, load_pack
from anatili.pack_folders import FOLDER
from anatili.problem import Problem
from anatili.text import show_path

TEMPLATES = FOLDER / "template"
SUFFIX = ".template"
SOURCE = '"{name}" = {{ origin = "{origin}", license = "CC0-1.0" }}\n'
AUTHORS = "written by the authors of this pack"
LEARNED = {
    "lexicon.tsv": "learned by anatili lang lexicon from running text",
    "endings.tsv": "learned with lexicon.tsv",
    "identify.npz": "learned by anatili lang identify from running text",
}
"""Files that commands write into a pack -> their origin."""


def scripts() -> dict[str, str]:
    """Script -> the alphabet with which a new pack in this script starts."""
    return tomllib.loads((TEMPLATES / "scripts.toml").read_text("utf-8"))


def new_pack(code: str, into: Path, script: str = "Latn", prompts_from: str = "") -> Path:
    """Write the folder of a new pack. `prompts_from`: the language whose prompts it uses until it has its own.

    `Problem` if there is such a pack, or the folder exists or cannot be written.
    """
    if not re.fullmatch(r"[a-z]{2,3}(_[a-z0-9]+)?", code):
        raise Problem(
            f"{code!r} is not a language code: use two or three lower-case letters (ISO 639), as in `lang list`"
        )
    folder = into.resolve() / code
    if folder.exists():
        raise Problem(f"{show_path(folder)} already exists; edit it, then run: anatili lang check {code}")
    if code in codes():
        own = show_path(load_pack(code).folder)
        raise Problem(
            f"there is a pack {code!r} already: {own}. To change it, copy that folder: a pack of the same name in "
            "ANATILI_PACKS takes its place"
        )
    if not (load_pack(prompts_from).folder / "prompts.toml").is_file():
        with_prompts = [name for name in codes() if (load_pack(name).folder / "prompts.toml").is_file()]
        raise Problem(f"{prompts_from} has no prompts to fall back to; choose one of {', '.join(with_prompts)}")
    try:
        folder.mkdir(parents=True)
        for name, text in files(code, script, prompts_from).items():
            (folder / name).write_text(text, "utf-8")
    except OSError as error:
        raise Problem(
            f"cannot write {show_path(folder)}: {error.strerror}; choose another folder with --into FOLDER"
        ) from error
    return folder


def files(code: str, script: str, prompts_from: str) -> dict[str, str]:
    """Name -> text of each file of a new pack."""
    fallback = load_pack(prompts_from)
    values = {
        "FALLBACK_NAME": fallback.name,
        "FALLBACK": prompts_from,
        "CODE": code,
        "SCRIPT": script,
        "ALPHABET": scripts()[script],
    }
    texts = {}
    for path in sorted(TEMPLATES.glob(f"*{SUFFIX}")):
        texts[path.name.removesuffix(SUFFIX)] = re.sub(
            r"\b(?:FALLBACK_NAME|FALLBACK|CODE|SCRIPT|ALPHABET)\b",
            lambda word: values[word.group()],
            path.read_text("utf-8"),
        )
    texts["prompts.toml"] += "\n" + "".join(
        line if line.strip().startswith("[") else f"# {line}" if line.strip() else line
        for line in (fallback.folder / "prompts.toml").read_text("utf-8").splitlines(keepends=True)
    )
    origins = dict.fromkeys(sorted(texts), AUTHORS) | LEARNED
    texts["pack.toml"] += "".join(SOURCE.format(name=name, origin=origin) for name, origin in origins.items())
    return texts
