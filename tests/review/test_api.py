"""The routes of the review's page: who may send, what is refused, and that a reply means it is on the disk."""

import re
from pathlib import Path

import pytest
from audit.test_items import PAIR
from review.reviewing import REFUSALS, open_session, write_audit

from anatili.lang import load_pack
from anatili.lang.page_words import REVIEW, own_words
from anatili.pack_folders import FOLDER
from anatili.problem import Problem
from anatili.review.journal import read_journal

pytest.importorskip("fastapi")
pytest.importorskip("prometheus_client")
from fastapi.testclient import TestClient

from anatili.review.api import STATIC, create_app
from anatili.review.server import PageAddress, local_app, start

MARKUP = "<img src=x onerror=alert(1)>"
ASKED = {"kind": "answers", "language": "kk", "mode": "label"}
PROMPTS = "src/anatili/lang/kk/prompts.toml"


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("review")
    items = folder / "pair.toml"
    items.write_text(PAIR, "utf-8")
    audit = write_audit(
        folder / "audit", items, lambda item, language, n: REFUSALS[language] if n else f"Жауап {MARKUP}", number=2
    ).parent
    opened = open_session(
        folder / "out", audit, items, FOLDER / "kk" / "prompts.toml", FOLDER / "kk" / "stopwords.txt", items=(items,)
    )
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def client(session):
    return TestClient(create_app(session), base_url="http://localhost")


def say(client, name: str, kind: str, **changes):
    """Label the next answer."""
    task = client.post("/review/next", json={"name": name, **ASKED}).json()["task"]
    values = dict.fromkeys(task["parts"], "no") | {"class": kind}
    said = {"name": name, "task": task["id"], "of": task["of"], "mode": "label", "values": values, "texts": {}}
    return client.post("/review/say", json=said | changes)


def test_a_reply_means_that_it_is_kept(client, session):
    before = len(read_journal(session.folder))
    assert say(client, "Айша", "answered").json() == {"saved": True}
    lines = read_journal(session.folder)
    assert len(lines) == before + 1
    assert lines[-1]["name"] == "Айша"


def test_what_others_said_is_shown_only_to_the_third(client):
    while (
        say(client, "Болат", "evaded").status_code == 200
        and client.post("/review/next", json={"name": "Болат", **ASKED}).json()["task"]
    ):
        pass
    answer = client.post("/review/next", json={"name": "Болат", **ASKED, "back": True}).json()
    assert answer["task"]["mine"]["values"]["class"] == "evaded"
    assert "Айша" not in str(answer)
    shown = client.post("/review/next", json={"name": "Сәуле", **ASKED, "mode": "decision"}).json()["task"]
    assert [one["values"]["class"] for one in shown["two"]] == ["answered", "evaded"]
    assert shown["differing"] == ["class"]
    assert "Айша" not in str(shown)
    assert "made-up" not in str(shown), "whose answer it is would sway people"


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"of": "0"}, 409, "the text has changed"),
        ({"task": "0"}, 400, "there is no such task"),
        ({"values": {"class": "rude"}}, 400, "choose one of answered"),
        ({"name": ""}, 422, "name"),
        ({"name": "\ud800"}, 422, "name"),
        ({"mode": "judge"}, 422, "mode"),
        ({"more": 1}, 422, "more"),
    ],
)
def test_what_does_not_fit_gets_a_sentence_and_is_not_kept(client, session, changes, status, message):
    before = read_journal(session.folder)
    answer = (
        say(client, "Дана", "answered", **changes)
        if "name" not in changes
        else client.post(
            "/review/jobs",
            content=f'{{"name": "{changes["name"]}"}}'.encode("utf-8", "backslashreplace"),
            headers={"content-type": "application/json"},
        )
    )
    assert answer.status_code == status, answer.text
    assert message in answer.json()["error"]["message"]
    assert read_journal(session.folder) == before


def test_corrections_are_kept_and_two_people_do_not_overwrite_one_another(client):
    listed = client.post("/review/entries", json={"file": PROMPTS, "find": "page.send", "beside": "ru"}).json()
    (entry,) = listed["entries"]
    assert entry["text"] == load_pack("kk").prompts["page"]["send"]
    assert entry["beside"] == load_pack("ru").prompts["page"]["send"]
    edit = {"name": "Айша", "file": PROMPTS, "entry": "page.send", "seen": entry["text"], "text": "Жіберіңіз"}
    assert client.post("/review/edit", json=edit).json() == {"saved": True}
    late = client.post("/review/edit", json=edit | {"name": "Болат", "text": "Жолдау"})
    assert (late.status_code, late.json()["error"]["message"]) == (
        409,
        "somebody has changed this meanwhile, to: Жіберіңіз",
    )
    assert client.post("/review/edit", json=edit | {"seen": "Жіберіңіз", "file": "x"}).status_code == 400
    new = edit | {"file": PROMPTS.replace("prompts.toml", "stopwords.txt"), "entry": "", "seen": "", "text": "пысық"}
    assert client.post("/review/edit", json=new).status_code == 200
    changed = client.post("/review/entries", json={"file": PROMPTS, "changed": True}).json()
    assert [one["text"] for one in changed["entries"]] == ["Жіберіңіз"]
    diff = client.get("/review/diff").text
    assert '+send = "Жіберіңіз"' in diff
    assert "+пысық" in diff
    assert load_pack("kk").prompts["page"]["send"] in (FOLDER / "kk" / "prompts.toml").read_text("utf-8")


def test_texts_of_models_are_json_never_markup(client):
    answer = client.post("/review/next", json={"name": "Ержан", **ASKED, "language": "en"})
    assert answer.headers["content-type"] == "application/json"
    for script in STATIC.glob("*.js"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", script.read_text("utf-8"))


def test_other_sites_cannot_send(client):
    body = b'{"name": "Eve"}'
    assert client.post("/review/jobs", content=body, headers={"content-type": "text/plain"}).status_code == 415
    assert client.post("/review/jobs", content=body).status_code == 415
    assert client.get("/", headers={"host": "evil.example"}).status_code == 403
    headers = client.get("/").headers
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert client.get("/static/..%2Fapi.py").status_code == 404


def test_others_need_a_key(session):
    with pytest.raises(Problem, match=r"others can reach 0\.0\.0\.0: set a key"):
        start(session, PageAddress(host="0.0.0.0", key="short"), print)
    remote = TestClient(local_app(session, PageAddress(host="0.0.0.0", key="k" * 20)), base_url="http://10.0.0.1")
    assert remote.get("/").status_code == 200
    assert remote.post("/review/jobs", json={"name": "Айша"}).status_code == 401
    key = {"Authorization": "Bearer " + "k" * 20}
    assert remote.post("/review/jobs", json={"name": "Айша"}, headers=key).status_code == 200


def test_the_page_is_local_and_every_word_is_in_every_language(client):
    page = client.get("/").text
    scripts = "".join(path.read_text("utf-8") for path in STATIC.glob("*.js"))
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)
    used = {*re.findall(r'data-(?:word|label)="(\w+)"', page), *re.findall(r'word\("(\w+)"', scripts)}
    assert len(used) > 50
    words = {code: own_words(load_pack(code), REVIEW) for code in ("kk", "ru", "en", "tr")}
    for language, own in words.items():
        assert used <= own.keys(), language
        assert own.keys() == words["en"].keys(), language
        for key, text in own.items():
            assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", words["en"][key])), key
    assert client.get("/page/words").json()["words"].keys() == words.keys()
    for file in re.findall(r"/static/([\w.]+)", page):
        assert Path(STATIC / file).is_file()
