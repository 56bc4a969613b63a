"""The one exception that is meant for people, and how to get what is missing where they are."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The source tree that this package runs from, if it runs from one."""


class Problem(Exception):  # noqa: N818 - the word users read
    """What is wrong, where it is and what to do about it; the command line prints it without a traceback."""


def is_checkout() -> bool:
    """Whether this package runs from its source tree."""
    return (ROOT / "pyproject.toml").is_file() and Path(__file__).parent == ROOT / "src" / "anatili"


def install(extra: str) -> str:
    """The command that installs what an extra of anatili names.

    In a checkout it is the checkout with the extra; elsewhere the missing packages themselves, because the name
    `anatili` is not on the package index and would be somebody else's there.
    """
    if is_checkout():
        return f"{pip()} -e {shlex.quote(f'{nearest(ROOT)}[{extra}]')}"
    named = sorted(set(requirements(extra)))
    missing = [one for one in named if not is_installed(one)] or named
    return f"{pip()} {' '.join(map(shlex.quote, missing))}"


def pip() -> str:
    """The start of a command that installs into the environment that this runs in."""
    return f"{shlex.quote(nearest(Path(sys.executable)))} -m pip install"


def nearest(path: Path) -> str:
    """`path`, from the current folder where it lies below."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def requirements(extra: str) -> Iterator[str]:
    """The third-party packages that an extra names, also through other extras."""
    from importlib import metadata

    for line in metadata.requires("anatili") or ():
        what, _, marker = line.partition(";")
        if f"extra=='{extra}'" not in marker.replace(" ", "").replace('"', "'"):
            continue
        own = re.fullmatch(r"anatili\[([\w,-]+)\]", what.replace(" ", ""))
        if own:
            for name in own[1].split(","):
                yield from requirements(name)
        else:
            yield what.strip()


def is_installed(requirement: str) -> bool:
    from importlib import metadata

    name = re.match(r"[\w.-]+", requirement)
    assert name is not None
    try:
        return bool(metadata.version(name[0]))
    except metadata.PackageNotFoundError:
        return False
