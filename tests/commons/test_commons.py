"""Contributors, votes, a moderator and exports, the same on SQLite and on PostgreSQL."""

import json
import sqlite3

import pytest

pytest.importorskip("sqlalchemy", reason="the commons needs more packages: pip install '.[commons]'")
pytest.importorskip("fastapi")
from commons.giving import Contributor, client_of, line_of, moderate, postgresql
from commons.lines import open_commons, text_of
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from anatili.commons.contribution import digest_of
from anatili.commons.database import Database, backup, copy
from anatili.commons.examples import HELD_OUT, write_examples
from anatili.commons.export import accepted, export, withdrawn
from anatili.commons.schema import MIGRATIONS, log, people
from anatili.evaluate.task_data import read_rows
from anatili.evaluate.task_file import load_task
from anatili.problem import Problem
from anatili.refine.cut import is_held_out


@pytest.fixture(scope="module")
def server():
    with postgresql() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def commons(request, tmp_path):
    if request.param == "sqlite":
        opened = open_commons(tmp_path / "commons.sqlite")
    else:
        address = request.getfixturevalue("server")
        name = fresh_database(address)
        opened = open_commons(address.replace("/postgres?", f"/{name}?"))
    yield opened
    opened.close()


def fresh_database(address: str) -> str:
    """A new empty database in a cluster; its name."""
    import secrets

    import psycopg

    name = f"commons_{secrets.token_hex(4)}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return name


@pytest.fixture
def client(commons):
    return client_of(commons)


def actions(commons) -> list[tuple[str, str]]:
    with commons.database.read() as connection:
        return [(row.actor, row.action) for row in connection.execute(select(log).order_by(log.c.number))]


def test_a_line_goes_from_a_contributor_to_the_dataset_and_out_again(commons, client, tmp_path):
    author, second, third = (Contributor(client) for _ in range(3))
    given = author.give(line_of("Бүгін күн ашық, бірақ жел қатты соғып тұр.", source="It is sunny but windy today."))
    assert given.status_code == 201, given.text
    line = given.json()["id"]
    assert given.json()["state"] == "waiting"
    assert author.request("GET", "next", params={"language": "kk"}).json() == {"line": None}
    offered = second.request("GET", "next", params={"language": "kk"}).json()["line"]
    assert offered["id"] == line
    assert not {"person", "token"} & offered.keys()
    assert second.vote(line, True).json() == {"state": "waiting"}
    assert second.vote(line, True).status_code == 409
    assert author.vote(line, True).status_code == 409
    assert third.vote(line, True).json() == {"state": "accepted"}
    disputed = author.give(line_of("Ертең мектепке ерте барамын деп ойлаймын.")).json()["id"]
    second.vote(disputed, True)
    assert third.vote(disputed, False, "unnatural").json() == {"state": "queued"}
    assert client.get("/v1/commons/queue").status_code == 403
    (queued,) = moderate(client, "GET", "queue").json()["lines"]
    assert (queued["id"], queued["marks"]) == (disputed, ["voters differ"])
    assert moderate(client, "POST", "decisions", json={"line": disputed, "accept": True}).json()["state"] == "accepted"
    board = client.get("/v1/commons", params={"language": "kk"}).json()
    assert board["kinds"]["sentence"] == {"accepted": 2, "words": 14, "open": 0, "week": 2}
    assert (board["contributors"], board["agreement"]["lines"], board["agreement"]["agreed"]) == (1, 2, 0.5)

    facts = export(commons.database, tmp_path / "out")
    assert facts["kinds"] == {"sentence": 2}
    assert withdrawn(commons.database) == []
    assert author.request("DELETE", f"lines/{line}").json() == {"withdrawn": [line]}
    assert author.mine()[1]["text"] == ""
    assert [row.id for row in accepted(commons.database)] == [disputed]
    assert withdrawn(commons.database) == [f"commons:{line}"]
    facts = export(commons.database, tmp_path / "later")
    assert (facts["lines"], facts["withdrawn"]) == (1, 1)
    assert "ашық" not in (tmp_path / "later" / "lines.jsonl").read_text("utf-8")
    assert (tmp_path / "later" / "withdrawn.txt").read_text("utf-8") == f"commons:{line}\n"
    assert ("moderator aigul", "accepted") in actions(commons)
    assert [what for _, what in actions(commons)].count("voted") == 4


