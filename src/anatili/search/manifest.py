"""The list of documents of a live index: a table that survives a crash together with the index.

A change is written here as pending, then made in the index, then written here as done. After a crash, a pending change
is kept if the index has it, and forgotten if not: nothing that was done is lost, and nothing is half done.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

NAME = "documents.sqlite"


@dataclass(frozen=True, slots=True)
class Entry:
    """A document of a live index, or a file that could not be read."""

    name: str
    id: str
    version: str
    """Tells the passages of this reading of the file from those of an earlier one."""
    stamp: str
    """Size and time of the file when it was read: with another stamp it is read again."""
    bytes: int
    time: str
    """When it was read (ISO 8601)."""
    passages: int = 0
    parts: int = 0
    part: str = ""
    """What `parts` counts: pages, lines, slides; "" for nothing."""
    title: str = ""
    language: str = ""
    """As identified; "und" if it could not be."""
    code: str = ""
    """Why it could not be read, in a word; "" if it was."""
    reason: str = ""
    """Why it could not be read, in a sentence; without a code, what was left out of a file that was read."""
    kept: bool = False
    """Whether it stays when its session ends."""

    def passage_id(self, number: int) -> str:
        return f"{self.id}-{self.version}:{number}"

    def passage_ids(self) -> Iterable[str]:
        return map(self.passage_id, range(self.passages))


FIELDS = tuple(field.name for field in fields(Entry))
COLUMNS = ", ".join(FIELDS)
TABLES = f"""
CREATE TABLE IF NOT EXISTS done ({COLUMNS}, PRIMARY KEY (name));
CREATE TABLE IF NOT EXISTS pending (is_removed, {COLUMNS}, PRIMARY KEY (name));
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT OR IGNORE INTO facts VALUES ('changes', 0), ('vocabulary', -1), ('removed', 0);
"""


def entry_of(row: Sequence[Any]) -> Entry:
    """The entry in a row of a table; SQLite has no booleans."""
    return Entry(*[*row[:-1], bool(row[-1])])


class Manifest:
    """The table of a live index. Only one thread at a time may use it."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        path = folder / NAME
        if read_only:
            self.database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
            return
        self.database = sqlite3.connect(path, check_same_thread=False)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("PRAGMA synchronous = FULL")  # on the disk when it is written
        self.database.execute("PRAGMA secure_delete = ON")
        self.database.executescript(TABLES)

    def entries(self) -> dict[str, Entry]:
        """Name -> entry, in the order in which they came."""
        return {row[0]: entry_of(row) for row in self.database.execute("SELECT * FROM done ORDER BY rowid")}

    def prepare(self, entries: Iterable[Entry], removed: Iterable[str]) -> None:
        """Write a change as pending."""
        rows = [(0, *(getattr(entry, name) for name in FIELDS)) for entry in entries]
        gone = [(1, name, *[""] * (len(FIELDS) - 1)) for name in removed]
        marks = ", ".join("?" * (len(FIELDS) + 1))
        with self.database:
            self.database.executemany(f"INSERT INTO pending VALUES ({marks})", rows + gone)

    def finish(self, removed: int = 0) -> None:
        """The pending change is in the index: write it as done. `removed`: how many passages it removed."""
        with self.database:
            self.database.execute("DELETE FROM done WHERE name IN (SELECT name FROM pending WHERE is_removed)")
            self.database.execute(
                f"INSERT INTO done SELECT {COLUMNS} FROM pending WHERE NOT is_removed ON CONFLICT (name) DO UPDATE SET "
                + ", ".join(f"{name} = excluded.{name}" for name in FIELDS[1:])
            )
            changed = self.database.execute("DELETE FROM pending").rowcount
            self.database.execute("UPDATE facts SET value = value + ? WHERE name = 'changes'", [changed])
            self.database.execute("UPDATE facts SET value = value + ? WHERE name = 'removed'", [removed])

    def recover(self, is_in_index: Callable[[Entry], bool]) -> list[str]:
        """Decide on a change that a crash left pending; the ids of passages that must go from the index."""
        pending = self.database.execute("SELECT * FROM pending").fetchall()
        done, gone = self.entries() if pending else {}, list[str]()
        for is_removed, *row in pending:
            entry = entry_of(row)
            if not is_removed and entry.passages and not is_in_index(entry):
                with self.database:
                    self.database.execute("DELETE FROM pending WHERE name = ?", [entry.name])
            elif entry.name in done:
                gone += done[entry.name].passage_ids()
        return gone

    def fact(self, name: str) -> int:
        return int(self.database.execute("SELECT value FROM facts WHERE name = ?", [name]).fetchone()[0])

    def set_fact(self, name: str, value: int) -> None:
        with self.database:
            self.database.execute("UPDATE facts SET value = ? WHERE name = ?", [value, name])

    def close(self) -> None:
        self.database.close()
