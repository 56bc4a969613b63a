"""Tables of the commons, and the numbered migrations that make and change them.

The migrations are a list of our own rather than alembic's files: every change so far is a few statements that SQLite
and PostgreSQL both run inside a transaction, and a server must be able to apply them when it starts.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    inspect,
    select,
    text,
    update,
)

metadata = MetaData()

people = Table(
    "people",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token", String(64), nullable=False, unique=True),  # SHA-256 of the contributor's token
    Column("license", String(40), nullable=False),  # the license consented to
    Column("language", String(20), nullable=False),  # in which the consent was read
    Column("consent", String(64), nullable=False),  # SHA-256 of the words consented to
    Column("day", String(10), nullable=False),
    Column("blocked", Boolean, nullable=False, default=False),
    Column("known", Boolean, nullable=False, default=False),  # a moderator has accepted a line of theirs
)

lines = Table(
    "lines",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),  # chosen by the contributor's page, so that a retry is safe
    Column("person", Integer, ForeignKey("people.id"), nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("language", String(20), nullable=False),
    Column("text", Text, nullable=False),
    Column("draft", Text, nullable=False),  # what the machine or the passage said
    Column("source", Text, nullable=False),  # the question, or the text that was translated
    Column("source_language", String(20), nullable=False),
    Column("title", Text, nullable=False),
    Column("origin", Text, nullable=False),  # where a text or passage is from
    Column("license", String(40), nullable=False),  # under which this line can be given on
    Column("model", String(200), nullable=False),
    Column("words", Integer, nullable=False),  # of the text
    Column("state", String(20), nullable=False, index=True),
    Column("marks", Text, nullable=False),  # JSON list of what the automatic checks noticed
    Column("folded", BigInteger, nullable=False, index=True),  # equal for texts that are equal but for signs
    Column("hashes", LargeBinary, nullable=False),  # MinHashes
    Column("day", String(10), nullable=False),
    Column("settled", String(10), nullable=False),  # day on which it was accepted, rejected or withdrawn
)

bands = Table(
    "bands",
    metadata,
    Column("key", BigInteger, nullable=False),
    Column("line", Integer, ForeignKey("lines.number"), nullable=False, index=True),
    Index("bands_by_key", "key"),
)

votes = Table(
    "votes",
    metadata,
    Column("line", Integer, ForeignKey("lines.number"), primary_key=True),
    Column("person", Integer, ForeignKey("people.id"), primary_key=True),
    Column("good", Boolean, nullable=False),
    Column("reason", String(20), nullable=False),
    Column("day", String(10), nullable=False),
)

log = Table(
    "log",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("time", String(20), nullable=False),
    Column("actor", String(80), nullable=False),
    Column("action", String(20), nullable=False),
    Column("line", String(32), nullable=False),
    Column("details", Text, nullable=False),
)

migrations = Table(
    "migrations",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
    Column("day", String(10), nullable=False),
)

APPEND_ONLY = {
    "sqlite": (
        "CREATE TRIGGER log_no_update BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END",
        "CREATE TRIGGER log_no_delete BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION refuse_log_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the log is append-only'; END $$",
        "CREATE TRIGGER log_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON log "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_log_change()",
    ),
}


@dataclass(frozen=True)
class Migration:
    """A numbered change of the tables, and why it was made."""

    reason: str
    apply: Callable[[Connection], None]


def create_tables(connection: Connection) -> None:
    metadata.create_all(connection, [people, lines, bands, votes, log])


def protect_log(connection: Connection) -> None:
    for statement in APPEND_ONLY[connection.dialect.name]:
        connection.execute(text(statement))


def add_known(connection: Connection) -> None:
    """Those of whom a moderator has accepted a line are known from the beginning."""
    if people.c.known.name not in {column["name"] for column in inspect(connection).get_columns(people.name)}:
        connection.execute(text("ALTER TABLE people ADD COLUMN known BOOLEAN NOT NULL DEFAULT FALSE"))
    by_moderators = select(log.c.line).where(log.c.actor.startswith("moderator "), log.c.action == "accepted")
    authors = select(lines.c.person).where(lines.c.id.in_(by_moderators))
    connection.execute(update(people).where(people.c.id.in_(authors)).values(known=True))


MIGRATIONS = (
    Migration("the first tables", create_tables),
    Migration("the log of decisions cannot be changed or deleted, not even by a mistake in our own code", protect_log),
    Migration(
        "votes settle a line only if one voter is known to a moderator: a person may have many tokens", add_known
    ),
)
"""In order. One that was ever released is not changed: a new one follows it."""
