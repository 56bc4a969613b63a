"""Files and folders that others never see half written, or half removed."""

import contextlib
import errno
import json
import os
import secrets
import shutil
import types
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from anatili.problem import Problem
from anatili.text import show_path


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path to write to, moved to `path` at the end. On any error nothing is left behind.

    A full disk becomes a `Problem` that names the path. Existing files stay complete. `Problem` for a device or a pipe,
    such as /dev/null, which the move would replace by a file.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise Problem(f"{show_path(path)} is not an ordinary file: name another one")
    # In two containers that share a disk, two processes may have the same process id.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        problem = disk_problem(error, path)
        if problem is None and error.filename in map(str, (temporary, path, *path.parents)):
            problem = Problem(f"cannot write {show_path(path)}: {error.strerror}")
        if problem is None:
            raise
        raise problem from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def remove_folder(folder: Path) -> None:
    """Remove a folder at once for all who look for it: one that is killed meanwhile leaves no half of it, which the
    next would take for work that is done."""
    finish_removal(folder)
    with contextlib.suppress(FileNotFoundError):
        folder.rename(_removed(folder))
    finish_removal(folder)


def finish_removal(folder: Path) -> None:
    """Remove what is left of a folder's removal that was stopped."""
    shutil.rmtree(_removed(folder), ignore_errors=True)


def _removed(folder: Path) -> Path:
    return folder.with_name(f".removed-{folder.name}")


def disk_problem(error: OSError, path: Path) -> Problem | None:
    """A `Problem` for a full disk, with the path and what to do; None for any other error."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return None
    return Problem(
        f"no space left to write {show_path(path)} ({os.strerror(error.errno or 0)}). Nothing already built is lost: "
        "free some space and run the same command again; it resumes where it stopped"
    )


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON, in one move."""
    with whole_file(path) as temporary:
        text = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, default=_plain)
        temporary.write_text(text + "\n", "utf-8", "replace")


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return show_path(value)
    if isinstance(value, types.MappingProxyType):
        return dict(value)
    return asdict(value)
