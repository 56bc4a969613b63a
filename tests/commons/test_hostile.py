"""A hostile contributor, and a server that is killed while fifty people write."""

import contextlib
import http.client
import json
import multiprocessing
import os
import signal
import socket
import sys
import threading
from types import SimpleNamespace

import pytest

pytest.importorskip("sqlalchemy", reason="the commons needs more packages: pip install '.[commons]'")
pytest.importorskip("fastapi")
from commons.giving import Contributor, app_of, client_of, kill_and_start_again, line_of, moderate, postgresql
from commons.lines import open_commons, text_of
from sqlalchemy import func, select

from anatili.commons.contribution import Contribution
from anatili.commons.schema import lines, people
from anatili.serve import limits
from anatili.serve.commons import JOINS_A_DAY, LINES_A_MINUTE, TOKEN, WRONG_TOKENS

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def commons(tmp_path):
    opened = open_commons(tmp_path / "commons.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def client(commons):
    return client_of(commons)


@pytest.fixture(scope="module")
def contributor(tmp_path_factory):
    """Somebody who gives nothing that can be kept."""
    opened = open_commons(tmp_path_factory.mktemp("commons") / "commons.sqlite")
    yield Contributor(client_of(opened))
    assert count(opened) == 0
    opened.close()


def count(commons) -> int:
    with commons.database.read() as connection:
        return connection.execute(select(func.count()).select_from(lines)).scalar_one()


def test_a_thousand_lines_a_minute_end_at_the_limit(commons, client, monkeypatch):
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: 1e6))  # a slow machine takes seconds for them
    flooder, honest = Contributor(client), Contributor(client)
    answers = [flooder.give(line_of(text_of(number))).status_code for number in range(30)]
    assert answers.count(201) == LINES_A_MINUTE
    assert set(answers[LINES_A_MINUTE:]) == {429}
    assert count(commons) == LINES_A_MINUTE
    assert honest.give(line_of(text_of(999))).status_code == 201, "others are not kept out"


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"text": "а" * 1_100_000}, 413, "at most 1048576 bytes"),
        ({"text": "а " * 2_100}, 422, "at most 4000 characters"),
        ({"text": "а" * 20_001}, 422, "at most 20000"),
        ({"text": "\u200b \u202e"}, 422, "empty"),
        ({"id": "../../etc/passwd"}, 422, "id"),
        ({"state": "accepted"}, 422, "state"),
        ({"person": 1}, 422, "person"),
        ({"kind": "answer", "draft": ""}, 422, "draft"),
        ({"language": "zz"}, 400, "no language"),
        ({"kind": "sentence", "origin": "no-such-passage"}, 400, "no passage"),
        ({"kind": "text", "origin": "javascript://alert(1)", "license": "CC0-1.0"}, 422, "http"),
        ({"text": "Маған жазыңыз: aigul.serikova@mail.kz деген поштаға."}, 422, "personal data (email)"),
        ({"source": "Call me at aigul.serikova@mail.kz, please."}, 422, "personal data (email)"),
    ],
)
def test_what_does_not_belong_there_is_refused_with_a_reason(contributor, change, status, reason):
    answer = contributor.give(line_of(text_of(1)) | change)
    assert answer.status_code == status, answer.text[:300]
    assert reason in answer.json()["error"]["message"]


def test_letters_that_no_database_can_keep_are_refused_or_taken_out(contributor):
    body = json.dumps(line_of(text_of(1)) | {"text": "\ud800 сөз"})
    headers = {TOKEN: contributor.token, "Content-Type": "application/json"}
    answer = contributor.client.post("/v1/commons/lines", content=body, headers=headers)
    assert answer.status_code == 422, answer.text
    line = Contribution.model_validate(line_of("Бір\0 сөз", model="a\0b", title="\u202eт"))
    assert (line.text, line.model, line.title) == ("Бір сөз", "ab", "т")


def test_personal_data_is_shown_with_its_place(contributor):
    text = "Телефоным: +7 701 123 45 67, хабарласыңыз."
    error = contributor.give(line_of(text, source="Call me.")).json()["error"]
    (stretch,) = error["stretches"]
    assert (error["code"], stretch["kind"], stretch["field"]) == ("personal", "phone", "text")
    assert text[stretch["start"] : stretch["end"]].endswith("701 123 45 67")


def test_markup_is_kept_and_shown_as_text(client):
    author, reader = Contributor(client), Contributor(client)
    line = line_of(f"{text_of(1)} {SCRIPT}")
    given = author.give(line).json()
    if given["state"] == "queued":  # the refinery may have marked it
        (shown,) = moderate(client, "GET", "queue").json()["lines"]
    else:
        shown = reader.request("GET", "next", params={"language": "kk"}).json()["line"]
    assert shown["text"] == line["text"]
    answer = author.request("GET", "lines")
    assert answer.headers["content-type"] == "application/json"
    assert "script" not in answer.headers["content-security-policy"].replace("script-src", "")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_somebody_elses_token_or_line_opens_nothing(commons, client):
    author, thief = Contributor(client), Contributor(client)
    line = author.give(line_of(text_of(1))).json()["id"]
    assert thief.mine() == []
    assert thief.request("DELETE", f"lines/{line}").status_code == 404
    assert thief.request("DELETE", "lines").json() == {"withdrawn": []}
    assert author.mine()[0]["state"] == "waiting"
    with commons.database.read() as connection:  # what a thief of the database would have
        stored = connection.execute(select(people.c.token)).scalars().all()
    guesses = [*stored, "", "none", "x" * 100_000, author.token[:-1], author.token + " x"]
    for token in guesses:
        answer = client.get("/v1/commons/lines", headers={TOKEN: token})
        assert answer.status_code == 404, token[:50]
    for _ in range(WRONG_TOKENS):
        last = client.get("/v1/commons/lines", headers={TOKEN: "guess"})
    assert last.status_code == 429
    for path in ("queue", "decisions"):
        method, body = ("GET", None) if path == "queue" else ("POST", {"line": line, "accept": True})
        assert thief.request(method, path, json=body).status_code == 403
        wrong = client.request(method, f"/v1/commons/{path}", json=body, headers={"Authorization": "Bearer guess"})
        assert wrong.status_code == 401


