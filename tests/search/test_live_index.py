"""An index that changes while it is searched: ranking, crashes, several readers."""

import random
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from anatili.document import write_shard
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.sample.topics import read_topics
from anatili.search.index import Passage, build
from anatili.search.live_index import MAX_REMOVED, LiveIndex, new_version, row_of
from anatili.search.manifest import Entry, Manifest
from anatili.search.searcher import Search

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}


def document(name: str, text: str, code: str = "kk", **more: object):
    """A document of one passage."""
    entry = Entry(
        name=name, id=name, version=new_version(), stamp="1", bytes=len(text), time="2026", passages=1, **more
    )
    passage = Passage(entry.passage_id(0), name, "", text, name, "", "", "", code, PACKS[code].main_script)
    return entry, [row_of(passage)]


@pytest.fixture(scope="module")
def documents():
    topics = read_topics()[:32]
    return [document(f"{topic.slug}-{code}.txt", topic.pages[code].text, code) for topic in topics for code in PACKS]


@pytest.fixture(scope="module")
def questions():
    topics = read_topics()[:32]
    asked = [topic.pages[code].question for topic in topics[::3] for code in PACKS]
    return [*asked, "казак хандыгы", "Қазақстн", "кітпхана"]  # without the language's letters, and misspelled


def ranking(search, questions):
    return [
        [(hit.passage.url, hit.score, hit.coverage) for hit in search.find(question, 8, "kk")] for question in questions
    ]


def test_documents_rank_the_same_one_by_one_in_any_order_and_at_once(tmp_path, documents, questions):
    at_once = LiveIndex(tmp_path / "a", PACKS)
    at_once.put(documents)
    shuffled = random.Random(1).sample(documents, len(documents))
    one_by_one = LiveIndex(tmp_path / "b", PACKS)
    for number, one in enumerate(shuffled[:60]):
        one_by_one.put([one], many=number % 2 == 0)
    one_by_one.put(shuffled[60:])
    one_by_one.finish()
    assert one_by_one.snapshot.searcher.num_segments > 1
    expected = ranking(at_once.search, questions)
    assert sum(map(bool, expected)) >= len(questions) - 1
    assert ranking(one_by_one.search, questions) == expected
    one_by_one.close()
    again = LiveIndex(tmp_path / "b", PACKS)
    assert ranking(again.search, questions) == expected
    again.put([], list(again.entries)[:5])
    again.put([one for one in documents if one[0].name not in again.entries])
    again.compact()
    assert ranking(again.search, questions) == expected


def test_a_live_index_scores_like_the_index_of_a_corpus(tmp_path, documents):
    rows = [replace(Passage(*row[2].split("\x1f")), url="https://e.kz") for _, (row,) in documents]
    write_shard(tmp_path / "part-0.parquet", Passage, rows)
    build([tmp_path / "part-0.parquet"], tmp_path / "tantivy")
    live = LiveIndex(tmp_path / "live", PACKS)
    live.put([(entry, [row_of(row)]) for (entry, _), row in zip(documents, rows, strict=True)])
    for question in ("Қазақ хандығы қашан құрылды?", "Аральское море", "national dishes"):
        corpus, ours = (s.find(question, 5) for s in (Search(tmp_path, PACKS), live.search))
        assert [hit.score for hit in ours] == pytest.approx([hit.score for hit in corpus], abs=2e-4)


def test_replaced_and_removed_documents_are_no_longer_found(tmp_path):
    index = LiveIndex(tmp_path, PACKS)
    index.put([document("a", "Көктемде қызғалдақ гүлдейді."), document("b", "Бүркіт тауда ұялайды.")])
    index.put([document("a", "Күзде алма піседі.")], ["nothing"])
    assert index.search.find("қызғалдақ") == []
    [hit] = index.search.find("алма")
    assert index.search.passage(hit.passage.id) == hit.passage
    index.put([], ["a"])
    assert index.search.find("алма") == []
    assert (index.search.size(), list(index.entries)) == (1, ["b"])
    index.compact()
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "үркіт".encode() in left
    assert "алма".encode() not in left


def test_an_index_of_which_much_was_removed_is_written_anew(tmp_path):
    index = LiveIndex(tmp_path, PACKS)
    index.put([document(f"{n}", f"құжат нөмір {n}") for n in range(20)])
    index.put([], ["1"])
    index.finish()
    assert index.manifest.fact("removed") == 1
    index.put([], [str(n) for n in range(2, 2 + int(20 * MAX_REMOVED))])
    index.finish()
    assert index.manifest.fact("removed") == 0
    assert index.search.frequency("нөмір") == index.search.size() == 15


