"""The files of a release: sizes and SHA-256 digests, kept in `SHA256SUMS` in the format of `sha256sum -c`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from anatili.atomic_files import whole_file
from anatili.problem import Problem
from anatili.text import file_digest, show_path

SUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
UNLISTED = (SUMS, SIGNATURE)
OF_A_STAGE = ("record.json", "provenance.json", ".identity")
"""Files of a stage's folder that differ between equal builds; a published folder lists them like all others."""


@dataclass(frozen=True)
class Content:
    """What a file holds."""

    size: int
    sha256: str


def content_of(folder: Path, prefix: str = "") -> dict[str, Content]:
    """Name relative to `folder` -> content, for all files below it whose names start with `prefix`."""
    names = (name for name in names_in(folder) if name.startswith(prefix))
    return {name: Content((folder / name).stat().st_size, file_digest(folder / name)) for name in names}


def names_in(folder: Path) -> list[str]:
    """All files below `folder` but the list of digests and its signature; links are files, too."""
    names = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_symlink() or not p.is_dir())
    return sorted(name for name in names if name not in UNLISTED)


def write_sums(folder: Path, known: Mapping[str, Content], leave_out: tuple[str, ...] = ()) -> None:
    """Write the digests of all files below `folder`; those that are `known` are not read again."""
    names = [name for name in names_in(folder) if name not in leave_out]
    for name in names:
        if "\n" in name or "\\" in name:
            raise Problem(f"{name!r} cannot stand in a list of digests; rename the file in {show_path(folder)}")
    lines = [f"{known[name].sha256 if name in known else file_digest(folder / name)}  {name}\n" for name in names]
    with whole_file(folder / SUMS) as temporary:
        temporary.write_text("".join(lines), "utf-8")


def read_sums(folder: Path) -> dict[str, str]:
    """Name -> SHA-256, as the list says; `Problem` if there is no list or it cannot be read."""
    path = folder / SUMS
    if not path.is_file():
        raise Problem(f"no {SUMS} in {show_path(folder)}: name the folder of a release")
    sums: dict[str, str] = {}
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        value, separator, name = line.partition("  ")
        if not separator or len(value) != 64 or name in sums:
            raise Problem(f"{show_path(path)}:{number}: not a line of digests; get the release again")
        sums[name] = value
    return sums