def test_one_address_cannot_become_a_crowd(client):
    body = {"license": "CC0-1.0", "language": "kk"}
    answers = [client.post("/v1/commons/people", json=body).status_code for _ in range(JOINS_A_DAY + 5)]
    assert answers.count(201) == JOINS_A_DAY
    assert answers[-1] == 429


def test_several_tokens_of_one_person_settle_nothing_without_a_moderator(client):
    """Whoever makes tokens for themselves can vote, but a moderator decides, until one voter is known."""
    author, second, third = (Contributor(client, is_new=True) for _ in range(3))
    for number, good in ((1, True), (2, False)):
        line = author.give(line_of(text_of(number))).json()["id"]
        assert second.vote(line, good).json() == {"state": "waiting"}
        assert third.vote(line, good).json() == {"state": "queued"}
        queued = moderate(client, "GET", "queue").json()["lines"]
        assert [(one["id"], one["marks"]) for one in queued] == [(line, ["all voters are new"])]
        moderate(client, "POST", "decisions", json={"line": line, "accept": False})
    own = second.give(line_of(text_of(3))).json()["id"]
    moderate(client, "POST", "decisions", json={"line": own, "accept": True})
    line = author.give(line_of(text_of(4))).json()["id"]
    third.vote(line, True)
    assert second.vote(line, True).json() == {"state": "accepted"}, "a moderator has accepted a line of the second"


def test_two_votes_at_the_same_time_are_both_counted(commons, client):
    author = Contributor(client)
    voters = [Contributor(client) for _ in range(8)]
    line = author.give(line_of(text_of(1))).json()["id"]
    barrier, answers = threading.Barrier(len(voters)), []

    def vote(voter):
        barrier.wait()
        answers.append(voter.vote(line, True).status_code)

    threads = [threading.Thread(target=vote, args=(voter,)) for voter in voters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 200, *[409] * 6], "two settle it; the others come too late"
    assert author.mine()[0]["state"] == "accepted"


def serve(path: str, listener: socket.socket) -> None:
    """A server of the commons in a process of its own, until it is killed."""
    import uvicorn

    from anatili.serve import commons as routes

    routes.LINES_A_MINUTE = 10**6  # here the disk is tested, not the limit
    uvicorn.Server(uvicorn.Config(app_of(open_commons(path)), log_level="error")).run(sockets=[listener])


def post(server: http.client.HTTPConnection, path: str, body: dict, **headers: str) -> tuple[int, dict]:
    headers |= {"Content-Type": "application/json"}
    server.request("POST", f"/v1/commons/{path}", json.dumps(body), headers)
    answer = server.getresponse()
    return answer.status, json.loads(answer.read())


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """The address of an empty database, and what kills its server, if it has one, and starts it again."""
    if request.param == "sqlite":
        yield str(tmp_path / "commons.sqlite"), lambda address: None
        return
    pytest.importorskip("psycopg")
    with postgresql() as address:
        yield address, kill_and_start_again


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(database):
    """Fifty people write at the same time; the server is killed without warning, and PostgreSQL's with it; what was
    said to be kept is kept."""
    pytest.importorskip("uvicorn")
    path, kill_database = database
    open_commons(path).close()
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)
    port = listener.getsockname()[1]
    method = "fork" if sys.platform.startswith("linux") else "spawn"
    process = multiprocessing.get_context(method).Process(target=serve, args=(path, listener), daemon=True)
    process.start()
    acknowledged: list[str] = []
    enough = threading.Event()

    def write(person: int) -> None:
        server = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        _, joined = post(server, "people", {"license": "CC0-1.0", "language": "kk"})
        for number in range(1000):
            line = line_of(text_of(1000 * person + number))
            if post(server, "lines", line, **{TOKEN: joined["token"]})[0] == 201:
                acknowledged.append(line["id"])
            if len(acknowledged) >= 100:
                enough.set()

    def writer(person: int) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):  # the server was killed
            write(person)

    threads = [threading.Thread(target=writer, args=(person,), daemon=True) for person in range(50)]
    for thread in threads:
        thread.start()
    assert enough.wait(600)
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    kill_database(path)
    process.join()
    listener.close()
    for thread in threads:
        thread.join(60)
    told = set(acknowledged)
    commons = open_commons(path)
    with commons.database.read() as connection:
        kept = set(connection.execute(select(lines.c.id)).scalars())
        is_sqlite = commons.database.engine.name == "sqlite"
        check = connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() if is_sqlite else "ok"
    commons.close()
    assert check == "ok"
    assert len(told) >= 100
    assert told <= kept
