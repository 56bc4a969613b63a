"""Documents of a server and of its visitors over HTTP: each visitor sees their own, and nobody else's."""

import json

import httpx
import pytest
from fastapi import FastAPI
from made_files import pdf
from starlette.testclient import TestClient

from anatili.cli.localization import load_catalog
from anatili.documents.collection import Collection
from anatili.documents.reader import Readers
from anatili.files import MAX_BYTES
from anatili.lang import load_pack
from anatili.serve.api import lifespan
from anatili.serve.documents import OwnDocuments, document_routes
from anatili.serve.server import tell_of_documents

ONE, TWO = ({"X-Anatili-Session": name * 10} for name in ("one", "two"))
SHARED = {**ONE, "X-Anatili-Scope": "shared"}


@pytest.fixture(scope="module")
def server(llama_address):
    with httpx.Client(base_url=llama_address, timeout=120) as client:
        yield client
        for session in (ONE, TWO):
            client.delete("/documents", headers=session)


@pytest.fixture
def report(tmp_path):
    return pdf(tmp_path / "есеп.pdf", ["Кіріспе сөз осында.", "Ауыл әкімі Болат Сериков болды."]).read_bytes()


def add(server, name: str, data: bytes, session: dict[str, str] = ONE, **fields: str) -> httpx.Response:
    return server.post("/documents", headers=session, files={"file": (name, data)}, data=fields)


def urls(server, question: str, headers: dict[str, str] | None = None) -> list[str]:
    results = server.get("/search", params={"q": question}, headers=headers or {}).json()
    return [passage["url"] for passage in results["passages"]]


def test_the_servers_own_documents_are_described(tmp_path):
    packs = {code: load_pack(code) for code in ("kk", "ru")}
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "мектеп.txt").write_text("Мектепте 640 оқушы бар.", "utf-8")
    (tmp_path / "documents" / "сурет.png").write_bytes(b"PNG")
    collection = Collection([str(tmp_path / "documents")], packs, tmp_path / "index", Readers(list(packs), 1))
    app = FastAPI(lifespan=lifespan(OwnDocuments(collection)))
    app.include_router(document_routes(OwnDocuments(collection)))
    with TestClient(app) as client:
        assert client.get("/documents").json()["shared"]["documents"] == 0
        collection.start()
        collection.wait()
        listed = client.get("/documents", headers=ONE).json()
        assert add(client, "a.txt", b"text").status_code == 404
        assert client.delete("/documents", headers=ONE).status_code == 404
    assert not collection.thread.is_alive()
    said: list[str] = []
    tell_of_documents(collection, said.append)
    assert said == ["documents  1 read, 1 passages; 1 files skipped, the page says why"]
    assert load_catalog("kk").message(said[0]).startswith("құжаттар  1 оқылды")
    assert (listed["documents"], listed["uploads"]) == ([], False)
    assert listed["shared"] == {
        "documents": 1,
        "passages": 1,
        "skipped": 1,
        "progress": {"done": 0, "total": 0, "running": False},
        "incomplete": [],
        "bytes": MAX_BYTES,
        "reasons": [{"name": "сурет.png", "code": "type", "reason": "сурет.png: files with .png are not read"}],
    }
    assert ".pdf" in listed["limits"]["types"]


def test_the_page_has_the_words_for_locations(server):
    words = server.get("/page/words").json()
    assert (words["documents"], words["locations"]["kk"]["page"]) == (True, "{number}-бет")
    assert server.get("/documents").json()["shared"] is None


def test_an_upload_is_answered_from_at_once_and_only_for_its_session(server, report):
    added = add(server, "есеп.pdf", report)
    assert added.status_code == 201
    entry = added.json()
    assert (entry["state"], entry["name"], entry["parts"], entry["part"], entry["kept"]) == (
        "ready",
        "есеп.pdf",
        2,
        "page",
        False,
    )
    assert urls(server, "ауыл әкімі", ONE) == ["есеп.pdf"]
    assert urls(server, "киіз үй", ONE) == []
    assert len(urls(server, "киіз үй", SHARED)) > 1
    assert urls(server, "ауыл әкімі", TWO) == urls(server, "ауыл әкімі") != []
    assert "есеп.pdf" not in urls(server, "ауыл әкімі")
    ask = {"messages": [{"role": "user", "content": "Ауыл әкімі кім болды?"}]}
    answer = server.post("/v1/chat/completions", headers=ONE, json=ask).json()
    [passage, *_] = answer["anatili"]["passages"]
    assert "Болат Сериков" in answer["choices"][0]["message"]["content"]
    assert (passage["url"], passage["location"]) == ("есеп.pdf", "page:2")
    other = server.post("/v1/chat/completions", headers=TWO, json=ask)
    assert "Сериков" not in other.text
    events = server.post("/v1/responses", headers=ONE, json={"input": "Ауыл әкімі кім болды?", "stream": True}).text
    assert json.loads(events.rpartition("data: ")[2])["response"]["anatili"]["passages"][0]["url"] == "есеп.pdf"
    assert server.get(f"/passages/{passage['id']}", headers=ONE).json()["location"] == "page:2"
    for headers in (TWO, SHARED, {}):
        assert server.get(f"/passages/{passage['id']}", headers=headers).status_code == 404
    assert server.delete(f"/documents/{entry['id']}", headers=TWO).status_code == 404
    assert server.delete(f"/documents/{entry['id']}", headers=SHARED).status_code == 200


def test_documents_can_be_deleted_one_by_one_and_all(server, report):
    ids = [add(server, f"{n}.pdf", report, TWO, keep="true").json()["id"] for n in range(3)]
    assert [row["kept"] for row in server.get("/documents", headers=TWO).json()["documents"]] == [True] * 3
    assert server.delete(f"/documents/{ids[0]}", headers=TWO).json() == {"deleted": 1}
    assert sorted(urls(server, "ауыл әкімі", TWO)) == ["1.pdf", "2.pdf"]
    assert server.delete("/documents", headers=TWO).json() == {"deleted": 2}
    assert server.get("/documents", headers=TWO).json()["documents"] == []
    assert len(urls(server, "киіз үй", TWO)) > 1


@pytest.mark.parametrize(
    ("name", "data", "headers", "status", "code"),
    [
        ("a.exe", b"MZ", ONE, 422, "type"),
        ("a.pdf", b"%PDF-1.4", ONE, 422, "damaged"),
        ("a.txt", b"", ONE, 422, "empty"),
        ("a.txt", b"text", {}, 400, None),
        ("a.txt", b"text", {"X-Anatili-Session": "short"}, 400, None),
        ("a.txt", b"text", {"X-Anatili-Session": "../" * 10}, 400, None),
        ("a.txt", bytes((32 << 20) + (1 << 17)), ONE, 413, None),
    ],
)
def test_what_cannot_be_taken_is_refused_with_a_reason(server, name, data, headers, status, code):
    answer = add(server, name, data, headers)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == code
    assert len(error["message"]) > 10
    assert "upload-" not in error["message"]


def test_a_form_without_a_file_is_refused(server):
    for body in (
        {"data": {"keep": "true"}},
        {"json": {}},
        {"content": b"--x", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
    ):
        headers = {**ONE, **body.pop("headers", {})}
        assert server.post("/documents", headers=headers, **body).status_code == 400
