"""The commons itself: people join, give, vote, withdraw; moderators decide. Every step is a row of the log."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from anatili.commons.checks import Checked, check, is_near, refuse_personal
from anatili.commons.contribution import (
    ACCEPTED,
    LICENSES,
    QUEUED,
    REASONS,
    REJECTED,
    WAITING,
    WITHDRAWN,
    Contribution,
    license_of,
)
from anatili.commons.database import Database, today
from anatili.commons.schema import bands, lines, log, people, votes
from anatili.lang import LanguagePack, load_pack
from anatili.problem import Problem
from anatili.text import digest, words

NEEDED = 2
"""People beside the author who must agree that a line is good, or that it is bad."""
DIFFER, NEAR, NEW = "voters differ", "near duplicate", "all voters are new"
ADDRESS = "commons:"
"""Beginning of a line's address: its URL as a document, by which it is taken out of a model again."""
EMPTIED = {
    "text": "",
    "draft": "",
    "source": "",
    "title": "",
    "origin": "",
    "model": "",
    "hashes": b"",
    "folded": 0,
    "words": 0,
}
SHOWN = (
    "id",
    "kind",
    "language",
    "text",
    "draft",
    "source",
    "source_language",
    "title",
    "origin",
    "license",
    "model",
    "state",
    "day",
)


class Conflict(Problem):
    """A request that does not fit what is stored: a copy, a second vote, a line that is settled."""


class Unknown(Problem):
    """There is no such contributor, or no such line of theirs."""


