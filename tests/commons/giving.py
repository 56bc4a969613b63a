"""A commons for tests: contributors, lines, a server without a model, and a PostgreSQL of one's own."""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from commons.lines import make_known
from fastapi import FastAPI
from fastapi.testclient import TestClient

from anatili.commons.store import Commons
from anatili.serve.activity import Activity
from anatili.serve.api import add_errors
from anatili.serve.commons import TOKEN, add_commons_errors, commons_routers
from anatili.serve.keys import Key, KeyRing, hash_key
from anatili.serve.metrics import Metrics
from anatili.serve.middleware import AccessMiddleware, AccessRules
from anatili.serve.queue import Slots

ADMIN = "moderator-key-for-tests"
PROGRAMS = ("initdb", "pg_ctl")
PLACES = (Path("/usr/local/pgsql/bin"), *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))


def app_of(commons: Commons) -> FastAPI:
    """The routes of a commons behind the access rules of a public server, without any model."""
    rules = AccessRules(KeyRing({hash_key(ADMIN): Key("aigul", admin=True)}), hosts=(), public=True)
    app = FastAPI()
    routers = commons_routers(commons)
    routes = [route for router in routers for route in router.routes]
    app.add_middleware(AccessMiddleware, rules=rules, metrics=Metrics(Slots(1)), activity=Activity(), routes=routes)
    add_errors(app)
    add_commons_errors(app)
    for router in routers:
        app.include_router(router)
    return app


def client_of(commons: Commons) -> TestClient:
    client = TestClient(app_of(commons), base_url="http://localhost")
    client.commons = commons
    return client


def line_of(text: str, **fields: str) -> dict[str, str]:
    """A translation of a given sentence, as the page sends it."""
    return {
        "id": secrets.token_hex(16),
        "kind": "sentence",
        "language": "kk",
        "text": text,
        "source": f"Sentence: {text}",
        "source_language": "en",
    } | fields


class Contributor:
    """Somebody with a token of their own, known to the moderator unless `is_new`."""

    def __init__(self, client: TestClient, license: str = "CC0-1.0", *, is_new: bool = False) -> None:  # noqa: A002
        answer = client.post("/v1/commons/people", json={"license": license, "language": "kk"})
        assert answer.status_code == 201, answer.text
        self.client, self.token = client, answer.json()["token"]
        if not is_new:
            make_known(client.commons)

    def request(self, method: str, path: str, **options):
        return self.client.request(method, f"/v1/commons/{path}", headers={TOKEN: self.token}, **options)

    def give(self, line: dict[str, str]):
        return self.request("POST", "lines", json=line)

    def vote(self, line: str, good: bool, reason: str = ""):
        return self.request("POST", "votes", json={"line": line, "good": good, "reason": reason})

    def mine(self) -> list[dict]:
        return self.request("GET", "lines").json()["lines"]


def moderate(client: TestClient, method: str, path: str, **options):
    return client.request(method, f"/v1/commons/{path}", headers={"Authorization": f"Bearer {ADMIN}"}, **options)


def program(name: str) -> str | None:
    path = next((str(place / name) for place in PLACES if (place / name).is_file()), None)
    return path or shutil.which(name)


def unprivileged() -> str | None:
    """PostgreSQL does not run as root: the user to run it as, None for the one we are."""
    if os.getuid():
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


@contextmanager
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL cluster that is made for this and removed afterwards."""
    initdb, pg_ctl = map(program, PROGRAMS)
    if not initdb or not pg_ctl:
        pytest.skip("there is no PostgreSQL server on this machine (initdb, pg_ctl): apt-get install postgresql")
    user = unprivileged()
    if not os.getuid() and not user:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
    folder = Path(tempfile.mkdtemp(prefix="anatili-pg-"))
    if user:
        shutil.chown(folder, user)
    data = folder / "data"
    try:
        as_its_user(
            folder,
            initdb,
            "-D",
            str(data),
            "-U",
            "anatili",
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
        )
        start(folder)
        try:
            yield f"postgresql://anatili@/postgres?host={folder}"
        finally:
            as_its_user(folder, pg_ctl, "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def as_its_user(folder: Path, *arguments: str) -> None:
    user = unprivileged()
    done = subprocess.run(
        arguments, capture_output=True, text=True, check=False, user=user, cwd=folder, extra_groups=[] if user else None
    )
    assert done.returncode == 0, done.stdout + done.stderr


def start(folder: Path) -> None:
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    as_its_user(
        folder, program("pg_ctl"), "-D", str(folder / "data"), "-o", options, "-l", str(folder / "log"), "-w", "start"
    )


def kill_and_start_again(address: str) -> None:
    """Kill all processes of the PostgreSQL server at an address without warning, and start it on what is there."""
    folder = Path(address.partition("host=")[2])
    postmaster = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    mine = subprocess.run(["ps", "-o", "pid=", "--ppid", str(postmaster)], capture_output=True, text=True, check=True)
    for process in (postmaster, *map(int, mine.stdout.split())):
        with contextlib.suppress(ProcessLookupError):  # a backend ends when its client is gone
            os.kill(process, signal.SIGKILL)
    for _ in range(20):  # until the system has cleared away the killed processes
        with contextlib.suppress(AssertionError):
            start(folder)
            return
        time.sleep(0.5)
    start(folder)
