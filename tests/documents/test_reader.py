"""Files read in a process of their own: what is hostile, broken or slow costs only itself."""

import json
import os
import queue
import threading

import pytest
from made_files import bomb, pdf

from anatili.documents import reader as reading
from anatili.documents.reader import Job, Reader, Readers

LANGUAGES = ("kk", "ru", "en", "tr")


@pytest.fixture(scope="module")
def reader():
    opened = Reader(LANGUAGES)
    yield opened
    opened.close()


def job(path, seconds: float = 0.0) -> Job:
    return Job(path, path.name, "1", path.stat().st_size, 0.0, seconds=seconds)


def test_a_file_becomes_an_entry_and_rows(reader, tmp_path):
    entry, rows = reader.read(job(pdf(tmp_path / "есеп.pdf", ["Бірінші бет туралы мәтін осы.", "Екінші бет."])))
    assert (entry.name, entry.passages, entry.parts, entry.part, entry.language) == ("есеп.pdf", 2, 2, "page", "kk")
    assert [row[2].split("\x1f")[0] for row in rows] == [entry.passage_id(0), entry.passage_id(1)]


def test_a_refused_file_leaves_the_process_as_it_was(reader, tmp_path):
    (tmp_path / "a.txt").write_text("Мәтін осында.", "utf-8")
    reader.read(job(tmp_path / "a.txt"))
    process = reader.process
    for path, code in ((bomb(tmp_path / "b.docx"), "damaged"), (pdf(tmp_path / "c.pdf", ["", ""]), "scan")):
        entry, rows = reader.read(job(path))
        assert (entry.code, rows) == (code, [])
        assert entry.reason.startswith(path.name)
    assert reader.process is process
    assert reader.read(job(tmp_path / "a.txt"))[0].passages == 1


def test_the_memory_of_the_process_that_starts_it_does_not_count(tmp_path):
    (tmp_path / "a.txt").write_text("Мәтін осында.", "utf-8")
    own = bytearray(reading.MOST_KEPT)  # zeroed, so it is touched below
    own[::4096] = b"1" * len(own[::4096])
    opened = Reader(LANGUAGES)
    opened.read(job(tmp_path / "a.txt"))
    assert opened.process is not None, "the process is kept for the next file"
    opened.close()
    del own


def test_names_of_any_bytes_are_read(reader, tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff \n'\".txt"
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123  (a path of bytes)
        file.write("Мәтін осында.")
    entry, _ = reader.read(Job(reading.Path(os.fsdecode(path)), "odd.txt", "1", 1, 0.0))
    assert entry.passages == 1


def test_a_file_that_takes_too_long_or_too_much_memory_is_given_up(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text((json.dumps({"text": "сөз " * 2000}) + "\n") * 500, "utf-8")
    small = Reader(LANGUAGES, memory=100_000_000)
    small.read(job(pdf(tmp_path / "warm.pdf", ["Мәтін осында."])))  # it has started
    assert small.read(job(path, seconds=0.2))[0].code == "takes_too_long"
    assert small.process is None
    (tmp_path / "b.txt").write_bytes("сөз\n".encode() * 6_000_000)
    assert small.read(job(tmp_path / "b.txt"))[0].code == "too_much_memory"
    assert small.read(job(pdf(tmp_path / "c.pdf", ["Мәтін осында."])))[0].passages == 1
    small.close()


def test_a_process_that_dies_costs_only_its_file(reader, tmp_path):
    (tmp_path / "a.txt").write_text("Мәтін осында.", "utf-8")
    reader.read(job(tmp_path / "a.txt"))
    threading.Timer(0.0, reader.process.kill).start()
    reader.process.wait()
    assert reader.read(job(tmp_path / "a.txt"))[0].passages == 1
    path = tmp_path / "b.jsonl"
    path.write_text((json.dumps({"text": "сөз " * 2000}) + "\n") * 500, "utf-8")
    threading.Timer(0.3, reader.process.kill).start()
    assert reader.read(job(path))[0].code == "damaged"


def test_who_finds_no_free_reader_is_told():
    readers = Readers(LANGUAGES, 1)
    with readers.one() as one:
        assert one is readers.all[0]
        with pytest.raises(queue.Empty), readers.one(0.01):
            pass
    with readers.one(0.01):
        readers.close()
