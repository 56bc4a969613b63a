"""Folders, files and pages: indexed in the background, kept up to date, and nothing read twice."""

import os
import threading
import time

import pytest
from made_files import docx, pdf
from servers import Server

from anatili.documents.collection import Collection, folder_of
from anatili.documents.reader import Readers
from anatili.documents.sources import fetch, jobs_of
from anatili.lang import load_pack
from anatili.problem import Problem

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}


READERS = Readers(list(PACKS), 1)


@pytest.fixture(scope="module", autouse=True)
def closing():
    yield
    READERS.close()


def wait_for(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def first(collection, question: str) -> str:
    return next((hit.passage.url for hit in collection.search.find(question)), "")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "құжаттар"
    (folder / "ішкі").mkdir(parents=True)
    (folder / "a.txt").write_text("Бүркіт тауда ұялайды.", "utf-8")
    pdf(folder / "ішкі" / "есеп.pdf", ["Көктемде қызғалдақ гүлдейді.", "Күзде алма піседі."])
    docx(folder / "хат.docx", ["Қысқы демалыс он екі күнге созылды."])
    pdf(folder / "скан.pdf", ["", ""])
    (folder / "binary.txt").write_bytes(bytes(range(256)) * 20)
    (folder / "image.png").write_bytes(b"PNG")
    (folder / ".hidden.txt").write_text("жасырын", "utf-8")
    (folder / "loop").symlink_to(folder)
    (folder / "broken").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe.txt")
    return folder


def test_a_folder_is_indexed_watched_and_not_read_again(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("anatili.documents.collection.PAUSE", 0.05)
    collection = Collection([str(folder)], PACKS, tmp_path / "index", READERS)
    collection.start()
    status = collection.wait()
    assert (status.documents, status.skipped, status.total) == (3, 3, 0)
    assert {entry.name for entry in status.refused} == {"скан.pdf", "binary.txt", "image.png"}
    assert first(collection, "қызғалдақ") == "ішкі/есеп.pdf"
    [hit] = collection.search.find("алма піседі")
    assert hit.passage.location == "page:2"

    (folder / "b.txt").write_text("Қаңтарда аяз қатты болады.", "utf-8")
    wait_for(lambda: first(collection, "аяз") == "b.txt")
    (folder / "a.txt").write_text("Сұңқар далада аң аулайды, ол тез ұшады.", "utf-8")
    wait_for(lambda: first(collection, "сұңқар") == "a.txt")
    assert first(collection, "бүркіт") == ""
    (folder / "b.txt").rename(folder / "c.txt")
    wait_for(lambda: first(collection, "аяз") == "c.txt")
    (folder / "хат.docx").unlink()
    wait_for(lambda: first(collection, "демалыс") == "")
    folder.rename(tmp_path / "away")
    wait_for(lambda: "no file or folder" in collection.status.problem)
    assert first(collection, "сұңқар") == "a.txt"
    (tmp_path / "away").rename(folder)
    wait_for(lambda: not collection.status.problem)
    collection.close()

    again = Collection([str(folder)], PACKS, tmp_path / "index", READERS)
    assert first(again, "сұңқар") == "a.txt"  # before it is started
    monkeypatch.setattr(READERS, "one", None)  # reading anything would fail
    again.start()
    assert again.wait().problem == ""
    again.close()


def test_searches_answer_while_documents_are_read_and_a_stop_keeps_what_was_read(tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(400):
        (folder / f"{number:03}.txt").write_text(f"Құжат нөмір{number}. " * 200, "utf-8")
    collection = Collection([str(folder)], PACKS, tmp_path / "index", READERS)
    collection.start()
    wait_for(lambda: collection.status.documents)
    found, status = first(collection, "құжат"), collection.status
    collection.close()
    assert found
    assert status.is_running
    again = Collection([str(folder)], PACKS, tmp_path / "index", READERS)
    assert 0 < len(again.index.entries) < 400
    assert not any(entry.code for entry in again.index.entries.values())
    again.start()
    assert again.wait().documents == 400
    assert first(again, "нөмір99") == "099.txt"
    again.close()


def test_names_are_paths_below_their_folder_and_kept_apart(folder, tmp_path):
    assert [job.name for job in jobs_of([str(folder / "a.txt")])] == ["a.txt"]
    names = [job.name for job in jobs_of([str(folder), str(folder / "a.txt")])]
    assert {"құжаттар/ішкі/есеп.pdf", "a.txt"} < set(names)
    (folder / "ішкі" / "a.txt").write_text("text", "utf-8")
    same = [str(folder / "a.txt"), str(folder / "ішкі" / "a.txt")]
    assert [job.name for job in jobs_of(same)] == same
    for byte in (b"\xfe.txt", b"\xff.txt"):
        (tmp_path / "odd").mkdir(exist_ok=True)
        with open(os.fsencode(tmp_path / "odd") + b"/" + byte, "wb") as file:  # noqa: PTH123
            file.write(b"text")
    first, second = (job.name for job in jobs_of([str(tmp_path / "odd")]))
    assert first != second


def test_a_source_that_does_not_exist_is_told_at_once(tmp_path):
    for sources, message in (([], "name a folder"), ([str(tmp_path / "none")], "no file or folder")):
        with pytest.raises(Problem, match=message):
            Collection(sources, PACKS, tmp_path / "index", READERS)


def test_another_pack_or_source_has_another_index(tmp_path):
    here, one = folder_of([str(tmp_path)], PACKS, tmp_path), {"kk": PACKS["kk"]}
    assert here == folder_of([str(tmp_path / "." / "x" / "..")], PACKS, tmp_path)
    assert len({here, folder_of([str(tmp_path)], one, tmp_path), folder_of(["https://e.kz"], PACKS, tmp_path)}) == 3


@pytest.fixture
def site():
    server = Server()
    server.files["/robots.txt"] = b"User-agent: *\nDisallow: /private\n"
    story = "<p>Абай Құнанбайұлы — қазақ ақыны. Ол 1845 жылы Шыңғыстауда туған.</p>" * 5
    server.files["/abai"] = (200, {"Content-Type": "text/html"}, f"<title>Абай</title>{story}".encode())
    server.files["/private"] = b"no"
    yield server
    server.shutdown()


def test_pages_are_fetched_by_the_rules_of_their_site(site, tmp_path):
    hosts = frozenset({site.host})
    addresses = [f"{site.url}/abai", f"{site.url}/private", f"{site.url}/none"]
    collection = Collection(addresses, PACKS, tmp_path / "index", READERS, private_hosts=hosts)
    collection.start()
    status = collection.wait()
    [hit] = collection.search.find("Абай қашан туған")
    assert (hit.passage.url, hit.passage.title, hit.passage.location) == (addresses[0], "Абай", "")
    assert (status.documents, status.skipped) == (1, 2)
    reasons = {entry.name: entry.reason for entry in status.refused}
    assert "robots.txt" in reasons[addresses[1]]
    assert "no such page" in reasons[addresses[2]]
    assert site.times_asked("/private") == 0
    collection.close()


def test_private_addresses_are_refused(site, tmp_path):
    assert "private network" in fetch(f"{site.url}/abai", tmp_path).problem
    assert site.asked == []


def test_a_collection_that_is_closed_leaves_no_thread(folder, tmp_path):
    before = threading.active_count()
    collection = Collection([str(folder)], PACKS, tmp_path / "index", READERS)
    collection.start()
    collection.wait()
    collection.close()
    wait_for(lambda: threading.active_count() <= before)