def test_a_change_that_fails_changes_nothing_and_the_next_one_works(tmp_path, monkeypatch):
    index = LiveIndex(tmp_path, PACKS)
    index.put([document("a", "Бүркіт тауда ұялайды.")])
    for step in ("prepare", "finish"):  # before and after the index has it
        with monkeypatch.context() as patch:
            patch.setattr(Manifest, step, lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
            with pytest.raises(Problem, match="cannot be changed: disk full"):
                index.put([document("b", "Көктемде қызғалдақ гүлдейді.")], ["a"])
    index.put([document("c", "Күзде алма піседі.")])
    found = {word: [hit.passage.url for hit in index.search.find(word)] for word in ("бүркіт", "қызғалдақ", "алма")}
    assert found["алма"] == ["c"]
    assert found["бүркіт"] == [name for name in index.entries if name == "a"]
    assert found["қызғалдақ"] == [name for name in index.entries if name == "b"]
    assert index.search.size() == len(index.entries)
    index.close()
    assert list(LiveIndex(tmp_path, PACKS).entries) == list(index.entries)


def test_searches_go_on_while_documents_come_and_go(tmp_path, documents):
    index = LiveIndex(tmp_path, PACKS)
    index.put(documents[:40])
    stop, failures, searches = threading.Event(), list[BaseException](), 0

    def ask() -> None:
        nonlocal searches
        while not stop.is_set():
            try:
                for hit in index.search.find("Қазақстан қалалары мен өзендері", 5, "kk"):
                    assert hit.passage.text
                searches += 1
            except BaseException as error:
                failures.append(error)
                return

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for start in range(40, 104, 8):
        index.put(documents[start : start + 8], [entry.name for entry, _ in documents[start - 40 : start - 36]])
    index.compact()
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert searches > 5


def test_a_second_process_reads_and_follows(tmp_path):
    first = LiveIndex(tmp_path, PACKS)
    first.put([document("a", "Бүркіт тауда ұялайды.")])
    second = LiveIndex(tmp_path, PACKS)
    assert (first.is_read_only, second.is_read_only) == (False, True)
    assert [hit.passage.url for hit in second.search.find("бүркіттер")] == ["a"]
    first.put([document("b", "Көктемде қызғалдақ гүлдейді.")])
    second.refresh()
    assert [hit.passage.url for hit in second.search.find("қызғалдақ")] == ["b"]
    assert list(second.entries) == ["a", "b"]
    with pytest.raises(Problem, match="another process"):
        second.put([], ["a"])
    first.close()
    second.refresh()  # the first has ended: the second takes over
    second.put([], ["a"])
    assert list(second.entries) == ["b"]
    second.close()


@pytest.mark.parametrize("is_committed", [True, False])
def test_a_change_that_a_crash_left_pending_is_made_whole_or_forgotten(tmp_path, is_committed):
    index = LiveIndex(tmp_path / "a", PACKS)
    index.put([document("kept", "Бүркіт тауда ұялайды."), document("a", "Көктемде қызғалдақ гүлдейді.")])
    old, (new, rows) = index.entries["a"], document("a", "Күзде алма піседі.")
    if is_committed:  # everything but the last step
        index.put([(new, rows)])
        index.manifest.database.execute("UPDATE done SET version = ? WHERE name = 'a'", [old.version])
    index.manifest.prepare([new], ["kept"] if is_committed else [])
    index.close()
    again = LiveIndex(tmp_path / "a", PACKS)
    assert again.entries["a"] == (new if is_committed else old)
    assert bool(again.search.find("алма")) == is_committed
    assert bool(again.search.find("қызғалдақ")) != is_committed
    assert bool(again.search.find("бүркіт")) != is_committed  # a removal is carried out
    assert again.manifest.database.execute("SELECT * FROM pending").fetchall() == []


WRITER = """
import sys
from pathlib import Path
from test_live_index import PACKS, LiveIndex, document
index = LiveIndex(Path(sys.argv[1]), PACKS)
for number in range(100_000):
    name = f"d{number % 50}"
    index.put([document(name, f"құжат {name} нұсқа{number}")], [f"d{number % 50 + 7}"] if number % 5 == 4 else [])
    print(number, flush=True)
"""


def test_nothing_that_was_acknowledged_is_lost_when_the_process_is_killed(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": ":".join([str(__file__).rpartition("/")[0], *sys.path])},
    )
    acknowledged = [int(process.stdout.readline()) for _ in range(12)]
    process.send_signal(signal.SIGKILL)
    acknowledged += map(int, process.stdout.read().split())
    process.wait()
    expected: dict[str, int] = {}
    for number in acknowledged:
        if number % 5 == 4:
            expected.pop(f"d{number % 50 + 7}", None)
        expected[f"d{number % 50}"] = number
    index = LiveIndex(tmp_path, PACKS)
    for name, number in expected.items():
        versions = [hit.passage.text for hit in index.search.find(name) if hit.passage.url == name]
        assert versions in ([f"құжат {name} нұсқа{number}"], [f"құжат {name} нұсқа{acknowledged[-1] + 1}"])
    assert set(index.entries) - set(expected) <= {f"d{(acknowledged[-1] + 1) % 50}"}
    assert index.search.size() == len(index.entries)


def test_a_lost_vocabulary_is_made_again(tmp_path):
    index = LiveIndex(tmp_path, PACKS)
    index.put([document("a", "Бүркіт тауда ұялайды.")])
    index.close()
    file = tmp_path / "tantivy" / "vocabulary.npz"
    for damage in (lambda: file.write_bytes(b"PK damaged"), file.unlink):
        damage()
        again = LiveIndex(tmp_path, PACKS)
        assert [hit.passage.url for hit in again.search.find("буркит")] == ["a"]
        again.close()
    shutil.rmtree(tmp_path / "tantivy")


def test_the_manifest_of_another_process_can_be_read(tmp_path):
    first = Manifest(tmp_path)
    first.prepare([document("a", "б")[0]], [])
    first.finish()
    assert list(Manifest(tmp_path, read_only=True).entries()) == ["a"]