class Commons:
    """A commons in a database. Its methods may be called from several threads and by several servers."""

    def __init__(self, database: Database, packs: dict[str, LanguagePack]) -> None:
        self.database, self.packs = database, packs

    def close(self) -> None:
        self.database.close()

    def pack_of(self, language: str) -> LanguagePack:
        if language not in self.packs:
            raise Problem(f"no language {language!r} here; there are {', '.join(self.packs)}")
        return self.packs[language]

    def join(self, token: str, license: str, language: str, consent: str) -> None:  # noqa: A002 - the field's name
        """Enter a contributor who agreed to the words `consent`; `token` is the digest of theirs."""
        if license not in LICENSES:
            raise Problem(f"no license {license!r} to consent to; there are {', '.join(LICENSES)}")
        row = {"token": token, "license": license, "language": language, "consent": digest(consent), "day": today()}
        with self.database.write() as connection:
            person = connection.execute(insert(people).values(**row, blocked=False)).inserted_primary_key
            assert person is not None
            note(connection, actor_of(person[0]), "joined", details={"license": license, "language": language})

    def person(self, token: str) -> RowMapping:
        """The contributor with the digest of a token; `Unknown` if there is none."""
        with self.database.read() as connection:
            row = connection.execute(select(people).where(people.c.token == token)).mappings().first()
        if row is None:
            raise Unknown("no contributor has this token; agree to the license on the page, which makes one")
        if row["blocked"]:
            raise Unknown("a moderator has closed this contributor's access because of spam")
        return row

    def give(self, person: RowMapping, line: Contribution) -> dict[str, Any]:
        """Keep a line; it is on the disk when this returns. Sent again with the same id, nothing changes.

        `PersonalDataError` or `Conflict` if it cannot be taken.
        """
        self.pack_of(line.language)
        packs = {line.language: self.packs[line.language], **self.packs}
        refuse_personal(line, packs)
        checked = check(line, packs)
        with self.database.write() as connection:
            known = connection.execute(select(lines).where(lines.c.id == line.id)).mappings().first()
            if known is not None:
                if known["person"] != person["id"]:
                    raise Conflict("another line has this id; send it again with a new random id")
                return shown(known)
            marks = [*checked.marks, *duplicates(connection, line, checked)]
            row = {
                **line.model_dump(),
                "person": person["id"],
                "license": license_of(line, person["license"]),
                "state": QUEUED if marks else WAITING,
                "marks": json.dumps(marks),
                "folded": checked.folded,
                "hashes": checked.hashes,
                "words": len(words(line.text)),
                "day": today(),
                "settled": "",
            }
            inserted = connection.execute(insert(lines).values(row)).inserted_primary_key
            assert inserted is not None
            if checked.keys:
                rows = [{"key": key, "line": inserted[0]} for key in checked.keys]
                connection.execute(insert(bands), rows)
            note(connection, actor_of(person["id"]), "gave", line.id, {"kind": line.kind, "marks": marks})
        return shown(row)

    def lines_of(self, person: RowMapping) -> list[dict[str, Any]]:
        """All lines of a contributor, the newest first."""
        query = select(lines).where(lines.c.person == person["id"]).order_by(lines.c.number.desc())
        with self.database.read() as connection:
            return [shown(row) for row in connection.execute(query).mappings()]

    def withdraw(self, person: RowMapping, line: str = "") -> list[str]:
        """Empty a line of a contributor, or all of them; the ids of what was withdrawn. Its text is gone at once."""
        mine = (lines.c.person == person["id"]) & (lines.c.state != WITHDRAWN)
        with self.database.write() as connection:
            chosen = mine & (lines.c.id == line) if line else mine
            rows = connection.execute(select(lines.c.number, lines.c.id, lines.c.state).where(chosen)).all()
            if line and not rows:
                raise Unknown("you have no such line, or it was withdrawn already")
            for number, name, state in rows:
                values = {**EMPTIED, "state": WITHDRAWN, "settled": today()}
                connection.execute(update(lines).where(lines.c.number == number).values(values))
                connection.execute(delete(bands).where(bands.c.line == number))
                note(connection, actor_of(person["id"]), "withdrew", name, {"state": state})
        return [row.id for row in rows]

    def next(self, person: RowMapping, language: str, after: int = 0) -> dict[str, Any] | None:
        """A line that waits for this contributor's vote, those first that one other has voted on."""
        voted = select(votes.c.line).where(votes.c.person == person["id"])
        count = select(func.count()).where(votes.c.line == lines.c.number).scalar_subquery()
        query = (
            select(lines)
            .where(lines.c.state == WAITING, lines.c.person != person["id"], lines.c.number > after)
            .where(lines.c.language == language, lines.c.number.not_in(voted))
            .order_by(count.desc(), lines.c.number)
            .limit(1)
        )
        with self.database.read() as connection:
            row = connection.execute(query).mappings().first()
        return {**shown(row), "number": row["number"]} if row else None

    def vote(self, person: RowMapping, line: str, good: bool, reason: str = "") -> str:
        """Keep what somebody thinks of a line of others; the state of the line afterwards.

        Votes settle a line only if one of the voters is known, which is who gave a line that a moderator accepted: to
        make new tokens costs nothing. Otherwise it goes to a moderator.
        """
        if reason not in REASONS:
            raise Problem(f"no reason {reason!r}; there are {', '.join(filter(None, REASONS))}")
        with self.database.write() as connection:
            row = existing(connection, line)
            if row["person"] == person["id"]:
                raise Conflict("this is your own line; others must say whether it is good")
            mine = (votes.c.line == row["number"]) & (votes.c.person == person["id"])
            if connection.execute(select(votes.c.good).where(mine)).first():
                raise Conflict("you have voted on this line already")
            if row["state"] != WAITING:
                raise Conflict("this line waits for no vote any more: others were quicker, or it was withdrawn")
            values = {"line": row["number"], "person": person["id"], "good": good, "reason": reason, "day": today()}
            connection.execute(insert(votes).values(values))
            note(connection, actor_of(person["id"]), "voted", line, {"good": good, "reason": reason})
            state, mark = outcome_of(connection, row["number"])
            if state != WAITING:
                settle(connection, row, state, "votes", [*json.loads(row["marks"]), mark] if mark else None)
        return state

    def queue(self, limit: int = 50) -> list[dict[str, Any]]:
        """What waits for a moderator, the oldest first, with marks and votes."""
        query = select(lines).where(lines.c.state == QUEUED).order_by(lines.c.number).limit(limit)
        with self.database.read() as connection:
            rows = connection.execute(query).mappings().all()
            given = (
                connection.execute(select(votes).where(votes.c.line.in_([row["number"] for row in rows])))
                .mappings()
                .all()
            )
        opinions: dict[int, list[dict[str, Any]]] = {}
        for vote in given:
            opinions.setdefault(vote["line"], []).append({"good": vote["good"], "reason": vote["reason"]})
        return [{**shown(row), "votes": opinions.get(row["number"], [])} for row in rows]

    def decide(self, moderator: str, line: str, accept: bool, *, block: bool = False) -> str:
        """A moderator accepts or rejects a line, also one that votes have settled; `block` also closes its author's
        access, and rejects what else of theirs is open."""
        state = ACCEPTED if accept else REJECTED
        if accept and block:
            raise Problem("a line cannot be accepted while its author is blocked; reject it, or do not block")
        with self.database.write() as connection:
            row = existing(connection, line)
            settle(connection, row, state, f"moderator {moderator}")
            if accept:
                connection.execute(update(people).where(people.c.id == row["person"]).values(known=True))
            if block:
                connection.execute(update(people).where(people.c.id == row["person"]).values(blocked=True, known=False))
                note(connection, f"moderator {moderator}", "blocked", line, {"person": row["person"]})
                is_open = (lines.c.person == row["person"]) & lines.c.state.in_((WAITING, QUEUED))
                for other in connection.execute(select(lines).where(is_open)).mappings().all():
                    settle(connection, other, REJECTED, f"moderator {moderator}")
        return state


