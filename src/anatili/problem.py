"""The one exception that is meant for people, and the commands that install what is missing."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from anatili.urls import without_keys

ROOT = Path(__file__).parents[2]
"""The source tree, if this package runs from one."""


class Problem(Exception):  # noqa: N818 - the word users read
    """What is wrong, where, and what to do about it. The command line prints it without a traceback."""

    status = 1
    """Exit status of the command that it ends."""

    def __str__(self) -> str:
        return without_keys(super().__str__())


def is_checkout() -> bool:
    """Whether this package runs from its source tree."""
    return (ROOT / "pyproject.toml").is_file() and Path(__file__).parent == ROOT / "src" / "anatili"


def install(extra: str) -> str:
    """The command that installs the packages of an extra.

    In a checkout it installs the checkout with the extra. Elsewhere it names the missing packages themselves, because
    `anatili` is not on the package index and that name could belong to someone else there.
    """
    if is_checkout():
        return f"{pip()} -e {shlex.quote(f'{nearest(ROOT)}[{extra}]')}"
    packages = sorted(set(requirements(extra)))
    missing = [name for name in packages if not is_installed(name)] or packages
    return f"{pip()} {' '.join(map(shlex.quote, missing))}"


def not_installed(what: str, extra: str) -> str:
    """The message about packages that are missing: `what` needs them, the command that brings them, and `doctor`."""
    return f"{what}: {install(extra)}; `anatili doctor` tells what else this machine has and lacks"


def pip() -> str:
    """The start of a command that installs into the current environment."""
    return f"{shlex.quote(nearest(Path(sys.executable)))} -m pip install"


def nearest(path: Path) -> str:
    """`path`, relative to the current folder if it is inside it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def requirements(extra: str) -> Iterator[str]:
    """The third-party packages of an extra, including those of extras that it refers to."""
    from importlib import metadata

    for line in metadata.requires("anatili") or ():
        requirement, _, marker = line.partition(";")
        if f"extra=='{extra}'" not in marker.replace(" ", "").replace('"', "'"):
            continue
        own_extras = re.fullmatch(r"anatili\[([\w,-]+)\]", requirement.replace(" ", ""))
        if own_extras:
            for name in own_extras[1].split(","):
                yield from requirements(name)
        else:
            yield requirement.strip()


def is_installed(requirement: str) -> bool:
    from importlib import metadata

    name = re.match(r"[\w.-]+", requirement)
    assert name is not None
    try:
        return bool(metadata.version(name[0]))
    except metadata.PackageNotFoundError:
        return False