def test_nothing_of_the_token_is_stored_and_the_log_cannot_be_changed(commons, client):
    author = Contributor(client, "CC-BY-4.0")
    with commons.database.read() as connection:
        (row,) = connection.execute(select(people)).mappings()
    assert row["token"] == digest_of(author.token)
    assert author.token not in json.dumps(dict(row))
    assert (row["license"], len(row["consent"])) == ("CC-BY-4.0", 64)
    for change in (delete(log), update(log).values(actor="nobody")):
        with pytest.raises(DBAPIError, match="append-only"), commons.database.write() as connection:
            connection.execute(change)
    assert actions(commons) == [("contributor 1", "joined")]


def test_a_line_that_is_sent_again_is_kept_once(commons, client):
    author, other = Contributor(client), Contributor(client)
    line = line_of(text_of(1))
    assert author.give(line).json() == author.give(line).json()
    assert len(author.mine()) == 1
    assert other.give(line).status_code == 409
    assert other.give(line | {"id": "f" * 32, "text": line["text"].upper() + " !"}).status_code == 409, "the same words"


def test_near_copies_and_spam_wait_for_a_moderator(commons, client):
    author, other = Contributor(client), Contributor(client)
    long = " ".join(text_of(number) for number in range(9))
    assert author.give(line_of(long, kind="text", source="", source_language="")).json()["state"] == "waiting"
    near = other.give(line_of(long + " Соңы.", kind="text", source="", source_language="")).json()
    assert near["state"] == "queued"
    assert near["marks"][0].startswith("near duplicate ")
    spam = line_of("Сатып ал арзан " * 12, kind="text", source="", source_language="")
    marks = other.give(spam).json()["marks"]
    assert marks, "the refinery's marks"
    decided = moderate(client, "POST", "decisions", json={"line": spam["id"], "accept": False, "block": True})
    assert decided.json() == {"state": "rejected"}
    assert other.give(line_of(text_of(4))).status_code == 404
    assert moderate(client, "GET", "queue").json() == {"lines": []}
    assert author.give(line_of(text_of(5))).status_code == 201


def test_a_backup_has_everything_and_goes_into_either_database(commons, client, tmp_path, request):
    author = Contributor(client)
    for number in range(3):
        author.give(line_of(text_of(number)))
    counts = backup(commons.database, tmp_path / "backup.sqlite")
    assert (counts["people"], counts["lines"], counts["log"]) == (1, 3, 4)
    with pytest.raises(Problem, match="exists"):
        backup(commons.database, tmp_path / "backup.sqlite")
    assert sorted(path.name for path in tmp_path.glob("*backup*")) == ["backup.sqlite"]
    if commons.database.engine.name == "sqlite":
        target = Database(str(tmp_path / "again.sqlite"))
    else:
        address = request.getfixturevalue("server")
        target = Database(address.replace("/postgres?", f"/{fresh_database(address)}?"))
    source = Database(str(tmp_path / "backup.sqlite"))
    assert copy(source, target) == counts
    with pytest.raises(Problem, match="not empty"):
        copy(source, target)
    source.close()
    target.close()
    again = open_commons(target.address)
    assert [line["text"] for line in again.lines_of(again.person(digest_of(author.token)))] == [
        text_of(number) for number in (2, 1, 0)
    ]
    later = Contributor(client_of(again))  # numbers go on behind the copied ones
    assert later.give(line_of(text_of(9))).status_code == 201
    again.close()


