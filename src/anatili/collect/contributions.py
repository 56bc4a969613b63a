"""Read the accepted lines of a commons as JSON lines, which `corpora` reads like those of any other corpus."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from anatili.problem import Problem, not_installed
from anatili.recipe import Source

if TYPE_CHECKING:
    from anatili.commons.database import Database


def as_read(source: Source) -> Source:
    """The source by whose settings its files are read: contributions are read from JSON lines."""
    if source.kind != "commons":
        return source
    return source.model_copy(update={"kind": "jsonl", "id_field": "id", "text_field": "text", "url_field": "url"})


@contextmanager
def commons_of(source: Source, base: Path) -> "Iterator[Database]":
    """The commons of a source; `Problem` if it is not there, or if a recipe would publish its password."""
    try:
        from anatili.commons.database import Database
    except ImportError as error:
        raise Problem(not_installed(f"source {source.name!r}: a commons needs more packages", "commons")) from error
    is_address = "://" in source.path
    if is_address and urlsplit(source.path).password:
        raise Problem(
            f"source {source.name!r}: a recipe is published with what it makes, so it must not have a password; write "
            "it into ~/.pgpass or the variable PGPASSWORD"
        )
    database = Database(source.path if is_address else str(base / source.path), must_exist=True)
    try:
        yield database
    finally:
        database.close()


def write_contributions(source: Source, base: Path, target: Path) -> Path:
    """Write the lines that are accepted now to `target`, unless it is there from an earlier start."""
    from anatili.commons.export import accepted, write_lines

    if not target.exists():
        with commons_of(source, base) as database:
            write_lines(accepted(database, source.language), target)
    return target
