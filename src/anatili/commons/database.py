"""Open the database of a commons: SQLite in a file, or PostgreSQL at an address."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, insert, inspect, make_url, select, text
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError

from anatili.atomic_files import whole_file
from anatili.commons.schema import MIGRATIONS, bands, lines, log, migrations, people, votes
from anatili.problem import Problem
from anatili.text import show_path

POSTGRESQL = "postgresql"
WAIT_MILLISECONDS = 30_000
"""How long a process waits for another one that writes to the same SQLite file."""
TURN = 0x616E6174
"""Number of the PostgreSQL lock by which writers of all processes take turns."""
TABLES = (people, lines, bands, votes, log)


def today() -> str:
    return datetime.now(UTC).date().isoformat()


class Database:
    """An open database whose tables are up to date. Its methods may be called from several threads."""

    def __init__(self, address: str, *, must_exist: bool = False) -> None:
        """Open the SQLite file or the postgresql:// address; `Problem` if that is not possible."""
        self.address = address
        self.engine = engine_of(address, must_exist)
        self.lock = threading.Lock()
        try:
            self.check_tables(must_exist)
            self.migrate()
        except (OperationalError, DatabaseError) as error:
            self.close()
            raise Problem(f"cannot open the commons {shown(address)}: {reason_of(error)}") from error
        except Problem:
            self.close()
            raise

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view of the data; writers are not kept waiting."""
        with self.engine.connect() as connection:
            options = {"isolation_level": "REPEATABLE READ"} if self.engine.name == POSTGRESQL else {"reads": True}
            with connection.execution_options(**options).begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is on the disk when this ends. Writers take turns, so that what one has checked still
        holds when it writes."""
        with self.lock, self.engine.begin() as connection:
            if self.engine.name == POSTGRESQL:
                connection.execute(select(func.pg_advisory_xact_lock(TURN)))
            yield connection

    def check_tables(self, must_exist: bool) -> None:
        """`Problem` if the database holds something else, or nothing although it must exist."""
        tables = set(inspect(self.engine).get_table_names())
        if tables and migrations.name not in tables:
            raise Problem(f"{shown(self.address)} holds other tables and no commons; give the commons its own database")
        if must_exist and not tables:
            raise Problem(f"{shown(self.address)} is empty: there is no commons in it; name the one that was served")

    def migrate(self) -> None:
        """Apply the migrations that are missing; `Problem` if a newer program made the database."""
        with self.write() as connection:
            migrations.create(connection, checkfirst=True)
            done = connection.execute(select(func.coalesce(func.max(migrations.c.number), 0))).scalar_one()
            if done > len(MIGRATIONS):
                raise Problem(
                    f"the commons {shown(self.address)} is of a newer anatili (migration {done}, this one knows "
                    f"{len(MIGRATIONS)}): install the newer version"
                )
            for number, migration in enumerate(MIGRATIONS[done:], done + 1):
                migration.apply(connection)
                row = {"number": number, "reason": migration.reason, "day": today()}
                connection.execute(insert(migrations).values(row))


def engine_of(address: str, must_exist: bool) -> Engine:
    if address.partition("://")[0].partition("+")[0] in ("postgresql", "postgres"):
        return postgresql_engine(address)
    if "://" in address:
        raise Problem(f"{shown(address)}: give a file for SQLite, or an address that starts with postgresql://")
    path = Path(address).expanduser()
    if must_exist and not path.is_file():
        raise Problem(
            f"there is no commons at {show_path(path)}; anatili serve MODEL --contribute {path.name} makes one"
        )
    if path.is_dir():
        raise Problem(f"{show_path(path)} is a folder; name a file for the commons, such as commons.sqlite")
    if path.is_file() and (must_exist or path.stat().st_size) and not is_sqlite(path):
        raise Problem(f"{show_path(path)} is not a database; name another file for the commons")
    return sqlite_engine(path)


def is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def sqlite_engine(path: Path) -> Engine:
    """Write-ahead log, and a commit is on the disk before it returns (`synchronous=FULL`)."""
    engine = create_engine(f"sqlite:///{path}", pool_size=8, max_overflow=40)

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the module itself must not begin transactions: see `begun`
        for pragma in (f"busy_timeout={WAIT_MILLISECONDS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        is_reading = connection.get_execution_options().get("reads", False)
        connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")

    return engine


def postgresql_engine(address: str) -> Engine:
    try:
        url = make_url(address).set(drivername="postgresql+psycopg")
        return create_engine(url, pool_pre_ping=True, pool_size=8, max_overflow=40)
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise Problem(f"{shown(address)} is not an address of PostgreSQL: postgresql://USER@HOST:PORT/NAME") from error


def shown(address: str) -> str:
    """The address without its password."""
    try:
        return make_url(address).render_as_string() if "://" in address else show_path(address)
    except (ArgumentError, ValueError):
        return "this address"


def reason_of(error: DatabaseError) -> str:
    """The first line of what the database said."""
    return (str(error.orig).strip().splitlines() or ["it does not answer"])[0]


def copy(source: Database, target: Database) -> dict[str, int]:
    """Copy all rows into an empty database, as they are at one moment; the rows of each table."""
    counts: dict[str, int] = {}
    with source.read() as reading, target.write() as writing:
        if writing.execute(select(func.count()).select_from(log)).scalar_one():
            raise Problem(f"the commons {shown(target.address)} is not empty; name another one")
        for table in TABLES:
            counts[table.name] = 0
            for batch in reading.execution_options(yield_per=500).execute(select(table)).mappings().partitions():
                writing.execute(insert(table), [dict(row) for row in batch])
                counts[table.name] += len(batch)
        if target.engine.name == POSTGRESQL:
            continue_numbers(writing)
    return counts


def continue_numbers(connection: Connection) -> None:
    """Let PostgreSQL number new rows from behind the copied ones."""
    for table, column in (("people", "id"), ("lines", "number"), ("log", "number")):
        connection.execute(
            text(
                f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), max({column})) FROM {table} "
                f"HAVING max({column}) IS NOT NULL"
            )
        )


def backup(source: Database, file: Path) -> dict[str, int]:
    """Write a backup: an SQLite database with all rows, whatever the commons is kept in."""
    if file.exists():
        raise Problem(f"{show_path(file)} exists; name another file for the backup")
    with whole_file(file) as temporary:
        target = Database(str(temporary))
        try:
            counts = copy(source, target)
            with target.engine.connect() as connection:
                raw: Any = connection.connection.driver_connection
                raw.execute("PRAGMA journal_mode=DELETE")  # one file, no -wal
        finally:
            target.close()
    return counts