def test_corrections_become_examples_and_a_task_on_those_held_out(commons, client, tmp_path):
    """A correction is learned from or held out, always the same; the task's right choice is what people wrote."""
    author, second, third = (Contributor(client) for _ in range(3))
    given = [
        line_of(
            "Астана – Қазақстанның астанасы.",
            kind="answer",
            source="Астана деген не?",
            source_language="",
            draft="Астана – өзен.",
            id="e" * 32,
        ),
        line_of("Көктемде дала гүлге оранады.", kind="text", source="", source_language=""),
        *(line_of(text_of(n), id=f"{n * 0x11111111:08x}{n:024x}", draft=f"Машина {n}.") for n in range(15)),
    ]
    for line in given:
        assert author.give(line).status_code == 201
        for voter in (second, third):
            voter.vote(line["id"], True)
    counts = write_examples(commons.database, tmp_path / "out")
    assert counts["question"] + counts["translation"] + counts["held out"] == 16
    assert counts["held out"] > 0
    rows = [json.loads(row) for row in (tmp_path / "out" / "train.jsonl").read_text("utf-8").splitlines()]
    translation = next(row for row in rows if row["kind"] == "translation")
    assert translation["messages"][0]["content"].startswith("Translate into Kazakh: Sentence:")
    learned = {row["messages"][1]["content"] for row in rows}
    task = load_task(tmp_path / "out" / "corrections_kk.toml")
    held_out = read_rows(task, "kk")
    assert len(held_out) == counts["held out"]
    assert not learned & {row["choices"][0] for row in held_out}
    assert all(row["choices"][1].startswith("Машина") or row["choices"][1] == "Астана – өзен." for row in held_out)


def test_corrections_that_are_all_held_out_are_not_called_missing(commons, client, tmp_path):
    author, second, third = (Contributor(client) for _ in range(3))
    number = next(n for n in range(99) if is_held_out(f"{n:032x}", HELD_OUT))
    line = line_of(text_of(1), id=f"{number:032x}", draft="Машина.")
    assert author.give(line).status_code == 201
    for voter in (second, third):
        voter.vote(line["id"], True)
    with pytest.raises(Problem, match="only corrections that are held out for measuring, 1;"):
        write_examples(commons.database, tmp_path / "out")


def test_migrations_keep_what_is_there_and_refuse_what_is_not_theirs(tmp_path, monkeypatch):
    """A database of an older version is brought up to date, one of a newer version or of others is left alone."""
    monkeypatch.setattr("anatili.commons.database.MIGRATIONS", MIGRATIONS[:1])
    older = open_commons(tmp_path / "commons.sqlite")
    author = Contributor(client_of(older))
    author.give(line_of(text_of(1)))
    with older.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE people DROP COLUMN known")
        line = "SELECT id FROM lines"
        connection.exec_driver_sql(
            "INSERT INTO log (time, actor, action, line, details) "
            f"VALUES ('', 'moderator aigul', 'accepted', ({line}), '')"
        )
    older.close()
    monkeypatch.undo()
    newer = open_commons(tmp_path / "commons.sqlite")
    assert newer.person(digest_of(author.token))["known"]
    assert Contributor(client_of(newer)).vote(newer.lines_of(newer.person(digest_of(author.token)))[0]["id"], True)
    with pytest.raises(DBAPIError, match="append-only"), newer.database.write() as connection:
        connection.execute(delete(log))
    newer.close()
    monkeypatch.setattr("anatili.commons.database.MIGRATIONS", MIGRATIONS[:1])
    with pytest.raises(Problem, match="of a newer anatili"):
        open_commons(tmp_path / "commons.sqlite")
    with sqlite3.connect(tmp_path / "other.sqlite") as other:
        other.execute("CREATE TABLE bookmarks (id INTEGER)")
    with pytest.raises(Problem, match="other tables"):
        open_commons(tmp_path / "other.sqlite")
