"""Documents of visitors: each session for itself, limits, and nothing left when they are deleted."""

import os
import time

import pytest
from made_files import pdf

from anatili.documents.reader import Readers
from anatili.documents.sessions import FullError, Limits, Sessions, plain_name
from anatili.files import UnreadableError
from anatili.lang import load_pack

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}
READERS = Readers(list(PACKS), 1)
ONE, TWO = "one" * 10, "two" * 10


@pytest.fixture(scope="module", autouse=True)
def closing():
    yield
    READERS.close()


@pytest.fixture
def sessions(tmp_path):
    opened = Sessions(tmp_path / "sessions", PACKS, READERS, Limits(documents=3, session_bytes=3000))
    yield opened
    opened.close()


def urls(sessions, session, question):
    search = sessions.search(session)
    return [hit.passage.url for hit in search.find(question)] if search else None


def test_documents_are_seen_by_their_session_only_and_go_without_a_trace(sessions, tmp_path):
    entry = sessions.add(ONE, "құс.txt", "Бүркіт тауда ұялайды.".encode())
    sessions.add(TWO, "гүл.txt", "Көктемде қызғалдақ гүлдейді.".encode())
    assert urls(sessions, ONE, "бүркіт қызғалдақ") == ["құс.txt"]
    assert urls(sessions, TWO, "бүркіт қызғалдақ") == ["гүл.txt"]
    assert urls(sessions, "three" * 6, "бүркіт") is None
    again = sessions.add(ONE, "құс.txt", "Сұңқар далада ұшады.".encode())
    assert (again.id, urls(sessions, ONE, "бүркіт"), urls(sessions, ONE, "сұңқар")) == (entry.id, [], ["құс.txt"])
    assert sessions.remove(TWO, entry.id) == 0
    sessions.add(ONE, "тас.txt", "Тау тастары әртүрлі.".encode())
    assert sessions.remove(ONE, entry.id) == 1
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "ызғалдақ".encode() in left
    assert "ұңқар".encode() not in left
    assert "үркіт".encode() not in left
    assert sessions.remove(ONE) == 1
    assert (sessions.search(ONE), sessions.remove(ONE)) == (None, 0)
    assert len(list((tmp_path / "sessions").iterdir())) == 1


def test_what_cannot_be_read_changes_nothing(sessions, tmp_path):
    scan = pdf(tmp_path / "scan.pdf", ["", ""]).read_bytes()
    for name, data, code in (("a.pdf", scan, "scan"), ("a.txt", b"", "empty"), ("a.exe", b"MZ", "type")):
        with pytest.raises(UnreadableError) as error:
            sessions.add(ONE, name, data)
        assert error.value.code == code
        assert str(tmp_path) not in str(error.value)
    assert not list((tmp_path / "sessions").glob("*"))
    sessions.add(ONE, "a.pdf", pdf(tmp_path / "b.pdf", ["Мәтін осында."]).read_bytes())
    with pytest.raises(UnreadableError):
        sessions.add(ONE, "a.pdf", scan)
    assert urls(sessions, ONE, "мәтін") == ["a.pdf"]


def test_a_session_has_limits(sessions):
    for number in range(3):
        sessions.add(ONE, f"{number}.txt", b"text number")
    with pytest.raises(FullError, match="3 documents"):
        sessions.add(ONE, "3.txt", b"text")
    sessions.add(ONE, "2.txt", b"another text")
    with pytest.raises(FullError, match="3,000 bytes"):
        sessions.add(ONE, "2.txt", b"text " * 600)


def test_kept_documents_stay_when_the_server_stops_and_others_survive_only_a_crash(tmp_path):
    first = Sessions(tmp_path, PACKS, READERS)
    first.add(ONE, "қалады.txt", "Бүркіт тауда ұялайды.".encode(), keep=True)
    first.add(ONE, "кетеді.txt", "Көктемде қызғалдақ гүлдейді.".encode())
    first.add(TWO, "кетеді.txt", "Күзде алма піседі.".encode())
    for index in first.opened.values():  # a crash: nothing is closed in order
        index.owned.release()
    second = Sessions(tmp_path, PACKS, READERS)
    assert len(second.entries(ONE)) == 2
    assert urls(second, TWO, "алма") == ["кетеді.txt"]
    second.close()
    third = Sessions(tmp_path, PACKS, READERS)
    assert [entry.name for entry in third.entries(ONE)] == ["қалады.txt"]
    assert (urls(third, ONE, "қызғалдақ бүркіт"), third.entries(TWO)) == (["қалады.txt"], [])
    third.close()


def test_a_session_that_nobody_uses_is_forgotten(tmp_path):
    sessions = Sessions(tmp_path, PACKS, READERS, Limits(idle_seconds=60))
    sessions.add(ONE, "a.txt", b"text")
    [folder] = tmp_path.iterdir()
    sessions.swept = -1000.0
    sessions.add(TWO, "b.txt", b"text")
    assert len(list(tmp_path.iterdir())) == 2
    os.utime(folder, (time.time() - 100,) * 2)
    sessions.swept = -1000.0
    sessions.add(TWO, "b.txt", b"text")
    assert folder not in list(tmp_path.iterdir())
    sessions.close()


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("есеп.pdf", "есеп.pdf"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\me\\хат.docx", "хат.docx"),
        ("a\u202etxt\x00.pdf", "atxt.pdf"),
        ("", "document"),
        ("x" * 500 + ".md", "x" * 180 + ".md"),
    ],
)
def test_names_of_uploads_are_plain(name, plain):
    assert plain_name(name) == plain