def open_commons(address: str) -> Commons:
    """The commons at an address, for the languages of all packs; a new one if there is none."""
    from anatili.lang import codes

    return Commons(Database(address), {code: load_pack(code) for code in codes()})


def actor_of(person: int) -> str:
    return f"contributor {person}"


def note(
    connection: Connection, actor: str, action: str, line: str = "", details: dict[str, Any] | None = None
) -> None:
    """Add a row to the log. It has no text of a line, so that a withdrawn one leaves no copy."""
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    row = {"time": time, "actor": actor, "action": action, "line": line, "details": json.dumps(details or {})}
    connection.execute(insert(log).values(row))


def settle(connection: Connection, row: RowMapping, state: str, actor: str, marks: list[str] | None = None) -> None:
    """Give a line its new state, and other marks if they are given."""
    kept = row["marks"] if marks is None else json.dumps(marks)
    values = {"state": state, "marks": kept, "settled": "" if state == QUEUED else today()}
    connection.execute(update(lines).where(lines.c.number == row["number"]).values(values))
    note(connection, actor, state, row["id"], {"before": row["state"], "marks": json.loads(kept)})


def existing(connection: Connection, line: str) -> RowMapping:
    """A line that was not withdrawn."""
    row = connection.execute(select(lines).where(lines.c.id == line)).mappings().first()
    if row is None or row["state"] == WITHDRAWN:
        raise Unknown("there is no such line, or its author has withdrawn it")
    return row


def duplicates(connection: Connection, line: Contribution, checked: Checked) -> list[str]:
    """The mark of a near duplicate; `Conflict` for a copy of a line that is there."""
    is_there = lines.c.state.not_in((WITHDRAWN, REJECTED))
    if connection.execute(select(lines.c.id).where(lines.c.folded == checked.folded, is_there)).first():
        raise Conflict("the commons has this line already; thank you, give another one")
    if not checked.keys:
        return []
    shared = select(bands.c.line).where(bands.c.key.in_(checked.keys))
    similar = select(lines.c.id, lines.c.hashes).where(
        lines.c.number.in_(shared), lines.c.language == line.language, is_there
    )
    near = next((row.id for row in connection.execute(similar) if is_near(row.hashes, checked.hashes)), "")
    return [f"{NEAR} {near}"] if near else []


def outcome_of(connection: Connection, line: int) -> tuple[str, str]:
    """The state of a line by its votes, and why a moderator must decide; "" if votes are enough."""
    query = select(votes.c.good, people.c.known).join(people, people.c.id == votes.c.person)
    given = connection.execute(query.where(votes.c.line == line)).all()
    good = sum(row.good for row in given)
    state = outcome(good, len(given) - good)
    if state in (ACCEPTED, REJECTED) and not any(row.known for row in given):
        return QUEUED, NEW
    return state, DIFFER if state == QUEUED else ""


def outcome(good: int, bad: int) -> str:
    """The state of a line with so many votes."""
    if good and bad:
        return QUEUED
    return ACCEPTED if good >= NEEDED else REJECTED if bad >= NEEDED else WAITING


def shown(row: Any) -> dict[str, Any]:
    """A line as the page gets it: nothing of its author."""
    return {**{name: row[name] for name in SHOWN}, "marks": json.loads(row["marks"])}
